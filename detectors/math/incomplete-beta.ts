/** The regularised incomplete beta function I_x(a, b), its logarithm and its inverse, by its continued fraction (Lentz's method). */
import { logBeta } from './log-gamma.ts'

const TERMS_MAX = 20_000

/** ln I_x(a, b). The fraction converges fast below the mean; above it, 1 − I of the mirror image is taken. */
export function logIncompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return Number.NEGATIVE_INFINITY
  if (x >= 1) return 0
  if (isBelowMean(x, a, b)) return logLowerPart(Math.log(x), Math.log1p(-x), x, a, b)
  return Math.log1p(-Math.exp(logLowerPart(Math.log1p(-x), Math.log(x), 1 - x, b, a)))
}

export function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  return x >= 1 ? 1 : Math.exp(logIncompleteBeta(x, a, b))
}

/** 1 − I_x(a, b), with its own digits when it is small. */
export function incompleteBetaComplement(x: number, a: number, b: number): number {
  if (x <= 0) return 1
  if (x >= 1) return 0
  if (isBelowMean(x, a, b)) return -Math.expm1(logLowerPart(Math.log(x), Math.log1p(-x), x, a, b))
  return Math.exp(logLowerPart(Math.log1p(-x), Math.log(x), 1 - x, b, a))
}

/** x with I_x(a, b) = p: Newton's method, kept between two bounds that close in. */
export function incompleteBetaInverse(p: number, a: number, b: number): number {
  if (p <= 0) return 0
  if (p >= 1) return 1
  let low = 0
  let high = 1
  let x = a / (a + b)
  const logScale = logBeta(a, b)
  for (let i = 0; i < 300; i++) {
    const excess = incompleteBeta(x, a, b) - p
    if (excess > 0) high = x
    else low = x
    const slope = Math.exp((a - 1) * Math.log(x) + (b - 1) * Math.log1p(-x) - logScale)
    const newton = x - excess / slope
    const next = newton > low && newton < high ? newton : (low + high) / 2
    if (Math.abs(next - x) <= 1e-16 * x) return next
    x = next
  }
  return x
}

function isBelowMean(x: number, a: number, b: number): boolean {
  return x < (a + 1) / (a + b + 2)
}

function logLowerPart(logX: number, logRest: number, x: number, a: number, b: number): number {
  return a * logX + b * logRest - logBeta(a, b) - Math.log(a) + Math.log(fraction(x, a, b))
}

/** The continued fraction whose m-th pair of coefficients is m(b−m)x/((a+2m−1)(a+2m)) and −(a+m)(a+b+m)x/((a+2m)(a+2m+1)). */
function fraction(x: number, a: number, b: number): number {
  let c = 1
  let d = 1 / (1 - ((a + b) * x) / (a + 1))
  let value = d
  for (let m = 1; m <= TERMS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / (1 + even * d)
    c = 1 + even / c
    value *= c * d
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / (1 + odd * d)
    c = 1 + odd / c
    value *= c * d
    if (Math.abs(c * d - 1) < 1e-16) return value
  }
  return value
}
