/**
 * Panes and pulses: `schemas/panes.avsc`. Most traffic between measure and judge is here, so cells are packed by hand inside the Avro
 * record (see the docs on its `counts` and `sums`): a cell of a thin segment is a few bytes, and zeros cost nothing.
 *
 * Sparse numbers can be inflated: decoding holds the slots of all cells together against SLOTS_MAX before it allocates them, at once.
 */
import type { BlockCounts, Pane, PaneCell, Population, Pulse, Stamp } from '../domain.ts'
import { type BlockPlace, RowBlocks } from '../kit/row-blocks.ts'
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

/** The cells of a pane as the wire has them. */
interface PackedCells {
  readonly blocks: readonly BlockEntry[]
  readonly versions: readonly string[]
  readonly scopes: readonly string[]
  readonly cells: readonly WireCell[]
}

/** A pane before it is stamped: its cells are packed at once, since many panes may wait to be sent. */
export interface PackedPane extends Omit<Pane, 'blockHashes' | 'cells' | 'stamp' | 'base'> {
  readonly packed: PackedCells
}

interface WirePane extends Omit<Pane, 'kind' | 'blockHashes' | 'cells'>, PackedCells {}

const codec = avroCodec('panes')
const writer = new PackedWriter()

export function encodePane(pane: Pane): Buffer {
  const { cells, blockHashes, stamp, base } = pane
  return encodePacked({ ...pane, packed: packCells(cells, blockHashes) }, stamp, base)
}

export function packCells(paneCells: readonly PaneCell[], blockHashes: ReadonlyMap<string, string>): PackedCells {
  const blocks = [...blockHashes].map(([id, hash]): BlockEntry => ({ id, hash, countSlots: 0, sumSlots: 0 }))
  const versions = new Map<string, number>()
  const scopes = new Map<string, number>()
  writer.reset()
  for (const cell of paneCells) packCell(cell, blocks)
  const packed = writer.take()
  const cells = paneCells.map((cell, index): WireCell => {
    const { counts, sums } = packed[index]!
    const version = indexOf(versions, cell.version)
    return { version, scope: indexOf(scopes, cell.scope), population: cell.population, counts, sums }
  })
  return { blocks, versions: [...versions.keys()], scopes: [...scopes.keys()], cells }
}

export function encodePacked(pane: PackedPane, stamp: Stamp, base: Stamp): Buffer {
  const { blocks, versions, scopes, cells } = pane.packed
  const { model, source, chain, from, to, previousTo, sliceStartMs, sliceEndMs, finalAtMs, sampleRate } = pane
  // Name by name, here and in cells: what is copied with dots may get a shape of its own each time, which stays until the whole heap is
  // collected.
  const wire: WirePane = {
    model,
    source,
    chain,
    stamp,
    base,
    from,
    to,
    previousTo,
    sliceStartMs,
    sliceEndMs,
    finalAtMs,
    sampleRate,
    blocks,
    versions,
    scopes,
    cells,
  }
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

function indexOf(table: Map<string, number>, name: string): number {
  const known = table.get(name)
  if (known !== undefined) return known
  table.set(name, table.size)
  return table.size - 1
}

/** Slots are told by the first cell that has the block. */
function packCell(cell: PaneCell, entries: readonly BlockEntry[]): void {
  writer.beginCell()
  if (cell.blocks instanceof RowBlocks) packRow(cell.blocks, entries)
  else packMap(cell.blocks, entries)
}

function packMap(blocks: ReadonlyMap<string, BlockCounts>, entries: readonly BlockEntry[]): void {
  let found = 0
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index]!
    const block = blocks.get(entry.id)
    if (block === undefined) continue
    found++
    noteSlots(entry, block.counts.length, block.sums.length)
    writer.block(index, block.counts, 0, block.counts.length, block.sums, 0, block.sums.length)
  }
  if (found < blocks.size) throw new Error(`of ${[...blocks.keys()].join(', ')} a block has no hash`)
}

/** As measure hands them over: in the order of the hashes, of which there may be more. */
function packRow({ places, counts, countsAt, sums, sumsAt }: RowBlocks, entries: readonly BlockEntry[]): void {
  let index = -1
  // Counted loops, here and below: what is done for every block of every cell should make no garbage.
  for (let at = 0; at < places.length; at++) {
    const { id, countOffset, countSlots, sumOffset, sumSlots } = places[at]!
    do index++
    while (index < entries.length && entries[index]!.id !== id)
    const entry = entries[index]
    if (entry === undefined) throw new Error(`block ${id} has no hash, or another place among them`)
    if (writer.block(index, counts, countsAt + countOffset, countSlots, sums, sumsAt + sumOffset, sumSlots)) {
      noteSlots(entry, countSlots, sumSlots)
    }
  }
}

