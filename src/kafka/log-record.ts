/** One row of a RecordBatch as an object that owns its bytes: for topics with little traffic, and for records that are kept. */
import type { LogRecord, RecordBatch } from '../domain.ts'
import { Cursor } from './wire.ts'

export function logRecordOf(batch: RecordBatch, row: number): LogRecord {
  return {
    offset: batch.offset[row]!,
    timestampMs: batch.timestampMs[row]!,
    key: copyOf(batch.bytes, batch.keyStart[row]!, batch.keyEnd[row]!),
    value: copyOf(batch.bytes, batch.valueStart[row]!, batch.valueEnd[row]!),
    headers: headersOf(batch, row),
  }
}

export function recordsOf(batch: RecordBatch): LogRecord[] {
  return Array.from({ length: batch.count }, (_, row) => logRecordOf(batch, row))
}

/** The decoder has checked the lengths already. A null header value becomes an empty one. */
export function headersOf(batch: RecordBatch, row: number): readonly (readonly [string, Buffer])[] {
  const at = batch.headerStart[row]!
  if (at < 0) return NONE
  const read = new Cursor()
  read.bytes = batch.bytes
  read.at = at
  const headers: [string, Buffer][] = []
  for (let left = read.varint(); left > 0; left--) {
    const keyLength = read.varint()
    const key = batch.bytes.toString('utf8', read.at, read.at + keyLength)
    read.at += keyLength
    const valueLength = Math.max(0, read.varint())
    headers.push([key, Buffer.from(batch.bytes.subarray(read.at, read.at + valueLength))])
    read.at += valueLength
  }
  return headers
}

const NONE: readonly (readonly [string, Buffer])[] = []

/** A copy, lest one small record kept by its reader keep a whole fetch alive. */
function copyOf(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end))
}
