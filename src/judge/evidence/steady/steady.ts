/**
 * Guardrails of a version that has no control beside it: ceilings and drift from a recorded baseline (volume: steady-volume.ts).
 *
 * They are not fed by closed strata, which need both arms: a promoted version is alone, and its strata never close. They take every pane
 * of the candidate when it is decided (its stratum closed, or it was let go), so that a higher epoch takes nothing back from them. The
 * control's own rows feed a twin of each: when both speak, it is not the version but the environment.
 *
 * A ceiling's limit is A = batches per tolerated false alarm: `runLength` of one source (compiled: time over slice, times the number of
 * ceilings) times the sources seen. Strata cannot come more often than one per source and slice, and a batch without rows is none, so
 * this errs on the side of fewer false alarms. These alarms have no part in α: they are a rate for ever, not a chance per rollout.
 */
import { type BaselineDistance, baselineDistance, emptyBaseline, observeBaseline } from '../../../../detectors/baseline-drift.ts'
import { emptyCeiling, logEvidenceCeiling, observeCeiling } from '../../../../detectors/ceiling.ts'
import type { Pane, StreamTimeMs } from '../../../domain.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout, type SteadyGuardrail } from '../../../policy/layout.ts'
import type { Decided, Rewind } from '../chains.ts'
import { armsOf, blocksRead, eventNames, featureName, hasThresholds, isSettling, latencyBlock, thresholdBins } from '../events.ts'
import { CANDIDATE, CONTROL } from '../state.ts'
import { armOf, blocksOf, type SlotRow } from '../strata.ts'
import { brief, percent } from '../words.ts'
import type { Alarm, ArmTally, CeilingRate, CeilingSide, DriftSide, RowsForHarm, SteadyPane, SteadyState, Watch } from './state.ts'
import { emptyTraffic, emptyVolumeWatch, forgetTraffic, noteTraffic, volumeDigest } from './volume.ts'

const FADE = 0.98
/** The least harm that a ceiling looks for, on the scale of log odds. */
const LEAST_LOG_ODDS = 0.1

export function steadyOf(model: ModelLayout): readonly SteadyGuardrail[] {
  return model.plan.steady ?? []
}

export function emptySteady(model: ModelLayout): SteadyState {
  const watches = Object.fromEntries(steadyOf(model).map((guardrail) => [guardrail.name, emptyWatch(guardrail, model)]))
  return { pending: [], sources: [], watches, traffic: emptyTraffic() }
}

function emptyWatch(guardrail: SteadyGuardrail, model: ModelLayout): Watch {
  const digest = digestOf(guardrail, model)
  if (guardrail.kind === 'volume') return emptyVolumeWatch(digest)
  if (guardrail.kind === 'ceiling') {
    const side = emptyCeilingSide(guardrail, model)
    return { kind: 'ceiling', digest, sides: [side, side] }
  }
  const side = emptyDriftSide(guardrail, model)
  return { kind: 'baseline-drift', digest, sides: [side, side] }
}

function emptyCeilingSide(guardrail: SteadyGuardrail, model: ModelLayout): CeilingSide {
  return { batches: 0, rates: namesOf(guardrail, model).map(() => emptyRate()), alarm: null }
}

function emptyRate(): CeilingRate {
  return { state: emptyCeiling(), rows: 0, events: 0, recentRows: 0, recentEvents: 0 }
}

function emptyDriftSide(guardrail: SteadyGuardrail, model: ModelLayout): DriftSide {
  return { batches: 0, rows: 0, features: driftBlocks(guardrail, model).map((block) => emptyBaseline(block.countSlots)), alarm: null }
}

/** Numbers of another digest are another series. */
function digestOf(guardrail: SteadyGuardrail, model: ModelLayout): string {
  const { kind, limit, tolerance, counts, reference } = guardrail
  if (kind === 'volume') return volumeDigest(guardrail, model)
  const blocks = counts === null ? driftBlocks(guardrail, model) : blocksRead(counts, model)
  const version = model.versions[model.candidate]
  return [
    kind,
    version,
    limit,
    tolerance,
    ...(counts?.thresholdsMs ?? []),
    reference?.digest ?? '',
    ...blocks.map((block) => block.hash),
  ].join(' ')
}

/** The rates a ceiling watches, by name. */
export function namesOf({ counts }: SteadyGuardrail, model: ModelLayout): readonly string[] {
  return counts === null ? [] : eventNames(counts, model, hasThresholds(counts) ? binsOf(counts, model) : undefined)
}

export function driftBlocks(guardrail: SteadyGuardrail, model: ModelLayout): readonly Block[] {
  return guardrail.blocks.flatMap((id) => model.exposureBlocks.find((block) => block.id === id) ?? [])
}

