/**
 * Sample ratio: does the candidate receive the share of units that was commanded?
 *
 * Idea. First exposures of units fall on the candidate like coins with the commanded share. Bet on shares above and below it.
 * A broken splitter makes arms that may not be compared: a breach holds and explains; it never masks a rollback, since two-arm
 * evidence does not use the split. The same evidence shows when a command has taken effect.
 * Formula. ln L_θ = x θ − n ln(1 − p + p e^θ) for x of n at commanded share p, θ on both sides of 0; start-mixed, averaged over θ.
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α while each first exposure goes to the candidate with probability p, whatever went before.
 * Cost. One multiply-add per θ and stratum. Blind to: a splitter that is wrong in composition but right in number.
 * Feed it only strata that lie wholly under one command: traffic in between belongs to neither share.
 * Source. Sequential likelihood ratios, Wald (1945); Ville (1939); start mixing, Shin, Ramdas & Rinaldo (2022).
 */
import type { Detector } from './detector.ts'
import { logMean } from './math/log-sum-exp.ts'
import { binomial } from './math/random.ts'
import { requireCount, requirePart, requireShare } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'

export interface SplitCounts {
  /** First exposures that went to the candidate, and all of them. */
  readonly candidate: number
  readonly total: number
  /** The candidate's commanded share, 0 to 1. */
  readonly share: number
}

export interface SampleRatioState {
  readonly strata: number
  readonly logMixture: readonly number[]
}

const STEPS = [0.05, 0.1, 0.2, 0.5, 1.1, 2.3, 4.6]
/** Logarithms of the odds ratios betted on. */
const TILTS: readonly number[] = [...STEPS, ...STEPS.map((step) => -step)]

export function emptySampleRatio(): SampleRatioState {
  return { strata: 0, logMixture: emptyMixture(TILTS.length) }
}

/** Adds one stratum; one without exposures changes nothing. */
export function observeSampleRatio(state: SampleRatioState, counts: SplitCounts): SampleRatioState {
  requireCount(counts.total, 'total')
  requirePart(counts.candidate, counts.total, 'candidate', 'total')
  requireShare(counts.share, 'share')
  if (counts.total === 0) return state
  const logBets = TILTS.map((tilt) => counts.candidate * tilt - counts.total * Math.log1p(counts.share * Math.expm1(tilt)))
  return { strata: state.strata + 1, logMixture: advanceMixture(state.logMixture, state.strata, logBets) }
}

/** Natural logarithm of the evidence that the split is not the commanded one. */
export function logEvidenceSampleRatio(state: SampleRatioState): number {
  return state.strata === 0 ? 0 : logMean(state.logMixture)
}

/** Five per cent commanded; harm: seven arrive. */
export const sampleRatioDetector: Detector<SampleRatioState, SplitCounts> = {
  name: 'sample-ratio',
  empty: emptySampleRatio,
  observe: observeSampleRatio,
  logEvidence: logEvidenceSampleRatio,
  sample: (random, truth) => ({ candidate: binomial(random, 200, truth === 'healthy' ? 0.05 : 0.07), total: 200, share: 0.05 }),
  nothing: { candidate: 0, total: 0, share: 0.05 },
  findsWithin: 30,
  stateIsJson: true,
}
