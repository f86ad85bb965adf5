/**
 * Bounded-mean evidence: is a bounded cost v in [0, 1] (log score, Brier score, clipped loss) higher on the candidate?
 *
 * Idea. If the arm does not matter, the candidate's values are a draw without replacement from all values of the stratum. Bet
 * e^{λ Σ v} on the candidate's sum; Hoeffding's theorem bounds its mean by that of a draw with replacement, for which sums suffice.
 *
 * Formula. With n candidate and m control rows, u = v − margin on the candidate and u = v on the control:
 *   ln L_λ = λ Σ_c u − n ln( (Σ_c e^{λu} + Σ_b e^{λu}) / (n + m) ),   start-mixed and averaged over a grid of λ.
 * The margin needs no new sums: Σ_c u = Σ_c v − n·margin and Σ_c e^{λu} = e^{−λ·margin} Σ_c e^{λv}.
 *
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α, exactly, while every row's cost on the candidate exceeds what the same row would have cost
 * on the control by at most the margin (or, for independent rows, while the shifted costs are stochastically no larger). Why: L falls
 * when any control value rises, so replace each control value by the row's own shifted candidate value; that can only raise L, and
 * leaves an exchangeable stratum, for which the mean of L is at most 1.
 * What is promised when only the MEANS differ by no more than the margin: L still loses on average, for
 * ln((n A + m B)/(n + m)) ≥ λ (mean of u on the candidate) by Jensen's inequality in both arms; but if the candidate's values spread
 * wider than the control's at a small share, the level moves from α to about α^(variance of control / variance of candidate).
 * So judge with a margin: at twice the variance, a margin of a twentieth of the deviation buys all of this back.
 *
 * Cost. One logarithm per λ and stratum; two slots per λ and one sum. Power: the bound costs a factor of about 1/(1 − share), so
 * little while the candidate is small and twofold at one half. Blind to: spread without a shift of the mean; harm to both arms.
 * Source. Hoeffding (1963), Theorem 4; Ville (1939); Shin, Ramdas & Rinaldo (2022).
 */
import type { Detector, Truth } from './detector.ts'
import { logWeightedSum } from './math/log-sum-exp.ts'
import type { Random } from './math/random.ts'
import { requireCount, requireFinite, requireNonNegative, requireTemper } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'
import { trafficAt } from './math/traffic.ts'

export interface BoundedArms {
  readonly candidateRows: number
  readonly controlRows: number
  readonly candidateSum: number
  /** Σ e^{λv} per λ. */
  readonly candidateExpSums: readonly number[]
  readonly controlExpSums: readonly number[]
}

export interface BoundedState {
  readonly strata: number
  /** ln M per λ. */
  readonly logMixture: readonly number[]
}

/** From broad values with small differences (Brier, deviation near .25) to narrow ones (log score over a low floor). */
export const DEFAULT_LAMBDAS: readonly number[] = [0.25, 0.5, 1, 2, 4, 8]

export function emptyBounded(lambdas: readonly number[]): BoundedState {
  return { strata: 0, logMixture: emptyMixture(lambdas.length) }
}

/**
 * Adds one stratum. `margin`: by how much the candidate's cost may lie above the control's, in units of v. `temper` ≥ 1 divides every
 * ln L: L^(1/temper) still has a mean of at most 1 (Jensen); for rows that move together in units, with their design effect as temper,
 * the level is calibrated by simulation.
 */
export function observeBounded(
  state: BoundedState,
  arms: BoundedArms,
  margin: number,
  lambdas: readonly number[],
  temper = 1,
): BoundedState {
  requireBounded(arms, lambdas)
  requireNonNegative(margin, 'margin')
  requireTemper(temper)
  if (arms.candidateRows === 0 || arms.controlRows === 0) return state
  const logBets = lambdas.map((lambda, index) => boundedLogBet(arms, margin, lambda, index))
  return { strata: state.strata + 1, logMixture: advanceMixture(state.logMixture, state.strata, logBets, temper) }
}

