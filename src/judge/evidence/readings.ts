/**
 * Readings: every guardrail in every scope with its evidence, its limit and its effect; and what they call for.
 *
 * The budget. α is split over the guardrails of one action (critical ones weigh double); half of a guardrail's share goes to the whole
 * population, half over its segments. One alone acts at w·e ≥ 1/α; all together act at Σ w·e ≥ 1/α.
 */
import { combine } from '../../../detectors/budget.ts'
import { logEvidenceCalibration } from '../../../detectors/calibration-residual.ts'
import { effectInterval, type Interval, rareEventInterval } from '../../../detectors/confidence-sequence.ts'
import { meanDifference, riskDifference } from '../../../detectors/effects.ts'
import { rowsNeeded } from '../../../detectors/risk-budget.ts'
import type { Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { alphaOf, type Place, placeIn, placesOf, type Told } from './asked.ts'
import { calibrationInWords, performanceInWords } from './calibration.ts'
import { distancesInWords } from './distances.ts'
import { blocksRead, eventBlock, eventNames, featureName, hasThresholds } from './events.ts'
import { isOfPairs, pairEffect, pairsInWords, pairUnit } from './paired.ts'
import { isJudgedIn, notJudgedWords, populationNow } from './population.ts'
import {
  emptySeries,
  isScore,
  logEvidenceOf,
  logEvidenceOfEvent,
  logEvidenceOfShape,
  logMeanOf,
  probabilityBlock,
  unitOfScore,
  unitsAllowed,
} from './series.ts'
import {
  CANDIDATE,
  type CalibrationSeries,
  type EventEvidence,
  type EventSeries,
  type EvidenceState,
  type PairedScoreSeries,
  type PairedSeries,
  type ScoreSeries,
  type Series,
  type ShapeEvidence,
  type ShapeSeries,
  seriesKey,
} from './state.ts'
import { isTempered, placeboFired, stageDesignEffect } from './units.ts'
import { biasInWords, biasOf, shapeInWords } from './words.ts'

/** With fewer events than this in an arm the normal approximation does not hold: intervals then are exact for rare events. */
const RARE_EVENTS = 5
/** Below this evidence no single event stands out, and the one that promotion asks for is shown. */
const LOG_NOTABLE = Math.log(4)

export interface Effect {
  readonly estimate: number
  readonly intervalLow: number
  readonly intervalHigh: number
  readonly candidateRows: number
  readonly controlRows: number
  readonly candidateEvents: number
  readonly controlEvents: number
}

/** One guardrail in one scope: how strong its evidence is, and against what. The rest of a reading is for people and computed for few. */
export interface Strength {
  readonly guardrail: Guardrail
  readonly series: Series
  readonly logEvidence: number
  readonly logLimit: number
  readonly weight: number
}

export function readingsNow(state: EvidenceState, model: ModelLayout): readonly Reading[] {
  return model.plan.guardrails.flatMap((guardrail) =>
    strengthsOf(guardrail, state, model).map((strength) => readingOf(strength, state, model)),
  )
}

export function harmsNow(state: EvidenceState, model: ModelLayout) {
  return {
    rollback: callsFor('rollback', state, model),
    throttle: callsFor('throttle', state, model),
    hold: callsFor('hold', state, model),
  }
}

/**
 * The series that is shown, and that effects are read off: with units the one on all requests. Of distributions, which have no effect,
 * the one that speaks louder.
 */
export function seriesIn(state: EvidenceState, guardrail: Guardrail, scope: string, model: ModelLayout): Series {
  const key = seriesKey(guardrail, scope)
  const plain = state.series[key] ?? emptySeries(guardrail, scope, model)
  const tempered = state.tempered[key]
  if (tempered === undefined) return plain
  if (tempered.kind !== 'shape') return tempered
  const isSilenced = placeboFired(state, guardrail.chain) !== null
  return isSilenced || logEvidenceOf(plain, []) > logEvidenceOf(tempered, []) ? plain : tempered
}

/** ln of the e-value for harm. With units: the mean of first exposures and of all requests, tempered; of the first alone after a placebo. */
export function evidenceIn(state: EvidenceState, guardrail: Guardrail, scope: string, model: ModelLayout): number {
  return evidenceAt(state, guardrail, placeIn(guardrail, scope), model)
}

function evidenceAt(
  state: EvidenceState,
  guardrail: Guardrail,
  { scope, key, told }: Pick<Place, 'scope' | 'key' | 'told'>,
  model: ModelLayout,
): number {
  const plain = logEvidenceTold(told[0], state.series[key] ?? emptySeries(guardrail, scope, model), guardrail, model)
  const tempered = state.tempered[key]
  if (tempered === undefined) return plain
  if (placeboFired(state, guardrail.chain) !== null) return plain - Math.LN2
  return logMeanOf([plain, logEvidenceTold(told[1], tempered, guardrail, model)])
}

/** A series is never written again: the same one has the same evidence. */
function logEvidenceTold(told: Told, series: Series, guardrail: Guardrail, model: ModelLayout): number {
  if (told.series !== series) {
    told.series = series
    told.logEvidence = logEvidenceOf(series, isScore(guardrail) ? lambdasOf(guardrail, model) : NO_LAMBDAS)
  }
  return told.logEvidence
}

const NO_LAMBDAS: readonly number[] = []

export function lambdasOf(guardrail: Guardrail, model: ModelLayout): readonly number[] {
  return probabilityBlock(guardrail, model)?.lambdas ?? []
}

/** Those that fired alone; else, when together they cross the limit, the one that carries most. */
function callsFor(action: 'rollback' | 'throttle' | 'hold', state: EvidenceState, model: ModelLayout): readonly Reading[] {
  if (isQuiet(action, state, model)) return NO_CALLS
  const judged = populationNow(state)
  const acting = model.plan.guardrails.flatMap((each) => (each.action === action ? strengthsOf(each, state, model) : []))
  const mine = acting.filter(({ series }) => isJudgedIn(judged, series.scope))
  return strongest(mine, alphaOf(action, model.plan)).map((strength) => readingOf(strength, state, model))
}

const NO_CALLS: readonly Reading[] = []

/** Nothing near its limit, alone or together: so it is after nearly every stratum, and then nothing is gathered. */
function isQuiet(action: Guardrail['action'], state: EvidenceState, model: ModelLayout): boolean {
  let together = 0
  const judged = populationNow(state)
  for (const guardrail of model.plan.guardrails) {
    if (guardrail.action !== action) continue
    for (const place of placesOf(guardrail, model)) {
      if (!isJudgedIn(judged, place.scope)) continue
      const logEvidence = evidenceAt(state, guardrail, place, model)
      if (!(logEvidence < place.logLimit)) return false
      together += place.weight * Math.exp(logEvidence)
    }
  }
  return together * alphaOf(action, model.plan) < ALMOST
}

/** Of the budget: what comes nearer is looked at closely. */
const ALMOST = 0.99

function strongest(mine: readonly Strength[], alpha: number): readonly Strength[] {
  const excess = (strength: Strength) => strength.logEvidence - strength.logLimit
  const ordered = [...mine].sort((one, other) => excess(other) - excess(one))
  const named = ordered.filter((strength) => excess(strength) >= 0)
  if (named.length > 0 || ordered.length === 0) return named
  return combine(ordered, alpha).logEvidence >= -Math.log(alpha) ? ordered.slice(0, 1) : []
}

export function strengthsOf(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): readonly Strength[] {
  return placesOf(guardrail, model).map((place) => {
    const series = seriesIn(state, guardrail, place.scope, model)
    const { logLimit, weight } = place
    return { guardrail, series, logEvidence: evidenceAt(state, guardrail, place, model), logLimit, weight }
  })
}

/** Words cost far more than numbers, and rules look at every pane: they are found when somebody reads them. */
export function readingOf(
  { guardrail, series, logEvidence, logLimit, weight }: Strength,
  state: EvidenceState,
  model: ModelLayout,
): Reading {
  let detail: string | undefined
  const { effect, words, unit } = shown(series, guardrail, state, model)
  return {
    guardrail: guardrail.name,
    scope: series.scope,
    class: guardrail.class,
    action: guardrail.action,
    logEvidence,
    logLimit,
    weight,
    ...effect,
    unit,
    margin: marginNow(guardrail, series, model, guardrail.margin),
    strata: series.strata,
    get detail() {
      detail ??= [words(), placeboInWords(state, guardrail, model), apartInWords(state, series.scope)]
        .filter((each) => each !== '')
        .join('; ')
      return detail
    },
  }
}

/** A margin in the guardrail's unit; NaN where it is a share of something not known yet. */
export function marginNow(guardrail: Guardrail, series: Series, model: ModelLayout, margin: number): number {
  const block = guardrail.marginIsShare ? probabilityBlock(guardrail, model) : undefined
  return block !== undefined && series.kind === 'score' ? unitsAllowed(margin, series, guardrail, block) : margin
}

function placeboInWords(state: EvidenceState, guardrail: Guardrail, model: ModelLayout): string {
  if (!isTempered(guardrail, model) || placeboFired(state, guardrail.chain) === null) return ''
  return 'placebo fired: repeated requests of the same users explain this; judged on first exposures only'
}

function apartInWords(state: EvidenceState, scope: string): string {
  const judged = populationNow(state)
  return isJudgedIn(judged, scope) ? '' : notJudgedWords(judged)
}

interface Shown {
  readonly effect: Effect
  readonly unit: string
  readonly words: () => string
}

const NO_WORDS = () => ''

function shown(series: Series, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  if (series.kind === 'score') return scoreShown(series, guardrail, state, model)
  if (series.kind === 'shape') return shapeShown(series, guardrail, state, model)
  if (series.kind === 'calibration') return calibrationShown(series)
  if (isOfPairs(series)) return pairsShown(series, guardrail, state, model)
  return eventsShown(series, guardrail, state, model)
}

function eventsShown(series: EventSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  const unit = guardrail.kind === 'wrong-outcome' ? 'share of outcomes' : 'share of requests'
  const index = shownEvent(series, guardrail, state)
  const event = series.events[index]
  if (!event) return { effect: NO_EFFECT, unit, words: NO_WORDS }
  const names = eventNames(guardrail, model, state.thresholdBins[guardrail.name])
  const words = () => (series.events.length > 1 || hasThresholds(guardrail) ? (names[index] ?? '') : '')
  const deff = stageDesignEffect(guardrail, eventBlock(guardrail, model, index), state, model)
  return { effect: eventEffect(event, model.plan.promotionAlpha, widthShown(guardrail.promotionMargin), deff), unit, words }
}

/** Half-width an interval on display is tuned to: the margin of promotions, or a point where the guardrail has none. */
function widthShown(promotionMargin: number): number {
  return promotionMargin > 0 ? promotionMargin : 0.01
}

function shownEvent(series: EventSeries, guardrail: Guardrail, state: EvidenceState): number {
  const plain = state.series[seriesKey(guardrail, series.scope)]
  const logs = series.events.map((event, index) => {
    const other = plain?.kind === 'events' && plain !== series ? plain.events[index] : undefined
    return Math.max(logEvidenceOfEvent(event), other ? logEvidenceOfEvent(other) : 0)
  })
  const strongest = logs.indexOf(Math.max(...logs))
  return (logs[strongest] ?? 0) >= LOG_NOTABLE ? strongest : proofEvent(guardrail)
}

/** The event whose non-inferiority a promotion asks for: the policy's first threshold, or the quantile nearest to the 95th. */
export function proofEvent(guardrail: Guardrail): number {
  if (guardrail.quantiles.length === 0) return 0
  const distances = guardrail.quantiles.map((quantile) => Math.abs(quantile - 0.95))
  return Math.max(0, distances.indexOf(Math.min(...distances)))
}

/** Rows at which the interval would be as narrow as asked for: it is tuned to that moment. */
function tunedRows(deviation: number, halfWidth: number, alpha: number): number {
  return rowsNeeded({ deviation, halfWidth: Math.max(halfWidth, 1e-6), alpha })
}

/**
 * Effect of the stage; before it has rows of both arms, the plain difference over everything seen, without an interval.
 * `deff`: how many requests are worth as much as one of independent ones; infinite while that is not known.
 */
export function eventEffect(event: EventEvidence, alpha: number, halfWidth: number, deff = 1): Effect {
  const { stage, whole } = event
  if (stage.candidateRequests === 0 || stage.controlRequests === 0) {
    const estimate = whole.candidateEvents / whole.candidateRequests - whole.controlEvents / whole.controlRequests
    return effectOf(estimate, Number.NaN, Number.NaN, whole)
  }
  const difference = riskDifference(event.effect)
  const interval = isRare(stage)
    ? rareInterval(stage, alpha, deff)
    : widenedInterval(difference, alpha, tunedRows(event.deviation, halfWidth, alpha), deff)
  // A difference of shares lies between -1 and 1; the sequence, made for sums, does not know that.
  const [low, high] = Number.isFinite(interval.low + interval.high)
    ? [Math.max(-1, interval.low), Math.min(1, interval.high)]
    : [interval.low, interval.high]
  return effectOf(difference.estimate, low, high, stage)
}

const NOT_KNOWN: Interval = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }

