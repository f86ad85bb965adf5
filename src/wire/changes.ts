/**
 * Change records, as the user's own systems write them: one JSON object each (docs/explain.md). They come from outside: whatever they
 * hold, the worst they can be is refused, and what is kept of them is bounded.
 */
import type { ChangeRecord, LogRecord } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'

const KINDS: readonly ChangeRecord['kind'][] = ['deploy', 'data', 'feature', 'environment', 'other']
const BYTES_MAX = 16_384
const NAME_LENGTH_MAX = 200
const WHAT_LENGTH_MAX = 500
/** A clock may be off; a change of next year is a mistake, and would stand for the nearest one ever after. */
const AHEAD_MS_MAX = 86_400_000

/** Throws what is wrong with it. */
export function decodeChange({ value, timestampMs }: Pick<LogRecord, 'value' | 'timestampMs'>): ChangeRecord {
  if (value === null) throw refused('it has no value')
  if (value.length > BYTES_MAX) throw refused(`it is larger than ${BYTES_MAX} bytes`)
  const fields = parsed(value)
  const kind = text(fields, 'kind', NAME_LENGTH_MAX, 'other')
  return {
    id: text(fields, 'id', NAME_LENGTH_MAX),
    kind: KINDS.find((known) => known === kind) ?? 'other',
    what: text(fields, 'what', WHAT_LENGTH_MAX),
    who: text(fields, 'who', NAME_LENGTH_MAX, ''),
    model: text(fields, 'model', NAME_LENGTH_MAX, ''),
    atMs: timeOf(fields['time'], timestampMs),
  }
}

function parsed(value: Buffer): Readonly<Record<string, unknown>> {
  let found: unknown
  try {
    found = JSON.parse(value.toString('utf8'))
  } catch {
    throw refused('it is no JSON')
  }
  if (typeof found !== 'object' || found === null || Array.isArray(found)) throw refused('it is no JSON object')
  return found as Readonly<Record<string, unknown>>
}

function text(fields: Readonly<Record<string, unknown>>, name: string, lengthMax: number, fallback?: string): string {
  const value = fields[name] ?? fallback
  if (typeof value !== 'string' || (fallback === undefined && value === '')) throw refused(`${name} must be text`)
  if (value.length > lengthMax) throw refused(`${name} is longer than ${lengthMax} characters`)
  return value
}

/** Milliseconds since 1970 or ISO 8601; left out: when the record was written. */
function timeOf(time: unknown, timestampMs: number): number {
  const atMs = time === undefined || time === null ? timestampMs : typeof time === 'string' ? Date.parse(time) : time
  if (typeof atMs !== 'number' || !Number.isFinite(atMs) || atMs < 0) throw refused('time must be ISO 8601 text or milliseconds since 1970')
  if (atMs > timestampMs + AHEAD_MS_MAX) throw refused('its time lies more than a day after it was written')
  return Math.round(atMs)
}

function refused(problem: string): FlyballError {
  return new FlyballError('FLY-WIRE-001', { record: 'change', problem })
}
