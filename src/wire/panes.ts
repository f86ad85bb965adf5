/**
 * Panes and pulses: `schemas/panes.avsc`. Most traffic between measure and judge is here, so cells are packed by hand inside the Avro
 * record (see the docs on its `counts` and `sums`): a cell of a thin segment is a few bytes, and zeros cost nothing.
 *
 * Sparse numbers can be inflated: decoding holds the slots of all cells together against SLOTS_MAX before it allocates them, at once.
 */
import type { BlockCounts, Pane, PaneCell, Population, Pulse, Stamp } from '../domain.ts'
import { readPacked, VarintReader } from './packed.ts'
import { PackedWriter } from './packed-writer.ts'
import { branchOf } from './plain.ts'
import { avroCodec, undecodableAs } from './schema.ts'

/** Slots of all blocks present in all cells of one pane: 64 MB of doubles. */
const SLOTS_MAX = 8_000_000

interface BlockEntry {
  readonly id: string
  readonly hash: string
  countSlots: number
  sumSlots: number
}

interface WireCell {
  readonly version: number
  readonly scope: number
  readonly population: Population
  readonly counts: Buffer
  readonly sums: Buffer
}

interface WirePane extends Omit<Pane, 'kind' | 'blockHashes' | 'cells'> {
  readonly blocks: readonly BlockEntry[]
  readonly versions: readonly string[]
  readonly scopes: readonly string[]
  readonly cells: readonly WireCell[]
}

const codec = avroCodec('panes')
const writer = new PackedWriter()

export function encodePane(pane: Pane): Buffer {
  const blocks = blockTable(pane)
  const versions = new Map<string, number>()
  const scopes = new Map<string, number>()
  writer.reset()
  const cells = pane.cells.map((cell): WireCell => {
    const version = indexOf(versions, cell.version)
    return { version, scope: indexOf(scopes, cell.scope), population: cell.population, ...packCell(cell, blocks) }
  })
  const { kind, blockHashes, cells: _, ...rest } = pane
  const wire: WirePane = { ...rest, blocks, versions: [...versions.keys()], scopes: [...scopes.keys()], cells }
  return codec.encodeWithin({ 'flyball.Pane': wire }, sizeMax(wire))
}

export function encodePulse(pulse: Pulse): Buffer {
  return codec.encode({ 'flyball.Pulse': pulse })
}

/**
 * Which blocks of a cell are wanted; null: all of them. What is not wanted is passed over: of a pane with every block in every segment a
 * judge reads a fourth.
 */
export type WantedBlocks = (model: string, chain: string, scope: string) => ReadonlySet<string> | null

/** The records of the panes topic. Cells of one pane share one stretch of memory. */
export function decodePane(bytes: Uint8Array, wanted: WantedBlocks = everything): Pane | Pulse {
  const { kind, body } = branchOf(codec.decode(bytes))
  if (kind === 'flyball.Pulse') return pulseOf(body as Omit<Pulse, 'kind'>)
  return undecodableAs('panes', () => fromWire(body as WirePane, wanted))
}

const everything: WantedBlocks = () => null

function pulseOf(body: Omit<Pulse, 'kind'>): Pulse {
  return { kind: 'pulse', ...body, stamp: stampOf(body.stamp), base: stampOf(body.base), models: [...body.models] }
}

function stampOf({ epoch, sequence }: Stamp): Stamp {
  return { epoch, sequence }
}

/** Lengths are those of the first cell that has the block; the layout makes them equal. */
function blockTable(pane: Pane): BlockEntry[] {
  const entries = new Map<string, BlockEntry>()
  for (const [id, hash] of pane.blockHashes) entries.set(id, { id, hash, countSlots: 0, sumSlots: 0 })
  for (const cell of pane.cells) {
    for (const [id, block] of cell.blocks) {
      const entry = entries.get(id)
      if (entry === undefined) throw new Error(`block ${id} has no hash`)
      if (entry.countSlots === 0) entry.countSlots = block.counts.length
      if (entry.sumSlots === 0) entry.sumSlots = block.sums.length
      if (entry.countSlots !== block.counts.length || entry.sumSlots !== block.sums.length) {
        throw new Error(`block ${id} has cells of different lengths`)
      }
    }
  }
  return [...entries.values()]
}

function indexOf(table: Map<string, number>, name: string): number {
  const known = table.get(name)
  if (known !== undefined) return known
  table.set(name, table.size)
  return table.size - 1
}

function packCell(cell: PaneCell, blocks: readonly BlockEntry[]): { counts: Buffer; sums: Buffer } {
  writer.beginCell()
  for (let index = 0; index < blocks.length; index++) {
    const block = cell.blocks.get(blocks[index]!.id)
    if (block !== undefined) writer.block(index, block.counts, block.sums)
  }
  return writer.endCell()
}

