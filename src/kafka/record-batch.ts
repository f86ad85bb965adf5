/**
 * From the bytes of one partition's record set to columns, without an object per record.
 *
 * Two steps. `planRecordSet` walks the batch headers as soon as the bytes are there: checks lengths and CRC, drops what was aborted, sees
 * markers and empty batches, and leaves a list of batches that hold committed records. `BatchDecoder` then decodes, when asked, as many
 * of them as make one RecordBatch.
 *
 * Batch, by byte: base offset 0, length 8, leader epoch 12, magic 16 (=2), CRC32C 17 (over 21…), attributes 21, last offset delta 23,
 * first timestamp 27, largest timestamp 35, producer id 43, count 57, records 61. Attributes: codec &7, append time 8, transactional 16, control 32.
 * Record: length, attributes, timestamp delta, offset delta, key, value, header count, headers; lengths −1 mean null.
 */
import type { RecordBatch } from '../domain.ts'
import { CODECS } from './codecs/codecs.ts'
import { crc32c } from './crc32c.ts'
import { CorruptBatch } from './failures.ts'
import { Cursor, int64, TAIL_BYTES } from './wire.ts'

const HEADER_BYTES = 61
const LEAST_LENGTH = HEADER_BYTES - 12
const LEAST_RECORD_BYTES = 7
const CODEC_BITS = 7
const APPEND_TIME = 8
const TRANSACTIONAL = 16
const CONTROL = 32
const ABORT_MARKER = 0

/** A transaction that was aborted, as the broker lists it beside the records. */
export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: number
}

/** A batch with committed records in it, as a place in the record set. */
export interface PlannedBatch {
  readonly recordsAt: number
  readonly end: number
  readonly baseOffset: number
  readonly codec: number
  readonly count: number
  /** Largest timestamp when the topic stamps at append, else the one the deltas add to. */
  readonly timestampMs: number
  readonly appendTime: boolean
  /** Everything below is handed over or does not exist once this batch was taken: what follows it may hold nothing for us. */
  nextAfter: number
}

export interface RecordSetPlan {
  readonly batches: readonly PlannedBatch[]
  /** Where to fetch next. */
  readonly next: number
  /** Position before the first planned batch: leading batches that hold nothing for us are passed. */
  readonly start: number
  /** Size of the first batch that is not whole; 0 when there is none. */
  readonly cutOffBytes: number
}

/**
 * Plans what to decode of a record set for a reader that stands at `from`. Consumed headers are overwritten with zeros, so that zeros follow
 * every batch as they follow the last one.
 *
 * @param bytes record set of `length` bytes, and TAIL_BYTES of zeros behind it
 */
export function planRecordSet(bytes: Buffer, length: number, from: number, aborted: readonly AbortedTransaction[]): RecordSetPlan {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const transactions = new TransactionFilter(aborted)
  const batches: PlannedBatch[] = []
  let next = from
  let start = from
  let at = 0
  let cutOffBytes = 0
  while (at + HEADER_BYTES <= length) {
    const baseOffset = int64(view, at)
    const end = at + 12 + batchLength(view, at, baseOffset)
    if (end > length) {
      cutOffBytes = end - at
      break
    }
    checkBatch(view, at, end, baseOffset)
    const lastOffset = baseOffset + view.getInt32(at + 23)
    if (lastOffset < baseOffset || !Number.isSafeInteger(lastOffset)) throw new CorruptBatch(baseOffset, 'last offset')
    const passed = transactions.passes(view, at, end, lastOffset)
    next = Math.max(next, lastOffset + 1)
    const last = batches.at(-1)
    if (passed && lastOffset >= from && view.getInt32(at + 57) !== 0) batches.push(planned(view, at, end, baseOffset, next))
    else if (last === undefined) start = next
    else last.nextAfter = next
    bytes.fill(0, at, at + HEADER_BYTES)
    at = end
  }
  return { batches, next, start, cutOffBytes }
}

function batchLength(view: DataView, at: number, baseOffset: number): number {
  const length = view.getInt32(at + 8)
  if (length < LEAST_LENGTH) throw new CorruptBatch(baseOffset, `batch length ${length}`)
  return length
}

function checkBatch(view: DataView, at: number, end: number, baseOffset: number): void {
  if (view.getUint8(at + 16) !== 2) throw new CorruptBatch(baseOffset, `record format ${view.getUint8(at + 16)}, only 2 is known`)
  if (crc32c(view, at + 21, end) !== view.getUint32(at + 17)) throw new CorruptBatch(baseOffset, 'CRC mismatch')
  if (baseOffset < 0) throw new CorruptBatch(baseOffset, 'negative offset')
}

