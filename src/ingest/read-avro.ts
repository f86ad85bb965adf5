/** Reads Avro records, plain (one schema for the topic) or in the Confluent wire format (byte 0, schema id, then the record). */
import type avro from 'avsc'
import type { RecordBatch } from '../domain.ts'
import { AvroCursor, CORRUPT } from './avro-cursor.ts'
import { compileShape } from './avro-shape.ts'
import { type AvroStep, compileAvro } from './avro-steps.ts'
import { AvroValues } from './avro-values.ts'
import type { Problem, Reading, RecordDecoder } from './decoder.ts'
import { hasRoom, type RowProgram, type Shape } from './row-code.ts'
import type { SchemaRegistry } from './schemas.ts'

const PREFIX_BYTES = 5

/** How records of one schema are read: any of them, and the usual ones. */
interface SchemaReader {
  readonly id: number
  readonly step: AvroStep
  readonly shape: Shape | null
}

export class AvroDecoder implements RecordDecoder {
  /** Records read by compiled shapes, and by the general reader. */
  readonly used = { program: 0, steps: 0 }
  private readonly reading: Reading
  private readonly cursor: AvroCursor
  private readonly values: AvroValues
  private readonly plain: SchemaReader | null
  private readonly registry: SchemaRegistry | null
  private readonly readers = new Map<number, SchemaReader>()
  private last: SchemaReader | null = null
  private records: RecordBatch | null = null
  private roomy = false

  /** Either the topic's schema or a registry. */
  constructor(reading: Reading, schema: avro.Type | null, registry: SchemaRegistry | null) {
    this.reading = reading
    this.cursor = new AvroCursor(reading.registers)
    this.values = new AvroValues(reading.registers, this.cursor)
    this.plain = schema === null ? null : this.readerOf(schema, -1)
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
    this.records = records
    this.roomy = hasRoom(records)
    this.reading.registers.open(records.bytes)
    this.cursor.open(records.bytes)
    this.values.open()
  }

  run<B>(program: RowProgram<B>, columns: B, from: number, at: number): number {
    const records = this.records!
    for (let row = from; this.roomy && row < records.count; ) {
      const shape = this.readerAt(records.valueStart[row]!, records.valueEnd[row]!)?.shape ?? null
      if (shape === null) return row
      const stopped = program(records, columns, row, records.count, at + row - from, shape)
      const next = stopped < 0 ? ~stopped : stopped
      this.used.program += next - row
      if (stopped < 0 || next === row || next === records.count) return stopped
      row = next
    }
    return from
  }

  decode(start: number, end: number): Problem | null {
    this.used.steps++
    const reader = this.readerAt(start, end)
    if (reader !== null) return this.readRecord(reader.step, reader === this.plain ? start : start + PREFIX_BYTES, end)
    const id = schemaId(this.cursor.bytes, start, end)
    if (id < 0) return { reason: 'undecodable', detail: 'no Confluent prefix' }
    return { reason: 'unknown-schema', detail: this.registry!.missing(id) }
  }

  /** Null when there is no prefix, or no schema is known by its id. */
  private readerAt(start: number, end: number): SchemaReader | null {
    if (this.registry === null) return this.plain
    const id = schemaId(this.cursor.bytes, start, end)
    if (id < 0) return null
    if (this.last !== null && this.last.id === id) return this.last
    let reader = this.readers.get(id) ?? null
    if (reader === null) {
      const schema = this.registry.find(id)
      if (schema === null) return null
      reader = this.readerOf(schema, id)
      this.readers.set(id, reader)
    }
    this.last = reader
    return reader
  }

  private readerOf(schema: avro.Type, id: number): SchemaReader {
    const { tree, registers, way } = this.reading
    const target = { slot: -1, below: tree }
    const shape = way === 'program' ? compileShape(schema, id, target, registers, this.values) : null
    return { id, step: compileAvro(schema, target, registers), shape }
  }

  private readRecord(step: AvroStep, start: number, end: number): Problem | null {
    const { cursor } = this
    cursor.start = cursor.at = start
    cursor.stop = end
    cursor.depth = 0
    this.reading.registers.reset()
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
