/** A drill's records are read by the real ingest as healthy requests of the shadow, in every format and by every kind of mapping. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { batchOf } from '../../scripts/fuzz/batches.ts'
import { FIELD_OK, type PredictionBatch } from '../../src/domain.ts'
import { recordFormat } from '../../src/drill/format.ts'
import { placesOf } from '../../src/drill/requests.ts'
import type { Scenario } from '../../src/drill/scenario.ts'
import { predictionIngest } from '../../src/ingest/ingest.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-drill-records-'))
after(() => rmSync(folder, { recursive: true }))
const write = (name: string, schema: object) => writeFileSync(join(folder, name), JSON.stringify(schema))

function layoutOf(predictions: string, model = ''): Layout {
  const text = `
version: 1
inputs: { predictions: { topic: p, ${predictions} } }
models:
  fraud:
    control: v1
    candidate: v2
    drill: {}
    features: { amount: { low: 10, high: 90 }, country: { values: [DE, FR, GB] } }
    segments: { region: [EU, US] }
${model}`
  return parsePolicy(text, join(folder, 'flyball.yaml')).layout
}

/** So many requests of each arm, written and read back. */
async function readBack(
  layout: Layout,
  harm: Scenario | null = null,
  log = new MemoryLog(new MemoryBroker(systemClock)),
): Promise<PredictionBatch> {
  const shadow = layout.models.find(({ name }) => name === 'fraud.drill')!
  const format = await recordFormat(layout.predictions, 'p', log, systemClock, 'fraud')
  const random = seededRandom(7)
  const values = Array.from({ length: 200 }, (_, number) => {
    const version = number % 2 === 0 ? 'v1' : 'v2'
    const asked = { id: `id-${number}`, unit: `unit-${number}`, version, nowMs: 1_700_000_000_000, harm: version === 'v2' ? harm : null }
    return { value: format(placesOf(asked, random, shadow, layout)) }
  })
  const ingest = predictionIngest(layout, 4)
  const batch = batchOf(values)
  await ingest.prepare(batch)
  const { batch: read, rejected } = ingest.read(batch)
  assert.deepEqual(rejected, [])
  assert.equal(read.count, 200)
  return read
}

function isHealthy(read: PredictionBatch, layout: Layout): void {
  const { index } = layout.models.find(({ name }) => name === 'fraud.drill')!
  for (let row = 0; row < read.count; row++) {
    assert.deepEqual([read.model[row], read.version[row], read.error[row]], [index, row % 2, 0])
    assert.equal(read.eventTimeMs[row], 1_700_000_000_000)
    assert.ok(read.score[row]! >= 0 && read.score[row]! <= 1)
    assert.equal(read.decision[row], read.score[row]! >= 0.5 ? 1 : 0)
    assert.ok(read.latencyMs[row]! > 0.25 && read.latencyMs[row]! < 1_000, String(read.latencyMs[row]))
    assert.equal(read.numberStates[0]![row], FIELD_OK)
    assert.ok(read.numbers[0]![row]! >= 10 && read.numbers[0]![row]! <= 90)
    assert.ok(read.symbols[0]![row]! >= 0 && read.symbols[0]![row]! < 3)
    assert.ok(read.dimensions[0]![row]! < 2, 'a value that the policy lists')
  }
}

const NATIVE = 'fields: { unit: user }'
const MAPPED = `fields: {
  id: meta.rid, model: meta.model.name, version: { path: [meta, "model.version"] }, unit: user.id, time: { path: at, unit: us },
  score: out.p, decision: { path: out.action, equals: reject }, latency: { path: took, unit: s }, error: { path: status, atLeast: 500 } },
  features: { amount: in.amount, country: in.country }, segments: { region: where.region }`

test('JSON as Flyball names its fields, and as a policy maps them', async () => {
  for (const mapping of [NATIVE, MAPPED]) {
    const layout = layoutOf(mapping)
    isHealthy(await readBack(layout), layout)
  }
})

