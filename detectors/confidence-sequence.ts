/**
 * Confidence sequences: intervals that hold at all times together, however often one looks.
 *
 * Idea. Where a wealth process would bet against a value and win more than 1/α, the value is out. What is left is an interval that
 * may be read at every stratum and stopped at any.
 * Formula. Effects: D̂ ± σ̂ √( 2(nρ²+1)/(n²ρ²) · ln(√(nρ²+1)/α) ), ρ² = (−2 ln α + ln(−2 ln α + 1))/n*, σ̂ = standard error · √n;
 * narrowest near n = n*. Not before 100 rows per arm: it leans on the central limit theorem. Rare events: all p whose beta mixture of
 * likelihood ratios stays below 1/α, per arm at α/2; the difference lies between the ends.
 * Guarantee. Rare events: P(ever outside) ≤ α, exactly. Effects: the same as n grows.
 * Cost. A few logarithms; about a hundred for the rare form. Blind to: heavy tails before the limit theorem has taken hold.
 * Source. Waudby-Smith et al. (Ann. Stat. 2024); Howard, Ramdas, McAuliffe & Sekhon (2021) and their library confseq for the
 * mixtures; Howard & Ramdas (2022) for the band on distribution functions.
 */
import type { Effect } from './effects.ts'
import { logIncompleteBeta } from './math/incomplete-beta.ts'
import { logBeta } from './math/log-gamma.ts'
import { normalLogSf } from './math/normal.ts'
import { requireCount, requirePart } from './math/refuse.ts'
import { type Arms, requireArms } from './two-arm.ts'

export interface Interval {
  readonly low: number
  readonly high: number
}

const ROWS_MIN = 100
const EVERYTHING: Interval = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }

/** Half the width at n rows of deviation `sigma`, tuned to be narrow at nStar rows. */
export function asymptoticHalfWidth(n: number, sigma: number, alpha: number, nStar: number): number {
  const information = (n * tuning(alpha)) / nStar
  return sigma * Math.sqrt(((2 * (information + 1)) / (n * information)) * (0.5 * Math.log1p(information) - Math.log(alpha)))
}

/** asymptoticHalfWidth(n, 1, α, n)·√n: how much wider than a standard error the interval is where it was tuned to. */
export function asymptoticFactor(alpha: number): number {
  return asymptoticHalfWidth(1, 1, alpha, 1)
}

/** n*ρ². */
function tuning(alpha: number): number {
  requireAlpha(alpha)
  const twoLogs = -2 * Math.log(alpha)
  return twoLogs + Math.log1p(twoLogs)
}

/** Of a stratified effect. Rows of both arms count; `nStar` likewise. A standard error of zero has seen nothing vary and proves nothing. */
export function effectInterval(effect: Effect, alpha: number, nStar: number): Interval {
  requireAlpha(alpha)
  const { estimate, standardError, candidateRows, controlRows } = effect
  if (candidateRows < ROWS_MIN || controlRows < ROWS_MIN) return EVERYTHING
  if (!(standardError > 0 && Number.isFinite(standardError) && Number.isFinite(estimate))) return EVERYTHING
  const rows = candidateRows + controlRows
  const half = asymptoticHalfWidth(rows, standardError * Math.sqrt(rows), alpha, nStar)
  return { low: estimate - half, high: estimate + half }
}

/** Rows at which the rare form is tuned to be narrow. Fixed beforehand, never fitted. */
const RARE_ROWS = 2000

/** Of the difference of two rates, candidate minus control, from totals under one split; holds from the first row. */
export function rareEventInterval(arms: Arms, alpha: number, rowsTuned: number = RARE_ROWS): Interval {
  requireArms(arms)
  const candidate = bernoulliInterval(arms.candidateEvents, arms.candidateRequests, alpha / 2, rowsTuned)
  const control = bernoulliInterval(arms.controlEvents, arms.controlRequests, alpha / 2, rowsTuned)
  return { low: candidate.low - control.high, high: candidate.high - control.low }
}

/** For one rate: k events in n rows. */
export function bernoulliInterval(events: number, rows: number, alpha: number, rowsTuned: number): Interval {
  requireCount(rows, 'rows')
  requirePart(events, rows, 'events', 'rows')
  requireAlpha(alpha)
  const isOut = (p: number) => logBetaBinomialRatio(events, rows, p, rowsTuned) >= -Math.log(alpha)
  const rate = rows === 0 ? 0.5 : events / rows
  return { low: edge(isOut, rate, 0), high: edge(isOut, rate, 1) }
}

