/** One record batch, row by row: decode, read, or say why not. Every row ends as a row of columns or as a rejection. */
import type { RecordBatch, Rejected } from '../domain.ts'
import type { RecordDecoder } from './decoder.ts'
import type { Row } from './row.ts'

/** Turns the registers of one record into the next row of its columns. */
export interface RowReader<B> {
  readonly batch: B
  /** Says why, when `read` answered false. */
  readonly row: Row
  /** Makes room for so many rows and starts from none. */
  reserve(count: number): void
  read(records: RecordBatch, index: number): boolean
}

export function readRows<B>(
  records: RecordBatch,
  decoder: RecordDecoder,
  reader: RowReader<B>,
  recordBytesMax: number,
): { readonly batch: B; readonly rejected: readonly Rejected[] } {
  const rejected: Rejected[] = []
  decoder.begin(records)
  reader.reserve(records.count)
  for (let row = 0; row < records.count; row++) {
    const start = records.valueStart[row]!
    const end = records.valueEnd[row]!
    if (start < 0) {
      rejected.push({ row, reason: 'tombstone', detail: 'the record has no value' })
    } else if (end - start > recordBytesMax) {
      rejected.push({ row, reason: 'oversized', detail: `${end - start} bytes, allowed are ${recordBytesMax}` })
    } else {
      const problem = decoder.decode(start, end)
      if (problem !== null) rejected.push({ row, reason: problem.reason, detail: problem.detail })
      else if (!reader.read(records, row)) rejected.push({ row, reason: reader.row.reason, detail: reader.row.detail })
    }
  }
  return { batch: reader.batch, rejected }
}