function binsOf(counts: Guardrail, model: ModelLayout): readonly number[] {
  const block = latencyBlock(counts, model)
  return (block && thresholdBins(counts, block, undefined, 0)) ?? []
}

/** Batches per tolerated false alarm, as a logarithm. */
export function logLimitOf(guardrail: SteadyGuardrail, state: SteadyState): number {
  return Math.log(guardrail.runLength * (guardrail.kind === 'ceiling' ? Math.max(1, state.sources.length) : 1))
}

// ── panes on their way ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** How the candidate's traffic stands to everybody's. */
export interface SteadyView {
  /** The candidate answers copies of the control's requests. */
  readonly isMirrored: boolean
  /** It serves all kinds of people; where it is kept to some, or out of some, its inputs differ from a baseline, and that is no drift. */
  readonly isWhole: boolean
}

/** Keeps what guardrails need of an accepted pane until it is decided. */
export function noteSteady(
  state: SteadyState,
  pane: Pane,
  model: ModelLayout,
  settlingUntilMs: StreamTimeMs,
  { isMirrored, isWhole }: SteadyView = { isMirrored: false, isWhole: true },
): SteadyState {
  if (steadyOf(model).length === 0) return state
  const sources = state.sources.includes(pane.source) ? state.sources : [...state.sources, pane.source].sort()
  const traffic = pane.chain === 'exposure' ? noteTraffic(state.traffic, pane, model, isMirrored) : state.traffic
  const noted = { ...state, sources, traffic }
  const mine = steadyOf(model).filter((guardrail) => chainOf(guardrail) === pane.chain)
  if (mine.length === 0) return noted
  const rows = rowsOf(pane, model)
  const settled = pane.sliceStartMs >= settlingUntilMs
  const compared = mine.filter((guardrail) => isWhole || guardrail.kind !== 'baseline-drift')
  const tallied = compared.filter(({ counts }) => settled || counts === null || !isSettling(counts))
  const tallies = Object.fromEntries(tallied.map((guardrail) => [guardrail.name, talliesOf(guardrail, model, rows)]))
  const held: SteadyPane = { source: pane.source, chain: pane.chain, to: pane.to, sliceEndMs: pane.sliceEndMs, tallies }
  return { ...noted, pending: [...state.pending, held] }
}

/** Volume follows passed slices, not panes. */
function chainOf({ kind, counts }: SteadyGuardrail): string {
  return kind === 'volume' ? '' : (counts?.chain ?? 'exposure')
}

/** All requests of both arms: a promoted version has few first exposures left. */
function rowsOf(pane: Pane, model: ModelLayout): readonly [SlotRow, SlotRow] {
  const blocks = blocksOf(model, pane.chain).filter((block) => pane.blockHashes.get(block.id) === block.hash)
  const slots = blocksOf(model, pane.chain).reduce((most, block) => Math.max(most, block.countOffset + block.countSlots), 0)
  const empty = (): SlotRow => ({ counts: new Float64Array(slots), sums: new Float64Array(0) })
  const rows: [SlotRow, SlotRow] = [empty(), empty()]
  for (const cell of pane.cells) {
    const arm = armOf(cell, model)
    if (arm === null || cell.population !== 'all' || cell.scope !== ALL_SCOPE) continue
    for (const block of blocks) {
      const counts = cell.blocks.get(block.id)?.counts
      for (let slot = 0; counts && slot < block.countSlots; slot += 1) rows[arm].counts[block.countOffset + slot]! += counts[slot]!
    }
  }
  return rows
}

function talliesOf(guardrail: SteadyGuardrail, model: ModelLayout, rows: readonly [SlotRow, SlotRow]): readonly [ArmTally, ArmTally] {
  if (guardrail.counts !== null) {
    const arms = armsOf(guardrail.counts, model, rows, hasThresholds(guardrail.counts) ? binsOf(guardrail.counts, model) : [])
    return [
      arms.map(({ candidateRequests, candidateEvents }) => [candidateRequests, candidateEvents]),
      arms.map(({ controlRequests, controlEvents }) => [controlRequests, controlEvents]),
    ]
  }
  const slotsOf = (row: SlotRow) =>
    driftBlocks(guardrail, model).map((block) => [...row.counts.subarray(block.countOffset, block.countOffset + block.countSlots)])
  return [slotsOf(rows[CANDIDATE]), slotsOf(rows[CONTROL])]
}

/** Takes back what a higher epoch does not know. */
export function forgetSteady(state: SteadyState, rewind: Rewind, modelName: string): SteadyState {
  const through = (chain: string) => rewind.through[`${modelName}|${chain}`] ?? 0
  const isKept = (pane: SteadyPane) => pane.source !== rewind.source || pane.to <= through(pane.chain)
  return { ...state, pending: state.pending.filter(isKept), traffic: forgetTraffic(state.traffic, rewind.source, through('exposure')) }
}

