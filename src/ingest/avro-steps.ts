/**
 * Compiles an Avro schema, and the places wanted in it, to steps: each reads one value, into a register or over it.
 *
 * avsc parses the schema (names, namespaces, recursion); the bytes are read here, because only the wanted places are needed and because
 * every count has to be checked. The writer's schema is the only one: the tree of wanted places is the projection.
 */
import { isUtf8 } from 'node:buffer'
import type avro from 'avsc'
import type { AvroCursor } from './avro-cursor.ts'
import type { PathNode } from './fields.ts'
import { ABSENT, FALSE, LONG, OTHER, type Registers, TEXT, TRUE } from './registers.ts'

export type AvroStep = (cursor: AvroCursor) => void

/** Where a value goes: a register, the places below it, neither (it is stepped over), or both. */
export interface Target {
  readonly slot: number
  readonly below: PathNode | null
}

export const NOWHERE: Target = { slot: -1, below: null }

export function compileAvro(schema: avro.Type, target: Target, registers: Registers): AvroStep {
  return new Compiler(registers).step(schema, target)
}

class Compiler {
  private readonly registers: Registers
  /** Recursive schemas: a step that is being compiled is found here and called later. */
  private readonly steps = new Map<avro.Type, Map<string, { step: AvroStep }>>()
  private readonly nodes: (PathNode | null)[] = [null]

  constructor(registers: Registers) {
    this.registers = registers
  }

  step(type: avro.Type, target: Target): AvroStep {
    const key = `${target.slot}/${this.nodeNumber(target.below)}`
    const known = this.steps.get(type)?.get(key)
    if (known !== undefined) return (cursor) => known.step(cursor)
    const holder = { step: (_: AvroCursor): void => undefined }
    if (!this.steps.has(type)) this.steps.set(type, new Map())
    this.steps.get(type)!.set(key, holder)
    holder.step = this.compile(type, target)
    return holder.step
  }

  private nodeNumber(node: PathNode | null): number {
    if (!this.nodes.includes(node)) this.nodes.push(node)
    return this.nodes.indexOf(node)
  }

  private compile(type: avro.Type, target: Target): AvroStep {
    switch (type.typeName) {
      case 'record':
      case 'error':
        return this.record(type as avro.types.RecordType, target)
      case 'array':
        return this.array((type as avro.types.ArrayType).itemsType, target)
      case 'map':
        return this.map((type as avro.types.MapType).valuesType, target)
      case 'union:wrapped':
      case 'union:unwrapped':
        return this.union((type as avro.types.WrappedUnionType).types, target)
      case 'null':
        return () => undefined
      default:
        if (type.typeName.startsWith('logical:')) return this.step((type as avro.types.LogicalType).underlyingType, target)
        return leaf(type, target, this.registers)
    }
  }

  private record(type: avro.types.RecordType, target: Target): AvroStep {
    const steps = type.fields.map((field) => this.step(field.type, member(target.below, field.name)))
    const { slot } = target
    return (cursor) => {
      cursor.enter()
      if (slot >= 0) cursor.registers.kinds[slot] = OTHER
      for (let index = 0; index < steps.length; index++) steps[index]!(cursor)
      cursor.depth--
    }
  }

  private array(items: avro.Type, target: Target): AvroStep {
    const step = this.step(items, NOWHERE)
    const empty = takesNoBytes(items, new Set())
    return (cursor) => {
      cursor.enter()
      markOther(cursor, target)
      for (let count = cursor.block(); count !== 0; count = cursor.block()) {
        if (!empty) while (count-- > 0) step(cursor)
      }
      cursor.depth--
    }
  }

  private map(values: avro.Type, target: Target): AvroStep {
    const skip = this.step(values, NOWHERE)
    const { below, slot } = target
    const wanted = below === null ? [] : below.names.map((name) => ({ name, target: member(below, name) }))
    const steps = wanted.map((one) => this.step(values, one.target))
    return (cursor) => {
      cursor.enter()
      if (slot >= 0) cursor.registers.kinds[slot] = OTHER
      for (let count = cursor.block(); count !== 0; count = cursor.block()) {
        while (count-- > 0) {
          const index = below === null ? skipText(cursor) : keyIndex(cursor, below)
          if (index < 0) skip(cursor)
          else {
            forget(cursor, wanted[index]!.target) // the last of equal keys counts
            steps[index]!(cursor)
          }
        }
      }
      cursor.depth--
    }
  }

  private union(types: readonly avro.Type[], target: Target): AvroStep {
    const steps = types.map((type) => this.step(type, target))
    return (cursor) => steps[cursor.index(steps.length, 'union branch')]!(cursor)
  }
}

