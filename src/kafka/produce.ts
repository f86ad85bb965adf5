/**
 * What plain and transactional sends share: pieces that kafkajs and the broker can take, and what the answers to them say.
 *
 * kafkajs resolves a send though a part of it went to nobody: of a partition that its metadata lacks, and, where it goes to several
 * leaders, of one whose leader has meanwhile moved to a broker that had already answered for its own. So nothing is taken for written
 * but what an answer names.
 */
import type { Message, RecordMetadata } from 'kafkajs'
import type { OutgoingRecord } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'

/** kafkajs groups messages by partition in quadratic time. */
const MAX_RECORDS = 500
/** Below the brokers' default of 1 MiB a batch. A larger single record goes alone, and the broker decides. */
const MAX_BYTES = 900_000
const RECORD_OVERHEAD_BYTES = 32

/** Runs of records that may leave together. */
function* pieces<Entry extends { readonly record: OutgoingRecord }>(entries: Iterable<Entry>): Generator<Entry[]> {
  let piece: Entry[] = []
  let pieceBytes = 0
  for (const entry of entries) {
    const recordBytes = sizeOf(entry.record)
    if (piece.length === MAX_RECORDS || (piece.length > 0 && pieceBytes + recordBytes > MAX_BYTES)) {
      yield piece
      piece = []
      pieceBytes = 0
    }
    piece.push(entry)
    pieceBytes += recordBytes
  }
  if (piece.length > 0) yield piece
}

/** Without a time given, the time of writing: brokers refuse times far ahead, and event time is not ours to vouch for. */
function messageOf({ key, value, headers, timestampMs }: OutgoingRecord, partition: number): Message {
  return {
    key,
    value,
    partition,
    ...(headers ? { headers } : {}),
    ...(timestampMs === undefined ? {} : { timestamp: String(timestampMs) }),
  }
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key === null ? 0 : key.length) + (value?.length ?? 0)
  for (const [name, header] of Object.entries(headers ?? {})) bytes += name.length + header.length + 4
  return bytes
}

/** Where the first record that goes to this partition lies. */
function baseOffsetOf(answers: readonly RecordMetadata[], topic: string, partition: number): number {
  const answer = answers.findLast((each) => each.partition === partition)
  if (answer === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition })
  return Number(answer.baseOffset ?? -1)
}

/** What no answer names: by partition, so that each can be sent again by itself, to whoever leads it now. */
export function unanswered(messages: readonly Message[], answers: readonly RecordMetadata[]): Message[][] {
  const answered = new Set(answers.map(({ partition }) => partition))
  const left = new Map<number, Message[]>()
  for (const message of messages) {
    const partition = message.partition!
    if (answered.has(partition)) continue
    const known = left.get(partition)
    if (known === undefined) left.set(partition, [message])
    else known.push(message)
  }
  return [...left.values()]
}

/** Sends the pieces one after the other and returns where the first record lies. */
export async function sendPieces(
  topic: string,
  partition: number,
  records: readonly OutgoingRecord[],
  send: (messages: Message[]) => Promise<RecordMetadata[]>,
): Promise<{ readonly baseOffset: number }> {
  if (records.length === 0) throw new Error('nothing to send')
  let baseOffset: number | null = null
  for (const piece of pieces(records.map((record) => ({ record })))) {
    const answers = await send(piece.map(({ record }) => messageOf(record, partition)))
    const offset = baseOffsetOf(answers, topic, partition)
    baseOffset ??= offset
  }
  return { baseOffset: baseOffset ?? -1 }
}

/** Records of one call, to go to one partition, and who waits for them. */
export interface Sending {
  readonly partition: number
  readonly records: readonly OutgoingRecord[]
  resolve(written: { readonly baseOffset: number }): void
  reject(error: unknown): void
}

/** One request for records of several calls, each partition's in the order of the calls. */
export interface SendRequest {
  readonly messages: Message[]
  /** Tells the calls whose last record this was where their first one lies. Throws when a partition is not answered for. */
  acknowledged(answers: readonly RecordMetadata[]): void
}

export function* requestsOf(topic: string, sendings: readonly Sending[]): Generator<SendRequest> {
  const baseOffsets = new Map<Sending, number>()
  const all = sendings.flatMap((sending) => sending.records.map((record, index) => ({ sending, record, index })))
  for (const piece of pieces(all)) {
    yield {
      messages: piece.map(({ sending, record }) => messageOf(record, sending.partition)),
      acknowledged: (answers) => {
        const partitions = new Set(piece.map(({ sending }) => sending.partition))
        const nextOf = new Map([...partitions].map((partition) => [partition, baseOffsetOf(answers, topic, partition)]))
        for (const { sending, index } of piece) {
          const offset = nextOf.get(sending.partition)!
          if (offset >= 0) nextOf.set(sending.partition, offset + 1)
          if (index === 0) baseOffsets.set(sending, offset)
          if (index === sending.records.length - 1) sending.resolve({ baseOffset: baseOffsets.get(sending) ?? -1 })
        }
      },
    }
  }
}

/** Every record of ours names its partition. */
export const explicitPartition =
  () =>
  ({ message }: { message: Message }): number => {
    if (message.partition === undefined) throw new Error('a record without a partition')
    return message.partition
  }
