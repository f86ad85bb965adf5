/** What predictions and outcomes read alike: ids, times, labels; and how a row says that it cannot be used. */
import { type DropReason, FIELD_MISSING, FIELD_NOT_FINITE, FIELD_OK } from '../domain.ts'
import { hashLanes } from '../kit/hash.ts'
import { type Field, registerOf } from './fields.ts'
import { numberOrNaN, readNumber, readTime, readTruth } from './meaning.ts'
import { ABSENT, NUMBER, type Registers } from './registers.ts'
import { shown } from './shown.ts'

export const TIME_MS_MAX = 1e14
export const TEN_YEARS_MS = 10 * 365.25 * 86_400_000

/** Reads the parts of one record; each part answers whether the row can still be used. */
export class Row {
  readonly registers: Registers
  /** Why the row cannot be used, when a part said so. */
  reason: DropReason = 'undecodable'
  detail = ''
  /** The hash read last. */
  readonly lanes = new Int32Array(2)
  timeMs = Number.NaN
  label = Number.NaN
  value = Number.NaN

  constructor(registers: Registers) {
    this.registers = registers
  }

  refuse(reason: DropReason, detail: string): false {
    this.reason = reason
    this.detail = detail
    return false
  }

  refuseState(field: Field, state: number): false {
    if (state === FIELD_MISSING) return this.refuse('missing-field', field.label)
    if (state === FIELD_NOT_FINITE) return this.refuse('not-finite', field.label)
    return this.refuse('wrong-type', `${field.label}: ${this.describe(field)}`)
  }

  /** The value of a field, for people. */
  describe(field: Field): string {
    const { registers } = this
    const slot = registerOf(registers, field)
    if (!registers.textOf(slot)) return registers.kinds[slot] === NUMBER ? String(registers.numbers[slot]) : 'an object or a list'
    return shown(registers.textBytes.toString('utf8', registers.textStart, Math.min(registers.textEnd, registers.textStart + 200)))
  }

  /** A text or a number that names something; its hash goes to `lanes`. A FieldState. */
  readKey(field: Field): number {
    const { registers } = this
    const slot = registerOf(registers, field)
    const kind = registers.kinds[slot]
    if (kind === ABSENT) return FIELD_MISSING
    if (!registers.textOf(slot)) return kind === NUMBER ? FIELD_NOT_FINITE : -1
    if (registers.textEnd === registers.textStart) return FIELD_MISSING
    hashLanes(registers.textBytes, registers.textStart, registers.textEnd, this.lanes)
    return FIELD_OK
  }

  readId(field: Field | null): boolean {
    this.lanes[0] = this.lanes[1] = 0
    if (field === null) return true
    const state = this.readKey(field)
    if (state !== FIELD_OK) return this.refuseState(field, state)
    // Two ids that JSON.parse rounds to one number would be taken for a duplicate: better refused than counted wrongly.
    const slot = registerOf(this.registers, field)
    if (this.registers.kinds[slot] === NUMBER && isRounded(this.registers.numbers[slot]!)) {
      return this.refuse('wrong-type', `${field.label}: an integer beyond 2^53 loses digits in JSON; send it as text`)
    }
    return true
  }

  readEventTime(field: Field | null, recordTimeMs: number): boolean {
    this.timeMs = Number.NaN
    if (field === null) return true
    const state = readTime(this.registers, field)
    if (state === FIELD_MISSING) return true
    if (state !== FIELD_OK) return this.refuse('bad-time', `${field.label}: not a time: ${this.describe(field)}`)
    const timeMs = this.registers.value
    const absurd = timeMs < 0 || timeMs > TIME_MS_MAX || (recordTimeMs >= 0 && timeMs > recordTimeMs + TEN_YEARS_MS)
    if (absurd) return this.refuse('bad-time', `${field.label}: ${timeMs} ms`)
    this.timeMs = timeMs
    return true
  }

  /** Label, value or both; one of them must be there. */
  readOutcome(label: Field | null, value: Field | null): boolean {
    this.label = this.value = Number.NaN
    if (label !== null) {
      const truth = readTruth(this.registers, label)
      if (truth >= 0) this.label = truth
      else if (truth !== -FIELD_MISSING || value === null) return this.refuseState(label, -truth)
    }
    if (value === null) return true
    const state = readNumber(this.registers, value)
    if (state === FIELD_OK) this.value = this.registers.value
    else if (state !== FIELD_MISSING || Number.isNaN(this.label)) return this.refuseState(value, state)
    return true
  }

  /** 1, 0, or 2 when the record does not say. */
  readDecision(decision: Field | null, score: number): number {
    if (decision !== null) {
      const truth = readTruth(this.registers, decision)
      return truth < 0 ? 2 : truth
    }
    if (Number.isNaN(score)) return 2
    return score >= 0.5 ? 1 : 0
  }

  /** Milliseconds, NaN when missing, mistyped or negative. */
  readLatency(field: Field | null): number {
    const latencyMs = numberOrNaN(this.registers, field)
    return latencyMs >= 0 ? latencyMs : Number.NaN
  }
}

function isRounded(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value)
}
