/**
 * The probable cause behind what fired: which guardrail, which features and where in them, which segment carries the excess.
 * Inputs that reach the candidate broken are named first, as `upstream`: whatever else fired follows from them.
 */
import type { Arms } from '../../../detectors/two-arm.ts'
import type { Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { placesOf } from './asked.ts'
import { eventNames, featureName, isFewerHarm, isTwoSided, scopesOf } from './events.ts'
import { isOfPairs, pairsMoved } from './paired.ts'
import { evidenceIn, marginNow, scoreEffectNow, scoreUnit, seriesIn } from './readings.ts'
import { logEvidenceOfEvent, logEvidenceOfShape, NO_ARMS } from './series.ts'
import type { EventEvidence, EventSeries, EvidenceState, ScoreSeries, Series, ShapeEvidence, ShapeSeries } from './state.ts'
import { strongestFirst } from './strongest.ts'
import { biasInWords, brief, percent, shapeInWords } from './words.ts'

/** A segment is named when it carries at least this share of the excess, and stands out with it. */
export const SHARE_NAMED = 0.6
/** It stands out when its share of the excess lies this far on the way from its share of the requests to all of it. */
const MOSTLY = 0.5
/** Broken input explains everything that follows from it. Repeated ids do not: clients try again what failed. */
export const UPSTREAM = ['missing', 'unseen', 'stale']
export const DATA_FIRST = [...UPSTREAM, 'feature-drift', 'pair-drift']
/** A feature is named beside the first one with so much evidence of its own. */
export const LOG_NAMED = Math.log(20)
const FEATURES_NAMED = 3

interface Found {
  readonly words: string
  readonly feature: string
}

/** A guardrail in a scope that spoke. */
interface Spoken {
  readonly guardrail: Guardrail
  readonly scope: string
}

export function causeBehind(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]) {
  const first = firstCause(state, model, fired)
  if (!first) return null
  const { guardrail } = first
  const series = seriesIn(state, guardrail, first.scope, model)
  const found = whatMoved(series, guardrail, state, model)
  const { segment, share } = segmentBehind(guardrail, state, model)
  const where = first.scope === ALL_SCOPE ? '' : ` in ${first.scope}`
  const mostly = segment === '' ? '' : `; ${percent(share)} of the excess lies in ${segment}`
  const head = { guardrail: guardrail.name, scope: first.scope, feature: found.feature }
  return { ...head, words: `${found.words}${where}${mostly}`, segment, segmentShare: share }
}

/** Broken input that fired, or that would have fired were it asked to act; else drift that fired; else the strongest. */
function firstCause(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): Spoken | undefined {
  const ordered = strongestFirst(fired)
  const spoken = ordered.flatMap((reading): Spoken[] => {
    const guardrail = model.plan.guardrails.find((each) => each.name === reading.guardrail)
    return guardrail ? [{ guardrail, scope: reading.scope }] : []
  })
  const among = (kinds: readonly string[]) => spoken.find(({ guardrail }) => kinds.includes(guardrail.kind))
  if (spoken.length === 0) return undefined
  return among(UPSTREAM) ?? silentlyBroken(state, model) ?? among(DATA_FIRST) ?? spoken[0]
}

function silentlyBroken(state: EvidenceState, model: ModelLayout): Spoken | undefined {
  for (const guardrail of model.plan.guardrails) {
    const scope = UPSTREAM.includes(guardrail.kind) ? loudest(guardrail, state, model) : null
    if (scope !== null) return { guardrail, scope }
  }
  return undefined
}

/** The scope in which it is furthest beyond its limit; null: in none. The whole population goes before a part of it. */
export function loudest(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): string | null {
  const beyond = placesOf(guardrail, model).map(({ scope, logLimit }) => ({
    scope,
    by: evidenceIn(state, guardrail, scope, model) - logLimit,
  }))
  const [whole, ...parts] = beyond
  if (whole !== undefined && whole.by >= 0) return whole.scope
  const part = parts.reduce((one, other) => (other.by > one.by ? other : one), { scope: '', by: Number.NEGATIVE_INFINITY })
  return part.by >= 0 ? part.scope : null
}