function planned(view: DataView, at: number, end: number, baseOffset: number, nextAfter: number): PlannedBatch {
  const attributes = view.getInt16(at + 21)
  const appendTime = (attributes & APPEND_TIME) !== 0
  const codec = attributes & CODEC_BITS
  const count = view.getInt32(at + 57)
  if (codec !== 0 && !CODECS.has(codec)) throw new CorruptBatch(baseOffset, `codec ${codec}`)
  if (count < 0) throw new CorruptBatch(baseOffset, `record count ${count}`)
  const timestampMs = int64(view, at + (appendTime ? 35 : 27))
  return { recordsAt: at + HEADER_BYTES, end, baseOffset, codec, count, timestampMs, appendTime, nextAfter }
}

/**
 * read_committed, done as the Java client does it: the broker's list is not sorted by first offset; all transactions that began at or
 * before a batch become live at it; only a control record of the producer ends one.
 */
class TransactionFilter {
  readonly #waiting: AbortedTransaction[]
  readonly #live = new Set<bigint>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.length === 0 ? [] : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** May the batch's records be handed over? Markers and aborted ones may not. */
  passes(view: DataView, at: number, end: number, lastOffset: number): boolean {
    while (this.#waiting.length > 0 && this.#waiting[0]!.firstOffset <= lastOffset) this.#live.add(this.#waiting.shift()!.producerId)
    const attributes = view.getInt16(at + 21)
    if (attributes & CONTROL) {
      if (markerType(view, at + HEADER_BYTES, end) === ABORT_MARKER) this.#live.delete(view.getBigInt64(at + 43))
      return false
    }
    return !(attributes & TRANSACTIONAL && this.#live.size > 0 && this.#live.has(view.getBigInt64(at + 43)))
  }
}

/** A marker's key is two int16: version and type (0 abort, 1 commit). */
function markerType(view: DataView, at: number, end: number): number {
  cursor.bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
  cursor.at = at
  cursor.varint()
  cursor.at++
  cursor.varlong()
  cursor.varint()
  const keyLength = cursor.varint()
  return keyLength >= 4 && cursor.at + 4 <= end ? view.getInt16(cursor.at + 2) : -1
}

const cursor = new Cursor()

const FIRST_ROWS = 512
/** Uncompressed batches are decoded together up to about this many rows. */
const MAX_ROWS = 16_384

/** Columns that are filled anew for each RecordBatch and grow to what the partition needs. */
class Columns implements RecordBatch {
  readonly topic: string
  readonly partition: number
  bytes: Buffer = Buffer.alloc(TAIL_BYTES)
  count = 0
  offset = new Float64Array(FIRST_ROWS)
  timestampMs = new Float64Array(FIRST_ROWS)
  keyStart = new Int32Array(FIRST_ROWS)
  keyEnd = new Int32Array(FIRST_ROWS)
  valueStart = new Int32Array(FIRST_ROWS)
  valueEnd = new Int32Array(FIRST_ROWS)
  headerStart = new Int32Array(FIRST_ROWS)

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  begin(bytes: Buffer, rows: number): void {
    this.bytes = bytes
    this.count = 0
    if (rows <= this.offset.length) return
    const capacity = Math.max(rows, Math.min(this.offset.length * 2, MAX_ROWS))
    this.offset = new Float64Array(capacity)
    this.timestampMs = new Float64Array(capacity)
    this.keyStart = new Int32Array(capacity)
    this.keyEnd = new Int32Array(capacity)
    this.valueStart = new Int32Array(capacity)
    this.valueEnd = new Int32Array(capacity)
    this.headerStart = new Int32Array(capacity)
  }
}

/** Decodes planned batches of one partition. What it returns is valid until its next call. */
export class BatchDecoder {
  readonly #columns: Columns
  readonly #maxInflatedBytes: number

  constructor(topic: string, partition: number, maxInflatedBytes: number) {
    this.#columns = new Columns(topic, partition)
    this.#maxInflatedBytes = maxInflatedBytes
  }

  /** Decodes from `batches[first]` on; `taken` says how many batches went into it. Records below `from` are left out. */
  decode(
    bytes: Buffer,
    batches: readonly PlannedBatch[],
    first: number,
    from: number,
  ): { readonly records: RecordBatch; readonly taken: number } {
    const head = batches[first]!
    if (head.codec !== 0) {
      this.#inflated(bytes, head, from)
      return { records: this.#columns, taken: 1 }
    }
    let taken = 0
    let rows = 0
    for (let at = first; at < batches.length; at++, taken++) {
      const batch = batches[at]!
      if (batch.codec !== 0 || (taken > 0 && rows + batch.count > MAX_ROWS)) break
      checkCount(batch, batch.end - batch.recordsAt)
      rows += batch.count
    }
    this.#columns.begin(bytes, rows)
    for (let at = first; at < first + taken; at++) {
      const batch = batches[at]!
      decodeRecords(this.#columns, batch, batch.recordsAt, batch.end, from)
    }
    return { records: this.#columns, taken }
  }

  #inflated(bytes: Buffer, batch: PlannedBatch, from: number): void {
    const codec = CODECS.get(batch.codec)!
    let inflated: Buffer
    try {
      inflated = codec.inflate(bytes.subarray(batch.recordsAt, batch.end), this.#maxInflatedBytes)
    } catch (error) {
      throw new CorruptBatch(batch.baseOffset, `${codec.name}: ${(error as Error).message}`)
    }
    checkCount(batch, inflated.length)
    const padded = Buffer.allocUnsafe(inflated.length + TAIL_BYTES)
    inflated.copy(padded)
    padded.fill(0, inflated.length)
    this.#columns.begin(padded, batch.count)
    decodeRecords(this.#columns, batch, 0, inflated.length, from)
  }
}

/** Before anything is allocated for them: that many records cannot lie in so few bytes. */
function checkCount(batch: PlannedBatch, bytes: number): void {
  if (batch.count * LEAST_RECORD_BYTES > bytes) throw new CorruptBatch(batch.baseOffset, `${batch.count} records in ${bytes} bytes`)
}

/** The hot loop. Reads may run into the tail of zeros; every record must then end exactly where its length said. */
function decodeRecords(columns: Columns, batch: PlannedBatch, begin: number, stop: number, from: number): void {
  const { offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd, headerStart } = columns
  const { baseOffset, appendTime, count } = batch
  const read = cursor
  read.bytes = columns.bytes
  read.at = begin
  let row = columns.count
  for (let index = 0; index < count; index++) {
    const length = read.varint()
    const end = read.at + length
    if (length < LEAST_RECORD_BYTES - 1 || end > stop) throw new CorruptBatch(baseOffset, `record length ${length}`)
    read.at++
    const delta = read.varlong()
    const place = baseOffset + read.varint()
    const keyLength = read.varint()
    const key = keyLength < 0 ? -1 : read.at
    if (keyLength > 0) read.at += keyLength
    if (keyLength < -1 || read.at > end) throw new CorruptBatch(baseOffset, `key length ${keyLength}`)
    const valueLength = read.varint()
    const value = valueLength < 0 ? -1 : read.at
    if (valueLength > 0) read.at += valueLength
    if (valueLength < -1 || read.at > end) throw new CorruptBatch(baseOffset, `value length ${valueLength}`)
    const headersAt = read.at
    const headers = read.varint()
    if (headers !== 0) passHeaders(read, headers, end, baseOffset)
    if (read.at !== end) throw new CorruptBatch(baseOffset, 'record size')
    if (place < from) continue
    offset[row] = place
    timestampMs[row] = appendTime ? batch.timestampMs : batch.timestampMs + delta
    keyStart[row] = key
    keyEnd[row] = key + (key < 0 ? 0 : keyLength)
    valueStart[row] = value
    valueEnd[row] = value + (value < 0 ? 0 : valueLength)
    headerStart[row] = headers === 0 ? -1 : headersAt
    row++
  }
  if (read.at !== stop) throw new CorruptBatch(baseOffset, 'bytes behind the last record')
  columns.count = row
}

function passHeaders(read: Cursor, count: number, end: number, baseOffset: number): void {
  if (count < 0 || count * 2 > end - read.at) throw new CorruptBatch(baseOffset, `header count ${count}`)
  for (let header = 0; header < count; header++) {
    const keyLength = read.varint()
    if (keyLength < 0 || keyLength > end - read.at) throw new CorruptBatch(baseOffset, `header key length ${keyLength}`)
    read.at += keyLength
    const valueLength = read.varint()
    if (valueLength < -1 || valueLength > end - read.at) throw new CorruptBatch(baseOffset, `header value length ${valueLength}`)
    if (valueLength > 0) read.at += valueLength
  }
}
