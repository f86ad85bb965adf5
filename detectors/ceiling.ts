/**
 * Ceiling: has a rate risen above what is allowed, in a version that has no control beside it?
 *
 * Idea. After a promotion there is nobody left to compare with, only a limit that a person has named: at most 5 % errors. Bet, batch
 * after batch, that the rate is above it, and put in fresh capital at every batch, since nobody knows when harm begins.
 * Formula. For x events in n rows, limit m0 and odds ψ_j times those of m0, q_j = ψ_j m0 / (1 − m0 + ψ_j m0):
 * ln L_j = x ln(q_j/m0) + (n − x) ln((1 − q_j)/(1 − m0)); M_j ← (w_j + M_j) L_j; M = Σ M_j. `fewer` guards a floor: the same for rows
 * without the event. `temper` t ≥ 1 divides ln L where rows are not independent (a design effect).
 * Guarantee. While each row's chance given the rows before is at most m0, E[M after t batches] ≤ t, so an alarm at M ≥ A comes on average
 * not before A batches (average run length). Unlike evidence of a rollout it is no α for ever: a watch without end must alarm some day.
 * Begin anew (empty) after an alarm.
 * Cost. Six multiply-adds per batch, whatever its size. Blind to: harm below the limit; rows in bursts when `temper` stays 1.
 * Source. Shin, Ramdas & Rinaldo, E-detectors (2022): e-SR procedure with a mixture of e-values.
 */
import { logAdd, logSumExp } from './math/log-sum-exp.ts'
import { requireCount, requirePart } from './math/refuse.ts'
import { emptyMixture } from './math/start-mixture.ts'

export interface CeilingCounts {
  readonly rows: number
  readonly events: number
}

export interface CeilingState {
  readonly batches: number
  /** ln M_j per alternative. */
  readonly logMixture: readonly number[]
}

/** ln ψ_j. Twice a rate of 5 % is .75, ten times 3. */
const LOG_ODDS: readonly number[] = [0.1, 0.25, 0.6, 1.2, 2.4, 4.6]
const LOG_WEIGHT = -Math.log(LOG_ODDS.length)

export function emptyCeiling(): CeilingState {
  return { batches: 0, logMixture: emptyMixture(LOG_ODDS.length) }
}

/** Adds one batch; one without rows changes nothing. `limit`: the share of rows allowed, between 0 and 1. */
export function observeCeiling(
  state: CeilingState,
  counts: CeilingCounts,
  limit: number,
  direction: 'more' | 'fewer' = 'more',
  temper = 1,
): CeilingState {
  requireCount(counts.rows, 'rows')
  requirePart(counts.events, counts.rows, 'events', 'rows')
  if (!(limit > 0 && limit < 1)) throw new RangeError(`limit must lie between 0 and 1, not ${limit}`)
  if (!(temper >= 1 && temper < Number.POSITIVE_INFINITY)) throw new RangeError(`temper must be finite and 1 or more, not ${temper}`)
  if (counts.rows === 0) return state
  const [events, allowed] = direction === 'more' ? [counts.events, limit] : [counts.rows - counts.events, 1 - limit]
  const logMixture = state.logMixture.map((logCapital, index) => {
    const logOdds = LOG_ODDS[index]!
    // ln((1 − q)/(1 − m0)) = −ln(1 − m0 + ψ m0), and ln(q/m0) is that plus ln ψ.
    const logBet = events * logOdds - counts.rows * Math.log1p(allowed * Math.expm1(logOdds))
    return logAdd(logCapital, LOG_WEIGHT) + logBet / temper
  })
  return { batches: state.batches + 1, logMixture }
}

/** ln M. */
export function logEvidenceCeiling(state: CeilingState): number {
  return state.batches === 0 ? 0 : logSumExp(state.logMixture)
}
