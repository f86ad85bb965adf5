/** Code for what predictions and outcomes read alike: the counterparts of `row.ts`, part by part. */
import { FIELD_MISSING, FIELD_OK } from '../domain.ts'
import type { Field } from './fields.ts'
import type { RowCode } from './row-code.ts'

export function emitId(code: RowCode, field: Field | null): void {
  if (field !== null) code.key(field)
  code.write('id1', field === null ? '0' : 'lanes[0]')
  code.write('id2', field === null ? '0' : 'lanes[1]')
}

export function emitTimes(code: RowCode, field: Field | null): void {
  code.write('offset', 'offset[row]')
  code.write('recordTimeMs', 'timestampMs[row]')
  code.write('eventTimeMs', code.time(field))
}

/** Label, value or both; without a usable one the row is left. */
export function emitOutcome(code: RowCode, label: Field | null, value: Field | null): void {
  let truth = '-1'
  if (label !== null) {
    truth = code.truth(label)
    code.leaveIf(value === null ? `${truth} < 0` : `${truth} < 0 && ${truth} !== -${FIELD_MISSING}`)
  }
  code.write('label', label === null ? 'NaN' : `${truth} < 0 ? NaN : ${truth}`)
  if (value === null) return code.write('value', 'NaN')
  const number = code.number(value)
  code.leaveIf(`${number.state} !== ${FIELD_OK} && (${number.state} !== ${FIELD_MISSING} || ${truth} < 0)`)
  code.write('value', number.value)
}
