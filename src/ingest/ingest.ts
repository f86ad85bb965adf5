/**
 * The door of this room: record batches of one input topic in, columns out.
 *
 * One Ingest belongs to one topic and one thread; it keeps what it learned of the records' shape, never their content.
 */
import type { DescribedOutcomeBatch, OutcomeBatch, PredictionBatch, RecordBatch, Rejected } from '../domain.ts'
import { type Clock, systemClock } from '../kit/clock.ts'
import type { InputLayout, Layout } from '../policy/layout.ts'
import type { RecordDecoder, Way } from './decoder.ts'
import { type FieldMap, mapFields, pathTree } from './fields.ts'
import { OutcomeRows } from './outcomes.ts'
import { PredictionRows } from './predictions.ts'
import { AvroDecoder } from './read-avro.ts'
import { RowCode, type RowProgram } from './row-code.ts'
import { type RowReader, readRows } from './rows.ts'
import { JsonDecoder } from './scan-json.ts'
import { fileSchema, SchemaRegistry } from './schemas.ts'

export interface Ingest<B> {
  /** Loads what reading this batch needs (registry schemas); null when nothing is missing. */
  prepare(records: RecordBatch): Promise<void> | null
  /** Rows that could be used, as columns (reused by the next call), and those that could not. */
  read(records: RecordBatch): { readonly batch: B; readonly rejected: readonly Rejected[] }
}

export function predictionIngest(
  layout: Layout,
  partitions: number,
  clock: Clock = systemClock,
  way: Way = 'program',
): Ingest<PredictionBatch> {
  return ingest({ layout, input: layout.predictions, clock, way }, partitions, (map) => {
    return new PredictionRows(layout, layout.predictions, map, partitions, false)
  })
}

export function outcomeIngest(layout: Layout, clock: Clock = systemClock, way: Way = 'program'): Ingest<OutcomeBatch> {
  const input = layout.outcomes
  if (input === null) throw new Error('the policy names no outcomes topic')
  return ingest({ layout, input, clock, way }, 0, (map) => new OutcomeRows(input, map))
}

export function describedIngest(
  layout: Layout,
  partitions: number,
  clock: Clock = systemClock,
  way: Way = 'program',
): Ingest<DescribedOutcomeBatch> {
  const input = layout.described
  if (input === null) throw new Error('the policy names no self-describing outcomes topic')
  return ingest({ layout, input, clock, way }, partitions, (map) => new PredictionRows(layout, input, map, partitions, true))
}

interface Asked {
  readonly layout: Layout
  readonly input: InputLayout
  readonly clock: Clock
  readonly way: Way
}

/** What batches of one input are read with, for every partition of it in this thread: shapes are learned and compiled once. */
interface Shared {
  readonly asked: Asked
  readonly partitions: number
  readonly map: FieldMap
  readonly decoder: RecordDecoder
  readonly program: RowProgram<{ count: number }> | null
}

const SHARED = new WeakMap<Layout, Shared[]>()

function sharedOf<B>(asked: Asked, partitions: number, rowsOf: (map: FieldMap) => RowReader<B>): Shared {
  const known = SHARED.get(asked.layout) ?? []
  SHARED.set(asked.layout, known)
  const same = known.find((one) => {
    return (
      one.asked.input === asked.input && one.asked.clock === asked.clock && one.asked.way === asked.way && one.partitions === partitions
    )
  })
  if (same !== undefined) return same
  const map = mapFields(asked.input)
  const program = asked.way === 'program' ? programOf(rowsOf(map), map, asked.layout.recordBytesMax) : null
  const shared = { asked, partitions, map, decoder: decoderOf(asked, map), program }
  known.push(shared as Shared)
  return shared as Shared
}

/** Nothing that is shared holds a record beyond one `read`; the columns are this ingest's own. */
function ingest<B extends { count: number }>(asked: Asked, partitions: number, rowsOf: (map: FieldMap) => RowReader<B>): Ingest<B> {
  const { map, decoder, program } = sharedOf(asked, partitions, rowsOf)
  const { recordBytesMax } = asked.layout
  const reading = { decoder, reader: rowsOf(map), program: program as RowProgram<B> | null, recordBytesMax }
  return {
    prepare: (records) => decoder.prepare(records),
    read: (records) => readRows(records, reading),
  }
}

function programOf<B>(reader: RowReader<B>, map: FieldMap, recordBytesMax: number): RowProgram<B> | null {
  const code = new RowCode(map.registers)
  reader.emit(code)
  return code.program(recordBytesMax)
}

function decoderOf({ input, clock, way }: Asked, map: FieldMap): RecordDecoder {
  const reading = { tree: pathTree(map.paths), registers: map.registers, way }
  if (input.format === 'json') return new JsonDecoder(reading)
  if (input.format === 'avro') {
    if (input.schemaFile === null) throw new Error(`${input.topic}: Avro without a schema file`)
    return new AvroDecoder(reading, fileSchema(input.schemaFile), null)
  }
  if (input.registry === null) throw new Error(`${input.topic}: Confluent format without a registry`)
  return new AvroDecoder(reading, null, new SchemaRegistry(input.registry, clock))
}
