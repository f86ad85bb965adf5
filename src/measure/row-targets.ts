/**
 * For each record of one model in a batch: the rows of the cell table it adds to.
 * Found once for each record, used by every block: `__all__`, then one row for each dimension, each with its `first` twin beside it
 * when the model has units.
 */
import { ALL_SCOPE, type InputLayout, type ModelLayout } from '../policy/layout.ts'
import type { CellTable } from './cell-table.ts'

/** The columns that say where a record belongs. */
export interface PlaceColumns {
  readonly version: Int32Array
  readonly dimensions: readonly Int32Array[]
  readonly first: Uint8Array
}

export class RowTargets {
  /** Indices into the batch. */
  rows = new Int32Array(1024)
  /** `stride` table rows for each record; -1: none there. */
  targets: Int32Array
  count = 0
  readonly stride: number
  /** How many of the targets blocks outside segments fill. */
  readonly allReach: number
  private readonly populations: number
  private readonly allScope: number
  /** Per dimension slot of the input that this model is cut by: scope of each value, -1 when there is none. */
  private readonly dimensions: readonly { readonly slot: number; readonly scopeOf: Int32Array }[]

  constructor(model: ModelLayout, input: Pick<InputLayout, 'dimensions'>) {
    this.populations = model.hasUnits ? 2 : 1
    this.allScope = model.scopes.findIndex((scope) => scope.name === ALL_SCOPE)
    this.dimensions = scopesByDimension(model, input)
    this.allReach = this.populations
    this.stride = this.populations * (1 + this.dimensions.length)
    this.targets = new Int32Array(this.rows.length * this.stride)
  }

  add(row: number): void {
    if (this.count === this.rows.length) this.grow()
    this.rows[this.count++] = row
  }

  /** Looks up the rows of the records added since the last `clear`. */
  resolve(table: CellTable, columns: PlaceColumns): void {
    for (let k = 0; k < this.count; k++) this.resolveRow(k, table, columns)
  }

  clear(): void {
    this.count = 0
  }

  private resolveRow(k: number, table: CellTable, columns: PlaceColumns): void {
    const row = this.rows[k]!
    const version = columns.version[row]!
    const first = columns.first[row]!
    let at = this.place(k * this.stride, table, version, this.allScope, first)
    for (const dimension of this.dimensions) {
      const value = columns.dimensions[dimension.slot]![row]!
      at = this.place(at, table, version, dimension.scopeOf[value]!, first)
    }
  }

  private place(at: number, table: CellTable, version: number, scope: number, first: number): number {
    this.targets[at] = scope >= 0 ? table.row(version, scope, 0) : -1
    if (this.populations === 1) return at + 1
    this.targets[at + 1] = scope >= 0 && first === 1 ? table.row(version, scope, 1) : -1
    return at + 2
  }

  private grow(): void {
    const { rows } = this
    this.rows = new Int32Array(rows.length * 2)
    this.rows.set(rows)
    this.targets = new Int32Array(this.rows.length * this.stride)
  }
}

/** Scopes are found by name, since each input numbers its dimension slots for itself. */
function scopesByDimension(model: ModelLayout, input: Pick<InputLayout, 'dimensions'>): { slot: number; scopeOf: Int32Array }[] {
  const scopeByName = new Map(model.scopes.map((scope, index) => [scope.name, index]))
  return input.dimensions
    .map((dimension, slot) => ({
      slot,
      scopeOf: Int32Array.from(dimension.values, (value) => scopeByName.get(`${dimension.name}=${value}`) ?? -1),
    }))
    .filter((dimension) => dimension.scopeOf.some((scope) => scope >= 0))
}
