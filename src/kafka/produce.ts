/** What plain and transactional sends share: one partition at a time, in pieces that kafkajs and the broker can take. */
import type { Message, RecordMetadata } from 'kafkajs'
import type { OutgoingRecord } from '../domain.ts'

/** kafkajs groups messages by partition in quadratic time. */
const MAX_RECORDS = 500
/** Below the brokers' default of 1 MiB a batch. A larger single record goes alone, and the broker decides. */
const MAX_BYTES = 900_000
const RECORD_OVERHEAD_BYTES = 32

export function* pieces(partition: number, records: readonly OutgoingRecord[]): Generator<Message[]> {
  let piece: Message[] = []
  let pieceBytes = 0
  for (const record of records) {
    const recordBytes = sizeOf(record)
    if (piece.length === MAX_RECORDS || (piece.length > 0 && pieceBytes + recordBytes > MAX_BYTES)) {
      yield piece
      piece = []
      pieceBytes = 0
    }
    piece.push(messageOf(record, partition))
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

/** Sends the pieces one after the other and returns where the first record lies. */
export async function sendPieces(
  partition: number,
  records: readonly OutgoingRecord[],
  send: (messages: Message[]) => Promise<RecordMetadata[]>,
): Promise<{ readonly baseOffset: number }> {
  if (records.length === 0) throw new Error('nothing to send')
  let baseOffset: number | null = null
  for (const messages of pieces(partition, records)) {
    const [answer] = await send(messages)
    baseOffset ??= Number(answer?.baseOffset ?? -1)
  }
  return { baseOffset: baseOffset ?? -1 }
}

/** Every record of ours names its partition. */
export const explicitPartition =
  () =>
  ({ message }: { message: Message }): number => {
    if (message.partition === undefined) throw new Error('a record without a partition')
    return message.partition
  }
