/** Values and their paths → a JSON record, as the user's own services would write it. */
import type { FieldValue, Placed } from './requests.ts'

/** Objects within objects; its leaves are values. */
export interface Tree {
  [step: string]: Tree | Leaf
}

export interface Leaf {
  readonly value: FieldValue
}

/** Of two values in one place the first stays. */
export function treeOf(places: readonly Placed[]): Tree {
  const root: Tree = Object.create(null) as Tree
  for (const { path, value } of places) put(root, path, { value })
  return root
}

function put(root: Tree, path: readonly string[], leaf: Leaf): void {
  let node = root
  for (const step of path.slice(0, -1)) {
    const below = (node[step] ??= Object.create(null) as Tree)
    if (isLeaf(below)) return
    node = below
  }
  node[path.at(-1)!] ??= leaf
}

/** Trees have no prototype, leaves have one: a field of the user's may be called `value` too. */
export function isLeaf(node: Tree | Leaf): node is Leaf {
  return Object.getPrototypeOf(node) !== null
}

export function jsonRecord(places: readonly Placed[]): Buffer {
  return Buffer.from(JSON.stringify(plain(treeOf(places))))
}

function plain(node: Tree | Leaf): unknown {
  if (isLeaf(node)) return typeof node.value === 'object' ? node.value.ms / node.value.scale : node.value
  return Object.fromEntries(Object.entries(node).map(([step, below]) => [step, plain(below)]))
}
