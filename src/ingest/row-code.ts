/**
 * Writes the code that turns registers into a row of columns, for the fields that one policy names and no others.
 *
 * A row program is one function over a run of records: a shape (a JSON template, an Avro reader) fills the registers, the code made here
 * writes columns from them. Common values are taken directly; every other one goes to the functions of `meaning.ts` and `row.ts`, which
 * define what a value means. A row that would be refused is left to `read` of the rows, which says why.
 * Text of records never becomes code: places and numbers of the policy do, its texts as bytes and bound values.
 * (One function per record shape that does everything, in local variables, is twice as fast and takes seconds to compile.)
 */
import { FIELD_MISSING, FIELD_NOT_FINITE, FIELD_OK, FIELD_UNSEEN, type RecordBatch } from '../domain.ts'
import { hashWords, murmur2, murmur2Words } from '../kit/hash.ts'
import type { Field } from './fields.ts'
import { readName, readNumber, readTime, readTruth } from './meaning.ts'
import type { NameTable } from './names.ts'
import { ABSENT, FALSE, NUMBER, type Registers, STRING, TRUE } from './registers.ts'
import { Row, TEN_YEARS_MS, TIME_MS_MAX } from './row.ts'

/** True: the registers hold the record in bytes [start, end). */
export type Shape = (start: number, end: number) => boolean

/**
 * Reads records [row, to) by one shape into columns from `at` on, one row each. Answers where it stopped: at a row of another shape, or
 * before a row that cannot simply be used; then the answer is its complement (~row), and the registers hold it.
 */
export type RowProgram<B> = (records: RecordBatch, columns: B, row: number, to: number, at: number, shape: Shape) => number

/** One function of JavaScript from text; null where code must not be made at run time. */
export function compileCode(bindings: Readonly<Record<string, unknown>>, code: string): unknown {
  try {
    return new Function(...Object.keys(bindings), code)(...Object.values(bindings))
  } catch (error) {
    if (error instanceof EvalError) return null // --disallow-code-generation-from-strings
    throw error
  }
}

const ROOM_BYTES = 16

/** Programs read words of four bytes: behind the last record there must be room, as RecordBatch promises. */
export function hasRoom({ bytes, valueEnd, count }: RecordBatch): boolean {
  return count === 0 || bytes.length >= valueEnd[count - 1]! + ROOM_BYTES
}

const LEAVE = 'return ~row'

export class RowCode {
  private readonly registers: Registers
  private readonly bindings: Record<string, unknown>
  private readonly columns: string[] = []
  private readonly lines: string[] = []
  private names = 0

  constructor(registers: Registers) {
    const { kinds, numbers, starts, ends } = registers
    const reader = new Row(registers)
    this.registers = registers
    this.bindings = { registers, kinds, numbers, starts, ends, reader, lanes: reader.lanes, hashWords, murmur2Words, murmur2OfText }
    Object.assign(this.bindings, { readNumber, readTruth, readName, readTime })
  }

  /** Null where code must not be made at run time. */
  program<B>(recordBytesMax: number): RowProgram<B> | null {
    const code = `return function rows(records, columns, row, to, at, shape) {
const { bytes: u8, valueStart, valueEnd, offset, timestampMs, partition } = records, { view } = registers
${this.columns.join('\n')}
for (; row < to; row++, at++) {
const start = valueStart[row], end = valueEnd[row], recordTimeMs = timestampMs[row]
if (start < 0 || end - start > ${recordBytesMax}) return row
if (!shape(start, end)) return row
${this.lines.join('\n')}
}
return row
}`
    return compileCode(this.bindings, code) as RowProgram<B> | null
  }

  /** `place`: a column of the batch, as in `numbers[3]`. */
  write(place: string, value: string): void {
    const name = this.fresh('column')
    this.columns.push(`const ${name} = columns.${place}`)
    this.lines.push(`${name}[at] = ${value}`)
  }

  leaveIf(condition: string): void {
    this.lines.push(`if (${condition}) ${LEAVE}`)
  }

  /** Names of locals: the number (NaN when there is none) and its FieldState. */
  number(field: Field): { readonly value: string; readonly state: string } {
    const [value, state] = [this.fresh('x'), this.fresh('s')]
    const { slot, scale } = field
    this.lines.push(`let ${value} = NaN, ${state} = ${FIELD_MISSING}
if (kinds[${slot}] === ${NUMBER}) { ${value} = numbers[${slot}]${scale === 1 ? '' : ` * ${scale}`}
if (${value} - ${value} === 0) ${state} = ${FIELD_OK}; else { ${state} = ${FIELD_NOT_FINITE}; ${value} = NaN } }
else if (${this.other(field)}) { ${state} = readNumber(registers, ${this.bind(field)}); if (${state} === ${FIELD_OK}) ${value} = registers.value }`)
    return { value, state }
  }

  numberOrNaN(field: Field | null): string {
    return field === null ? 'NaN' : this.number(field).value
  }

