/**
 * Paired forecasts: two versions gave a probability for the same event; does the candidate score worse, by Brier or log score?
 *
 * Idea. Before the outcome y is known, the difference d of the two scores can take two values only, one for y = 1 and one for y = 0.
 * One of them favours the candidate, by b. Bet on the other: the most that can be lost per unit staked is b, and b is known beforehand.
 * Formula. d = S(p, y) − S(q, y) with p the candidate's, q the control's forecast and S a loss. With the margin m on top,
 *   E = 1 + λ (d − m)/(b + m),  λ = min(.9, κ (b + m)),  b = −d at the outcome that favours the candidate (y = 1 when p > q),
 * so E ≥ .1 always. Without the margin this is the likelihood ratio of π* (1 − λ) against π*, the probability at which the two forecasts
 * would score alike: the best bet there is for a coin. A stake λ in proportion to b weighs a pair by how much the two differ on it; κ
 * is a fixed grid, never fitted, so ln E sums over pairs, panes and sources (one slot per κ). Start-mixed over strata.
 * Why it is fair. λ and b depend on p, q and m only, which stand before y. If the candidate's expected score, given what has matured, is
 * worse by at most m, then mean(d − m) ≤ 0 and mean(E) ≤ 1.
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α while, pair after pair and given the pairs matured before, the candidate's expected score is not
 * worse by more than the margin. Evidence that it is BETTER: exchange the two columns.
 * Matured pairs of one horizon only, in the order of maturing: why, and what `temper` is for, stands in paired.ts.
 * Cost. A logarithm per κ and pair. Power: where the control is right, κ = 1/(4π*(1 − π*)) makes the Brier bet that likelihood ratio, and
 * κ = ½ the log score's to first order; between two κ of the grid, each twice the last, at least 8/9 of the growth is kept.
 * Blind to: outcomes not yet matured; an average that is worse only because of a few pairs on which stakes are capped.
 * Source. Henzi & Ziegel (Biometrika 2022); its correction, 109(4):1181; Waudby-Smith & Ramdas (2024) for stakes.
 */
import type { Detector, Truth } from './detector.ts'
import { logMean } from './math/log-sum-exp.ts'
import type { Random } from './math/random.ts'
import { requireNonNegative, requireShare, requireTemper } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'

/** Matured pairs of one stratum, row by row. */
export interface PairedForecasts {
  readonly candidate: readonly number[]
  readonly control: readonly number[]
  /** 1: it happened. 0: it did not. */
  readonly outcome: readonly number[]
}

export interface PairedLoss {
  readonly kind: 'brier' | 'log'
  /** log: forecasts are clipped to [floor, 1 − floor]. */
  readonly floor: number
}

export const PAIRED_BRIER: PairedLoss = { kind: 'brier', floor: 0 }
export const PAIRED_LOG: PairedLoss = { kind: 'log', floor: 1e-4 }

export interface PairedScoreState {
  readonly strata: number
  /** ln M per κ. */
  readonly logMixture: readonly number[]
}

/** κ: stakes per unit of score. From coarse forecasts near ½ to fine ones of rare events. */
export const PAIRED_STAKES: readonly number[] = [0.0625, 0.125, 0.25, 0.5, 1, 2, 4, 8]
/** So much of the capital at most on one pair. */
const STAKE_MAX = 0.9

export function emptyPairedScores(): PairedScoreState {
  return { strata: 0, logMixture: emptyMixture(PAIRED_STAKES.length) }
}

/** Adds one stratum; one without pairs changes nothing. `margin`: by how much the candidate's mean score may be worse. */
export function observePairedScores(
  state: PairedScoreState,
  pairs: PairedForecasts,
  loss: PairedLoss,
  margin = 0,
  temper = 1,
): PairedScoreState {
  return observePairedBets(state, pairs.outcome.length, pairedLogBets(pairs, loss, margin), temper)
}

