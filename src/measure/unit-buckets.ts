/**
 * The `units` cell of one chain of one model: what the judged values of the control's requests add up to, by hashed bucket of the unit.
 *
 * In a table of its own and not in the rows of CellTable: it is one row, whatever the number of scopes, and a thousand slots wide.
 * A request without a unit is in no bucket.
 */
import { FIELD_MISSING, FIELD_OK, FIELD_UNSEEN, type PaneCell } from '../domain.ts'
import { UNIT_BUCKETS } from '../kit/hash.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../policy/layout.ts'
import { FeatureBins, LatencyBins, scoreBin } from './bins.ts'
import type { ValueColumns } from './fill.ts'

/** Writes the judged value of each row; NaN: the row has none, and is left out. A column at a time: most of a model are features. */
type Reader = (rows: Int32Array, count: number, columns: ValueColumns, values: Float64Array) => void

/** Rows of a batch, with the bucket of each; buckets below zero are not counted. */
export interface BucketRows {
  readonly rows: Int32Array
  readonly count: number
  readonly version: Int32Array
  bucketOf(row: number): number
}

export class UnitBuckets {
  readonly blocks: readonly Block[]
  private readonly control: number
  private readonly version: string
  private readonly readers: readonly Reader[]
  private readonly counts: Uint32Array
  private readonly sums: Float64Array
  private isEmpty = true
  /** Rows of the batch that count, and the bucket of each. */
  private rows = new Int32Array(1024)
  private buckets = new Uint8Array(1024)
  private values = new Float64Array(1024)

  /** `blocks`: the unit blocks of the chain; `beside`: its other blocks. */
  constructor(model: ModelLayout, blocks: readonly Block[], beside: readonly Block[]) {
    this.blocks = blocks
    this.control = model.control
    this.version = model.versions[model.control]!
    this.readers = blocks.map((block) => readerOf(block, beside))
    this.counts = new Uint32Array(blocks.reduce((slots, block) => slots + block.countSlots, 0))
    this.sums = new Float64Array(blocks.reduce((slots, block) => slots + block.sumSlots, 0))
  }

  add(given: BucketRows, columns: ValueColumns): void {
    const chosen = this.choose(given)
    if (chosen === 0) return
    this.isEmpty = false
    this.blocks.forEach((block, index) => {
      this.readers[index]!(this.rows, chosen, columns, this.values)
      this.addValues(block.countOffset, block.sumOffset, chosen)
    })
  }

  private addValues(countOffset: number, sumOffset: number, chosen: number): void {
    const { buckets, values, counts, sums } = this
    // Added up record by record, so that the sum does not depend on how batches are cut.
    let squares = sums[sumOffset + UNIT_BUCKETS]!
    for (let k = 0; k < chosen; k++) {
      const value = values[k]!
      if (Number.isNaN(value)) continue
      const bucket = buckets[k]!
      counts[countOffset + bucket]!++
      sums[sumOffset + bucket]! += value
      squares += value * value
    }
    sums[sumOffset + UNIT_BUCKETS] = squares
  }

  /** The cell, when it holds anything. Counting starts anew. */
  take(): readonly PaneCell[] {
    if (this.isEmpty) return []
    const counts = new Float64Array(this.counts)
    const sums = this.sums.slice()
    const held = this.blocks.map((block) => ({
      id: block.id,
      counts: counts.subarray(block.countOffset, block.countOffset + block.countSlots),
      sums: sums.subarray(block.sumOffset, block.sumOffset + block.sumSlots),
    }))
    const blocks = new Map(held.filter((block) => block.counts.some((rows) => rows > 0)).map(({ id, ...numbers }) => [id, numbers]))
    this.counts.fill(0)
    this.sums.fill(0)
    this.isEmpty = true
    return blocks.size === 0 ? [] : [{ version: this.version, scope: ALL_SCOPE, population: 'units', blocks }]
  }

  private choose({ rows, count, version, bucketOf }: BucketRows): number {
    if (this.rows.length < count) {
      this.rows = new Int32Array(2 * count)
      this.buckets = new Uint8Array(2 * count)
      this.values = new Float64Array(2 * count)
    }
    let chosen = 0
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      if (version[row] !== this.control) continue
      const bucket = bucketOf(row)
      if (bucket < 0) continue
      this.rows[chosen] = row
      this.buckets[chosen++] = bucket
    }
    return chosen
  }
}

