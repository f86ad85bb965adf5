/**
 * Fetch v11 replies, read as they come over the wire: the few numbers of each partition into a scratch buffer, its records into the place
 * they are decoded from. Nothing is collected and joined, so a reply of eight megabytes needs no buffer of eight megabytes.
 *
 * size i32, correlation i32, throttle i32, error i16, session i32, [topic str16, [partition i32, error i16, highWatermark i64,
 * lastStable i64, logStart i64, aborted [producerId i64, first i64], replica i32, size i32, records]]
 */
import type { FetchRequest, Want } from './fetch-request.ts'
import type { Place } from './places.ts'
import type { AbortedTransaction } from './record-batch.ts'
import { int64 } from './wire.ts'

export interface FetchedPartition {
  readonly want: Want
  readonly errorCode: number
  /** Last stable offset: below it every transaction is decided. */
  readonly lastStable: number
  readonly aborted: readonly AbortedTransaction[]
  /** Bytes of records; they lie at the beginning of `place`, or were passed over when it is null. */
  readonly length: number
  readonly place: Place | null
}

export interface FetchReply {
  readonly correlationId: number
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

const HEAD_BYTES = 22
const PARTITION_BYTES = 34
const ABORTED_BYTES = 16
/** Up to here is read through the scratch buffer; a longer rest of a place is worth a read of its own. */
const SCRATCH_BYTES = 4096
const NONE: readonly AbortedTransaction[] = []

export class FetchReplyReader {
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES)
  readonly #view = new DataView(this.#scratch.buffer)
  readonly #onReply: (reply: FetchReply) => void
  readonly #steps: Generator<Uint8Array, never, void>
  #request: FetchRequest | null = null
  /** What the next bytes belong into, and how much of it they have filled. */
  #region: Uint8Array
  #filled = 0
  /** Bytes of the reply that are still to come. */
  #left = 0

  constructor(onReply: (reply: FetchReply) => void) {
    this.#onReply = onReply
    this.#steps = this.#replies()
    this.#region = this.#steps.next().value
  }

  expect(request: FetchRequest): void {
    this.#request = request
  }

  /** What is missing of the place being filled, if the socket may as well read right into it; null when it should not. */
  get missing(): Uint8Array | null {
    const { length } = this.#region
    return length - this.#filled > SCRATCH_BYTES ? this.#region.subarray(this.#filled) : null
  }

  /** That many bytes were read into `missing`. */
  filled(bytes: number): void {
    this.#filled += bytes
    if (this.#filled === this.#region.length) this.#go()
  }

  /** Bytes from elsewhere, in pieces of any size. Throws RangeError when they are not what they say. */
  feed(chunk: Uint8Array): void {
    for (let from = 0; from < chunk.length; ) {
      const bytes = Math.min(this.#region.length - this.#filled, chunk.length - from)
      this.#region.set(chunk.subarray(from, from + bytes), this.#filled)
      from += bytes
      this.filled(bytes)
    }
  }

  #go(): void {
    this.#region = this.#steps.next().value
    this.#filled = 0
  }

  /** Yields where the next bytes shall go, and goes on when they are there. */
  *#replies(): Generator<Uint8Array, never, void> {
    const view = this.#view
    for (;;) {
      this.#left = HEAD_BYTES
      yield this.#some(HEAD_BYTES)
      this.#left = view.getInt32(0) + 4 - HEAD_BYTES
      const correlationId = view.getInt32(4)
      const errorCode = view.getInt16(12)
      const partitions: FetchedPartition[] = []
      for (let topics = this.#count(18); topics > 0; topics--) {
        yield this.#some(2)
        const length = view.getInt16(0)
        if (length < 0) throw new RangeError(`a name of ${length} bytes in a fetch reply`)
        yield this.#some(length + 4)
        const wants = this.#request?.wants.get(this.#scratch.toString('utf8', 0, length))
        for (let left = this.#count(length); left > 0; left--) partitions.push(yield* this.#partition(wants))
      }
      if (this.#left !== 0) throw new RangeError(`${this.#left} bytes behind the fetch reply`)
      this.#request = null
      this.#onReply({ correlationId, errorCode, partitions })
    }
  }

  *#partition(wants: ReadonlyMap<number, Want> | undefined): Generator<Uint8Array, FetchedPartition, void> {
    const view = this.#view
    yield this.#some(PARTITION_BYTES)
    const want = wants?.get(view.getInt32(0))
    if (want === undefined) throw new RangeError(`a fetch reply for partition ${view.getInt32(0)}, which was not asked for`)
    const errorCode = view.getInt16(4)
    const lastStable = int64(view, 14)
    const aborted = yield* this.#aborted(this.#count(30))
    yield this.#some(8)
    const length = Math.max(0, view.getInt32(4))
    this.#spend(length)
    const place = length > 0 ? want.place(length) : null
    if (place !== null) yield place.bytes.subarray(0, length)
    else yield* this.#pass(length)
    return { want, errorCode, lastStable, aborted, length, place }
  }

  *#aborted(count: number): Generator<Uint8Array, readonly AbortedTransaction[], void> {
    if (count <= 0) return NONE
    const aborted: AbortedTransaction[] = []
    for (let left = count; left > 0; left--) {
      yield this.#some(ABORTED_BYTES)
      aborted.push({ producerId: int64(this.#view, 0), firstOffset: int64(this.#view, 8) })
    }
    return aborted
  }

  *#pass(bytes: number): Generator<Uint8Array, void, void> {
    for (let left = bytes; left > 0; left -= SCRATCH_BYTES) yield this.#scratch.subarray(0, Math.min(left, SCRATCH_BYTES))
  }

  #some(bytes: number): Uint8Array {
    if (bytes > SCRATCH_BYTES) throw new RangeError(`a name of ${bytes} bytes in a fetch reply`)
    this.#spend(bytes)
    return this.#scratch.subarray(0, bytes)
  }

  #spend(bytes: number): void {
    if (bytes < 0 || bytes > this.#left) throw new RangeError('a fetch reply is shorter than it says')
    this.#left -= bytes
  }

  /** Of things that take four bytes each at least; −1 means none. */
  #count(at: number): number {
    const count = this.#view.getInt32(at)
    if (count * 4 > this.#left) throw new RangeError(`${count} entries in ${this.#left} bytes of a fetch reply`)
    return count
  }
}
