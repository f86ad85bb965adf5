/**
 * Adds the records of a batch to the slots of one block: one function for each kind of block, exactly as the table in
 * `policy/layout.ts` says. Each walks a column and notes slot and value of every record; `scatter.ts` adds them to all cells the records
 * belong to.
 */
import { FIELD_MISSING, FIELD_NOT_FINITE, FIELD_OK, FIELD_UNSEEN, FIELD_WRONG_TYPE } from '../domain.ts'
import type { Block, ValueBounds } from '../policy/layout.ts'
import { FeatureBins, LatencyBins, scoreBin } from './bins.ts'
import type { CellTable } from './cell-table.ts'
import { NOT_USABLE, PairCells } from './pair-cells.ts'
import type { RowTargets } from './row-targets.ts'
import { countAll, countAndSum, countBits, countSlots, sumRuns, sumSlots } from './scatter.ts'

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
      return (table, targets) => countAll(block, table, targets)
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
      const runs = new ValueRuns()
      return (table, targets, columns) => fillProbability(block, runs, table, targets, columns)
    }
    case 'value': {
      const { bounds } = block
      if (bounds === undefined) return (table, targets, columns) => fillValue(block, table, targets, valuesOf(block, columns))
      const runs = new ValueRuns()
      return (table, targets, columns) => fillBoundedValue(block, bounds, runs, table, targets, valuesOf(block, columns))
    }
    case 'tail': {
      const bins = new LatencyBins(block)
      return (table, targets, columns) => fillTail(block, bins, table, targets, columns)
    }
    case 'unit-buckets': // in a table of their own
      return () => {}
    case 'paired': // in the candidate's cell, whoever answered last: paired.ts
    case 'paired-scores':
      return () => {}
    case 'stale':
      return (table, targets, columns) => fillStale(block, table, targets, columns)
    case 'pair': {
      const cells = new PairCells(block.pair!)
      return (table, targets, columns) => fillPair(block, cells, table, targets, columns)
    }
  }
}

/** Several values for each record of a batch, one beside the other. */
class ValueRuns {
  private values = new Float64Array(0)

  reserve(length: number): Float64Array {
    if (this.values.length < length) this.values = new Float64Array(2 * length)
    return this.values
  }
}

function fillErrors(block: Block, table: CellTable, targets: RowTargets, { error }: ValueColumns): void {
  const { rows, slots, count } = targets
  let someFailed = false
  for (let k = 0; k < count; k++) {
    const failed = error[rows[k]!] === 1
    slots[k] = failed ? 0 : -1
    someFailed ||= failed
  }
  if (someFailed) countSlots(block, table, targets)
}

function fillLatency(block: Block, bins: LatencyBins, table: CellTable, targets: RowTargets, { latencyMs, error }: ValueColumns): void {
  const { rows, slots, values, count } = targets
  const failedWithout = 2 * block.bins
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const value = latencyMs[row]!
    const failed = error[row] === 1
    if (Number.isNaN(value)) {
      slots[k] = failed ? failedWithout : failedWithout + 1
      values[k] = 0
    } else {
      slots[k] = failed ? block.bins + bins.of(value) : bins.of(value)
      values[k] = value
    }
  }
  countAndSum(block, table, targets)
}

/** A request that failed owes no score: its harm is the error, and must not be counted twice. */
function fillScore(block: Block, table: CellTable, targets: RowTargets, { score, error }: ValueColumns): void {
  const { rows, slots, values, count } = targets
  const missing = block.bins
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const value = score[row]!
    const isUsable = value >= 0 && value <= 1
    values[k] = isUsable ? value : 0
    if (isUsable) slots[k] = scoreBin(value, block.bins)
    else if (!Number.isNaN(value)) slots[k] = missing + 1
    else slots[k] = error[row] === 1 ? -1 : missing
  }
  countAndSum(block, table, targets)
}

function fillFeature(block: Block, bins: FeatureBins, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const { rows, slots, values, count } = targets
  const { error } = columns
  const numbers = columns.numbers[block.slot]!
  const states = columns.numberStates[block.slot]!
  const missing = bins.bins + 2
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const state = states[row]!
    if (state === FIELD_OK) {
      const value = numbers[row]!
      slots[k] = bins.slotOf(value)
      values[k] = value
    } else {
      slots[k] = state === FIELD_MISSING && error[row] === 1 ? -1 : missing + unusable(state)
      values[k] = 0
    }
  }
  countAndSum(block, table, targets)
}

/** Order of the slots for numbers that could not be used: missing, wrong type, not finite. */
function unusable(state: number): number {
  if (state === FIELD_NOT_FINITE) return 2
  return state === FIELD_WRONG_TYPE ? 1 : 0
}

function fillCategory(block: Block, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const { rows, slots, count } = targets
  const { error } = columns
  const symbols = columns.symbols[block.slot]!
  const unseen = block.countSlots - 3
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const symbol = symbols[row]!
    if (symbol >= 0) slots[k] = symbol
    else if (symbol === -FIELD_UNSEEN) slots[k] = unseen
    else if (symbol !== -FIELD_MISSING) slots[k] = unseen + 2
    else slots[k] = error[row] === 1 ? -1 : unseen + 1
  }
  countSlots(block, table, targets)
}

/** Noted as bits for each record: with an outcome, wrong, positive. */
function fillOutcome(block: Block, table: CellTable, targets: RowTargets, { label, decision }: ValueColumns): void {
  const { rows, slots, count } = targets
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const seen = label[row]!
    const actual = labelOf(block, seen)
    const isWrong = decision[row]! <= 1 && (actual === 0 || actual === 1) && decision[row] !== actual
    slots[k] = (Number.isNaN(seen) ? 0 : 1) | (isWrong ? 2 : 0) | (actual === 1 ? 4 : 0)
  }
  countBits(block, table, targets)
}

