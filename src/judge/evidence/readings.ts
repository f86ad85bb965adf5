/**
 * Readings: every guardrail in every scope with its evidence, its limit and its effect; and what they call for.
 *
 * The budget. α is split over the guardrails of one action (critical ones weigh double); half of a guardrail's share goes to the whole
 * population, half over its segments. One alone acts at w·e ≥ 1/α; all together act at Σ w·e ≥ 1/α.
 */
import { combine } from '../../../detectors/budget.ts'
import { effectInterval, rareEventInterval } from '../../../detectors/confidence-sequence.ts'
import { meanDifference, riskDifference } from '../../../detectors/effects.ts'
import { rowsNeeded } from '../../../detectors/risk-budget.ts'
import type { Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout, type Plan } from '../../policy/layout.ts'
import { eventNames, featureName, scopesOf } from './events.ts'
import { emptySeries, logEvidenceOf, logEvidenceOfEvent, logEvidenceOfShape, probabilityBlock, unitOfScore } from './series.ts'
import {
  type EventEvidence,
  type EventSeries,
  type EvidenceState,
  type ScoreSeries,
  type Series,
  type ShapeSeries,
  seriesKey,
} from './state.ts'
import { shapeInWords } from './words.ts'

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
interface Strength {
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

export function seriesIn(state: EvidenceState, guardrail: Guardrail, scope: string, model: ModelLayout): Series {
  return state.series[seriesKey(guardrail.name, scope)] ?? emptySeries(guardrail, scope, model)
}

export function lambdasOf(guardrail: Guardrail, model: ModelLayout): readonly number[] {
  return probabilityBlock(guardrail, model)?.lambdas ?? []
}

/** Level of an action's whole budget. */
export function alphaOf(action: Guardrail['action'], plan: Plan): number {
  if (action === 'rollback') return plan.rollbackAlpha
  // A lift begins the evidence of throttles anew: their budget is shared by all the beginnings there may be.
  return action === 'throttle' ? plan.throttleAlpha / (plan.maxLifts + 1) : plan.throttleAlpha
}

/** Share of the action's budget that one guardrail has in one scope. */
export function weightOf(guardrail: Guardrail, scope: string, plan: Plan): number {
  const heft = (each: Guardrail) => (each.class === 'critical' ? 2 : 1)
  const rivals = plan.guardrails.filter((each) => each.action === guardrail.action)
  const mine = heft(guardrail) / rivals.reduce((sum, each) => sum + heft(each), 0)
  const segments = scopesOf(guardrail).length - 1
  if (segments === 0) return mine
  return scope === ALL_SCOPE ? mine / 2 : mine / 2 / segments
}

/** Those that fired alone; else, when together they cross the limit, the one that carries most. */
function callsFor(action: 'rollback' | 'throttle' | 'hold', state: EvidenceState, model: ModelLayout): readonly Reading[] {
  const mine = model.plan.guardrails.flatMap((each) => (each.action === action ? strengthsOf(each, state, model) : []))
  return strongest(mine, alphaOf(action, model.plan)).map((strength) => readingOf(strength, state, model))
}

function strongest(mine: readonly Strength[], alpha: number): readonly Strength[] {
  const excess = (strength: Strength) => strength.logEvidence - strength.logLimit
  const ordered = [...mine].sort((one, other) => excess(other) - excess(one))
  const named = ordered.filter((strength) => excess(strength) >= 0)
  if (named.length > 0 || ordered.length === 0) return named
  return combine(ordered, alpha).logEvidence >= -Math.log(alpha) ? ordered.slice(0, 1) : []
}

function strengthsOf(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): readonly Strength[] {
  const lambdas = lambdasOf(guardrail, model)
  const alpha = alphaOf(guardrail.action, model.plan)
  return scopesOf(guardrail).map((scope) => {
    const series = seriesIn(state, guardrail, scope, model)
    const weight = weightOf(guardrail, scope, model.plan)
    return { guardrail, series, logEvidence: logEvidenceOf(series, lambdas), logLimit: -Math.log(alpha * weight), weight }
  })
}

function readingOf({ guardrail, series, logEvidence, logLimit, weight }: Strength, state: EvidenceState, model: ModelLayout): Reading {
  const { effect, detail, unit } = shown(series, guardrail, state, model)
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
    margin: guardrail.margin,
    strata: series.strata,
    detail,
  }
}

interface Shown {
  readonly effect: Effect
  readonly unit: string
  readonly detail: string
}

function shown(series: Series, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  if (series.kind === 'score') return scoreShown(series, guardrail, model)
  if (series.kind === 'shape') return shapeShown(series, guardrail, model)
  return eventsShown(series, guardrail, state, model)
}

