/**
 * A Fetch v11 reply as partitions with raw record sets.
 *
 * throttle i32, error i16, session i32, [topic str16, [partition i32, error i16, highWatermark i64, lastStable i64, logStart i64,
 * aborted [producerId i64, first i64], replica i32, size i32, records]]
 */
import type { AbortedTransaction } from './record-batch.ts'
import { int64 } from './wire.ts'

export interface FetchedPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  /** Last stable offset: below it every transaction is decided. */
  readonly lastStable: number
  readonly aborted: readonly AbortedTransaction[]
  /** A part of the reply's own buffer. */
  readonly recordSet: Buffer
}

export interface FetchResponse {
  readonly throttleMs: number
  readonly errorCode: number
  readonly partitions: readonly FetchedPartition[]
}

/** Throws RangeError when the reply is shorter than its own counts say. */
export function readFetchResponse(bytes: Buffer): FetchResponse {
  const reply = new Reply(bytes)
  const throttleMs = reply.int32()
  const errorCode = reply.int16()
  reply.int32()
  const partitions: FetchedPartition[] = []
  for (let topics = reply.count(); topics > 0; topics--) {
    const topic = reply.text()
    for (let left = reply.count(); left > 0; left--) partitions.push(readPartition(reply, topic))
  }
  return { throttleMs, errorCode, partitions }
}

function readPartition(reply: Reply, topic: string): FetchedPartition {
  const partition = reply.int32()
  const errorCode = reply.int16()
  reply.int64() // high watermark
  const lastStable = reply.int64()
  reply.int64() // log start
  const aborted: AbortedTransaction[] = []
  for (let left = reply.count(); left > 0; left--) aborted.push({ producerId: reply.bigint64(), firstOffset: reply.int64() })
  reply.int32() // preferred replica
  return { topic, partition, errorCode, lastStable, aborted, recordSet: reply.part(reply.int32()) }
}

class Reply {
  readonly #bytes: Buffer
  readonly #view: DataView
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  int16(): number {
    return this.#view.getInt16((this.#at += 2) - 2)
  }

  int32(): number {
    return this.#view.getInt32((this.#at += 4) - 4)
  }

  int64(): number {
    return int64(this.#view, (this.#at += 8) - 8)
  }

  bigint64(): bigint {
    return this.#view.getBigInt64((this.#at += 8) - 8)
  }

  /** Of things that take four bytes each at least; −1 means none. */
  count(): number {
    const count = this.int32()
    if (count * 4 > this.#bytes.length - this.#at)
      throw new RangeError(`a fetch reply of ${this.#bytes.length} bytes cannot hold ${count} entries`)
    return count
  }

  text(): string {
    return this.part(this.int16()).toString('utf8')
  }

  part(length: number): Buffer {
    if (length > this.#bytes.length - this.#at) throw new RangeError('record set beyond the fetch reply')
    const from = this.#at
    this.#at += Math.max(0, length)
    return this.#bytes.subarray(from, this.#at)
  }
}
