/**
 * Adds the records of a batch to the slots of one block: one function for each kind of block, exactly as the table in
 * `policy/layout.ts` says. Each walks a column, finds the slot once, and adds to all rows the record belongs to.
 */
import { FIELD_MISSING, FIELD_NOT_FINITE, FIELD_OK, FIELD_UNSEEN, FIELD_WRONG_TYPE } from '../domain.ts'
import type { Block, ValueBounds } from '../policy/layout.ts'
import { FeatureBins, LatencyBins, scoreBin } from './bins.ts'
import type { CellTable } from './cell-table.ts'
import { NOT_USABLE, PairCells } from './pair-cells.ts'
import type { RowTargets } from './row-targets.ts'

/** What blocks read. A chain that does not bring a column leaves it empty, and the layout gives it no block that asks for it. */
export interface ValueColumns {
  readonly error: Uint8Array
  readonly recordTimeMs: Float64Array
  /** NaN: not told. */
  readonly eventTimeMs: Float64Array
  readonly decision: Uint8Array
  readonly score: Float64Array
  readonly latencyMs: Float64Array
  readonly numbers: readonly Float64Array[]
  readonly numberStates: readonly Uint8Array[]
  readonly symbols: readonly Int32Array[]
  readonly label: Float64Array
  readonly value: Float64Array
}

export type Filler = (table: CellTable, targets: RowTargets, columns: ValueColumns) => void

export function fillerOf(block: Block): Filler {
  switch (block.kind) {
    case 'requests':
      return (table, targets) => fillRequests(block, table, targets)
    case 'errors':
      return (table, targets, columns) => fillErrors(block, table, targets, columns)
    case 'latency': {
      const bins = new LatencyBins(block)
      return (table, targets, columns) => fillLatency(block, bins, table, targets, columns)
    }
    case 'score':
      return (table, targets, columns) => fillScore(block, table, targets, columns)
    case 'feature': {
      const bins = new FeatureBins(block.edges)
      return (table, targets, columns) => fillFeature(block, bins, table, targets, columns)
    }
    case 'category':
      return (table, targets, columns) => fillCategory(block, table, targets, columns)
    case 'duplicate': // filled from the records that all other blocks leave out
      return () => {}
    case 'outcome':
      return (table, targets, columns) => fillOutcome(block, table, targets, columns)
    case 'probability': {
      const values = new Float64Array(block.sumSlots)
      return (table, targets, columns) => fillProbability(block, values, table, targets, columns)
    }
    case 'value': {
      const { bounds } = block
      if (bounds === undefined) return (table, targets, columns) => fillValue(block, table, targets, columns)
      const values = new Float64Array(block.sumSlots)
      return (table, targets, columns) => fillBoundedValue(block, bounds, values, table, targets, columns)
    }
    case 'unit-buckets': // in a table of their own
      return () => {}
    case 'stale':
      return (table, targets, columns) => fillStale(block, table, targets, columns)
    case 'pair': {
      const cells = new PairCells(block.pair!)
      return (table, targets, columns) => fillPair(block, cells, table, targets, columns)
    }
  }
}

function reachOf(block: Block, targets: RowTargets): number {
  return block.inSegments ? targets.stride : targets.allReach
}

function count(table: CellTable, targets: RowTargets, k: number, reach: number, slot: number): void {
  const { counts, countWidth } = table
  const rows = targets.targets
  const start = k * targets.stride
  for (let at = start; at < start + reach; at++) {
    const row = rows[at]!
    if (row >= 0) counts[row * countWidth + slot]!++
  }
}

/** Adds a number and its square to two neighbouring sums. */
function sumPair(table: CellTable, targets: RowTargets, k: number, reach: number, slot: number, value: number): void {
  const { sums, sumWidth } = table
  const rows = targets.targets
  const start = k * targets.stride
  for (let at = start; at < start + reach; at++) {
    const row = rows[at]!
    if (row < 0) continue
    sums[row * sumWidth + slot]! += value
    sums[row * sumWidth + slot + 1]! += value * value
  }
}

function fillRequests(block: Block, table: CellTable, targets: RowTargets): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) count(table, targets, k, reach, block.countOffset)
}

function fillErrors(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) {
    if (columns.error[targets.rows[k]!] === 1) count(table, targets, k, reach, block.countOffset)
  }
}

function fillLatency(block: Block, bins: LatencyBins, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const failedWithout = block.countOffset + 2 * block.bins
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const latencyMs = columns.latencyMs[row]!
    const failed = columns.error[row] === 1
    if (Number.isNaN(latencyMs)) {
      count(table, targets, k, reach, failed ? failedWithout : failedWithout + 1)
      continue
    }
    count(table, targets, k, reach, block.countOffset + bins.of(latencyMs) + (failed ? block.bins : 0))
    sumPair(table, targets, k, reach, block.sumOffset, latencyMs)
  }
}

/** A request that failed owes no score: its harm is the error, and must not be counted twice. */
function fillScore(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const missing = block.countOffset + block.bins
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const score = columns.score[row]!
    if (score >= 0 && score <= 1) {
      count(table, targets, k, reach, block.countOffset + scoreBin(score, block.bins))
      sumPair(table, targets, k, reach, block.sumOffset, score)
    } else if (columns.error[row] !== 1 || !Number.isNaN(score))
      count(table, targets, k, reach, Number.isNaN(score) ? missing : missing + 1)
  }
}

function fillFeature(block: Block, bins: FeatureBins, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const numbers = columns.numbers[block.slot]!
  const states = columns.numberStates[block.slot]!
  const missing = block.countOffset + bins.bins + 2
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const state = states[row]!
    if (state === FIELD_OK) {
      const value = numbers[row]!
      count(table, targets, k, reach, block.countOffset + bins.slotOf(value))
      sumPair(table, targets, k, reach, block.sumOffset, value)
    } else if (state !== FIELD_MISSING || columns.error[row] !== 1) count(table, targets, k, reach, missing + unusable(state))
  }
}

