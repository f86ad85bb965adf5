/** Reads Avro records, plain (one schema for the topic) or in the Confluent wire format (byte 0, schema id, then the record). */
import type avro from 'avsc'
import type { RecordBatch } from '../domain.ts'
import { AvroCursor, CORRUPT } from './avro-cursor.ts'
import { type AvroStep, compileAvro } from './avro-steps.ts'
import type { Problem, RecordDecoder } from './decoder.ts'
import type { PathNode } from './fields.ts'
import type { Registers } from './registers.ts'
import type { SchemaRegistry } from './schemas.ts'

const PREFIX_BYTES = 5

export class AvroDecoder implements RecordDecoder {
  private readonly tree: PathNode
  private readonly registers: Registers
  private readonly cursor: AvroCursor
  private readonly plain: AvroStep | null
  private readonly registry: SchemaRegistry | null
  private readonly steps = new Map<number, AvroStep>()
  private lastId = -1
  private lastStep: AvroStep | null = null

  /** Either the topic's schema or a registry. */
  constructor(tree: PathNode, registers: Registers, schema: avro.Type | null, registry: SchemaRegistry | null) {
    this.tree = tree
    this.registers = registers
    this.cursor = new AvroCursor(registers)
    this.plain = schema === null ? null : compileAvro(schema, tree)
    this.registry = registry
  }

  prepare(records: RecordBatch): Promise<void> | null {
    const { registry } = this
    if (registry === null) return null
    const wanted = new Set<number>()
    let last = -1
    for (let row = 0; row < records.count; row++) {
      const id = schemaId(records.bytes, records.valueStart[row]!, records.valueEnd[row]!)
      if (id === last || id < 0) continue
      last = id
      if (registry.wants(id)) wanted.add(id)
    }
    return wanted.size === 0 ? null : registry.load([...wanted])
  }

  begin(records: RecordBatch): void {
    this.registers.record = records.bytes
    this.cursor.open(records.bytes)
  }

  decode(start: number, end: number): Problem | null {
    if (this.registry === null) return this.readRecord(this.plain!, start, end)
    const id = schemaId(this.cursor.bytes, start, end)
    if (id < 0) return { reason: 'undecodable', detail: 'no Confluent prefix' }
    const step = this.stepOf(id, this.registry)
    if (step === null) return { reason: 'unknown-schema', detail: this.registry.missing(id) }
    return this.readRecord(step, start + PREFIX_BYTES, end)
  }

  private stepOf(id: number, registry: SchemaRegistry): AvroStep | null {
    if (id === this.lastId) return this.lastStep
    let step = this.steps.get(id) ?? null
    if (step === null) {
      const schema = registry.find(id)
      if (schema === null) return null
      step = compileAvro(schema, this.tree)
      this.steps.set(id, step)
    }
    this.lastId = id
    this.lastStep = step
    return step
  }

  private readRecord(step: AvroStep, start: number, end: number): Problem | null {
    const { cursor } = this
    cursor.start = cursor.at = start
    cursor.stop = end
    cursor.depth = 0
    this.registers.reset()
    try {
      step(cursor)
    } catch (error) {
      if (error !== CORRUPT) throw error
      return { reason: 'undecodable', detail: `corrupt Avro: ${cursor.problem}` }
    }
    if (cursor.at !== end) return { reason: 'undecodable', detail: `corrupt Avro: ${end - cursor.at} bytes after the record` }
    return null
  }
}

/** -1 when there is no prefix. */
function schemaId(bytes: Buffer, start: number, end: number): number {
  if (start < 0 || end - start < PREFIX_BYTES || bytes[start] !== 0) return -1
  return bytes.readUInt32BE(start + 1)
}
