/**
 * Straight-line code for records of one writer's schema: reads what is wanted, steps over the rest, and must end exactly at the record's
 * end. Records, unions and plain values are written out; lists, maps and recursive types go to the steps of the general reader.
 *
 * The code holds numbers of our making only: no name of a schema becomes code.
 */
import type avro from 'avsc'
import { compileAvro, member, type Target } from './avro-steps.ts'
import type { AvroValues } from './avro-values.ts'
import { ABSENT, FALSE, NUMBER, OTHER, type Registers, TEXT, TRUE } from './registers.ts'
import { compileCode, type Shape } from './row-code.ts'

/** More values than that are no code that an engine likes. */
const PIECES_MAX = 500
const DEPTH_MAX = 8
const BRANCHES_MAX = 4
const PREFIX_BYTES = 5

/** `id`: of the schema, when records carry it; -1 when they do not. Null where code must not be made at run time. */
export function compileShape(schema: avro.Type, id: number, target: Target, registers: Registers, values: AvroValues): Shape | null {
  const writer = new ShapeWriter(registers, values)
  writer.value(schema, target, 0)
  const prefix = `if (end - start < ${PREFIX_BYTES} || u8[start] !== 0 || view.getInt32(start + 1) !== ${id | 0}) return false
p += ${PREFIX_BYTES}`
  const code = `return function shape(start, end) {
const u8 = registers.record, view = registers.view
registers.resetText()
${Array.from({ length: registers.recordSlots }, (_, slot) => `kinds[${slot}] = ${ABSENT}`).join('\n')}
let p = start
${id < 0 ? '' : prefix}
const from = p
${writer.lines.join('\n')}
return p === end
}`
  return compileCode(writer.bindings, code) as Shape | null
}

class ShapeWriter {
  readonly lines: string[] = []
  readonly bindings: Record<string, unknown>
  private readonly registers: Registers
  private readonly within = new Set<avro.Type>()
  private pieces = 0

  constructor(registers: Registers, values: AvroValues) {
    const { kinds, numbers, starts, ends } = registers
    this.registers = registers
    this.bindings = { registers, values, kinds, numbers, starts, ends }
  }

  value(type: avro.Type, target: Target, depth: number): void {
    const name = type.typeName
    if (name.startsWith('logical:')) return this.value((type as avro.types.LogicalType).underlyingType, target, depth)
    if (name === 'null') return
    this.pieces++
    if (this.pieces > PIECES_MAX || depth > DEPTH_MAX || this.within.has(type)) return this.step(type, target, depth)
    if (name === 'record') return this.record(type as avro.types.RecordType, target, depth)
    if (name === 'union:wrapped' || name === 'union:unwrapped') return this.union(type as avro.types.WrappedUnionType, target, depth)
    const code = target.below === null ? this.leaf(type, target.slot) : null
    if (code === null) this.step(type, target, depth)
    else this.lines.push(code)
  }

  private record(type: avro.types.RecordType, target: Target, depth: number): void {
    this.within.add(type)
    if (target.slot >= 0) this.lines.push(`kinds[${target.slot}] = ${OTHER}`)
    for (const field of type.fields) this.value(field.type, member(target.below, field.name), depth + 1)
    this.within.delete(type)
  }

  private union(type: avro.types.WrappedUnionType, target: Target, depth: number): void {
    const { types } = type
    if (types.length > BRANCHES_MAX) return this.step(type, target, depth)
    this.lines.push('switch (u8[p++]) {')
    for (const [index, branch] of types.entries()) {
      this.lines.push(`case ${index * 2}: {`)
      this.value(branch, target, depth)
      this.lines.push('break }')
    }
    this.lines.push('default: return false }')
  }

  /** Null for types that are the general reader's. */
  private leaf(type: avro.Type, slot: number): string | null {
    const left = 'if (p < 0) return false'
    const number = (bytes: number, method: string) => {
      const take = slot < 0 ? '' : `kinds[${slot}] = ${NUMBER}; numbers[${slot}] = view.${method}(p, true); `
      return `if (p > end - ${bytes}) return false; ${take}p += ${bytes}`
    }
    switch (type.typeName) {
      case 'int':
      case 'long':
        return `p = ${slot < 0 ? 'values.skipLong(p, end)' : `values.long(p, end, ${slot})`}; ${left}`
      case 'double':
        return number(8, 'getFloat64')
      case 'float':
        return number(4, 'getFloat32')
      case 'boolean':
        return `if (u8[p] > 1) return false; ${slot < 0 ? '' : `kinds[${slot}] = u8[p] === 1 ? ${TRUE} : ${FALSE}; `}p++`
      case 'string':
        return `p = ${slot < 0 ? 'values.skipText(p, end)' : `values.text(p, end, ${slot})`}; ${left}`
      case 'enum':
        return this.enumeration((type as avro.types.EnumType).symbols, slot)
      case 'bytes':
        return `p = values.skipText(p, end); ${left}${slot < 0 ? '' : `; kinds[${slot}] = ${OTHER}`}`
      default:
        return null
    }
  }

  private enumeration(symbols: readonly string[], slot: number): string | null {
    if (symbols.length > 64) return null // their index may take two bytes
    const known = `if (!(u8[p] < ${symbols.length * 2} && (u8[p] & 1) === 0)) return false`
    if (slot < 0) return `${known}; p++`
    const texts = symbols.map((symbol) => this.registers.keepText(symbol))
    const [starts, ends] = [this.bind(texts.map((text) => text.start)), this.bind(texts.map((text) => text.end))]
    return `${known}; kinds[${slot}] = ${TEXT}; starts[${slot}] = ${starts}[u8[p] >> 1]; ends[${slot}] = ${ends}[u8[p] >> 1]; p++`
  }

  private step(type: avro.Type, target: Target, depth: number): void {
    const step = this.bind(compileAvro(type, target, this.registers))
    this.lines.push(`p = values.step(p, from, end, ${depth}, ${step}); if (p < 0) return false`)
  }

  private bind(value: unknown): string {
    const name = `bound_${Object.keys(this.bindings).length}`
    this.bindings[name] = value
    return name
  }
}