/** The variance times the design effect. */
function widenedInterval(effect: ReturnType<typeof riskDifference>, alpha: number, rowsTuned: number, deff: number): Interval {
  if (!Number.isFinite(deff)) return NOT_KNOWN
  return effectInterval({ ...effect, standardError: effect.standardError * Math.sqrt(deff) }, alpha, rowsTuned)
}

/**
 * Rare events with units: as many independent requests as these are worth, every rounding to the side that widens the interval. Their
 * law is no longer exact, and one user may bring several of few events; dividing both counts keeps the rate and takes the information away.
 */
function rareInterval(stage: EventEvidence['stage'], alpha: number, deff: number): Interval {
  if (deff === 1) return rareEventInterval(stage, alpha)
  if (!Number.isFinite(deff)) return NOT_KNOWN
  const worth = (candidate: typeof Math.ceil, control: typeof Math.ceil) => {
    const [candidateRequests, controlRequests] = [Math.floor(stage.candidateRequests / deff), Math.floor(stage.controlRequests / deff)]
    return rareEventInterval(
      {
        candidateRequests,
        controlRequests,
        candidateEvents: Math.min(candidateRequests, candidate(stage.candidateEvents / deff)),
        controlEvents: Math.min(controlRequests, control(stage.controlEvents / deff)),
      },
      alpha,
    )
  }
  return { low: worth(Math.floor, Math.ceil).low, high: worth(Math.ceil, Math.floor).high }
}

