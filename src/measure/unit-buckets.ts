/**
 * The `units` cell of one chain of one model: what the judged values of the control's requests add up to, by hashed bucket of the unit.
 *
 * In a table of its own and not in the rows of CellTable: it is one row, whatever the number of scopes, and a thousand slots wide.
 * A request without a unit is in no bucket.
 */
import { FIELD_MISSING, FIELD_OK, FIELD_UNSEEN, type PaneCell } from '../domain.ts'
import { UNIT_BUCKETS, unitBucket } from '../kit/hash.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../policy/layout.ts'
import { FeatureBins, LatencyBins, scoreBin } from './bins.ts'
import { type ValueColumns, valuesOf } from './fill.ts'

/** Writes the judged value of each row; NaN: the row has none, and is left out. A column at a time: most of a model are features. */
type Reader = (rows: Int32Array, count: number, columns: ValueColumns, values: Float64Array) => void

/** Who a record's unit is: its bucket where that is known already, else the two lanes of its hash. */
export interface UnitColumns {
  readonly version: Int32Array
  readonly unit1: Int32Array
  readonly unit2: Int32Array
  /** Below zero: none. */
  readonly bucket: Int16Array | null
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

  get bytes(): number {
    const { counts, sums, rows, buckets, values } = this
    return [counts, sums, rows, buckets, values].reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** The first `count` of these rows of the batch. */
  add(rows: Int32Array, count: number, columns: UnitColumns & ValueColumns): void {
    const chosen = this.choose(rows, count, columns)
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

  private choose(rows: Int32Array, count: number, { version, unit1, unit2, bucket: known }: UnitColumns): number {
    if (this.rows.length < count) {
      this.rows = new Int32Array(2 * count)
      this.buckets = new Uint8Array(2 * count)
      this.values = new Float64Array(2 * count)
    }
    let chosen = 0
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      if (version[row] !== this.control) continue
      const bucket = known === null ? unitBucket(unit1[row]!, unit2[row]!) : known[row]!
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
      return readErrors
    case 'latency':
      return latencyReader(block)
    case 'score':
      return (rows, count, columns, values) => readScore(block.bins, rows, count, columns, values)
    case 'feature':
      return featureReader(block)
    case 'category':
      return categoryReader(block, beside)
    case 'missing':
      return missingReader(beside)
    case 'wrong':
      return (rows, count, columns, values) => readWrong(block.absent, rows, count, columns, values)
    case 'log-score':
    case 'brier':
      return (rows, count, columns, values) => readProbability(block, rows, count, columns, values)
    case 'tail':
      return tailReader(block)
    case 'value':
      return (rows, count, columns, values) => readValue(block, rows, count, columns, values)
    default:
      throw new Error(`block ${block.id} does not say what it sums`)
  }
}

function readErrors(rows: Int32Array, count: number, { error }: ValueColumns, values: Float64Array): void {
  for (let k = 0; k < count; k++) values[k] = error[rows[k]!]!
}

/** Failed: the last bin, however soon it failed. */
function latencyReader(block: Block): Reader {
  const bins = new LatencyBins(block)
  const last = block.bins - 1
  return (rows, count, { latencyMs, error }, values) => {
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      if (error[row] === 1) values[k] = last
      else values[k] = Number.isNaN(latencyMs[row]!) ? Number.NaN : bins.of(latencyMs[row]!)
    }
  }
}

function tailReader(block: Block): Reader {
  const bins = new LatencyBins(block)
  return (rows, count, columns, values) => {
    const used = valuesOf(block, columns)
    for (let k = 0; k < count; k++) {
      const value = used[rows[k]!]!
      values[k] = Number.isNaN(value) ? Number.NaN : bins.of(value)
    }
  }
}

function readScore(bins: number, rows: Int32Array, count: number, { score, error }: ValueColumns, values: Float64Array): void {
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const value = score[row]!
    if (value >= 0 && value <= 1) values[k] = scoreBin(value, bins)
    else if (!Number.isNaN(value)) values[k] = bins + 1
    else values[k] = error[row] === 1 ? Number.NaN : bins
  }
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
  return (rows, count, { symbols, error }, values) => {
    const column = symbols[block.slot]!
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      const symbol = column[row]!
      if (symbol >= 0) values[k] = symbol
      else if (symbol === -FIELD_UNSEEN) values[k] = unseen
      else if (symbol !== -FIELD_MISSING) values[k] = unseen + 2
      else values[k] = error[row] === 1 ? Number.NaN : unseen + 1
    }
  }
}

/** 1 when any input of a request that did not fail is missing, of another type or not finite. */
function missingReader(beside: readonly Block[]): Reader {
  const numbers = beside.filter((block) => block.kind === 'feature').map((block) => block.slot)
  const symbols = beside.filter((block) => block.kind === 'category').map((block) => block.slot)
  const hasScore = beside.some((block) => block.kind === 'score')
  return (rows, count, columns, values) => {
    for (let k = 0; k < count; k++) values[k] = hasScore && Number.isNaN(columns.score[rows[k]!]!) ? 1 : 0
    for (const slot of numbers) {
      const states = columns.numberStates[slot]!
      for (let k = 0; k < count; k++) if (states[rows[k]!] !== FIELD_OK) values[k] = 1
    }
    for (const slot of symbols) {
      const column = columns.symbols[slot]!
      for (let k = 0; k < count; k++) if (column[rows[k]!]! < 0 && column[rows[k]!] !== -FIELD_UNSEEN) values[k] = 1
    }
    for (let k = 0; k < count; k++) if (columns.error[rows[k]!] === 1) values[k] = Number.NaN
  }
}

/** Over the rows that the wrong-outcome guardrail counts: those with a label, or all where the policy says what absence means. */
function readWrong(absent: number, rows: Int32Array, count: number, { label, decision }: ValueColumns, values: Float64Array): void {
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const actual = Number.isNaN(label[row]!) ? absent : label[row]!
    if (Number.isNaN(actual)) values[k] = Number.NaN
    else values[k] = decision[row]! <= 1 && decision[row] !== actual ? 1 : 0
  }
}

function readProbability(block: Block, rows: Int32Array, count: number, { label, score }: ValueColumns, values: Float64Array): void {
  const { absent, floor, judged } = block
  const logFloor = Math.log(floor)
  for (let k = 0; k < count; k++) {
    const row = rows[k]!
    const actual = Number.isNaN(label[row]!) ? absent : label[row]!
    const value = score[row]!
    if (Number.isNaN(actual) || !(value >= 0 && value <= 1)) {
      values[k] = Number.NaN
    } else if (judged === 'brier') {
      values[k] = (actual - value) ** 2
    } else {
      const clipped = Math.min(1 - floor, Math.max(floor, value))
      values[k] = Math.log(actual === 1 ? clipped : 1 - clipped) / logFloor
    }
  }
}

/** Within its bounds, where the policy gives some. */
function readValue(block: Block, rows: Int32Array, count: number, columns: ValueColumns, values: Float64Array): void {
  const { bounds } = block
  const value = valuesOf(block, columns)
  if (bounds === undefined) for (let k = 0; k < count; k++) values[k] = value[rows[k]!]!
  else for (let k = 0; k < count; k++) values[k] = Math.min(bounds.high, Math.max(bounds.low, value[rows[k]!]!))
}