/** Generous upper bound of the encoded size: text is at most three bytes a character. */
function sizeMax(wire: WirePane): number {
  const text = (list: readonly string[]) => list.reduce((sum, item) => sum + 3 * item.length + 10, 0)
  const cells = wire.cells.reduce((sum, cell) => sum + cell.counts.length + cell.sums.length + 32, 0)
  return 512 + text([wire.model, wire.source, wire.chain, ...wire.versions, ...wire.scopes]) + cells + blocksSize(wire.blocks, text)
}

function blocksSize(blocks: readonly BlockEntry[], text: (list: readonly string[]) => number): number {
  return blocks.reduce((sum, block) => sum + text([block.id, block.hash]) + 20, 0)
}

function fromWire(wire: WirePane, wanted: WantedBlocks): Pane {
  checkTable(wire)
  const { blocks, versions, scopes, cells, stamp, base, ...rest } = wire
  const ofScope = scopes.map((scope) => wantedIn(blocks, wanted(wire.model, wire.chain, scope)))
  const slots = slotsWanted(wire, ofScope)
  if (slots > SLOTS_MAX) throw new Error(`${slots} slots are more than ${SLOTS_MAX}`)
  const memory = new SlotMemory(slots)
  return {
    kind: 'pane',
    ...rest,
    stamp: stampOf(stamp),
    base: stampOf(base),
    blockHashes: new Map(blocks.map((block) => [block.id, block.hash])),
    cells: cells.map((cell) => ({
      version: named(versions, cell.version),
      scope: named(scopes, cell.scope),
      population: cell.population,
      blocks: unpackCell(cell, blocks, ofScope[cell.scope]!, memory),
    })),
  }
}

/** By index into the table: whether a block is wanted. */
function wantedIn(blocks: readonly BlockEntry[], ids: ReadonlySet<string> | null): readonly boolean[] {
  return blocks.map(({ id }) => ids === null || ids.has(id))
}

const NO_SLOTS = new Float64Array(0)

/** One stretch of zeros, handed out piece by piece. */
class SlotMemory {
  readonly #all: Float64Array
  #used = 0

  constructor(slots: number) {
    this.#all = new Float64Array(slots)
  }

  take(count: number): Float64Array {
    return count === 0 ? NO_SLOTS : this.#all.subarray(this.#used, (this.#used += count))
  }
}

function checkTable(wire: WirePane): void {
  for (const block of wire.blocks) {
    if (block.countSlots < 0 || block.sumSlots < 0) throw new Error(`block ${block.id} has a negative length`)
  }
}

function slotsWanted(wire: WirePane, ofScope: readonly (readonly boolean[])[]): number {
  let slots = 0
  for (const cell of wire.cells) {
    const reader = new VarintReader(cell.counts)
    const isWanted = ofScope[cell.scope]
    for (let index = -1; !reader.atEnd; ) {
      index += 1 + reader.next()
      const entry = wire.blocks[index]
      if (entry === undefined) throw new Error(`block ${index} is not in the table`)
      if (isWanted === undefined || isWanted[index]) slots += entry.countSlots + entry.sumSlots
      reader.skip(2 * reader.next())
      reader.skip(reader.next())
    }
  }
  return slots
}

function named(table: readonly string[], index: number): string {
  const name = table[index]
  if (name === undefined) throw new Error(`index ${index} is not in a table of ${table.length}`)
  return name
}

function unpackCell(
  cell: WireCell,
  blocks: readonly BlockEntry[],
  isWanted: readonly boolean[],
  memory: SlotMemory,
): ReadonlyMap<string, BlockCounts> {
  const unpacked = new Map<string, BlockCounts>()
  const reader = new VarintReader(cell.counts)
  const sums = new DataView(cell.sums.buffer, cell.sums.byteOffset, cell.sums.length)
  let sumsAt = 0
  for (let index = -1; !reader.atEnd; ) {
    index += 1 + reader.next()
    if (!isWanted[index]) {
      reader.skip(2 * reader.next())
      const named = reader.next()
      reader.skip(named)
      sumsAt += 8 * named
      continue
    }
    const entry = blocks[index]!
    const block = { counts: memory.take(entry.countSlots), sums: memory.take(entry.sumSlots) }
    sumsAt = readPacked(reader, block, sums, sumsAt)
    unpacked.set(entry.id, block)
  }
  if (sumsAt !== cell.sums.length) throw new Error('more sums than slots named')
  return unpacked
}
