/**
 * Repeated requests of one user: what is known of how alike they are, and what follows from it.
 *
 * A model with units has two series per guardrail and scope. One is on first exposures, plain: each unit speaks once, and the guarantee is
 * exact. The other is on all requests, tempered by the design effect that the control's unit buckets showed in the strata before
 * (detectors/design-effect.ts, tempering.ts): it goes on when everybody has been seen once. Evidence is the mean of the two.
 *
 * The placebo watches the second one: some of the control's buckets, as many as the candidate's share, against the others are a candidate
 * that is no different. When it is convicted, users differ in a way that the design effect has missed: the tempered half of every
 * guardrail of that chain stops for the rest of the rollout.
 */
import { addBuckets, type BucketSums, cautiousDesignEffect, emptyBuckets, rowsInBuckets } from '../../../detectors/design-effect.ts'
import { logMarginFromPoints, logMarginFromPointsFewer } from '../../../detectors/margin.ts'
import { retempered } from '../../../detectors/tempering.ts'
import { type Arms, DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../../detectors/two-arm.ts'
import type { ChainName } from '../../domain.ts'
import { UNIT_BUCKETS } from '../../kit/hash.ts'
import type { Block, Guardrail, JudgedValue, ModelLayout } from '../../policy/layout.ts'
import { isTwoSided } from './events.ts'
import type { EvidenceState, Placebo, UnitsState } from './state.ts'
import { blocksOf, type ClosedStratum, type SlotRow } from './strata.ts'

/** Control rows in buckets before a design effect is believed. Until then nothing is betted on repeated requests, and nothing proved. */
export const ROWS_FOR_DESIGN_EFFECT = 1_000

export const NO_UNITS: UnitsState = { whole: {}, stage: {}, placebos: {}, fired: null }

/** Design effect of a guardrail's block, by the id of the block it reads; infinite while it is not known. */
export type Temper = (blockId: string) => number

export function unitBlocksIn(model: ModelLayout, chain: ChainName): readonly Block[] {
  return model.unitBlocks?.[chain] ?? []
}

/**
 * Whether a guardrail is judged on all requests as well. Not where the chain brings no units; and not calibration, which looks at the
 * candidate alone and bets on no arm, nor pairs, which are of all requests anyway.
 */
export function isTempered(guardrail: Guardrail, model: ModelLayout): boolean {
  return unitBlocksIn(model, guardrail.chain).length > 0 && !ONE_ARMED.includes(guardrail.kind)
}

const ONE_ARMED: readonly Guardrail['kind'][] = ['calibration', 'disagreement', 'paired', 'paired-log-score', 'paired-brier']

/** Sums are kept under the definition they were made with: another one begins anew. */
export function bucketKey(block: Block): string {
  return `${block.id}@${block.hash}`
}

// ── design effects ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Design effects as the strata so far show them: what divides the bets of the next one. Computed when asked for, and once. */
export function temperOf(guardrail: Guardrail, state: EvidenceState, model: ModelLayout, cache = new Map<string, number>()): Temper {
  const sums = (state.units[guardrail.chain] ?? NO_UNITS).whole
  return (blockId) => largestOf(judging(guardrail, blockId, model), sums, cache)
}

/**
 * For effects of the stage: the design effect of its own rows. That of the whole rollout is larger, since users come again and again:
 * it stands in while the stage has few rows.
 */
export function stageDesignEffect(guardrail: Guardrail, blockId: string, state: EvidenceState, model: ModelLayout): number {
  if (unitBlocksIn(model, guardrail.chain).length === 0) return 1
  const units = state.units[guardrail.chain] ?? NO_UNITS
  const blocks = judging(guardrail, blockId, model)
  const ofStage = largestOf(blocks, units.stage, new Map())
  return Number.isFinite(ofStage) ? ofStage : largestOf(blocks, units.whole, new Map())
}

/** The largest design effect of anything counted on these chains; of the whole rollout where the stage has few rows. */
export function largestDesignEffect(chains: readonly ChainName[], of: 'whole' | 'stage', state: EvidenceState, model: ModelLayout): number {
  const effects = chains.map((chain) => {
    const blocks = unitBlocksIn(model, chain)
    const { whole, stage } = state.units[chain] ?? NO_UNITS
    const ofStage = of === 'stage' ? largestOf(blocks, stage, new Map()) : Number.POSITIVE_INFINITY
    return Number.isFinite(ofStage) ? ofStage : largestOf(blocks, whole, new Map())
  })
  return Math.max(...effects)
}

function largestOf(blocks: readonly Block[], sums: UnitsState['whole'], cache: Map<string, number>): number {
  return Math.max(1, ...blocks.map((block) => knownEffect(bucketKey(block), sums, cache)))
}

function knownEffect(key: string, sums: UnitsState['whole'], cache: Map<string, number>): number {
  const known = cache.get(key)
  if (known !== undefined) return known
  const buckets = sums[key]
  const effect = buckets && rowsInBuckets(buckets) >= ROWS_FOR_DESIGN_EFFECT ? cautiousDesignEffect(buckets) : Number.POSITIVE_INFINITY
  cache.set(key, effect)
  return effect
}

/**
 * The buckets that say how alike a guardrail's events are within units. Failed requests count as slow, so latency heeds errors too; a
 * feature that is missing heeds both its own slots and `missing`. What has no buckets heeds all: nothing is more alike than what a
 * user always brings along.
 */
function judging(guardrail: Guardrail, blockId: string, model: ModelLayout): readonly Block[] {
  const blocks = unitBlocksIn(model, guardrail.chain)
  const wanted = wantedIds(guardrail, blockId, model).map((id) => `units:${id}`)
  const found = blocks.filter((block) => wanted.includes(block.id))
  return found.length > 0 ? found : blocks
}

function wantedIds(guardrail: Guardrail, blockId: string, model: ModelLayout): readonly string[] {
  switch (guardrail.kind) {
    case 'latency':
      return [blockId, 'errors']
    case 'missing':
      return [blockId, 'missing']
    case 'brier':
      return [`${blockId}:brier`]
    case 'pair-drift':
      return (blocksOf(model, guardrail.chain).find((block) => block.id === blockId)?.pair ?? []).map((side) => `feature:${side.name}`)
    default:
      return [blockId]
  }
}

// ── a stratum's buckets ────────────────────────────────────────────────────────────────────────────────────────────────────

/** Adds a stratum's buckets, and lets the placebo run on them. */
export function addUnits(
  state: EvidenceState,
  guardrails: readonly Guardrail[],
  chain: ChainName,
  stratum: ClosedStratum,
  model: ModelLayout,
  inStage: boolean,
): EvidenceState['units'] {
  const row = stratum.buckets
  if (row === null) return state.units
  const before = state.units[chain] ?? NO_UNITS
  const whole = { ...before.whole }
  const stage = { ...before.stage }
  for (const block of unitBlocksIn(model, chain)) {
    const sums = bucketsIn(row, block)
    const key = bucketKey(block)
    whole[key] = addBuckets(whole[key] ?? emptyBuckets(UNIT_BUCKETS), sums)
    if (inStage) stage[key] = addBuckets(stage[key] ?? emptyBuckets(UNIT_BUCKETS), sums)
  }
  const placebos = watch(before, guardrails, row, stratum, model)
  return { ...state.units, [chain]: { whole, stage, placebos, fired: before.fired ?? firedIn(placebos, model) } }
}

export function bucketsIn(row: SlotRow, block: Block): BucketSums {
  const sums = row.sums.subarray(block.sumOffset, block.sumOffset + block.sumSlots)
  return {
    rows: row.counts.subarray(block.countOffset, block.countOffset + block.countSlots),
    sums: sums.subarray(0, UNIT_BUCKETS),
    squares: sums[UNIT_BUCKETS]!,
  }
}

// ── placebo ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Events that are 0 or 1 for each request. */
const WATCHED: Readonly<Partial<Record<Guardrail['kind'], JudgedValue>>> = {
  'error-rate': 'errors',
  'wrong-outcome': 'wrong',
  missing: 'missing',
}

export const EMPTY_PLACEBO: Placebo = { more: emptyTwoArm(DEFAULT_GRID), fewer: null, temper: 1 }

function watch(
  before: UnitsState,
  guardrails: readonly Guardrail[],
  row: SlotRow,
  stratum: ClosedStratum,
  model: ModelLayout,
): UnitsState['placebos'] {
  if (before.fired !== null) return before.placebos
  const placebos = { ...before.placebos }
  const share = stratum.candidate / (stratum.candidate + stratum.control)
  for (const guardrail of guardrails) {
    const block = watchedBlock(guardrail, model)
    const known = block && before.whole[bucketKey(block)]
    if (!block || !known || rowsInBuckets(known) < ROWS_FOR_DESIGN_EFFECT) continue
    const arms = placeboArms(bucketsIn(row, block), share)
    placebos[guardrail.name] = observePlacebo(placebos[guardrail.name], arms, known, guardrail)
  }
  return placebos
}

function watchedBlock(guardrail: Guardrail, model: ModelLayout): Block | undefined {
  const judged = WATCHED[guardrail.kind]
  const own = guardrail.blocks.map((id) => `units:${id}`)
  const blocks = unitBlocksIn(model, guardrail.chain).filter((block) => block.judged === judged && judged !== undefined)
  return judged === 'missing' ? blocks[0] : blocks.find((block) => own.includes(block.id))
}

/** The first buckets, as many as the candidate's share, in the place of the candidate. */
export function placeboArms({ rows, sums }: BucketSums, share: number): Arms {
  const chosen = Math.min(rows.length - 1, Math.max(1, Math.ceil(share * rows.length)))
  const arms = { candidateRequests: 0, controlRequests: 0, candidateEvents: 0, controlEvents: 0 }
  for (let bucket = 0; bucket < rows.length; bucket += 1) {
    arms[bucket < chosen ? 'candidateRequests' : 'controlRequests'] += rows[bucket]!
    arms[bucket < chosen ? 'candidateEvents' : 'controlEvents'] += sums[bucket]!
  }
  return arms
}

function observePlacebo(given: Placebo | undefined, arms: Arms, before: BucketSums, guardrail: Guardrail): Placebo {
  const temper = cautiousDesignEffect(before)
  if (!Number.isFinite(temper)) return given ?? EMPTY_PLACEBO
  const held = heldAt(given ?? { ...EMPTY_PLACEBO, fewer: isTwoSided(guardrail) ? emptyTwoArm(DEFAULT_GRID) : null }, temper)
  const events = before.sums.reduce((sum, each) => sum + each, 0)
  const rows = rowsInBuckets(before)
  const more = observeTwoArm(held.more, arms, logMarginFromPoints(guardrail.margin, events, rows), 'more', DEFAULT_GRID, temper)
  if (held.fewer === null) return { ...held, more }
  const logFewer = logMarginFromPointsFewer(guardrail.margin, events, rows)
  return { ...held, more, fewer: observeTwoArm(held.fewer, arms, logFewer, 'fewer', DEFAULT_GRID, temper) }
}

/** Capital of two-arm bets as it stands at this design effect. */
export function heldAt<T extends Pick<Placebo, 'more' | 'fewer'> & { readonly temper?: number }>(given: T, temper: number): T {
  const before = given.temper ?? 1
  if (temper <= before) return given
  const again = (state: Placebo['more']) => ({ ...state, logMixture: retempered(state.logMixture, before, temper) })
  return { ...given, more: again(given.more), fewer: given.fewer && again(given.fewer), temper }
}

function firedIn(placebos: UnitsState['placebos'], model: ModelLayout): string | null {
  const limit = -Math.log(model.plan.rollbackAlpha)
  const found = Object.entries(placebos).find(([, placebo]) => logEvidenceOfPlacebo(placebo) >= limit)
  return found === undefined ? null : found[0]
}

export function logEvidenceOfPlacebo({ more, fewer }: Placebo): number {
  const one = logEvidenceTwoArm(more, DEFAULT_GRID)
  if (fewer === null) return one
  const other = logEvidenceTwoArm(fewer, DEFAULT_GRID)
  const larger = Math.max(one, other)
  return larger + Math.log((Math.exp(one - larger) + Math.exp(other - larger)) / 2)
}

/** The guardrail whose placebo was convicted on this chain; null: none was. */
export function placeboFired(state: EvidenceState, chain: ChainName): string | null {
  return state.units[chain]?.fired ?? null
}

/** A new stage: its own rows begin anew; what is known of the rollout goes on. */
export function startUnitsStage(units: EvidenceState['units']): EvidenceState['units'] {
  return Object.fromEntries(Object.entries(units).map(([chain, each]) => [chain, { ...each, stage: {} }]))
}
