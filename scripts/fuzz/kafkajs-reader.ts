/** What kafkajs reads from the same bytes: the definition that record batches and fetch replies are held against. It knows no read_committed. */
import { createRequire } from 'node:module'
import type { LogRecord } from '../../src/domain.ts'

interface TheirRecord {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | null | readonly (Buffer | null)[]>>
  readonly isControlRecord: boolean
  readonly batchContext: { readonly firstOffset: string }
}

export interface TheirReply {
  readonly errorCode: number
  readonly responses: readonly {
    readonly topicName: string
    readonly partitions: readonly {
      readonly partition: number
      readonly errorCode: number
      readonly lastStableOffset: string
      readonly abortedTransactions: readonly { readonly producerId: string; readonly firstOffset: string }[]
      readonly messages: readonly TheirRecord[]
    }[]
  }[]
}

const require = createRequire(import.meta.url)
const Decoder = require('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => object
const decodeMessages = require('kafkajs/src/protocol/requests/fetch/v4/decodeMessages') as (
  decoder: object,
) => Promise<readonly TheirRecord[]>
const { decode } = require('kafkajs/src/protocol/requests/fetch/v11/response') as { decode: (body: Buffer) => Promise<TheirReply> }

export async function theirRecords(set: Buffer): Promise<readonly TheirRecord[]> {
  const size = Buffer.alloc(4)
  size.writeInt32BE(set.length)
  return decodeMessages(new Decoder(Buffer.concat([size, set])))
}

/** The body of a Fetch v11 reply, behind the correlation id. */
export function theirReply(body: Buffer): Promise<TheirReply> {
  return decode(body)
}

/** What a reader at `from` should get of them, in a form that can be compared with `ours`. */
export function wanted(records: readonly TheirRecord[], from: number, abortedBatches: ReadonlySet<number>): unknown[] {
  return records
    .filter((one) => !one.isControlRecord && Number(one.offset) >= from && !abortedBatches.has(Number(one.batchContext.firstOffset)))
    .map(({ offset, timestamp, key, value, headers }) => {
      const named = Object.entries(headers).map(([name, held]) => [name, (Array.isArray(held) ? held : [held]).map(text)] as const)
      return [Number(offset), Number(timestamp), nullable(key), nullable(value), new Map(named)]
    })
}

export function ours(records: readonly LogRecord[]): unknown[] {
  return records.map(({ offset, timestampMs, key, value, headers }) => {
    const named = new Map<string, string[]>()
    for (const [name, held] of headers) named.set(name, [...(named.get(name) ?? []), text(held)])
    return [offset, timestampMs, nullable(key), nullable(value), named]
  })
}

const nullable = (bytes: Buffer | null): string | null => (bytes === null ? null : bytes.toString('hex'))
/** An empty header value and none are one to us. */
const text = (bytes: Buffer | null): string => bytes?.toString('hex') ?? ''
