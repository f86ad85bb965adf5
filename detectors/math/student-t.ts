/**
 * Student's t law: P(T ≤ t), P(T > t) and the quantile, at `degrees` of freedom, not necessarily whole.
 * Through the incomplete beta function of t²/(ν + t²), from whichever end keeps the digits. Peers in the benchmark use it: our own
 * intervals hold at all times and need no t.
 */
import { incompleteBeta, incompleteBetaComplement } from './incomplete-beta.ts'
import { logBeta } from './log-gamma.ts'
import { normalQuantile } from './normal.ts'

export function studentTSf(t: number, degrees: number): number {
  return t < 0 ? 1 - tail(-t, degrees) : tail(t, degrees)
}

export function studentTCdf(t: number, degrees: number): number {
  return studentTSf(-t, degrees)
}

/** t with P(T ≤ t) = p: Newton's method kept between two bounds that close in. */
export function studentTQuantile(p: number, degrees: number): number {
  if (!(p >= 0 && p <= 1)) throw new RangeError(`p must lie between 0 and 1, not ${p}`)
  const wanted = Math.min(p, 1 - p)
  if (wanted === 0) return p === 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  if (wanted === 0.5) return 0
  const t = upperQuantile(wanted, degrees)
  return p < 0.5 ? -t : t
}

/** P(T > t) for t ≥ 0. */
function tail(t: number, degrees: number): number {
  if (!(degrees > 0)) throw new RangeError(`degrees must be above zero, not ${degrees}`)
  const square = t * t
  if (square < degrees) return 0.5 * incompleteBetaComplement(square / (degrees + square), 0.5, degrees / 2)
  return 0.5 * incompleteBeta(degrees / (degrees + square), degrees / 2, 0.5)
}

function upperQuantile(wanted: number, degrees: number): number {
  let low = 0
  let high = Math.max(1, 2 * normalQuantile(1 - wanted))
  while (tail(high, degrees) > wanted) high *= 4
  let t = (low + high) / 2
  const logScale = 0.5 * Math.log(degrees) + logBeta(degrees / 2, 0.5)
  for (let i = 0; i < 200; i++) {
    const excess = tail(t, degrees) - wanted
    if (excess > 0) low = t
    else high = t
    const density = Math.exp(-((degrees + 1) / 2) * Math.log1p((t * t) / degrees) - logScale)
    const newton = t + excess / density
    const next = newton > low && newton < high ? newton : (low + high) / 2
    if (Math.abs(next - t) <= 1e-16 * t) return next
    t = next
  }
  return t
}