// ── decided panes ──────────────────────────────────────────────────────────────────────────────────────────────────────────

export function decideSteady(state: SteadyState, decided: readonly Decided[], model: ModelLayout): SteadyState {
  const isDue = (pane: SteadyPane) => decided.some((each) => each.source === pane.source && each.chain === pane.chain && pane.to <= each.to)
  const due = state.pending.filter(isDue)
  if (due.length === 0) return state
  const watches: Record<string, Watch> = { ...state.watches }
  for (const pane of due) {
    for (const guardrail of steadyOf(model)) {
      const tallies = pane.tallies[guardrail.name]
      const watch = watches[guardrail.name]
      if (tallies && watch) watches[guardrail.name] = observeWatch(watch, guardrail, tallies, pane.sliceEndMs, state, model)
    }
  }
  return { ...state, pending: state.pending.filter((pane) => !due.includes(pane)), watches }
}

function observeWatch(
  watch: Watch,
  guardrail: SteadyGuardrail,
  [candidate, control]: readonly [ArmTally, ArmTally],
  atMs: StreamTimeMs,
  state: SteadyState,
  model: ModelLayout,
): Watch {
  if (watch.kind === 'ceiling') {
    const observe = (side: CeilingSide, tally: ArmTally) => observeRates(side, guardrail, tally, atMs, logLimitOf(guardrail, state), model)
    return { ...watch, sides: [observe(watch.sides[CANDIDATE], candidate), observe(watch.sides[CONTROL], control)] }
  }
  if (watch.kind === 'volume') return watch
  const observe = (side: DriftSide, tally: ArmTally) => observeFeatures(side, guardrail, tally, atMs, model)
  return { ...watch, sides: [observe(watch.sides[CANDIDATE], candidate), observe(watch.sides[CONTROL], control)] }
}

/** An alarm stands for `calmAfterMs` after the last time it was raised. */
export function stillStands<A extends Alarm>(alarm: A | null, atMs: StreamTimeMs, model: ModelLayout): A | null {
  return alarm !== null && atMs - alarm.atMs < model.plan.calmAfterMs ? alarm : null
}

function observeRates(
  side: CeilingSide,
  guardrail: SteadyGuardrail,
  tally: ArmTally,
  atMs: StreamTimeMs,
  logLimit: number,
  model: ModelLayout,
): CeilingSide {
  if (tally.every(([rows]) => rows === 0)) return side
  const rates = side.rates.map((rate, index) => addToRate(rate, tally[index] ?? [0, 0], guardrail.limit))
  const logs = rates.map((rate) => logEvidenceCeiling(rate.state))
  const index = logs.indexOf(Math.max(...logs))
  const batches = side.batches + 1
  if (!(logs[index]! >= logLimit)) return { batches, rates, alarm: stillStands(side.alarm, atMs, model) }
  const words = rateInWords(rates[index]!, namesOf(guardrail, model)[index] ?? guardrail.name, guardrail)
  const alarm: Alarm = { atMs, logEvidence: logs[index]!, index, words, rows: rates[index]!.rows, share: shareNow(rates[index]!) }
  const anew = rates.map((rate, each) => (logs[each]! >= logLimit ? { ...rate, state: emptyCeiling() } : rate))
  return { batches, rates: anew, alarm }
}

function addToRate(rate: CeilingRate, [rows = 0, events = 0]: readonly number[], limit: number): CeilingRate {
  if (rows === 0) return rate
  return {
    state: observeCeiling(rate.state, { rows, events }, limit),
    rows: rate.rows + rows,
    events: rate.events + events,
    recentRows: rate.recentRows * FADE + rows,
    recentEvents: rate.recentEvents * FADE + events,
    since: sinceHarm(rate, rows, events, limit),
  }
}

/**
 * Rows since their running evidence for the least harm was last below zero (Page's CUSUM): their share is above the limit, whatever a
 * long healthy time before them would make of a mean.
 */
function sinceHarm({ since }: CeilingRate, rows: number, events: number, limit: number): RowsForHarm | null {
  const bet = events * LEAST_LOG_ODDS - rows * Math.log1p(limit * Math.expm1(LEAST_LOG_ODDS))
  const logOdds = (since?.logOdds ?? 0) + bet
  return logOdds > 0 ? { rows: (since?.rows ?? 0) + rows, events: (since?.events ?? 0) + events, logOdds } : null
}

/** Of the rows that speak for harm, where there are some; else of the recent ones. */
export function shareNow({ since, recentRows, recentEvents }: CeilingRate): number {
  return !since ? recentEvents / recentRows : since.events / since.rows
}

