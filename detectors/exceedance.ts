/**
 * Exceedance evidence: does the candidate pass a threshold more often than the control? For latency.
 *
 * Idea. "Slower" may mean the middle or the tail. Each threshold (the control's q50, q90, q95, q99 when the stage began, or the
 * service level promised) makes an event, "slower than that"; time-outs and errors count as over. Each gets two-arm evidence with its
 * own margin, and the evidence is their plain mean. Thresholds must be fixed before the strata they judge.
 * Formula. E = (1/Q) Σ_q E_q, E_q from two-arm.ts, direction `more`.
 * Guarantee. Means of e-processes are e-processes: P(evidence ever ≥ 1/α) ≤ α while no threshold is passed more often than its margin allows.
 * Cost. Q times two-arm. Blind to: what happens between two thresholds, and to how far beyond one.
 * Source. As two-arm.ts.
 */
import type { Detector } from './detector.ts'
import { logMean } from './math/log-sum-exp.ts'
import type { Random } from './math/random.ts'
import { requireCount, requirePart } from './math/refuse.ts'
import { sampleNested } from './math/traffic.ts'
import { DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm, type TwoArmGrid, type TwoArmState } from './two-arm.ts'

export interface ExceedanceArms {
  readonly candidateRequests: number
  readonly controlRequests: number
  /** Requests over each threshold. */
  readonly candidateOver: readonly number[]
  readonly controlOver: readonly number[]
}

/** One two-arm state per threshold. */
export interface ExceedanceState {
  readonly thresholds: readonly TwoArmState[]
}

export function emptyExceedance(thresholds: number, grid: TwoArmGrid): ExceedanceState {
  return { thresholds: Array.from({ length: thresholds }, () => emptyTwoArm(grid)) }
}

/** `logMargins[q]` = ln ψ₀ of threshold q. */
export function observeExceedance(
  state: ExceedanceState,
  arms: ExceedanceArms,
  logMargins: readonly number[],
  grid: TwoArmGrid,
): ExceedanceState {
  const { candidateRequests, controlRequests, candidateOver, controlOver } = arms
  requireOver(candidateOver, candidateRequests, state.thresholds.length, 'candidate')
  requireOver(controlOver, controlRequests, state.thresholds.length, 'control')
  const thresholds = state.thresholds.map((threshold, index) => {
    const events = { candidateRequests, controlRequests, candidateEvents: candidateOver[index]!, controlEvents: controlOver[index]! }
    return observeTwoArm(threshold, events, logMargins[index] ?? 0, 'more', grid)
  })
  return thresholds.every((threshold, index) => threshold === state.thresholds[index]) ? state : { thresholds }
}

/** Natural logarithm of the evidence: the mean over thresholds. */
export function logEvidenceExceedance(state: ExceedanceState, grid: TwoArmGrid): number {
  return logMean(state.thresholds.map((threshold) => logEvidenceTwoArm(threshold, grid)))
}

function requireOver(over: readonly number[], requests: number, thresholds: number, arm: 'candidate' | 'control'): void {
  requireCount(requests, `${arm}Requests`)
  if (over.length !== thresholds) throw new RangeError(`${arm}Over must have ${thresholds} thresholds, not ${over.length}`)
  over.forEach((count, index) => {
    requirePart(count, requests, `${arm}Over[${index}]`, `${arm}Requests`)
  })
}

const SAMPLE_RATES = [0.5, 0.1, 0.05, 0.01]

/** Latency over the control's q50, q90, q95, q99; harm: twice as many requests beyond the last three. */
export const exceedanceDetector: Detector<ExceedanceState, ExceedanceArms> = {
  name: 'exceedance',
  empty: () => emptyExceedance(SAMPLE_RATES.length, DEFAULT_GRID),
  observe: (state, arms) => observeExceedance(state, arms, [0, 0, 0, 0], DEFAULT_GRID),
  logEvidence: (state) => logEvidenceExceedance(state, DEFAULT_GRID),
  sample: (random, truth, index) => sampleExceedance(random, index, truth === 'healthy' ? SAMPLE_RATES : [0.5, 0.2, 0.1, 0.02]),
  nothing: { candidateRequests: 90, controlRequests: 0, candidateOver: [40, 9, 4, 1], controlOver: [0, 0, 0, 0] },
  findsWithin: 60,
  stateIsJson: true,
}

function sampleExceedance(random: Random, index: number, candidateRates: readonly number[]): ExceedanceArms {
  return sampleNested(random, index, candidateRates, SAMPLE_RATES)
}
