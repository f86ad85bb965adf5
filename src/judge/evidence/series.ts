/**
 * One guardrail in one scope: which detector it feeds, what a closed stratum adds, what its evidence is worth.
 *
 * | guardrail | detector | direction |
 * |---|---|---|
 * | error rate, latency (mean over thresholds), wrong outcomes | two-arm | more |
 * | missing, unseen (mean over features) | two-arm | both |
 * | log score, Brier | bounded mean | worse |
 * | feature drift (mean over features), score drift | distribution | both |
 */
import { emptyBounded, logEvidenceBounded, observeBounded } from '../../../detectors/bounded-mean.ts'
import { emptyDistribution, observeDistribution } from '../../../detectors/distribution.ts'
import { emptyMeanDifference, emptyRiskDifference, observeMeanDifference, observeRiskDifference } from '../../../detectors/effects.ts'
import { logMarginFromPoints, logMarginFromPointsFewer } from '../../../detectors/margin.ts'
import { logMean, logSumExp } from '../../../detectors/math/log-sum-exp.ts'
import { deviationOfRate } from '../../../detectors/risk-budget.ts'
import { type Arms, DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../../detectors/two-arm.ts'
import type { Block, Guardrail, ModelLayout } from '../../policy/layout.ts'
import { armsOf, blocksRead, digestOf, eventNames, isTwoSided, latencyBlock, latencyKey, orderedBins, overThreshold } from './events.ts'
import {
  CANDIDATE,
  CONTROL,
  type EventEvidence,
  type EventSeries,
  type EvidenceState,
  type ScoreSeries,
  type Series,
  type ShapeEvidence,
  type ShapeSeries,
} from './state.ts'
import type { SlotRow } from './strata.ts'

/** Before so many control rows a margin in points cannot be converted: the stratum then only teaches the control's rate. */
const CONTROL_ROWS_FOR_MARGIN = 50

export const NO_ARMS: Arms = { candidateRequests: 0, controlRequests: 0, candidateEvents: 0, controlEvents: 0 }

export function emptySeries(guardrail: Guardrail, scope: string, model: ModelLayout): Series {
  const head = { guardrail: guardrail.name, scope, digest: digestOf(guardrail, model), strata: 0 }
  if (isScore(guardrail)) {
    const tallies = { candidateRows: 0, controlRows: 0, effect: emptyMeanDifference(), deviation: 0 }
    return { ...head, kind: 'score', evidence: emptyBounded(probabilityBlock(guardrail, model)?.lambdas ?? []), ...tallies }
  }
  if (isShape(guardrail)) return { ...head, kind: 'shape', blocks: blocksRead(guardrail, model).map(emptyShape) }
  const events = eventNames(guardrail, model, undefined).map((): EventEvidence => emptyEvent(guardrail))
  return { ...head, kind: 'events', events }
}

export function isScore(guardrail: Guardrail): boolean {
  return guardrail.kind === 'log-score' || guardrail.kind === 'brier'
}

export function isShape(guardrail: Guardrail): boolean {
  return guardrail.kind === 'feature-drift' || guardrail.kind === 'score-drift'
}

/** Natural logarithm of the e-value for harm: the mean over the series' events or features. */
export function logEvidenceOf(series: Series, lambdas: readonly number[]): number {
  if (series.kind === 'score') return logEvidenceBounded(series.evidence, lambdas)
  if (series.kind === 'shape') return logMeanOf(series.blocks.map(logEvidenceOfShape))
  return logMeanOf(series.events.map(logEvidenceOfEvent))
}

export function logEvidenceOfEvent(event: EventEvidence): number {
  const more = logEvidenceTwoArm(event.more, DEFAULT_GRID)
  return event.fewer ? logMeanOf([more, logEvidenceTwoArm(event.fewer, DEFAULT_GRID)]) : more
}

export function logEvidenceOfShape(shape: ShapeEvidence): number {
  return shape.logEvidence
}

/** ln of the mean of e-values given by their logarithms; no evidence when there are none. */
export function logMeanOf(logs: readonly number[]): number {
  return logs.length === 0 ? 0 : logMean(logs)
}

/** What surrounds a stratum when a series observes it. */
export interface Surroundings {
  readonly state: EvidenceState
  readonly model: ModelLayout
  readonly inStage: boolean
  /** Latency says nothing while caches are cold. */
  readonly settled: boolean
}

/** Adds one closed stratum of its scope. */
export function observeSeries(series: Series, guardrail: Guardrail, rows: readonly [SlotRow, SlotRow], around: Surroundings): Series {
  if (series.kind === 'score') return observeScore(series, guardrail, rows, around)
  if (series.kind === 'shape') return observeShape(series, guardrail, rows, around.model)
  return observeEvents(series, guardrail, rows, around)
}

/** Evidence of harm starts anew; what was learnt about the control, and the stage's effect, stays. */
export function resetSeries(series: Series, guardrail: Guardrail, model: ModelLayout): Series {
  const fresh = emptySeries(guardrail, series.scope, model)
  if (series.kind === 'events' && fresh.kind === 'events') {
    return { ...series, strata: 0, events: series.events.map((event) => ({ ...event, ...evidenceOnly(guardrail) })) }
  }
  if (series.kind === 'score' && fresh.kind === 'score') return { ...series, strata: 0, evidence: fresh.evidence }
  return fresh
}

/** A new stage: effects and their rows start anew, evidence goes on. */
export function startSeriesStage(series: Series): Series {
  if (series.kind === 'events') {
    const effect = emptyRiskDifference()
    return { ...series, events: series.events.map((event) => ({ ...event, stage: NO_ARMS, effect, deviation: 0 })) }
  }
  if (series.kind === 'score') return { ...series, candidateRows: 0, controlRows: 0, effect: emptyMeanDifference(), deviation: 0 }
  return series
}

// ── events ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function emptyEvent(guardrail: Guardrail): EventEvidence {
  return { ...evidenceOnly(guardrail), whole: NO_ARMS, stage: NO_ARMS, effect: emptyRiskDifference(), deviation: 0 }
}

