/**
 * Inputs that are partitioned by user, with different partition counts, written anew by prediction id: every record exactly once, its
 * bytes and time kept, a prediction and its outcome in one partition, in order of time; whatever is killed in between.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { LogRecord } from '../../src/domain.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { rekeyTopics } from '../../src/kit/topics.ts'
import { fill, recordsIn } from '../simulation/fill.ts'
import { type FlyballProcess, pause, runFlyball } from '../simulation/flyball-process.ts'
import { type Placed, traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-rekey-'))
after(() => rmSync(folder, { recursive: true }))

/** A session, a rebalance and a consumer given up by its watchdog, one after the other, on a busy machine. */
const TAKE_OVER_MS = 90_000

const PARTITIONS = { predictions: 3, outcomes: 2 }
const input = traffic({
  seed: 3,
  models: [{ name: 'fraud', share: 0.3, errorsAdded: 0, shiftAdded: 0 }],
  partitions: PARTITIONS.predictions,
  startMs: 1_760_000_000_000,
  durationMs: 120_000,
  perSecond: 100,
  outcomeShare: 0.8,
  outcomeDelayMs: 20_000,
  units: 500,
})
const broken: Placed = { partition: 1, record: { key: 'u1', value: Buffer.from('{"model":'), timestampMs: 1_760_000_000_000 } }

const policyText = (topics: { predictions: string; outcomes: string }, prefix: string): string => `
version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs:
  predictions: { topic: ${topics.predictions}, fields: { time: ts }, rekey: true }
  outcomes: { topic: ${topics.outcomes}, fields: { time: ts }, rekey: true }
timing: { slice: 5s }
models:
  fraud: { control: v1, candidate: v2, weights: recorded, outcomes: { label: { horizon: 30s } } }
`

/** `live`: a daemon would create the topics for what is new. */
async function stage(
  name: string,
  live = false,
): Promise<{ file: string; prefix: string; topics: { predictions: string; outcomes: string } }> {
  const prefix = `${broker.unique(name)}.`
  const topics = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
  const log = await broker.connect()
  const byUser = ({ record }: Placed): Placed => ({ record, partition: partitionOf(Buffer.from(String(record.key)), PARTITIONS.outcomes) })
  // The records are of last year: with a retention they could be deleted while the test looks at them.
  if (live) await log.admin.create(rekeyTopics(prefix, PARTITIONS.predictions, true))
  await fill(log, topics.predictions, PARTITIONS.predictions, [broken, ...input.predictions])
  await fill(log, topics.outcomes, PARTITIONS.outcomes, input.outcomes.map(byUser))
  const file = join(folder, `${prefix}yaml`)
  writeFileSync(file, policyText(topics, prefix))
  return { file, prefix, topics }
}

interface Summary {
  readonly topics: readonly { topic: string; read: number; used: number; dropped: Record<string, number> }[]
}

test(
  'a drain killed three times still writes every record anew exactly once, and joins what belongs together',
  broker.options,
  async () => {
    const { file, prefix, topics } = await stage('rekey')
    for (const afterMs of [300, 700, 1200]) {
      const killed = runFlyball(['-p', file, '--create-topics', '--drain', '--json'], broker.bootstrap)
      await pause(1500 + afterMs)
      await killed.kill('SIGKILL')
    }
    const last = runFlyball(['-p', file, '--create-topics', '--drain', '--json'], broker.bootstrap)
    assert.equal(await last.ended, 0, last.stderr())
    const accounts = (JSON.parse(last.stdout()) as Summary).topics
    await compare(topics.predictions, `${prefix}rekeyed.predictions`, PARTITIONS.predictions, [broken, ...input.predictions])
    await compare(topics.outcomes, `${prefix}rekeyed.outcomes`, PARTITIONS.predictions, input.outcomes)
    const [predictions, outcomes] = accounts
    assert.deepEqual([predictions!.used, predictions!.dropped], [input.predictions.length, { undecodable: 1 }])
    assert.deepEqual([outcomes!.used, outcomes!.dropped], [input.outcomes.length, {}], 'every outcome met its prediction')
    await sharesPartitions(prefix)
  },
)

