/**
 * Effects: by how much does the candidate differ, in the user's units, and how sure is that?
 *
 * Idea. Compare the arms within each stratum and average, weighting a stratum by n·m/(n+m), so that neither a ramp nor a season
 * passes for an effect. Everything is a sum over strata: states of any grouping add up.
 * Formula. Rates (Mantel–Haenszel): D = Σ (a m − b n)/N ÷ Σ n m/N, with a of n events on the candidate, b of m on the control,
 * N = n + m; variance by Sato, Greenland & Robins, right both for many small strata and for few large ones.
 * Means: the same weights; the variance of each arm is pooled within strata, Σ (Σv² − (Σv)²/rows) ÷ Σ (rows − 1), which is right
 * when the split is constant over what is summed: start afresh when the split changes.
 * Guarantee. None by itself: an estimate and its standard error. confidence-sequence.ts makes an interval that holds at all times.
 * Cost. A few additions per stratum. Blind to: an effect whose sign differs between strata (it shows the average).
 * Source. Mantel & Haenszel (1959); Greenland & Robins (1985); Sato, Greenland & Robins (1989).
 */
import { requireCount, requireFinite, requireNonNegative } from './math/refuse.ts'
import { type Arms, requireArms } from './two-arm.ts'

export interface Effect {
  /** Candidate minus control. */
  readonly estimate: number
  /** Infinite while there is nothing to estimate it from. */
  readonly standardError: number
  readonly candidateRows: number
  readonly controlRows: number
}

export interface RiskDifferenceState {
  readonly candidateRows: number
  readonly controlRows: number
  /** Σ n m/N and Σ (a m − b n)/N. */
  readonly weight: number
  readonly weightedDifference: number
  /** Sato's two sums: one is multiplied by the estimate. */
  readonly varianceSlope: number
  readonly varianceConstant: number
  /** Σ a(m − b)/N and Σ b(n − a)/N: their quotient is the Mantel–Haenszel odds ratio. */
  readonly oddsUp: number
  readonly oddsDown: number
}

export function emptyRiskDifference(): RiskDifferenceState {
  return {
    candidateRows: 0,
    controlRows: 0,
    weight: 0,
    weightedDifference: 0,
    varianceSlope: 0,
    varianceConstant: 0,
    oddsUp: 0,
    oddsDown: 0,
  }
}

/** Adds one stratum. One that lacks an arm says nothing and changes nothing. */
export function observeRiskDifference(state: RiskDifferenceState, arms: Arms): RiskDifferenceState {
  requireArms(arms)
  const { candidateRequests: n, controlRequests: m, candidateEvents: a, controlEvents: b } = arms
  if (n === 0 || m === 0) return state
  const total = n + m
  return {
    candidateRows: state.candidateRows + n,
    controlRows: state.controlRows + m,
    weight: state.weight + (n * m) / total,
    weightedDifference: state.weightedDifference + (a * m - b * n) / total,
    varianceSlope: state.varianceSlope + (n * n * b - m * m * a + (n * m * (m - n)) / 2) / (total * total),
    varianceConstant: state.varianceConstant + (a * (m - b) + b * (n - a)) / (2 * total),
    oddsUp: state.oddsUp + (a * (m - b)) / total,
    oddsDown: state.oddsDown + (b * (n - a)) / total,
  }
}

/** The stratified difference of rates, candidate minus control. */
export function riskDifference(state: RiskDifferenceState): Effect {
  const { candidateRows, controlRows, weight } = state
  if (weight === 0) return { estimate: 0, standardError: Number.POSITIVE_INFINITY, candidateRows, controlRows }
  const estimate = state.weightedDifference / weight
  const variance = (estimate * state.varianceSlope + state.varianceConstant) / (weight * weight)
  return { estimate, standardError: Math.sqrt(Math.max(0, variance)), candidateRows, controlRows }
}

/** The Mantel–Haenszel odds ratio; NaN while no stratum tells the arms apart. */
export function oddsRatio(state: RiskDifferenceState): number {
  return state.oddsUp / state.oddsDown
}

export interface MeanArms {
  readonly candidateRows: number
  readonly candidateSum: number
  readonly candidateSumSquares: number
  readonly controlRows: number
  readonly controlSum: number
  readonly controlSumSquares: number
}

export interface MeanDifferenceState {
  readonly candidateRows: number
  readonly controlRows: number
  readonly weight: number
  readonly weightedDifference: number
  readonly candidate: Spread
  readonly control: Spread
}

/** One arm: squares about the stratum means, their degrees of freedom, and Σ weight²/rows. */
interface Spread {
  readonly squares: number
  readonly degrees: number
  readonly weightSquares: number
}

const NO_SPREAD: Spread = { squares: 0, degrees: 0, weightSquares: 0 }

export function emptyMeanDifference(): MeanDifferenceState {
  return { candidateRows: 0, controlRows: 0, weight: 0, weightedDifference: 0, candidate: NO_SPREAD, control: NO_SPREAD }
}

/** Adds one stratum. One that lacks an arm says nothing and changes nothing. */
export function observeMeanDifference(state: MeanDifferenceState, arms: MeanArms): MeanDifferenceState {
  requireMeans(arms)
  const { candidateRows: n, controlRows: m } = arms
  if (n === 0 || m === 0) return state
  const weight = (n * m) / (n + m)
  return {
    candidateRows: state.candidateRows + n,
    controlRows: state.controlRows + m,
    weight: state.weight + weight,
    weightedDifference: state.weightedDifference + weight * (arms.candidateSum / n - arms.controlSum / m),
    candidate: widened(state.candidate, n, arms.candidateSum, arms.candidateSumSquares, weight),
    control: widened(state.control, m, arms.controlSum, arms.controlSumSquares, weight),
  }
}

/** The stratified difference of means, candidate minus control. */
export function meanDifference(state: MeanDifferenceState): Effect {
  const { candidateRows, controlRows, weight } = state
  if (weight === 0) return { estimate: 0, standardError: Number.POSITIVE_INFINITY, candidateRows, controlRows }
  const variance = (varianceShare(state.candidate) + varianceShare(state.control)) / (weight * weight)
  return { estimate: state.weightedDifference / weight, standardError: Math.sqrt(variance), candidateRows, controlRows }
}

function widened(spread: Spread, rows: number, sum: number, sumSquares: number, weight: number): Spread {
  return {
    squares: spread.squares + Math.max(0, sumSquares - (sum * sum) / rows),
    degrees: spread.degrees + rows - 1,
    weightSquares: spread.weightSquares + (weight * weight) / rows,
  }
}

function varianceShare(spread: Spread): number {
  return spread.degrees === 0 ? Number.POSITIVE_INFINITY : (spread.squares / spread.degrees) * spread.weightSquares
}

function requireMeans(arms: MeanArms): void {
  requireCount(arms.candidateRows, 'candidateRows')
  requireCount(arms.controlRows, 'controlRows')
  requireFinite(arms.candidateSum, 'candidateSum')
  requireFinite(arms.controlSum, 'controlSum')
  requireNonNegative(arms.candidateSumSquares, 'candidateSumSquares')
  requireNonNegative(arms.controlSumSquares, 'controlSumSquares')
}
