/**
 * Strata: runs of requests in arrival order, closed by request counts only, so that evidence stays exact.
 * One is filled from one source until it holds enough requests and both arms. A source too thin to fill one in time hands its panes
 * to a pool shared by such sources. No stratum spans a change of command: what is open then goes to the pool of its own stage.
 */
import type { BlockCounts, ChainName, Pane, PaneCell, StreamTimeMs } from '../../domain.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../../policy/layout.ts'
import type { Decided } from './chains.ts'
import { CANDIDATE, type ChainStrata, CONTROL, type OpenCell, type OpenPane, type OpenStratum } from './state.ts'

/** When one-armed data is this many times older than a stratum may grow, it is let go: without a partner it says nothing. */
const ONE_ARMED_AGES = 2

export interface StratumRule {
  readonly requests: number
  readonly maxAgeMs: number
  /** The stage that runs now: pools of stages before the last one are let go. */
  readonly currentStage: number
}

export interface Filled {
  readonly strata: ChainStrata
  readonly closed: readonly OpenStratum[]
  readonly decided: readonly Decided[]
}

export const EMPTY_STRATA: ChainStrata = { open: {}, pools: [], closed: 0, thin: {}, letGoUntilMs: 0 }

/** What is read of one scope of a chain: its blocks, and the slots up to the end of the last of them. */
export interface ScopeRead {
  readonly blocks: readonly Block[]
  readonly ids: ReadonlySet<string>
  readonly countSlots: number
  readonly sumSlots: number
}

/** By scope; of one that is not listed nothing is read. */
export type Reads = ReadonlyMap<string, ScopeRead>

export function slotsOf(blocks: readonly Block[]): Pick<ScopeRead, 'countSlots' | 'sumSlots'> {
  const summed = blocks.filter((block) => SUMMED.includes(block.kind))
  return {
    countSlots: blocks.reduce((most, block) => Math.max(most, block.countOffset + block.countSlots), 0),
    sumSlots: summed.reduce((most, block) => Math.max(most, block.sumOffset + block.sumSlots), 0),
  }
}

/** Of other blocks evidence reads counts alone. */
const SUMMED: readonly Block['kind'][] = ['probability', 'value', 'unit-buckets', 'paired-scores']

/** Blocks that arrive on a chain; none when the model knows no such chain. */
export function blocksOf(model: ModelLayout, chain: ChainName): readonly Block[] {
  if (chain === 'exposure') return model.exposureBlocks
  if (chain === 'described') return model.describedBlocks
  return model.horizons.find((horizon) => horizon.chain === chain)?.blocks ?? []
}

/**
 * What evidence needs of a pane: both arms, in each scope the blocks that are read there and whose hash is ours. Strata are cut by
 * requests of all, whatever is judged.
 */
export function openPane(pane: Pane, model: ModelLayout, blocks: readonly Block[], reads: Reads): OpenPane {
  const unitBlocks = model.unitBlocks?.[pane.chain] ?? []
  const cells: OpenCell[] = []
  const inPane = pane.cells
  for (let at = 0; at < inPane.length; at++) {
    const cell = inPane[at]!
    const arm = armOf(cell, model)
    if (arm === null || (cell.population !== 'all' && !model.hasUnits)) continue
    const wanted = cell.population === 'units' ? unitBlocks : reads.get(cell.scope)?.blocks
    if (wanted === undefined) continue
    cells.push({ scope: cell.scope, arm, population: cell.population, blocks: blocksKept(cell, wanted, pane.blockHashes) })
  }
  const [candidate, control] = requestsOf(pane, model, blocks, 'all')
  return { source: pane.source, to: pane.to, sliceStartMs: pane.sliceStartMs, sliceEndMs: pane.sliceEndMs, candidate, control, cells }
}

/** Those whose hash is ours. */
function blocksKept(cell: PaneCell, wanted: readonly Block[], hashes: Pane['blockHashes']): OpenCell['blocks'] {
  const kept: (readonly [string, BlockCounts])[] = []
  for (let at = 0; at < wanted.length; at++) {
    const { id, hash } = wanted[at]!
    const numbers = cell.blocks.get(id)
    if (numbers !== undefined && hashes.get(id) === hash) kept.push([id, numbers])
  }
  return kept
}

/** Requests (or matured predictions) of candidate and control in the whole of one population. */
export function requestsOf(
  pane: Pane,
  model: ModelLayout,
  blocks: readonly Block[],
  population: PaneCell['population'],
): readonly [number, number] {
  const counter = counterOf(pane, blocks)
  const requests: [number, number] = [0, 0]
  if (counter === null) return requests
  const { cells } = pane
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at]!
    const arm = armOf(cell, model)
    if (arm === null || cell.population !== population || cell.scope !== ALL_SCOPE) continue
    requests[arm] += rowsOfBlock(counter, cell.blocks.get(counter.id)?.counts)
  }
  return requests
}