export function member(node: PathNode | null, name: string): Target {
  const index = node === null ? -1 : node.names.indexOf(name)
  return index < 0 ? NOWHERE : { slot: node!.slots[index]!, below: node!.children[index]! }
}

/** A value that is no object stands where places inside it are wanted. */
function markOther(cursor: AvroCursor, target: Target): void {
  const { kinds } = cursor.registers
  if (target.slot >= 0) kinds[target.slot] = OTHER
  if (target.below !== null) for (const slot of target.below.below) kinds[slot] = OTHER
}

function forget(cursor: AvroCursor, target: Target): void {
  const { kinds } = cursor.registers
  if (target.slot >= 0) kinds[target.slot] = ABSENT
  if (target.below !== null) for (const slot of target.below.below) kinds[slot] = ABSENT
}

function skipText(cursor: AvroCursor): -1 {
  cursor.skip(cursor.length())
  return -1
}

function keyIndex(cursor: AvroCursor, node: PathNode): number {
  const length = cursor.length()
  const from = cursor.at
  cursor.at += length
  for (let index = 0; index < node.keys.length; index++) {
    const key = node.keys[index]!
    if (key.length === length && key.compare(cursor.bytes, from, from + length) === 0) return index
  }
  return -1
}

/** An array of nothing can claim any count: its items are not visited. */
function takesNoBytes(type: avro.Type, seen: Set<avro.Type>): boolean {
  if (seen.has(type)) return false
  seen.add(type)
  if (type.typeName === 'null') return true
  if (type.typeName === 'fixed') return (type as avro.types.FixedType).size === 0
  return type.typeName === 'record' && (type as avro.types.RecordType).fields.every((field) => takesNoBytes(field.type, seen))
}

function leaf(type: avro.Type, target: Target, registers: Registers): AvroStep {
  const value = leafValue(type, target.slot, registers)
  const { below } = target
  if (below === null) return value
  return (cursor) => {
    markOther(cursor, { slot: -1, below })
    value(cursor)
  }
}

function leafValue(type: avro.Type, slot: number, registers: Registers): AvroStep {
  switch (type.typeName) {
    case 'int':
    case 'long':
      return slot < 0 ? (cursor) => void cursor.long() : (cursor) => readLong(cursor, slot)
    case 'float':
      return slot < 0 ? (cursor) => void cursor.float() : (cursor) => cursor.registers.setNumber(slot, cursor.float())
    case 'double':
      return slot < 0 ? (cursor) => void cursor.double() : (cursor) => cursor.registers.setNumber(slot, cursor.double())
    case 'boolean':
      return (cursor) => {
        const kind = cursor.boolean() ? TRUE : FALSE
        if (slot >= 0) cursor.registers.kinds[slot] = kind
      }
    case 'string':
      return slot < 0 ? skipText : (cursor) => readText(cursor, slot)
    case 'enum':
      return enumeration((type as avro.types.EnumType).symbols, slot, registers)
    case 'bytes':
      return skipped(slot, (cursor) => cursor.length())
    case 'fixed': {
      const { size } = type as avro.types.FixedType
      return skipped(slot, () => size)
    }
    default:
      throw new Error(`Avro type ${type.typeName} is not known`)
  }
}

function skipped(slot: number, length: (cursor: AvroCursor) => number): AvroStep {
  return (cursor) => {
    cursor.skip(length(cursor))
    if (slot >= 0) cursor.registers.kinds[slot] = OTHER
  }
}

function readLong(cursor: AvroCursor, slot: number): void {
  const value = cursor.long()
  const { registers } = cursor
  registers.setNumber(slot, value)
  if (cursor.digits !== '') registers.setText(slot, cursor.digits, LONG)
}

function readText(cursor: AvroCursor, slot: number): void {
  const length = cursor.length()
  const { registers, bytes } = cursor
  const from = cursor.at
  const to = from + length
  cursor.at = to
  let at = from
  while (at < to && bytes[at]! < 128) at++
  if (at < to && !isUtf8(bytes.subarray(at, to))) registers.setText(slot, bytes.toString('utf8', from, to), TEXT)
  else registers.setRange(slot, from, to)
}

function enumeration(symbols: readonly string[], slot: number, registers: Registers): AvroStep {
  if (slot < 0) return (cursor) => void cursor.index(symbols.length, 'enum symbol')
  const texts = symbols.map((symbol) => registers.keepText(symbol))
  return (cursor) => {
    const text = texts[cursor.index(texts.length, 'enum symbol')]!
    registers.kinds[slot] = TEXT
    registers.starts[slot] = text.start
    registers.ends[slot] = text.end
  }
}
