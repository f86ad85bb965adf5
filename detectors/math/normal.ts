/**
 * The normal law: Φ(z), its tail and the tail's logarithm, and the quantile, to about fourteen digits.
 * The middle by the series of Φ − ½; the tails by the continued fraction of Mills' ratio, so that far tails keep their digits.
 */
const LOG_SQRT_TWO_PI = 0.9189385332046727
const TAIL_FROM = 3
const FRACTION_TERMS = 120

/** Φ(z) − ½ = φ(z) (z + z³/3 + z⁵/15 + …). */
function middle(z: number): number {
  let term = z
  let sum = z
  for (let k = 3; Math.abs(term) > 1e-17 * Math.abs(sum); k += 2) {
    term *= (z * z) / k
    sum += term
  }
  return sum * density(z)
}

function density(z: number): number {
  return Math.exp(-0.5 * z * z - LOG_SQRT_TWO_PI)
}

/** Tail over density, for z ≥ 3: 1/(z + 1/(z + 2/(z + …))). */
function millsRatio(z: number): number {
  let denominator = z
  for (let k = FRACTION_TERMS; k >= 1; k--) denominator = z + k / denominator
  return 1 / denominator
}

/** P(Z > z). */
export function normalSf(z: number): number {
  if (z >= TAIL_FROM) return density(z) * millsRatio(z)
  return z <= -TAIL_FROM ? 1 - density(z) * millsRatio(-z) : 0.5 - middle(z)
}

export function normalCdf(z: number): number {
  return normalSf(-z)
}

/** ln P(Z > z). */
export function normalLogSf(z: number): number {
  if (z >= TAIL_FROM) return -0.5 * z * z - LOG_SQRT_TWO_PI + Math.log(millsRatio(z))
  return Math.log1p(-normalSf(-z))
}

/** z with Φ(z) = p, by Newton's method on the logarithm of the tail. */
export function normalQuantile(p: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`p must lie between 0 and 1, not ${p}`)
  if (p === 0 || p === 1) return p === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  const tail = Math.min(p, 1 - p)
  let z = Math.max(0, Math.sqrt(-2 * Math.log(2 * tail)) - 0.2)
  for (let i = 0; i < 30; i++) {
    const logTail = normalLogSf(z)
    const change = (logTail - Math.log(tail)) * Math.exp(logTail + 0.5 * z * z + LOG_SQRT_TWO_PI)
    z = Math.max(-1, z + change)
    if (Math.abs(change) <= 1e-16 * (1 + z)) break
  }
  return p < 0.5 ? -z : z
}
