/**
 * Wasserstein-1 (earth mover's) distance: how far, on average, values must be carried to turn one sample into the other.
 *
 * Idea and formula. The area between the two distribution functions, ∫ |F_a(x) − F_b(x)| dx, in the unit of the values.
 * Guarantee. None by itself: a display, and what peers of the benchmark compare with a threshold.
 * Cost. A sort. Blind to: nothing in particular, but one far outlier can carry it.
 * Source. Vallender (1974) for the form on the line.
 */
import { sorted } from '../math/quantile.ts'

export function wasserstein1(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [sorted(a, 'a'), sorted(b, 'b')]
  let area = 0
  let before = Math.min(x[0]!, y[0]!)
  for (let i = 0, j = 0; i < x.length || j < y.length; ) {
    const value = Math.min(x[i] ?? Number.POSITIVE_INFINITY, y[j] ?? Number.POSITIVE_INFINITY)
    area += Math.abs(i / x.length - j / y.length) * (value - before)
    while (i < x.length && x[i] === value) i++
    while (j < y.length && y[j] === value) j++
    before = value
  }
  return area
}
