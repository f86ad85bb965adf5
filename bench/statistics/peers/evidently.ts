/**
 * Evidently's default drift rules, of a column and of a data set.
 *
 * | column | reference of at most 1000 rows | more |
 * |---|---|---|
 * | numerical, more than five values | two-sample Kolmogorov–Smirnov, p < .05 | Wasserstein distance over the reference's standard deviation, ≥ .1 |
 * | categorical, or numerical with at most five values | chi-square, p < .05 | Jensen–Shannon distance, ≥ .1 |
 * | two values | z test of two shares, p < .05 | Jensen–Shannon distance, ≥ .1 |
 *
 * A data set has drifted when at least half of its columns have. Values here are counts per bin, ordered; a bin stands for its middle.
 * What it promises: 5 % a column and look for small references; for large ones a distance is held against .1 whatever the current rows,
 * so a small candidate drifts by chance: the distance of n rows from their own law is about 1/√n standard deviations.
 * Sources. https://docs.evidentlyai.com/metrics/explainer_drift and https://docs.evidentlyai.com/metrics/customize_data_drift.
 */
import { jensenShannonDistance } from '../../../detectors/distances/jensen-shannon.ts'
import { ksDistanceOfCounts } from '../../../detectors/distances/kolmogorov-smirnov.ts'
import { chiSquareSf } from '../../../detectors/math/chi-square.ts'
import { normalSf } from '../../../detectors/math/normal.ts'

export const SMALL_REFERENCE = 1000
const SIGNIFICANCE = 0.05
const DISTANCE = 0.1
const DRIFT_SHARE = 0.5
const FEW_VALUES = 5
/** A reference that hardly varies would make any distance infinite. */
const DEVIATION_MIN = 0.001

export interface Column {
  readonly kind: 'numerical' | 'categorical'
  readonly reference: Float64Array
  readonly current: Float64Array
}

export function hasDrifted(column: Column): boolean {
  const { reference, current } = column
  const rows = totalOf(reference)
  if (rows === 0 || totalOf(current) === 0) return false
  const values = reference.reduce((sum, count, bin) => sum + (count + current[bin]! > 0 ? 1 : 0), 0)
  const isNumerical = column.kind === 'numerical' && values > FEW_VALUES
  if (rows > SMALL_REFERENCE) {
    return (isNumerical ? normedWasserstein(reference, current) : jensenShannonDistance(reference, current, 2)) >= DISTANCE
  }
  if (isNumerical) return kolmogorovP(reference, current) < SIGNIFICANCE
  return (values <= 2 ? sharesP(reference, current) : chiSquareP(reference, current)) < SIGNIFICANCE
}

export function datasetHasDrifted(columns: readonly Column[]): boolean {
  return columns.length > 0 && columns.filter(hasDrifted).length >= DRIFT_SHARE * columns.length
}

/** Area between the distribution functions, in standard deviations of the reference. */
export function normedWasserstein(reference: Float64Array, current: Float64Array): number {
  const rows = totalOf(reference)
  const currentRows = totalOf(current)
  let gap = 0
  let area = 0
  let mean = 0
  let squares = 0
  for (let bin = 0; bin < reference.length; bin += 1) {
    area += Math.abs(gap)
    gap += reference[bin]! / rows - current[bin]! / currentRows
    mean += (bin * reference[bin]!) / rows
    squares += (bin * bin * reference[bin]!) / rows
  }
  return area / Math.max(DEVIATION_MIN, Math.sqrt(Math.max(0, squares - mean * mean)))
}

/** Of the largest gap, by Kolmogorov's limit law. */
export function kolmogorovP(reference: Float64Array, current: Float64Array): number {
  const rows = totalOf(reference)
  const currentRows = totalOf(current)
  const t = ksDistanceOfCounts(reference, current) * Math.sqrt((rows * currentRows) / (rows + currentRows))
  if (t < 0.2) return 1
  let sum = 0
  for (let k = 1; k <= 100; k += 1) sum += (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * t * t)
  return Math.min(1, Math.max(0, 2 * sum))
}

/** Goodness of fit: the reference's shares, scaled to the current rows, are what is expected. */
export function chiSquareP(reference: Float64Array, current: Float64Array): number {
  const scale = totalOf(current) / totalOf(reference)
  let statistic = 0
  let cells = 0
  for (let bin = 0; bin < reference.length; bin += 1) {
    if (reference[bin]! + current[bin]! === 0) continue
    cells += 1
    if (reference[bin]! === 0) return 0
    statistic += (current[bin]! - scale * reference[bin]!) ** 2 / (scale * reference[bin]!)
  }
  return cells < 2 ? 1 : chiSquareSf(statistic, cells - 1)
}

/** Two shares, pooled variance, two-sided. */
export function sharesP(reference: Float64Array, current: Float64Array): number {
  const rows = totalOf(reference)
  const currentRows = totalOf(current)
  const first = reference.findIndex((count, bin) => count + current[bin]! > 0)
  const pooled = (reference[first]! + current[first]!) / (rows + currentRows)
  const deviation = Math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / currentRows))
  if (deviation === 0) return 1
  return 2 * normalSf(Math.abs(reference[first]! / rows - current[first]! / currentRows) / deviation)
}

function totalOf(counts: Float64Array): number {
  return counts.reduce((sum, count) => sum + count, 0)
}
