/**
 * One partition being read: fetched record sets wait here, in two places at most, and are decoded when they are asked for. A place counts
 * until what was decoded from it was given up by the caller; then the partition is asked for again while the other one is worked on.
 */
import type { RecordBatch } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import type { Source } from './contract.ts'
import { CorruptBatch } from './failures.ts'
import type { Want } from './fetch-request.ts'
import type { FetchedPartition } from './fetch-response.ts'
import type { Place, Places } from './places.ts'
import { BatchDecoder, planRecordSet } from './record-batch.ts'
import { TAIL_BYTES } from './wire.ts'

export interface SourceLimits {
  readonly maxBytesPerPartition: number
  readonly maxInflatedBytes: number
}

const MAX_PLACES = 2
/** A broker that has not answered for so long may hold records nobody knows of. */
const ANSWER_FRESH_MS = 5_000
/** No batch larger than this is fetched, whatever the topic allows. */
const MAX_BATCH_BYTES = 64 << 20

export class PartitionSource implements Source {
  readonly topic: string
  readonly partition: number
  /** The broker to ask; null while nobody knows. */
  nodeId: string | null = null
  asked = false
  failed = false
  closed = false
  /** Since when nobody has known its topic; 0: it is known. */
  unknownSinceMs = 0

  readonly #decoder: BatchDecoder
  readonly #limits: SourceLimits
  readonly #onRoom: () => void
  readonly #places: Places
  readonly #waiting: Place[] = []
  /** Batches of the first one that were decoded. */
  #taken = 0
  /** The place behind the batch handed out last, free at the next take. */
  #lent: Place | null = null
  #next: number
  #fetchFrom: number
  #maxBytes: number
  #end = -1
  #answeredAtMs = 0

  constructor(topic: string, partition: number, from: number, limits: SourceLimits, places: Places, onRoom: () => void) {
    this.topic = topic
    this.partition = partition
    this.#next = from
    this.#fetchFrom = from
    this.#limits = limits
    this.#maxBytes = limits.maxBytesPerPartition
    this.#places = places
    this.#onRoom = onRoom
    this.#decoder = new BatchDecoder(topic, partition, limits.maxInflatedBytes)
  }

  get next(): number {
    return this.#next
  }

  get end(): number {
    return this.#end
  }

  get caughtUp(): boolean {
    return this.#end >= 0 && this.#next >= this.#end && performance.now() - this.#answeredAtMs < ANSWER_FRESH_MS
  }

  get hasRoom(): boolean {
    return !this.closed && !this.failed && this.#waiting.length + (this.#lent === null ? 0 : 1) < MAX_PLACES
  }

  want(): Want {
    return { topic: this.topic, partition: this.partition, from: this.#fetchFrom, maxBytes: this.#maxBytes, place: this.#place }
  }

  readonly #place = (bytes: number): Place | null => (bytes > MAX_BATCH_BYTES ? null : this.#places.take(bytes))

  /** Keeps what a fetch brought. True when there is something new: records, or the end was reached. */
  put(reply: FetchedPartition): boolean {
    if (this.closed) {
      if (reply.place !== null) this.#places.give(reply.place)
      return false
    }
    const wasCaughtUp = this.caughtUp
    const waiting = this.#waiting.length
    this.#end = Math.max(reply.lastStable, this.#end)
    this.#answeredAtMs = performance.now()
    if (reply.length > 0) this.#keep(reply)
    return this.#waiting.length > waiting || (this.caughtUp && !wasCaughtUp)
  }

  #keep({ place, length, aborted }: FetchedPartition): void {
    if (place === null) return this.#growFor(length)
    const { bytes, view, plan } = place
    bytes.fill(0, length, length + TAIL_BYTES)
    this.#located(() => planRecordSet(plan, bytes, view, length, this.#fetchFrom, aborted))
    if (plan.next === this.#fetchFrom) {
      this.#places.give(place)
      this.#growFor(plan.cutOffBytes)
      return
    }
    this.#maxBytes = this.#limits.maxBytesPerPartition
    this.#fetchFrom = plan.next
    if (plan.batches > 0) this.#waiting.push(place)
    else this.#places.give(place)
    this.#passEmpty(plan.next)
  }

  /** A fetch that brought nothing of use still moves the position, unless something before it waits to be taken. */
  #passEmpty(next: number): void {
    if (this.#waiting.length === 0) this.#next = next
    else if (this.#waiting.length === 1 && this.#taken === 0) this.#next = this.#waiting[0]!.plan.start
  }

  /** Not even the first batch came whole: ask for all of it next time. */
  #growFor(batchBytes: number): void {
    if (batchBytes > MAX_BATCH_BYTES) {
      throw new FlyballError('FLY-KAFKA-009', { topic: this.topic, partition: this.partition, offset: this.#fetchFrom, bytes: batchBytes })
    }
    this.#maxBytes = batchBytes > this.#maxBytes ? batchBytes : this.#maxBytes * 2
  }

  take(): RecordBatch | null {
    for (;;) {
      this.#giveBack()
      const place = this.#waiting[0]
      if (place === undefined || this.closed) return null
      const { bytes, plan } = place
      const taken = this.#located(() => this.#decoder.decode(bytes, plan, this.#taken, this.#next))
      this.#taken += taken
      this.#next = plan.nextAfter[this.#taken - 1]!
      if (this.#taken === plan.batches) this.#finish(place)
      if (this.#decoder.records.count > 0) return this.#decoder.records
    }
  }

  #giveBack(): void {
    if (this.#lent === null) return
    this.#places.give(this.#lent)
    this.#lent = null
    this.#onRoom()
  }

  #finish(place: Place): void {
    this.#waiting.shift()
    this.#taken = 0
    this.#lent = place
    const following = this.#waiting[0]
    this.#next = Math.max(this.#next, place.plan.next, following === undefined ? this.#fetchFrom : following.plan.start)
  }

  close(): void {
    this.closed = true
    for (const place of this.#waiting) this.#places.give(place)
    this.#waiting.length = 0
    this.#onRoom()
  }

  #located<Result>(decode: () => Result): Result {
    try {
      return decode()
    } catch (error) {
      throw error instanceof CorruptBatch ? error.at(this.topic, this.partition) : error
    }
  }
}
