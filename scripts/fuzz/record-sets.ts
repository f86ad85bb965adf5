/**
 * Record sets for fuzzers, written byte by byte: batches of all codecs, headers, transactions and their markers; and the same sets with
 * lies in them, in places that only somebody who writes them can reach: below the compression, and under a right checksum.
 */
import { gzipSync } from 'node:zlib'
import { compressSync } from 'snappy'
import { crc32c } from '../../src/kafka/crc32c.ts'
import type { AbortedTransaction } from '../../src/kafka/record-batch.ts'
import type { Damage } from './damage.ts'
import { lz4Frame, xerialFrames, zstdFrame } from './frames.ts'

export interface WrittenSet {
  readonly bytes: Buffer
  /** The same, nothing compressed. */
  readonly plain: Buffer
  /** Nobody lied: it must be read as it stands in `plain`. */
  readonly honest: boolean
  readonly aborted: readonly AbortedTransaction[]
  /** First offsets of batches whose transaction was aborted. */
  readonly abortedBatches: ReadonlySet<number>
  readonly nextOffset: number
}

const [GZIP, SNAPPY, LZ4, ZSTD] = [1, 2, 3, 4] as const
const APPEND_TIME = 8
const TRANSACTIONAL = 16
const CONTROL = 32
const HEADER_BYTES = 61
const FIRST_OFFSETS = [0, 0, 7, 70_000_000_000, 2 ** 52]

interface Lies {
  /** Share of the numbers inside records that are not what they should be. */
  readonly numbers: number
  readonly records: boolean
  readonly compressed: boolean
  readonly header: boolean
  readonly cut: boolean
}

const NONE: Lies = { numbers: 0, records: false, compressed: false, header: false, cut: false }

function liesOf(damage: Damage): Lies {
  const lie = (): boolean => damage.chance(0.3)
  return { numbers: damage.pick([0, 0, 0.02, 0.2]), records: lie(), compressed: lie(), header: lie(), cut: damage.chance(0.1) }
}

interface Transaction {
  readonly firstOffset: number
  readonly isAborted: boolean
}

export class SetWriter {
  readonly #damage: Damage
  #next = 0
  #open = new Map<number, Transaction>()
  #aborted: AbortedTransaction[] = []
  #abortedBatches = new Set<number>()

  constructor(damage: Damage) {
    this.#damage = damage
  }

