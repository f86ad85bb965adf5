/** The input records as the checker reads them (JSON.parse, field by field), and what each source must add up to. */
import { hashLanes, partitionOf } from '../../src/kit/hash.ts'
import type { FieldPath, InputLayout, Layout } from '../../src/policy/layout.ts'
import { type Truth, type TruthEvent, truthOf } from '../measure/batch-truth.ts'
import { grouped, type InputRecord } from './case.ts'

/** One source partition: its records in order, and the clock when each prediction was read. */
export interface SourceTruth {
  readonly source: string
  readonly partition: number
  readonly predictions: readonly TruthEvent[]
  readonly outcomes: readonly TruthEvent[]
  /** End of the slice of each prediction, by its place in `predictions`. */
  readonly sliceEndMs: readonly number[]
  readonly outcomeClockMs: number
  /** What the panes must hold, cut where some pane is cut; and what became of every record. */
  readonly computed: Truth
}

/** `cutsOf`: offsets at which panes of a source begin or end. */
export function truthsOf(layout: Layout, inputs: readonly InputRecord[], cutsOf: (source: string) => readonly number[]): SourceTruth[] {
  const { predictions, outcomes } = layout
  let partitions = 1
  for (const { topic, partition } of inputs) if (topic === predictions.topic) partitions = Math.max(partitions, partition + 1)
  const sorted = grouped(inputs, ({ topic, partition }) => `${topic}/${partition}`)
  const ids = new Map<string, number>()
  const units = new Map<string, number>()
  const reader = new JsonReader(layout, partitions, ids, units)
  return Array.from({ length: partitions }, (_, partition) => {
    const of = (topic: string | undefined) => sorted.get(`${topic}/${partition}`) ?? []
    const predicted = of(predictions.topic).map((record) => reader.prediction(record))
    const labelled = of(outcomes?.topic).map((record) => reader.outcome(record))
    const endOf = (clockMs: number) => (Math.floor(clockMs / layout.sliceMs) + 1) * layout.sliceMs
    return {
      source: `${predictions.topic}/${partition}`,
      partition,
      predictions: predicted,
      outcomes: labelled,
      sliceEndMs: clocksOf(predicted, layout.maxClockSkewMs).map(endOf),
      outcomeClockMs: clocksOf(labelled, layout.maxClockSkewMs).at(-1) ?? -1,
      computed: truthOf(layout, predicted, labelled, [], cutsOf(`${predictions.topic}/${partition}`)),
    }
  })
}

/** The running maximum of record times; one far ahead counts once 16 more agree with it. */
export function clocksOf(events: readonly { readonly atMs: number }[], skewMs: number): number[] {
  let now = -1
  let ahead: number[] = []
  return events.map(({ atMs }) => {
    if (atMs < 0) return now
    const isAhead = now >= 0 && atMs > now + skewMs
    ahead = isAhead ? [...ahead, atMs] : []
    if (!isAhead) now = Math.max(now, atMs)
    if (ahead.length === 17) {
      now = Math.min(...ahead)
      ahead = []
    }
    return now
  })
}

const NOTHING: TruthEvent = {
  offset: 0,
  atMs: 0,
  id: 0,
  model: 0,
  version: 0,
  unit: 0,
  home: 0,
  error: 0,
  decision: 2,
  score: Number.NaN,
  latencyMs: Number.NaN,
  number: Number.NaN,
  numberState: 1,
  symbol: -1,
  region: 0,
  label: Number.NaN,
  value: Number.NaN,
}

type Json = Record<string, unknown>

class JsonReader {
  readonly #layout: Layout
  readonly #partitions: number
  readonly #ids: Map<string, number>
  readonly #units: Map<string, number>

  constructor(layout: Layout, partitions: number, ids: Map<string, number>, units: Map<string, number>) {
    this.#layout = layout
    this.#partitions = partitions
    this.#ids = ids
    this.#units = units
  }

