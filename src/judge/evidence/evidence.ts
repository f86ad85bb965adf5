/**
 * What the judge knows about one model's rollout: open strata, evidence for harm, effects of the stage. All pure:
 * `(state, input) → state`; arrays inside a state are never written again. Same panes in the same order give the same bits.
 *
 * Use: `acceptPane` (chains.ts) says whether a pane counts; if it reports a `rewind`, `forgetUndecided` first; then `observePane`;
 * then `settle` (chains.ts) with what it decided. `passSlices` after pulses. `readings`, `harms`, `proofs` whenever a stratum closed.
 */
import { logEvidenceSampleRatio } from '../../../detectors/sample-ratio.ts'
import { logEvidenceSilence } from '../../../detectors/silence.ts'
import type { ChainName, Factor, NonInferiority, Pane, Reading, StreamTimeMs } from '../../domain.ts'
import type { Guardrail, ModelLayout } from '../../policy/layout.ts'
import { readNow, readsOf } from './asked.ts'
import { causeBehind } from './cause.ts'
import type { Decided, Rewind } from './chains.ts'
import { addStratum } from './closing.ts'
import { coverageNow } from './coverage.ts'
import { movedOnBoth as movedOnBothNow } from './environment.ts'
import { scopesOf } from './events.ts'
import { environmentFactors, factorsBehind } from './factors.ts'
import { awaitSlice, emptyGates, forgetSlices, passGates, quietTooLong, ratioLimitsOf, startGatesStage } from './gates.ts'
import { type Judged, seenPane, withPopulation } from './population.ts'
import { proofsNow } from './proofs.ts'
import { harmsNow, readingsNow } from './readings.ts'
import { emptyRests, restsOf } from './rests.ts'
import { emptySeries, resetSeries, startSeriesStage } from './series.ts'
import { decodeState, encodeState } from './snapshot.ts'
import { currentStage, type Series, type EvidenceState as State, seriesKey, stageOf } from './state.ts'
import { isSteadyReading, steadyCause, steadyHarms, steadyReadings } from './steady/readings.ts'
import { decideSteady, emptySteady, forgetSteady, noteSteady, resetSteady } from './steady/steady.ts'
import { passTraffic } from './steady/volume.ts'
import { blocksOf, EMPTY_STRATA, fill, forget, openPane, sumUp } from './strata.ts'
import { isTempered, startUnitsStage, unitBlocksIn } from './units.ts'

export type EvidenceState = State

/** Changes of command remembered: older panes than the oldest of them do not come any more. */
const STAGES_MAX = 64

export interface ObserveContext {
  /** No latency evidence from slices that began before this time (cold caches after a change of split). */
  readonly settlingUntilMs: StreamTimeMs
  /** The candidate's commanded share (0..1) in this pane's slice; null: not known, or the command is not yet observed to take effect. */
  readonly commandedShare: number | null
  readonly maxStratumAgeMs: number
  /** The candidate answers copies of the control's requests. */
  readonly isMirrored?: boolean
}

export interface Observed {
  readonly state: EvidenceState
  /** Chains that closed a stratum: time to look at `harms`. */
  readonly closed: readonly ChainName[]
  /** For `settle`. */
  readonly decided: readonly Decided[]
}

export interface Harms {
  readonly rollback: readonly Reading[]
  readonly throttle: readonly Reading[]
  readonly hold: readonly Reading[]
}

export interface SampleRatio {
  readonly logEvidence: number
  /** ln(1/alpha): a mismatch when logEvidence reaches it. */
  readonly logLimit: number
  readonly candidate: number
  readonly total: number
  /** Commanded share last compared with; NaN when none. */
  readonly share: number
  /** When a mismatch is over if no other is proved until then; 0: there is none. */
  readonly untilMs: StreamTimeMs
}

export interface Silence {
  readonly logEvidence: number
  readonly logLimit: number
  /** Requests of this stage in passed slices, all populations. */
  readonly candidate: number
  readonly total: number
  /** Passed stream time since the candidate was last seen, and the requests of all arms in it. */
  readonly quietMs: number
  readonly quietRequests: number
  /** The evidence has crossed its limit and the candidate has been quiet for `silentAfterMs` with `silentMinimum` requests passed. */
  readonly silent: boolean
}

