/**
 * Population stability index of two histograms: what credit risk has watched for decades.
 *
 * Formula. Σ (p − q) ln(p/q), shares floored and not renormalised; below .1 is called stable, above .25 shifted, by habit.
 * Guarantee. None: the habit knows no row counts. By chance two equal sides of n and m rows and k bins show about
 * (k − 1)(1/n + 1/m), which is above .1 for ten bins at 180 rows; and one empty bin adds more than the floor deserves.
 * A display, because people ask for it, and a peer of the benchmark; it triggers nothing here.
 * Cost. A logarithm per bin. Blind to: the order of the bins. Source. Lewis (1994); it is Jeffreys' divergence (1946).
 */
import { requireHistograms } from '../math/histograms.ts'

const FLOOR = 1e-4

export function populationStability(a: ArrayLike<number>, b: ArrayLike<number>, floor: number = FLOOR): number {
  const { totalA, totalB } = requireHistograms(a, b)
  let sum = 0
  for (let k = 0; k < a.length; k++) {
    const p = Math.max(floor, a[k]! / totalA)
    const q = Math.max(floor, b[k]! / totalB)
    sum += (p - q) * Math.log(p / q)
  }
  return sum
}
