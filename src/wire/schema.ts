/**
 * From a file in `schemas/` to a codec. The files are the only truth about the wire: nothing here knows a field.
 * They are looked up from this module upwards, so that it works from `src/`, from `dist/` and from an installed package.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import avro from 'avsc'
import { FlyballError } from '../kit/errors.ts'
import { boundsCheck, type SchemaJson } from './bounds.ts'

export type SchemaName =
  | 'panes'
  | 'checkpoints'
  | 'state'
  | 'control'
  | 'acks'
  | 'requests'
  | 'alerts'
  | 'decisions'
  | 'deliveries'
  | 'silences'
  | 'acknowledgements'

/** Avro bytes of one schema to plain objects and back. */
export interface AvroCodec {
  encode(value: object): Buffer
  /** Throws FLY-WIRE-001 when the bytes are not exactly one such record. `version`: of the schema that wrote them; absent: the newest. */
  decode(bytes: Uint8Array, version?: number): unknown
  /** As encode, when the caller knows that `bytesMax` is enough (avsc would encode twice to find out). */
  encodeWithin(value: object, bytesMax: number): Buffer
}

/**
 * The schema is read and compiled when the first record of it is met: most programs meet few of them. `newest` is the version of
 * `<name>.avsc`; those before it are kept as `<name>.<version>.avsc`, and what they wrote is resolved to the newest by Avro's rules.
 */
export function avroCodec(name: SchemaName, newest = 1): AvroCodec {
  let known: Compiled | null = null
  const compiled = (): Compiled => (known ??= compile(name))
  const older = new Map<number, Older>()
  const olderOf = (version: number): Older => {
    const found = older.get(version) ?? compileOlder(name, version, newest, compiled().type)
    older.set(version, found)
    return found
  }
  return {
    encode: (value) => {
      const { type } = compiled()
      return explained(name, type, value, () => type.toBuffer(value))
    },
    encodeWithin: (value, bytesMax) => {
      const { type } = compiled()
      return explained(name, type, value, () => encodeWithin(type, value, bytesMax))
    },
    decode: (bytes, version = newest) => {
      const { type, check } = compiled()
      const { resolver, check: checkOf } = version === newest ? { resolver: undefined, check } : olderOf(version)
      return undecodableAs(name, () => decodeChecked(type, checkOf, bytes, resolver))
    },
  }
}

interface Compiled {
  readonly type: avro.Type
  readonly check: (bytes: Uint8Array) => void
}

interface Older {
  readonly resolver: avro.Resolver
  readonly check: (bytes: Uint8Array) => void
}

function compileOlder(name: SchemaName, version: number, newest: number, type: avro.Type): Older {
  if (!Number.isInteger(version) || version < 1 || version > newest) {
    const problem = `it names version ${version} of its schema, versions 1 to ${newest} are known`
    throw new FlyballError('FLY-WIRE-001', { record: name, problem })
  }
  const older = compile(`${name}.${version}`)
  return { resolver: type.createResolver(older.type), check: older.check }
}

function compile(file: string): Compiled {
  const schema = JSON.parse(readFileSync(join(schemaFolder(), `${file}.avsc`), 'utf8')) as SchemaJson
  const type = avro.Type.forSchema(schema as avro.Schema, { wrapUnions: Array.isArray(schema) ? 'always' : 'never' })
  return { type, check: boundsCheck(schema) }
}

/** Runs a decoding step; whatever goes wrong in it is the record's fault. */
export function undecodableAs<T>(record: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof FlyballError) throw error
    const problem = error instanceof Error ? error.message : String(error)
    throw new FlyballError('FLY-WIRE-001', { record, problem }, { cause: error })
  }
}

function decodeChecked(type: avro.Type, check: (bytes: Uint8Array) => void, bytes: Uint8Array, resolver?: avro.Resolver): unknown {
  check(bytes)
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return type.fromBuffer(buffer, resolver)
}

function encodeWithin(type: avro.Type, value: object, bytesMax: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytesMax)
  const end = type.encode(value, buffer)
  if (end < 0) throw new Error(`${-end} bytes more than the ${bytesMax} expected`)
  return buffer.subarray(0, end)
}

/** avsc says what is wrong, but not where: name the field. */
function explained(name: SchemaName, type: avro.Type, value: object, step: () => Buffer): Buffer {
  try {
    return step()
  } catch (error) {
    const wrong: string[] = []
    type.isValid(value, { errorHook: (path, found) => wrong.push(`${path.join('.')} = ${String(found)}`) })
    throw new Error(`cannot encode ${name}: ${wrong.join(', ') || String(error)}`, { cause: error })
  }
}

let folder = ''

function schemaFolder(): string {
  if (folder !== '') return folder
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, 'schemas', 'control.avsc'))) return (folder = join(at, 'schemas'))
  }
  throw new Error('the folder schemas/ is not beside the program')
}
