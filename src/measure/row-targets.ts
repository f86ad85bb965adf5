/**
 * For each record of one model in a batch: the rows of the cell table it adds to, as columns.
 * Found once for each record, used by every block: `__all__`, then one column for each dimension, each with its `first` twin beside it
 * when the model has units.
 */
import { ALL_SCOPE, type InputLayout, type ModelLayout } from '../policy/layout.ts'
import type { CellTable } from './cell-table.ts'

/** Of a model among many there are few rows at a time; those of a busy one grow. */
const FIRST_ROWS = 128

/** The columns that say where a record belongs. */
export interface PlaceColumns {
  readonly version: Int32Array
  readonly dimensions: readonly Int32Array[]
  readonly first: Uint8Array
}

/** Scope of each value of one dimension slot; -1: none. */
export interface DimensionScopes {
  readonly slot: number
  readonly scopeOf: Int32Array
}

export class RowTargets {
  /** Indices into the batch. */
  rows = new Int32Array(FIRST_ROWS)
  /** Table rows of each record; -1: none there. */
  columns: Int32Array[]
  /** What the block at hand finds for each record: a slot (-1: none), and a number to add to a sum (0: none). */
  slots = new Int32Array(FIRST_ROWS)
  values = new Float64Array(FIRST_ROWS)
  count = 0
  /** How many of the columns blocks outside segments fill. */
  readonly allReach: number
  /**
   * The first column that counts are added to where a block is in segments: behind those of `__all__` when one dimension has a scope
   * for each of its values. Then `__all__` is their sum, and the table finds it when the pane is made. Sums of numbers are added
   * record by record all the same: their last bits depend on the order.
   */
  readonly countsFrom: number
  private readonly populations: number
  private readonly allScope: number
  private readonly dimensions: readonly DimensionScopes[]

  constructor(model: ModelLayout, input: Pick<InputLayout, 'dimensions'>) {
    this.populations = model.hasUnits ? 2 : 1
    this.allScope = model.scopes.findIndex((scope) => scope.name === ALL_SCOPE)
    this.dimensions = scopesByDimension(model, input)
    this.allReach = this.populations
    this.countsFrom = wholeDimension(model, input) === null ? 0 : this.populations
    this.columns = Array.from({ length: this.populations * (1 + this.dimensions.length) }, () => new Int32Array(this.rows.length))
  }

  get bytes(): number {
    const { rows, slots, values, columns } = this
    return rows.byteLength + slots.byteLength + values.byteLength + columns.reduce((sum, column) => sum + column.byteLength, 0)
  }

  add(row: number): void {
    if (this.count === this.rows.length) this.grow()
    this.rows[this.count++] = row
  }

  /** Looks up the rows of the records added since the last `clear`. */
  resolve(table: CellTable, columns: PlaceColumns): void {
    const { populations } = this
    for (let population = 0; population < populations; population++) {
      this.resolveAll(table, columns, population)
      for (let d = 0; d < this.dimensions.length; d++) this.resolveDimension(table, columns, d, population)
    }
  }

  clear(): void {
    this.count = 0
  }

  private resolveAll(table: CellTable, { version, first }: PlaceColumns, population: number): void {
    const { rows, count, allScope } = this
    const into = this.columns[population]!
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      into[k] = population === 0 || first[row] === 1 ? table.row(version[row]!, allScope, population) : -1
    }
  }

  private resolveDimension(table: CellTable, { version, first, dimensions }: PlaceColumns, d: number, population: number): void {
    const { rows, count } = this
    const { slot, scopeOf } = this.dimensions[d]!
    const values = dimensions[slot]!
    const into = this.columns[(1 + d) * this.populations + population]!
    for (let k = 0; k < count; k++) {
      const row = rows[k]!
      const scope = scopeOf[values[row]!]!
      into[k] = scope >= 0 && (population === 0 || first[row] === 1) ? table.row(version[row]!, scope, population) : -1
    }
  }

  private grow(): void {
    const { rows } = this
    const capacity = rows.length * 2
    this.rows = new Int32Array(capacity)
    this.rows.set(rows)
    this.columns = this.columns.map(() => new Int32Array(capacity))
    this.slots = new Int32Array(capacity)
    this.values = new Float64Array(capacity)
  }
}

/** Scopes are found by name, since each input numbers its dimension slots for itself. */
function scopesByDimension(model: ModelLayout, input: Pick<InputLayout, 'dimensions'>): DimensionScopes[] {
  const scopeByName = new Map(model.scopes.map((scope, index) => [scope.name, index]))
  return input.dimensions
    .map((dimension, slot) => ({
      slot,
      scopeOf: Int32Array.from(dimension.values, (value) => scopeByName.get(`${dimension.name}=${value}`) ?? -1),
    }))
    .filter((dimension) => dimension.scopeOf.some((scope) => scope >= 0))
}

/** The scopes of a dimension that has one for every record; null: there is no such dimension. */
export function wholeDimension(model: ModelLayout, input: Pick<InputLayout, 'dimensions'>): Int32Array | null {
  const whole = scopesByDimension(model, input).find((dimension) => dimension.scopeOf.every((scope) => scope >= 0))
  return whole === undefined ? null : whole.scopeOf
}
