/** One partition being read: fetched record sets wait here, at most two, and are decoded when they are asked for. */
import type { RecordBatch } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import type { Source } from './contract.ts'
import { CorruptBatch } from './failures.ts'
import type { FetchedPartition } from './fetch-response.ts'
import type { Want } from './fetcher.ts'
import { BatchDecoder, planRecordSet, type RecordSetPlan } from './record-batch.ts'
import { TAIL_BYTES } from './wire.ts'

/** A fetched record set in a buffer of ours, zeros behind it. */
interface Chunk {
  readonly bytes: Buffer
  readonly plan: RecordSetPlan
}

export interface SourceLimits {
  readonly maxBytesPerPartition: number
  readonly maxInflatedBytes: number
}

const MAX_CHUNKS = 2
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
  readonly openedAtMs = performance.now()

  readonly #decoder: BatchDecoder
  readonly #limits: SourceLimits
  readonly #onRoom: () => void
  readonly #chunks: Chunk[] = []
  #taken = 0
  /** The buffer behind the batch handed out last, free at the next take. */
  #lent: Buffer | null = null
  #spare: Buffer[] = []
  #next: number
  #fetchFrom: number
  #maxBytes: number
  #end = -1
  #answeredAtMs = 0

  constructor(topic: string, partition: number, from: number, limits: SourceLimits, onRoom: () => void) {
    this.topic = topic
    this.partition = partition
    this.#next = from
    this.#fetchFrom = from
    this.#limits = limits
    this.#maxBytes = limits.maxBytesPerPartition
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
    return !this.closed && !this.failed && this.#chunks.length < MAX_CHUNKS
  }

  want(): Want {
    return { topic: this.topic, partition: this.partition, from: this.#fetchFrom, maxBytes: this.#maxBytes }
  }

  /** Keeps what a fetch brought. True when there is something new: records, or the end was reached. */
  put(reply: FetchedPartition): boolean {
    const wasCaughtUp = this.caughtUp
    const waiting = this.#chunks.length
    this.#end = Math.max(reply.lastStable, this.#end)
    this.#answeredAtMs = performance.now()
    if (reply.recordSet.length > 0) this.#keep(reply)
    return this.#chunks.length > waiting || (this.caughtUp && !wasCaughtUp)
  }

  #keep(reply: FetchedPartition): void {
    const bytes = this.#own(reply.recordSet)
    const plan = this.#located(() => planRecordSet(bytes, reply.recordSet.length, this.#fetchFrom, reply.aborted))
    if (plan.next === this.#fetchFrom) {
      this.#release(bytes)
      this.#growFor(plan.cutOffBytes)
      return
    }
    this.#maxBytes = this.#limits.maxBytesPerPartition
    this.#fetchFrom = plan.next
    if (plan.batches.length > 0) this.#chunks.push({ bytes, plan })
    else this.#release(bytes)
    this.#passEmpty(plan.next)
  }

  /** A fetch that brought nothing of use still moves the position, unless something before it waits to be taken. */
  #passEmpty(next: number): void {
    if (this.#chunks.length === 0) this.#next = next
    else if (this.#chunks.length === 1 && this.#taken === 0) this.#next = this.#chunks[0]!.plan.start
  }

  /** Not even the first batch came whole: ask for all of it next time. */
  #growFor(batchBytes: number): void {
    if (batchBytes > MAX_BATCH_BYTES) {
      throw new FlyballError('FLY-KAFKA-009', { topic: this.topic, partition: this.partition, offset: this.#fetchFrom, bytes: batchBytes })
    }
    this.#maxBytes = batchBytes > this.#maxBytes ? batchBytes : this.#maxBytes * 2
  }

  take(): RecordBatch | null {
    if (this.#lent !== null) this.#release(this.#lent)
    this.#lent = null
    const chunk = this.#chunks[0]
    if (chunk === undefined || this.closed) return null
    const { batches, next } = chunk.plan
    const { records, taken } = this.#located(() => this.#decoder.decode(chunk.bytes, batches, this.#taken, this.#next))
    this.#taken += taken
    this.#next = this.#taken === batches.length ? next : batches[this.#taken - 1]!.nextAfter
    if (this.#taken === batches.length) this.#finish(chunk)
    return records.count > 0 ? records : this.take()
  }

  #finish(chunk: Chunk): void {
    this.#chunks.shift()
    this.#taken = 0
    this.#lent = chunk.bytes
    const following = this.#chunks[0]
    if (following !== undefined) this.#next = Math.max(this.#next, following.plan.start)
    else this.#next = Math.max(this.#next, this.#fetchFrom)
    this.#onRoom()
  }

  close(): void {
    this.closed = true
    this.#chunks.length = 0
    this.#spare = []
    this.#onRoom()
  }

  #located<Result>(decode: () => Result): Result {
    try {
      return decode()
    } catch (error) {
      throw error instanceof CorruptBatch ? error.at(this.topic, this.partition) : error
    }
  }

  /** A copy of ours, so that the reply's buffer, which holds other partitions too, can go. */
  #own(recordSet: Buffer): Buffer {
    const needed = recordSet.length + TAIL_BYTES
    const at = this.#spare.findIndex((spare) => spare.length >= needed)
    const bytes = at >= 0 ? this.#spare.splice(at, 1)[0]! : Buffer.allocUnsafeSlow(sizeFor(needed))
    recordSet.copy(bytes)
    bytes.fill(0, recordSet.length, needed)
    return bytes
  }

  #release(bytes: Buffer): void {
    const largest = sizeFor(this.#limits.maxBytesPerPartition + TAIL_BYTES)
    if (this.#spare.length <= MAX_CHUNKS && bytes.length <= largest) this.#spare.push(bytes)
  }
}

/** Powers of two from 16 kB, so that quiet partitions stay small and buffers fit again. */
function sizeFor(bytes: number): number {
  return 2 ** Math.max(14, Math.ceil(Math.log2(bytes)))
}
