/**
 * Debiased squared calibration error: how far, squared and on average, what is said lies from what happens.
 *
 * Idea. The squared gap of a bin is too large by the variance of the bin's rate, so a perfect model looks miscalibrated at small n.
 * Subtract an estimate of that variance.
 * Formula. Σ_b (n_b/n) [ (ȳ_b − p̄_b)² − ȳ_b (1 − ȳ_b)/(n_b − 1) ] over bins of two rows or more.
 * Guarantee. Its mean is the true squared error of the bins, whatever n, less the variance of scores within a bin over n_b: at ten
 * bins under .001/n_b. So it may be negative; its root is shown with negatives as zero. A display: no interval, no trigger.
 * Cost. One pass. Blind to: gaps that cancel within a bin.
 * Source. Bröcker (2012); Kumar, Liang & Ma (2019).
 */
import type { ForecastGroup } from './score-bins.ts'

/** NaN when no bin has two rows. */
export function debiasedSquaredError(groups: readonly ForecastGroup[]): number {
  let sum = 0
  let counted = 0
  for (const { score, rows, positives } of groups) {
    if (rows < 2) continue
    const rate = positives / rows
    sum += rows * ((rate - score) ** 2 - (rate * (1 - rate)) / (rows - 1))
    counted += rows
  }
  return counted === 0 ? Number.NaN : sum / counted
}
