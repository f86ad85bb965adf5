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

/** A transaction that was aborted, as the broker lists it beside the records. Producer ids are counted up from zero: a double holds them. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

const FIRST_BATCHES = 16

/** The batches with committed records in a record set, as columns: one entry a batch, filled anew for every record set. */
export class RecordSetPlan {
  batches = 0
  /** Where to fetch next. */
  next = 0
  /** Position before the first planned batch: leading batches that hold nothing for us are passed. */
  start = 0
  /** Size of the first batch that is not whole; 0 when there is none. */
  cutOffBytes = 0
  recordsAt = new Int32Array(FIRST_BATCHES)
  end = new Int32Array(FIRST_BATCHES)
  count = new Int32Array(FIRST_BATCHES)
  codec = new Uint8Array(FIRST_BATCHES)
  baseOffset = new Float64Array(FIRST_BATCHES)
  /** Largest timestamp when the topic stamps at append, else the one the deltas add to. */
  timestampMs = new Float64Array(FIRST_BATCHES)
  /** 1 when every record has the batch's timestamp. */
  appendTime = new Uint8Array(FIRST_BATCHES)
  /** Everything below is handed over or does not exist once this batch was taken: what follows it may hold nothing for us. */
  nextAfter = new Float64Array(FIRST_BATCHES)

  begin(from: number): void {
    this.batches = 0
    this.next = from
    this.start = from
    this.cutOffBytes = 0
  }

  /** Another batch's row. */
  add(): number {
    if (this.batches === this.count.length) this.#grow()
    return this.batches++
  }

  #grow(): void {
    const batches = this.batches * 2
    this.recordsAt = grown(this.recordsAt, new Int32Array(batches))
    this.end = grown(this.end, new Int32Array(batches))
    this.count = grown(this.count, new Int32Array(batches))
    this.codec = grown(this.codec, new Uint8Array(batches))
    this.baseOffset = grown(this.baseOffset, new Float64Array(batches))
    this.timestampMs = grown(this.timestampMs, new Float64Array(batches))
    this.appendTime = grown(this.appendTime, new Uint8Array(batches))
    this.nextAfter = grown(this.nextAfter, new Float64Array(batches))
  }
}

function grown<Column extends Int32Array | Uint8Array | Float64Array>(column: Column, larger: Column): Column {
  larger.set(column)
  return larger
}

/**
 * Plans what to decode of a record set for a reader that stands at `from`. Consumed headers are overwritten with zeros, so that zeros follow
 * every batch as they follow the last one.
 *
 * @param bytes record set of `length` bytes, and TAIL_BYTES of zeros behind it
 * @param view of the same bytes
 */
