/** A JSON record of any topic → the number, key and time that are watched. A record that brings none says why. */
import type { LogRecord } from '../domain.ts'
import type { Measured, Unusable } from './measured.ts'

export interface RecordShape {
  readonly topic: string
  /** `count` needs no field. */
  readonly aggregate: 'mean' | 'sum' | 'count'
  readonly field: readonly string[] | null
  readonly key: readonly string[] | null
  /** Null: the record's own timestamp. */
  readonly time: readonly string[] | null
  /** Turns a number at `time` into milliseconds. */
  readonly timeScale: number
}

const RECORD_BYTES_MAX = 1_048_576
const KEY_LENGTH_MAX = 200
/** Half a character cannot stand in the name of an incident. */
const LONE_SURROGATE = /\p{Surrogate}/u
/** Times outside the years 1970 to 2286 are no times. */
const TIME_MS_MAX = 1e13
/** What the detector takes. */
const VALUE_MAX = 1e100

export function measuredIn(record: LogRecord, shape: RecordShape): Measured | Unusable {
  if (record.value === null) return 'tombstone'
  if (record.value.length > RECORD_BYTES_MAX) return 'oversized'
  let document: unknown
  try {
    document = JSON.parse(record.value.toString('utf8'))
  } catch {
    return 'undecodable'
  }
  const amount = shape.field === null ? 1 : numberOf(at(document, shape.field))
  if (typeof amount === 'string') return amount
  const timeMs = shape.time === null ? record.timestampMs : timeOf(at(document, shape.time), shape.timeScale)
  if (!(timeMs >= 0 && timeMs < TIME_MS_MAX)) return 'bad-time'
  const key = shape.key === null ? '' : keyOf(at(document, shape.key))
  if (key === null) return 'bad-key'
  const counts = shape.aggregate === 'count'
  const metric = counts ? 'count' : (shape.field ?? []).join('.')
  const kind = shape.aggregate === 'mean' ? 'ratio' : 'sum'
  return { series: { model: shape.topic, metric, key, kind, group: `key:${key}` }, timeMs, amount: counts ? 1 : amount, weight: 1 }
}

/** Own properties only: a path must not find what JavaScript adds to every object. */
function at(document: unknown, path: readonly string[]): unknown {
  let place = document
  for (const step of path) {
    if (typeof place !== 'object' || place === null || !Object.hasOwn(place, step)) return undefined
    place = (place as Record<string, unknown>)[step]
  }
  return place
}

/** Flags count as 0 and 1, so that their mean is a rate. */
function numberOf(value: unknown): number | Unusable {
  if (value === undefined || value === null) return 'missing-field'
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value !== 'number') return 'wrong-type'
  return Math.abs(value) <= VALUE_MAX ? value : 'not-finite'
}

function timeOf(value: unknown, scale: number): number {
  if (typeof value === 'number') return value * scale
  return typeof value === 'string' ? Date.parse(value) : Number.NaN
}

function keyOf(value: unknown): string | null {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') return null
  const key = String(value)
  return key.length <= KEY_LENGTH_MAX && !LONE_SURROGATE.test(key) ? key : null
}
