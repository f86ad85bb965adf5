/**
 * PSI by habit: below .1 "stable", from .1 "moderate", from .2 (or .25) "shifted: act".
 *
 * Ten bins of the score, reference beside current. The thresholds come from scorecards judged once a year on many thousand rows; they
 * know neither the number of rows nor whether a shift is harm. Here the reference is the control beside the candidate, over everything
 * since the start: kinder than a training sample.
 * Sources. Lewis, "An introduction to credit scoring" (1994); Siddiqi, "Credit risk scorecards" (2006);
 * Yurdakul, "Statistical properties of population stability index" (2018) for what chance alone does.
 */
import { populationStability } from '../../../detectors/distances/population-stability.ts'

export const MODERATE = 0.1
export const SHIFTED = 0.2

/** Zero while a side has no rows. */
export function stability(current: Float64Array, reference: Float64Array): number {
  return hasRows(current) && hasRows(reference) ? populationStability(current, reference) : 0
}

export function hasRows(counts: Float64Array): boolean {
  return counts.some((count) => count > 0)
}
