/**
 * Quantiles of a small sample, the steady way: the expectation of the order statistic at (n + 1)p, a beta-weighted mean of all of them.
 * Less noisy than one or two order statistics, at the price of touching every value: for tables of some hundred delays, not for traffic.
 * Source. Harrell & Davis (1982).
 */
import { incompleteBeta } from './incomplete-beta.ts'
import { sorted } from './quantile.ts'

export function quantileHarrellDavis(values: readonly number[], p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`p must lie between 0 and 1, not ${p}`)
  const ascending = sorted(values)
  const n = ascending.length
  const reached = Array.from({ length: n + 1 }, (_, i) => incompleteBeta(i / n, (n + 1) * p, (n + 1) * (1 - p)))
  return ascending.reduce((sum, value, i) => sum + value * (reached[i + 1]! - reached[i]!), 0)
}
