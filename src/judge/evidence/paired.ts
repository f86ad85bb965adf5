/**
 * Answers to one request, side by side: in a shadow the candidate answers what the control was asked. Where both are right, or both wrong,
 * nothing is told of the difference; so this finds harm with far fewer requests than two arms that are taken for independent.
 *
 * It is asked while the candidate is mirrored, of pairs that mature meanwhile, and forgotten when the stage ends: on a rung a request has
 * one answer. Requests of one user come again with the answers they had; with units bets are divided by the largest design effect of
 * anything that a user brings along, inputs included, since nothing is counted that would tell of the pairs' own.
 */
import { bernoulliInterval, effectInterval, type Interval } from '../../../detectors/confidence-sequence.ts'
import { disagreementRate, emptyPaired, logEvidencePaired, observePaired } from '../../../detectors/paired.ts'
import { emptyPairedScores, logEvidencePairedScores, observePairedBets } from '../../../detectors/paired-scores.ts'
import { retempered } from '../../../detectors/tempering.ts'
import type { Block, Guardrail, ModelLayout } from '../../policy/layout.ts'
import { blocksRead } from './events.ts'
import {
  CANDIDATE,
  currentStage,
  type EvidenceState,
  type PairedScoreSeries,
  type PairedSeries,
  type PairTally,
  type Series,
} from './state.ts'
import type { SlotRow } from './strata.ts'
import { largestDesignEffect, placeboFired } from './units.ts'
import { about, brief, percent } from './words.ts'

const PAIRED_KINDS: readonly Guardrail['kind'][] = ['disagreement', 'paired', 'paired-log-score', 'paired-brier']
const NO_PAIRS: PairTally = { mirrored: 0, pairs: 0, disagreements: 0, undecided: 0, onlyCandidateWrong: 0, onlyControlWrong: 0 }

/** Rows of both versions at which an interval is tuned to be narrow. Fixed beforehand, never fitted. */
const ROWS_TUNED = 2000
/** With fewer errors of one alone the normal law does not hold. */
const RARE_EVENTS = 5

export function isPaired(guardrail: Guardrail): boolean {
  return PAIRED_KINDS.includes(guardrail.kind)
}

export function isPairedScore({ kind }: Guardrail): boolean {
  return kind === 'paired-log-score' || kind === 'paired-brier'
}

export function isOfPairs(series: Series): series is PairedSeries | PairedScoreSeries {
  return series.kind === 'paired' || series.kind === 'paired-scores'
}

/** The candidate answers copies of the control's requests in the stage that runs now. */
export function isMirrored(state: EvidenceState): boolean {
  return state.mirroredStage === currentStage(state)
}

type Head = Pick<Series, 'guardrail' | 'scope' | 'digest' | 'strata'>

export function emptyOfPairs(guardrail: Guardrail, head: Head): PairedSeries | PairedScoreSeries {
  if (!isPairedScore(guardrail)) return { ...head, kind: 'paired', ...nothingSeen() }
  return { ...head, kind: 'paired-scores', ...noScoresSeen() }
}

/** Another stage, other requests: nothing of the one before is kept. */
export function startPairsStage(series: PairedSeries | PairedScoreSeries): Series {
  return series.kind === 'paired' ? { ...series, strata: 0, ...nothingSeen() } : { ...series, strata: 0, ...noScoresSeen() }
}

function nothingSeen() {
  return { evidence: emptyPaired(), tally: NO_PAIRS, temper: 1 }
}

function noScoresSeen() {
  return { evidence: emptyPairedScores(), pairs: 0, sum: 0, sumSquares: 0, temper: 1 }
}

export function logEvidenceOfPairs(series: PairedSeries | PairedScoreSeries): number {
  return series.kind === 'paired' ? logEvidencePaired(series.evidence) : logEvidencePairedScores(series.evidence)
}

// ── a closed stratum ───────────────────────────────────────────────────────────────────────────────────────────────────────

