import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import avro from 'avsc'
import { at, batchOf, inputOf, layoutOf, PLAIN_FIELDS, TEST_TIME_MS, WORKLOAD } from '../../scripts/fuzz/batches.ts'
import { predictionIngest } from '../../src/ingest/ingest.ts'
import { hashLanes } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { InputLayout } from '../../src/policy/layout.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-avro-'))
after(() => rmSync(folder, { recursive: true }))

let files = 0
function schemaFile(schema: object): string {
  const file = join(folder, `${files++}.avsc`)
  writeFileSync(file, JSON.stringify(schema))
  return file
}

const ingestOf = (schema: object, input: InputLayout) =>
  predictionIngest(layoutOf({ predictions: { ...input, format: 'avro', schemaFile: schemaFile(schema) } }), 4)

const record = (name: string, fields: Record<string, unknown>) => ({
  type: 'record',
  name,
  fields: Object.entries(fields).map(([field, type]) => ({ name: field, type })),
})

const text = ['id', 'model', 'version']
const texts = Object.fromEntries(text.map((name) => [name, 'string']))
const GOOD = { id: 'a', model: 'fraud', version: 'v1' }

test('an Avro topic gives the same columns as the same events in JSON', () => {
  const features = record('Features', {
    ...Object.fromEntries(Array.from({ length: 8 }, (_, index) => [`f${index + 1}`, ['null', 'double']])),
    c1: ['null', 'string'],
  })
  const schema = record('Prediction', {
    ...texts,
    ts: { type: 'long', logicalType: 'timestamp-millis' },
    skipped: { type: 'map', values: { type: 'array', items: ['string', 'bytes'] } },
    segment: { type: 'enum', name: 'Segment', symbols: ['de', 'fr', 'us'] },
    unit: 'string',
    score: ['null', 'double'],
    fixed: { type: 'fixed', name: 'Four', size: 4 },
    decision: 'string',
    latencyMs: 'float',
    error: 'boolean',
    features,
  })
  const type = avro.Type.forSchema(schema as never, { wrapUnions: 'never' } as never)
  const random = seededRandom(5)
  const events = Array.from({ length: 200 }, (_, index) => ({
    id: `größe-${index}`,
    model: index % 3 === 0 ? 'fraud' : 'credit-risk',
    version: index % 2 === 0 ? 'v1' : 'v2',
    ts: TEST_TIME_MS + index,
    skipped: { a: ['x', Buffer.from('yz')], b: [] },
    segment: ['de', 'fr', 'us'][index % 3],
    unit: `u${index}`,
    score: index % 7 === 0 ? null : random(),
    fixed: Buffer.from('abcd'),
    decision: index % 2 === 0 ? 'accept' : 'reject',
    latencyMs: Math.fround(random() * 50),
    error: index % 11 === 0,
    features: {
      ...Object.fromEntries(Array.from({ length: 8 }, (_, slot) => [`f${slot + 1}`, random() < 0.1 ? null : random() - 0.5])),
      c1: random() < 0.1 ? null : `cat${Math.floor(random() * 14)}`,
    },
  }))
  const bytes = events.map((value) => ({ value: type.toBuffer(value) }))
  const read = ingestOf(schema, WORKLOAD).read(batchOf(bytes))
  const wanted = predictionIngest(layoutOf(), 4).read(batchOf(events.map((value) => ({ value }))))
  assert.equal(wanted.batch.count, 200)
  assert.deepEqual(read, wanted)
})

test('wrapped unions of several numbers, maps as nested fields and recursive schemas are read', () => {
  const schema = {
    type: 'record',
    name: 'Node',
    fields: [
      ...text.map((name) => ({ name, type: 'string' })),
      { name: 'score', type: ['null', 'int', 'double', 'string'] },
      { name: 'features', type: { type: 'map', values: ['null', 'double'] } },
      { name: 'next', type: ['null', 'Node'] },
    ],
  }
  const type = avro.Type.forSchema(schema as never, { wrapUnions: 'always' } as never)
  const node = (score: unknown, features: object, next: unknown = null) => ({ ...GOOD, score, features, next })
  const inner = node({ int: 1 }, { f1: { double: 9 } })
  const values = [
    node({ double: 0.25 }, { f1: { double: 1.5 }, other: null, f2: null }, { Node: { ...inner, id: 'inner' } }),
    node({ int: 1 }, {}),
    node({ string: 'x' }, { f2: { double: 2 } }),
  ]
  const { batch, rejected } = ingestOf(schema, WORKLOAD).read(batchOf(values.map((value) => ({ value: type.toBuffer(value) }))))
  assert.deepEqual(rejected, [])
  assert.deepEqual([...batch.score.subarray(0, 3)], [0.25, 1, Number.NaN])
  assert.deepEqual([...batch.numberStates[0]!.subarray(0, 3)], [0, 1, 1])
  assert.deepEqual([batch.numbers[0]![0], batch.numbers[1]![2]], [1.5, 2])
})

