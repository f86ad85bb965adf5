/**
 * Fetch replies in pieces of any size, through the reader into partitions: honest ones must say what kafkajs reads from them, and
 * bring the same records; of the others every piece is refused, waited for, or read, and no place is asked for more than a batch may have.
 */
import assert from 'node:assert/strict'
import type { LogRecord } from '../../src/domain.ts'
import { fetchRequest, type Want } from '../../src/kafka/fetch-request.ts'
import { type FetchReply, FetchReplyReader } from '../../src/kafka/fetch-response.ts'
import { logRecordOf } from '../../src/kafka/log-record.ts'
import { PartitionSource } from '../../src/kafka/partition-source.ts'
import { Places } from '../../src/kafka/places.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import { ours, theirReply, wanted } from './kafkajs-reader.ts'
import type { FuzzReport, Parser } from './parser.ts'
import { SetWriter, type WrittenSet } from './record-sets.ts'

const LIMITS = { maxBytesPerPartition: 1 << 16, maxInflatedBytes: 1 << 20 }
const KEPT_BYTES_MAX = 4 << 20
const CORRELATION_BYTES = 8

interface WrittenPartition {
  readonly topic: string
  readonly partition: number
  readonly errorCode: number
  readonly lastStable: number
  readonly set: WrittenSet
}

export async function fuzzFetchReply(cases: number, seed: number): Promise<FuzzReport> {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const writer = new SetWriter(damage)
  const places = new Places(KEPT_BYTES_MAX)
  const report = { cases: 0, used: 0, refused: 0 }
  for (; report.cases < cases; report.cases++) {
    const honest = damage.chance(0.3)
    const partitions = written(damage, writer, honest)
    const good = replyBytes(report.cases, partitions, (set) => set.bytes)
    const bytes = honest ? good : lying(damage, good)
    const shown = () => bytes.toString('hex').slice(0, 20_000)
    const fetch = new Fetch(partitions, places, bytes)
    const replies = bounds.run(shown, () => fetch.bring(bytes, damage, shown))
    if (replies === null) report.refused++
    else report.used++
    if (honest)
      await compare(
        fetch,
        replies,
        partitions,
        replyBytes(report.cases, partitions, (set) => set.plain),
        shown,
      )
    else for (const reply of replies ?? []) fetch.sources.forEach((_, index) => void fetch.records(index, reply, shown))
    fetch.close()
  }
  return report
}

function written(damage: Damage, writer: SetWriter, honest: boolean): WrittenPartition[] {
  return Array.from({ length: damage.int(4) }, (_, index) => ({
    topic: index === 2 ? 'größe' : 'topic',
    partition: index % 2,
    errorCode: damage.pick([0, 0, 0, 1, 6, -1]),
    lastStable: damage.int(2 ** 40),
    set: writer.set(honest),
  }))
}

/** Numbers of the reply's own are what most lies are about. */
function lying(damage: Damage, good: Buffer): Buffer {
  if (damage.chance(0.2)) return good
  if (damage.chance(0.3)) return damage.bytes(good)
  const from = damage.int(Math.min(good.length, damage.pick([24, 40, 100])))
  return Buffer.concat([good.subarray(0, from), damage.bytes(good.subarray(from, from + 24)), good.subarray(from + 24)])
}

class Fetch {
  readonly sources: readonly PartitionSource[]
  readonly #reader: FetchReplyReader
  readonly #replies: FetchReply[] = []

  constructor(partitions: readonly WrittenPartition[], places: Places, reply: Buffer) {
    this.sources = partitions.map(({ topic, partition }) => new PartitionSource(topic, partition, 0, LIMITS, places, () => {}))
    this.#reader = new FetchReplyReader((reply) => this.#replies.push(reply))
    const wants = this.sources.map((source): Want => {
      const want = source.want()
      const place = (length: number) => {
        assert.ok(length <= reply.readInt32BE(0), `a place of ${length} bytes for ${reply.toString('hex').slice(0, 1_000)}`)
        return want.place(length)
      }
      return { ...want, place }
    })
    this.#reader.expect(fetchRequest(wants, 1, 1))
  }