/** Too few events in an arm for an interval that leans on the normal law. */
export function isRare(arms: { readonly candidateEvents: number; readonly controlEvents: number }): boolean {
  return Math.min(arms.candidateEvents, arms.controlEvents) < RARE_EVENTS
}

function effectOf(estimate: number, intervalLow: number, intervalHigh: number, arms: EventEvidence['stage']): Effect {
  return {
    estimate,
    intervalLow,
    intervalHigh,
    candidateRows: arms.candidateRequests,
    controlRows: arms.controlRequests,
    candidateEvents: arms.candidateEvents,
    controlEvents: arms.controlEvents,
  }
}

const NO_EFFECT: Effect = {
  estimate: Number.NaN,
  intervalLow: Number.NaN,
  intervalHigh: Number.NaN,
  candidateRows: 0,
  controlRows: 0,
  candidateEvents: 0,
  controlEvents: 0,
}

function scoreShown(series: ScoreSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  const deff = scoreDesignEffect(guardrail, state, model)
  const words = () => scoreWords(series, guardrail, model)
  const width = widthShown(marginNow(guardrail, series, model, guardrail.promotionMargin))
  return { effect: scoreEffectNow(series, guardrail, model, width, deff), unit: scoreUnit(guardrail), words }
}

function scoreWords(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout): string {
  if (!series.bins) return clippedWords(series)
  const kind = guardrail.kind === 'brier' ? 'brier' : 'log-score'
  return calibrationInWords(series.bins, kind, probabilityBlock(guardrail, model)?.floor ?? 0)
}