/** Adds the pairs of one stratum of a mirrored stage: `[candidate, control]` in the whole population. */
export function observePairs(
  series: PairedSeries | PairedScoreSeries,
  guardrail: Guardrail,
  rows: readonly [SlotRow, SlotRow],
  state: EvidenceState,
  model: ModelLayout,
): Series {
  const temper = temperNow(guardrail, state, model)
  const row = rows[CANDIDATE]
  if (series.kind === 'paired-scores') return observeScores(series, guardrail, row, temper, model)
  const stratum = tallyOf(guardrail, row, model)
  const tally = together(series.tally, stratum)
  if (guardrail.kind === 'disagreement' || stratum.pairs === 0 || !Number.isFinite(temper))
    return { ...series, strata: series.strata + 1, tally }
  const held = heldAt(series, temper)
  return {
    ...series,
    strata: series.strata + 1,
    tally,
    evidence: observePaired(held.evidence, stratum, 'more', temper, guardrail.margin),
    temper: held.temper,
  }
}

function observeScores(
  series: PairedScoreSeries,
  guardrail: Guardrail,
  { counts, sums }: SlotRow,
  temper: number,
  model: ModelLayout,
): Series {
  const block = blockIn(guardrail, model, 'paired-scores')
  if (block === undefined) return series
  const pairs = counts[block.countOffset]!
  const [at, end] = [block.sumOffset, block.sumOffset + block.sumSlots]
  const seen = {
    strata: series.strata + 1,
    pairs: series.pairs + pairs,
    sum: series.sum + sums[at]!,
    sumSquares: series.sumSquares + sums[at + 1]!,
  }
  if (!Number.isFinite(temper)) return { ...series, ...seen }
  const held = heldAt(series, temper)
  const evidence = observePairedBets(held.evidence, pairs, [...sums.subarray(at + 2, end)], temper)
  return { ...series, ...seen, evidence, temper: held.temper }
}

/** Infinite while the design effect is not known, and once a placebo has shown that it is not to be believed: nothing is betted then. */
function temperNow({ chain }: Guardrail, state: EvidenceState, model: ModelLayout): number {
  if (!model.hasUnits) return 1
  return placeboFired(state, chain) === null ? largestDesignEffect([chain, 'exposure'], 'whole', state, model) : Number.POSITIVE_INFINITY
}

function heldAt<T extends PairedSeries | PairedScoreSeries>(
  { evidence, temper }: T,
  now: number,
): { evidence: T['evidence']; temper: number } {
  const stands = Math.max(temper, now)
  return { evidence: { ...evidence, logMixture: retempered(evidence.logMixture, temper, stands) }, temper: stands }
}

function tallyOf(guardrail: Guardrail, { counts }: SlotRow, model: ModelLayout): PairTally {
  const block = blockIn(guardrail, model, 'paired')
  if (block === undefined) return NO_PAIRS
  const requests = blockIn(guardrail, model, 'requests')
  const [pairs, disagreements, third, fourth] = [0, 1, 2, 3].map((slot) => counts[block.countOffset + slot]!) as [
    number,
    number,
    number,
    number,
  ]
  const mirrored = requests === undefined ? 0 : counts[requests.countOffset]!
  if (block.outcome === '') return { ...NO_PAIRS, mirrored, pairs, disagreements, undecided: third }
  return { ...NO_PAIRS, pairs, disagreements, onlyCandidateWrong: third, onlyControlWrong: fourth }
}

function blockIn(guardrail: Guardrail, model: ModelLayout, kind: Block['kind']): Block | undefined {
  return blocksRead(guardrail, model).find((block) => block.kind === kind)
}

function together(one: PairTally, other: PairTally): PairTally {
  return {
    mirrored: one.mirrored + other.mirrored,
    pairs: one.pairs + other.pairs,
    disagreements: one.disagreements + other.disagreements,
    undecided: one.undecided + other.undecided,
    onlyCandidateWrong: one.onlyCandidateWrong + other.onlyCandidateWrong,
    onlyControlWrong: one.onlyControlWrong + other.onlyControlWrong,
  }
}

// ── what is shown ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `rows` are pairs; events are those of the candidate alone and of the control alone. */
export interface PairEffect extends Interval {
  readonly estimate: number
  readonly pairs: number
  readonly candidateEvents: number
  readonly controlEvents: number
}

