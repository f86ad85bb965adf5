/**
 * One-arm calibration evidence: do outcomes differ from the scores by more than ε, overall or in some bin?
 *
 * Idea. If a score is right to within ε, the residual r = y − p has a mean between −ε and ε, whatever went before. Bet a fixed share λ
 * of the capital on either sign, in every bin and over all.
 * Formula. ∏ (1 + λ (±r − ε)) for λ in {.1, .2, .4, .8}; E is the mean over both signs, all λ, and {all rows, each of ten bins}; a bin
 * without rows keeps its stake, 1.
 * Guarantee. P(E ever ≥ 1/α) ≤ α while every score is right to within ε given the past. In practice none is: at ε = .02 it accuses a
 * healthy model in about half of all runs, so it holds or informs at ε ≥ .05 at most, and no guardrail rests on it. The two-arm log
 * score asks the better question, whether the candidate is worse than the control (bounded-mean.ts).
 * Cost. Eight logarithms per row and two sums. Blind to: error that cancels within a bin.
 * Source. Waudby-Smith & Ramdas (2024) for bets on bounded means; Arnold, Henzi & Ziegel (2023) for calibration.
 */
import { logSumExp } from '../math/log-sum-exp.ts'
import { requireShare } from '../math/refuse.ts'
import { scoreBin } from './score-bins.ts'

const STAKES = [0.1, 0.2, 0.4, 0.8]
const BINS = 10
const BETS = 2 * STAKES.length

/** ln of every bet: all rows first, then bin by bin. */
export type ResidualBets = readonly number[]

export function emptyResidualBets(): ResidualBets {
  return new Array<number>((1 + BINS) * BETS).fill(0)
}

/** Adds single forecasts with what happened: 1 or 0. */
export function observeResiduals(
  state: ResidualBets,
  scores: readonly number[],
  outcomes: readonly number[],
  epsilon: number,
): ResidualBets {
  requireShare(epsilon, 'epsilon')
  const next = [...state]
  scores.forEach((score, row) => {
    requireShare(score, 'scores')
    requireShare(outcomes[row]!, 'outcomes')
    const logBets = betsOf(outcomes[row]! - score, epsilon)
    const ownBin = (1 + scoreBin(score, BINS)) * BETS
    logBets.forEach((logBet, index) => {
      next[index]! += logBet
      next[ownBin + index]! += logBet
    })
  })
  return next
}

export function logEvidenceResiduals(state: ResidualBets): number {
  return logSumExp(state) - Math.log(state.length)
}

function betsOf(residual: number, epsilon: number): readonly number[] {
  return STAKES.flatMap((stake) => [Math.log1p(stake * (residual - epsilon)), Math.log1p(stake * (-residual - epsilon))])
}