function evidenceOnly(guardrail: Guardrail): Pick<EventEvidence, 'more' | 'fewer'> {
  return { more: emptyTwoArm(DEFAULT_GRID), fewer: isTwoSided(guardrail) ? emptyTwoArm(DEFAULT_GRID) : null }
}

function observeEvents(series: EventSeries, guardrail: Guardrail, rows: readonly [SlotRow, SlotRow], around: Surroundings): Series {
  const bins = around.state.thresholdBins[guardrail.name] ?? []
  if (guardrail.kind === 'latency' && (!around.settled || bins.length === 0)) return series
  const counts = armsOf(guardrail, around.model, rows, bins)
  const before = controlBefore(series, guardrail, bins, around)
  const events = series.events.map((event, index) => {
    const arms = counts[index]
    if (!arms || arms.candidateRequests === 0 || arms.controlRequests === 0) return arms ? learn(event, arms) : event
    return observeEvent(event, arms, before[index]!, guardrail, around.inStage)
  })
  return { ...series, strata: series.strata + 1, events }
}

interface Rate {
  readonly events: number
  readonly rows: number
}

/** The control's events and rows in the strata before; for latency read off its counts, since thresholds move with the stage. */
function controlBefore(series: EventSeries, guardrail: Guardrail, bins: readonly number[], around: Surroundings): readonly Rate[] {
  const block = guardrail.kind === 'latency' ? latencyBlock(guardrail, around.model) : undefined
  const counts = block && around.state.controlLatency[latencyKey(block, series.scope)]
  return series.events.map((event, index) => {
    if (block) return counts ? overThreshold(block, counts, bins[index]!) : { events: 0, rows: 0 }
    return { events: event.whole.controlEvents, rows: event.whole.controlRequests }
  })
}

function observeEvent(event: EventEvidence, arms: Arms, before: Rate, guardrail: Guardrail, inStage: boolean): EventEvidence {
  const learnt = learn(event, arms)
  const effect = inStage ? stageEffect(event, arms) : {}
  if (guardrail.margin > 0 && before.rows < CONTROL_ROWS_FOR_MARGIN) return { ...learnt, ...effect }
  const logMore = logMarginFromPoints(guardrail.margin, before.events, before.rows)
  const more = observeTwoArm(event.more, arms, logMore, 'more', DEFAULT_GRID)
  if (!event.fewer) return { ...learnt, ...effect, more }
  const logFewer = logMarginFromPointsFewer(guardrail.margin, before.events, before.rows)
  return { ...learnt, ...effect, more, fewer: observeTwoArm(event.fewer, arms, logFewer, 'fewer', DEFAULT_GRID) }
}

function learn(event: EventEvidence, arms: Arms): EventEvidence {
  return { ...event, whole: plus(event.whole, arms) }
}

function stageEffect(event: EventEvidence, arms: Arms): Pick<EventEvidence, 'stage' | 'effect' | 'deviation'> {
  const whole = plus(event.whole, arms)
  const rate = (whole.controlEvents + 0.5) / (whole.controlRequests + 1)
  const deviation = event.deviation > 0 ? event.deviation : deviationOfRate(rate, shareOf(arms))
  return { stage: plus(event.stage, arms), effect: observeRiskDifference(event.effect, arms), deviation }
}

export function plus(one: Arms, other: Arms): Arms {
  return {
    candidateRequests: one.candidateRequests + other.candidateRequests,
    controlRequests: one.controlRequests + other.controlRequests,
    candidateEvents: one.candidateEvents + other.candidateEvents,
    controlEvents: one.controlEvents + other.controlEvents,
  }
}

function shareOf(arms: Arms): number {
  return arms.candidateRequests / (arms.candidateRequests + arms.controlRequests)
}