/** Of a disagreement its rate; else by how much the candidate does worse: share of pairs, or units of the loss. */
export function pairEffect(
  series: PairedSeries | PairedScoreSeries,
  guardrail: Guardrail,
  state: EvidenceState,
  model: ModelLayout,
): PairEffect {
  const alpha = model.plan.promotionAlpha
  const deff = model.hasUnits ? largestDesignEffect([guardrail.chain, 'exposure'], 'stage', state, model) : 1
  if (series.kind === 'paired-scores') return { ...meanEffect(series, alpha, deff), candidateEvents: 0, controlEvents: 0 }
  const { pairs, disagreements, onlyCandidateWrong, onlyControlWrong } = series.tally
  if (guardrail.kind === 'disagreement') {
    const interval = deff === 1 && pairs > 0 ? disagreementRate(series.tally, alpha) : shareInterval(disagreements, pairs, alpha, deff)
    return {
      estimate: disagreements / pairs,
      low: interval.low,
      high: interval.high,
      pairs,
      candidateEvents: disagreements,
      controlEvents: 0,
    }
  }
  const events = { candidateEvents: onlyCandidateWrong, controlEvents: onlyControlWrong }
  const mean = meanEffect(
    { pairs, sum: onlyCandidateWrong - onlyControlWrong, sumSquares: onlyCandidateWrong + onlyControlWrong },
    alpha,
    deff,
  )
  if (Math.min(onlyCandidateWrong, onlyControlWrong) >= RARE_EVENTS) return { ...mean, ...events }
  const [ours, theirs] = [onlyCandidateWrong, onlyControlWrong].map((count) => shareInterval(count, pairs, alpha / 2, deff))
  return { ...mean, ...events, low: ours!.low - theirs!.high, high: ours!.high - theirs!.low }
}

/** The mean difference over pairs. */
function meanEffect({ pairs, sum, sumSquares }: Pick<PairedScoreSeries, 'pairs' | 'sum' | 'sumSquares'>, alpha: number, deff: number) {
  const estimate = sum / pairs
  const variance = Math.max(0, sumSquares / pairs - estimate * estimate) / pairs
  const standardError = Math.sqrt(variance * deff)
  return { estimate, pairs, ...effectInterval({ estimate, standardError, candidateRows: pairs, controlRows: pairs }, alpha, ROWS_TUNED) }
}

/** As many independent pairs as these are worth, every rounding to the side that widens. */
function shareInterval(events: number, pairs: number, alpha: number, deff: number): Interval {
  const rows = Number.isFinite(deff) ? Math.floor(pairs / deff) : 0
  if (rows === 0) return { low: 0, high: 1 }
  const end = (count: number) => bernoulliInterval(Math.min(rows, count), rows, alpha, ROWS_TUNED / 2)
  return { low: end(Math.floor(events / deff)).low, high: end(Math.ceil(events / deff)).high }
}

export function pairUnit({ kind }: Guardrail): string {
  if (kind === 'paired-log-score') return 'nats'
  return kind === 'paired-brier' ? 'Brier' : 'share of pairs'
}

export function pairsInWords(series: PairedSeries | PairedScoreSeries, guardrail: Guardrail, state: EvidenceState): string {
  if (!isMirrored(state)) return 'judged in the shadow alone, where both versions answer one request'
  if (series.kind === 'paired-scores') return series.pairs === 0 ? NONE_MATURED : `${about(series.pairs)} pairs with an outcome`
  const { mirrored, pairs, disagreements, undecided, onlyCandidateWrong, onlyControlWrong } = series.tally
  if (guardrail.kind === 'disagreement') {
    const without = undecided > 0 ? `, in ${undecided} more one has no decision` : ''
    if (pairs + undecided === 0) return mirrored === 0 ? 'no pairs yet' : 'no pairs: both versions must log one request under the same id'
    return `${disagreements} of ${pairs} pairs; ${about(mirrored)} answers of the candidate${without}`
  }
  if (pairs === 0) return NONE_MATURED
  return `of ${pairs} pairs with an outcome only the candidate got ${onlyCandidateWrong} wrong, only the control ${onlyControlWrong}; they decided differently on ${disagreements}`
}

const NONE_MATURED = 'no pairs with an outcome yet'

/** What moved, when it has spoken. */
export function pairsMoved(
  series: PairedSeries | PairedScoreSeries,
  guardrail: Guardrail,
  state: EvidenceState,
  model: ModelLayout,
): string {
  const { estimate, pairs, candidateEvents, controlEvents } = pairEffect(series, guardrail, state, model)
  if (series.kind === 'paired-scores') {
    return `on the same requests the candidate's probabilities are worse by ${brief(estimate)} ${pairUnit(guardrail)} over ${pairs} pairs`
  }
  const [ours, theirs] = [candidateEvents, controlEvents].map((events) => percent(events / pairs))
  return `on the same requests the candidate alone is wrong in ${ours}, the control alone in ${theirs} of ${pairs} pairs`
}