function readerOf(block: Block, beside: readonly Block[]): Reader {
  switch (block.judged) {
    case 'errors':
      return each((row, columns) => columns.error[row]!)
    case 'latency':
      return latencyReader(block)
    case 'score':
      return each((row, columns) => scoreSlot(block, row, columns))
    case 'feature':
      return featureReader(block)
    case 'category':
      return categoryReader(block, beside)
    case 'missing':
      return missingReader(beside)
    case 'wrong':
      return each((row, columns) => wrong(block, row, columns))
    case 'log-score':
    case 'brier':
      return each((row, columns) => probabilityValue(block, row, columns))
    case 'value':
      return valueReader(block)
    default:
      throw new Error(`block ${block.id} does not say what it sums`)
  }
}

function each(judged: (row: number, columns: ValueColumns) => number): Reader {
  return (rows, count, columns, values) => {
    for (let k = 0; k < count; k++) values[k] = judged(rows[k]!, columns)
  }
}

/** Failed: the last bin, however soon it failed. */
function latencyReader(block: Block): Reader {
  const bins = new LatencyBins(block)
  return each((row, { latencyMs, error }) => {
    if (error[row] === 1) return block.bins - 1
    return Number.isNaN(latencyMs[row]!) ? Number.NaN : bins.of(latencyMs[row]!)
  })
}

function scoreSlot(block: Block, row: number, { score, error }: ValueColumns): number {
  const value = score[row]!
  if (value >= 0 && value <= 1) return scoreBin(value, block.bins)
  if (!Number.isNaN(value)) return block.bins + 1
  return error[row] === 1 ? Number.NaN : block.bins
}

/** Slots as in the feature's own block. A failed request owes no features. */
function featureReader(block: Block): Reader {
  const bins = new FeatureBins(block.edges)
  const unusable = bins.bins + 1
  return (rows, count, columns, values) => {
    const numbers = columns.numbers[block.slot]!
    const states = columns.numberStates[block.slot]!
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      const state = states[row]!
      if (state === FIELD_OK) values[k] = bins.slotOf(numbers[row]!)
      else values[k] = state === FIELD_MISSING && columns.error[row] === 1 ? Number.NaN : unusable + state
    }
  }
}

function categoryReader(block: Block, beside: readonly Block[]): Reader {
  const own = beside.find((each) => `units:${each.id}` === block.id)
  if (own === undefined) throw new Error(`block ${block.id} has no block to stand beside`)
  const unseen = own.countSlots - 3
  return each((row, columns) => {
    const symbol = columns.symbols[block.slot]![row]!
    if (symbol >= 0) return symbol
    if (symbol === -FIELD_UNSEEN) return unseen
    if (symbol !== -FIELD_MISSING) return unseen + 2
    return columns.error[row] === 1 ? Number.NaN : unseen + 1
  })
}

/** 1 when any input of a request that did not fail is missing, of another type or not finite. */
function missingReader(beside: readonly Block[]): Reader {
  const numbers = beside.filter((block) => block.kind === 'feature').map((block) => block.slot)
  const symbols = beside.filter((block) => block.kind === 'category').map((block) => block.slot)
  const hasScore = beside.some((block) => block.kind === 'score')
  return each((row, columns) => {
    if (columns.error[row] === 1) return Number.NaN
    if (hasScore && Number.isNaN(columns.score[row]!)) return 1
    for (const slot of numbers) if (columns.numberStates[slot]![row] !== FIELD_OK) return 1
    for (const slot of symbols) if (columns.symbols[slot]![row]! < 0 && columns.symbols[slot]![row] !== -FIELD_UNSEEN) return 1
    return 0
  })
}

/** Over the rows that the wrong-outcome guardrail counts: those with a label, or all where the policy says what absence means. */
function wrong(block: Block, row: number, { label, decision }: ValueColumns): number {
  const actual = Number.isNaN(label[row]!) ? block.absent : label[row]!
  if (Number.isNaN(actual)) return Number.NaN
  return decision[row]! <= 1 && decision[row] !== actual ? 1 : 0
}

function probabilityValue(block: Block, row: number, { label, score }: ValueColumns): number {
  const actual = Number.isNaN(label[row]!) ? block.absent : label[row]!
  const value = score[row]!
  if (Number.isNaN(actual) || !(value >= 0 && value <= 1)) return Number.NaN
  if (block.judged === 'brier') return (actual - value) ** 2
  const clipped = Math.min(1 - block.floor, Math.max(block.floor, value))
  return Math.log(actual === 1 ? clipped : 1 - clipped) / Math.log(block.floor)
}

/** Within its bounds, where the policy gives some. */
function valueReader({ bounds }: Block): Reader {
  if (bounds === undefined) return each((row, { value }) => value[row]!)
  return each((row, { value }) => Math.min(bounds.high, Math.max(bounds.low, value[row]!)))
}