export function armOf(cell: PaneCell, model: ModelLayout): typeof CANDIDATE | typeof CONTROL | null {
  if (cell.version === model.versions[model.candidate]) return CANDIDATE
  return cell.version === model.versions[model.control] ? CONTROL : null
}

/** The block that counts a chain's rows: requests, else matured predictions, else scored rows. */
function counterOf(pane: Pane, blocks: readonly Block[]): Block | null {
  for (const kind of COUNTERS) {
    const block = blocks.find((each) => each.kind === kind && pane.blockHashes.get(each.id) === each.hash)
    if (block !== undefined) return block
  }
  return null
}

const COUNTERS: readonly Block['kind'][] = ['requests', 'outcome', 'probability', 'value']

function rowsOfBlock(block: Block, counts: Float64Array | undefined): number {
  if (!counts) return 0
  if (block.kind !== 'probability') return counts[0]!
  let rows = 0
  for (let bin = 0; bin < block.bins; bin += 1) rows += counts[bin]!
  return rows
}

/** Rows among blocks of a pane, counted as `openPane` counts them. */
export function rowsCounted(layout: readonly Block[], numbers: readonly (readonly [string, BlockCounts])[]): number {
  for (const kind of COUNTERS) {
    const counter = layout.find((block) => block.kind === kind && numbers.some(([id]) => id === block.id))
    if (counter) return numbers.reduce((rows, [id, { counts }]) => rows + (id === counter.id ? rowsOfBlock(counter, counts) : 0), 0)
  }
  return 0
}

/** Adds a pane to its source's stratum; closes what is full, hands on what is too old, lets go what is of no use any more. */
export function fill(strata: ChainStrata, pane: OpenPane, stage: number, chain: ChainName, rule: StratumRule): Filled {
  const open = { ...strata.open }
  const before = open[pane.source]
  delete open[pane.source]
  const handedOn: OpenStratum[] = []
  if (before && before.stage !== stage) handedOn.push(before)
  const grown = grow(before?.stage === stage ? before : undefined, pane, stage)
  const closed: OpenStratum[] = []
  if (isFull(grown, rule)) closed.push(grown)
  else if (pane.sliceEndMs - grown.panes[0]!.sliceStartMs >= rule.maxAgeMs) handedOn.push(grown)
  else open[pane.source] = grown
  const pooled = pool(strata, handedOn, rule)
  closed.push(...pooled.closed)
  const decided = decidedBy([...closed.flatMap((stratum) => stratum.panes), ...pooled.dropped], chain)
  const { pools, thin, letGoUntilMs } = pooled
  return { strata: { open, pools, closed: strata.closed + closed.length, thin, letGoUntilMs }, closed, decided }
}

type Pools = Pick<ChainStrata, 'pools' | 'thin' | 'letGoUntilMs'>

interface Pooled extends Pools {
  readonly closed: readonly OpenStratum[]
  readonly dropped: readonly OpenPane[]
}

/**
 * What thin sources share. A pool closes over slices that each of them has handed on: where every version writes to a partition of its
 * own and one partition is read late, what arrives together did not happen together. A source not heard of for a while is not waited
 * for; what waited for it is let go, and what it brings of that time later finds no partner and is let go too.
 */
function pool(strata: ChainStrata, handedOn: readonly OpenStratum[], rule: StratumRule): Pooled {
  const late = handedOn.flatMap(({ panes }) => panes.filter((pane) => pane.sliceEndMs <= strata.letGoUntilMs))
  const inTime = handedOn.map(({ stage, panes }) =>
    stratumOf(
      stage,
      panes.filter((pane) => pane.sliceEndMs > strata.letGoUntilMs),
    ),
  )
  const merged = inTime.filter(({ panes }) => panes.length > 0).reduce(intoPool, strata.pools)
  const thin = heard(strata.thin, handedOn, ONE_ARMED_AGES * rule.maxAgeMs)
  const readyMs = Math.min(...Object.values(thin))
  const closed: OpenStratum[] = []
  const kept: OpenStratum[] = []
  for (const each of merged) {
    const ready = stratumOf(
      each.stage,
      each.panes.filter((pane) => pane.sliceEndMs <= readyMs),
    )
    if (!isFull(ready, rule)) kept.push(each)
    else {
      closed.push(ready)
      const waiting = each.panes.filter((pane) => pane.sliceEndMs > readyMs)
      if (waiting.length > 0) kept.push(stratumOf(each.stage, waiting))
    }
  }
  const left = letGo(kept, rule, readyMs)
  const letGoUntilMs = Math.max(strata.letGoUntilMs, ...left.oneArmed.map((pane) => pane.sliceEndMs))
  return { pools: left.pools, thin, letGoUntilMs, closed, dropped: [...late, ...left.oneArmed, ...left.past] }
}

