/** One record batch to columns: usual records by program, every other one row by row. Every row ends as a row of columns or as a rejection. */
import type { RecordBatch, Rejected } from '../domain.ts'
import type { RecordDecoder } from './decoder.ts'
import type { Row } from './row.ts'
import type { RowCode, RowProgram } from './row-code.ts'

/** Turns the registers of one record into the next row of its columns. */
export interface RowReader<B> {
  readonly batch: B
  /** Says why, when `read` answered false. */
  readonly row: Row
  /** Makes room for so many rows and starts from none. */
  reserve(count: number): void
  read(records: RecordBatch, index: number): boolean
  /** What `read` does with rows that are used, as code. */
  emit(code: RowCode): void
}

/** What one topic's batches are read with. `program` is null where rows are read one by one. */
export interface RowReading<B> {
  readonly decoder: RecordDecoder
  readonly reader: RowReader<B>
  readonly program: RowProgram<B> | null
  readonly recordBytesMax: number
}

interface RowsRead<B> {
  readonly batch: B
  readonly rejected: Rejected[]
}

/** A record that is held by the registers already. */
const HELD = (): boolean => true

export function readRows<B extends { count: number }>(records: RecordBatch, reading: RowReading<B>): RowsRead<B> {
  const { decoder, reader, program } = reading
  decoder.begin(records)
  reader.reserve(records.count)
  const { batch } = reader
  const read: RowsRead<B> = { batch, rejected: [] }
  for (let row = 0; row < records.count; row++) {
    const stopped = program === null ? row : decoder.run(program, batch, row, batch.count)
    const reached = stopped < 0 ? ~stopped : stopped
    batch.count += reached - row
    row = reached
    if (row === records.count) break
    if (stopped < 0) readHeld(records, row, reader, read.rejected)
    else readOne(records, row, reading, read)
  }
  return read
}

function readOne<B extends { count: number }>(
  records: RecordBatch,
  row: number,
  reading: RowReading<B>,
  { batch, rejected }: RowsRead<B>,
): void {
  const { decoder, reader, program, recordBytesMax } = reading
  const start = records.valueStart[row]!
  const end = records.valueEnd[row]!
  if (start < 0) return void rejected.push({ row, reason: 'tombstone', detail: 'the record has no value' })
  if (end - start > recordBytesMax) {
    return void rejected.push({ row, reason: 'oversized', detail: `${end - start} bytes, allowed are ${recordBytesMax}` })
  }
  const problem = decoder.decode(start, end)
  if (problem !== null) return void rejected.push({ row, reason: problem.reason, detail: problem.detail })
  if (program !== null && program(records, batch, row, row + 1, batch.count, HELD) === row + 1) batch.count++
  else readHeld(records, row, reader, rejected)
}

/** The definition of reading a row: used as it is, or refused with its reason. */
function readHeld<B>(records: RecordBatch, row: number, reader: RowReader<B>, rejected: Rejected[]): void {
  if (!reader.read(records, row)) rejected.push({ row, reason: reader.row.reason, detail: reader.row.detail })
}