  /** As a socket would: in pieces, and right into the place being filled when asked. Null: refused. */
  bring(bytes: Buffer, damage: Damage, shown: () => string): readonly FetchReply[] | null {
    const most = damage.pick([1, 7, 200, 100_000])
    try {
      for (let at = 0; at < bytes.length; ) {
        const missing = damage.chance(0.5) ? this.#reader.missing : null
        const length = Math.min(1 + damage.int(most), bytes.length - at, missing?.length ?? bytes.length)
        const piece = bytes.subarray(at, at + length)
        if (missing === null) this.#reader.feed(piece)
        else {
          missing.set(piece)
          this.#reader.filled(length)
        }
        at += length
      }
      return this.#replies
    } catch (error) {
      if (error instanceof RangeError && /fetch reply/.test(error.message)) return null
      throw new Error(`${error}: ${shown()}`, { cause: error })
    }
  }

  /** Puts what came where it belongs and reads it; null: a partition refused it. */
  records(index: number, reply: FetchReply, shown: () => string): readonly LogRecord[] | null {
    const source = this.sources[index]!
    const found = reply.partitions.find(({ want }) => want.topic === source.topic && want.partition === source.partition)
    const records: LogRecord[] = []
    try {
      if (found !== undefined) source.put(found)
      for (let batch = source.take(); batch !== null; batch = source.take()) {
        for (let row = 0; row < batch.count; row++) records.push(logRecordOf(batch, row))
      }
      return records
    } catch (error) {
      if (error instanceof FlyballError && /FLY-KAFKA-00[39]/.test(error.code)) return null
      throw new Error(`${error}: ${shown()}`, { cause: error })
    }
  }

  close(): void {
    for (const source of this.sources) source.close()
  }
}

async function compare(
  fetch: Fetch,
  replies: readonly FetchReply[] | null,
  partitions: readonly WrittenPartition[],
  plain: Buffer,
  shown: () => string,
): Promise<void> {
  const reply = replies?.[0]
  assert.ok(reply !== undefined && replies?.length === 1, `not read: ${shown()}`)
  const theirs = await theirReply(plain.subarray(CORRELATION_BYTES))
  const all = theirs.responses.flatMap(({ topicName, partitions: read }) => read.map((one) => ({ topicName, ...one })))
  assert.equal(reply.errorCode, theirs.errorCode, shown())
  assert.deepEqual(
    reply.partitions.map((one) => [one.want.topic, one.want.partition, one.errorCode, one.lastStable, one.aborted]),
    all.map((one) => [one.topicName, one.partition, one.errorCode, Number(one.lastStableOffset), one.abortedTransactions.map(numbers)]),
    shown(),
  )
  for (const [index, { set }] of partitions.entries()) {
    const records = fetch.records(index, reply, shown)
    assert.ok(records !== null, `refused: ${shown()}`)
    assert.deepEqual(ours(records), wanted(all[index]!.messages, 0, set.abortedBatches), shown())
  }
}

const numbers = (one: { readonly producerId: string; readonly firstOffset: string }) => ({
  producerId: Number(one.producerId),
  firstOffset: Number(one.firstOffset),
})

function int(bytes: number, value: number): Buffer {
  const written = Buffer.alloc(bytes)
  if (bytes === 8) written.writeBigInt64BE(BigInt(value))
  else written.writeIntBE(value, 0, bytes)
  return written
}

function replyBytes(correlationId: number, partitions: readonly WrittenPartition[], records: (set: WrittenSet) => Buffer): Buffer {
  const topics = [...new Set(partitions.map(({ topic }) => topic))]
  const parts = [int(4, correlationId), int(4, 0), int(2, correlationId % 3), int(4, 0), int(4, topics.length)]
  for (const topic of topics) {
    const held = partitions.filter((one) => one.topic === topic)
    parts.push(int(2, Buffer.byteLength(topic)), Buffer.from(topic), int(4, held.length))
    for (const one of held) parts.push(partitionBytes(one, records(one.set)))
  }
  const body = Buffer.concat(parts)
  return Buffer.concat([int(4, body.length), body])
}

function partitionBytes({ partition, errorCode, lastStable, set }: WrittenPartition, records: Buffer): Buffer {
  const aborted = set.aborted.flatMap(({ producerId, firstOffset }) => [int(8, producerId), int(8, firstOffset)])
  const head = [int(4, partition), int(2, errorCode), int(8, lastStable + 5), int(8, lastStable), int(8, 0), int(4, set.aborted.length)]
  return Buffer.concat([...head, ...aborted, int(4, -1), int(4, records.length), records])
}

export const FETCH_REPLY_PARSER: Parser = { name: 'fetch-reply', run: fuzzFetchReply }