function eventsShown(series: EventSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Shown {
  const unit = guardrail.kind === 'wrong-outcome' ? 'share of outcomes' : 'share of requests'
  const index = shownEvent(series, guardrail)
  const event = series.events[index]
  if (!event) return { effect: NO_EFFECT, unit, detail: '' }
  const names = eventNames(guardrail, model, state.thresholdBins[guardrail.name])
  const detail = series.events.length > 1 || guardrail.kind === 'latency' ? (names[index] ?? '') : ''
  return { effect: eventEffect(event, model.plan.promotionAlpha, widthShown(guardrail)), unit, detail }
}

/** Half-width an interval on display is tuned to: the margin of promotions, or a point where the guardrail has none. */
function widthShown(guardrail: Guardrail): number {
  return guardrail.promotionMargin > 0 ? guardrail.promotionMargin : 0.01
}

function shownEvent(series: EventSeries, guardrail: Guardrail): number {
  const logs = series.events.map(logEvidenceOfEvent)
  const strongest = logs.indexOf(Math.max(...logs))
  return (logs[strongest] ?? 0) >= LOG_NOTABLE ? strongest : proofEvent(guardrail)
}

/** The event whose non-inferiority a promotion asks for: the policy's first threshold, or the quantile nearest to the 95th. */
export function proofEvent(guardrail: Guardrail): number {
  if (guardrail.kind !== 'latency' || guardrail.thresholdsMs.length > 0) return 0
  const distances = guardrail.quantiles.map((quantile) => Math.abs(quantile - 0.95))
  return Math.max(0, distances.indexOf(Math.min(...distances)))
}

/** Rows at which the interval would be as narrow as asked for: it is tuned to that moment. */
function tunedRows(deviation: number, halfWidth: number, alpha: number): number {
  return rowsNeeded({ deviation, halfWidth: Math.max(halfWidth, 1e-6), alpha })
}

/** Effect of the stage; before it has rows of both arms, the plain difference over everything seen, without an interval. */
export function eventEffect(event: EventEvidence, alpha: number, halfWidth: number): Effect {
  const { stage, whole } = event
  if (stage.candidateRequests === 0 || stage.controlRequests === 0) {
    const estimate = whole.candidateEvents / whole.candidateRequests - whole.controlEvents / whole.controlRequests
    return effectOf(estimate, Number.NaN, Number.NaN, whole)
  }
  const difference = riskDifference(event.effect)
  const interval = isRare(stage)
    ? rareEventInterval(stage, alpha)
    : effectInterval(difference, alpha, tunedRows(event.deviation, halfWidth, alpha))
  // A difference of shares lies between -1 and 1; the sequence, made for sums, does not know that.
  const [low, high] = Number.isFinite(interval.low + interval.high)
    ? [Math.max(-1, interval.low), Math.min(1, interval.high)]
    : [interval.low, interval.high]
  return effectOf(difference.estimate, low, high, stage)
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

function scoreShown(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout): Shown {
  const unit = guardrail.kind === 'log-score' ? 'nats' : 'Brier'
  return { effect: scoreEffectNow(series, guardrail, model, widthShown(guardrail)), unit, detail: '' }
}

export function scoreEffectNow(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout, halfWidth: number): Effect {
  const block = probabilityBlock(guardrail, model)
  if (!block || series.candidateRows === 0 || series.controlRows === 0) return NO_EFFECT
  const perUnit = unitOfScore(guardrail, block)
  const difference = meanDifference(series.effect)
  const alpha = model.plan.promotionAlpha
  const interval = effectInterval(difference, alpha, tunedRows(series.deviation, halfWidth / perUnit, alpha))
  return {
    ...NO_EFFECT,
    estimate: difference.estimate * perUnit,
    intervalLow: interval.low * perUnit,
    intervalHigh: interval.high * perUnit,
    candidateRows: series.candidateRows,
    controlRows: series.controlRows,
  }
}

function shapeShown(series: ShapeSeries, guardrail: Guardrail, model: ModelLayout): Shown {
  const strongest = strongestShape(series)
  if (!strongest) return { effect: NO_EFFECT, unit: '', detail: '' }
  const sum = (counts: Float64Array) => counts.reduce((total, count) => total + count, 0)
  const rows = { candidateRows: sum(strongest.candidate), controlRows: sum(strongest.control) }
  const isNotable = logEvidenceOfShape(strongest) >= LOG_NOTABLE
  const detail = isNotable ? shapeInWords(strongest, guardrail, model) : featureName(strongest.block)
  return { effect: { ...NO_EFFECT, ...rows }, unit: '', detail }
}

export function strongestShape(series: ShapeSeries): ShapeSeries['blocks'][number] | undefined {
  const logs = series.blocks.map(logEvidenceOfShape)
  return series.blocks[logs.indexOf(Math.max(...logs))]
}
