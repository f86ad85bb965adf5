/** The probable cause behind what fired: which guardrail, which feature and where in it, which segment carries the excess. */
import type { Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { eventNames, featureName, isTwoSided, scopesOf } from './events.ts'
import { scoreEffectNow, seriesIn, strongestShape } from './readings.ts'
import { logEvidenceOfEvent } from './series.ts'
import type { EventSeries, EvidenceState, ScoreSeries, Series, ShapeSeries } from './state.ts'
import { brief, percent, shapeInWords } from './words.ts'

/** A segment is named when it carries at least this share of the excess. */
const SHARE_NAMED = 0.6
/** Broken input explains everything that follows from it: when it fired too, it is named first. */
const DATA_FIRST = ['missing', 'unseen', 'feature-drift']

interface Found {
  readonly words: string
  readonly feature: string
}

export function causeBehind(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]) {
  const ordered = [...fired].sort((one, other) => other.logEvidence - other.logLimit - (one.logEvidence - one.logLimit))
  const kindOf = (reading: Reading) => model.plan.guardrails.find((guardrail) => guardrail.name === reading.guardrail)?.kind ?? ''
  const first = ordered.find((reading) => DATA_FIRST.includes(kindOf(reading))) ?? ordered[0]
  const guardrail = first && model.plan.guardrails.find((each) => each.name === first.guardrail)
  if (!first || !guardrail) return null
  const series = seriesIn(state, guardrail, first.scope, model)
  const found = whatMoved(series, guardrail, state, model)
  const { segment, share } = segmentBehind(guardrail, state, model)
  const where = first.scope === ALL_SCOPE ? '' : ` in ${first.scope}`
  const mostly = segment === '' ? '' : `; ${percent(share)} of the excess lies in ${segment}`
  const head = { guardrail: guardrail.name, scope: first.scope, feature: found.feature }
  return { ...head, words: `${found.words}${where}${mostly}`, segment, segmentShare: share }
}

function whatMoved(series: Series, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Found {
  if (series.kind === 'shape') return shapeMoved(series, guardrail, model)
  return series.kind === 'score' ? scoreMoved(series, guardrail, model) : eventsMoved(series, guardrail, state, model)
}

function shapeMoved(series: ShapeSeries, guardrail: Guardrail, model: ModelLayout): Found {
  const strongest = strongestShape(series)
  if (!strongest) return { words: guardrail.name, feature: '' }
  return { words: shapeInWords(strongest, guardrail, model), feature: featureName(strongest.block) }
}

function scoreMoved(series: ScoreSeries, guardrail: Guardrail, model: ModelLayout): Found {
  const { estimate, candidateRows } = scoreEffectNow(series, guardrail, model, guardrail.promotionMargin)
  const [kind, unit] = guardrail.kind === 'brier' ? ['Brier score', ''] : ['log score', ' nats']
  const by = Number.isFinite(estimate) ? ` by ${brief(estimate)}${unit} over ${candidateRows} of its rows in this stage` : ''
  return { words: `the candidate's probabilities are worse (${kind})${by}`, feature: '' }
}

function eventsMoved(series: EventSeries, guardrail: Guardrail, state: EvidenceState, model: ModelLayout): Found {
  const logs = series.events.map(logEvidenceOfEvent)
  const index = logs.indexOf(Math.max(...logs))
  const event = series.events[index]
  const name = eventNames(guardrail, model, state.thresholdBins[guardrail.name])[index] ?? guardrail.name
  if (!event) return { words: guardrail.name, feature: '' }
  const { whole } = event
  const rates = `${percent(whole.candidateEvents / whole.candidateRequests)} on the candidate against ${percent(whole.controlEvents / whole.controlRequests)}`
  const what = isTwoSided(guardrail) ? `${name}: ${guardrail.kind} values` : `${guardrail.name}: ${name}`
  return { words: `${what}, ${rates} on the control`, feature: isTwoSided(guardrail) ? name : '' }
}

/** The segment with most of the events beyond what the control's rate would have given. */
function segmentBehind(guardrail: Guardrail, state: EvidenceState, model: ModelLayout): { segment: string; share: number } {
  const nowhere = { segment: '', share: Number.NaN }
  const whole = excessOf(seriesIn(state, guardrail, ALL_SCOPE, model))
  if (!(whole > 0)) return nowhere
  const excesses = scopesOf(guardrail)
    .filter((scope) => scope !== ALL_SCOPE)
    .map((scope) => ({ segment: scope, share: Math.min(1, excessOf(seriesIn(state, guardrail, scope, model)) / whole) }))
  const largest = excesses.reduce((one, other) => (other.share > one.share ? other : one), { segment: '', share: 0 })
  return largest.share >= SHARE_NAMED ? largest : nowhere
}

function excessOf(series: Series): number {
  if (series.kind !== 'events' || series.events.length === 0) return 0
  const logs = series.events.map(logEvidenceOfEvent)
  const { whole } = series.events[logs.indexOf(Math.max(...logs))]!
  return whole.candidateEvents - whole.candidateRequests * (whole.controlEvents / Math.max(1, whole.controlRequests))
}