/** How far each thin source has handed on; those long behind the furthest are not waited for. */
function heard(before: ChainStrata['thin'], handedOn: readonly OpenStratum[], forgetAfterMs: number): ChainStrata['thin'] {
  if (handedOn.length === 0) return before
  const thin = { ...before }
  for (const { source, sliceEndMs } of handedOn.flatMap((stratum) => stratum.panes)) {
    thin[source] = Math.max(thin[source] ?? 0, sliceEndMs)
  }
  const furthestMs = Math.max(...Object.values(thin))
  return Object.fromEntries(Object.entries(thin).filter(([, sliceEndMs]) => furthestMs - sliceEndMs < forgetAfterMs))
}

/** Takes back the panes of a source that end beyond `through`. */
export function forget(strata: ChainStrata, source: string, through: number): ChainStrata {
  const isKept = (pane: OpenPane) => pane.source !== source || pane.to <= through
  const open: Record<string, OpenStratum> = {}
  for (const [name, stratum] of Object.entries(strata.open)) {
    const kept = stratumOf(stratum.stage, stratum.panes.filter(isKept))
    if (kept.panes.length > 0) open[name] = kept
  }
  const pools = strata.pools.map((pool) => stratumOf(pool.stage, pool.panes.filter(isKept))).filter((pool) => pool.panes.length > 0)
  return { ...strata, open, pools }
}

function isFull(stratum: OpenStratum, rule: StratumRule): boolean {
  return stratum.candidate > 0 && stratum.control > 0 && stratum.candidate + stratum.control >= rule.requests
}

function grow(stratum: OpenStratum | undefined, pane: OpenPane, stage: number): OpenStratum {
  if (!stratum) return stratumOf(stage, [pane])
  const candidate = stratum.candidate + pane.candidate
  return { stage, candidate, control: stratum.control + pane.control, panes: [...stratum.panes, pane] }
}

function stratumOf(stage: number, panes: readonly OpenPane[]): OpenStratum {
  let candidate = 0
  let control = 0
  for (const pane of panes) {
    candidate += pane.candidate
    control += pane.control
  }
  return { stage, candidate, control, panes }
}

function intoPool(pools: readonly OpenStratum[], stratum: OpenStratum): readonly OpenStratum[] {
  const mine = pools.find((pool) => pool.stage === stratum.stage)
  const merged = stratumOf(stratum.stage, inSliceOrder([...(mine?.panes ?? []), ...stratum.panes]))
  return [...pools.filter((pool) => pool !== mine), merged].sort((one, other) => one.stage - other.stage)
}

function inSliceOrder(panes: readonly OpenPane[]): readonly OpenPane[] {
  return [...panes].sort((one, other) => one.sliceStartMs - other.sliceStartMs || (one.source < other.source ? -1 : 1))
}

interface LetGo {
  readonly pools: readonly OpenStratum[]
  /** Waited too long for the other version. */
  readonly oneArmed: readonly OpenPane[]
  /** Of stages long past. */
  readonly past: readonly OpenPane[]
}

/** Pools of stages long past, and one-armed panes long waited with, are let go: by counts and ages, never by what they show. */
function letGo(pools: readonly OpenStratum[], rule: StratumRule, readyMs: StreamTimeMs): LetGo {
  const kept: OpenStratum[] = []
  const oneArmed: OpenPane[] = []
  const past: OpenPane[] = []
  for (const each of pools) {
    if (each.stage < rule.currentStage - 1) {
      past.push(...each.panes)
      continue
    }
    const newestMs = each.panes.at(-1)!.sliceEndMs
    const isOld = (pane: OpenPane) => newestMs - pane.sliceEndMs >= ONE_ARMED_AGES * rule.maxAgeMs
    const lacksPartner = (panes: readonly OpenPane[]) =>
      panes.every((pane) => pane.candidate === 0) || panes.every((pane) => pane.control === 0)
    const [ready, waiting] = [
      each.panes.filter((pane) => pane.sliceEndMs <= readyMs),
      each.panes.filter((pane) => pane.sliceEndMs > readyMs),
    ]
    const old = [ready, waiting].filter(lacksPartner).flatMap((panes) => panes.filter(isOld))
    oneArmed.push(...old)
    const left = each.panes.filter((pane) => !old.includes(pane))
    if (left.length > 0) kept.push(old.length === 0 ? each : stratumOf(each.stage, left))
  }
  return { pools: kept, oneArmed, past }
}

