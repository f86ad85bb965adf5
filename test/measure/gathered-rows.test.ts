import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PredictionBatch } from '../../src/domain.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { ChainMeasure, COUNTED, DUPLICATE, type ModelCells } from '../../src/measure/measure.ts'
import { parsePolicy } from '../../src/policy/load.ts'

const MODELS = 20
const ROWS = 3000

const MODEL = {
  control: 'v1',
  candidate: 'v2',
  weights: 'recorded',
  segments: { region: ['eu', 'us'] },
  features: { age: { low: 0, high: 1, bins: 10 } },
}
const { layout } = parsePolicy(
  JSON.stringify({
    version: 1,
    inputs: { predictions: { topic: 'predictions', segments: { region: 'region' } } },
    models: Object.fromEntries(Array.from({ length: MODELS }, (_, index) => [`model-${index}`, MODEL])),
  }),
  'many-models.yaml',
)

function drawn(random: Random): PredictionBatch {
  const integers = (below: number) => Int32Array.from({ length: ROWS }, () => Math.floor(random() * below))
  const numbers = () => Float64Array.from({ length: ROWS }, () => random())
  return {
    count: ROWS,
    offset: Float64Array.from({ length: ROWS }, (_, row) => row),
    recordTimeMs: numbers(),
    eventTimeMs: numbers(),
    id1: integers(1000),
    id2: integers(1000),
    model: integers(MODELS),
    version: integers(2),
    unit1: new Int32Array(ROWS),
    unit2: new Int32Array(ROWS),
    unitHome: new Uint8Array(ROWS),
    error: Uint8Array.from({ length: ROWS }, () => (random() < 0.1 ? 1 : 0)),
    decision: new Uint8Array(ROWS).fill(1),
    score: numbers(),
    latencyMs: numbers(),
    numbers: [numbers()],
    numberStates: [new Uint8Array(ROWS)],
    symbols: [],
    dimensions: [integers(3)],
  }
}

const newMeasure = () => new ChainMeasure(layout.models, layout.predictions, 'exposure', (model) => model.exposureBlocks)

/** As record batches of so many rows, in turns. */
function counted(batch: PredictionBatch, status: Uint8Array, ...rowsABatch: readonly number[]) {
  const measure = newMeasure()
  for (let from = 0, turn = 0; from < ROWS; turn++) {
    const to = Math.min(ROWS, from + rowsABatch[turn % rowsABatch.length]!)
    measure.predictions(batch, from, to, status, new Uint8Array(ROWS))
    from = to
  }
  return measure.take().map(plain)
}

/** Blocks of a cell are unpacked when somebody asks for them. */
function plain({ model, cells }: ModelCells) {
  return { model, cells: cells.map((cell) => ({ ...cell, blocks: new Map(cell.blocks) })) }
}

test('rows of many models count the same, to the last bit, whether they come in one batch or in many that are gathered first', () => {
  const random = seededRandom(5)
  const batch = drawn(random)
  const status = Uint8Array.from({ length: ROWS }, () => (random() < 0.05 ? DUPLICATE : COUNTED))
  const whole = counted(batch, status, ROWS)
  assert.equal(whole.length, MODELS)
  const duplicates = whole.flatMap(({ cells }) => cells).reduce((sum, { blocks }) => sum + (blocks.get('duplicate')?.counts[0] ?? 0), 0)
  assert.equal(duplicates, status.filter((each) => each === DUPLICATE).length)
  for (const rowsABatch of [1, 7, 500, 640, 641, 1400]) assert.deepEqual(counted(batch, status, rowsABatch), whole)
  assert.deepEqual(counted(batch, status, 100, 900), whole)
})

test('memory for counting is said, with the rows that are gathered, and is as large after a hundred slices as after the first', () => {
  const batch = drawn(seededRandom(6))
  const measure = newMeasure()
  const empty = measure.bytes
  const slice = (rowsABatch: number): number => {
    for (let from = 0; from < ROWS; from += rowsABatch) {
      measure.predictions(batch, from, Math.min(ROWS, from + rowsABatch), new Uint8Array(ROWS), new Uint8Array(ROWS))
    }
    measure.takeEach(() => undefined)
    return measure.bytes
  }
  assert.equal(empty, newMeasure().bytes)
  measure.predictions(batch, 0, 1, new Uint8Array(ROWS), new Uint8Array(ROWS))
  const gathering = measure.bytes
  // A row has six numbers and five indices, at the least.
  assert.ok(gathering - empty > 2 * 32 * MODELS * 60, `${gathering - empty} bytes more`)
  const afterOne = slice(500)
  for (let more = 0; more < 99; more++) slice(1 + (more % 500))
  assert.equal(measure.bytes, afterOne)
})