export interface Coverage {
  readonly outcome: string
  readonly chain: ChainName
  /** Share of matured predictions with an outcome over the last dozen strata; NaN: none matured yet. */
  readonly candidate: number
  readonly control: number
  readonly candidateMatured: number
  readonly controlMatured: number
  /** Evidence that coverage differs between the arms. */
  readonly logEvidence: number
}

export interface StageRows {
  /** Requests of the stage in closed strata of the exposure chain (of the described one for models without predictions). */
  readonly candidate: number
  readonly control: number
  readonly panes: number
}

export interface Cause {
  /** One sentence: what moved, where. */
  readonly words: string
  readonly guardrail: string
  readonly scope: string
  /** Feature name for drift and data quality; empty otherwise. */
  readonly feature: string
  /** Segment that carries most of the excess, e.g. `region=eu`; empty when none stands out. */
  readonly segment: string
  /** Share of the excess in that segment (0..1); NaN when there is none. */
  readonly segmentShare: number
}

export function emptyEvidence(model: ModelLayout): EvidenceState {
  const series: Record<string, Series> = {}
  for (const guardrail of model.plan.guardrails) {
    for (const scope of scopesOf(guardrail)) series[seriesKey(guardrail, scope)] = emptySeries(guardrail, scope, model)
  }
  return {
    model: model.name,
    blockHashes: hashesOf(model),
    segmentReads: readNow(model),
    stageStarts: [],
    stagesBefore: 0,
    chains: {},
    series,
    controlLatency: {},
    thresholdBins: {},
    coverage: {},
    gates: emptyGates(),
    tempered: emptyTempered(model),
    units: {},
    stageRows: { candidate: 0, control: 0, panes: 0 },
    steady: emptySteady(model),
    populations: [],
    rests: emptyRests(model),
    memory: {},
  }
}

/** Models with units: the second series of each guardrail, on all requests. */
function emptyTempered(model: ModelLayout): EvidenceState['tempered'] {
  const judged = model.plan.guardrails.filter((guardrail) => isTempered(guardrail, model))
  const entries = judged.flatMap((guardrail) => scopesOf(guardrail).map((scope) => ({ guardrail, scope })))
  return Object.fromEntries(entries.map(({ guardrail, scope }) => [seriesKey(guardrail, scope), emptySeries(guardrail, scope, model)]))
}

function hashesOf(model: ModelLayout): Record<string, string> {
  const chains = ['exposure', 'described', ...model.horizons.map((horizon) => horizon.chain)]
  const blocks = (chain: ChainName) => [...blocksOf(model, chain), ...unitBlocksIn(model, chain)]
  return Object.fromEntries(chains.flatMap((chain) => blocks(chain).map((block) => [`${chain}|${block.id}`, block.hash])))
}

/** Adds one accepted pane. `seen`: as the population of its stage sees it (population.ts). */
export function observePane(
  state: EvidenceState,
  given: Pane,
  model: ModelLayout,
  context: ObserveContext,
  seen = seenPane(state, given, model),
): Observed {
  const pane = seen
  const blocks = blocksOf(model, pane.chain)
  if (blocks.length === 0) return { state, closed: [], decided: [{ source: pane.source, chain: pane.chain, to: pane.to }] }
  const stage = stageOf(state, pane.sliceStartMs)
  const rule = { requests: model.plan.stratumRequests, maxAgeMs: context.maxStratumAgeMs, currentStage: currentStage(state) }
  const reads = readsOf(model, pane.chain)
  const filled = fill(state.chains[pane.chain] ?? EMPTY_STRATA, openPane(pane, model, blocks, reads), stage, pane.chain, rule)
  const gates = pane.chain === 'exposure' ? awaitSlice(state.gates, pane, model, stage, context.commandedShare) : state.gates
  const isMirrored = context.isMirrored === true
  const view = { isMirrored, isWhole: seen === given }
  const steady = decideSteady(noteSteady(state.steady, given, model, context.settlingUntilMs, view), filled.decided, model)
  const mirrored = isMirrored ? { mirroredStage: currentStage(state) } : {}
  let next: EvidenceState = { ...state, ...mirrored, gates, steady, chains: { ...state.chains, [pane.chain]: filled.strata } }
  for (const stratum of filled.closed)
    next = addStratum(next, pane.chain, sumUp(stratum, reads, unitBlocksIn(model, pane.chain)), model, context.settlingUntilMs)
  return { state: next, closed: filled.closed.length > 0 ? [pane.chain] : [], decided: filled.decided }
}

