/** Distances over bins are those of the values in them, and their doors are shut to what is no histogram. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auc, aucOfBins } from '../../detectors/distances/auc.ts'
import { hellinger } from '../../detectors/distances/hellinger.ts'
import { jensenShannonDivergence } from '../../detectors/distances/jensen-shannon.ts'
import { ksDistance, ksDistanceOfCounts } from '../../detectors/distances/kolmogorov-smirnov.ts'
import { populationStability } from '../../detectors/distances/population-stability.ts'
import { spearman, spearmanOfCounts } from '../../detectors/distances/spearman.ts'
import { wasserstein1 } from '../../detectors/distances/wasserstein.ts'

const A = [3, 0, 5, 2]
const B = [1, 4, 4, 6]
const values = (counts: readonly number[]) => counts.flatMap((count, bin) => new Array<number>(count).fill(bin))

test('over counts a distance is that of the values the bins stand for', () => {
  assert.ok(Math.abs(ksDistanceOfCounts(A, B) - ksDistance(values(A), values(B))) < 1e-15)
  const outcomes = [...values(A).map(() => true), ...values(B).map(() => false)]
  const rows = A.map((count, bin) => count + B[bin]!)
  assert.ok(Math.abs(aucOfBins(rows, A) - auc([...values(A), ...values(B)], outcomes)) < 1e-15)
})

test('the rank correlation of a table is that of the rows it counts', () => {
  const table = [3, 1, 0, 2, 5, 1, 0, 4, 6]
  const rows = table.flatMap((count, cell) => new Array<readonly [number, number]>(count).fill([Math.floor(cell / 3), cell % 3]))
  const columns = [0, 1].map((side) => rows.map((row) => row[side]!))
  assert.ok(Math.abs(spearmanOfCounts(table, 3) - spearman(columns[0]!, columns[1]!)) < 1e-14)
  assert.ok(Number.isNaN(spearmanOfCounts([1, 2, 0, 0], 2)))
})

test('equal sides are at no distance, and sides that share no bin are as far apart as can be', () => {
  const sides = [ksDistanceOfCounts, jensenShannonDivergence, hellinger, populationStability]
  for (const distance of sides) assert.ok(Math.abs(distance(A, A)) < 1e-15)
  assert.equal(ksDistanceOfCounts([1, 0], [0, 1]), 1)
  assert.ok(Math.abs(hellinger([1, 0], [0, 1]) - 1) < 1e-15)
  assert.ok(Math.abs(jensenShannonDivergence([1, 0], [0, 1], 2) - 1) < 1e-15)
})

test('other bins, negative counts, no rows and values that are no number are refused by name', () => {
  assert.throws(() => hellinger([1, 2], [1]), /same bins/)
  assert.throws(() => populationStability([1, -2], [1, 2]), /a\[1\]/)
  assert.throws(() => jensenShannonDivergence([1, 2], [0, 0]), /b must hold/)
  assert.throws(() => ksDistance([1, Number.NaN], [1]), /a must be finite/)
  assert.throws(() => wasserstein1([1], []), /b must not be empty/)
})

test('without both outcomes nothing can be separated', () => {
  assert.ok(Number.isNaN(auc([0.1, 0.2], [true, true])))
  assert.ok(Number.isNaN(aucOfBins([4, 4], [0, 0])))
})
