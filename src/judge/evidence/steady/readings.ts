/** What the guardrails without a control say now: readings for people and the record, harms for the rules, and the cause in words. */
import { logEvidenceCeiling } from '../../../../detectors/ceiling.ts'
import { volumeEvidence } from '../../../../detectors/volume.ts'
import type { Reading } from '../../../domain.ts'
import { ALL_SCOPE, type ModelLayout, type SteadyGuardrail } from '../../../policy/layout.ts'
import { featureName } from '../events.ts'
import { CANDIDATE, CONTROL } from '../state.ts'
import { strongestFirst } from '../strongest.ts'
import type { Alarm, CeilingWatch, DriftWatch, SteadyState, VolumeWatch, Watch } from './state.ts'
import { driftBlocks, driftInWords, furthestFeature, logExcess, logLimitOf, namesOf, rateInWords, shareNow, steadyOf } from './steady.ts'

export const ENVIRONMENT = 'environment: both versions moved together'

export function steadyReadings(state: SteadyState, model: ModelLayout): readonly Reading[] {
  return steadyOf(model).flatMap((guardrail) => {
    const watch = state.watches[guardrail.name]
    return watch === undefined ? [] : [readingOf(watch, guardrail, state, model)]
  })
}

/** Readings of the guardrails whose alarm stands, by what they call for. */
export function steadyHarms(state: SteadyState, model: ModelLayout) {
  const standing = steadyReadings(state, model).filter((reading) => alarmOf(state.watches[reading.guardrail]!) !== null)
  const calling = (action: Reading['action']) => standing.filter((reading) => reading.action === action)
  return { rollback: calling('rollback'), throttle: calling('throttle'), hold: calling('hold') }
}

function alarmOf(watch: Watch): Alarm | null {
  return watch.kind === 'volume' ? watch.alarm : watch.sides[CANDIDATE].alarm
}

function readingOf(watch: Watch, guardrail: SteadyGuardrail, state: SteadyState, model: ModelLayout): Reading {
  const logLimit = logLimitOf(guardrail, state)
  if (watch.kind === 'volume') return volumeReading(watch, guardrail, logLimit)
  const reading = watch.kind === 'ceiling' ? ceilingReading(watch, guardrail, logLimit, model) : driftReading(watch, guardrail, model)
  return movedTogether(state, guardrail.name) ? { ...reading, detail: `${ENVIRONMENT} (${reading.detail})` } : reading
}

/** Without a part in the budget of the e-values: weight 0. */
function headOf(guardrail: SteadyGuardrail) {
  const nothing = { estimate: Number.NaN, intervalLow: Number.NaN, intervalHigh: Number.NaN }
  const counts = { candidateRows: 0, controlRows: 0, candidateEvents: 0, controlEvents: 0 }
  const { name, action } = guardrail
  return { guardrail: name, scope: ALL_SCOPE, class: guardrail.class, action, weight: 0, ...nothing, ...counts }
}

function ceilingReading({ sides }: CeilingWatch, guardrail: SteadyGuardrail, logLimit: number, model: ModelLayout): Reading {
  const { alarm, rates, batches } = sides[CANDIDATE]
  const logs = rates.map((rate) => logEvidenceCeiling(rate.state))
  const index = alarm?.index ?? Math.max(0, logs.indexOf(Math.max(...logs)))
  const [rate, control] = [rates[index], sides[CONTROL].rates[index]]
  const name = namesOf(guardrail, model)[index] ?? guardrail.name
  const words = rate && rate.rows > 0 ? rateInWords(rate, name, guardrail) : name
  return {
    ...headOf(guardrail),
    logEvidence: alarm?.logEvidence ?? logs[index] ?? 0,
    logLimit,
    estimate:
      alarm?.share !== undefined ? alarm.share - guardrail.limit : rate && rate.rows > 0 ? shareNow(rate) - guardrail.limit : Number.NaN,
    unit: guardrail.counts?.kind === 'wrong-outcome' ? 'share of outcomes above the ceiling' : 'share of requests above the ceiling',
    margin: guardrail.limit,
    candidateRows: rate?.rows ?? 0,
    controlRows: control?.rows ?? 0,
    candidateEvents: rate?.events ?? 0,
    controlEvents: control?.events ?? 0,
    strata: batches,
    detail: alarm?.words ?? words,
  }
}

function driftReading({ sides }: DriftWatch, guardrail: SteadyGuardrail, model: ModelLayout): Reading {
  const { alarm, rows, batches } = sides[CANDIDATE]
  const found = furthestFeature(sides[CANDIDATE], guardrail, model)
  const head = { ...headOf(guardrail), unit: 'distance of distributions', margin: guardrail.tolerance, logLimit: 0 }
  const seen = { candidateRows: rows, controlRows: sides[CONTROL].rows, strata: batches }
  const logEvidence = alarm?.logEvidence ?? (found ? logExcess(found.distance, guardrail) : 0)
  if (found === null) return { ...head, ...seen, logEvidence: alarm?.logEvidence ?? Math.log(1e-6), detail: alarm?.words ?? '' }
  const { distance, excess, radius } = found.distance
  const interval = { estimate: distance, intervalLow: Math.max(0, excess), intervalHigh: Math.min(1, distance + radius) }
  return { ...head, ...seen, ...interval, logEvidence, detail: alarm?.words ?? driftInWords(found, guardrail, model) }
}

function volumeReading(watch: VolumeWatch, guardrail: SteadyGuardrail, logLimit: number): Reading {
  const { requests, forecast, alarm, state } = watch
  return {
    ...headOf(guardrail),
    logEvidence: alarm?.logEvidence ?? volumeEvidence(state, logLimit).logEvidence,
    logLimit,
    estimate: forecast > 0 ? requests / forecast - 1 : Number.NaN,
    unit: 'share of the forecast',
    margin: guardrail.tolerance,
    candidateRows: requests,
    strata: state.buckets,
    detail: alarm?.words ?? (forecast > 0 ? '' : 'no forecast yet for this hour'),
  }
}

// ── cause ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

export function isSteadyReading(reading: Reading, model: ModelLayout): boolean {
  return steadyOf(model).some((guardrail) => guardrail.name === reading.guardrail)
}

/** Whether the control's own rows have raised the same alarm: then the version is not alone in it. */
export function movedTogether(state: SteadyState, guardrail: string): boolean {
  const watch = state.watches[guardrail]
  return watch !== undefined && watch.kind !== 'volume' && watch.sides[CANDIDATE].alarm !== null && watch.sides[CONTROL].alarm !== null
}

/** The probable cause behind alarms of these guardrails, strongest first. */
export function steadyCause(state: SteadyState, model: ModelLayout, fired: readonly Reading[]) {
  const [first] = strongestFirst(fired)
  const guardrail = steadyOf(model).find((each) => each.name === first?.guardrail)
  const watch = guardrail && state.watches[guardrail.name]
  if (!first || !guardrail || !watch) return null
  const alarm = alarmOf(watch)
  const block = guardrail.kind === 'baseline-drift' && alarm !== null ? driftBlocks(guardrail, model)[alarm.index] : undefined
  const feature = block ? featureName(block.id) : ''
  return { words: first.detail, guardrail: guardrail.name, scope: ALL_SCOPE, feature, segment: '', segmentShare: Number.NaN }
}
