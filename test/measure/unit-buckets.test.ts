/** The units cell: who is in it, in which bucket, with which value. (test/shell/source-pipeline.test.ts holds it against a batch program.) */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PaneCell, PredictionBatch } from '../../src/domain.ts'
import { hashLanes, UNIT_BUCKETS, unitBucket } from '../../src/kit/hash.ts'
import { ChainMeasure } from '../../src/measure/measure.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'

const POLICY = `version: 1
inputs:
  predictions:
    topic: predictions
    fields:
      unit: user
  outcomes:
    topic: outcomes
models:
  fraud:
    control: v1
    candidate: v2
    features:
      age: { edges: [0, 10, 20, 30] }
      device: { values: [phone, desk] }
    outcomes:
      chargeback:
        horizon: 10m
`

const MODEL = parsePolicy(POLICY, 'units.yaml').layout.models[0]!

function lanesOf(unit: string): readonly [number, number] {
  const bytes = Buffer.from(unit)
  const lanes = new Int32Array(2)
  hashLanes(bytes, 0, bytes.length, lanes)
  return [lanes[0]!, lanes[1]!]
}

interface Row {
  readonly version?: number
  /** Empty: none. */
  readonly unit: string
  readonly error?: number
  readonly score?: number
  readonly latencyMs?: number
  readonly age?: number
  /** As in the symbol column: index, or a negative state. */
  readonly device?: number
}

function batchOf(rows: readonly Row[]): PredictionBatch {
  const doubles = (of: (row: Row) => number) => Float64Array.from(rows, of)
  const lane = (index: 0 | 1) => Int32Array.from(rows, ({ unit }) => (unit === '' ? 0 : lanesOf(unit)[index]))
  return {
    count: rows.length,
    offset: doubles(() => 0),
    recordTimeMs: doubles(() => 0),
    eventTimeMs: doubles(() => 0),
    id1: new Int32Array(rows.length),
    id2: new Int32Array(rows.length),
    model: new Int32Array(rows.length),
    version: Int32Array.from(rows, (row) => row.version ?? 0),
    unit1: lane(0),
    unit2: lane(1),
    unitHome: new Uint8Array(rows.length).fill(1),
    error: Uint8Array.from(rows, (row) => row.error ?? 0),
    decision: new Uint8Array(rows.length).fill(1),
    score: doubles((row) => row.score ?? 0.25),
    latencyMs: doubles((row) => row.latencyMs ?? 10),
    numbers: [doubles((row) => row.age ?? 15)],
    numberStates: [Uint8Array.from(rows, (row) => (Number.isNaN(row.age ?? 15) ? 1 : 0))],
    symbols: [Int32Array.from(rows, (row) => row.device ?? 0)],
    dimensions: [],
  }
}

function unitsCell(rows: readonly Row[], model: ModelLayout = MODEL): PaneCell | undefined {
  const measure = new ChainMeasure([model], { dimensions: [] }, 'exposure', (each) => each.exposureBlocks)
  measure.predictions(batchOf(rows), 0, rows.length, new Uint8Array(rows.length), new Uint8Array(rows.length))
  const cells = measure.take()[0]!.cells.filter((cell) => cell.population === 'units')
  assert.ok(cells.length <= 1)
  return cells[0]
}

const inBucket = (cell: PaneCell, block: string, unit: string) => {
  const { counts, sums } = cell.blocks.get(`units:${block}`)!
  const bucket = unitBucket(...lanesOf(unit))
  return [counts[bucket], sums[bucket]]
}

test('a unit is always in the same bucket, and units spread over all 128 as chance would have it', () => {
  const counts = new Float64Array(UNIT_BUCKETS)
  for (let n = 0; n < 64_000; n++) counts[unitBucket(...lanesOf(`customer-${n}`))]!++
  const chiSquare = counts.reduce((sum, count) => sum + (count - 500) ** 2 / 500, 0)
  assert.ok(Math.abs(chiSquare - 127) < 4 * Math.sqrt(2 * 127), `${chiSquare}`)
  assert.equal(unitBucket(...lanesOf('customer-1')), unitBucket(...lanesOf('customer-1')))
  assert.equal(unitBucket(0, 0), -1)
})

