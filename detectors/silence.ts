/**
 * Silence: has the candidate stopped answering, though it is commanded to take a share of the traffic?
 *
 * Idea. A dead candidate writes no errors; it writes nothing. Count what arrived from it among all that arrived and bet that its
 * share has fallen to .3, .1 or .02 of the commanded one. A mere run of "no candidate since the last one" is no test: it grows long
 * on every healthy stream sooner or later.
 * Formula. ln L_f = x ln f + (n − x) ln((1 − f p)/(1 − p)) for x of n at commanded share p; start-mixed, averaged over f.
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α while each request goes to the candidate, and arrives, with probability at least p.
 * Cost. Three multiply-adds per stratum. Blind to: a candidate that answers slowly; one that never had a share. Feed it only slices
 * that every partition has passed: a late partition is not a silent candidate.
 * Source. Wald (1945); Ville (1939); start mixing, Shin, Ramdas & Rinaldo (2022).
 */
import type { Detector } from './detector.ts'
import { logMean } from './math/log-sum-exp.ts'
import { binomial } from './math/random.ts'
import { requireCount, requirePart, requireShare } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'

export interface ArrivedCounts {
  /** Requests that arrived from the candidate, and from both arms. */
  readonly arrived: number
  readonly total: number
  /** The candidate's commanded share, 0 to 1. */
  readonly share: number
}

export interface SilenceState {
  readonly strata: number
  readonly logMixture: readonly number[]
}

/** What is left of the commanded share, per bet. */
const REMAINDERS: readonly number[] = [0.02, 0.1, 0.3]
/** A commanded share above this counts as this: at 1 a single stray request of the control would be infinite evidence. */
const SHARE_MAX = 0.999

export function emptySilence(): SilenceState {
  return { strata: 0, logMixture: emptyMixture(REMAINDERS.length) }
}

/** Adds one stratum; one without requests, or without a commanded share, changes nothing. */
export function observeSilence(state: SilenceState, counts: ArrivedCounts): SilenceState {
  requireCount(counts.total, 'total')
  requirePart(counts.arrived, counts.total, 'arrived', 'total')
  requireShare(counts.share, 'share')
  if (counts.total === 0 || counts.share === 0) return state
  const share = Math.min(counts.share, SHARE_MAX)
  const missed = counts.total - counts.arrived
  const logBets = REMAINDERS.map((left) => counts.arrived * Math.log(left) + missed * (Math.log1p(-left * share) - Math.log1p(-share)))
  return { strata: state.strata + 1, logMixture: advanceMixture(state.logMixture, state.strata, logBets) }
}

/** Natural logarithm of the evidence that the candidate has gone silent. */
export function logEvidenceSilence(state: SilenceState): number {
  return state.strata === 0 ? 0 : logMean(state.logMixture)
}

/** Two per cent commanded; harm: nothing arrives. */
export const silenceDetector: Detector<SilenceState, ArrivedCounts> = {
  name: 'silence',
  empty: emptySilence,
  observe: observeSilence,
  logEvidence: logEvidenceSilence,
  sample: (random, truth) => ({ arrived: truth === 'healthy' ? binomial(random, 50, 0.02) : 0, total: 50, share: 0.02 }),
  nothing: { arrived: 0, total: 0, share: 0.02 },
  findsWithin: 8,
  stateIsJson: true,
}
