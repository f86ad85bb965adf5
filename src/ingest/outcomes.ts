/** From registers to the columns of an OutcomeBatch. */
import type { OutcomeBatch, RecordBatch } from '../domain.ts'
import type { InputLayout } from '../policy/layout.ts'
import type { Field, FieldMap } from './fields.ts'
import { Row } from './row.ts'
import type { RowCode } from './row-code.ts'
import { emitId, emitOutcome, emitTimes } from './row-parts.ts'
import type { RowReader } from './rows.ts'

export class OutcomeRows implements RowReader<OutcomeBatch> {
  readonly row: Row
  batch: OutcomeBatch = emptyBatch(0)
  private capacity = 0
  private readonly id: Field
  private readonly time: Field | null
  private readonly label: Field | null
  private readonly value: Field | null

  constructor(input: InputLayout, map: FieldMap) {
    const { fields } = input
    if (fields.id === null) throw new Error(`${input.topic}: outcomes need the prediction's id`)
    if (fields.label === null && fields.value === null) throw new Error(`${input.topic}: outcomes need a label or a value`)
    this.row = new Row(map.registers)
    this.id = map.field('id', fields.id)
    this.time = map.optional('time', fields.time)
    this.label = map.optional('label', fields.label)
    this.value = map.optional('value', fields.value)
  }

  reserve(count: number): void {
    if (count > this.capacity) {
      this.capacity = Math.max(count, this.capacity * 2, 256)
      this.batch = emptyBatch(this.capacity)
    }
    this.batch.count = 0
  }

  read(records: RecordBatch, index: number): boolean {
    const { row, batch } = this
    const at = batch.count
    if (!row.readId(this.id)) return false
    batch.id1[at] = row.lanes[0]!
    batch.id2[at] = row.lanes[1]!
    if (!row.readEventTime(this.time, records.timestampMs[index]!)) return false
    if (!row.readOutcome(this.label, this.value)) return false
    batch.offset[at] = records.offset[index]!
    batch.recordTimeMs[at] = records.timestampMs[index]!
    batch.eventTimeMs[at] = row.timeMs
    batch.label[at] = row.label
    batch.value[at] = row.value
    batch.count = at + 1
    return true
  }

  /** The same as code, for rows that are used. */
  emit(code: RowCode): void {
    emitId(code, this.id)
    emitTimes(code, this.time)
    emitOutcome(code, this.label, this.value)
  }
}

function emptyBatch(capacity: number): OutcomeBatch {
  return {
    count: 0,
    offset: new Float64Array(capacity),
    recordTimeMs: new Float64Array(capacity),
    eventTimeMs: new Float64Array(capacity),
    id1: new Int32Array(capacity),
    id2: new Int32Array(capacity),
    label: new Float64Array(capacity),
    value: new Float64Array(capacity),
  }
}
