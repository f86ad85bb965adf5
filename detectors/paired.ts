/**
 * Paired outcomes: both versions answered the same requests (shadow); is the candidate wrong where the control was right more often
 * than the other way round?
 *
 * Idea. Pairs on which both were right or both wrong say nothing about the difference. Of the others, the discordant ones, half fall on
 * either version when the versions err equally often, whatever the base rate, the season or the mix of requests. Bet that more fall on
 * the candidate. Beside it, how often the two disagree at all, with an interval: most shadow runs are about that number.
 * Formula. With b pairs that only the candidate got wrong and c that only the control did: ln L_ψ = b ln ψ − (b + c) ln((1 + ψ)/2);
 * start-mixed, averaged over the grid of ψ. With a margin m, the share of pairs by which the candidate may be wrong more often, a pair that
 * only the candidate got wrong pays 1 + λ(1 − m)/(1 + m), one that only the control did 1 − λ, any other 1 − λm/(1 + m), with
 * λ = (ψ − 1)/(ψ + 1): at m = 0 the same as above. 'fewer' bets on the control's side: evidence that the candidate is better. The
 * disagreement rate has the beta-binomial confidence sequence.
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α while, given the pairs matured before, a discordant pair is at most as likely to be the
 * candidate's error as the control's (with a margin: while the candidate is wrong on at most m more of the pairs). At ½ the test is exact:
 * no estimate, no normal law. The interval misses at any time with
 * probability at most α.
 * Only matured pairs, aligned to one horizon, in the order in which they matured: a factor per pair multiplies up to evidence only when
 * each is fair given all factors before it. Forecast i's outcome comes a horizon later; multiply in the order of the forecasts and the
 * next factors are placed before it is known, so their product is no supermartingale, and early labels (the quick refunds, the crashes)
 * would be judged before the slow ones: a sample of one kind of outcome. Pairs of one unit, or of one storm, mature together and move
 * together: give their design effect as `temper`.
 * Cost. One multiply-add per ψ and stratum. Blind to: errors both make alike, and how wrong a wrong answer is (paired-scores.ts).
 * Source. McNemar (1947) for the discordant pairs; Ville (1939); start mixing, Shin, Ramdas & Rinaldo (2022); Henzi & Ziegel
 * (Biometrika 2022) and its correction, 109(4):1181, for lagged products.
 */
import { bernoulliInterval, type Interval } from './confidence-sequence.ts'
import type { Detector, Truth } from './detector.ts'
import { logMean } from './math/log-sum-exp.ts'
import { binomial, multinomial, type Random } from './math/random.ts'
import { requireCount, requirePart, requireShare, requireTemper } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'

/** Of one stratum of matured pairs. */
export interface PairedCounts {
  readonly pairs: number
  /** Pairs on which the two decided differently, whoever was right. */
  readonly disagreements: number
  /** Pairs that only one of the two got wrong. */
  readonly onlyCandidateWrong: number
  readonly onlyControlWrong: number
}

export interface PairedState {
  readonly strata: number
  /** ln M per odds ratio. */
  readonly logMixture: readonly number[]
  /** Of all strata: what the interval is read off. */
  readonly pairs: number
  readonly disagreements: number
}

/** Logarithms of the odds betted on: finer than for two arms, since pairs carry no noise of the mix of requests. */
const STEPS: readonly number[] = [0.1, 0.2, 0.5, 1.1, 2.3]

export function emptyPaired(): PairedState {
  return { strata: 0, logMixture: emptyMixture(STEPS.length), pairs: 0, disagreements: 0 }
}

/** Adds one stratum; one without pairs changes nothing. `temper` ≥ 1: see start-mixture.ts. */
export function observePaired(
  state: PairedState,
  counts: PairedCounts,
  direction: 'more' | 'fewer' = 'more',
  temper = 1,
  margin = 0,
): PairedState {
  requirePaired(counts)
  requireShare(margin, 'margin')
  requireTemper(temper)
  if (counts.pairs === 0) return state
  const { onlyCandidateWrong, onlyControlWrong } = counts
  const [accused, other] = direction === 'more' ? [onlyCandidateWrong, onlyControlWrong] : [onlyControlWrong, onlyCandidateWrong]
  const others = counts.pairs - accused - other
  const logBets = STEPS.map((step) => logBet(step, margin, accused, other, others))
  return {
    strata: state.strata + 1,
    logMixture: advanceMixture(state.logMixture, state.strata, logBets, temper),
    pairs: state.pairs + counts.pairs,
    disagreements: state.disagreements + counts.disagreements,
  }
}

/** ln of the product of one stake's bets over these pairs. */
function logBet(step: number, margin: number, accused: number, other: number, others: number): number {
  if (margin === 0) return accused * step - (accused + other) * Math.log1p(Math.expm1(step) / 2)
  const stake = Math.tanh(step / 2)
  const scaled = stake / (1 + margin)
  return accused * Math.log1p(scaled * (1 - margin)) + other * Math.log1p(-stake) + others * Math.log1p(-scaled * margin)
}

/** Natural logarithm of the evidence. */
export function logEvidencePaired(state: PairedState): number {
  return state.strata === 0 ? 0 : logMean(state.logMixture)
}

/** Rows at which the interval is tuned to be narrow. Fixed beforehand, never fitted. */
const ROWS_TUNED = 1000

/** How often the two disagree, with an interval that may be read at any time. NaN before the first pair. */
export function disagreementRate(state: Pick<PairedState, 'pairs' | 'disagreements'>, alpha: number): Interval & { readonly rate: number } {
  return { rate: state.disagreements / state.pairs, ...bernoulliInterval(state.disagreements, state.pairs, alpha, ROWS_TUNED) }
}

function requirePaired(counts: PairedCounts): void {
  requireCount(counts.pairs, 'pairs')
  requirePart(counts.disagreements, counts.pairs, 'disagreements', 'pairs')
  requireCount(counts.onlyCandidateWrong, 'onlyCandidateWrong')
  requireCount(counts.onlyControlWrong, 'onlyControlWrong')
  const discordant = counts.onlyCandidateWrong + counts.onlyControlWrong
  requirePart(discordant, counts.disagreements, 'onlyCandidateWrong + onlyControlWrong', 'disagreements')
}

/** At the edge of the null: the two disagree on 6 % and are wrong equally often. Harm: two thirds of it is the candidate's error. */
export const pairedDetector: Detector<PairedState, PairedCounts> = {
  name: 'paired-outcomes',
  empty: emptyPaired,
  observe: (state, counts) => observePaired(state, counts),
  logEvidence: logEvidencePaired,
  sample: samplePaired,
  nothing: { pairs: 0, disagreements: 0, onlyCandidateWrong: 0, onlyControlWrong: 0 },
  findsWithin: 30,
  stateIsJson: true,
}

function samplePaired(random: Random, truth: Truth, index: number): PairedCounts {
  const pairs = 200
  const disagreements = binomial(random, pairs, 0.06 * (1 + 0.5 * Math.sin(index / 10)))
  const [onlyCandidateWrong, onlyControlWrong] = multinomial(
    random,
    disagreements,
    truth === 'healthy' ? [0.45, 0.45, 0.1] : [0.6, 0.3, 0.1],
  )
  return { pairs, disagreements, onlyCandidateWrong: onlyCandidateWrong!, onlyControlWrong: onlyControlWrong! }
}
