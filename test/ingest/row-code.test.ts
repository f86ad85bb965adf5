import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { batchOf, layoutOf, TEST_TIME_MS } from '../../scripts/fuzz/batches.ts'
import { outcomeIngest, predictionIngest } from '../../src/ingest/ingest.ts'
import { NameTable } from '../../src/ingest/names.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { hashLanes, hashWords, murmur2, murmur2Words } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'

const GOOD = { id: 'a', ts: TEST_TIME_MS, model: 'fraud', version: 'v1' }

test('hashes by words are the hashes by bytes, whatever the length and whatever stands behind', () => {
  const random = seededRandom(3)
  const bytes = Uint8Array.from({ length: 400 }, () => Math.floor(random() * 256))
  const view = new DataView(bytes.buffer)
  const [one, other] = [new Int32Array(2), new Int32Array(2)]
  for (let length = 0; length < 80; length++) {
    const from = Math.floor(random() * 300)
    hashLanes(bytes, from, from + length, one)
    hashWords(view, from, from + length, other)
    assert.deepEqual(other, one)
    assert.equal(murmur2Words(view, from, from + length), murmur2(bytes, from, from + length))
  }
})

test('names are found by words as by bytes, among names that share their beginning and their end', () => {
  const names = ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdXefgh', 'abcdYefgh', 'abcdYYefgh', 'größe', 'x'.repeat(300)]
  const table = new NameTable(names)
  const others = ['b', 'abd', 'abcdZefgh', 'abcdefgh', `${'x'.repeat(299)}y`, `${'x'.repeat(150)}y${'x'.repeat(149)}`]
  for (const [text, wanted] of [...names.map((name, index) => [name, index] as const), ...others.map((other) => [other, -1] as const)]) {
    const bytes = Buffer.from(`__${text}____`)
    const [from, to] = [2, bytes.length - 4]
    assert.equal(table.find(bytes, from, to), wanted, text)
    assert.equal(table.findWords(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), bytes, from, to), wanted, text)
  }
})

test('partitions of one policy share what they learned and never their columns', () => {
  const layout = layoutOf()
  const [one, other] = [predictionIngest(layout, 4), predictionIngest(layout, 4)]
  const first = one.read(batchOf([{ value: { ...GOOD, score: 0.25 } }, { value: { ...GOOD, score: 0.5 } }]))
  other.read(batchOf([{ value: { ...GOOD, score: 0.75 } }, { value: { ...GOOD, score: 1 } }]))
  assert.deepEqual([...first.batch.score.subarray(0, 2)], [0.25, 0.5])
})

test('a record that is refused among usual ones is refused with its reason, and the rows around it stay', () => {
  const values = Array.from({ length: 40 }, (_, index) => ({ ...GOOD, id: `a${index}`, version: index % 7 === 3 ? 'v9' : 'v2' }))
  const { batch, rejected } = predictionIngest(layoutOf(), 4).read(batchOf(values.map((value) => ({ value }))))
  assert.deepEqual(
    rejected.map((one) => `${one.row} ${one.reason} ${one.detail}`),
    [3, 10, 17, 24, 31, 38].map((row) => `${row} unknown-version version: "v9"`),
  )
  const kept = values.map((_, row) => row).filter((row) => row % 7 !== 3)
  assert.deepEqual([...batch.offset.subarray(0, batch.count)], kept)
})

test('an object that some records lack costs no other way, and an empty one is no absent record', () => {
  const layout = layoutOf()
  const values = [
    { ...GOOD, features: { f1: 1 } },
    { ...GOOD },
    { ...GOOD, features: {} },
    { ...GOOD, features: null },
    { ...GOOD, features: 3 },
  ]
  const { batch, rejected } = predictionIngest(layout, 4).read(batchOf(values.map((value) => ({ value }))))
  assert.deepEqual(rejected, [])
  assert.deepEqual([...batch.numberStates[0]!.subarray(0, 5)], [0, 1, 1, 1, 2])
})

test('the three ways to read give the same rows for whole numbers, signs and digits of every count', () => {
  const texts = ['0', '-0', '7', '12', '123', '1234', '12345', '123456789', '-1234567890123', '0.1', '0.12', '0.123', '0.1234', '0.12345']
  texts.push('1234.5678', '-12.345678901', '99999999.99999999', '123456789012345.6', '0.000000000000001', '9007199254740993', '100000.0')
  const records = batchOf(texts.map((text) => ({ value: `{"id":"a","ts":${TEST_TIME_MS},"label":1,"eur":${text}}` })))
  const base = layoutOf()
  const value = { ...base.outcomes!.fields.id!, path: ['eur'] }
  const layout = { ...base, outcomes: { ...base.outcomes!, fields: { ...base.outcomes!.fields, value } } }
  for (const way of ['program', 'steps', 'definition'] as const) {
    const { batch } = outcomeIngest(layout, systemClock, way).read(records)
    assert.deepEqual([...batch.value.subarray(0, batch.count)], texts.map(Number), way)
  }
})

test('where code must not be made at run time, whole batches are read all the same', () => {
  const script = `
    const { mapFields, pathTree } = await import('./src/ingest/fields.ts')
    const { OutcomeRows } = await import('./src/ingest/outcomes.ts')
    const { RowCode } = await import('./src/ingest/row-code.ts')
    const { readRows } = await import('./src/ingest/rows.ts')
    const { JsonDecoder } = await import('./src/ingest/scan-json.ts')
    const { batchOf, OUTCOMES } = await import('./scripts/fuzz/batches.ts')
    const map = mapFields(OUTCOMES)
    const reader = new OutcomeRows(OUTCOMES, map)
    const code = new RowCode(map.registers)
    reader.emit(code)
    const program = code.program(1000)
    const decoder = new JsonDecoder({ tree: pathTree(map.paths), registers: map.registers, way: 'program' })
    const values = [{ id: 'a', label: 1 }, { id: 'b', label: 0 }, 'x', { id: 'c', label: true }]
    const { batch, rejected } = readRows(batchOf(values.map((value) => ({ value }))), { decoder, reader, program, recordBytesMax: 1000 })
    console.log(program, ...batch.label.subarray(0, batch.count), rejected[0].reason)`
  const run = spawnSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--import', 'tsx', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  )
  assert.equal(run.stdout.trim(), 'null 1 0 1 undecodable', run.stderr)
})
