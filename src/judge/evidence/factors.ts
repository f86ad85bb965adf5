/**
 * Why it moved, ranked: what the versions are given (upstream), the candidate itself, the segment that most of it comes from, and the
 * world that struck both (environment). What each is read off: the series of this rollout, and for the world the memory of the last hour.
 */
import type { Factor, Reading } from '../../domain.ts'
import { ALL_SCOPE, type Guardrail, type ModelLayout } from '../../policy/layout.ts'
import { DATA_FIRST, excessOf, loudest, ranked, SHARE_NAMED, standsOut, UPSTREAM, whatMoved } from './cause.ts'
import { driftsNow } from './environment.ts'
import { eventNames, isTwoSided, scopesOf } from './events.ts'
import { evidenceIn, seriesIn } from './readings.ts'
import { logEvidenceOfEvent } from './series.ts'
import type { EventEvidence, EventSeries, EvidenceState, Series } from './state.ts'
import { isSteadyReading, movedTogether, steadyCause } from './steady/readings.ts'
import { strongestFirst } from './strongest.ts'
import { percent } from './words.ts'

const FACTORS_MAX = 8
const SEGMENTS_MAX = 3

/** `fired`: the readings that a verdict stands on; none for a hold that only waits. */
export function factorsBehind(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  const compared = fired.filter((reading) => !isSteadyReading(reading, model))
  const upstream = upstreamFactors(state, model, compared)
  const own = [...candidateFactors(state, model, compared, upstream), ...steadyFactors(state, model, fired)]
  const segments = segmentFactors(state, model, compared)
  // With nothing to say against the candidate the world comes first; beside harm it is what goes on around it.
  return [...upstream, ...own, ...segments, ...environmentFactors(state, model)].slice(0, FACTORS_MAX)
}

export function environmentFactors(state: EvidenceState, model: ModelLayout): readonly Factor[] {
  return driftsNow(state, model).map(({ guardrail, feature, words, logEvidence }) => ({
    ...{ kind: 'environment', words, guardrail, scope: ALL_SCOPE, feature, share: Number.NaN, logEvidence },
  }))
}

// ── upstream ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Broken input that speaks in some scope, whatever its action; and drift of inputs among what fired. */
function upstreamFactors(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  const broken = model.plan.guardrails.filter(({ kind }) => UPSTREAM.includes(kind))
  const spoken = broken.flatMap((guardrail) => {
    const scope = loudest(guardrail, state, model)
    return scope === null ? [] : brokenFactors(guardrail, scope, state, model)
  })
  const drifted = driftFactors(state, model, fired)
  const named = new Set(spoken.map(({ feature }) => feature))
  // A feature that is missing has drifted as well: that is said once.
  return [...spoken, ...drifted.filter(({ feature }) => !named.has(feature))]
}

function brokenFactors(guardrail: Guardrail, scope: string, state: EvidenceState, model: ModelLayout): readonly Factor[] {
  const series = seriesIn(state, guardrail, scope, model)
  if (series.kind !== 'events') return []
  const logs = series.events.map(logEvidenceOfEvent)
  const excesses = series.events.map((event) => Math.abs(excessOf(rowsOf(event))) / Math.max(1, rowsOf(event).candidateRequests))
  const strong = ranked(logs, excesses)
  return strong.map((index) => brokenFactor(guardrail, scope, index, logs[index]!, state, model))
}

