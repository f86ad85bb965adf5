/**
 * Nothing unaccounted: one record in twenty is broken, in every way we know; a live daemon on a real broker says on /metrics where each
 * one went, every dead letter tells why and where from, and the harmed candidate is rolled back all the same.
 */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import avro from 'avsc'
import type { LogRecord } from '../../src/domain.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { fill, recordsIn } from '../simulation/fill.ts'
import { pause, runFlyball } from '../simulation/flyball-process.ts'
import { accountsOf, scrape, type TopicAccount } from '../simulation/metrics.ts'
import { type Placed, traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const PARTITIONS = 2
const START_MS = 1_760_000_000_000
const DURATION_MS = 150_000
const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-accounting-'))
after(() => rmSync(folder, { recursive: true }))

type Row = Record<string, unknown>
/** What stands in the place of a record, and why it is not used; null: it is. */
type Way = readonly [what: string, spoil: (row: Row) => Buffer | string, reason: string]

const json = (row: Row): string => JSON.stringify(row)
const literal = (row: Row, value: string): string => json({ ...row, latencyMs: '@' }).replace('"@"', value)

const JSON_WAYS: readonly Way[] = [
  ['bad JSON', (row) => json(row).slice(0, -4), 'undecodable'],
  ['wrong type', (row) => json({ ...row, id: { nested: true } }), 'wrong-type'],
  ['missing id', ({ id, ...row }) => json(row), 'missing-field'],
  ['NaN', (row) => literal(row, 'NaN'), 'undecodable'],
  ['Infinity', (row) => literal(row, 'Infinity'), 'undecodable'],
  ['-Infinity', (row) => literal(row, '-Infinity'), 'undecodable'],
  ['2 MB record', (row) => json({ ...row, padding: 'x'.repeat(2_000_000) }), 'oversized'],
  ['far future', (row) => json({ ...row, ts: Date.UTC(2099, 1, 1) }), 'bad-time'],
  ['negative time', (row) => json({ ...row, ts: -5 }), 'bad-time'],
  ['unknown model', (row) => json({ ...row, model: 'nobody' }), 'unknown-model'],
]

const SCHEMA = {
  type: 'record' as const,
  name: 'Prediction',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'ts', type: 'long' },
    { name: 'model', type: 'string' },
    { name: 'version', type: 'string' },
    { name: 'error', type: 'boolean' },
    { name: 'score', type: 'double' },
    { name: 'features', type: { type: 'map', values: 'double' } },
  ],
}
const schema = avro.Type.forSchema(SCHEMA as avro.Schema)
const SCHEMA_ID = 7

function confluent(row: Row, id = SCHEMA_ID): Buffer {
  const header = Buffer.alloc(5)
  header.writeInt32BE(id, 1)
  return Buffer.concat([header, schema.toBuffer(row)])
}

/** The count of the map's block says a million millions; its bytes are the last twelve or so of the record. */
function corruptCount(row: Row): Buffer {
  const whole = confluent({ ...row, features: {} })
  return Buffer.concat([whole.subarray(0, -1), Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01]), Buffer.from([6, 97, 103, 101])])
}

const AVRO_WAYS: readonly Way[] = [
  ['corrupt Avro count', corruptCount, 'undecodable'],
  ['unknown schema id', (row) => confluent(row, 4242), 'unknown-schema'],
  ['no Confluent header', (row) => json(row), 'undecodable'],
  ['cut off', (row) => confluent(row).subarray(0, -5), 'undecodable'],
  ['far future', (row) => confluent({ ...row, ts: Date.UTC(2099, 1, 1) }), 'bad-time'],
  ['negative time', (row) => confluent({ ...row, ts: -5 }), 'bad-time'],
  ['unknown model', (row) => confluent({ ...row, model: 'nobody' }), 'unknown-model'],
]

interface Input {
  readonly predictions: Placed[]
  readonly outcomes: Placed[]
  readonly expected: { readonly predictions: TopicAccount; readonly outcomes: TopicAccount }
  readonly ways: Map<string, number>
}