  set(honest: boolean): WrittenSet {
    const damage = this.#damage
    this.#next = damage.pick(FIRST_OFFSETS)
    this.#open = new Map()
    this.#aborted = []
    this.#abortedBatches = new Set()
    const batches: { bytes: Buffer; plain: Buffer }[] = []
    for (let left = 1 + damage.int(4); left > 0; left--) batches.push(this.#batch(honest ? NONE : liesOf(damage)))
    for (const producer of this.#open.keys()) batches.push(this.#marker(producer))
    const bytes = Buffer.concat(batches.map((one) => one.bytes))
    return {
      bytes: !honest && damage.chance(0.1) ? bytes.subarray(0, damage.int(bytes.length + 1)) : bytes,
      plain: Buffer.concat(batches.map((one) => one.plain)),
      honest,
      aborted: this.#shuffled(this.#aborted),
      abortedBatches: this.#abortedBatches,
      nextOffset: this.#next,
    }
  }

  #shuffled<T>(list: readonly T[]): T[] {
    return this.#damage.chance(0.5) ? [...list].reverse() : [...list]
  }

  #batch(lies: Lies): { bytes: Buffer; plain: Buffer } {
    const damage = this.#damage
    const producer = damage.chance(0.3) ? 1 + damage.int(3) : -1
    if (producer > 0 && this.#open.has(producer) && damage.chance(0.4)) return this.#marker(producer)
    const baseOffset = this.#next + (damage.chance(0.1) ? damage.int(1_000) : 0)
    if (producer > 0) this.#begin(producer, baseOffset)
    const count = damage.chance(0.05) ? 300 : damage.int(7)
    const deltas = Array.from({ length: count }, (_, index) => index * (damage.chance(0.9) ? 1 : 1 + (count % 3)))
    deltas.sort((a, b) => a - b)
    const records = Buffer.concat(deltas.map((delta) => this.#record(delta, lies.numbers)))
    const body = lies.records ? damage.bytes(records) : records
    const lastDelta = (deltas.at(-1) ?? 0) + (damage.chance(0.1) ? damage.int(50) : 0)
    this.#next = baseOffset + lastDelta + 1
    const attributes = (producer > 0 ? TRANSACTIONAL : 0) | (damage.chance(0.2) ? APPEND_TIME : 0)
    const head = { baseOffset, attributes, lastDelta, producer, count }
    const plain = sealed(this.#whole(head, body))
    const codec = count === 0 ? 0 : damage.pick([0, 0, GZIP, SNAPPY, LZ4, ZSTD])
    const packed = codec === 0 ? body : this.#packed(codec, body)
    const whole = this.#whole({ ...head, attributes: attributes | codec }, lies.compressed ? damage.bytes(packed) : packed)
    return { bytes: lies.header ? this.#lyingHeader(whole) : sealed(whole), plain }
  }

  #begin(producer: number, firstOffset: number): void {
    const known = this.#open.get(producer) ?? { firstOffset, isAborted: this.#damage.chance(0.5) }
    if (known.firstOffset === firstOffset && known.isAborted) this.#aborted.push({ producerId: producer, firstOffset })
    this.#open.set(producer, known)
    if (known.isAborted) this.#abortedBatches.add(firstOffset)
  }

  /** Ends the producer's transaction. */
  #marker(producer: number): { bytes: Buffer; plain: Buffer } {
    const { isAborted } = this.#open.get(producer)!
    this.#open.delete(producer)
    const key = Buffer.from([0, 0, 0, isAborted ? 0 : 1])
    const record = sized([Buffer.from([0]), varint(0), varint(0), sized([key]), sized([Buffer.alloc(6)]), varint(0)])
    const head = { baseOffset: this.#next++, attributes: TRANSACTIONAL | CONTROL, lastDelta: 0, producer, count: 1 }
    const bytes = sealed(this.#whole(head, record))
    return { bytes, plain: Buffer.from(bytes) }
  }

  #packed(codec: number, body: Buffer): Buffer {
    const damage = this.#damage
    if (codec === GZIP) return gzipSync(body, { level: 1 })
    if (codec === SNAPPY) return damage.chance(0.5) ? xerialFrames(body, 1 + damage.size(4_000)) : compressSync(body)
    return codec === LZ4 ? lz4Frame(body, damage) : zstdFrame(body, damage)
  }

  #whole(head: { baseOffset: number; attributes: number; lastDelta: number; producer: number; count: number }, body: Buffer): Buffer {
    const batch = Buffer.alloc(HEADER_BYTES + body.length)
    batch.writeBigInt64BE(BigInt(head.baseOffset), 0)
    batch.writeInt32BE(batch.length - 12, 8)
    batch[16] = 2
    batch.writeInt16BE(head.attributes, 21)
    batch.writeInt32BE(head.lastDelta, 23)
    batch.writeBigInt64BE(1_750_000_000_000n, 27)
    batch.writeBigInt64BE(1_750_000_000_777n, 35)
    batch.writeBigInt64BE(BigInt(head.producer), 43)
    batch.writeInt32BE(head.count, 57)
    body.copy(batch, HEADER_BYTES)
    return batch
  }

  #lyingHeader(batch: Buffer): Buffer {
    const damage = this.#damage
    const at = damage.pick([0, 4, 8, 12, 15, 19, 21, 23, 27, 35, 43, 57, 57])
    damage.bytes(batch.subarray(at, at + 4)).copy(batch, at)
    if (at >= 21) return sealed(batch)
    return at === 15 || at === 19 ? batch : sealed(batch)
  }

  #record(offsetDelta: number, share: number): Buffer {
    const damage = this.#damage
    const number = (value: number): Buffer => (share > 0 && damage.chance(share) ? this.#lie() : varint(value))
    const text = (bytes: Buffer | null): Buffer => {
      return bytes === null ? number(-1) : Buffer.concat([number(bytes.length), bytes])
    }
    const bytes = (): Buffer | null => (damage.chance(0.15) ? null : damage.noise(damage.chance(0.1) ? damage.size(400) : damage.int(12)))
    const headers = damage.chance(0.7) ? 0 : damage.int(4)
    const parts = [Buffer.from([0]), number(damage.pick([0, 1, -5, 63, 64, 8_191, 8_192, -(2 ** 40), 2 ** 40])), number(offsetDelta)]
    parts.push(text(bytes()), text(bytes()), number(headers))
    for (let left = headers; left > 0; left--) parts.push(text(Buffer.from(damage.pick(['', 'h', 'größe', 'ce_id']))), text(bytes()))
    const body = Buffer.concat(parts)
    return Buffer.concat([number(body.length), body])
  }

  #lie(): Buffer {
    const damage = this.#damage
    if (damage.chance(0.3)) return damage.bytes(varint(damage.int(300)))
    return varint(damage.pick([-2, -1, 0, 1, 2, 5, 6, 7, 100, 16_384, 2 ** 20, 2 ** 31 - 1, -(2 ** 31), 2 ** 40, 2 ** 62, -(2 ** 62)]))
  }
}

/** Zigzag, of any size. */
function varint(value: number): Buffer {
  let left = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  for (; left > 127n; left >>= 7n) bytes.push(Number(left & 127n) | 128)
  return Buffer.from([...bytes, Number(left)])
}

function sized(parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(body.length), body])
}

/** Writes the checksum anew. */
function sealed(batch: Buffer): Buffer {
  const view = new DataView(batch.buffer, batch.byteOffset, batch.length)
  if (batch.length > 21) batch.writeUInt32BE(crc32c(view, 21, batch.length), 17)
  return batch
}
