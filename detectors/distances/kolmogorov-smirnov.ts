/**
 * Kolmogorov–Smirnov distance: the largest gap between two distribution functions.
 *
 * Idea. Walk up the values; at each, compare the share of either sample that has been passed. The largest difference is the distance.
 * Formula. max_x |F_a(x) − F_b(x)|, between 0 and 1; over counts per ordered bin, the maximum over the bins' upper edges.
 * Guarantee. None by itself: a display, and what peers of the benchmark test. With the band of `ksRadius` it may be watched for ever.
 * Cost. A sort; over bins one pass. Blind to: where the gap lies, and small gaps in the tails.
 * Source. Kolmogorov (1933); Smirnov (1948).
 */
import { requireHistograms } from '../math/histograms.ts'
import { sorted } from '../math/quantile.ts'

export function ksDistance(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [sorted(a, 'a'), sorted(b, 'b')]
  let largest = 0
  for (let i = 0, j = 0; i < x.length && j < y.length; ) {
    const value = Math.min(x[i]!, y[j]!)
    while (i < x.length && x[i] === value) i++
    while (j < y.length && y[j] === value) j++
    largest = Math.max(largest, Math.abs(i / x.length - j / y.length))
  }
  return largest
}

/** Of counts per bin, in ascending order of the values they hold. */
export function ksDistanceOfCounts(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { totalA, totalB } = requireHistograms(a, b)
  let gap = 0
  let largest = 0
  for (let k = 0; k < a.length; k++) {
    gap += a[k]! / totalA - b[k]! / totalB
    largest = Math.max(largest, Math.abs(gap))
  }
  return largest
}