/**
 * A change of command at this stream time: strata never span it, stage data starts anew, harm evidence goes on. Also the first command.
 * `judged`: whom the stage is about; absent: whom the one before was.
 */
export function startStage(state: EvidenceState, _model: ModelLayout, atMs: StreamTimeMs, judged?: Judged): EvidenceState {
  const starts = [...state.stageStarts, Math.max(atMs, state.stageStarts.at(-1) ?? atMs)]
  const populations = judged === undefined ? state.populations : withPopulation(state, currentStage(state) + 1, judged)
  return {
    ...state,
    populations,
    // Other people differ from those before: nothing has moved by that.
    memory: populations === state.populations ? state.memory : {},
    stageStarts: starts.slice(-STAGES_MAX),
    stagesBefore: state.stagesBefore + Math.max(0, starts.length - STAGES_MAX),
    series: startedStage(state.series),
    tempered: startedStage(state.tempered),
    rests: { series: startedStage(state.rests.series), tempered: startedStage(state.rests.tempered) },
    units: startUnitsStage(state.units),
    thresholdBins: {},
    gates: startGatesStage(state.gates),
    stageRows: { candidate: 0, control: 0, panes: 0 },
  }
}

function startedStage(series: EvidenceState['series']): EvidenceState['series'] {
  return Object.fromEntries(Object.entries(series).map(([key, each]) => [key, startSeriesStage(each)]))
}

/** After a throttle is lifted: evidence of throttle guardrails (or of those named) starts anew. */
export function resetEvidence(state: EvidenceState, model: ModelLayout, guardrails?: readonly string[]): EvidenceState {
  const series = { ...state.series }
  const tempered = { ...state.tempered }
  const rests = { series: { ...state.rests.series }, tempered: { ...state.rests.tempered } }
  const anew = (held: { series: Record<string, Series>; tempered: Record<string, Series> }, guardrail: Guardrail, scope: string) => {
    const key = seriesKey(guardrail, scope)
    held.series[key] = resetSeries(held.series[key] ?? emptySeries(guardrail, scope, model), guardrail, model)
    if (held.tempered[key]) held.tempered[key] = resetSeries(held.tempered[key], guardrail, model)
  }
  for (const guardrail of model.plan.guardrails) {
    if (guardrails ? !guardrails.includes(guardrail.name) : guardrail.action !== 'throttle') continue
    for (const scope of scopesOf(guardrail)) anew({ series, tempered }, guardrail, scope)
    for (const { scope } of restsOf(model)) anew(rests, guardrail, scope)
  }
  return { ...state, series, tempered, rests, steady: resetSteady(state.steady, model, guardrails) }
}

/** Takes back undecided panes of a source beyond a higher epoch's base. */
export function forgetUndecided(state: EvidenceState, rewind: Rewind): EvidenceState {
  const chains = { ...state.chains }
  for (const [name, strata] of Object.entries(chains)) {
    chains[name] = forget(strata, rewind.source, rewind.through[`${state.model}|${name}`] ?? 0)
  }
  const gates = forgetSlices(state.gates, rewind.source, rewind.through[`${state.model}|exposure`] ?? 0)
  return { ...state, chains, gates, steady: forgetSteady(state.steady, rewind, state.model) }
}

/** Judges sample ratio and silence over slices that end at or before this time (chains.ts `passedMs`). Call after each pulse. */
export function passSlices(state: EvidenceState, model: ModelLayout, passedMs: StreamTimeMs): EvidenceState {
  const gates = passGates(state.gates, currentStage(state), passedMs, ratioLimitsOf(model))
  return passTime(gates === state.gates ? state : { ...state, gates }, model, passedMs)
}