function decidedBy(panes: readonly OpenPane[], chain: ChainName): readonly Decided[] {
  const furthest = new Map<string, number>()
  for (const pane of panes) furthest.set(pane.source, Math.max(pane.to, furthest.get(pane.source) ?? 0))
  return [...furthest].map(([source, to]) => ({ source, chain, to }))
}

/** A closed stratum as sums: per scope and arm one row of the chain's slots. */
export interface ClosedStratum {
  readonly stage: number
  readonly sinceMs: number
  readonly candidate: number
  readonly control: number
  readonly panes: number
  /** All requests by scope; [candidate, control]. */
  readonly rows: ArmRows
  /** First exposures of units likewise; empty for a model without units. */
  readonly first: ArmRows
  /** The control's unit buckets, at the offsets of the chain's unit blocks; null when there were none. */
  readonly buckets: SlotRow | null
}

export type ArmRows = ReadonlyMap<string, readonly [SlotRow, SlotRow]>

export interface SlotRow {
  readonly counts: Float64Array
  readonly sums: Float64Array
}

/** `reads`: what is read of each scope; of the others nothing is summed up. Rows share their memory: what is to be kept of them is copied. */
export function sumUp(stratum: OpenStratum, reads: Reads, unitBlocks: readonly Block[] = []): ClosedStratum {
  const rows = new Map<string, [SlotRow, SlotRow]>()
  const first = new Map<string, [SlotRow, SlotRow]>()
  let buckets: SlotRow | null = null
  let sinceMs = Number.POSITIVE_INFINITY
  const memory = new RowMemory()
  for (const { cells, sliceStartMs } of stratum.panes) {
    sinceMs = Math.min(sinceMs, sliceStartMs)
    for (let at = 0; at < cells.length; at++) {
      const cell = cells[at]!
      if (cell.population === 'units') {
        if (cell.arm !== CONTROL || cell.scope !== ALL_SCOPE) continue
        buckets ??= emptyRow(slotsOf(unitBlocks))
        addCell(buckets, cell, unitBlocks)
        continue
      }
      const read = reads.get(cell.scope)
      if (read !== undefined)
        addCell(armsIn(cell.population === 'all' ? rows : first, cell.scope, read, memory)[cell.arm], cell, read.blocks)
    }
  }
  const { stage, candidate, control, panes } = stratum
  return { stage, sinceMs, candidate, control, panes: panes.length, rows, first, buckets }
}

function armsIn(rows: Map<string, [SlotRow, SlotRow]>, scope: string, slots: Slots, memory: RowMemory): readonly [SlotRow, SlotRow] {
  const known = rows.get(scope)
  if (known !== undefined) return known
  const arms: [SlotRow, SlotRow] = [memory.row(slots), memory.row(slots)]
  rows.set(scope, arms)
  return arms
}

/** Memory for the rows of one stratum, in long stretches: with many segments they are hundreds of arrays. What is to be kept of a row is copied. */
class RowMemory {
  private numbers = NO_SUMS
  private used = 0

  row({ countSlots, sumSlots }: Slots): SlotRow {
    return { counts: this.zeros(countSlots), sums: sumSlots === 0 ? NO_SUMS : this.zeros(sumSlots) }
  }

  private zeros(length: number): Float64Array {
    if (this.used + length > this.numbers.length) {
      this.numbers = new Float64Array(Math.max(length, STRETCH))
      this.used = 0
    }
    const from = this.used
    this.used += length
    return this.numbers.subarray(from, this.used)
  }
}

/** Two arms of a handful of scopes. */
const STRETCH = 2048

type Slots = Pick<ScopeRead, 'countSlots' | 'sumSlots'>

function emptyRow({ countSlots, sumSlots }: Slots): SlotRow {
  return { counts: new Float64Array(countSlots), sums: sumSlots === 0 ? NO_SUMS : new Float64Array(sumSlots) }
}

const NO_SUMS = new Float64Array(0)

function addCell(row: SlotRow, { blocks }: OpenCell, layout: readonly Block[]): void {
  // Both lists are in the layout's order, save in states stored by an earlier version.
  let place = 0
  for (let at = 0; at < blocks.length; at++) {
    const [id, { counts, sums }] = blocks[at]!
    if (layout[place]?.id !== id) place = layout.findIndex((block) => block.id === id)
    const block = layout[place++]
    if (block === undefined) continue
    addSlots(row.counts, block.countOffset, counts, Math.min(block.countSlots, counts.length))
    if (SUMMED.includes(block.kind)) addSlots(row.sums, block.sumOffset, sums, Math.min(block.sumSlots, sums.length))
  }
}

function addSlots(row: Float64Array, at: number, slots: Float64Array, length: number): void {
  for (let slot = 0; slot < length; slot += 1) row[at + slot]! += slots[slot]!
}