function brokenFactor(
  guardrail: Guardrail,
  heardIn: string,
  index: number,
  logEvidence: number,
  state: EvidenceState,
  model: ModelLayout,
): Factor {
  const parts = heardIn === ALL_SCOPE ? contributions(guardrail, index, state, model) : []
  const segment = parts.find(({ share, ofRequests }) => share >= SHARE_NAMED && standsOut(share, ofRequests))
  const scope = segment?.scope ?? heardIn
  const event = eventIn(guardrail, scope, index, state, model)
  const feature = isTwoSided(guardrail) ? (eventNames(guardrail, model, undefined)[index] ?? '') : ''
  const where = scope === ALL_SCOPE ? '' : ` where ${scope}`
  const mostly = segment === undefined ? '' : `; ${percent(segment.share)} of the excess lies there`
  const what = feature === '' ? guardrail.name : `${feature} is ${guardrail.kind === 'missing' ? 'missing' : 'out of what is known'}`
  const words = `upstream, in what ${versions(model).candidate} is given: ${what}${where}, ${ratesOf(event, model)}${mostly}`
  return { kind: 'upstream', words, guardrail: guardrail.name, scope, feature, share: segment?.share ?? Number.NaN, logEvidence }
}

function driftFactors(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  return strongestFirst(fired).flatMap((reading): Factor[] => {
    const guardrail = guardrailOf(reading, model)
    if (guardrail === undefined || UPSTREAM.includes(guardrail.kind) || !DATA_FIRST.includes(guardrail.kind)) return []
    const { words, feature } = whatMoved(seriesIn(state, guardrail, reading.scope, model), guardrail, state, model)
    const told = `upstream, in what ${versions(model).candidate} is given: ${words}${inScope(reading.scope)}`
    return [{ ...headOf('upstream', reading), words: told, feature }]
  })
}

// ── the candidate and its segments ─────────────────────────────────────────────────────────────────────────────────────────

/** The strongest of what else fired, with its effect. */
function candidateFactors(
  state: EvidenceState,
  model: ModelLayout,
  fired: readonly Reading[],
  upstream: readonly Factor[],
): readonly Factor[] {
  const own = strongestFirst(fired).filter((reading) => !DATA_FIRST.includes(guardrailOf(reading, model)?.kind ?? ''))
  const [first] = own
  const guardrail = first && guardrailOf(first, model)
  if (first === undefined || guardrail === undefined) return []
  const { words, feature } = whatMoved(seriesIn(state, guardrail, first.scope, model), guardrail, state, model)
  const follows = upstream.length > 0 ? ', which may follow from what it is given' : ''
  const told = `${versions(model).candidate} itself: ${words}${inScope(first.scope)}${effectOf(first)}${follows}`
  return [{ ...headOf('candidate', first), words: told, feature }]
}

/** Segments that most of the excess of the strongest of what fired comes from, the largest contribution first. */
function segmentFactors(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  for (const reading of strongestFirst(fired)) {
    const guardrail = guardrailOf(reading, model)
    const index = guardrail === undefined ? -1 : strongestEvent(seriesIn(state, guardrail, reading.scope, model))
    if (guardrail === undefined || index < 0) continue
    const found = contributions(guardrail, index, state, model)
      .filter(({ share, ofRequests }) => standsOut(share, ofRequests))
      .slice(0, SEGMENTS_MAX)
    if (found.length > 0) return found.map((part) => segmentFactor(part, guardrail, index, state, model))
  }
  return []
}

function segmentFactor(
  { scope, share, ofRequests }: Contribution,
  guardrail: Guardrail,
  index: number,
  state: EvidenceState,
  model: ModelLayout,
): Factor {
  const event = eventIn(guardrail, scope, index, state, model)
  const words = `${scope}: ${percent(share)} of the excess of ${guardrail.name} with ${percent(ofRequests)} of the requests, ${ratesOf(event, model)}`
  const logEvidence = evidenceIn(state, guardrail, scope, model)
  return { kind: 'segment', words, guardrail: guardrail.name, scope, feature: '', share, logEvidence }
}

interface Contribution {
  readonly scope: string
  /** Of the excess over the whole population, and of the candidate's requests. */
  readonly share: number
  readonly ofRequests: number
}

