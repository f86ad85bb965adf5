/**
 * The hypergeometric law: of `candidate` + `control` requests `events` show the event; x of those fall on the candidate.
 *
 * ln P(x) for one x, and the logarithm of its generating function, ln E ψ^x, which turns a bet ψ^x into a fair one.
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
  if (logOddsRatio === 0 || events === 0 || candidate === 0) return 0
  const oddsRatio = Math.exp(logOddsRatio)
  const mode = tiltedMode(oddsRatio, candidate, control, events)
  const logLargest = hypergeometricLogPmf(mode, candidate, control, events) + mode * logOddsRatio
  const above = sumAbove(mode, oddsRatio, candidate, control, events)
  const below = sumBelow(mode, oddsRatio, candidate, control, events)
  return logLargest + Math.log1p(above + below)
}

function sumAbove(mode: number, oddsRatio: number, candidate: number, control: number, events: number): number {
  const high = supportHigh(candidate, events)
  const gap = control - events
  let term = 1
  let sum = 0
  for (let x = mode; x < high && term > NEGLIGIBLE; x++) {
    term *= ((events - x) * (candidate - x) * oddsRatio) / ((x + 1) * (gap + x + 1))
    sum += term
  }
  return sum
}

function sumBelow(mode: number, oddsRatio: number, candidate: number, control: number, events: number): number {
  const low = supportLow(control, events)
  const gap = control - events
  let term = 1
  let sum = 0
  for (let x = mode; x > low && term > NEGLIGIBLE; x--) {
    term *= (x * (gap + x)) / ((events - x + 1) * (candidate - x + 1) * oddsRatio)
    sum += term
  }
  return sum
}

// ── one split, every number of events ──────────────────────────────────────────────────────────────────────────────────────

/** H up to the number of events `reach`, as products since the last anchor; `anchors` holds ln H at every sixteenth. */
export interface NormaliserTable {
  readonly reach: number
  readonly products: Float64Array
  readonly anchors: Float64Array
}

const ANCHOR_BITS = 4
const ANCHOR_EVERY = 1 << ANCHOR_BITS
/** A step of the table changes H by at most e^this, sixteen of them stay doubles. */
export const TABLE_LOG_ODDS_MAX = 40

/**
 * H_K(ψ) = E ψ^x for all numbers of events K = 0 … reach of one split, by Gauss's contiguous relation
 *   (N − K) H_{K+1} = (nψ + m − (1 + ψ) K) H_K + ψ K H_{K−1},   H_0 = 1,
 * two multiplications a step instead of a sum. Both coefficients are positive up to reach = (nψ + m)/(1 + ψ), so nothing cancels.
 * Beyond it: H_K(ψ) = ψ^n H_{N−K}(1/ψ), and N − K is within the reach of 1/ψ.
 */
export function normaliserTable(logOddsRatio: number, candidate: number, control: number): NormaliserTable {
  const oddsRatio = Math.exp(logOddsRatio)
  const total = candidate + control
  // Rounded up: the last step starts within, and what one table does not reach the opposite one does, however the quotient was rounded.
  const reach = Math.min(total, Math.ceil((candidate * oddsRatio + control) / (1 + oddsRatio)))
  const products = new Float64Array(reach + 1)
  const anchors = new Float64Array((reach >> ANCHOR_BITS) + 1)
  const first = candidate * oddsRatio + control
  let before = 0
  let current = 1
  products[0] = 1
  for (let events = 0; events < reach; events++) {
    const grown = (first - (1 + oddsRatio) * events) * current + oddsRatio * events * before
    before = current
    current = grown / (total - events)
    const at = events + 1
    if (at % ANCHOR_EVERY === 0) {
      anchors[at >> ANCHOR_BITS] = anchors[(at >> ANCHOR_BITS) - 1]! + Math.log(current)
      before /= current
      current = 1
    }
    products[at] = current
  }
  return { reach, products, anchors }
}

/** ln H of a number of events within the table's reach. */
export function tableLogNormaliser(table: NormaliserTable, events: number): number {
  return table.anchors[events >> ANCHOR_BITS]! + Math.log(table.products[events]!)
}