/** Where `isOut` begins between a value that is in and an end of [0, 1]; the end itself when nothing is out. */
function edge(isOut: (p: number) => boolean, inside: number, end: number): number {
  const nearEnd = end === 0 ? 1e-12 : 1 - 1e-12
  if (inside === end || !isOut(nearEnd)) return end
  let inner = inside
  let outer = nearEnd
  for (let i = 0; i < 60; i++) {
    const middle = (inner + outer) / 2
    if (isOut(middle)) outer = middle
    else inner = middle
  }
  return outer
}

function logBetaBinomialRatio(events: number, rows: number, p: number, rowsTuned: number): number {
  const variance = p * (1 - p)
  return betaBinomialLogMixture(events - rows * p, rows * variance, rowsTuned * variance, p, 1 - p, false)
}

// ── mixtures: ln of the wealth at sum s and intrinsic time v, and the sum at which it reaches 1/α ──────────────────────────

/** At which level mixtures are tuned, whatever level they are used at. */
const LEVEL_TUNED = 0.05

/** The prior precision for which the two-sided bound is narrowest at intrinsic time v. */
export function normalBestRho(v: number, alpha: number): number {
  return v / tuning(alpha)
}

function bestRho(v: number, isOneSided: boolean): number {
  return normalBestRho(v, isOneSided ? 2 * LEVEL_TUNED : LEVEL_TUNED)
}

/** For one-sided mixtures, at the level they are all tuned to. */
export function oneSidedRho(v: number): number {
  return bestRho(v, true)
}

export function normalLogMixture(s: number, v: number, vTuned: number, isOneSided: boolean): number {
  const rho = bestRho(vTuned, isOneSided)
  const both = 0.5 * Math.log(rho / (v + rho)) + (s * s) / (2 * (v + rho))
  return isOneSided ? both + Math.LN2 + normalLogSf(-s / Math.sqrt(v + rho)) : both
}

/** Increments lie in {−g, h} with mean zero. */
export function betaBinomialLogMixture(s: number, v: number, vTuned: number, g: number, h: number, isOneSided: boolean): number {
  const r = Math.max(bestRho(vTuned, isOneSided) - g * h, 1e-3 * g * h)
  const nullRate = g / (g + h)
  const ups = s / (g + h) + v / (h * (g + h))
  const downs = v / (g * (g + h)) - s / (g + h)
  const up = r / (h * (g + h))
  const down = r / (g * (g + h))
  const mass = isOneSided ? logIncompleteBeta(1 - nullRate, down + downs, up + ups) - logIncompleteBeta(1 - nullRate, down, up) : 0
  return mass + logBeta(up + ups, down + downs) - logBeta(up, down) - ups * Math.log(nullRate) - downs * Math.log1p(-nullRate)
}

export function normalMixtureBound(v: number, alpha: number, vTuned: number, isOneSided: boolean): number {
  return mixtureBound((s) => normalLogMixture(s, v, vTuned, isOneSided), v, alpha, Number.POSITIVE_INFINITY)
}

/** At most v/g: more ups than trials cannot be. */
export function betaBinomialMixtureBound(v: number, alpha: number, vTuned: number, g: number, h: number, isOneSided: boolean): number {
  return mixtureBound((s) => betaBinomialLogMixture(s, v, vTuned, g, h, isOneSided), v, alpha, v / g)
}

/** The smallest s ≥ 0 with wealth 1/α, by bisection; `most` when none is reached before. */
export function mixtureBound(logMixture: (s: number) => number, v: number, alpha: number, most: number): number {
  requireAlpha(alpha)
  const threshold = -Math.log(alpha)
  let low = 0
  let high = Math.min(most * (1 - 1e-9), Math.sqrt(v))
  while (logMixture(high) < threshold) {
    if (high >= most * (1 - 1e-9)) return most
    low = high
    high = Math.min(most * (1 - 1e-9), 2 * high)
  }
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (logMixture(middle) < threshold) low = middle
    else high = middle
  }
  return high
}

// ── the band on a distribution function ────────────────────────────────────────────────────────────────────────────────────

/** C of `ksRadius` at levels .05, .01 and .001, for A = .85. */
export const KS_CONSTANTS = [
  { alpha: 0.05, constant: 8.1227 },
  { alpha: 0.01, constant: 9.2835 },
  { alpha: 0.001, constant: 10.9431 },
] as const

/** How far an empirical distribution function of n rows may lie from the true one, at all n ≥ m together. */
export function ksRadius(n: number, m: number, constant: number): number {
  return 0.85 * Math.sqrt((Math.log1p(Math.log(n / m)) + constant) / n)
}

function requireAlpha(alpha: number): void {
  if (!(alpha > 0 && alpha < 1)) throw new RangeError(`alpha must lie between 0 and 1, not ${alpha}`)
}
