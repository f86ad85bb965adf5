/** The real Alertmanager: a rollback under the demo's traffic arrives there, stands in its group, and is over when a person ends the quarantine. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { alertmanagerIn, findProgram, type RunningProgram, startProgram } from '../../scripts/lib/prometheus.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { pause } from '../simulation/flyball-process.ts'
import { type DemoDaemon, MODEL, startDemoDaemon } from './demo-daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-alertmanager-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const alertmanager = findProgram('alertmanager')
const required = process.env['FLYBALL_REQUIRE_BROKER'] === '1'
const skip = alertmanager.path !== null || required ? false : `no Alertmanager: ${alertmanager.reason}`
const WAIT_MS = 90_000

interface Group {
  readonly labels: Readonly<Record<string, string>>
  readonly alerts: readonly { readonly labels: Readonly<Record<string, string>>; readonly annotations: Readonly<Record<string, string>> }[]
}

function start(): Promise<RunningProgram> {
  const config = { route: { receiver: 'nobody', group_by: ['model', 'version'], group_wait: '0s' }, receivers: [{ name: 'nobody' }] }
  writeFileSync(join(folder, 'alertmanager.yml'), JSON.stringify(config))
  const args = ['--config.file=alertmanager.yml', '--storage.path=alerts', '--cluster.listen-address=', '--log.level=error']
  return startProgram(alertmanagerIn(folder, alertmanager.path!), args, folder)
}

/** Groups in which a rollback stands. */
async function rollbacks({ url }: RunningProgram): Promise<readonly Group[]> {
  const groups = (await (await fetch(`${url}/api/v2/alerts/groups`)).json()) as readonly Group[]
  return groups.filter(({ alerts }) => alerts.some(({ labels }) => labels['alertname']?.startsWith('rollback:')))
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + WAIT_MS; !(await holds()); await pause(250)) {
    assert.ok(performance.now() < endMs, `never came: ${what}`)
  }
}

async function release({ log, topics }: DemoDaemon): Promise<void> {
  const partitions = (await log.admin.topics([topics.requests])).get(topics.requests)!
  const asked = { id: 'release-1', model: MODEL, verb: 'release', who: 'ada', knownBy: 'osUser', reason: 'it was the test' } as const
  const rest = { atMs: systemClock.nowMs(), ifSequence: null, expiresAtMs: null, untilMs: null, subject: null, body: '' }
  const writer = await log.writer()
  await writer.send(topics.requests, partitionOf(Buffer.from(MODEL), partitions), [requestRecord({ ...asked, ...rest })])
  await writer.close()
}

test('a rollback arrives in Alertmanager, stands in its group, and is over when its cause is', { skip, timeout: 300_000 }, async (t) => {
  if (alertmanager.path === null) throw new Error(`FLYBALL_REQUIRE_BROKER=1, and there is no Alertmanager: ${alertmanager.reason}`)
  const server = await start()
  t.after(() => server.stop())
  const daemon = await startDemoDaemon(folder, 1, { manager: `{ kind: alertmanager, url: "${server.url}" }` })
  t.after(() => daemon.stop())
  await daemon.until('a rollback', (event) => event.event === 'decided' && event.verdict === 'rollback')
  await until('the rollback in Alertmanager', async () => (await rollbacks(server)).length === 1)
  const [group] = await rollbacks(server)
  assert.deepEqual(group!.labels, { model: MODEL, version: 'v3' })
  const { annotations } = group!.alerts.find(({ labels }) => labels['alertname']!.startsWith('rollback:'))!
  assert.match(Object.values(annotations).join('\n'), /Rolled back v3 from/)
  await release(daemon)
  await daemon.until('the release', (event) => event.event === 'decided' && event.verdict === 'override')
  await until('the end of it', async () => (await rollbacks(server)).length === 0)
})