/** Judges the volume of requests up to this time. While every source is idle no pulse tells that time goes by: call it at ticks. */
export function passTime(state: EvidenceState, model: ModelLayout, passedMs: StreamTimeMs): EvidenceState {
  const steady = passTraffic(state.steady, model, passedMs)
  return steady === state.steady ? state : { ...state, steady }
}

/** Every guardrail in every scope, `info` ones too. */
export function readings(state: EvidenceState, model: ModelLayout): readonly Reading[] {
  return [...readingsNow(state, model), ...steadyReadings(state.steady, model)]
}

/** What the evidence calls for now; each list ordered by strength. */
export function harms(state: EvidenceState, model: ModelLayout): Harms {
  const compared = harmsNow(state, model)
  const steady = steadyHarms(state.steady, model)
  return {
    rollback: [...compared.rollback, ...steady.rollback],
    throttle: [...compared.throttle, ...steady.throttle],
    hold: [...compared.hold, ...steady.hold],
  }
}

/** One per guardrail named for promotion. `minimumRows`: what the stage asks for. */
export function proofs(
  state: EvidenceState,
  model: ModelLayout,
  nextWeightPercent: number,
  minimumRows = model.plan.minimumRows,
): readonly NonInferiority[] {
  return proofsNow(state, model, nextWeightPercent, minimumRows)
}

export function sampleRatio(state: EvidenceState, model: ModelLayout): SampleRatio {
  const { ratio, ratioCandidate, ratioTotal, ratioBreach, share } = state.gates
  const { logLimit, calmAfterMs } = ratioLimitsOf(model)
  if (ratioBreach !== null) {
    const { atMs, ...found } = ratioBreach
    return { ...found, logLimit, share, untilMs: atMs + calmAfterMs }
  }
  return { logEvidence: logEvidenceSampleRatio(ratio), logLimit, candidate: ratioCandidate, total: ratioTotal, share, untilMs: 0 }
}

export function silence(state: EvidenceState, model: ModelLayout): Silence {
  const { gates } = state
  const { plan } = model
  const logEvidence = logEvidenceSilence(gates.silence)
  const logLimit = -Math.log(plan.rollbackAlpha)
  const quietMs = gates.quietToMs - gates.quietFromMs
  const quietEnough = quietMs >= plan.silentAfterMs && gates.quietRequests >= plan.silentMinimum
  const { candidate, total, quietRequests } = gates
  return {
    logEvidence,
    logLimit,
    candidate,
    total,
    quietMs,
    quietRequests,
    silent: quietEnough && logEvidence >= logLimit && quietTooLong(gates, logLimit),
  }
}

export function coverage(state: EvidenceState, model: ModelLayout): readonly Coverage[] {
  return coverageNow(state, model)
}

export function stageRows(state: EvidenceState): StageRows {
  return state.stageRows
}

/** The probable cause behind these readings (those that fired), strongest first; null when there are none. */
export function causeOf(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): Cause | null {
  const compared = fired.filter((reading) => !isSteadyReading(reading, model))
  return compared.length > 0 ? causeBehind(state, model, compared) : steadyCause(state.steady, model, fired)
}

/** Ranked reasons behind a verdict that stands on these readings: for harm and for signals. */
export function factorsOf(state: EvidenceState, model: ModelLayout, fired: readonly Reading[]): readonly Factor[] {
  return factorsBehind(state, model, fired)
}

/** What has moved on both versions: the world around a hold. */
export function environmentOf(state: EvidenceState, model: ModelLayout): readonly Factor[] {
  return environmentFactors(state, model)
}

/** Guardrails whose rates had moved on both versions when it was last asked, about once a minute. */
export function movedOnBoth(state: EvidenceState): readonly string[] {
  return movedOnBothNow(state)
}

export function encodeEvidence(state: EvidenceState): Buffer {
  return encodeState(state)
}

/** Exact, except that evidence of guardrails whose blocks or margin changed starts anew. */
export function decodeEvidence(bytes: Buffer, model: ModelLayout): EvidenceState {
  const fresh = emptyEvidence(model)
  return decodeState(bytes, fresh, model)
}
