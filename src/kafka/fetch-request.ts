/**
 * A Fetch v11 request as bytes: header (api, version, correlation, client), then
 * replica i32 = −1, maxWait i32, minBytes i32, maxBytes i32, isolation i8, session id i32 = 0 and epoch i32 = −1 (none),
 * [topic str16, [partition i32, leaderEpoch i32 = −1, from i64, logStart i64 = −1, maxBytes i32]], forgotten topics [] and rack str16 "".
 */
import type { Place } from './places.ts'

export interface Want {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly maxBytes: number
  /** Where that many bytes of records shall lie; null: nowhere, they are passed over. */
  readonly place: (bytes: number) => Place | null
}

export interface FetchRequest {
  /** By topic and partition. */
  readonly wants: ReadonlyMap<string, ReadonlyMap<number, Want>>
  readonly maxWaitMs: number
  readonly maxBytes: number
}

const FETCH = 1
const VERSION = 11
const FIXED_BYTES = 64
const TOPIC_BYTES = 6
const PARTITION_BYTES = 28
const READ_COMMITTED = 1
const NO_SESSION_EPOCH = -1
const NO_LEADER_EPOCH = -1

export function fetchRequest(wants: readonly Want[], maxWaitMs: number, maxBytes: number): FetchRequest {
  const topics = new Map<string, Map<number, Want>>()
  for (const want of wants) {
    const partitions = topics.get(want.topic) ?? new Map<number, Want>()
    if (partitions.size === 0) topics.set(want.topic, partitions)
    partitions.set(want.partition, want)
  }
  return { wants: topics, maxWaitMs, maxBytes }
}

/** Writes requests into one buffer, which is free again when the answer is there. */
export class FetchRequestWriter {
  readonly #clientId: string
  #bytes = Buffer.allocUnsafeSlow(1024)
  #at = 0

  constructor(clientId: string) {
    this.#clientId = clientId
  }

  write({ wants, maxWaitMs, maxBytes }: FetchRequest, correlationId: number): Buffer {
    this.#begin(wants)
    this.#int16(FETCH)
    this.#int16(VERSION)
    this.#int32(correlationId)
    this.#text(this.#clientId)
    for (const value of [-1, maxWaitMs, 1, maxBytes]) this.#int32(value)
    this.#at = this.#bytes.writeInt8(READ_COMMITTED, this.#at)
    for (const value of [0, NO_SESSION_EPOCH, wants.size]) this.#int32(value)
    for (const [topic, partitions] of wants) {
      this.#text(topic)
      this.#int32(partitions.size)
      for (const want of partitions.values()) this.#partition(want)
    }
    this.#int32(0)
    this.#text('')
    this.#bytes.writeInt32BE(this.#at - 4, 0)
    return this.#bytes.subarray(0, this.#at)
  }

  #begin(wants: FetchRequest['wants']): void {
    let needed = FIXED_BYTES + Buffer.byteLength(this.#clientId)
    for (const [topic, partitions] of wants) needed += TOPIC_BYTES + Buffer.byteLength(topic) + partitions.size * PARTITION_BYTES
    if (needed > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(needed * 2)
    this.#at = 4
  }

  #partition({ partition, from, maxBytes }: Want): void {
    this.#int32(partition)
    this.#int32(NO_LEADER_EPOCH)
    this.#int64(from)
    this.#int64(-1)
    this.#int32(maxBytes)
  }

  #int16(value: number): void {
    this.#at = this.#bytes.writeInt16BE(value, this.#at)
  }

  #int32(value: number): void {
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  #int64(value: number): void {
    this.#int32(Math.floor(value / 4294967296))
    this.#int32(value | 0)
  }

  #text(text: string): void {
    this.#int16(Buffer.byteLength(text))
    this.#at += this.#bytes.write(text, this.#at)
  }
}
