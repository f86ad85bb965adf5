/** Record batches and layouts for fuzzers and tests: a batch is built from keys and values as a reader would hand it over. */
import type { RecordBatch } from '../../src/domain.ts'
import { NO_FIELDS } from '../../src/policy/inputs.ts'
import type { FieldPath, InputLayout, Layout } from '../../src/policy/layout.ts'

export interface TestRecord {
  readonly key?: string | Buffer | null
  readonly value: string | Buffer | object | null
  readonly timestampMs?: number
}

export interface BatchPlace {
  readonly topic?: string
  readonly partition?: number
  /** Offset of the first record. */
  readonly offset?: number
}

export const TEST_TIME_MS = 1_750_000_000_000
const TAIL_BYTES = 16

/** Objects become JSON. */
export function batchOf(records: readonly TestRecord[], place: BatchPlace = {}): RecordBatch {
  const parts: Buffer[] = []
  let length = 0
  const put = (bytes: Buffer | null): [number, number] => {
    if (bytes === null) return [-1, -1]
    parts.push(bytes)
    length += bytes.length
    return [length - bytes.length, length]
  }
  const keys = records.map((record) => put(record.key === undefined || record.key === null ? null : Buffer.from(record.key as string)))
  const values = records.map((record) => put(valueBytes(record.value)))
  parts.push(Buffer.alloc(TAIL_BYTES))
  return {
    topic: place.topic ?? 'predictions',
    partition: place.partition ?? 0,
    bytes: Buffer.concat(parts),
    count: records.length,
    offset: Float64Array.from(records, (_, index) => (place.offset ?? 0) + index),
    timestampMs: Float64Array.from(records, (record) => record.timestampMs ?? TEST_TIME_MS),
    keyStart: Int32Array.from(keys, (range) => range[0]),
    keyEnd: Int32Array.from(keys, (range) => range[1]),
    valueStart: Int32Array.from(values, (range) => range[0]),
    valueEnd: Int32Array.from(values, (range) => range[1]),
    headerStart: new Int32Array(records.length).fill(-1),
  }
}

function valueBytes(value: TestRecord['value']): Buffer | null {
  if (value === null || Buffer.isBuffer(value)) return value
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
}

export function at(path: string, options: Partial<FieldPath> = {}): FieldPath {
  return { path: path === '' ? [] : path.split('.'), constant: null, default: null, scale: 1, test: null, isTime: false, ...options }
}

export interface InputOptions extends Partial<Omit<InputLayout, 'fields'>> {
  readonly fields: Partial<InputLayout['fields']>
}

export function inputOf(options: InputOptions): InputLayout {
  const rest = { topic: 'predictions', format: 'json', schemaFile: null, registry: null, numbers: [], symbols: [], dimensions: [] } as const
  return { ...rest, ...options, fields: { ...NO_FIELDS, ...options.fields } }
}

export const PLAIN_FIELDS = {
  id: at('id'),
  time: at('ts', { isTime: true }),
  model: at('model'),
  version: at('version'),
} as const

/** The records of the throughput workload. */
export const WORKLOAD = inputOf({
  fields: {
    ...PLAIN_FIELDS,
    score: at('score'),
    decision: at('decision', { test: { kind: 'equals', text: 'accept' } }),
    latency: at('latencyMs'),
    error: at('error', { test: { kind: 'truthy' } }),
    unit: at('unit'),
  },
  numbers: Array.from({ length: 8 }, (_, index) => ({ name: `f${index + 1}`, path: at(`features.f${index + 1}`) })),
  symbols: [{ name: 'c1', path: at('features.c1'), values: Array.from({ length: 12 }, (_, index) => `cat${index}`) }],
  dimensions: [{ name: 'segment', path: at('segment'), values: ['de', 'fr', '__other__'] }],
})

export const OUTCOMES = inputOf({
  topic: 'outcomes',
  fields: { id: at('id'), time: at('ts', { isTime: true }), label: at('label', { test: { kind: 'truthy' } }) },
})

/** A layout with models `fraud` (v1, v2) and `credit-risk` (v1, v2); only what ingest reads is meaningful. */
export function layoutOf(inputs: Partial<Pick<Layout, 'predictions' | 'outcomes' | 'described' | 'recordBytesMax'>> = {}): Layout {
  const model = (index: number, name: string) => ({
    index,
    name,
    versions: ['v1', 'v2'],
    control: 0,
    candidate: 1,
    hasUnits: true,
    dimensionSlots: [],
    scopes: [],
    exposureBlocks: [],
    horizons: [],
    describedBlocks: [],
    plan: {} as Layout['models'][number]['plan'], // ingest does not look at plans
  })
  return {
    policyDigest: '0'.repeat(16),
    environment: 'test',
    sliceMs: 5_000,
    maxClockSkewMs: 60_000,
    idleAfterMs: 5_000,
    alignWithinMs: 20_000,
    alignPatienceMs: 10_000,
    maxStratumAgeMs: 60_000,
    maxPending: 1_000_000,
    maxHorizonMs: 60_000,
    maxEarlyMs: 60_000,
    recordBytesMax: 1_000_000,
    predictions: WORKLOAD,
    outcomes: OUTCOMES,
    described: null,
    models: [model(0, 'fraud'), model(1, 'credit-risk')],
    ...inputs,
  }
}