/** NaN: neither told nor said by the policy. */
export function labelOf(block: Block, seen: number): number {
  return Number.isNaN(seen) ? block.absent : seen
}

function fillProbability(block: Block, runs: ValueRuns, table: CellTable, targets: RowTargets, { label, score }: ValueColumns): void {
  const { rows, slots, values, count } = targets
  const { bins } = block
  // Everything before the per-bin sums.
  const dense = 2 * (2 + block.lambdas.length) + 1
  const sums = runs.reserve(count * dense)
  const logFloor = Math.log(block.floor)
  let positives = 0
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const actual = labelOf(block, label[row]!)
    const value = score[row]!
    if (Number.isNaN(actual) || !(value >= 0 && value <= 1)) {
      slots[k] = -1
      continue
    }
    if (actual === 1) positives++
    slots[k] = scoreBin(value, bins)
    values[k] = value
    probabilityValues(block, value, actual, logFloor, sums, k * dense)
  }
  countSlots(block, table, targets)
  sumRuns(block, table, targets, sums, dense)
  sumSlots(block, table, targets, dense)
  if (positives === 0) return
  for (let k = 0; k < count; k++) slots[k] = slots[k]! >= 0 && labelOf(block, label[rows[k]!]!) === 1 ? slots[k]! + bins : -1
  countSlots(block, table, targets)
}

function probabilityValues(block: Block, score: number, label: number, logFloor: number, values: Float64Array, at: number): void {
  const clipped = Math.min(1 - block.floor, Math.max(block.floor, score))
  const logScore = Math.log(label === 1 ? clipped : 1 - clipped) / logFloor
  const residual = label - score
  const { length } = block.lambdas
  boundedValues(block, logScore, values, at)
  boundedValues(block, residual * residual, values, at + 2 + length)
  values[at + 2 * (2 + length)] = residual
}

/** v, v² and e^{λv} for each λ. */
function boundedValues({ lambdas }: Block, value: number, values: Float64Array, at: number): void {
  values[at] = value
  values[at + 1] = value * value
  for (let j = 0; j < lambdas.length; j++) values[at + 2 + j] = Math.exp(lambdas[j]! * value)
}

/** Of an outcome, or of a resource. */
export function valuesOf({ slot }: Block, { value, numbers }: Pick<ValueColumns, 'value' | 'numbers'>): Float64Array {
  return slot < 0 ? value : numbers[slot]!
}

function fillValue(block: Block, table: CellTable, targets: RowTargets, value: Float64Array): void {
  const { rows, slots, values, count } = targets
  for (let k = 0; k < count; k++) {
    const told = value[rows[k]!]!
    slots[k] = Number.isNaN(told) ? -1 : 0
    values[k] = Number.isNaN(told) ? 0 : told
  }
  countAndSum(block, table, targets)
}

function fillBoundedValue(
  block: Block,
  bounds: ValueBounds,
  runs: ValueRuns,
  table: CellTable,
  targets: RowTargets,
  value: Float64Array,
): void {
  const { rows, slots, count } = targets
  const dense = 4 + block.lambdas.length
  const sums = runs.reserve(count * dense)
  for (let k = 0; k < count; k++) {
    const told = value[rows[k]!]!
    slots[k] = Number.isNaN(told) ? -1 : 0
    if (slots[k] === -1) continue
    sums[k * dense] = told
    sums[k * dense + 1] = told * told
    boundedValues(block, costOf(told, bounds), sums, k * dense + 2)
  }
  countSlots(block, table, targets)
  sumRuns(block, table, targets, sums, dense)
  for (let k = 0; k < count; k++) {
    const told = value[rows[k]!]!
    slots[k] = told < bounds.low || told > bounds.high ? 1 : -1
  }
  countSlots(block, table, targets)
}

/** A request that failed owes no resources; what it tells counts. */
function fillTail(block: Block, bins: LatencyBins, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const { rows, slots, count } = targets
  const used = valuesOf(block, columns)
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const value = used[row]!
    if (!Number.isNaN(value)) slots[k] = bins.of(value)
    else slots[k] = columns.error[row] === 1 ? -1 : block.bins
  }
  countSlots(block, table, targets)
}

/** The value as a cost in [0, 1]: 0 at the good end of its bounds, what lies outside at the end it lies beyond. */
export function costOf(value: number, { low, high, worse }: ValueBounds): number {
  const place = (Math.min(high, Math.max(low, value)) - low) / (high - low)
  return worse === 'higher' ? place : 1 - place
}

/** An event whose own time is told and lies long before its record's. */
function fillStale(block: Block, table: CellTable, targets: RowTargets, { recordTimeMs, eventTimeMs }: ValueColumns): void {
  const { rows, slots, count } = targets
  const { staleAfterMs = Number.POSITIVE_INFINITY } = block
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    slots[k] = recordTimeMs[row]! - eventTimeMs[row]! > staleAfterMs ? 0 : -1
  }
  countSlots(block, table, targets)
}

/** A request that failed owes no features: with one of the two unusable it is left out. */
function fillPair(block: Block, cells: PairCells, table: CellTable, targets: RowTargets, columns: ValueColumns): void {
  const { rows, slots, count } = targets
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const cell = cells.of(columns, row)
    slots[k] = cell === NOT_USABLE && columns.error[row] === 1 ? -1 : cell
  }
  countSlots(block, table, targets)
}
