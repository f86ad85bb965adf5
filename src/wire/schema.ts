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

export type SchemaName = 'panes' | 'checkpoints' | 'state' | 'control' | 'acks' | 'requests' | 'alerts' | 'decisions' | 'deliveries'

/** Avro bytes of one schema to plain objects and back. */
export interface AvroCodec {
  encode(value: object): Buffer
  /** Throws FLY-WIRE-001 when the bytes are not exactly one such record. */
  decode(bytes: Uint8Array): unknown
  /** As encode, when the caller knows that `bytesMax` is enough (avsc would encode twice to find out). */
  encodeWithin(value: object, bytesMax: number): Buffer
}

/** The schema is read and compiled when the first record of it is met: most programs meet few of them. */
export function avroCodec(name: SchemaName): AvroCodec {
  let known: Compiled | null = null
  const compiled = (): Compiled => (known ??= compile(name))
  return {
    encode: (value) => {
      const { type } = compiled()
      return explained(name, type, value, () => type.toBuffer(value))
    },
    encodeWithin: (value, bytesMax) => {
      const { type } = compiled()
      return explained(name, type, value, () => encodeWithin(type, value, bytesMax))
    },
    decode: (bytes) => {
      const { type, check } = compiled()
      return undecodableAs(name, () => decodeChecked(type, check, bytes))
    },
  }
}

interface Compiled {
  readonly type: avro.Type
  readonly check: (bytes: Uint8Array) => void
}

function compile(name: SchemaName): Compiled {
  const schema = JSON.parse(readFileSync(join(schemaFolder(), `${name}.avsc`), 'utf8')) as SchemaJson
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

function decodeChecked(type: avro.Type, check: (bytes: Uint8Array) => void, bytes: Uint8Array): unknown {
  check(bytes)
  return type.fromBuffer(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
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
