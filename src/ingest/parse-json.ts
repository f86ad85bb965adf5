/** The definition of reading JSON: JSON.parse, then the wanted places of its result. Slow, and right for everything. */
import type { Problem } from './decoder.ts'
import type { PathNode } from './fields.ts'
import { OTHER, type Registers } from './registers.ts'
import { shown } from './shown.ts'

/** Registers hold what JSON.parse makes of bytes [start, end); or why not. */
export function parseJson(bytes: Buffer, start: number, end: number, tree: PathNode, registers: Registers): Problem | null {
  registers.reset()
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8', start, end))
  } catch {
    return { reason: 'undecodable', detail: `not JSON: ${shown(bytes.toString('utf8', start, Math.min(end, start + 60)))}` }
  }
  if (!isObject(value)) return { reason: 'undecodable', detail: 'not a JSON object' }
  collect(value, tree, registers)
  return null
}

/** The wanted places of an object go to their registers. */
export function collect(value: object, tree: PathNode, registers: Registers): void {
  for (let index = 0; index < tree.names.length; index++) {
    const name = tree.names[index]!
    const member: unknown = Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
    const slot = tree.slots[index]!
    if (slot >= 0) registers.setValue(slot, member)
    const child = tree.children[index]!
    if (child === null || member === undefined || member === null) continue
    if (isObject(member)) collect(member, child, registers)
    else for (const below of child.below) registers.kinds[below] = OTHER
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