/** Natural logarithm of the evidence. */
export function logEvidenceBounded(state: BoundedState, lambdas: readonly number[]): number {
  return state.strata === 0 ? 0 : logWeightedSum(state.logMixture, new Array<number>(lambdas.length).fill(1 / lambdas.length))
}

/** ln L of one stratum at `lambda`, whose sums stand at `index`. */
export function boundedLogBet(arms: BoundedArms, margin: number, lambda: number, index: number): number {
  const rows = arms.candidateRows + arms.controlRows
  const candidate = Math.exp(-lambda * margin) * arms.candidateExpSums[index]!
  const mean = (candidate + arms.controlExpSums[index]!) / rows
  return lambda * (arms.candidateSum - arms.candidateRows * margin) - arms.candidateRows * Math.log(mean)
}

function requireBounded(arms: BoundedArms, lambdas: readonly number[]): void {
  requireCount(arms.candidateRows, 'candidateRows')
  requireCount(arms.controlRows, 'controlRows')
  requireFinite(arms.candidateSum, 'candidateSum')
  requireSums(arms.candidateExpSums, arms.candidateRows, lambdas, 'candidateExpSums')
  requireSums(arms.controlExpSums, arms.controlRows, lambdas, 'controlExpSums')
  const slack = 1e-6 * (1 + arms.candidateRows)
  if (arms.candidateSum < -slack || arms.candidateSum > arms.candidateRows + slack) {
    throw new RangeError(`candidateSum must lie between 0 and candidateRows: ${arms.candidateSum} of ${arms.candidateRows}`)
  }
}

/** With v in [0, 1] each sum lies between the rows and e^λ times the rows; a hair of rounding is allowed. */
function requireSums(sums: readonly number[], rows: number, lambdas: readonly number[], field: string): void {
  if (sums.length !== lambdas.length) throw new RangeError(`${field} must have one sum per λ: ${sums.length} for ${lambdas.length}`)
  sums.forEach((sum, index) => {
    const most = rows * Math.exp(lambdas[index]!)
    const slack = 1e-6 * (1 + most)
    if (!(sum >= rows - slack && sum <= most + slack)) {
      throw new RangeError(`${field}[${index}] must lie between the rows and e^λ times the rows, not ${sum} for ${rows} rows`)
    }
  })
}

/** Log scores of a calibrated model, in [0, 1]; harm: the same outcomes scored with the evidence thrown away one time in four. */
export const boundedMeanDetector: Detector<BoundedState, BoundedArms> = {
  name: 'bounded-mean',
  empty: () => emptyBounded(DEFAULT_LAMBDAS),
  observe: (state, arms) => observeBounded(state, arms, SAMPLE_MARGIN, DEFAULT_LAMBDAS),
  logEvidence: (state) => logEvidenceBounded(state, DEFAULT_LAMBDAS),
  sample: sampleBounded,
  nothing: { candidateRows: 0, controlRows: 2, candidateSum: 0, candidateExpSums: [0, 0, 0, 0, 0, 0], controlExpSums: [2, 2, 2, 2, 2, 2] },
  findsWithin: 65,
  stateIsJson: true,
}

const SAMPLE_MARGIN = 0.005

function sampleBounded(random: Random, truth: Truth, index: number): BoundedArms {
  const { candidateRequests, controlRequests, season } = trafficAt(random, index)
  const shift = truth === 'healthy' ? SAMPLE_MARGIN : SAMPLE_MARGIN + 0.05
  const cost = () => 0.8 * random() ** (4 - season)
  const candidate = Array.from({ length: candidateRequests }, () => cost() + shift)
  const control = Array.from({ length: controlRequests }, cost)
  const expSums = (values: readonly number[]) => DEFAULT_LAMBDAS.map((lambda) => values.reduce((sum, v) => sum + Math.exp(lambda * v), 0))
  return {
    candidateRows: candidateRequests,
    controlRows: controlRequests,
    candidateSum: candidate.reduce((sum, v) => sum + v, 0),
    candidateExpSums: expSums(candidate),
    controlExpSums: expSums(control),
  }
}
