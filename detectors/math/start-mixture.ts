/**
 * Evidence that may begin at any stratum: M ← (M + w_s)·L, with w_s = c / ((s+2) ln²(s+2)) and Σ w_s = 1.
 *
 * Idea. A candidate that was healthy for hours and then breaks must not first earn back the capital lost while it was healthy.
 * So a little capital is held back and put in afresh at every stratum; what has been put in grows or shrinks by the bets L.
 * Guarantee. M plus what is still held back is a martingale under "no harm" that starts at 1, so M alone stays an e-process.
 * Cost. A logarithm of s strata at most: ln(1/w_s) is 4.9 at the tenth stratum and 11.5 at the thousandth.
 * Temper. Where requests of one user move together, every ln L is divided by their design effect before it enters: see `advanceMixture`.
 * Source. Shin, Ramdas & Rinaldo (2022).
 */
import { logAdd } from './log-sum-exp.ts'

/** 1 / Σ_{n ≥ 2} 1/(n ln² n). */
export const START_MIXTURE_CONSTANT = 0.47399142654437487

/** ln w_s for the stratum with index s, counted from 0. */
export function logStartWeight(stratum: number): number {
  const n = stratum + 2
  return Math.log(START_MIXTURE_CONSTANT / n) - 2 * Math.log(Math.log(n))
}

/**
 * One stratum of bets for a row of capitals, each ln L divided by `temper` ≥ 1. L^(1/temper) still has a mean of at most 1 (Jensen:
 * the root is concave), so the guarantee stands for independent requests whatever the temper. For requests that move together in
 * units L itself has no such mean; with the design effect as temper the level is calibrated by simulation, not proven.
 */
export function advanceMixture(logMixture: readonly number[], stratum: number, logBets: ArrayLike<number>, temper = 1): readonly number[] {
  const logWeight = weightOf(stratum)
  const after = logMixture.slice()
  for (let i = 0; i < after.length; i++) after[i] = logAdd(after[i]!, logWeight) + logBets[i]! / temper
  return after
}

/** Dozens of events of one stratum ask for the same weight. No result depends on what is remembered. */
function weightOf(stratum: number): number {
  if (stratum !== asked.stratum) {
    asked.stratum = stratum
    asked.logWeight = logStartWeight(stratum)
  }
  return asked.logWeight
}

const asked = { stratum: -1, logWeight: 0 }

/**
 * The capital before the first stratum: none at work yet. A large negative number instead of −∞, so that a state survives JSON.
 */
export const LOG_NOTHING = -1e6

export function emptyMixture(length: number): readonly number[] {
  return new Array<number>(length).fill(LOG_NOTHING)
}