export function scoreUnit(guardrail: Guardrail): string {
  if (guardrail.kind === 'value') return 'units of the value'
  if (guardrail.kind === 'resource') return featureName(guardrail.blocks[0] ?? '')
  return guardrail.kind === 'log-score' ? 'nats' : 'Brier'
}

function clippedWords({ clipped = 0, candidateRows, controlRows }: ScoreSeries): string {
  return clipped > 0 ? `${clipped} of ${candidateRows + controlRows} values outside the bounds, clipped to them` : ''
}

/** The bias that speaks loudest: what happened minus what was said. */
function calibrationShown(series: CalibrationSeries): Shown {
  const { rows, positives, said, happened } = biasOf(series)
  const effect = { ...NO_EFFECT, estimate: Math.abs(happened - said), candidateRows: rows, candidateEvents: positives }
  const isNotable = logEvidenceCalibration(series.evidence) >= LOG_NOTABLE
  return { effect, unit: 'probability', words: () => (isNotable ? biasInWords(series) : '') }
}

function pairsShown(series: PairedSeries | PairedScoreSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  const effect = pairedEffect(series, guardrail, state, model)
  return { effect, unit: pairUnit(guardrail), words: () => pairsInWords(series, guardrail, state) }
}

/** Each pair is a row of both versions. */
export function pairedEffect(
  series: PairedSeries | PairedScoreSeries,
  guardrail: Guardrail,
  state: EvidenceState,
  model: ModelLayout,
): Effect {
  const { estimate, low, high, pairs, candidateEvents, controlEvents } = pairEffect(series, guardrail, state, model)
  if (pairs === 0) return NO_EFFECT
  return { estimate, intervalLow: low, intervalHigh: high, candidateRows: pairs, controlRows: pairs, candidateEvents, controlEvents }
}