// ── bounded values ─────────────────────────────────────────────────────────────────────────────────────────────────────────

export function probabilityBlock(guardrail: Guardrail, model: ModelLayout): Block | undefined {
  return blocksRead(guardrail, model).find((block) => block.kind === 'probability')
}

/** How many of the guardrail's units one unit of v is: nats for the log score. */
export function unitOfScore(guardrail: Guardrail, block: Block): number {
  return guardrail.kind === 'log-score' ? -Math.log(block.floor) : 1
}

interface ScoreSlots {
  readonly rows: number
  readonly sum: number
  readonly sumSquares: number
  readonly expSums: readonly number[]
}

function scoreSlots(block: Block, row: SlotRow, isBrier: boolean): ScoreSlots {
  let rows = 0
  for (let bin = 0; bin < block.bins; bin += 1) rows += row.counts[block.countOffset + bin]!
  const at = block.sumOffset + (isBrier ? 2 + block.lambdas.length : 0)
  const expSums = block.lambdas.map((_, index) => row.sums[at + 2 + index]!)
  return { rows, sum: row.sums[at]!, sumSquares: row.sums[at + 1]!, expSums }
}

function observeScore(series: ScoreSeries, guardrail: Guardrail, rows: readonly [SlotRow, SlotRow], around: Surroundings): Series {
  const block = probabilityBlock(guardrail, around.model)
  if (!block) return series
  const candidate = scoreSlots(block, rows[CANDIDATE], guardrail.kind === 'brier')
  const control = scoreSlots(block, rows[CONTROL], guardrail.kind === 'brier')
  if (candidate.rows === 0 || control.rows === 0) return series
  const arms = {
    candidateRows: candidate.rows,
    controlRows: control.rows,
    candidateSum: candidate.sum,
    candidateExpSums: candidate.expSums,
    controlExpSums: control.expSums,
  }
  const evidence = observeBounded(series.evidence, arms, guardrail.margin / unitOfScore(guardrail, block), block.lambdas)
  const next = { ...series, strata: series.strata + 1, evidence }
  return around.inStage ? { ...next, ...scoreEffect(series, candidate, control) } : next
}

function scoreEffect(series: ScoreSeries, candidate: ScoreSlots, control: ScoreSlots) {
  const mean = control.sum / control.rows
  const variance = Math.max(1e-4, control.sumSquares / control.rows - mean * mean)
  const share = candidate.rows / (candidate.rows + control.rows)
  const effect = observeMeanDifference(series.effect, {
    candidateRows: candidate.rows,
    candidateSum: candidate.sum,
    candidateSumSquares: candidate.sumSquares,
    controlRows: control.rows,
    controlSum: control.sum,
    controlSumSquares: control.sumSquares,
  })
  const deviation = series.deviation > 0 ? series.deviation : Math.sqrt(variance / (share * (1 - share)))
  return { effect, deviation, candidateRows: series.candidateRows + candidate.rows, controlRows: series.controlRows + control.rows }
}

// ── distributions ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function emptyShape(block: Block): ShapeEvidence {
  const evidence = emptyDistribution(block.countSlots, orderedBins(block), DEFAULT_GRID)
  return {
    block: block.id,
    evidence,
    logEvidence: 0,
    candidate: new Float64Array(block.countSlots),
    control: new Float64Array(block.countSlots),
  }
}

function observeShape(series: ShapeSeries, guardrail: Guardrail, rows: readonly [SlotRow, SlotRow], model: ModelLayout): Series {
  const layout = blocksRead(guardrail, model)
  const blocks = series.blocks.map((shape, index) => observeBlock(shape, layout[index]!, rows))
  return { ...series, strata: series.strata + 1, blocks }
}

/** All bets of the default grid weigh the same, so `logEvidenceDistribution` is the mean over them all: one pass, ten times as fast. */
function observeBlock(shape: ShapeEvidence, block: Block, rows: readonly [SlotRow, SlotRow]): ShapeEvidence {
  const slots = (row: SlotRow) => row.counts.subarray(block.countOffset, block.countOffset + block.countSlots)
  const candidate = slots(rows[CANDIDATE])
  const control = slots(rows[CONTROL])
  const candidateRequests = total(candidate)
  const controlRequests = total(control)
  if (candidateRequests === 0 || controlRequests === 0) return shape
  const arms = { candidate, control, orderedBins: orderedBins(block), candidateRequests, controlRequests }
  const evidence = observeDistribution(shape.evidence, arms, DEFAULT_GRID)
  return {
    block: shape.block,
    evidence,
    logEvidence: logSumExp(evidence.logMixture) - Math.log(evidence.logMixture.length),
    candidate: added(shape.candidate, candidate),
    control: added(shape.control, control),
  }
}

function total(counts: Float64Array): number {
  let sum = 0
  for (const count of counts) sum += count
  return sum
}

export function added(one: Float64Array, other: Float64Array): Float64Array {
  return one.map((value, index) => value + other[index]!)
}
