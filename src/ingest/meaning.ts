/**
 * What a register means to a field: number, name, truth or time. A value that does not fit is a state, never an exception.
 *
 * Numbers are JSON numbers: `"3"` and `true` are not. Names are texts; numbers and booleans read as their canonical text.
 */
import { FIELD_MISSING, FIELD_NOT_FINITE, FIELD_OK, FIELD_UNSEEN, FIELD_WRONG_TYPE } from '../domain.ts'
import { type Field, registerOf } from './fields.ts'
import type { NameTable } from './names.ts'
import { ABSENT, FALSE, LONG, NUMBER, type Registers, STRING, TEXT, TRUE } from './registers.ts'

/** A FieldState; when it is FIELD_OK, `registers.value` is the scaled number. */
export function readNumber(registers: Registers, field: Field): number {
  const slot = registerOf(registers, field)
  const kind = registers.kinds[slot]
  if (kind === NUMBER || kind === LONG) {
    const value = registers.numbers[slot]! * field.scale
    registers.value = value
    return value - value === 0 ? FIELD_OK : FIELD_NOT_FINITE // false for NaN and both infinities
  }
  return kind === ABSENT ? FIELD_MISSING : FIELD_WRONG_TYPE
}

/** A finite number, or NaN for everything else. */
export function numberOrNaN(registers: Registers, field: Field | null): number {
  return field !== null && readNumber(registers, field) === FIELD_OK ? registers.value : Number.NaN
}

/** Index of the name in the table, or a negative FieldState. */
export function readName(registers: Registers, field: Field, names: NameTable): number {
  const slot = registerOf(registers, field)
  if (registers.kinds[slot] === ABSENT) return -FIELD_MISSING
  if (!registers.textOf(slot)) return -FIELD_WRONG_TYPE
  const index = names.find(registers.textBytes, registers.textStart, registers.textEnd)
  return index < 0 ? -FIELD_UNSEEN : index
}

/** 1 or 0, or a negative FieldState. */
export function readTruth(registers: Registers, field: Field): number {
  const slot = registerOf(registers, field)
  const kind = registers.kinds[slot]
  if (kind === ABSENT) return -FIELD_MISSING
  const test = field.test
  if (test === null || test.kind === 'truthy') return truthy(registers, slot)
  if (test.kind === 'atLeast') {
    const state = readNumber(registers, field)
    if (state !== FIELD_OK) return -state
    return registers.value >= test.limit ? 1 : 0
  }
  if (!registers.textOf(slot)) return kind === NUMBER ? -FIELD_NOT_FINITE : -FIELD_WRONG_TYPE
  return equalsText(registers, test.text) ? 1 : 0
}

function truthy(registers: Registers, slot: number): number {
  const kind = registers.kinds[slot]
  if (kind === TRUE) return 1
  if (kind === FALSE) return 0
  if (kind !== NUMBER) return -FIELD_WRONG_TYPE
  const value = registers.numbers[slot]!
  if (value === 0 || value === 1) return value === 1 ? 1 : 0
  return Number.isFinite(value) ? -FIELD_WRONG_TYPE : -FIELD_NOT_FINITE
}

function equalsText(registers: Registers, text: string): boolean {
  const bytes = registers.textBytes
  const from = registers.textStart
  const length = registers.textEnd - from
  if (length === text.length) {
    let index = 0
    while (index < length && bytes[from + index] === text.charCodeAt(index) && bytes[from + index]! < 128) index++
    if (index === length) return true
  }
  // Equal texts that are not ASCII have more bytes than characters, or bytes that are not their characters.
  return length > text.length && bytes.toString('utf8', from, registers.textEnd) === text
}

const ISO_TIME = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/

/** A FieldState; when it is FIELD_OK, `registers.value` is milliseconds since 1970. Text without a zone is UTC. */
export function readTime(registers: Registers, field: Field): number {
  const slot = registerOf(registers, field)
  const kind = registers.kinds[slot]
  if (!field.isTime || (kind !== STRING && kind !== TEXT)) return readNumber(registers, field)
  registers.textOf(slot)
  registers.value = isoTimeAt(registers.textBytes, registers.textStart, registers.textEnd)
  return Number.isFinite(registers.value) ? FIELD_OK : FIELD_WRONG_TYPE
}

const ISO_TIME_LENGTH_MAX = 40

/** Milliseconds of the ISO 8601 text in bytes [start, end), NaN for anything else. */
export function isoTimeAt(bytes: Buffer, start: number, end: number): number {
  return end - start > ISO_TIME_LENGTH_MAX ? Number.NaN : isoTimeMs(bytes.toString('latin1', start, end))
}

/** Milliseconds of an ISO 8601 text, NaN for anything else: Date.parse alone would take "May 1" and use this machine's zone. */
export function isoTimeMs(text: string): number {
  const match = ISO_TIME.exec(text)
  if (match === null) return Number.NaN
  const zoned = text.length === 10 || match[1] !== undefined ? text : `${text}Z`
  return Date.parse(zoned.replace(' ', 'T').replace(/([+-]\d\d)(\d\d)$/, text.length > 10 ? '$1:$2' : '$&'))
}