test('live, what was written anew stands in order of time, and one owner of three goes on where a killed one stopped', {
  ...broker.options,
  timeout: 3 * TAKE_OVER_MS,
}, async (t) => {
  const { file, prefix, topics } = await stage('rekey-live', true)
  const run = () => runFlyball(['-p', file, '--create-topics', '--metrics-port', '0'], broker.bootstrap)
  const all = [run()]
  t.after(() => Promise.all(all.map((one) => one.kill('SIGKILL'))))
  await all[0]!.event('source-started')
  all.push(run(), run())
  const others = all.slice(1)
  await pause(1000)
  await all[0]!.kill('SIGKILL')
  await written(`${prefix}rekeyed.predictions`, input.predictions.length + 1, others)
  await written(`${prefix}rekeyed.outcomes`, input.outcomes.length, others)
  await Promise.all(others.map((one) => one.kill('SIGTERM')))
  await compare(topics.predictions, `${prefix}rekeyed.predictions`, PARTITIONS.predictions, [broken, ...input.predictions])
  await compare(topics.outcomes, `${prefix}rekeyed.outcomes`, PARTITIONS.predictions, input.outcomes)
})

/** Waits until so many records stand there; fails with the log of those who should write them. */
async function written(topic: string, wanted: number, writers: readonly FlyballProcess[]): Promise<void> {
  const log = await broker.connect()
  const sinceMs = performance.now()
  for (;;) {
    const found = (await recordsIn(log, topic, true)).length
    if (found >= wanted) return
    const exits = writers.map(({ child }) => child.exitCode)
    const inTime = performance.now() - sinceMs < TAKE_OVER_MS
    assert.ok(inTime && exits.every((code) => code === null), tale(`${topic}: ${found} of ${wanted}, exits ${exits}`, writers))
    await pause(300)
  }
}

const tale = (what: string, writers: readonly FlyballProcess[]): string =>
  [what, ...writers.map((one) => one.stderr().slice(-4000))].join('\n---\n')

/** Each record once, in order of time within its partition. */
async function compare(origin: string, rekeyed: string, partitions: number, placed: readonly Placed[]): Promise<void> {
  const found = await recordsIn(await broker.connect(), rekeyed, true)
  const content = (timestampMs: number, value: Buffer): string => `${timestampMs}|${value.toString()}`
  assert.deepEqual(
    found.map(({ record }) => content(record.timestampMs, record.value!)).sort(),
    placed.map(({ record }) => content(record.timestampMs!, record.value!)).sort(),
  )
  const places = found.map(({ record }) => originOf(record))
  assert.equal(new Set(places).size, placed.length, 'no record of the origin twice')
  assert.ok(places.every((place) => place.startsWith(`${origin}/`)))
  for (let partition = 0; partition < partitions; partition++) {
    const times = found.filter((one) => one.partition === partition).map(({ record }) => record.timestampMs)
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
      `partition ${partition} in order of time`,
    )
  }
}

async function sharesPartitions(prefix: string): Promise<void> {
  const log = await broker.connect()
  const home = new Map<string, number>()
  for (const { partition, record } of await recordsIn(log, `${prefix}rekeyed.predictions`)) home.set(idOf(record), partition)
  const outcomes = await recordsIn(log, `${prefix}rekeyed.outcomes`)
  assert.ok(outcomes.every(({ partition, record }) => home.get(idOf(record)) === partition))
  assert.equal(new Set(home.values()).size, PARTITIONS.predictions, 'all partitions are used')
}

const idOf = (record: LogRecord): string => (JSON.parse(record.value!.toString()) as { id: string }).id
const originOf = (record: LogRecord): string => record.headers.find(([name]) => name === 'flyball.origin')![1].toString()