test('the partition a unit lies on says nothing about its bucket', () => {
  const counts = new Float64Array(UNIT_BUCKETS)
  let among = 0
  for (let n = 0; among < 12_800; n++) {
    const [lane1, lane2] = lanesOf(`u${n}`)
    if ((lane1 & 15) !== 3) continue
    among++
    counts[unitBucket(lane1, lane2)]!++
  }
  const chiSquare = counts.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
  assert.ok(Math.abs(chiSquare - 127) < 4 * Math.sqrt(2 * 127), `${chiSquare}`)
})

test('the cell counts the control only, in the whole population only, and leaves requests without a unit out', () => {
  const cell = unitsCell([{ unit: 'ann', error: 1 }, { unit: 'ann' }, { unit: '', error: 1 }, { unit: 'ann', version: 1, error: 1 }])!
  assert.equal(cell.version, 'v1')
  assert.equal(cell.scope, '__all__')
  assert.deepEqual(inBucket(cell, 'errors', 'ann'), [2, 1])
  assert.equal(
    cell.blocks.get('units:errors')!.counts.reduce((sum, count) => sum + count, 0),
    2,
  )
  assert.equal(unitsCell([{ unit: '' }, { unit: 'bob', version: 1 }]), undefined)
})

test('sums are of 0 and 1 for events, of bin indices for the rest; squares come last', () => {
  const rows: Row[] = [
    { unit: 'ann', score: 0.95, latencyMs: 100, age: 25, device: 1 },
    { unit: 'ann', error: 1, latencyMs: 2, score: Number.NaN, age: Number.NaN, device: -1 },
  ]
  const cell = unitsCell(rows)!
  const bins = MODEL.exposureBlocks.find((block) => block.id === 'latency')!.bins
  const { firstMs, perOctave } = MODEL.exposureBlocks.find((block) => block.id === 'latency')!
  const slow = Math.floor(Math.log2(100 / firstMs) * perOctave + 1e-9)
  assert.deepEqual(inBucket(cell, 'latency', 'ann'), [2, slow + bins - 1], 'failed: the last bin')
  const score = MODEL.exposureBlocks.find((block) => block.id === 'score')!
  assert.deepEqual(inBucket(cell, 'score', 'ann'), [1, Math.floor(0.95 * score.bins)], 'who failed owes no score')
  assert.deepEqual(inBucket(cell, 'feature:age', 'ann'), [1, 3])
  assert.deepEqual(inBucket(cell, 'feature:device', 'ann'), [1, 1])
  assert.deepEqual(inBucket(cell, 'missing', 'ann'), [1, 0])
  assert.equal(cell.blocks.get('units:latency')!.sums[UNIT_BUCKETS], slow ** 2 + (bins - 1) ** 2)
})

test('a request with any input that cannot be used counts as missing, an unknown label does not', () => {
  const cell = unitsCell([
    { unit: 'a', age: Number.NaN },
    { unit: 'a', score: Number.NaN },
    { unit: 'a', device: -1 },
    { unit: 'a', device: -4 },
    { unit: 'a' },
  ])!
  assert.deepEqual(inBucket(cell, 'missing', 'a'), [5, 3])
})

test('a model whose policy maps no unit has no such cell, and no such blocks', () => {
  const model = parsePolicy(POLICY.replace('    fields:\n      unit: user\n', ''), 'none.yaml').layout.models[0]!
  assert.equal(model.unitBlocks, undefined)
  assert.equal(unitsCell([{ unit: 'ann' }], model), undefined)
})

test('every chain has buckets beside the blocks that are judged on it, with hashes that name the unit', () => {
  const ids = (model: ModelLayout, chain: string) => model.unitBlocks![chain]!.map((block) => block.id)
  assert.deepEqual(
    ids(MODEL, 'exposure'),
    ['errors', 'latency', 'score', 'feature:age', 'feature:device', 'missing'].map((id) => `units:${id}`),
  )
  assert.deepEqual(
    ids(MODEL, 'outcome:600000'),
    ['outcome:chargeback', 'probability:chargeback', 'probability:chargeback:brier'].map((id) => `units:${id}`),
  )
  const other = parsePolicy(POLICY.replace('unit: user', 'unit: session'), 'other.yaml').layout.models[0]!
  const hashes = (model: ModelLayout) => Object.values(model.unitBlocks!).flatMap((blocks) => blocks.map((block) => block.hash))
  for (const [index, hash] of hashes(other).entries()) assert.notEqual(hash, hashes(MODEL)[index])
  assert.deepEqual(other.exposureBlocks, MODEL.exposureBlocks)
})