test('JSON records broken in twelve ways: all are accounted for, and judging goes on', broker.options, async (t) => {
  const input = brokenInput(JSON_WAYS, json, 0.05)
  assert.equal(input.ways.size, 12, [...input.ways.keys()].join(', '))
  await account(t, 'json', '', input)
})

test(
  'Confluent records with corrupt counts and unknown schema ids: all are accounted for, and judging goes on',
  broker.options,
  async (t) => {
    mkdirSync(join(folder, 'schemas'))
    writeFileSync(join(folder, 'schemas', `${SCHEMA_ID}.avsc`), JSON.stringify(SCHEMA))
    const input = brokenInput(AVRO_WAYS, confluent, 0.05)
    assert.equal(input.ways.size, 9, [...input.ways.keys()].join(', '))
    await account(t, 'confluent', ', registry: { directory: schemas }', input)
  },
)

/** Traffic of which a share is spoilt, then records that cannot be used and whose times move the clocks past everything. */
function brokenInput(ways: readonly Way[], encode: (row: Row) => Buffer | string, share: number): Input {
  const random = seededRandom(21)
  const models = [{ name: 'fraud', share: 0.4, errorsAdded: 0.15, shiftAdded: 0 }]
  const common = { seed: 8, models, partitions: PARTITIONS, startMs: START_MS, durationMs: DURATION_MS, perSecond: 60 }
  const clean = traffic({ ...common, outcomeShare: 0.7, outcomeDelayMs: 20_000, units: 500 })
  const empty = (): TopicAccount => ({ read: 0, used: 0, waiting: 0, dropped: {} })
  const input: Input = { predictions: [], outcomes: [], expected: { predictions: empty(), outcomes: empty() }, ways: new Map() }
  const spoilt = new Set<string>()
  for (const one of clean.predictions) {
    const row = JSON.parse(String(one.record.value)) as Row
    const broken = random() < share ? pick(random, ways) : null
    if (broken !== null) spoilt.add(String(row['id']))
    put(input, 'predictions', one, broken === null ? encode(row) : broken[1](row), broken?.[2] ?? null, broken?.[0])
    if (broken === null && random() < share / 5) put(input, 'predictions', one, encode(row), 'duplicate-id', 'duplicate id')
  }
  for (const one of clean.outcomes) {
    const row = JSON.parse(String(one.record.value)) as Row
    const lost = spoilt.has(String(row['id']))
    put(input, 'outcomes', one, json(row), lost ? 'unmatched-outcome' : null)
    const opposite = json({ ...row, label: 1 - Number(row['label']) })
    if (!lost && random() < share) put(input, 'outcomes', one, opposite, 'contradicting-outcome', 'contradicting outcome')
  }
  for (let atMs = START_MS + DURATION_MS; atMs < START_MS + DURATION_MS + 240_000; atMs += 20_000) {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const end = { partition, record: { key: 'end', value: null, timestampMs: atMs } }
      put(input, 'predictions', end, 'the end', 'undecodable')
      put(input, 'outcomes', end, 'the end', 'undecodable')
    }
  }
  return input
}

function pick(random: Random, ways: readonly Way[]): Way {
  const way = ways[Math.floor(random() * ways.length)]!
  // Two megabytes each: a handful will do.
  return way[0] === '2 MB record' && random() < 0.8 ? pick(random, ways) : way
}

function put(
  input: Input,
  name: 'predictions' | 'outcomes',
  { partition, record }: Placed,
  value: Buffer | string,
  reason: string | null,
  way?: string,
): void {
  input[name].push({ partition, record: { ...record, value: Buffer.from(value) } })
  const account = input.expected[name]
  account.read++
  if (reason === null) account.used++
  else account.dropped[reason] = (account.dropped[reason] ?? 0) + 1
  if (way !== undefined) input.ways.set(way, (input.ways.get(way) ?? 0) + 1)
}