  /** Name of a local: 1, 0 or a negative FieldState. */
  truth(field: Field): string {
    const { slot, test } = field
    const truth = this.fresh('truth')
    let quick = `kinds[${slot}] === ${FALSE} ? 0 : kinds[${slot}] === ${TRUE} ? 1`
    if (test?.kind === 'equals') quick = `kinds[${slot}] === ${STRING} ? (${this.equals(slot, test.text)} ? 1 : 0)`
    if (test?.kind === 'atLeast') {
      const { value, state } = this.number(field)
      quick = `${state} === ${FIELD_OK} ? (${value} >= ${test.limit} ? 1 : 0)`
    }
    this.lines.push(`const ${truth} = ${quick} : ${this.other(field)} ? readTruth(registers, ${this.bind(field)}) : -${FIELD_MISSING}`)
    return truth
  }

  /** Name of a local: index of the name in the table, an expression, or a negative FieldState. */
  name(field: Field, tables: readonly NameTable[], which = '0'): string {
    const name = this.fresh('name')
    const { slot } = field
    const table = tables.length === 1 ? this.bind(tables[0]) : `${this.bind(tables)}[${which}]`
    const known = `readName(registers, ${this.bind(field)}, ${table})`
    this.lines.push(`let ${name} = -${FIELD_MISSING}
if (kinds[${slot}] === ${STRING}) { ${name} = ${table}.findWords(view, u8, starts[${slot}], ends[${slot}]); if (${name} < 0) ${name} = -${FIELD_UNSEEN} }
else if (${this.other(field)}) ${name} = ${known}`)
    return name
  }

  /** Leaves the hash of a name in `lanes`; a record without one is left. */
  key(field: Field): void {
    const { slot } = field
    this.lines.push(`if (kinds[${slot}] === ${STRING} && ends[${slot}] > starts[${slot}]) hashWords(view, starts[${slot}], ends[${slot}], lanes)
else if (!reader.readId(${this.bind(field)})) ${LEAVE}`)
  }

  /** Names of locals: lanes and home of a unit; zeros for a record without one. */
  unit(field: Field | null, partitions: number): { readonly lane1: string; readonly lane2: string; readonly home: string } {
    if (field === null) return { lane1: '0', lane2: '0', home: '0' }
    const [lane1, lane2, home] = [this.fresh('u'), this.fresh('u'), this.fresh('u')]
    const { slot } = field
    this.lines.push(`let ${lane1} = 0, ${lane2} = 0, ${home} = 0, hash = 0, has = false
if (kinds[${slot}] === ${STRING} && ends[${slot}] > starts[${slot}]) { has = true
hashWords(view, starts[${slot}], ends[${slot}], lanes); hash = murmur2Words(view, starts[${slot}], ends[${slot}]) }
else if (${this.other(field)} && reader.readKey(${this.bind(field)}) === ${FIELD_OK}) { has = true; hash = murmur2OfText(registers) }
if (has) { ${lane1} = lanes[0]; ${lane2} = lanes[1]; ${home} = (hash & 0x7fffffff) % ${partitions} === partition ? 1 : 0 }`)
    return { lane1, lane2, home }
  }

  /** Name of a local: milliseconds, NaN when the record has none. Anything that is no plausible time leaves the record. */
  time(field: Field | null): string {
    if (field === null) return 'NaN'
    const [time, state] = [this.fresh('time'), this.fresh('s')]
    const { slot, scale } = field
    this.lines.push(`let ${time} = NaN, ${state} = ${FIELD_MISSING}
if (kinds[${slot}] === ${NUMBER}) { ${time} = numbers[${slot}]${scale === 1 ? '' : ` * ${scale}`}; ${state} = ${FIELD_OK} }
else if (${this.other(field)}) { ${state} = readTime(registers, ${this.bind(field)}); if (${state} === ${FIELD_OK}) ${time} = registers.value }`)
    const plausible = `${time} >= 0 && ${time} <= ${TIME_MS_MAX} && !(recordTimeMs >= 0 && ${time} > recordTimeMs + ${TEN_YEARS_MS})`
    this.leaveIf(`${state} !== ${FIELD_MISSING} && !(${plausible})`)
    return time
  }

  /** Test that a field may hold something that is not taken directly. */
  private other(field: Field): string {
    return field.fallback >= 0 || field.slot >= this.registers.recordSlots ? 'true' : `kinds[${field.slot}] !== ${ABSENT}`
  }

  private equals(slot: number, text: string): string {
    const bytes = Buffer.from(text)
    if (bytes.toString() !== text) return 'false' // a lone surrogate has no UTF-8
    const tests = wordTests(bytes, `starts[${slot}]`)
    return [`ends[${slot}] - starts[${slot}] === ${bytes.length}`, ...tests].join(' && ')
  }

  private bind(value: unknown): string {
    const name = this.fresh('bound')
    this.bindings[name] = value
    return name
  }

  private fresh(kind: string): string {
    return `${kind}_${this.names++}`
  }
}

/** Of the text that `textOf` found last. */
function murmur2OfText({ textBytes, textStart, textEnd }: Registers): number {
  return murmur2(textBytes, textStart, textEnd)
}

/** Tests that the bytes from place `from` on are these, as overlapping words. */
export function wordTests(bytes: Uint8Array, from: string): string[] {
  const tests: string[] = []
  const word = (at: number) => bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
  const test = (at: number) => tests.push(`view.getInt32(${from} + ${at}, true) === ${word(at)}`)
  let at = 0
  for (; at + 4 <= bytes.length; at += 4) test(at)
  if (at < bytes.length && bytes.length >= 4) test(bytes.length - 4)
  else for (; at < bytes.length; at++) tests.push(`u8[${from} + ${at}] === ${bytes[at]}`)
  return tests
}