test('64-bit ids keep all their digits', () => {
  const schema = record('R', { ...texts, id: 'long' })
  const bytes = Buffer.concat([zigzag(1234567890123456789n), avroText('fraud'), avroText('v1')])
  const negative = Buffer.concat([zigzag(-9007199254740995n), avroText('fraud'), avroText('v1')])
  const { batch, rejected } = ingestOf(schema, inputOf({ fields: { ...PLAIN_FIELDS, time: null } })).read(
    batchOf([{ value: bytes }, { value: negative }]),
  )
  assert.deepEqual(rejected, [])
  const lanes = new Int32Array(2)
  for (const [row, id] of ['1234567890123456789', '-9007199254740995'].entries()) {
    hashLanes(Buffer.from(id), 0, id.length, lanes)
    assert.deepEqual([batch.id1[row], batch.id2[row]], [...lanes])
  }
})

test('a required number that is not finite refuses the record, an optional one only loses its value', () => {
  const schema = record('R', { ...texts, score: 'double', ts: 'double' })
  const type = avro.Type.forSchema(schema as never)
  const values = [
    { ...GOOD, score: Number.NaN, ts: 5 },
    { ...GOOD, score: 0.5, ts: Number.POSITIVE_INFINITY },
    { ...GOOD, score: 0.5, ts: Number.NaN },
  ]
  const { batch, rejected } = ingestOf(schema, WORKLOAD).read(batchOf(values.map((value) => ({ value: type.toBuffer(value) }))))
  assert.equal(batch.count, 1)
  assert.ok(Number.isNaN(batch.score[0]))
  assert.deepEqual(
    rejected.map((one) => one.reason),
    ['bad-time', 'bad-time'],
  )
})