/** Order of the slots for numbers that could not be used: missing, wrong type, not finite. */
function unusable(state: number): number {
  if (state === FIELD_NOT_FINITE) return 2
  return state === FIELD_WRONG_TYPE ? 1 : 0
}

function fillCategory(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const symbols = columns.symbols[block.slot]!
  const unseen = block.countOffset + block.countSlots - 3
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const symbol = symbols[row]!
    if (symbol === -FIELD_MISSING && columns.error[row] === 1) continue
    let slot = block.countOffset + symbol
    if (symbol === -FIELD_UNSEEN) slot = unseen
    else if (symbol === -FIELD_MISSING) slot = unseen + 1
    else if (symbol < 0) slot = unseen + 2
    count(table, targets, k, reach, slot)
  }
}

function fillOutcome(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const matured = block.countOffset
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const seen = columns.label[row]!
    const label = Number.isNaN(seen) ? block.absent : seen
    const decision = columns.decision[row]!
    count(table, targets, k, reach, matured)
    if (!Number.isNaN(seen)) count(table, targets, k, reach, matured + 1)
    if (decision <= 1 && (label === 0 || label === 1) && decision !== label) count(table, targets, k, reach, matured + 2)
    if (label === 1) count(table, targets, k, reach, matured + 3)
  }
}

function fillProbability(block: Block, values: Float64Array, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const seen = columns.label[row]!
    const label = Number.isNaN(seen) ? block.absent : seen
    const score = columns.score[row]!
    if (Number.isNaN(label) || !(score >= 0 && score <= 1)) continue
    const bin = scoreBin(score, block.bins)
    count(table, targets, k, reach, block.countOffset + bin)
    if (label === 1) count(table, targets, k, reach, block.countOffset + block.bins + bin)
    const dense = probabilityValues(block, score, label, values)
    sumRun(table, targets, k, reach, block.sumOffset, values, dense)
    sumOne(table, targets, k, reach, block.sumOffset + dense + bin, score)
  }
}

/** Everything before the per-bin sums; returns how many that are. */
function probabilityValues(block: Block, score: number, label: number, values: Float64Array): number {
  const clipped = Math.min(1 - block.floor, Math.max(block.floor, score))
  const logScore = Math.log(label === 1 ? clipped : 1 - clipped) / Math.log(block.floor)
  const residual = label - score
  let at = boundedValues(block, logScore, values, 0)
  at = boundedValues(block, residual * residual, values, at)
  values[at] = residual
  return at + 1
}

/** v, v² and e^{λv} for each λ. */
function boundedValues(block: Block, value: number, values: Float64Array, at: number): number {
  values[at++] = value
  values[at++] = value * value
  for (const lambda of block.lambdas) values[at++] = Math.exp(lambda * value)
  return at
}

function sumRun(table: CellTable, targets: RowTargets, k: number, reach: number, slot: number, values: Float64Array, length: number): void {
  const { sums, sumWidth } = table
  const start = k * targets.stride
  for (let at = start; at < start + reach; at++) {
    const row = targets.targets[at]!
    if (row < 0) continue
    const base = row * sumWidth + slot
    for (let j = 0; j < length; j++) sums[base + j]! += values[j]!
  }
}

function sumOne(table: CellTable, targets: RowTargets, k: number, reach: number, slot: number, value: number): void {
  const { sums, sumWidth } = table
  const start = k * targets.stride
  for (let at = start; at < start + reach; at++) {
    const row = targets.targets[at]!
    if (row >= 0) sums[row * sumWidth + slot]! += value
  }
}

function fillValue(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) {
    const value = columns.value[targets.rows[k]!]!
    if (Number.isNaN(value)) continue
    count(table, targets, k, reach, block.countOffset)
    sumPair(table, targets, k, reach, block.sumOffset, value)
  }
}

function fillBoundedValue(
  block: Block,
  bounds: ValueBounds,
  values: Float64Array,
  table: CellTable,
  targets: RowTargets,
  columns: ValueColumns,
): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) {
    const value = columns.value[targets.rows[k]!]!
    if (Number.isNaN(value)) continue
    count(table, targets, k, reach, block.countOffset)
    if (value < bounds.low || value > bounds.high) count(table, targets, k, reach, block.countOffset + 1)
    values[0] = value
    values[1] = value * value
    boundedValues(block, costOf(value, bounds), values, 2)
    sumRun(table, targets, k, reach, block.sumOffset, values, values.length)
  }
}

/** The value as a cost in [0, 1]: 0 at the good end of its bounds, what lies outside at the end it lies beyond. */
export function costOf(value: number, { low, high, worse }: ValueBounds): number {
  const place = (Math.min(high, Math.max(low, value)) - low) / (high - low)
  return worse === 'higher' ? place : 1 - place
}

/** An event whose own time is told and lies long before its record's. */
function fillStale(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  const { staleAfterMs = Number.POSITIVE_INFINITY } = block
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const isStale = columns.recordTimeMs[row]! - columns.eventTimeMs[row]! > staleAfterMs
    if (isStale) count(table, targets, k, reach, block.countOffset)
  }
}

/** A request that failed owes no features: with one of the two unusable it is left out. */
function fillPair(block: Block, cells: PairCells, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const reach = reachOf(block, targets)
  for (let k = 0; k < targets.count; k++) {
    const row = targets.rows[k]!
    const cell = cells.of(columns, row)
    if (cell !== NOT_USABLE || columns.error[row] !== 1) count(table, targets, k, reach, block.countOffset + cell)
  }
}