function noteSlots(entry: BlockEntry, countSlots: number, sumSlots: number): void {
  if (entry.countSlots === 0) entry.countSlots = countSlots
  if (entry.sumSlots === 0) entry.sumSlots = sumSlots
  if (entry.countSlots !== countSlots || entry.sumSlots !== sumSlots) throw new Error(`block ${entry.id} has cells of different lengths`)
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
  const table = tableOf(wire.blocks)
  const { blocks, versions, scopes, cells } = wire
  const { model, source, chain, from, to, previousTo, sliceStartMs, sliceEndMs, finalAtMs, sampleRate } = wire
  const ofScope = scopes.map((scope) => wantedIn(table, wanted(wire.model, wire.chain, scope)))
  const slots = slotsWanted(wire, ofScope)
  if (slots > SLOTS_MAX) throw new Error(`${slots} slots are more than ${SLOTS_MAX}`)
  const memory = new CellsMemory(slots, table)
  return {
    kind: 'pane',
    model,
    source,
    chain,
    from,
    to,
    previousTo,
    sliceStartMs,
    sliceEndMs,
    finalAtMs,
    sampleRate,
    stamp: stampOf(wire.stamp),
    base: stampOf(wire.base),
    blockHashes: table.hashes,
    cells: cells.map((cell) => ({
      version: named(versions, cell.version),
      scope: named(scopes, cell.scope),
      population: cell.population,
      blocks: unpackCell(cell, blocks, ofScope[cell.scope]!, memory),
    })),
  }
}

/** A table of blocks, checked, and what was found out about it. All panes of a chain have the same, as a rule. */
interface Table {
  readonly blocks: readonly BlockEntry[]
  readonly hashes: ReadonlyMap<string, string>
  readonly wanted: Map<ReadonlySet<string> | null, readonly boolean[]>
  /** Where the blocks of a cell lie, by which it has. */
  readonly places: { readonly indices: readonly number[]; readonly places: readonly BlockPlace[] }[]
}

/** Those of the panes decoded last. */
const TABLES: Table[] = []
const TABLES_MAX = 16
/** A longer one is somebody's mistake, and is not kept. */
const TABLE_BLOCKS_MAX = 2_000
/** A set for each model and scope, of as many as share a table. */
const WANTED_MAX = 4_096

function tableOf(blocks: readonly BlockEntry[]): Table {
  for (const known of TABLES) if (isSame(known.blocks, blocks)) return known
  checkTable(blocks)
  const hashes = new Map(blocks.map((block) => [block.id, block.hash]))
  const table: Table = { blocks, hashes, wanted: new Map(), places: [] }
  if (blocks.length > TABLE_BLOCKS_MAX) return table
  if (TABLES.length === TABLES_MAX) TABLES.shift()
  TABLES.push(table)
  return table
}

function isSame(known: readonly BlockEntry[], blocks: readonly BlockEntry[]): boolean {
  if (known.length !== blocks.length) return false
  for (let index = 0; index < known.length; index++) {
    const one = known[index]!
    const other = blocks[index]!
    if (one.hash !== other.hash || one.id !== other.id || one.countSlots !== other.countSlots || one.sumSlots !== other.sumSlots)
      return false
  }
  return true
}

/** By index into the table: whether a block is wanted. */
function wantedIn({ blocks, wanted }: Table, ids: ReadonlySet<string> | null): readonly boolean[] {
  const known = wanted.get(ids)
  if (known !== undefined) return known
  const found = blocks.map(({ id }) => ids === null || ids.has(id))
  if (wanted.size >= WANTED_MAX) wanted.clear()
  wanted.set(ids, found)
  return found
}

/** The numbers of all cells of a pane, one beside the other, and where the blocks of each lie in them. */
class CellsMemory {
  readonly numbers: Float64Array<ArrayBuffer>
  used = 0
  readonly #table: Table

  constructor(slots: number, table: Table) {
    this.numbers = new Float64Array(slots)
    this.#table = table
  }

  take(slots: number): number {
    const at = this.used
    this.used += slots
    return at
  }

  /** Where these blocks lie in a cell that has them in this order: a few such orders are remembered. */
  placesOf(indices: readonly number[]): readonly BlockPlace[] {
    const { blocks, places: known } = this.#table
    for (const one of known) if (isSameOrder(one.indices, indices)) return one.places
    let end = 0
    const places = indices.map((index): BlockPlace => {
      const { id, countSlots, sumSlots } = blocks[index]!
      const countOffset = end
      end += countSlots + sumSlots
      return { id, countOffset, countSlots, sumOffset: countOffset + countSlots, sumSlots }
    })
    if (known.length === KNOWN_MAX) known.shift()
    known.push({ indices, places })
    return places
  }
}

const KNOWN_MAX = 16

function isSameOrder(one: readonly number[], other: readonly number[]): boolean {
  if (one.length !== other.length) return false
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false
  return true
}

function checkTable(blocks: readonly BlockEntry[]): void {
  for (const block of blocks) {
    if (block.countSlots < 0 || block.sumSlots < 0) throw new Error(`block ${block.id} has a negative length`)
  }
  if (new Set(blocks.map((block) => block.id)).size < blocks.length) throw new Error('a block is in the table twice')
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

function unpackCell(cell: WireCell, blocks: readonly BlockEntry[], isWanted: readonly boolean[], memory: CellsMemory): RowBlocks {
  const reader = new VarintReader(cell.counts)
  const sums = new DataView(cell.sums.buffer, cell.sums.byteOffset, cell.sums.length)
  const from = memory.used
  const indices: number[] = []
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
    indices.push(index)
    sumsAt = readPacked(reader, memory.numbers, memory.take(entry.countSlots + entry.sumSlots), entry, sums, sumsAt)
  }
  if (sumsAt !== cell.sums.length) throw new Error('more sums than slots named')
  const { numbers } = memory
  return new RowBlocks(memory.placesOf(indices), numbers, from, numbers, from, true)
}