/** "errors: 9.8 % of recent requests, allowed 5 %" */
export function rateInWords(rate: CeilingRate, name: string, guardrail: SteadyGuardrail): string {
  const what = guardrail.counts?.kind === 'missing' ? `${name} missing` : name
  const of = guardrail.counts?.kind === 'wrong-outcome' ? 'outcomes' : 'requests'
  return `${what}: ${percent(shareNow(rate))} of recent ${of}, allowed ${percent(guardrail.limit)}`
}

// ── drift ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function observeFeatures(side: DriftSide, guardrail: SteadyGuardrail, tally: ArmTally, atMs: StreamTimeMs, model: ModelLayout): DriftSide {
  const sum = (counts: readonly number[]) => counts.reduce((total, count) => total + count, 0)
  const rows = Math.max(0, ...tally.map(sum))
  if (rows === 0) return side
  const features = side.features.map((feature, index) => observeBaseline(feature, tally[index] ?? []))
  const next = { batches: side.batches + 1, rows: side.rows + rows, features, alarm: stillStands(side.alarm, atMs, model) }
  const found = furthestFeature(next, guardrail, model)
  if (found === null || !(found.distance.excess > guardrail.tolerance)) return next
  const { index, distance } = found
  const words = driftInWords(found, guardrail, model)
  return { ...next, alarm: { atMs, logEvidence: logExcess(distance, guardrail), index, words, rows: distance.rows } }
}

export interface FeatureDistance {
  readonly index: number
  readonly distance: BaselineDistance
}

/** The feature furthest beyond its bands; null before the first look, or without a profile. */
export function furthestFeature(side: DriftSide, guardrail: SteadyGuardrail, model: ModelLayout): FeatureDistance | null {
  const blocks = driftBlocks(guardrail, model)
  let furthest: FeatureDistance | null = null
  for (const [index, state] of side.features.entries()) {
    const block = blocks[index]
    const counts = block && guardrail.reference?.counts[block.id]
    if (!counts) continue
    const options = { tolerance: guardrail.tolerance, alpha: guardrail.alpha / blocks.length, ordered: block.kind === 'feature' }
    const distance = baselineDistance(state, { counts }, options)
    if (distance !== null && (furthest === null || distance.excess > furthest.distance.excess)) furthest = { index, distance }
  }
  return furthest
}

/** Drift has no e-value; on the scale of readings it is how far the excess exceeds the tolerance, with a limit of 0. */
export function logExcess({ excess }: BaselineDistance, { tolerance }: SteadyGuardrail): number {
  return Math.log(Math.max(excess, 1e-6) / Math.max(tolerance, 1e-3))
}

/** "age: below 40: 62 % against 41 % in the profile" */
export function driftInWords({ index, distance }: FeatureDistance, guardrail: SteadyGuardrail, model: ModelLayout): string {
  const block = driftBlocks(guardrail, model)[index]!
  const shares = `${percent(distance.share)} against ${percent(distance.profileShare)} in the profile`
  return `${featureName(block.id)}: ${slotInWords(block, distance.slot)} ${shares}`
}

function slotInWords(block: Block, slot: number): string {
  if (block.kind === 'category') {
    const known = block.countSlots - 3
    return slot < known ? `value no. ${slot + 1} of the list` : ['unseen values', 'missing', 'of a wrong type'][slot - known]!
  }
  const edge = block.edges[slot]
  return edge === undefined ? 'present and usable' : `below ${brief(edge)}`
}

// ── anew, and after a restart ──────────────────────────────────────────────────────────────────────────────────────────────

/** Those named begin anew; without names those that throttle. */
export function resetSteady(state: SteadyState, model: ModelLayout, names: readonly string[] | undefined): SteadyState {
  const watches = { ...state.watches }
  for (const guardrail of steadyOf(model)) {
    const isMeant = names === undefined ? guardrail.action === 'throttle' : names.includes(guardrail.name)
    if (isMeant) watches[guardrail.name] = emptyWatch(guardrail, model)
  }
  return { ...state, watches }
}

/** A snapshot of before: what means something else now begins anew. One written before there were such guardrails holds nothing. */
export function steadyStillMeant(stored: SteadyState | undefined, fresh: SteadyState): SteadyState {
  if (stored === undefined) return fresh
  const isSame = (name: string) => fresh.watches[name] !== undefined && stored.watches[name]?.digest === fresh.watches[name].digest
  const watches: Record<string, Watch> = {}
  for (const [name, watch] of Object.entries(fresh.watches)) watches[name] = isSame(name) ? stored.watches[name]! : watch
  const pending = stored.pending.map((pane) => ({
    ...pane,
    tallies: Object.fromEntries(Object.entries(pane.tallies).filter(([name]) => isSame(name))),
  }))
  return { ...stored, pending, watches }
}
