/**
 * The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 − P(a, x), each with its own digits when it is small.
 * Below the mean by the power series of P, above it by the continued fraction of Q (Lentz's method). The factor before both,
 * x^a e^{−x} / Γ(a + 1), is taken through Stirling's remainder, so that at a = 10⁶ no digits are lost to large logarithms.
 */
import { logGamma, stirlingRest } from './log-gamma.ts'
import { requireNonNegative } from './refuse.ts'

const LOG_TWO_PI = 1.8378770664093453
const TERMS_MAX = 200_000
const TINY = 1e-300

/** P(a, x): the share of a gamma law of shape a below x. */
export function incompleteGamma(a: number, x: number): number {
  requireShape(a, x)
  if (x === 0) return 0
  return x < a + 1 ? seriesP(a, x) : 1 - fractionQ(a, x)
}

/** Q(a, x): the share above x. */
export function incompleteGammaComplement(a: number, x: number): number {
  requireShape(a, x)
  if (x === 0) return 1
  return x < a + 1 ? 1 - seriesP(a, x) : fractionQ(a, x)
}

/** a ln x − x − ln Γ(a + 1): also the logarithm of the Poisson law with mean x at a. */
export function logGammaTerm(a: number, x: number): number {
  if (a < 10) return (a === 0 ? 0 : a * Math.log(x)) - x - logGamma(a + 1)
  const excess = (x - a) / a
  return a * (Math.log1p(excess) - excess) - 0.5 * (LOG_TWO_PI + Math.log(a)) - stirlingRest(a)
}

function seriesP(a: number, x: number): number {
  let term = 1
  let sum = 1
  for (let k = 1; k < TERMS_MAX && term > 1e-17 * sum; k++) {
    term *= x / (a + k)
    sum += term
  }
  return sum * Math.exp(logGammaTerm(a, x))
}

function fractionQ(a: number, x: number): number {
  let b = x + 1 - a
  let c = 1 / TINY
  let d = 1 / b
  let value = d
  for (let k = 1; k < TERMS_MAX; k++) {
    const numerator = -k * (k - a)
    b += 2
    d = 1 / notZero(numerator * d + b)
    c = notZero(b + numerator / c)
    value *= c * d
    if (Math.abs(c * d - 1) < 1e-16) break
  }
  return value * a * Math.exp(logGammaTerm(a, x))
}

function notZero(value: number): number {
  return Math.abs(value) < TINY ? TINY : value
}

function requireShape(a: number, x: number): void {
  if (!(a > 0 && a < Number.POSITIVE_INFINITY)) throw new RangeError(`a must be finite and above zero, not ${a}`)
  requireNonNegative(x, 'x')
}
