/** How the user's predictions topic is written: by which schema, and with what before the bytes. */
import { readdirSync } from 'node:fs'
import type avro from 'avsc'
import { fileSchema, SchemaRegistry } from '../ingest/schemas.ts'
import type { EventLog } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { InputLayout } from '../policy/layout.ts'
import { avroRecord, NotInSchema } from './avro-record.ts'
import { jsonRecord } from './json-record.ts'
import type { Placed } from './requests.ts'

export type WriteRecord = (places: readonly Placed[]) => Buffer

const MAGIC = 0
const PREFIX_BYTES = 5
const LOOKED_AT = 20

/** Ready to write, with any schema that it takes at hand. */
export async function recordFormat(input: InputLayout, topic: string, log: EventLog, clock: Clock, model: string): Promise<WriteRecord> {
  if (input.format === 'json') return jsonRecord
  if (input.format === 'avro') return avroFormat(fileSchema(input.schemaFile!), Buffer.alloc(0), model)
  const registry = input.registry!
  const id = (await newestSchemaId(log, topic)) ?? highestSchemaId(registry)
  if (id === null) throw unusable(model, `no record on ${topic} tells which schema its records have`)
  const schemas = new SchemaRegistry(registry, clock)
  await schemas.load([id])
  const type = schemas.find(id)
  if (type === null) throw unusable(model, schemas.missing(id))
  return avroFormat(type, prefixOf(id), model)
}

function avroFormat(type: avro.Type, prefix: Buffer, model: string): WriteRecord {
  return (places) => {
    try {
      return Buffer.concat([prefix, avroRecord(places, type)])
    } catch (error) {
      if (error instanceof NotInSchema) throw unusable(model, `the Avro schema of its predictions: ${error.message}`)
      throw error
    }
  }
}

function unusable(model: string, problem: string): FlyballError {
  return new FlyballError('FLY-DRILL-003', { model, problem })
}

function prefixOf(id: number): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES, MAGIC)
  prefix.writeUInt32BE(id, 1)
  return prefix
}

/** Of the record that was written last: the schema that the user's services use now. */
async function newestSchemaId(log: EventLog, topic: string): Promise<number | null> {
  const reader = log.reader()
  let newest = { timestampMs: Number.NEGATIVE_INFINITY, id: null as number | null }
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      await reader.readRange(topic, partition, Math.max(start, end - LOOKED_AT), end, ({ value, timestampMs }) => {
        if (value !== null && value.length >= PREFIX_BYTES && value[0] === MAGIC && timestampMs >= newest.timestampMs)
          newest = { timestampMs, id: value.readUInt32BE(1) }
      })
    }
  } finally {
    await reader.close()
  }
  return newest.id
}

function highestSchemaId({ kind, location }: NonNullable<InputLayout['registry']>): number | null {
  if (kind === 'http') return null
  const ids = readdirSync(location).flatMap((name) => (/^\d+\.avsc$/.test(name) ? [Number.parseInt(name, 10)] : []))
  return ids.length === 0 ? null : Math.max(...ids)
}
