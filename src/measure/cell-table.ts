/**
 * The open cells of one chain of one model: a row of slots for each (version, scope, population) that has been seen.
 * Rows are taken as they are needed and go back when the pane is made, so memory follows what occurs and not what could.
 */
import type { BlockCounts, PaneCell } from '../domain.ts'
import type { Block, ModelLayout } from '../policy/layout.ts'

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
  private capacity = 8

  constructor(model: ModelLayout, blocks: readonly Block[]) {
    this.model = model
    this.blocks = blocks
    this.countWidth = blocks.reduce((width, block) => Math.max(width, block.countOffset + block.countSlots), 0)
    this.sumWidth = blocks.reduce((width, block) => Math.max(width, block.sumOffset + block.sumSlots), 0)
    this.blockHashes = new Map(blocks.map((block) => [block.id, block.hash]))
    this.rowOfCell = new Int32Array(model.versions.length * model.scopes.length * 2).fill(-1)
    this.counts = new Uint32Array(this.capacity * this.countWidth)
    this.sums = new Float64Array(this.capacity * this.sumWidth)
  }

  /** Row of a cell; population 0 is `all`, 1 is `first`. */
  row(version: number, scope: number, population: number): number {
    const cell = (version * this.model.scopes.length + scope) * 2 + population
    const row = this.rowOfCell[cell]!
    return row >= 0 ? row : this.openRow(cell)
  }

  /** The cells with something in them, in the order of versions, scopes and populations. The table is empty afterwards. */
  take(): PaneCell[] {
    const cells: PaneCell[] = []
    // All cells share two stretches of memory: an array of its own for each block would cost more than what it holds.
    const counts = new Float64Array(this.counts.subarray(0, this.rows * this.countWidth))
    const sums = this.sums.slice(0, this.rows * this.sumWidth)
    for (let cell = 0; cell < this.rowOfCell.length; cell++) {
      const row = this.rowOfCell[cell]!
      if (row < 0) continue
      this.rowOfCell[cell] = -1
      const blocks = this.blocksOf(row, counts, sums)
      if (blocks.size > 0) cells.push({ ...this.nameOf(cell), blocks })
    }
    this.counts.fill(0, 0, this.rows * this.countWidth)
    this.sums.fill(0, 0, this.rows * this.sumWidth)
    this.rows = 0
    return cells
  }

  private nameOf(cell: number): Pick<PaneCell, 'version' | 'scope' | 'population'> {
    const { scopes, versions } = this.model
    const scope = (cell >> 1) % scopes.length
    const version = Math.floor((cell >> 1) / scopes.length)
    return { version: versions[version]!, scope: scopes[scope]!.name, population: (cell & 1) === 0 ? 'all' : 'first' }
  }

  private blocksOf(row: number, counts: Float64Array, sums: Float64Array): Map<string, BlockCounts> {
    const blocks = new Map<string, BlockCounts>()
    for (const block of this.blocks) {
      const countStart = row * this.countWidth + block.countOffset
      if (!this.anyCount(countStart, countStart + block.countSlots)) continue
      const sumStart = row * this.sumWidth + block.sumOffset
      blocks.set(block.id, {
        counts: counts.subarray(countStart, countStart + block.countSlots),
        sums: sums.subarray(sumStart, sumStart + block.sumSlots),
      })
    }
    return blocks
  }

  private anyCount(from: number, to: number): boolean {
    for (let slot = from; slot < to; slot++) if (this.counts[slot] !== 0) return true
    return false
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