  prediction(record: InputRecord): TruthEvent {
    const { predictions: input, models } = this.#layout
    const base = { ...NOTHING, offset: record.offset, atMs: record.timestampMs }
    const parsed = this.#parsed(record)
    if (typeof parsed === 'string') return { ...base, broken: parsed }
    const id = text(at(parsed, input.fields.id))
    if (id === '') return { ...base, broken: 'missing-field' }
    const name = text(at(parsed, input.fields.model))
    if (name === '') return { ...base, broken: 'missing-field' }
    const model = models.findIndex((one) => one.name === name)
    if (model < 0) return { ...base, broken: 'unknown-model' }
    const versionName = text(at(parsed, input.fields.version))
    if (versionName === '') return { ...base, broken: 'missing-field' }
    const version = models[model]!.versions.indexOf(versionName)
    if (version < 0) return { ...base, broken: 'unknown-version' }
    if (isBadTime(at(parsed, input.fields.time), record.timestampMs)) return { ...base, broken: 'bad-time' }
    const score = number(at(parsed, input.fields.score))
    return {
      ...base,
      ...this.#unit(text(at(parsed, input.fields.unit)), record.partition),
      ...featuresOf(parsed, input),
      id: numberOf(this.#ids, id),
      model,
      version,
      error: at(parsed, input.fields.error) === true ? 1 : 0,
      score,
      decision: Number.isNaN(score) ? 2 : score >= 0.5 ? 1 : 0,
      latencyMs: number(at(parsed, input.fields.latency)),
    }
  }

  outcome(record: InputRecord): TruthEvent {
    const input = this.#layout.outcomes!
    const base = { ...NOTHING, offset: record.offset, atMs: record.timestampMs }
    const parsed = this.#parsed(record)
    if (typeof parsed === 'string') return { ...base, broken: parsed }
    const id = text(at(parsed, input.fields.id))
    if (id === '') return { ...base, broken: 'missing-field' }
    if (isBadTime(at(parsed, input.fields.time), record.timestampMs)) return { ...base, broken: 'bad-time' }
    const label = at(parsed, input.fields.label)
    if (label !== undefined && label !== true && label !== false && label !== 0 && label !== 1) return { ...base, broken: 'wrong-type' }
    const value = number(at(parsed, input.fields.value))
    if (label === undefined && Number.isNaN(value)) return { ...base, broken: 'missing-field' }
    return { ...base, id: numberOf(this.#ids, id), label: label === undefined ? Number.NaN : Number(label), value }
  }

  /** The record, or why it is none. */
  #parsed({ value }: InputRecord): Json | string {
    if (value === null) return 'tombstone'
    if (value.length > this.#layout.recordBytesMax) return 'oversized'
    try {
      const parsed: unknown = JSON.parse(value.toString())
      return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? (parsed as Json) : 'undecodable'
    } catch {
      return 'undecodable'
    }
  }

  #unit(name: string, partition: number): Pick<TruthEvent, 'unit' | 'unitLanes' | 'home'> {
    if (name === '') return { unit: 0, unitLanes: [0, 0], home: 0 }
    const bytes = Buffer.from(name)
    const lanes = new Int32Array(2)
    hashLanes(bytes, 0, bytes.length, lanes)
    const home = partitionOf(bytes, this.#partitions) === partition ? 1 : 0
    return { unit: numberOf(this.#units, name), unitLanes: [lanes[0]!, lanes[1]!], home }
  }
}

/** One numeric and one categorical feature at most, and one segment dimension. */
function featuresOf(parsed: Json, input: InputLayout): Pick<TruthEvent, 'number' | 'numberState' | 'symbol' | 'region'> {
  const raw = input.numbers[0] === undefined ? undefined : at(parsed, input.numbers[0].path)
  // What no policy asks for is not missing.
  const numberState = input.numbers.length === 0 ? 0 : raw === undefined || raw === null ? 1 : typeof raw === 'number' ? 0 : 2
  const symbol = input.symbols[0]
  const named = symbol === undefined ? undefined : at(parsed, symbol.path)
  const place = symbol?.values.indexOf(text(named)) ?? -1
  const dimension = input.dimensions[0]
  const segment = dimension === undefined ? -1 : dimension.values.indexOf(text(at(parsed, dimension.path)))
  return {
    number: typeof raw === 'number' ? raw : Number.NaN,
    numberState,
    symbol: symbol === undefined ? 0 : named === undefined || named === null ? -1 : place >= 0 ? place : -4,
    region: segment >= 0 ? segment : (dimension?.values.length ?? 1) - 1,
  }
}

function at(parsed: Json, field: FieldPath | null): unknown {
  if (field === null) return undefined
  if (field.constant !== null) return field.constant
  let found: unknown = parsed
  for (const step of field.path) found = typeof found === 'object' && found !== null ? (found as Json)[step] : undefined
  return found ?? field.default ?? undefined
}

const TIME_MS_MAX = 1e14
const TEN_YEARS_MS = 10 * 365.25 * 86_400_000

/** An event's own time need not be told; told, it is milliseconds since 1970, and not ten years ahead of its record. */
function isBadTime(told: unknown, recordMs: number): boolean {
  if (told === undefined || told === null) return false
  return typeof told !== 'number' || !(told >= 0 && told <= TIME_MS_MAX) || (recordMs >= 0 && told > recordMs + TEN_YEARS_MS)
}

const text = (value: unknown): string => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : '')
const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN)

/** From 1: 0 stands for none. */
function numberOf(known: Map<string, number>, name: string): number {
  const found = known.get(name)
  if (found !== undefined) return found
  known.set(name, known.size + 1)
  return known.size
}
