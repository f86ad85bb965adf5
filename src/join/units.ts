/**
 * First exposures: for each unit and rollout, the offset at which it was seen first.
 *
 * Exact and append-only: a record is a first exposure when the unit is unknown or was noted at this very offset. So reading again
 * after a restart gives the same answers, whether or not the notes of the first reading had been stored.
 */
import { hashLanes } from '../kit/hash.ts'
import type { ModelLayout } from '../policy/layout.ts'

/** Bytes of one entry of a chunk: two hash lanes, then the offset as a double; little-endian. */
const ENTRY_BYTES = 16

/** Most entries of one chunk: half a megabyte. */
const CHUNK_ENTRIES_MAX = 32_768

/** A run of the table's entries, stored beside the checkpoint as it is. */
export interface UnitChunk {
  /** Number of its first entry. */
  readonly from: number
  readonly bytes: Buffer
}

/** What makes the same unit another key for another model, pair or chain. */
export interface UnitSalt {
  readonly lane1: number
  readonly lane2: number
}

export function unitSalt(model: ModelLayout, chain: 'exposure' | 'described'): UnitSalt {
  const bytes = Buffer.from([chain, model.name, model.versions[model.control], model.versions[model.candidate]].join('\0'))
  const lanes = new Int32Array(2)
  hashLanes(bytes, 0, bytes.length, lanes)
  return { lane1: lanes[0]!, lane2: lanes[1]! }
}

export class UnitTable {
  /** Entries that have gone out as chunks, since the beginning of the source: what a checkpoint names. */
  storedEntries: number
  private lanes = new Int32Array(2048)
  private offsets = new Float64Array(1024)
  private entries = 0
  /** First entry here that has not gone out. */
  private unstoredFrom = 0
  private table = new Int32Array(4096)

  constructor(storedEntries: number) {
    this.storedEntries = storedEntries
  }

  get size(): number {
    return this.entries
  }

  get bytes(): number {
    return this.lanes.byteLength + this.offsets.byteLength + this.table.byteLength
  }

  /** Whether the record at this offset is the unit's first; notes it when the unit is new. */
  isFirst(lane1: number, lane2: number, offset: number): boolean {
    const entry = this.find(lane1, lane2)
    if (entry >= 0) return this.offsets[entry] === offset
    this.append(lane1, lane2, offset)
    return true
  }

  /** Takes in a stored chunk, before anything is read. Chunks of a run that ended before its checkpoint may say the same twice. */
  load(chunk: UnitChunk): void {
    const { bytes } = chunk
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const lane1 = bytes.readInt32LE(at)
      const lane2 = bytes.readInt32LE(at + 4)
      if (this.find(lane1, lane2) < 0) this.append(lane1, lane2, bytes.readDoubleLE(at + 8))
    }
    this.unstoredFrom = this.entries
  }

  /** What has not gone out yet. */
  takeChunks(): UnitChunk[] {
    const chunks: UnitChunk[] = []
    while (this.unstoredFrom < this.entries) {
      const to = Math.min(this.entries, this.unstoredFrom + CHUNK_ENTRIES_MAX)
      chunks.push({ from: this.storedEntries, bytes: this.bytesOf(this.unstoredFrom, to) })
      this.storedEntries += to - this.unstoredFrom
      this.unstoredFrom = to
    }
    return chunks
  }

  private bytesOf(from: number, to: number): Buffer {
    const bytes = Buffer.alloc((to - from) * ENTRY_BYTES)
    for (let entry = from, at = 0; entry < to; entry++, at += ENTRY_BYTES) {
      bytes.writeInt32LE(this.lanes[entry * 2]!, at)
      bytes.writeInt32LE(this.lanes[entry * 2 + 1]!, at + 4)
      bytes.writeDoubleLE(this.offsets[entry]!, at + 8)
    }
    return bytes
  }

  private find(lane1: number, lane2: number): number {
    const mask = this.table.length - 1
    for (let position = lane1 & mask; ; position = (position + 1) & mask) {
      const entry = this.table[position]! - 1
      if (entry < 0) return -1
      if (this.lanes[entry * 2] === lane1 && this.lanes[entry * 2 + 1] === lane2) return entry
    }
  }

  private append(lane1: number, lane2: number, offset: number): void {
    if (this.entries === this.offsets.length) this.grow()
    const entry = this.entries++
    this.lanes[entry * 2] = lane1
    this.lanes[entry * 2 + 1] = lane2
    this.offsets[entry] = offset
    this.link(entry)
  }

  private link(entry: number): void {
    const mask = this.table.length - 1
    let position = this.lanes[entry * 2]! & mask
    while (this.table[position] !== 0) position = (position + 1) & mask
    this.table[position] = entry + 1
  }

  private grow(): void {
    const { lanes, offsets } = this
    this.lanes = new Int32Array(lanes.length * 2)
    this.lanes.set(lanes)
    this.offsets = new Float64Array(offsets.length * 2)
    this.offsets.set(offsets)
    this.table = new Int32Array(this.table.length * 2)
    for (let entry = 0; entry < this.entries; entry++) this.link(entry)
  }
}

/** Marks first exposures in a column: units of the pair under test, on their home partition only. */
export class FirstExposures {
  private readonly units: UnitTable
  private readonly models: readonly ModelLayout[]
  private readonly salts: readonly UnitSalt[]

  constructor(units: UnitTable, models: readonly ModelLayout[], chain: 'exposure' | 'described') {
    this.units = units
    this.models = models
    this.salts = models.map((model) => unitSalt(model, chain))
  }

  isFirst(modelIndex: number, version: number, unit1: number, unit2: number, offset: number): boolean {
    const model = this.models[modelIndex]!
    if (!model.hasUnits || (version !== model.control && version !== model.candidate) || (unit1 | unit2) === 0) return false
    const salt = this.salts[modelIndex]!
    return this.units.isFirst(unit1 ^ salt.lane1, unit2 ^ salt.lane2, offset)
  }
}
