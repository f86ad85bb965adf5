/**
 * What has moved on both versions since a while ago: the world, not the candidate.
 *
 * For every place where the memory can be cut in two, and every event a guardrail counts, the control after the cut is held against the
 * control before it, and the candidate likewise: two-arm evidence (detectors/two-arm.ts) that the odds have changed by more than a
 * quarter, exact for rare events. The control alone is searched, and pays for the search: its evidence is divided by the number of
 * things looked at. The candidate must then agree in the same event, cut and direction.
 *
 * At one look a steady world is called moved with a chance below 1 in 1,000 by the control alone, and below 1 in 10,000 with the
 * candidate, which is served independently. It is looked at again every minute, so over days a false word is possible: it stands in a
 * sentence and moves no traffic. Blind to: slow drift over hours, and what has no rate (log scores, values, means of resources).
 */
import { type Arms, DEFAULT_GRID, type Direction, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../../detectors/two-arm.ts'
import type { ChainName } from '../../domain.ts'
import { isoTime } from '../../kit/iso-time.ts'
import type { Block, Guardrail, ModelLayout } from '../../policy/layout.ts'
import { UPSTREAM } from './cause.ts'
import { armsOf, blocksRead, eventBlock, eventNames, featureName, isTwoSided, orderedBins, sumOf } from './events.ts'
import { sumOfSpans } from './memory.ts'
import { isPaired } from './paired.ts'
import { isScore, isShape } from './series.ts'
import type { Drift, EvidenceState, MemorySpan } from './state.ts'
import { stageDesignEffect } from './units.ts'
import { percent, placeInWords } from './words.ts'

/** A change of the odds by less is no news. */
const LOG_MARGIN = Math.log(1.25)
const LOG_LIMIT_CONTROL = Math.log(1_000)
const LOG_LIMIT_CANDIDATE = Math.log(10)

/** Memory cut in two. */
interface Cut {
  readonly sinceMs: number
  readonly before: MemorySpan
  readonly after: MemorySpan
}

/** One event before and after a cut, in both versions. */
interface Seen {
  readonly cut: Cut
  /** Place among the guardrail's events: what is said of it is found when it is told. */
  readonly index: number
  readonly before: Arms
  readonly after: Arms
}

/** At most one for each guardrail of the chain, the clearest first. */
export function driftsOf(spans: readonly MemorySpan[], chain: ChainName, state: EvidenceState, model: ModelLayout): readonly Drift[] {
  if (spans.length < 2) return []
  const guardrails = model.plan.guardrails.filter((guardrail) => guardrail.chain === chain && hasRates(guardrail))
  const cuts = spans.slice(1).map(
    ({ sinceMs }, at): Cut => ({
      sinceMs,
      before: sumOfSpans(spans.slice(0, at + 1)),
      after: sumOfSpans(spans.slice(at + 1)),
    }),
  )
  const found = guardrails.flatMap((guardrail) => driftOf(guardrail, cuts, guardrails.length, state, model) ?? [])
  return found.sort((one, other) => other.logEvidence - one.logEvidence)
}

/** As of now, the span that is not yet over included; with what was found when the last one ended. */
export function driftsNow(state: EvidenceState, model: ModelLayout): readonly Drift[] {
  const found = Object.entries(state.memory).flatMap(([chain, { spans, drifts }]) => {
    const fresh = driftsOf(spans, chain, state, model)
    return [...fresh, ...drifts.filter(({ guardrail }) => !fresh.some((each) => each.guardrail === guardrail))]
  })
  return found.sort((one, other) => other.logEvidence - one.logEvidence)
}

/** Guardrails whose rates had moved on both when the last span ended. */
export function movedOnBoth({ memory }: EvidenceState): readonly string[] {
  return Object.values(memory).flatMap(({ drifts }) => drifts.map(({ guardrail }) => guardrail))
}

function hasRates(guardrail: Guardrail): boolean {
  return !isScore(guardrail) && !isPaired(guardrail) && guardrail.kind !== 'calibration'
}

function driftOf(guardrail: Guardrail, cuts: readonly Cut[], rivals: number, state: EvidenceState, model: ModelLayout): Drift | null {
  const all = cuts.flatMap((cut) => seenIn(guardrail, cut, state, model))
  let clearest: Seen | null = null
  let most = 0
  for (const seen of all) {
    const changed = change(seen)
    if (!(changed > most)) continue
    clearest = seen
    most = changed
  }
  if (clearest === null) return null
  const direction = isMore(clearest) ? 'more' : 'fewer'
  const temper = stageDesignEffect(guardrail, blockOf(guardrail, clearest.index, model), state, model)
  const control = logMoved(armsOver(clearest, 'control'), direction, temper) - Math.log(all.length * rivals)
  if (!(control >= LOG_LIMIT_CONTROL)) return null
  if (!(logMoved(armsOver(clearest, 'candidate'), direction, temper) >= LOG_LIMIT_CANDIDATE)) return null
  const { subject, feature } = subjectOf(guardrail, clearest.index, state, model)
  const words = `${subject} ${direction === 'more' ? 'rose' : 'fell'} on both: ${rates(clearest)}, since ${isoTime(clearest.cut.sinceMs)}`
  return { guardrail: guardrail.name, feature, words, sinceMs: clearest.cut.sinceMs, logEvidence: control }
}

/** Time takes the place of the versions. Requests of the same units are not independent: with their likeness unknown nothing is said. */
function logMoved(arms: Arms, direction: Direction, temper: number): number {
  if (!Number.isFinite(temper)) return 0
  const state = observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, LOG_MARGIN, direction, DEFAULT_GRID, temper)
  return logEvidenceTwoArm(state, DEFAULT_GRID)
}