async function account(t: { diagnostic(text: string): void }, format: string, registry: string, input: Input): Promise<void> {
  const log = await broker.connect()
  const topics = { predictions: broker.unique('predictions'), outcomes: broker.unique('outcomes') }
  await fill(log, topics.predictions, PARTITIONS, input.predictions)
  await fill(log, topics.outcomes, PARTITIONS, input.outcomes)
  const prefix = `${broker.unique('accounting')}.`
  const file = join(folder, `${prefix}yaml`)
  writeFileSync(file, policyText(prefix, topics, format, registry))
  const daemon = runFlyball(['-p', file, '--create-topics', '--metrics-port', '0'], broker.bootstrap)
  try {
    const { port } = await daemon.event('listening')
    const all = input.predictions.length + input.outcomes.length
    for (;;) {
      const accounts = [...accountsOf(await scrape(Number(port))).values()]
      if (accounts.reduce((sum, one) => sum + one.read - one.waiting, 0) === all) break
      await Promise.race([pause(200), daemon.ended.then((code) => assert.fail(`ended with ${code}: ${daemon.stderr().slice(-2000)}`))])
    }
    const rolledBack = async () =>
      (await readDecisions(log, `${prefix}decisions`)).some(({ decision }) => decision.verdict.kind === 'rollback')
    while (!(await rolledBack())) await pause(300)
    const accounts = accountsOf(await scrape(Number(port)))
    assert.deepEqual(accounts.get(topics.predictions), input.expected.predictions)
    assert.deepEqual(accounts.get(topics.outcomes), input.expected.outcomes)
    for (const { read, used, waiting, dropped } of accounts.values()) {
      assert.equal(read, used + waiting + Object.values(dropped).reduce((sum, count) => sum + count, 0))
    }
  } finally {
    await daemon.kill('SIGTERM')
  }
  const letters = await checkDeadLetters(log, prefix, topics, input)
  const broken = [...input.ways].map(([way, count]) => `${way} ${count}`).join(', ')
  t.diagnostic(`${input.predictions.length} predictions, ${input.outcomes.length} outcomes; ${letters} dead letters; ${broken}`)
}

const policyText = (prefix: string, topics: Record<'predictions' | 'outcomes', string>, format: string, registry: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs:
  predictions: { topic: ${topics.predictions}, format: ${format}, fields: { time: ts }${registry} }
  outcomes: { topic: ${topics.outcomes}, fields: { time: ts } }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    outcomes: { click: { horizon: 60s } }
`

/** Reasons of which nothing is kept: the record itself is sound. */
const NOT_BURIED = new Set(['unmatched-outcome'])

async function checkDeadLetters(
  log: Awaited<ReturnType<typeof broker.connect>>,
  prefix: string,
  topics: Record<string, string>,
  input: Input,
): Promise<number> {
  const originals = new Map<string, Buffer | null>()
  for (const topic of Object.values(topics)) {
    for (const { partition, record } of await recordsIn(log, topic, true))
      originals.set(`${topic}/${partition}/${record.offset}`, record.value)
  }
  const counts: Record<string, Record<string, number>> = { [topics['predictions']!]: {}, [topics['outcomes']!]: {} }
  const places = new Set<string>()
  const letters = await recordsIn(log, `${prefix}deadletter`, true)
  for (const { record } of letters) {
    const [topic, reason] = [header(record, 'topic'), header(record, 'reason')]
    const place = `${topic}/${header(record, 'partition')}/${header(record, 'offset')}`
    assert.ok(originals.has(place), `a dead letter names a record: ${place}`)
    assert.ok(!places.has(place), `${place} stands there twice`)
    places.add(place)
    assert.ok(header(record, 'detail').length > 0)
    if (record.value !== null) assert.deepEqual(record.value, originals.get(place), `${place}: the original bytes`)
    else assert.ok(reason === 'oversized' || reason === 'contradicting-outcome', `${place} ${reason} has no bytes`)
    counts[topic]![reason] = (counts[topic]![reason] ?? 0) + 1
  }
  for (const name of ['predictions', 'outcomes'] as const) {
    const expected = Object.entries(input.expected[name].dropped).filter(([reason]) => !NOT_BURIED.has(reason))
    assert.deepEqual(counts[topics[name]!], Object.fromEntries(expected), `dead letters of ${name}`)
  }
  return letters.length
}

function header(record: LogRecord, name: string): string {
  const found = record.headers.find(([key]) => key === `flyball-${name}`)
  assert.ok(found, `header flyball-${name}`)
  return found[1].toString()
}
