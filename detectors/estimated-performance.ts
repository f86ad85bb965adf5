/**
 * Estimated performance (CBPE): how often the candidate will turn out wrong, from its scores alone, before outcomes have come.
 *
 * Idea. A calibrated score of .8 is right eight times in ten. So the scores themselves say how often decisions will be right; where
 * outcomes of earlier rows have matured, the rate found in each score bin replaces the score.
 * Formula. With n_b rows in bin b and c_b the bin's chance of a positive: error = Σ n_b w_b / Σ n_b, where a bin decided positive
 * errs with 1 − c_b and one decided negative with c_b. c_b = (k + ½)/(m + 1) from m matured rows with k positives, or, while m = 0, the
 * bin's mean score (its middle when that is not known). The standard error is that of c_b: √(Σ n_b² c_b (1 − c_b)/(m + 1)) / Σ n_b.
 * Guarantee. None: it is right exactly as long as the relation of score and outcome stays what it was, and what breaks models is that
 * this relation changes. An early warning, never grounds to promote; and no trigger.
 * Cost. One pass over bins. Blind to: concept drift, and changes of the mix within a bin.
 * Source. NannyML's confidence-based performance estimation (2022); Garg et al. (ICLR 2022) for its limits.
 */
import type { ScoreBins } from './calibration/score-bins.ts'
import { requireNonNegative, requirePart, requireShare } from './math/refuse.ts'

export interface EstimatedPerformance {
  readonly rows: number
  /** Share of positive outcomes to be expected. */
  readonly positives: number
  /** Share of wrong decisions to be expected, and the standard error that recalibration adds. */
  readonly wrong: number
  readonly standardError: number
  /** Matured rows that the estimate rests on. */
  readonly matured: number
}

/** `rows`: per equal-width score bin. `matured`: bins of earlier rows with outcomes. Decided positive from `threshold` on. */
export function estimatedPerformance(rows: ArrayLike<number>, matured: ScoreBins, threshold = 0.5): EstimatedPerformance {
  requireShare(threshold, 'threshold')
  const bins = matured.rows.length
  if (rows.length < bins) throw new RangeError(`rows must have the bins of matured: ${rows.length} of ${bins}`)
  const sums = { rows: 0, positives: 0, wrong: 0, variance: 0, matured: 0 }
  for (let bin = 0; bin < bins; bin++) {
    const count = rows[bin]!
    requireNonNegative(count, `rows[${bin}]`)
    const { score, chance, variance } = chanceIn(matured, bin)
    sums.rows += count
    sums.positives += count * chance
    sums.wrong += count * (score >= threshold ? 1 - chance : chance)
    sums.variance += count * count * variance
    sums.matured += matured.rows[bin]!
  }
  const share = (sum: number) => sum / sums.rows
  return {
    rows: sums.rows,
    positives: share(sums.positives),
    wrong: share(sums.wrong),
    standardError: share(Math.sqrt(sums.variance)),
    matured: sums.matured,
  }
}

function chanceIn(matured: ScoreBins, bin: number): { score: number; chance: number; variance: number } {
  const rows = matured.rows[bin]!
  const positives = matured.positives[bin]!
  requirePart(positives, rows, `positives[${bin}]`, `rows[${bin}]`)
  if (rows === 0) {
    const middle = (bin + 0.5) / matured.rows.length
    return { score: middle, chance: middle, variance: 0 }
  }
  const chance = (positives + 0.5) / (rows + 1)
  return { score: matured.scoreSums[bin]! / rows, chance, variance: (chance * (1 - chance)) / (rows + 1) }
}
