/**
 * The real Prometheus and promtool against a daemon under the demo's traffic: what they say of /metrics and of the rules, and that every
 * series and every expression that is shipped has data.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { dashboardQueries } from '../../scripts/lib/dashboards.ts'
import { findProgram, type RunningProgram, startProgram } from '../../scripts/lib/prometheus.ts'
import { METRIC_PREFIX, METRICS, type MetricName } from '../../src/telemetry/metric-list.ts'
import { pause } from '../simulation/flyball-process.ts'
import { type DemoDaemon, MODEL, startDemoDaemon } from './demo-daemon.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const RULES = join(ROOT, 'deploy', 'prometheus')
const folder = mkdtempSync(join(tmpdir(), 'flyball-prometheus-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** What the demo cannot have, and why. */
const NOT_IN_THE_DEMO: Partial<Record<MetricName, string>> = {
  drill_passed_timestamp_seconds: 'its plan asks for no drills',
  drill_interval_seconds: 'its plan asks for no drills',
  judge_fences_total: 'nobody else judges',
  client_troubles_total: 'a log in memory has no client',
  changes_told_total: 'none of its destinations takes changes: PagerDuty does, and is not asked from tests',
}

const [prometheus, promtool] = [findProgram('prometheus'), findProgram('promtool')]
const missing = [prometheus, promtool].flatMap((found) => (found.path === null ? [found.reason] : []))[0]
const required = process.env['FLYBALL_REQUIRE_BROKER'] === '1'
const options = { skip: missing === undefined || required ? false : `no Prometheus: ${missing}`, timeout: 240_000 } as const

let daemon: DemoDaemon | null = null
let server: RunningProgram | null = null

before(async () => {
  if (missing !== undefined && required) throw new Error(`FLYBALL_REQUIRE_BROKER=1, and there is no Prometheus: ${missing}`)
  if (missing !== undefined) return
  daemon = await startDemoDaemon(folder, 1)
  server = await startPrometheus(daemon.metricsPort)
  await seen(daemon)
})

after(async () => {
  await server?.stop()
  await daemon?.stop()
})

/** The shipped rules, evaluated every second. */
function startPrometheus(port: number): Promise<RunningProgram> {
  cpSync(RULES, join(folder, 'rules'), { recursive: true })
  const recording = join(folder, 'rules', 'recording.yml')
  writeFileSync(recording, readFileSync(recording, 'utf8').replace('interval: 15s', 'interval: 1s'))
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules/recording.yml', 'rules/alerts.yml'],
    scrape_configs: [{ job_name: 'flyball', static_configs: [{ targets: [`127.0.0.1:${port}`] }] }],
  }
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify(config))
  const args = ['--config.file=prometheus.yml', '--storage.tsdb.path=data', '--log.level=error']
  return startProgram(prometheus.path!, args, folder)
}

/** The rollout begins and is rolled back; people are told; and Prometheus has looked since. */
async function seen({ until }: DemoDaemon): Promise<void> {
  await until('a rollback', (event) => event.event === 'decided' && event.verdict === 'rollback')
  await until('the rollback is observed', (event) => event.event === 'command-observed' && event.sequence > 1)
  for (const sink of ['lines', 'page']) {
    await until(`${sink} was told`, (event) => event.event === 'notification' && event.sink === sink && event.result === 'delivered')
  }
  await until('outcomes are covered', (event) => event.event === 'outcome-coverage' && event.share > 0)
  await until('a checkpoint', (event) => event.event === 'checkpoint-written')
  await pause(6_000)
}

interface Answer {
  readonly status: string
  readonly error?: string
  readonly data: { readonly resultType: string; readonly result: readonly { readonly metric: Readonly<Record<string, string>> }[] }
}

/** Now, or over the last minutes, as a panel asks. */
async function ask(query: string, overMs = 0): Promise<Answer['data']['result']> {
  const nowSeconds = Date.now() / 1000
  const span = { start: String(nowSeconds - overMs / 1000), end: String(nowSeconds), step: '1' }
  const body = new URLSearchParams({ query, ...(overMs > 0 ? span : {}) })
  const reply = await fetch(`${server!.url}/api/v1/query${overMs > 0 ? '_range' : ''}`, { method: 'POST', body })
  const answer = (await reply.json()) as Answer
  assert.equal(answer.status, 'success', `${query}\n${answer.error}`)
  return answer.data.result
}

