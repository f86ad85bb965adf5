/**
 * Rows of several batches, kept until each model has enough of them to be worth a walk through its blocks.
 *
 * To begin with a model, and with each of its blocks, costs as much as counting dozens of rows. Where a hundred models share batches of
 * five hundred rows, that would be paid for every five of them; to copy a row costs a fraction of counting it.
 */
import type { ValueColumns } from './fill.ts'
import type { PlaceColumns } from './row-targets.ts'
import type { UnitColumns } from './unit-buckets.ts'

/** Of a batch, as a chain brings them: what it does not bring is empty. */
export type RowColumns = PlaceColumns & ValueColumns & UnitColumns & { readonly model: Int32Array }

type Column = Int32Array | Uint8Array | Float64Array | Int16Array

/** In memory, for each chain of a source. */
const BYTES_MAX = 1 << 20
/** Model of a row that is not counted. */
export const NO_MODEL = -1

export class GatheredRows {
  count = 0
  readonly columns: RowColumns
  readonly capacity: number
  private readonly own: readonly Column[]

  /** `like`: columns of the same kinds as all that will be added. */
  constructor(rows: number, like: RowColumns) {
    const bytes = columnsOf(like).reduce((sum, column) => sum + (column.length === 0 ? 0 : column.BYTES_PER_ELEMENT), 0)
    this.capacity = Math.min(rows, Math.floor(BYTES_MAX / bytes))
    this.columns = emptyColumns(like, this.capacity)
    this.own = columnsOf(this.columns)
  }

  get bytes(): number {
    return this.own.reduce((sum, column) => sum + column.byteLength, 0)
  }

  /** Copies rows [from, to), for which there must be room. Returns the place of the first. */
  add(columns: RowColumns, from: number, to: number): number {
    const at = this.count
    columnsOf(columns).forEach((column, index) => {
      const own = this.own[index]!
      if (own.length > 0) own.set(column.subarray(from, to), at)
    })
    this.count += to - from
    return at
  }

  clear(): void {
    this.count = 0
  }
}

/** In an order of our own, always the same. */
function columnsOf(columns: RowColumns): Column[] {
  const { model, version, first, unit1, unit2, bucket, error, recordTimeMs, eventTimeMs, decision, score, latencyMs, label, value } =
    columns
  const { dimensions, numbers, numberStates, symbols } = columns
  const single = [model, version, first, unit1, unit2, bucket ?? NO_BUCKETS, error, recordTimeMs, eventTimeMs, decision, score, latencyMs]
  return [...single, label, value, ...dimensions, ...numbers, ...numberStates, ...symbols]
}

const NO_BUCKETS = new Int16Array(0)

function emptyColumns(like: RowColumns, rows: number): RowColumns {
  const integers = (column: Int32Array) => new Int32Array(column.length === 0 ? 0 : rows)
  const numbers = (column: Float64Array) => new Float64Array(column.length === 0 ? 0 : rows)
  const bytes = (column: Uint8Array) => new Uint8Array(column.length === 0 ? 0 : rows)
  return {
    model: integers(like.model),
    version: integers(like.version),
    dimensions: like.dimensions.map(integers),
    first: bytes(like.first),
    unit1: integers(like.unit1),
    unit2: integers(like.unit2),
    bucket: like.bucket === null ? null : new Int16Array(rows),
    error: bytes(like.error),
    recordTimeMs: numbers(like.recordTimeMs),
    eventTimeMs: numbers(like.eventTimeMs),
    decision: bytes(like.decision),
    score: numbers(like.score),
    latencyMs: numbers(like.latencyMs),
    numbers: like.numbers.map(numbers),
    numberStates: like.numberStates.map(bytes),
    symbols: like.symbols.map(integers),
    label: numbers(like.label),
    value: numbers(like.value),
  }
}