/** The same with the bets of the stratum summed up already. */
export function observePairedBets(state: PairedScoreState, pairs: number, logBets: readonly number[], temper = 1): PairedScoreState {
  requireTemper(temper)
  if (pairs === 0) return state
  return { strata: state.strata + 1, logMixture: advanceMixture(state.logMixture, state.strata, logBets, temper) }
}

/** Natural logarithm of the evidence. */
export function logEvidencePairedScores(state: PairedScoreState): number {
  return state.strata === 0 ? 0 : logMean(state.logMixture)
}

/** Σ ln E per κ over these pairs: additive, so panes and sources are summed. */
export function pairedLogBets(pairs: PairedForecasts, loss: PairedLoss, margin: number): readonly number[] {
  requirePairs(pairs, margin)
  const sums = new Float64Array(PAIRED_STAKES.length)
  for (const [row, outcome] of pairs.outcome.entries())
    addPairedBets(sums, pairs.candidate[row]!, pairs.control[row]!, outcome, loss, margin)
  return [...sums]
}

/** Adds ln E per κ of one pair of forecasts, both in [0, 1], to the sums. Returns how much more the candidate lost. */
export function addPairedBets(
  sums: Float64Array,
  candidate: number,
  control: number,
  outcome: number,
  loss: PairedLoss,
  margin: number,
): number {
  const difference = lossOf(loss, candidate, outcome) - lossOf(loss, control, outcome)
  const favourable = candidate > control ? 1 : 0
  const atStake = lossOf(loss, control, favourable) - lossOf(loss, candidate, favourable) + margin
  if (atStake <= 0) return difference
  const won = (difference - margin) / atStake
  for (let index = 0; index < sums.length; index++) {
    sums[index]! += Math.log1p(Math.min(STAKE_MAX, PAIRED_STAKES[index]! * atStake) * won)
  }
  return difference
}

function lossOf({ kind, floor }: PairedLoss, forecast: number, outcome: number): number {
  const said = outcome === 1 ? forecast : 1 - forecast
  return kind === 'brier' ? (1 - said) ** 2 : -Math.log(Math.min(1 - floor, Math.max(floor, said)))
}

function requirePairs({ candidate, control, outcome }: PairedForecasts, margin: number): void {
  requireNonNegative(margin, 'margin')
  if (candidate.length !== outcome.length || control.length !== outcome.length) {
    throw new RangeError(`candidate, control and outcome must be equally long: ${candidate.length}, ${control.length}, ${outcome.length}`)
  }
  outcome.forEach((value, row) => {
    requireShare(candidate[row]!, `candidate[${row}]`)
    requireShare(control[row]!, `control[${row}]`)
    if (value !== 0 && value !== 1) throw new RangeError(`outcome[${row}] must be 0 or 1, not ${value}`)
  })
}

/** At the edge of the null: forecasts wrong by the same amount, on opposite sides of the truth. Harm: the candidate alone is wrong. */
export const pairedScoresDetector: Detector<PairedScoreState, PairedForecasts> = {
  name: 'paired-scores',
  empty: emptyPairedScores,
  observe: (state, pairs) => observePairedScores(state, pairs, PAIRED_BRIER),
  logEvidence: logEvidencePairedScores,
  sample: samplePairs,
  nothing: { candidate: [], control: [], outcome: [] },
  findsWithin: 30,
  stateIsJson: true,
}

const SAMPLE_ERROR = 0.12

function samplePairs(random: Random, truth: Truth): PairedForecasts {
  const rows = Array.from({ length: 100 }, () => {
    const chance = SAMPLE_ERROR + (1 - 2 * SAMPLE_ERROR) * random() ** 2
    const error = random() < 0.5 ? SAMPLE_ERROR : -SAMPLE_ERROR
    return { candidate: chance + error, control: truth === 'healthy' ? chance - error : chance, outcome: random() < chance ? 1 : 0 }
  })
  return {
    candidate: rows.map(({ candidate }) => candidate),
    control: rows.map(({ control }) => control),
    outcome: rows.map(({ outcome }) => outcome),
  }
}
