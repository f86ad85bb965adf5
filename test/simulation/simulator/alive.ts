/**
 * What is alive, by whose it is. The heap's size alone cannot tell a leak from the engine, which goes on compiling, optimising and taking
 * back for many hours: each such step leaves code, deoptimisation tables, lists of dependent code, feedback and shapes behind. A heap
 * snapshot collects everything first and knows the kind of each object; only sizes are read from it, while it streams by.
 */
import { getHeapSnapshot } from 'node:v8'

export interface Alive {
  /** Objects, arrays, strings, numbers, closures: what the program keeps. */
  readonly programBytes: number
  /** Code and what belongs to it, shapes of objects: what the engine keeps for itself. */
  readonly engineBytes: number
  /** Outside the heap: buffers. */
  readonly bufferBytes: number
}

interface Head {
  readonly snapshot: { readonly meta: { readonly node_fields: readonly string[]; readonly node_types: readonly [readonly string[]] } }
}

const ENGINE_KINDS: readonly string[] = ['code', 'object shape', 'hidden', 'synthetic']
const NODES = '"nodes":['

export async function alive(): Promise<Alive> {
  let head = Buffer.alloc(0)
  let sums: NodeSums | null = null
  for await (const chunk of getHeapSnapshot() as AsyncIterable<Buffer>) {
    let bytes = chunk
    if (sums === null) {
      head = Buffer.concat([head, chunk])
      const at = head.indexOf(NODES)
      if (at < 0) continue
      sums = new NodeSums(JSON.parse(`${head.toString('latin1', 0, at).trimEnd().slice(0, -1)}}`))
      bytes = head.subarray(at + NODES.length)
    }
    if (!sums.read(bytes)) break
  }
  if (sums === null) throw new Error('the engine wrote a heap snapshot without nodes')
  const total = (is: (kind: string) => boolean): number => sums.kinds.reduce((sum, kind, at) => sum + (is(kind) ? sums.bytes[at]! : 0), 0)
  return {
    programBytes: total((kind) => kind !== 'native' && !ENGINE_KINDS.includes(kind)),
    engineBytes: total((kind) => ENGINE_KINDS.includes(kind)),
    bufferBytes: total((kind) => kind === 'native'),
  }
}

const [ZERO, NINE, END] = [48, 57, 93]

/** Adds up the sizes of nodes of each kind, from a long list of numbers in writing. */
class NodeSums {
  readonly kinds: readonly string[]
  readonly bytes: number[]
  readonly #fields: number
  readonly #kindField: number
  readonly #sizeField: number
  #field = 0
  #number = 0
  #kind = 0
  #inNumber = false

  constructor({ snapshot: { meta } }: Head) {
    this.kinds = meta.node_types[0]
    this.bytes = this.kinds.map(() => 0)
    this.#fields = meta.node_fields.length
    this.#kindField = meta.node_fields.indexOf('type')
    this.#sizeField = meta.node_fields.indexOf('self_size')
  }

  /** False: the list is over. */
  read(bytes: Buffer): boolean {
    for (const code of bytes) {
      if (code >= ZERO && code <= NINE) {
        this.#number = 10 * this.#number + code - ZERO
        this.#inNumber = true
        continue
      }
      if (this.#inNumber) this.#take()
      if (code === END) return false
    }
    return true
  }

  #take(): void {
    if (this.#field === this.#kindField) this.#kind = this.#number
    if (this.#field === this.#sizeField) this.bytes[this.#kind]! += this.#number
    this.#field = (this.#field + 1) % this.#fields
    this.#number = 0
    this.#inNumber = false
  }
}