function armsOver({ before, after }: Seen, version: 'control' | 'candidate'): Arms {
  const [requests, events] = [`${version}Requests`, `${version}Events`] as const
  return {
    candidateRequests: after[requests],
    controlRequests: before[requests],
    candidateEvents: after[events],
    controlEvents: before[events],
  }
}

/** How far the control's rate has moved, in standard deviations, squared: cheap, and good enough to choose by. */
function change({ before, after }: Seen): number {
  const [m, n] = [before.controlRequests, after.controlRequests]
  const pooled = (before.controlEvents + after.controlEvents) / (m + n)
  const variance = pooled * (1 - pooled) * (1 / m + 1 / n)
  return variance > 0 && Number.isFinite(variance) ? (after.controlEvents / n - before.controlEvents / m) ** 2 / variance : 0
}

function isMore({ before, after }: Seen): boolean {
  return after.controlEvents * before.controlRequests > before.controlEvents * after.controlRequests
}

// ── what is counted ────────────────────────────────────────────────────────────────────────────────────────────────────────

function seenIn(guardrail: Guardrail, cut: Cut, state: EvidenceState, model: ModelLayout): readonly Seen[] {
  const [before, after] = [cut.before, cut.after].map((span) => eventsIn(guardrail, span, state, model))
  return before!.map((arms, index) => ({ cut, index, before: arms, after: after![index]! }))
}

function eventsIn(guardrail: Guardrail, { candidate, control }: MemorySpan, state: EvidenceState, model: ModelLayout): readonly Arms[] {
  if (isShape(guardrail)) return shapesOf(guardrail, model).flatMap((block) => binsIn(block, candidate, control))
  const sums = new Float64Array(0)
  const bins = state.thresholdBins[guardrail.name] ?? []
  return armsOf(
    guardrail,
    model,
    [
      { counts: candidate, sums },
      { counts: control, sums },
    ],
    bins,
  )
}

function shapesOf(guardrail: Guardrail, model: ModelLayout): readonly Block[] {
  return blocksRead(guardrail, model)
}

/** Every bin, then every threshold between ordered ones. */
function binsIn(block: Block, candidate: Float64Array, control: Float64Array): readonly Arms[] {
  const { countOffset: at, countSlots } = block
  const [candidateRequests, controlRequests] = [sumOf(candidate, at, at + countSlots), sumOf(control, at, at + countSlots)]
  const ordered = orderedBins(block)
  const held = (from: number, to: number): Arms => ({
    candidateRequests,
    controlRequests,
    candidateEvents: sumOf(candidate, at + from, at + to),
    controlEvents: sumOf(control, at + from, at + to),
  })
  const bins = Array.from({ length: countSlots }, (_, bin) => held(bin, bin + 1))
  const above = Array.from({ length: thresholdsOf(block) }, (_, bin) => held(bin + 1, ordered))
  return [...bins, ...above]
}

function thresholdsOf(block: Block): number {
  return Math.max(0, orderedBins(block) - 1)
}

// ── what is said ───────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Placed {
  readonly block: Block
  readonly event: { readonly kind: 'bin' | 'above'; readonly index: number }
}

function placeOf(guardrail: Guardrail, index: number, model: ModelLayout): Placed | null {
  let left = index
  for (const block of shapesOf(guardrail, model)) {
    if (left < block.countSlots) return { block, event: { kind: 'bin', index: left } }
    left -= block.countSlots
    if (left < thresholdsOf(block)) return { block, event: { kind: 'above', index: left } }
    left -= thresholdsOf(block)
  }
  return null
}

function blockOf(guardrail: Guardrail, index: number, model: ModelLayout): string {
  return isShape(guardrail) ? (placeOf(guardrail, index, model)?.block.id ?? '') : eventBlock(guardrail, model, index)
}

function subjectOf(guardrail: Guardrail, index: number, state: EvidenceState, model: ModelLayout) {
  const placed = isShape(guardrail) ? placeOf(guardrail, index, model) : null
  if (placed !== null) {
    const feature = featureName(placed.block.id)
    return { subject: `${feature} ${placeInWords(placed.block, placed.event)}`, feature }
  }
  const name = eventNames(guardrail, model, state.thresholdBins[guardrail.name])[index] ?? guardrail.name
  const feature = isTwoSided(guardrail) ? name : ''
  const what = feature === '' ? (guardrail.kind === 'latency' ? `requests ${name}` : name) : `${guardrail.kind} values of ${name}`
  return { subject: UPSTREAM.includes(guardrail.kind) ? `upstream of both versions: ${what}` : what, feature }
}

function rates({ before, after }: Seen): string {
  const of = (version: 'control' | 'candidate') => {
    const [requests, events] = [`${version}Requests`, `${version}Events`] as const
    return `${version} ${percent(before[events] / before[requests])} → ${percent(after[events] / after[requests])}`
  }
  return `${of('control')}, ${of('candidate')}`
}
