/**
 * Hellinger distance of two histograms: 0 for equal ones, 1 for those that share no bin.
 *
 * Formula. √(1 − Σ √(p q)) = √(½ Σ (√p − √q)²); the second form keeps the digits of nearly equal sides.
 * Guarantee. None: by chance two equal sides of n rows and k bins show about √((k − 1)/(4n)). A display for categories.
 * Cost. Two roots per bin. Blind to: the order of the bins. Source. Hellinger (1909).
 */
import { requireHistograms } from '../math/histograms.ts'

export function hellinger(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const { totalA, totalB } = requireHistograms(a, b)
  let sum = 0
  for (let k = 0; k < a.length; k++) sum += (Math.sqrt(a[k]! / totalA) - Math.sqrt(b[k]! / totalB)) ** 2
  return Math.sqrt(Math.min(1, sum / 2))
}