export function whatMoved(series: Series, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Found {
  if (series.kind === 'shape') return shapeMoved(series, guardrail, model)
  if (series.kind === 'calibration') return { words: `the candidate's probabilities are off: ${biasInWords(series)}`, feature: '' }
  if (isOfPairs(series)) return { words: pairsMoved(series, guardrail, state, model), feature: '' }
  return series.kind === 'score' ? scoreMoved(series, guardrail, model) : eventsMoved(series, guardrail, state, model)
}

/** Indices of those with evidence of their own, the largest effect first; the strongest when none has. */
export function ranked(logs: readonly number[], effects: readonly number[]): readonly number[] {
  const strongest = logs.indexOf(Math.max(...logs))
  const named = logs.flatMap((log, index) => (log >= LOG_NAMED || index === strongest ? [index] : []))
  return [...named].sort((one, other) => effects[other]! - effects[one]!).slice(0, FEATURES_NAMED)
}

function alsoInWords(names: readonly string[]): string {
  return names.length === 0 ? '' : `, also ${names.join(' and ')}`
}

function shapeMoved(series: ShapeSeries, guardrail: Guardrail, model: ModelLayout): Found {
  const { blocks } = series
  const [first, ...others] = ranked(blocks.map(logEvidenceOfShape), blocks.map(distance)).map((index) => blocks[index]!)
  if (!first) return { words: guardrail.name, feature: '' }
  const also = alsoInWords(others.map((shape) => featureName(shape.block)))
  return { words: `${shapeInWords(first, guardrail, model)}${also}`, feature: featureName(first.block) }
}

/** Share of the candidate's rows that would have to move for the two distributions to be one (total variation). */
function distance({ candidate, control }: ShapeEvidence): number {
  const total = (counts: Float64Array) =>
    Math.max(
      1,
      counts.reduce((sum, count) => sum + count, 0),
    )
  const [ours, theirs] = [total(candidate), total(control)]
  return candidate.reduce((sum, count, bin) => sum + Math.abs(count / ours - control[bin]! / theirs), 0) / 2
}

function scoreMoved(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout): Found {
  const width = marginNow(guardrail, series, model, guardrail.promotionMargin)
  const { estimate, candidateRows } = scoreEffectNow(series, guardrail, model, width)
  const [kind, unit] = guardrail.kind === 'brier' ? ['Brier score', ''] : ['log score', ' nats']
  const by = (unit: string) =>
    Number.isFinite(estimate) ? ` by ${brief(estimate)}${unit} over ${candidateRows} of its rows in this stage` : ''
  if (guardrail.kind === 'value') return { words: `${guardrail.name}: the candidate's value is worse${by(' units')}`, feature: '' }
  if (guardrail.kind === 'resource') {
    const unit = scoreUnit(guardrail)
    return { words: `${guardrail.name}: a request of the candidate uses more ${unit} on average${by(` ${unit}`)}`, feature: '' }
  }
  return { words: `the candidate's probabilities are worse (${kind})${by(unit!)}`, feature: '' }
}

function eventsMoved(series: EventSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Found {
  const logs = series.events.map(logEvidenceOfEvent)
  const ofFeatures = isTwoSided(guardrail)
  const strongest = logs.indexOf(Math.max(...logs))
  // Thresholds of one number are one thing seen several times: the strongest speaks for all.
  const [index = -1, ...others] = ofFeatures ? ranked(logs, series.events.map(rateDifference)) : [strongest]
  const event = series.events[index]
  if (!event) return { words: guardrail.name, feature: '' }
  const names = eventNames(guardrail, model, state.thresholdBins[guardrail.name])
  const name = names[index] ?? guardrail.name
  const { whole } = event
  const rates = `${percent(whole.candidateEvents / whole.candidateRequests)} on the candidate against ${percent(whole.controlEvents / whole.controlRequests)}`
  const what = ofFeatures ? `${name}: ${guardrail.kind} values` : `${guardrail.name}: ${name}`
  const also = alsoInWords(others.map((other) => names[other] ?? ''))
  const upstream = guardrail.kind === 'stale' || isFewerHarm(guardrail, model, index) ? 'upstream: ' : ''
  return { words: `${upstream}${what}, ${rates} on the control${also}`, feature: ofFeatures ? name : '' }
}

function rateDifference({ whole }: EventEvidence): number {
  return Math.abs(whole.candidateEvents / Math.max(1, whole.candidateRequests) - whole.controlEvents / Math.max(1, whole.controlRequests))
}

/** The segment with most of the excess. */
function segmentBehind(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): { segment: string; share: number } {
  const nowhere = { segment: '', share: Number.NaN }
  const whole = loudestOf(seriesIn(state, guardrail, ALL_SCOPE, model))
  const excess = excessOf(whole)
  if (!(excess > 0)) return nowhere
  const excesses = scopesOf(guardrail).flatMap((segment) => {
    if (segment === ALL_SCOPE) return []
    const part = loudestOf(seriesIn(state, guardrail, segment, model))
    const share = Math.min(1, excessOf(part) / excess)
    return standsOut(share, part.candidateRequests / Math.max(1, whole.candidateRequests)) ? [{ segment, share }] : []
  })
  const largest = excesses.reduce((one, other) => (other.share > one.share ? other : one), { segment: '', share: 0 })
  return largest.share >= SHARE_NAMED ? largest : nowhere
}

/** Where everybody is, all of it comes from: that names nothing. */
export function standsOut(share: number, ofRequests: number): boolean {
  return share - ofRequests >= MOSTLY * (1 - ofRequests) && ofRequests < 1
}

/** Events of the candidate beyond what the control's rate would have given. */
export function excessOf({ candidateEvents, candidateRequests, controlEvents, controlRequests }: Arms): number {
  return candidateEvents - candidateRequests * (controlEvents / Math.max(1, controlRequests))
}

/** Of everything seen; nothing where no events are counted. */
function loudestOf(series: Series): Arms {
  if (series.kind !== 'events' || series.events.length === 0) return NO_ARMS
  const logs = series.events.map(logEvidenceOfEvent)
  return series.events[logs.indexOf(Math.max(...logs))]!.whole
}