function zigzag(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  const bytes: number[] = []
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

function avroText(value: string): Buffer {
  return Buffer.concat([zigzag(BigInt(Buffer.byteLength(value))), Buffer.from(value)])
}

const HEAD = Buffer.concat(['a', 'fraud', 'v1'].map(avroText))
const HUGE = [2n ** 62n, 2n ** 40n, 2n ** 31n, 5_000n, -(2n ** 62n), -1_000_000n]

test('corrupt counts and lengths of arrays, maps, bytes and texts are refused at once, whatever they claim', () => {
  const kinds = {
    array: { type: 'array', items: 'long' },
    arrayOfNothing: { type: 'array', items: 'null' },
    arrayOfEmptyRecords: { type: 'array', items: { type: 'record', name: 'Empty', fields: [] } },
    map: { type: 'map', values: 'long' },
    mapOfNothing: { type: 'map', values: 'null' },
    bytes: 'bytes',
    text: 'string',
  }
  for (const [what, type] of Object.entries(kinds)) {
    const ingest = ingestOf(record('R', { ...texts, list: type }), inputOf({ fields: { ...PLAIN_FIELDS, time: null } }))
    const records = HUGE.map((count) => ({ value: Buffer.concat([HEAD, zigzag(count), Buffer.from([1, 2, 3])]) }))
    const { batch, rejected } = ingest.read(batchOf([...records, { value: Buffer.concat([HEAD, Buffer.from([0])]) }]))
    assert.equal(batch.count, 1, what)
    assert.equal(rejected.length, HUGE.length, what)
    for (const one of rejected) assert.match(`${one.reason} ${one.detail}`, /^undecodable corrupt Avro: /, what)
  }
})

test('many blocks that claim many items of no size cost no time', () => {
  const ingest = ingestOf(
    record('R', { ...texts, list: { type: 'array', items: 'null' } }),
    inputOf({ fields: { ...PLAIN_FIELDS, time: null } }),
  )
  const blocks = Buffer.concat(Array.from({ length: 200_000 }, () => zigzag(400_000n)))
  const { batch } = ingest.read(batchOf([{ value: Buffer.concat([HEAD, blocks, Buffer.from([0])]) }]))
  assert.equal(batch.count, 1)
})

test('records nested fifty thousand deep do not exhaust the stack', () => {
  const schema = { type: 'record', name: 'R', fields: [...record('X', texts).fields, { name: 'next', type: ['null', 'R'] }] }
  const chain = Buffer.concat(Array.from({ length: 50_000 }, () => Buffer.concat([HEAD, Buffer.from([2])])))
  const { rejected } = ingestOf(schema, inputOf({ fields: { ...PLAIN_FIELDS, time: null } })).read(batchOf([{ value: chain }]))
  assert.match(rejected[0]!.detail, /nested deeper/)
})

test('union branches, enum symbols and booleans out of range, cut-off and over-long records are refused', () => {
  const schema = record('R', {
    ...texts,
    union: ['null', 'int'],
    colour: { type: 'enum', name: 'Colour', symbols: ['red'] },
    flag: 'boolean',
  })
  const good = Buffer.concat([HEAD, Buffer.from([0, 0, 1])])
  const bad = [
    [],
    [4, 0, 1],
    [1, 0, 1],
    [0, 2, 1],
    [0, 0, 2],
    [0, 0],
    [0, 0, 1, 7],
    [2, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1, 0, 1],
  ]
  const records = bad.map((bytes) => ({ value: Buffer.concat([HEAD, Buffer.from(bytes)]) }))
  const { batch, rejected } = ingestOf(schema, inputOf({ fields: { ...PLAIN_FIELDS, time: null } })).read(
    batchOf([{ value: good }, ...records]),
  )
  assert.equal(batch.count, 1)
  assert.equal(rejected.length, bad.length)
  assert.ok(rejected.every((one) => one.reason === 'undecodable'))
})

test('damaged bytes are used or refused, never thrown, and valid records are read as avsc reads them', () => {
  const schema = record('R', { ...texts, list: { type: 'array', items: ['null', 'string', 'double'] }, score: 'double', ts: 'long' })
  const type = avro.Type.forSchema(schema as never, { wrapUnions: 'always' } as never)
  const random = seededRandom(17)
  const int = (count: number) => Math.floor(random() * count)
  const records = Array.from({ length: 3_000 }, () => {
    const bytes = type.toBuffer({ ...GOOD, list: [null, { string: 'x' }, { double: 2 }], score: random(), ts: TEST_TIME_MS })
    for (let hits = int(3); hits > 0; hits--) bytes[int(bytes.length)] = int(256)
    return { value: random() < 0.1 ? bytes.subarray(0, int(bytes.length)) : bytes }
  })
  const { batch, rejected } = ingestOf(schema, WORKLOAD).read(batchOf(records))
  assert.equal(batch.count + rejected.length, records.length)
  for (let row = 0; row < batch.count; row++) {
    const value = type.fromBuffer(records[batch.offset[row]!]!.value) as { score: number; version: string }
    assert.equal(batch.score[row], Number.isFinite(value.score) ? value.score : Number.NaN)
    assert.equal(['v1', 'v2'][batch.version[row]!], value.version)
  }
})

test('a schema file that is missing or no schema is an error that names the file', () => {
  const input = (schemaFile: string) => layoutOf({ predictions: { ...WORKLOAD, format: 'avro', schemaFile } })
  assert.throws(() => predictionIngest(input(join(folder, 'none.avsc')), 4), /FLY-INGEST-001 .*none\.avsc/)
  assert.throws(() => predictionIngest(input(schemaFile({ type: 'nonsense' })), 4), /FLY-INGEST-001/)
})

test('a place inside a value that is no object is of the wrong type, as in JSON', () => {
  const schema = record('R', { ...texts, features: ['null', 'double', { type: 'array', items: 'double' }] })
  const type = avro.Type.forSchema(schema as never, { wrapUnions: 'always' } as never)
  const values = [null, { double: 3 }, { array: [1] }].map((features) => ({ value: type.toBuffer({ ...GOOD, features }) }))
  const input = inputOf({ fields: { ...PLAIN_FIELDS, time: null }, numbers: [{ name: 'f1', path: at('features.f1') }] })
  const { batch } = ingestOf(schema, input).read(batchOf(values))
  assert.deepEqual([...batch.numberStates[0]!.subarray(0, 3)], [1, 2, 2])
})