/** Beside the daemon, which must go on answering. */
async function run(args: readonly string[], input = ''): Promise<{ readonly status: number | null; readonly told: string }> {
  const child = spawn(promtool.path!, args, { cwd: RULES })
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (told += chunk.toString()))
  child.stdin.end(input)
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve))
  return { status, told }
}

test('promtool finds nothing to say against /metrics', options, async () => {
  const page = await (await fetch(`http://127.0.0.1:${daemon!.metricsPort}/metrics`)).text()
  assert.deepEqual(await run(['check', 'metrics'], page), { status: 0, told: '' })
  const broken = await run(['check', 'metrics'], page.replaceAll('flyball_decisions_total', 'flyball_decisions'))
  assert.notEqual(broken.status, 0, 'it would')
})

test('promtool takes the rules, and every case of their tests holds', options, async () => {
  for (const args of [
    ['check', 'rules', 'recording.yml', 'alerts.yml'],
    ['test', 'rules', 'tests.yml'],
    ['check', 'config', 'prometheus.yml'],
  ]) {
    const { status, told } = await run(args)
    assert.equal(status, 0, told)
  }
})

test('Prometheus reaches the daemon, and every metric of the list has a series', options, async () => {
  assert.equal((await ask('max_over_time(up{job="flyball"}[1m]) == 1')).length, 1)
  const lacking: string[] = []
  for (const [name, { type }] of Object.entries(METRICS)) {
    const series = `${METRIC_PREFIX}${name}${type === 'histogram' ? '_bucket' : ''}`
    const isThere = (await ask(`last_over_time(${series}[5m])`)).length > 0
    if (isThere === name in NOT_IN_THE_DEMO) lacking.push(`${name}: ${isThere ? 'is there, and is listed as missing' : 'has no series'}`)
  }
  assert.deepEqual(lacking, [])
})

const SPAN_MS = 240_000

/** As Grafana fills them in. */
function filled(expr: string): string {
  const variables = { model: MODEL, scope: '__all__', instance: '.*', __rate_interval: '30s', __range: '5m' }
  return Object.entries(variables).reduce((text, [name, value]) => text.replaceAll(`$${name}`, value), expr)
}

/** The metric that the demo does not have, of those that an expression asks for. */
function excuse(expr: string): string | undefined {
  return Object.keys(NOT_IN_THE_DEMO).find((name) => expr.includes(`${METRIC_PREFIX}${name}`))
}

test('every expression of every dashboard has data', options, async () => {
  const queries = dashboardQueries()
  assert.ok(queries.length > 60)
  const empty: string[] = []
  for (const { where, expr, instant } of queries) {
    if (excuse(expr) === undefined && (await ask(filled(expr), instant ? 0 : SPAN_MS)).length === 0) empty.push(`${where}: ${filled(expr)}`)
  }
  assert.deepEqual(empty, [])
})

interface Rule {
  readonly record?: string
  readonly alert?: string
  readonly expr: string
}

/** An alert that does not fire has no data, so each selector of its expression is asked for. */
function selectorsOf(expr: string): readonly string[] {
  return [...expr.matchAll(/(?<![\w:])(?:flyball[\w:]*|up)(?:\{[^}]*\})?/g)].map(([selector]) => selector)
}

test('every recording rule has data, and every series that an alert asks for is there', options, async () => {
  const rules = ['recording.yml', 'alerts.yml'].flatMap((file) => {
    const { groups } = parse(readFileSync(join(RULES, file), 'utf8')) as { groups: readonly { rules: readonly Rule[] }[] }
    return groups.flatMap((group) => group.rules)
  })
  const empty: string[] = []
  for (const { record, alert, expr } of rules) {
    const asked = record === undefined ? selectorsOf(expr) : [record]
    assert.ok(asked.length > 0, expr)
    for (const one of asked) {
      // The phase is over by now; a minute ago it was not.
      const data = await ask(`last_over_time(${one}[5m])`)
      if (data.length === 0 && excuse(one) === undefined) empty.push(`${record ?? alert}: ${one}`)
    }
  }
  assert.deepEqual(empty, [])
})

test('the alert about a destination that does not take messages goes another way', options, async () => {
  const failing = await ask('sum by (sink) (flyball_notifications_total{result=~"failed|refused"}) > 0')
  assert.deepEqual(
    failing.map(({ metric }) => metric['sink']),
    ['dead'],
  )
})
