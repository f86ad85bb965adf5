/**
 * Adds what a block found for the records of a batch to the cells they belong to.
 *
 * A column at a time: each loop does one thing to one scope of every record, with nothing in it that could be another kind of thing the
 * next time. A cell stands in one column only, so its sums are still added up record by record.
 */
import type { Block } from '../policy/layout.ts'
import type { CellTable } from './cell-table.ts'
import type { RowTargets } from './row-targets.ts'

/** Columns that sums of this block go to, from the first; counts may begin later. */
function reachOf(block: Block, targets: RowTargets): number {
  return block.inSegments ? targets.columns.length : targets.allReach
}

function countsFrom(block: Block, targets: RowTargets): number {
  return block.inSegments ? targets.countsFrom : 0
}

/** One count for every record, all in the same slot. */
export function countAll(block: Block, table: CellTable, targets: RowTargets): void {
  const { counts, countWidth } = table
  const { count } = targets
  const slot = block.countOffset
  const reach = reachOf(block, targets)
  for (let c = countsFrom(block, targets); c < reach; c++) {
    const column = targets.columns[c]!
    for (let k = 0; k < count; k++) {
      const row = column[k]!
      if (row >= 0) counts[row * countWidth + slot]!++
    }
  }
}

/** One count for each record with a slot, from the block's first slot on. */
export function countSlots(block: Block, table: CellTable, targets: RowTargets): void {
  const { counts, countWidth } = table
  const { count, slots } = targets
  const { countOffset } = block
  const reach = reachOf(block, targets)
  for (let c = countsFrom(block, targets); c < reach; c++) {
    const column = targets.columns[c]!
    for (let k = 0; k < count; k++) {
      const row = column[k]!
      const slot = slots[k]!
      if ((row | slot) >= 0) counts[row * countWidth + countOffset + slot]!++
    }
  }
}

/** Every record in the block's first slot, and in the three behind it those with bit 0, 1 and 2 of what was noted. */
export function countBits(block: Block, table: CellTable, targets: RowTargets): void {
  const { counts, countWidth } = table
  const { count, slots } = targets
  const { countOffset } = block
  const reach = reachOf(block, targets)
  for (let c = countsFrom(block, targets); c < reach; c++) {
    const column = targets.columns[c]!
    for (let k = 0; k < count; k++) {
      const row = column[k]!
      if (row < 0) continue
      const at = row * countWidth + countOffset
      const bits = slots[k]!
      counts[at]!++
      counts[at + 1]! += bits & 1
      counts[at + 2]! += (bits >> 1) & 1
      counts[at + 3]! += bits >> 2
    }
  }
}

/**
 * As `countSlots`, and each record's value and its square to two neighbouring sums. A record without a value has the value 0, which
 * leaves every sum as it is, to the last bit: none is ever -0.
 */
export function countAndSum(block: Block, table: CellTable, targets: RowTargets): void {
  const from = countsFrom(block, targets)
  const reach = reachOf(block, targets)
  for (let c = 0; c < from; c++) sumPairs(block, table, targets, targets.columns[c]!)
  for (let c = from; c < reach; c++) countAndSumColumn(block, table, targets, targets.columns[c]!)
}

function countAndSumColumn(block: Block, table: CellTable, targets: RowTargets, column: Int32Array): void {
  const { counts, countWidth, sums, sumWidth } = table
  const { count, slots, values } = targets
  const { countOffset, sumOffset } = block
  for (let k = 0; k < count; k++) {
    const row = column[k]!
    const slot = slots[k]!
    if ((row | slot) < 0) continue
    counts[row * countWidth + countOffset + slot]!++
    const value = values[k]!
    const at = row * sumWidth + sumOffset
    sums[at]! += value
    sums[at + 1]! += value * value
  }
}

/** For `__all__`, where nearly all records go to one row: its sums stay in registers until another row's turn comes. */
function sumPairs(block: Block, table: CellTable, targets: RowTargets, column: Int32Array): void {
  const { sums, sumWidth } = table
  const { count, values } = targets
  const { sumOffset } = block
  let at = -1
  let sum = 0
  let squares = 0
  for (let k = 0; k < count; k++) {
    const row = column[k]!
    if (row < 0) continue
    const to = row * sumWidth + sumOffset
    if (to !== at) {
      if (at >= 0) {
        sums[at] = sum
        sums[at + 1] = squares
      }
      at = to
      sum = sums[to]!
      squares = sums[to + 1]!
    }
    const value = values[k]!
    sum += value
    squares += value * value
  }
  if (at < 0) return
  sums[at] = sum
  sums[at + 1] = squares
}

/** For each record with a slot: so many values, one beside the other, to as many neighbouring sums. */
export function sumRuns(block: Block, table: CellTable, targets: RowTargets, values: Float64Array, length: number): void {
  const { sums, sumWidth } = table
  const { count, slots } = targets
  const { sumOffset } = block
  const reach = reachOf(block, targets)
  for (let c = 0; c < reach; c++) {
    const column = targets.columns[c]!
    for (let k = 0; k < count; k++) {
      const row = column[k]!
      if ((row | slots[k]!) < 0) continue
      const to = row * sumWidth + sumOffset
      const from = k * length
      for (let j = 0; j < length; j++) sums[to + j]! += values[from + j]!
    }
  }
}

/** For each record with a slot: its value to the sum of that slot, counted from `offset` behind the block's first. */
export function sumSlots(block: Block, table: CellTable, targets: RowTargets, offset: number): void {
  const { sums, sumWidth } = table
  const { count, slots, values } = targets
  const start = block.sumOffset + offset
  const reach = reachOf(block, targets)
  for (let c = 0; c < reach; c++) {
    const column = targets.columns[c]!
    for (let k = 0; k < count; k++) {
      const row = column[k]!
      const slot = slots[k]!
      if ((row | slot) >= 0) sums[row * sumWidth + start + slot]! += values[k]!
    }
  }
}
