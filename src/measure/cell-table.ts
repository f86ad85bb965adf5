/**
 * The open cells of one chain of one model: a row of slots for each (version, scope, population) that has been seen.
 * Rows are taken as they are needed and go back when the pane is made, so memory follows what occurs and not what could.
 */
import type { PaneCell } from '../domain.ts'
import { RowBlocks } from '../kit/row-blocks.ts'
import { ALL_SCOPE, type Block, type ModelLayout } from '../policy/layout.ts'

/** What cells lie in when they leave the table: two stretches for all of them. */
export class CellMemory {
  private counts = new Float64Array(0)
  private sums = new Float64Array(0)

  /** At least so many of each; what was there before is overwritten. */
  holding(counts: number, sums: number): Pick<RowBlocks, 'counts' | 'sums'> {
    if (this.counts.length < counts) this.counts = new Float64Array(counts)
    if (this.sums.length < sums) this.sums = new Float64Array(sums)
    return { counts: this.counts, sums: this.sums }
  }
}

export class CellTable {
  readonly blocks: readonly Block[]
  readonly countWidth: number
  readonly sumWidth: number
  /** By content hash of the block's definition; the same map for every pane of the chain. */
  readonly blockHashes: ReadonlyMap<string, string>
  counts: Uint32Array
  sums: Float64Array
  /** Rows in use. */
  rows = 0
  private readonly model: ModelLayout
  private readonly rowOfCell: Int32Array
  private capacity = 4
  /** Scopes that add up to `__all__`; null: its counts are counted. */
  private readonly parts: Int32Array | null
  /** Stretches of a row's counts that belong to blocks in segments. */
  private readonly summed: readonly { readonly from: number; readonly to: number }[]

  /** `parts`: as `wholeDimension` has them. */
  constructor(model: ModelLayout, blocks: readonly Block[], parts: Int32Array | null) {
    this.model = model
    this.blocks = blocks
    this.countWidth = blocks.reduce((width, block) => Math.max(width, block.countOffset + block.countSlots), 0)
    this.sumWidth = blocks.reduce((width, block) => Math.max(width, block.sumOffset + block.sumSlots), 0)
    this.blockHashes = new Map(blocks.map((block) => [block.id, block.hash]))
    this.parts = parts
    this.summed = stretchesOf(blocks.filter((block) => block.inSegments))
    this.rowOfCell = new Int32Array(model.versions.length * model.scopes.length * 2).fill(-1)
    this.counts = new Uint32Array(this.capacity * this.countWidth)
    this.sums = new Float64Array(this.capacity * this.sumWidth)
  }

  get bytes(): number {
    return this.counts.byteLength + this.sums.byteLength + this.rowOfCell.byteLength
  }

  /** Row of a cell; population 0 is `all`, 1 is `first`. */
  row(version: number, scope: number, population: number): number {
    const cell = (version * this.model.scopes.length + scope) * 2 + population
    const row = this.rowOfCell[cell]!
    return row >= 0 ? row : this.openRow(cell)
  }

  /** The cells with something in them, in the order of versions, scopes and populations, in this memory. The table is empty afterwards. */
  take(memory: CellMemory): PaneCell[] {
    if (this.parts !== null) this.sumUp(this.parts)
    const cells: PaneCell[] = []
    const { counts, sums } = memory.holding(this.rows * this.countWidth, this.rows * this.sumWidth)
    counts.set(this.counts.subarray(0, this.rows * this.countWidth))
    sums.set(this.sums.subarray(0, this.rows * this.sumWidth))
    for (let cell = 0; cell < this.rowOfCell.length; cell++) {
      const row = this.rowOfCell[cell]!
      if (row < 0) continue
      this.rowOfCell[cell] = -1
      const blocks = new RowBlocks(this.blocks, counts, row * this.countWidth, sums, row * this.sumWidth)
      if (!blocks.isEmpty) cells.push(this.named(cell, blocks))
    }
    this.counts.fill(0, 0, this.rows * this.countWidth)
    this.sums.fill(0, 0, this.rows * this.sumWidth)
    this.rows = 0
    return cells
  }

  private named(cell: number, blocks: RowBlocks): PaneCell {
    const { scopes, versions } = this.model
    const scope = (cell >> 1) % scopes.length
    const version = Math.floor((cell >> 1) / scopes.length)
    return { version: versions[version]!, scope: scopes[scope]!.name, population: (cell & 1) === 0 ? 'all' : 'first', blocks }
  }

  /** The counts of `__all__`, version by version, from the scopes that divide its records among them. */
  private sumUp(parts: Int32Array): void {
    const { rowOfCell, counts, countWidth } = this
    const scopes = this.model.scopes.length
    const allScope = this.model.scopes.findIndex((scope) => scope.name === ALL_SCOPE)
    for (let version = 0; version < this.model.versions.length; version++) {
      for (let population = 0; population < 2; population++) {
        const all = rowOfCell[(version * scopes + allScope) * 2 + population]!
        if (all < 0) continue
        for (const scope of parts) {
          const row = rowOfCell[(version * scopes + scope) * 2 + population]!
          if (row < 0) continue
          for (const { from, to } of this.summed) {
            for (let slot = from; slot < to; slot++) counts[all * countWidth + slot]! += counts[row * countWidth + slot]!
          }
        }
      }
    }
  }

  private openRow(cell: number): number {
    if (this.rows === this.capacity) this.grow()
    this.rowOfCell[cell] = this.rows
    return this.rows++
  }

  private grow(): void {
    this.capacity *= 2
    const { counts, sums } = this
    this.counts = new Uint32Array(this.capacity * this.countWidth)
    this.counts.set(counts)
    this.sums = new Float64Array(this.capacity * this.sumWidth)
    this.sums.set(sums)
  }
}

function stretchesOf(blocks: readonly Block[]): { from: number; to: number }[] {
  const stretches: { from: number; to: number }[] = []
  for (const { countOffset, countSlots } of [...blocks].sort((a, b) => a.countOffset - b.countOffset)) {
    const last = stretches.at(-1)
    if (last !== undefined && last.to === countOffset) last.to += countSlots
    else stretches.push({ from: countOffset, to: countOffset + countSlots })
  }
  return stretches
}