export function planRecordSet(
  plan: RecordSetPlan,
  bytes: Buffer,
  view: DataView,
  length: number,
  from: number,
  aborted: readonly AbortedTransaction[],
): void {
  const transactions = new TransactionFilter(aborted)
  plan.begin(from)
  for (let at = 0; at + HEADER_BYTES <= length; ) {
    const baseOffset = int64(view, at)
    const end = at + 12 + batchLength(view, at, baseOffset)
    if (end > length) {
      plan.cutOffBytes = end - at
      return
    }
    checkBatch(view, at, end, baseOffset)
    const lastOffset = baseOffset + view.getInt32(at + 23)
    if (lastOffset < baseOffset || !Number.isSafeInteger(lastOffset)) throw new CorruptBatch(baseOffset, 'last offset')
    const passed = transactions.passes(bytes, view, at, end, lastOffset)
    plan.next = Math.max(plan.next, lastOffset + 1)
    if (passed && lastOffset >= from && view.getInt32(at + 57) !== 0) addPlanned(plan, view, at, end, baseOffset)
    else if (plan.batches === 0) plan.start = plan.next
    else plan.nextAfter[plan.batches - 1] = plan.next
    bytes.fill(0, at, at + HEADER_BYTES)
    at = end
  }
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

function addPlanned(plan: RecordSetPlan, view: DataView, at: number, end: number, baseOffset: number): void {
  const attributes = view.getInt16(at + 21)
  const codec = attributes & CODEC_BITS
  const count = view.getInt32(at + 57)
  if (codec !== 0 && !CODECS.has(codec)) throw new CorruptBatch(baseOffset, `codec ${codec}`)
  if (count < 0) throw new CorruptBatch(baseOffset, `record count ${count}`)
  const appendTime = (attributes & APPEND_TIME) !== 0
  const row = plan.add()
  plan.recordsAt[row] = at + HEADER_BYTES
  plan.end[row] = end
  plan.count[row] = count
  plan.codec[row] = codec
  plan.baseOffset[row] = baseOffset
  plan.timestampMs[row] = int64(view, at + (appendTime ? 35 : 27))
  plan.appendTime[row] = appendTime ? 1 : 0
  plan.nextAfter[row] = plan.next
}

/**
 * read_committed, done as the Java client does it: the broker's list is not sorted by first offset; all transactions that began at or
 * before a batch become live at it; only a control record of the producer ends one.
 */
class TransactionFilter {
  readonly #waiting: AbortedTransaction[] | null
  readonly #live = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#waiting = aborted.length === 0 ? null : [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** May the batch's records be handed over? Markers and aborted ones may not. */
  passes(bytes: Buffer, view: DataView, at: number, end: number, lastOffset: number): boolean {
    const attributes = view.getInt16(at + 21)
    if (this.#waiting === null) return (attributes & CONTROL) === 0
    while (this.#waiting.length > 0 && this.#waiting[0]!.firstOffset <= lastOffset) this.#live.add(this.#waiting.shift()!.producerId)
    if (attributes & CONTROL) {
      if (markerType(bytes, view, at + HEADER_BYTES, end) === ABORT_MARKER) this.#live.delete(int64(view, at + 43))
      return false
    }
    return !(attributes & TRANSACTIONAL && this.#live.size > 0 && this.#live.has(int64(view, at + 43)))
  }
}

/** A marker's key is two int16: version and type (0 abort, 1 commit). */
function markerType(bytes: Buffer, view: DataView, at: number, end: number): number {
  cursor.bytes = bytes
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
const MAX_ROWS = 512

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

/** An inflated batch up to this size is kept in a buffer that is used again. */
const KEPT_INFLATED_BYTES = 1 << 20

/** Decodes planned batches of one partition into `records`, which is valid until the next call. */
export class BatchDecoder {
  readonly #columns: Columns
  readonly #maxInflatedBytes: number
  #inflated: Buffer | null = null

  constructor(topic: string, partition: number, maxInflatedBytes: number) {
    this.#columns = new Columns(topic, partition)
    this.#maxInflatedBytes = maxInflatedBytes
  }

  get records(): RecordBatch {
    return this.#columns
  }

  /** Decodes from batch `first` of the plan on; returns how many batches went into it. Records below `from` are left out. */
  decode(bytes: Buffer, plan: RecordSetPlan, first: number, from: number): number {
    if (plan.codec[first] !== 0) {
      this.#inflate(bytes, plan, first, from)
      return 1
    }
    let end = first
    let rows = 0
    for (; end < plan.batches && plan.codec[end] === 0; end++) {
      const count = plan.count[end]!
      if (end > first && rows + count > MAX_ROWS) break
      checkCount(plan, end, plan.end[end]! - plan.recordsAt[end]!)
      rows += count
    }
    this.#columns.begin(bytes, rows)
    for (let row = first; row < end; row++) decodeRecords(this.#columns, plan, row, plan.recordsAt[row]!, plan.end[row]!, from)
    return end - first
  }

  #inflate(bytes: Buffer, plan: RecordSetPlan, row: number, from: number): void {
    const codec = CODECS.get(plan.codec[row]!)!
    let inflated: Buffer
    try {
      inflated = codec.inflate(bytes.subarray(plan.recordsAt[row], plan.end[row]), this.#maxInflatedBytes)
    } catch (error) {
      throw new CorruptBatch(plan.baseOffset[row]!, `${codec.name}: ${(error as Error).message}`)
    }
    checkCount(plan, row, inflated.length)
    this.#columns.begin(this.#padded(inflated), plan.count[row]!)
    decodeRecords(this.#columns, plan, row, 0, inflated.length, from)
  }

  #padded(inflated: Buffer): Buffer {
    const needed = inflated.length + TAIL_BYTES
    let padded = this.#inflated
    if (padded === null || padded.length < needed) {
      padded = Buffer.allocUnsafeSlow(needed > KEPT_INFLATED_BYTES ? needed : 2 ** Math.ceil(Math.log2(needed)))
      if (needed <= KEPT_INFLATED_BYTES) this.#inflated = padded
    }
    inflated.copy(padded)
    padded.fill(0, inflated.length, needed)
    return padded
  }
}

/** Before anything is allocated for them: that many records cannot lie in so few bytes. */
function checkCount(plan: RecordSetPlan, row: number, bytes: number): void {
  if (plan.count[row]! * LEAST_RECORD_BYTES > bytes)
    throw new CorruptBatch(plan.baseOffset[row]!, `${plan.count[row]} records in ${bytes} bytes`)
}

/**
 * The hot loop, long because it calls nothing: numbers of one and two bytes are read where they stand, which is nearly all of them, and a
 * longer one has run past 16,383 after two. Reads may run into the tail of zeros; every record must then end exactly where its length said.
 */
function decodeRecords(columns: Columns, plan: RecordSetPlan, batch: number, begin: number, stop: number, from: number): void {
  const { bytes, offset, timestampMs, keyStart, keyEnd, valueStart, valueEnd, headerStart } = columns
  const baseOffset = plan.baseOffset[batch]!
  const baseMs = plan.timestampMs[batch]!
  const ownTime = plan.appendTime[batch] === 0
  cursor.bytes = bytes
  let row = columns.count
  let at = begin
  for (let left = plan.count[batch]!; left > 0; left--) {
    let raw = bytes[at++]!
    if (raw > 127) raw = (raw & 127) | (bytes[at++]! << 7)
    if (raw > 16383) {
      raw = cursor.longer(at, raw)
      at = cursor.at
    }
    const length = (raw >>> 1) ^ -(raw & 1)
    const end = at + length
    if (length < LEAST_RECORD_BYTES - 1 || end > stop) throw new CorruptBatch(baseOffset, `record length ${length}`)
    raw = bytes[++at]!
    at++
    if (raw > 127) raw = (raw & 127) | (bytes[at++]! << 7)
    let delta = (raw >>> 1) ^ -(raw & 1)
    if (raw > 16383) {
      delta = cursor.longerStill(at - 2)
      at = cursor.at
    }
    raw = bytes[at++]!
    if (raw > 127) raw = (raw & 127) | (bytes[at++]! << 7)
    if (raw > 16383) {
      raw = cursor.longer(at, raw)
      at = cursor.at
    }
    const place = baseOffset + ((raw >>> 1) ^ -(raw & 1))
    raw = bytes[at++]!
    if (raw > 127) raw = (raw & 127) | (bytes[at++]! << 7)
    if (raw > 16383) {
      raw = cursor.longer(at, raw)
      at = cursor.at
    }
    const keyLength = (raw >>> 1) ^ -(raw & 1)
    const key = keyLength < 0 ? -1 : at
    if (keyLength > 0) at += keyLength
    if (keyLength < -1 || at > end) throw new CorruptBatch(baseOffset, `key length ${keyLength}`)
    raw = bytes[at++]!
    if (raw > 127) raw = (raw & 127) | (bytes[at++]! << 7)
    if (raw > 16383) {
      raw = cursor.longer(at, raw)
      at = cursor.at
    }
    const valueLength = (raw >>> 1) ^ -(raw & 1)
    const value = valueLength < 0 ? -1 : at
    if (valueLength > 0) at += valueLength
    if (valueLength < -1 || at > end) throw new CorruptBatch(baseOffset, `value length ${valueLength}`)
    const headersAt = at
    at = bytes[at] === 0 ? at + 1 : passHeaders(cursor, at, end, baseOffset)
    if (at !== end) throw new CorruptBatch(baseOffset, 'record size')
    if (place < from) continue
    offset[row] = place
    timestampMs[row] = ownTime ? baseMs + delta : baseMs
    keyStart[row] = key
    keyEnd[row] = key + (key < 0 ? 0 : keyLength)
    valueStart[row] = value
    valueEnd[row] = value + (value < 0 ? 0 : valueLength)
    headerStart[row] = at === headersAt + 1 ? -1 : headersAt
    row++
  }
  if (at !== stop) throw new CorruptBatch(baseOffset, 'bytes behind the last record')
  columns.count = row
}

function passHeaders(read: Cursor, at: number, end: number, baseOffset: number): number {
  read.at = at
  const count = read.varint()
  if (count < 0 || count * 2 > end - read.at) throw new CorruptBatch(baseOffset, `header count ${count}`)
  for (let header = 0; header < count; header++) {
    const keyLength = read.varint()
    if (keyLength < 0 || keyLength > end - read.at) throw new CorruptBatch(baseOffset, `header key length ${keyLength}`)
    read.at += keyLength
    const valueLength = read.varint()
    if (valueLength < -1 || valueLength > end - read.at) throw new CorruptBatch(baseOffset, `header value length ${valueLength}`)
    if (valueLength > 0) read.at += valueLength
  }
  return read.at
}
