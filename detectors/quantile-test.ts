/**
 * Quantile A/B test: do two samples share their p-quantile?
 *
 * Idea. If x is the common quantile, values at or below x arrive in both arms like coins of rate p. Bet against that coin with a beta
 * mixture in either arm; the quantiles differ when, for EVERY x, the two wealths multiply to more than 1/α.
 * Formula. p-value = min(1, exp(− min_x [ln W_a(x) + ln W_b(x)])), each W at the most favourable share that ties at x allow.
 * Guarantee. P(p-value ever ≤ α) ≤ α for one quantile of independent values, however often one looks.
 * Cost. A sort of all values so far and a beta function per value: it needs the values themselves, so it does not merge, and product
 * traffic is judged by exceedances of fixed thresholds (exceedance.ts), which need counts. A peer in the published tables.
 * Blind to: other quantiles. Source. Howard & Ramdas (2022).
 */
import { betaBinomialLogMixture } from './confidence-sequence.ts'
import { sorted } from './math/quantile.ts'

export function quantileTestPValue(a: readonly number[], b: readonly number[], p: number, rowsTuned: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`p must lie between 0 and 1, not ${p}`)
  const arms = [armOf(sorted(a, 'a'), p, rowsTuned), armOf(sorted(b, 'b'), p, rowsTuned)]
  let least = Number.POSITIVE_INFINITY
  for (const value of new Set([...a, ...b])) least = Math.min(least, arms[0]!(value) + arms[1]!(value))
  return Math.min(1, Math.exp(-least))
}

/** ln of the least wealth of one arm against "x is the p-quantile". */
function armOf(values: readonly number[], p: number, rowsTuned: number): (x: number) => number {
  const rows = values.length
  const variance = p * (1 - p)
  const logWealth = (share: number) => betaBinomialLogMixture((share - p) * rows, rows * variance, rowsTuned * variance, p, 1 - p, false)
  const cheapest = lowest(logWealth)
  return (x) => logWealth(Math.min(countUpTo(values, x, true) / rows, Math.max(countUpTo(values, x, false) / rows, cheapest)))
}

/** Where a convex function on [0, 1] is lowest, by golden section. */
function lowest(convex: (share: number) => number): number {
  const golden = (Math.sqrt(5) - 1) / 2
  let low = 0
  let high = 1
  for (let i = 0; i < 60; i++) {
    const left = high - golden * (high - low)
    const right = low + golden * (high - low)
    if (convex(left) < convex(right)) high = right
    else low = left
  }
  return (low + high) / 2
}

/** How many values lie below x, or at or below it. */
function countUpTo(values: readonly number[], x: number, includesEqual: boolean): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (values[middle]! < x || (includesEqual && values[middle] === x)) low = middle + 1
    else high = middle
  }
  return low
}
