import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import test from 'node:test'
import { batchOf, layoutOf, TEST_TIME_MS } from '../../scripts/fuzz/batches.ts'
import { pathTree } from '../../src/ingest/fields.ts'
import { predictionIngest } from '../../src/ingest/ingest.ts'
import { Registers } from '../../src/ingest/registers.ts'
import type { RowProgram } from '../../src/ingest/row-code.ts'
import { JsonDecoder } from '../../src/ingest/scan-json.ts'

const decoderOf = (paths: readonly string[]) => {
  const registers = new Registers(paths.length, [])
  const tree = pathTree(paths.map((path) => path.split('.')))
  return { registers, decoder: new JsonDecoder({ tree, registers, way: 'program' }) }
}

/** A program that writes no columns. */
const readOnly: RowProgram<null> = (records, _columns, row, to, _at, shape) => {
  let next = row
  while (next < to && shape(records.valueStart[next]!, records.valueEnd[next]!)) next++
  return next
}

function decodeAll(decoder: JsonDecoder, values: readonly (object | string)[]): void {
  const batch = batchOf(values.map((value) => ({ value })))
  decoder.begin(batch)
  for (let row = decoder.run(readOnly, null, 0, 0); row < batch.count; row = decoder.run(readOnly, null, row + 1, 0)) {
    assert.equal(decoder.decode(batch.valueStart[row]!, batch.valueEnd[row]!), null)
  }
}

test('records of one shape are read by a template from the second one on', () => {
  const { decoder } = decoderOf(['id', 'features.f1'])
  decodeAll(
    decoder,
    Array.from({ length: 100 }, (_, index) => ({ id: `a${index}`, other: [index], features: { f1: index / 7 } })),
  )
  assert.deepEqual(decoder.used, { program: 99, steps: 1, definition: 0 })
})

test('a topic that mixes two shapes learns both', () => {
  const { decoder } = decoderOf(['id', 'score'])
  decodeAll(
    decoder,
    Array.from({ length: 4_000 }, (_, index) => (index % 2 === 0 ? { id: 'a', score: 1 } : { score: 0.5, model: 'x', id: 'b' })),
  )
  assert.ok(decoder.used.program > 2_800, JSON.stringify(decoder.used))
})

test('an odd first record does not keep the shape of the next from being learned', () => {
  const { decoder } = decoderOf(['id'])
  decodeAll(decoder, ['{"\\u0069d":"x"}', ...Array.from({ length: 10 }, () => ({ id: 'a' }))])
  assert.deepEqual(decoder.used, { program: 9, steps: 1, definition: 1 })
})

test('keys that look like code are compared, never run', () => {
  const { decoder, registers } = decoderOf(['id'])
  const evil = { '"+process.exit(1)+"': 1, '*/throw 1//': 2, "');throw 1;('": 3, id: 'ok' }
  decodeAll(decoder, [{ "');throw 1;('": 3, '`${x}`': 0, id: 'ok' }, { "');throw 1;('": 3, '`${x}`': 0, id: 'ok' }, evil])
  assert.equal(decoder.used.program, 1)
  assert.ok(registers.textOf(0))
  assert.equal(registers.textBytes.toString('utf8', registers.textStart, registers.textEnd), 'ok')
})

test('the last record of a buffer without room behind it is read like any other', () => {
  const value = Buffer.from('{"id":"a","model":"fraud","version":"v1"}')
  const whole = batchOf([{ value }, { value }, { value }])
  const tight = { ...whole, bytes: Buffer.from(new Uint8Array(whole.bytes.subarray(0, whole.valueEnd[2])).buffer) }
  for (let cut = 0; cut < 12; cut++) {
    const batch = { ...tight, valueEnd: Int32Array.from(tight.valueEnd, (end, row) => (row === 2 ? end - cut : end)) }
    const { rejected } = predictionIngest(layoutOf(), 4).read({ ...batch, bytes: batch.bytes.subarray(0, batch.valueEnd[2]) })
    assert.equal(rejected.length, cut === 0 ? 0 : 1)
  }
})

test('where code must not be made at run time, records are read all the same', () => {
  const script = `
    const { JsonDecoder } = await import('./src/ingest/scan-json.ts')
    const { Registers } = await import('./src/ingest/registers.ts')
    const { pathTree } = await import('./src/ingest/fields.ts')
    const decoder = new JsonDecoder({ tree: pathTree([['id']]), registers: new Registers(1, []), way: 'program' })
    const bytes = Buffer.from('{"id":"a"}' + '\\0'.repeat(16))
    decoder.begin({ bytes, count: 1, valueEnd: [10] })
    const program = () => { throw new Error('a program without a shape') }
    for (let n = 0; n < 5; n++) if (decoder.run(program, null, 0, 0) !== 0) throw new Error('no such row')
    for (let n = 0; n < 5; n++) if (decoder.decode(0, 10) !== null) throw new Error('not read')
    console.log(JSON.stringify(decoder.used))`
  const run = spawnSync(
    process.execPath,
    ['--disallow-code-generation-from-strings', '--import', 'tsx', '--input-type=module', '--eval', script],
    { encoding: 'utf8' },
  )
  assert.equal(run.stdout.trim(), '{"program":0,"steps":5,"definition":0}', run.stderr)
})

test('numbers, escapes and foreign letters read the same through ingest whatever the layer', () => {
  const values = [0.1 + 0.2, 1e-7, 123456789.125, -0].map((score) => ({
    id: 'ä"\\',
    ts: TEST_TIME_MS,
    model: 'fraud',
    version: 'v1',
    score,
  }))
  const { batch, rejected } = predictionIngest(layoutOf(), 4).read(batchOf(values.map((value) => ({ value }))))
  assert.deepEqual(rejected, [])
  assert.deepEqual([...batch.score.subarray(0, 4)], [0.30000000000000004, 1e-7, 123456789.125, 0])
})
