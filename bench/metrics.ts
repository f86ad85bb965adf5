/**
 * `npm run bench:metrics [-- --rounds N]`: what a scrape costs a daemon that judges 20 models of 3 versions in 20 segments, with five
 * guardrails in each of them and in the whole, beside what an empty registry costs. Seconds; stdout ends with one line of JSON.
 */
import { parseArgs } from 'node:util'
import { Registry } from 'prom-client'
import type { FlyballEvent } from '../src/telemetry/events.ts'
import { serveTelemetry } from '../src/telemetry/http.ts'
import { createMetrics } from '../src/telemetry/metrics.ts'
import { collectProcessMetrics } from '../src/telemetry/process-metrics.ts'

const MODELS = 20
const VERSIONS = ['v1', 'v2', 'v3']
const SEGMENTS = 20
const GUARDRAILS = ['error-rate', 'latency', 'wrong-outcome', 'log-score', 'feature-drift']
const PARTITIONS = 16
const GOAL_MS = 50

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '60' } } })
const rounds = Number(options.rounds)

/** Everything that one daemon says which makes series. */
function* events(): Generator<FlyballEvent> {
  const models = Array.from({ length: MODELS }, (_, index) => `model-${index}`)
  yield {
    event: 'policy-loaded',
    policyDigest: '0123456789abcdef',
    environment: 'bench',
    topics: ['predictions', 'outcomes'],
    models: models.map((name) => ({ name, versions: VERSIONS })),
    sinks: ['oncall', 'team', 'log'].map((name) => ({ name, kind: 'webhook' })),
  }
  for (let partition = 0; partition < PARTITIONS; partition++) yield* ofPartition(partition)
  for (const [index, model] of models.entries()) yield* ofModel(model, index)
}

function* ofPartition(partition: number): Generator<FlyballEvent> {
  const source = `predictions/${partition}`
  yield { event: 'source-started', source, epoch: 1, rewoundTo: 0 }
  yield { event: 'checkpoint-written', source, sequence: 7 }
  const held = { pending: 1000, pendingBytes: 1e6, unitBytes: 1e6, countingBytes: 1e6, unsentBytes: 1e4 }
  yield { event: 'memory-held', source, ...held, sampleRate: 1, clockHeld: 0 }
  for (const topic of ['predictions', 'outcomes']) yield { event: 'lag', topic, partition, records: 12, clockMs: 1.7e12, delayMs: 1234 }
}

function* ofModel(model: string, index: number): Generator<FlyballEvent> {
  const [control, , candidate] = VERSIONS as [string, string, string]
  const standing = { phase: 'climbing', gateways: 3, incidents: 0, drillPassedAtMs: 1.7e12, drillEveryMs: 1e9, delayMs: 1500 } as const
  const weights = { v1: 90, v2: 5, v3: 5 }
  yield { event: 'rollout-standing', model, control, candidate, weights, ...standing }
  for (const version of VERSIONS) yield { event: 'outcome-coverage', model, version, outcome: 'label', share: 0.93, limit: 0.5 }
  for (const verdict of ['start', 'promote', 'hold'] as const) {
    yield {
      event: 'decided',
      id: 'd',
      sequence: null,
      judgeTimeMs: 0,
      tookMs: 1,
      model,
      number: 1,
      verdict,
      rule: 'ready',
      summary: '',
      delayMs: 900,
    }
  }
  const scopes = ['__all__', ...Array.from({ length: SEGMENTS }, (_, segment) => `region=r${segment}`)]
  for (const scope of scopes) {
    for (const [at, guardrail] of GUARDRAILS.entries())
      yield reading(model, candidate, guardrail, scope, index * 0.37 + at * 0.11 - scope.length)
  }
}

function reading(model: string, version: string, guardrail: string, scope: string, logEvidence: number): FlyballEvent {
  const effect = {
    estimate: logEvidence / 100,
    intervalLow: logEvidence / 100 - 0.01,
    intervalHigh: logEvidence / 100 + 0.01,
    margin: 0.005,
  }
  return { event: 'reading', model, version, guardrail, scope, logEvidence, logLimit: 4.6, rows: 12_345, ...effect }
}

interface Scrapes {
  /** Processor time of making the page: what the daemon does not do meanwhile. */
  readonly cpuMs: number
  /** Over HTTP, as Prometheus sees it; on a machine that has other things to do, longer. */
  readonly medianMs: number
  readonly worstMs: number
  readonly bytes: number
}

async function scraped(registry: Registry): Promise<Scrapes> {
  const health = { stalled: () => [], notReady: () => [] }
  const server = await serveTelemetry({ port: 0 }, registry, health)
  const times: number[] = []
  let bytes = 0
  for (let round = -5; round < rounds; round++) {
    const beganMs = performance.now()
    bytes = (await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text()).length
    if (round >= 0) times.push(performance.now() - beganMs)
  }
  await server.close()
  times.sort((one, other) => one - other)
  return { cpuMs: await cpuMs(() => registry.metrics()), medianMs: times[times.length >> 1]!, worstMs: times.at(-1)!, bytes }
}

async function cpuMs(work: () => unknown): Promise<number> {
  const began = process.cpuUsage()
  for (let round = 0; round < rounds; round++) await work()
  const { user, system } = process.cpuUsage(began)
  return (user + system) / 1000 / rounds
}

const metrics = createMetrics()
collectProcessMetrics(metrics.registry)
const told = [...events()]
for (const event of told) metrics.observe(event)
const tellingMs = await cpuMs(() => told.forEach(metrics.observe))

const empty = await scraped(new Registry())
const full = await scraped(metrics.registry)
const series = (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#')).length
const short = (value: number): number => Number(value.toFixed(2))
console.log(
  `${series} series, ${(full.bytes / 1024).toFixed(0)} KiB: ${full.cpuMs.toFixed(1)} ms of processor time a scrape, goal ${GOAL_MS} ms`,
)
console.log(
  JSON.stringify({
    bench: 'metrics',
    ...{ models: MODELS, versions: VERSIONS.length, segments: SEGMENTS, guardrails: GUARDRAILS.length, series, bytes: full.bytes },
    ...{ cpuMs: short(full.cpuMs), emptyCpuMs: short(empty.cpuMs), medianMs: short(full.medianMs), worstMs: short(full.worstMs) },
    ...{ emptyMedianMs: short(empty.medianMs), ratioToEmpty: short(full.medianMs / empty.medianMs), tellingMs: short(tellingMs) },
    ...{ goalMs: GOAL_MS, reached: full.cpuMs <= GOAL_MS },
  }),
)
