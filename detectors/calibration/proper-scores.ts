/**
 * Proper scores of a probability forecast, as means over rows: Brier (p − y)² and log −ln(p of what happened). Lower is better.
 *
 * A forecaster does best by either to say what he believes. Guarantee. None here: displays. Judged are the same scores row by row, as
 * bounded values of both arms (detectors/bounded-mean.ts). Cost. A few operations per group.
 * Source. Brier (1950); Good (1952); Gneiting & Raftery (2007).
 */
import { type ForecastGroup, rowsOf } from './score-bins.ts'

/** Σ over a group's rows, for a forecast that need not be the group's own. */
export type GroupScore = (forecast: number, group: ForecastGroup) => number

export const brierOfGroup: GroupScore = (forecast, { rows, positives }) =>
  positives * (1 - forecast) ** 2 + (rows - positives) * forecast ** 2

/** Infinite where what was called impossible happened. */
export const logScoreOfGroup: GroupScore = (forecast, { rows, positives }) =>
  (positives === 0 ? 0 : -positives * Math.log(forecast)) + (positives === rows ? 0 : -(rows - positives) * Math.log1p(-forecast))

export function brierScore(groups: readonly ForecastGroup[]): number {
  return meanScore(brierOfGroup, groups)
}

export function logScore(groups: readonly ForecastGroup[]): number {
  return meanScore(logScoreOfGroup, groups)
}

function meanScore(score: GroupScore, groups: readonly ForecastGroup[]): number {
  return groups.reduce((sum, group) => sum + score(group.score, group), 0) / rowsOf(groups)
}