const NULLABLE = (type: unknown) => ['null', type]
const SCHEMA = {
  type: 'record',
  name: 'Prediction',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'time', type: { type: 'long', logicalType: 'timestamp-millis' } },
    { name: 'model', type: NULLABLE('string') },
    { name: 'version', type: NULLABLE({ type: 'enum', name: 'Version', symbols: ['v1', 'v2'] }) },
    { name: 'user', type: 'string' },
    { name: 'score', type: NULLABLE('double') },
    { name: 'latencyMs', type: ['int', 'double', 'null'] },
    { name: 'error', type: 'boolean' },
    {
      name: 'features',
      type: {
        type: 'record',
        name: 'Features',
        fields: [
          { name: 'amount', type: 'float' },
          { name: 'country', type: NULLABLE('string') },
          { name: 'constructor', type: 'string' },
          { name: 'weight', type: 'double', default: 1.5 },
        ],
      },
    },
    { name: 'segments', type: { type: 'map', values: 'string' } },
    { name: 'tags', type: { type: 'array', items: 'string' } },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 4 } },
    { name: 'payload', type: 'bytes' },
    { name: 'kind', type: { type: 'enum', name: 'Kind', symbols: ['a', 'b'] } },
  ],
}

test('Avro with unions, enums, maps and fields that no policy maps', async () => {
  write('prediction.avsc', SCHEMA)
  const layout = layoutOf(`format: avro, schemaFile: prediction.avsc, ${NATIVE}`)
  isHealthy(await readBack(layout), layout)
})

test('Confluent records bear the schema of the newest record on the topic, or of the highest in the folder when there is none', async () => {
  write('3.avsc', { type: 'record', name: 'Other', fields: [{ name: 'x', type: 'int' }] })
  write('12.avsc', SCHEMA)
  const layout = layoutOf(`format: confluent, registry: { directory: . }, ${NATIVE}`)
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'p', partitions: 2, config: {} }])
  isHealthy(await readBack(layout, null, log), layout)
  write('20.avsc', { type: 'record', name: 'Later', fields: [{ name: 'x', type: 'int' }] })
  const writer = await log.writer()
  await writer.send('p', 1, [{ key: null, value: Buffer.from([0, 0, 0, 0, 3]), timestampMs: 1_000 }])
  await writer.send('p', 0, [{ key: null, value: Buffer.from([0, 0, 0, 0, 12]), timestampMs: 2_000 }])
  isHealthy(await readBack(layout, null, log), layout)
})

test('a schema that cannot bear the name of the shadow is refused before any record is written', async () => {
  write('closed.avsc', { type: 'record', name: 'P', fields: [{ name: 'model', type: { type: 'enum', name: 'M', symbols: ['fraud'] } }] })
  const refused = (error: unknown) =>
    error instanceof FlyballError && error.code === 'FLY-DRILL-003' && /model is an enum without fraud.drill/.test(error.message)
  await assert.rejects(readBack(layoutOf(`format: avro, schemaFile: closed.avsc, ${NATIVE}`)), refused)
})

test('each scenario harms the candidate and leaves the control as it was', async () => {
  const layout = layoutOf(NATIVE, '    guardrails: [{ kind: latency, thresholdsMs: [80, 400] }]\n')
  const arm = (read: PredictionBatch, version: number, pick: (row: number) => boolean) =>
    Array.from({ length: read.count }, (_, row) => row).filter((row) => read.version[row] === version && pick(row)).length
  const expectations: Readonly<Record<string, (read: PredictionBatch) => (row: number) => boolean>> = {
    errors: (read) => (row) => read.error[row] === 1,
    slow: (read) => (row) => read.latencyMs[row]! > 400,
    skew: (read) => (row) => read.numbers[0]![row]! >= 86 && read.symbols[0]![row] === 2,
  }
  for (const [scenario, harmed] of Object.entries(expectations)) {
    const read = await readBack(layout, scenario as Scenario)
    const rows = { control: arm(read, 0, harmed(read)), candidate: arm(read, 1, harmed(read)) }
    assert.ok(rows.control <= 5 && rows.candidate >= 30, `${scenario}: ${JSON.stringify(rows)}`)
  }
})

test('what synthetic requests use is told, below every limit, and harmed by no scenario', async () => {
  const guardrails = '{ kind: resource-tail, thresholds: [32] }, { kind: ceiling, of: resource, threshold: 16, limitPoints: 1 }'
  const layout = layoutOf(
    NATIVE,
    `    resources: { gpuMs: { bounds: { high: 512 } } }\n    guardrails: [${guardrails}, { kind: latency }]\n`,
  )
  for (const scenario of [null, 'slow', 'skew'] as const) {
    const read = await readBack(layout, scenario)
    const slot = layout.predictions.numbers.findIndex(({ resource }) => resource)
    const used = [...read.numbers[slot]!.subarray(0, read.count)]
    assert.ok(
      used.every((value) => value > 0 && value <= 8),
      String(Math.max(...used)),
    )
  }
})
