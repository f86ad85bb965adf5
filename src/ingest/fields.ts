/**
 * Gives every place the policy names in a record its register, and says how to read each field from there.
 *
 * A constant or a default is read as if the record held it: scale and test apply to it too.
 */
import type { FieldPath, InputLayout } from '../policy/layout.ts'
import { ABSENT, Registers } from './registers.ts'

/** A field of the policy, bound to registers. */
export interface Field {
  /** For people: the role, and the place in the record when there is one. */
  readonly label: string
  readonly slot: number
  /** Register of the default; -1 when there is none. */
  readonly fallback: number
  readonly scale: number
  readonly test: FieldPath['test']
  readonly isTime: boolean
}

export interface FieldMap {
  readonly registers: Registers
  /** Register k holds the value at `paths[k]`. */
  readonly paths: readonly (readonly string[])[]
  field(role: string, path: FieldPath): Field
  optional(role: string, path: FieldPath | null): Field | null
}

export function mapFields(layout: InputLayout): FieldMap {
  const all = everyPath(layout)
  const paths = new Map<string, readonly string[]>()
  const constants = new Set<string | number>()
  for (const path of all) {
    if (path.constant !== null) constants.add(path.constant)
    else if (path.path.length === 0) throw new Error('a field path without steps needs a constant')
    else paths.set(JSON.stringify(path.path), path.path)
    if (path.default !== null) constants.add(path.default)
  }
  const pathKeys = [...paths.keys()]
  const constantList = [...constants]
  const constantSlot = (value: string | number) => pathKeys.length + constantList.indexOf(value)
  const field = (role: string, path: FieldPath): Field => ({
    label: path.constant !== null || path.path.join('.') === role ? role : `${role} (${path.path.join('.')})`,
    slot: path.constant !== null ? constantSlot(path.constant) : pathKeys.indexOf(JSON.stringify(path.path)),
    fallback: path.default === null ? -1 : constantSlot(path.default),
    scale: path.scale,
    test: path.test,
    isTime: path.isTime,
  })
  return {
    registers: new Registers(pathKeys.length, constantList),
    paths: [...paths.values()],
    field,
    optional: (role, path) => (path === null ? null : field(role, path)),
  }
}

function everyPath(layout: InputLayout): readonly FieldPath[] {
  const roles = Object.values(layout.fields).filter((path) => path !== null)
  const slots = [...layout.numbers, ...layout.symbols, ...layout.dimensions].map((slot) => slot.path)
  return [...roles, ...slots]
}

/** The register that counts: the record's, or the default's when the record has none. */
export function registerOf(registers: Registers, field: Field): number {
  return field.fallback >= 0 && registers.kinds[field.slot] === ABSENT ? field.fallback : field.slot
}

/** Wanted places as a tree of keys: what the decoders walk along. */
export interface PathNode {
  readonly keys: readonly Buffer[]
  readonly names: readonly string[]
  /** Register per key; -1 when only places below it are wanted. */
  readonly slots: readonly number[]
  readonly children: readonly (PathNode | null)[]
  /** Every register at or below this node. */
  readonly below: readonly number[]
}

export function pathTree(paths: readonly (readonly string[])[]): PathNode {
  return node(paths.map((path, slot) => ({ path, slot })))
}

function node(wanted: readonly { readonly path: readonly string[]; readonly slot: number }[]): PathNode {
  const names = [...new Set(wanted.map((one) => one.path[0]!))]
  const under = names.map((name) => wanted.filter((one) => one.path[0] === name))
  return {
    names,
    keys: names.map((name) => Buffer.from(name)),
    slots: under.map((list) => list.find((one) => one.path.length === 1)?.slot ?? -1),
    children: under.map((list) => {
      const deeper = list.filter((one) => one.path.length > 1).map((one) => ({ path: one.path.slice(1), slot: one.slot }))
      return deeper.length === 0 ? null : node(deeper)
    }),
    below: wanted.map((one) => one.slot),
  }
}