export function scoreDesignEffect(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): number {
  return stageDesignEffect(guardrail, probabilityBlock(guardrail, model)?.id ?? '', state, model)
}

export function scoreEffectNow(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout, halfWidth: number, deff = 1): Effect {
  const block = probabilityBlock(guardrail, model)
  if (!block || series.candidateRows === 0 || series.controlRows === 0) return NO_EFFECT
  const perUnit = unitOfScore(guardrail, block)
  const difference = meanDifference(series.effect)
  const alpha = model.plan.promotionAlpha
  const interval = widenedInterval(difference, alpha, tunedRows(series.deviation, halfWidth / perUnit, alpha), deff)
  return {
    ...NO_EFFECT,
    estimate: difference.estimate * perUnit,
    intervalLow: interval.low * perUnit,
    intervalHigh: interval.high * perUnit,
    candidateRows: series.candidateRows,
    controlRows: series.controlRows,
  }
}

function shapeShown(series: ShapeSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  const strongest = strongestShape(series)
  if (!strongest) return { effect: NO_EFFECT, unit: '', words: NO_WORDS }
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0)
  const rows = { candidateRows: sum(strongest.candidate), controlRows: sum(strongest.control) }
  const words = () => {
    const isNotable = logEvidenceOfShape(strongest) >= LOG_NOTABLE
    const moved = isNotable ? shapeInWords(strongest, guardrail, model) : featureName(strongest.block)
    const all = [moved, shapeDistances(strongest, guardrail, model), expectedWrong(series, strongest, guardrail, state)]
    return all.filter((each) => each !== '').join('; ')
  }
  return { effect: { ...NO_EFFECT, ...rows }, unit: '', words }
}

function shapeDistances(shape: ShapeEvidence, guardrail: Guardrail, model: ModelLayout): string {
  const block = blocksRead(guardrail, model).find(({ id }) => id === shape.block)
  return block ? distancesInWords(shape, block) : ''
}

/** Scores seen so far, read by what scores have been worth: where outcomes of the same bins have matured. */
function expectedWrong(series: ShapeSeries, shape: ShapeEvidence, guardrail: Guardrail, state: EvidenceState): string {
  if (guardrail.kind !== 'score-drift' || series.scope !== ALL_SCOPE) return ''
  const scored = Object.values(state.series).find((each): each is ScoreSeries => each.kind === 'score' && each.bins !== undefined)
  // The block of scores ends with two slots for what is no score.
  if (!scored?.bins || scored.bins[CANDIDATE].rows.length !== shape.candidate.length - 2) return ''
  return performanceInWords(shape.candidate, shape.control, scored.bins)
}

export function strongestShape(series: ShapeSeries): ShapeSeries['blocks'][number] | undefined {
  const logs = series.blocks.map(logEvidenceOfShape)
  return series.blocks[logs.indexOf(Math.max(...logs))]
}