/** The largest share of the excess first; empty where there is none, or no segment is judged. */
function contributions(guardrail: Guardrail, index: number, state: EvidenceState, model: ModelLayout): readonly Contribution[] {
  const whole = eventIn(guardrail, ALL_SCOPE, index, state, model)
  const excess = whole === null ? 0 : excessOf(rowsOf(whole))
  if (whole === null || excess === 0) return []
  const parts = scopesOf(guardrail).flatMap((scope): Contribution[] => {
    const event = scope === ALL_SCOPE ? null : eventIn(guardrail, scope, index, state, model)
    if (event === null) return []
    const share = Math.min(1, Math.max(0, excessOf(rowsOf(event)) / excess))
    return [{ scope, share, ofRequests: rowsOf(event).candidateRequests / Math.max(1, rowsOf(whole).candidateRequests) }]
  })
  return parts.sort((one, other) => other.share - one.share)
}

// ── without a control ──────────────────────────────────────────────────────────────────────────────────────────────────────

function steadyFactors(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  return fired
    .filter((reading) => isSteadyReading(reading, model))
    .flatMap((reading): Factor[] => {
      const cause = steadyCause(state.steady, model, [reading])
      const kind = model.plan.steady?.find(({ name }) => name === reading.guardrail)?.kind
      const isWorld = kind === 'volume' || movedTogether(state.steady, reading.guardrail)
      return cause === null
        ? []
        : [{ ...headOf(isWorld ? 'environment' : 'candidate', reading), words: cause.words, feature: cause.feature }]
    })
}

// ── words and numbers ──────────────────────────────────────────────────────────────────────────────────────────────────────

function headOf(kind: Factor['kind'], { guardrail, scope, logEvidence }: Reading): Omit<Factor, 'words' | 'feature'> {
  return { kind, guardrail, scope, share: Number.NaN, logEvidence }
}

function guardrailOf(reading: Reading, model: ModelLayout): Guardrail | undefined {
  return model.plan.guardrails.find(({ name }) => name === reading.guardrail)
}

/** Index of the event that speaks loudest; -1 where nothing is counted. */
function strongestEvent(series: Series): number {
  return series.kind === 'events'
    ? series.events.map(logEvidenceOfEvent).reduce((best, log, at, all) => (best < 0 || log > all[best]! ? at : best), -1)
    : -1
}

function eventIn(guardrail: Guardrail, scope: string, index: number, state: EvidenceState, model: ModelLayout): EventEvidence | null {
  const series = seriesIn(state, guardrail, scope, model)
  return series.kind === 'events' ? ((series as EventSeries).events[index] ?? null) : null
}

/** The stage's own rows tell more plainly what goes on now; before it has any, those of the rollout. */
function rowsOf({ stage, whole }: EventEvidence): EventEvidence['whole'] {
  return stage.candidateRequests > 0 && stage.controlRequests > 0 ? stage : whole
}

function ratesOf(event: EventEvidence | null, model: ModelLayout): string {
  if (event === null) return 'how often is not known'
  const { candidateEvents, candidateRequests, controlEvents, controlRequests } = rowsOf(event)
  const { candidate, control } = versions(model)
  const rate = (events: number, requests: number) => percent(events / Math.max(1, requests))
  return `${rate(candidateEvents, candidateRequests)} for ${candidate} against ${rate(controlEvents, controlRequests)} for ${control}`
}

function effectOf({ estimate, intervalLow, intervalHigh, unit }: Reading): string {
  if (!Number.isFinite(estimate)) return ''
  const isShare = unit.startsWith('share')
  const number = (value: number) => (Number.isFinite(value) ? String(Number((isShare ? 100 * value : value).toPrecision(3))) : '?')
  const interval = Number.isFinite(intervalLow + intervalHigh) ? `, between ${number(intervalLow)} and ${number(intervalHigh)}` : ''
  return ` (effect ${number(estimate)}${interval} ${isShare ? 'points' : unit})`
}

function inScope(scope: string): string {
  return scope === ALL_SCOPE ? '' : ` in ${scope}`
}

function versions(model: ModelLayout) {
  return { candidate: model.versions[model.candidate]!, control: model.versions[model.control]! }
}
