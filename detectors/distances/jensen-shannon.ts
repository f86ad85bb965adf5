/**
 * Jensen–Shannon divergence of two histograms, and its square root, which is a distance.
 *
 * Idea. How surprised either side is by the mixture of both, on average; bins that only one side has do no harm.
 * Formula. ½ Σ p ln(p/m) + ½ Σ q ln(q/m) with m = (p + q)/2, divided by ln of the base; between 0 and 1 in base 2.
 * Guarantee. None: at n rows and k bins two equal sides show about (k − 1)/(4n) nats by chance alone. A display, and a peer.
 * Cost. Two logarithms per bin. Blind to: the order of the bins. Source. Lin (1991); Endres & Schindelin (2003).
 */
import { requireHistograms } from '../math/histograms.ts'

export function jensenShannonDivergence(a: ArrayLike<number>, b: ArrayLike<number>, base: number = Math.E): number {
  const { totalA, totalB } = requireHistograms(a, b)
  let sum = 0
  for (let k = 0; k < a.length; k++) {
    const p = a[k]! / totalA
    const q = b[k]! / totalB
    // Through their difference: two nearly equal sides keep their digits.
    const tilt = p + q === 0 ? 0 : (p - q) / (p + q)
    if (p > 0) sum += p * Math.log1p(tilt)
    if (q > 0) sum += q * Math.log1p(-tilt)
  }
  return Math.max(0, sum / 2 / Math.log(base))
}

export function jensenShannonDistance(a: ArrayLike<number>, b: ArrayLike<number>, base: number = Math.E): number {
  return Math.sqrt(jensenShannonDivergence(a, b, base))
}
