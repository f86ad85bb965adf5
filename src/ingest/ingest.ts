/**
 * The door of this room: record batches of one input topic in, columns out.
 *
 * One Ingest belongs to one topic and one thread; it keeps what it learned of the records' shape, never their content.
 */
import type { DescribedOutcomeBatch, OutcomeBatch, PredictionBatch, RecordBatch, Rejected } from '../domain.ts'
import { type Clock, systemClock } from '../kit/clock.ts'
import type { InputLayout, Layout } from '../policy/layout.ts'
import type { RecordDecoder } from './decoder.ts'
import { type FieldMap, mapFields, pathTree } from './fields.ts'
import { OutcomeRows } from './outcomes.ts'
import { PredictionRows } from './predictions.ts'
import { AvroDecoder } from './read-avro.ts'
import { type RowReader, readRows } from './rows.ts'
import { JsonDecoder } from './scan-json.ts'
import { fileSchema, SchemaRegistry } from './schemas.ts'

export interface Ingest<B> {
  /** Loads what reading this batch needs (registry schemas); null when nothing is missing. */
  prepare(records: RecordBatch): Promise<void> | null
  /** Rows that could be used, as columns (reused by the next call), and those that could not. */
  read(records: RecordBatch): { readonly batch: B; readonly rejected: readonly Rejected[] }
}

export function predictionIngest(layout: Layout, partitions: number, clock: Clock = systemClock): Ingest<PredictionBatch> {
  const map = mapFields(layout.predictions)
  const rows = new PredictionRows(layout, layout.predictions, map, partitions, false)
  return ingest(layout, layout.predictions, map, rows, clock)
}

export function outcomeIngest(layout: Layout, clock: Clock = systemClock): Ingest<OutcomeBatch> {
  if (layout.outcomes === null) throw new Error('the policy names no outcomes topic')
  const map = mapFields(layout.outcomes)
  return ingest(layout, layout.outcomes, map, new OutcomeRows(layout.outcomes, map), clock)
}

export function describedIngest(layout: Layout, partitions: number, clock: Clock = systemClock): Ingest<DescribedOutcomeBatch> {
  if (layout.described === null) throw new Error('the policy names no self-describing outcomes topic')
  const map = mapFields(layout.described)
  const rows = new PredictionRows(layout, layout.described, map, partitions, true)
  return ingest(layout, layout.described, map, rows, clock)
}

function ingest<B>(layout: Layout, input: InputLayout, map: FieldMap, rows: RowReader<B>, clock: Clock): Ingest<B> {
  const decoder = decoderOf(input, map, clock)
  return {
    prepare: (records) => decoder.prepare(records),
    read: (records) => readRows(records, decoder, rows, layout.recordBytesMax),
  }
}

function decoderOf(input: InputLayout, map: FieldMap, clock: Clock): RecordDecoder {
  const tree = pathTree(map.paths)
  if (input.format === 'json') return new JsonDecoder(tree, map.registers)
  if (input.format === 'avro') {
    if (input.schemaFile === null) throw new Error(`${input.topic}: Avro without a schema file`)
    return new AvroDecoder(tree, map.registers, fileSchema(input.schemaFile), null)
  }
  if (input.registry === null) throw new Error(`${input.topic}: Confluent format without a registry`)
  return new AvroDecoder(tree, map.registers, null, new SchemaRegistry(input.registry, clock))
}
