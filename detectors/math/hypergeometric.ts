/**
 * The hypergeometric law: of `candidate` + `control` requests `events` show the event; x of those fall on the candidate.
 *
 * ln P(x) for one x, and the logarithm of its generating function, ln E ψ^x, which turns a bet ψ^x into a fair one. (For every number of
 * events of one split at once: normaliser-rows.ts.)
 * The sum is walked outward from its largest term by the ratio of neighbours and ends when what is left cannot change a double,
 * so it costs about seventeen standard deviations of x, never the whole support: exact evidence stays affordable at any size.
 */
import { logChoose } from './log-gamma.ts'

/** Terms below this share of the largest one are left out: they fall faster than geometrically from there. */
const NEGLIGIBLE = 1e-18

export function supportLow(control: number, events: number): number {
  return Math.max(0, events - control)
}

export function supportHigh(candidate: number, events: number): number {
  return Math.min(candidate, events)
}

export function hypergeometricLogPmf(x: number, candidate: number, control: number, events: number): number {
  if (x < supportLow(control, events) || x > supportHigh(candidate, events)) return Number.NEGATIVE_INFINITY
  const total = candidate + control
  return logChoose(events, x) + logChoose(total - events, candidate - x) - logChoose(total, candidate)
}

/** Where ways·ψ^x is largest: the whole number below the root of (events−x)(candidate−x)ψ = (x+1)(control−events+x+1), kept in the support. */
export function tiltedMode(oddsRatio: number, candidate: number, control: number, events: number): number {
  const low = supportLow(control, events)
  const high = supportHigh(candidate, events)
  // With y = x + 1: (events + 1 − y)(candidate + 1 − y) ψ = y (control − events + y).
  const a = oddsRatio - 1
  const b = oddsRatio * (events + candidate + 2) + control - events
  const c = oddsRatio * (events + 1) * (candidate + 1)
  const y = (2 * c) / (b + Math.sqrt(Math.max(0, b * b - 4 * a * c)))
  return Math.min(high, Math.max(low, Math.floor(y)))
}

/** ln E ψ^x, with ln ψ given; 0 when nothing can vary and ψ is 1. */
export function hypergeometricLogNormaliser(logOddsRatio: number, candidate: number, control: number, events: number): number {
  one[0] = logOddsRatio
  hypergeometricLogNormalisers(one, 1, candidate, control, events)
  return one[0]
}

const one = new Float64Array(1)

/**
 * The same for several ψ of one split: the first `count` numbers, each ln ψ, give way to their ln E ψ^x. Long, because it calls next to
 * nothing: between functions every number would be boxed, and a stratum has hundreds of them.
 */
export function hypergeometricLogNormalisers(logs: Float64Array, count: number, candidate: number, control: number, events: number): void {
  if (events === 0 || candidate === 0) return void logs.fill(0, 0, count)
  const total = candidate + control
  const low = supportLow(control, events)
  const high = supportHigh(candidate, events)
  const gap = control - events
  const logWays = logChoose(total, candidate)
  for (let i = 0; i < count; i++) {
    const logOddsRatio = logs[i]!
    if (logOddsRatio === 0) continue
    const oddsRatio = Math.exp(logOddsRatio)
    const mode = tiltedMode(oddsRatio, candidate, control, events)
    let above = 0
    for (let x = mode, term = 1; x < high && term > NEGLIGIBLE; x++) {
      term *= ((events - x) * (candidate - x) * oddsRatio) / ((x + 1) * (gap + x + 1))
      above += term
    }
    let below = 0
    for (let x = mode, term = 1; x > low && term > NEGLIGIBLE; x--) {
      term *= (x * (gap + x)) / ((events - x + 1) * (candidate - x + 1) * oddsRatio)
      below += term
    }
    const logPmf = logChoose(events, mode) + logChoose(total - events, candidate - mode) - logWays
    logs[i] = logPmf + mode * logOddsRatio + Math.log1p(above + below)
  }
}
