/**
 * Values and their paths → an Avro record of the user's schema. What no value is given for takes the schema's default, else null where
 * that is allowed, else nought: a drill fills in what the policy maps and no more.
 */
import type avro from 'avsc'
import { isoTime } from '../kit/iso-time.ts'
import { isLeaf, type Leaf, type Tree, treeOf } from './json-record.ts'
import type { FieldValue, Placed } from './requests.ts'

type Node = Tree | Leaf | undefined
const NOTHING = Object.create(null) as Tree

/** The schema of the user's records cannot bear a drill's. */
export class NotInSchema extends Error {}

export function avroRecord(places: readonly Placed[], type: avro.Type): Buffer {
  return type.toBuffer(fitted(type, treeOf(places), ''))
}

type Fit = (type: avro.Type, node: Node, path: string) => unknown

const FITS: Readonly<Record<string, Fit>> = {
  record: fittedRecord,
  'union:wrapped': fittedUnion,
  map: (type, node, path) => {
    const { valuesType } = type as avro.types.MapType
    if (node === undefined || isLeaf(node)) return {}
    return Object.fromEntries(Object.entries(node).map(([step, below]) => [step, fitted(valuesType, below, `${path}.${step}`)]))
  },
  array: () => [],
  enum: fittedEnum,
  fixed: (type) => Buffer.alloc((type as avro.types.FixedType).size),
  bytes: () => Buffer.alloc(0),
  null: () => null,
  string: (_type, node) => textOf(givenIn(node)),
  boolean: (_type, node) => ['true', '1', 1, true].includes(givenIn(node) as string | number | boolean),
  int: (_type, node) => Math.round(numberOf(givenIn(node))),
  long: (_type, node) => Math.round(numberOf(givenIn(node))),
  float: (_type, node) => numberOf(givenIn(node)),
  double: (_type, node) => numberOf(givenIn(node)),
}

function fitted(type: avro.Type, node: Node, path: string): unknown {
  const fit = FITS[type.typeName]
  if (fit === undefined) throw new NotInSchema(`${path.slice(1)} is of the Avro type ${type.typeName}`)
  return fit(type, node, path)
}

function fittedRecord(type: avro.Type, node: Node, path: string): unknown {
  const below = node === undefined || isLeaf(node) ? NOTHING : node
  const fields = (type as avro.types.RecordType).fields.map((field) => {
    const given = below[field.name]
    const standing = given === undefined ? field.defaultValue() : undefined
    return [field.name, standing === undefined ? fitted(field.type, given, `${path}.${field.name}`) : standing] as const
  })
  return Object.fromEntries(fields)
}

function fittedUnion(type: avro.Type, node: Node, path: string): unknown {
  const { types } = type as avro.types.WrappedUnionType
  const branch = node === undefined ? (types.find(({ typeName }) => typeName === 'null') ?? types[0]!) : branchFor(types, node)
  if (branch === undefined) throw new NotInSchema(`${path.slice(1)} has no branch for what a drill writes there`)
  return branch.typeName === 'null' ? null : { [branch.branchName!]: fitted(branch, node, path) }
}

/** In the order in which a value is at home in them. */
const HOMES: Readonly<Record<'string' | 'number' | 'boolean' | 'time' | 'tree', readonly string[]>> = {
  string: ['string', 'enum', 'boolean', 'long', 'int', 'double', 'float'],
  number: ['double', 'float', 'long', 'int', 'string'],
  boolean: ['boolean', 'int', 'long', 'double', 'float', 'string'],
  time: ['long', 'string', 'double'],
  tree: ['record', 'map'],
}

function branchFor(types: readonly avro.Type[], node: Tree | Leaf): avro.Type | undefined {
  const homes = HOMES[isLeaf(node) ? homeOf(node.value) : 'tree']
  return homes.flatMap((home) => types.filter(({ typeName }) => typeName === home))[0]
}

function homeOf(value: FieldValue): 'string' | 'number' | 'boolean' | 'time' {
  return typeof value === 'object' ? 'time' : (typeof value as 'string' | 'number' | 'boolean')
}

function fittedEnum(type: avro.Type, node: Node, path: string): unknown {
  const { symbols } = type as avro.types.EnumType
  const value = givenIn(node)
  if (value === undefined) return symbols[0]
  if (symbols.includes(String(value))) return value
  throw new NotInSchema(`${path.slice(1)} is an enum without ${String(value)}`)
}

function givenIn(node: Node): FieldValue | undefined {
  return node !== undefined && isLeaf(node) ? node.value : undefined
}

function textOf(value: FieldValue | undefined): string {
  if (value === undefined) return ''
  return typeof value === 'object' ? isoTime(value.ms) : String(value)
}

function numberOf(value: FieldValue | undefined): number {
  if (value === undefined) return 0
  if (typeof value === 'object') return value.ms / value.scale
  const number = Number(value)
  return Number.isFinite(number) ? number : 0
}
