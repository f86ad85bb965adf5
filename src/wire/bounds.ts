/**
 * Looks through Avro bytes before they are decoded: every length, count and index is held against what is left, nothing is allocated.
 * A decoder that believes a corrupt count of 2^40 takes the whole process down with it.
 */

/** The part of an Avro schema that matters for sizes. */
export type SchemaJson = string | readonly SchemaJson[] | SchemaNode

interface SchemaNode {
  readonly type: SchemaJson
  readonly name?: string
  readonly fields?: readonly { readonly type: SchemaJson }[]
  readonly items?: SchemaJson
  readonly values?: SchemaJson
  readonly symbols?: readonly string[]
}

interface Cursor {
  readonly bytes: Uint8Array
  at: number
}

/** Moves the cursor over one value, or throws. */
type Walk = (cursor: Cursor) => void

/** Builds a check for one schema. The check throws when the bytes are not exactly one value of it. */
export function boundsCheck(schema: SchemaJson): (bytes: Uint8Array) => void {
  const walk = compile(schema, new Map())
  return (bytes) => {
    const cursor = { bytes, at: 0 }
    walk(cursor)
    if (cursor.at !== bytes.length) throw new Error(`${bytes.length - cursor.at} bytes too many`)
  }
}

function compile(schema: SchemaJson, named: Map<string, Walk>): Walk {
  if (typeof schema === 'string') return primitive(schema, named)
  if (Array.isArray(schema)) return union(schema.map((branch) => compile(branch, named)))
  const node = schema as SchemaNode
  if (node.type === 'record') return record(node, named)
  if (node.type === 'enum') return remember(node, named, (cursor) => index(cursor, node.symbols!.length))
  if (node.type === 'array') return repeated(compile(node.items!, named))
  if (node.type === 'map') return repeated(sequence([skipBytes, compile(node.values!, named)]))
  return compile(node.type, named)
}

function primitive(name: string, named: ReadonlyMap<string, Walk>): Walk {
  if (name === 'null') return () => {}
  if (name === 'boolean') return (cursor) => skip(cursor, 1)
  if (name === 'int') return readInt
  if (name === 'long') return readLong
  if (name === 'float') return (cursor) => skip(cursor, 4)
  if (name === 'double') return (cursor) => skip(cursor, 8)
  if (name === 'bytes' || name === 'string') return skipBytes
  const walk = named.get(name)
  if (walk === undefined) throw new Error(`schema names an unknown type ${name}`)
  return walk
}

function record(node: SchemaNode, named: Map<string, Walk>): Walk {
  if (node.fields!.length === 0) throw new Error(`record ${node.name} has no fields: its count could not be checked`)
  return remember(node, named, sequence(node.fields!.map((field) => compile(field.type, named))))
}

function remember(node: SchemaNode, named: Map<string, Walk>, walk: Walk): Walk {
  named.set(node.name!, walk)
  return walk
}

function sequence(parts: readonly Walk[]): Walk {
  return (cursor) => {
    for (const part of parts) part(cursor)
  }
}

function union(branches: readonly Walk[]): Walk {
  return (cursor) => branches[index(cursor, branches.length)]!(cursor)
}

/** Arrays and maps: blocks of items, each at least one byte long, until a block of none. */
function repeated(item: Walk): Walk {
  return (cursor) => {
    for (let count = readLong(cursor); count !== 0; count = readLong(cursor)) {
      if (count < 0) {
        count = -count
        readLong(cursor)
      }
      if (count > cursor.bytes.length - cursor.at) throw new Error(`count ${count} at byte ${cursor.at} is more than what is left`)
      for (let left = count; left > 0; left--) item(cursor)
    }
  }
}

function index(cursor: Cursor, limit: number): number {
  const value = readLong(cursor)
  if (value < 0 || value >= limit) throw new Error(`index ${value} at byte ${cursor.at} is not below ${limit}`)
  return value
}

function skipBytes(cursor: Cursor): void {
  const length = readLong(cursor)
  if (length < 0) throw new Error(`negative length at byte ${cursor.at}`)
  skip(cursor, length)
}

function skip(cursor: Cursor, length: number): void {
  if (length > cursor.bytes.length - cursor.at)
    throw new Error(`${length} bytes wanted at byte ${cursor.at}, ${cursor.bytes.length - cursor.at} are left`)
  cursor.at += length
}

/** avsc hands an `int` out as large as it finds it. */
function readInt(cursor: Cursor): void {
  const value = readLong(cursor)
  if (value !== (value | 0)) throw new Error(`${value} before byte ${cursor.at} is no int`)
}

/** Zigzag varint of up to ten bytes, as a number (exact below 2^53, and only its size matters above). */
function readLong(cursor: Cursor): number {
  let raw = 0
  let factor = 1
  for (let digits = 0; digits < 10; digits++) {
    const byte = cursor.bytes[cursor.at]
    if (byte === undefined) throw new Error(`ends inside a number at byte ${cursor.at}`)
    cursor.at++
    raw += (byte & 127) * factor
    factor *= 128
    if (byte < 128) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
  }
  throw new Error(`number of more than ten bytes at byte ${cursor.at}`)
}
