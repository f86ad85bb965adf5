/**
 * Who holds the buffers: for each the shortest way to it from what the program starts out from, told by the names along it. For whoever
 * looks for what grows: it reads a whole heap snapshot, which takes seconds.
 */
import { getHeapSnapshot } from 'node:v8'

export interface Holder {
  /** Names of fields and classes on the way, the last ones first. */
  readonly way: string
  readonly buffers: number
  readonly bytes: number
}

interface Snapshot {
  readonly snapshot: {
    readonly meta: {
      readonly node_fields: readonly string[]
      readonly node_types: readonly [readonly string[]]
      readonly edge_fields: readonly string[]
      readonly edge_types: readonly [readonly string[]]
    }
  }
  readonly nodes: readonly number[]
  readonly edges: readonly number[]
  readonly strings: readonly string[]
}

/** Names of a way that say enough. */
const NAMES = 5
/** Names that say nothing: what lies between a field and its memory. */
const SILENT: readonly string[] = ['Object', 'Array', 'ArrayBuffer', 'Buffer', 'system / Context', 'system / JSArrayBufferData']
const AT_HAND = '(Stack roots)'
const NONE = -1

/** The largest first. */
export async function holdersOfBuffers(): Promise<readonly Holder[]> {
  const graph = new HeapGraph(JSON.parse(await written()) as Snapshot)
  const found = new Map<string, { buffers: number; bytes: number }>()
  for (const node of graph.buffers()) {
    const way = graph.wayTo(node)
    const sum = found.get(way) ?? { buffers: 0, bytes: 0 }
    found.set(way, { buffers: sum.buffers + 1, bytes: sum.bytes + graph.bytesOf(node) })
  }
  return [...found].map(([way, sum]) => ({ way, ...sum })).sort((one, other) => other.bytes - one.bytes)
}

export function holderLine({ way, buffers, bytes }: Holder): string {
  return `  ${(bytes / 1024).toFixed(1)} KiB in ${buffers}: ${way}`
}

async function written(): Promise<string> {
  const parts: string[] = []
  for await (const part of getHeapSnapshot().setEncoding('utf8') as AsyncIterable<string>) parts.push(part)
  return parts.join('')
}

class HeapGraph {
  readonly #snapshot: Snapshot
  readonly #nodeFields: number
  readonly #edgeFields: number
  /** Place of each node's first edge, and behind the last one. */
  readonly #firstEdge: Int32Array
  /** The edge by which a node was reached first, and the node it comes from. */
  readonly #edgeTo: Int32Array
  readonly #from: Int32Array
  readonly #count: number
  readonly #weak: number

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot
    this.#nodeFields = snapshot.snapshot.meta.node_fields.length
    this.#edgeFields = snapshot.snapshot.meta.edge_fields.length
    this.#count = snapshot.nodes.length / this.#nodeFields
    this.#weak = snapshot.snapshot.meta.edge_types[0].indexOf('weak')
    this.#firstEdge = new Int32Array(this.#count + 1)
    for (let node = 0; node < this.#count; node++) this.#firstEdge[node + 1] = this.#firstEdge[node]! + this.#node(node, 'edge_count')
    this.#edgeTo = new Int32Array(this.#count).fill(NONE)
    this.#from = new Int32Array(this.#count).fill(NONE)
    this.#walk()
  }

  *buffers(): Iterable<number> {
    for (let node = 0; node < this.#count; node++) {
      if (this.#kindOf(node) === 'native' && this.bytesOf(node) > 0) yield node
    }
  }

  bytesOf(node: number): number {
    return this.#node(node, 'self_size')
  }

  wayTo(node: number): string {
    const names: string[] = []
    for (let at = node; at > 0 && names.length < NAMES; at = this.#from[at]!) {
      const name = this.#nameOf(at)
      if (!SILENT.includes(name)) names.push(name)
      const field = this.#fieldOf(this.#edgeTo[at]!)
      if (field !== null && field !== 'buffer' && field !== 'backing_store') names.push(`.${field}`)
    }
    return names.join(' of ')
  }

  /**
   * Breadth first: the first way found is the shortest. What is held weakly is not held. What functions under way have at hand comes last:
   * it lies right at the root, and says nothing of who keeps it.
   */
  #walk(): void {
    const queue = new Int32Array(this.#count)
    const atHand: number[] = []
    let [at, end] = [0, 1]
    const walk = (): void => {
      for (; at < end; at++) {
        if (this.#nameOf(queue[at]!) === AT_HAND) atHand.push(queue[at]!)
        else end = this.#reach(queue[at]!, queue, end)
      }
    }
    walk()
    for (const node of atHand.splice(0)) end = this.#reach(node, queue, end)
    walk()
  }

  /** Puts the nodes that nobody has led to yet at the end of the queue. */
  #reach(node: number, queue: Int32Array, from: number): number {
    let end = from
    for (let edge = this.#firstEdge[node]!; edge < this.#firstEdge[node + 1]!; edge++) {
      const to = this.#edge(edge, 'to_node') / this.#nodeFields
      if (to === 0 || this.#from[to] !== NONE || this.#edge(edge, 'type') === this.#weak) continue
      this.#from[to] = node
      this.#edgeTo[to] = edge
      queue[end++] = to
    }
    return end
  }

  #node(node: number, field: string): number {
    return this.#snapshot.nodes[node * this.#nodeFields + this.#snapshot.snapshot.meta.node_fields.indexOf(field)]!
  }

  #edge(edge: number, field: string): number {
    return this.#snapshot.edges[edge * this.#edgeFields + this.#snapshot.snapshot.meta.edge_fields.indexOf(field)]!
  }

  #kindOf(node: number): string {
    return this.#snapshot.snapshot.meta.node_types[0][this.#node(node, 'type')]!
  }

  #nameOf(node: number): string {
    return this.#snapshot.strings[this.#node(node, 'name')]!.slice(0, 40)
  }

  /** Places in lists and the engine's own links have no name. */
  #fieldOf(edge: number): string | null {
    if (edge === NONE) return null
    const kind = this.#snapshot.snapshot.meta.edge_types[0][this.#edge(edge, 'type')]!
    if (kind !== 'property' && kind !== 'context') return null
    return this.#snapshot.strings[this.#edge(edge, 'name_or_index')]!.slice(0, 40)
  }
}
