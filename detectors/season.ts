/**
 * Season: how many requests does this hour usually bring?
 *
 * Idea. Traffic repeats by the week, and where less than three weeks are known by the day. The median of the same hour of earlier weeks
 * (else days) is not moved by one outage or one campaign.
 * Formula. Median of the counts of the same hour of the week, when at least three are kept; else of the same hour of the day, when at
 * least three are kept; else unknown (0).
 * Guarantee. None of its own: volume.ts allows for its error by a tolerance. Up to a third of the hours kept may be wild.
 * Cost. Four weeks of hourly counts, 672 numbers. Blind to: holidays; growth within four weeks beyond the tolerance. Times are UTC.
 * Source. Seasonal median forecast; Hyndman & Athanasopoulos, Forecasting: Principles and Practice (2021), seasonal naive methods.
 */
import { requireCount } from './math/refuse.ts'

export interface HourCount {
  /** Hours since 1970. */
  readonly hour: number
  readonly requests: number
}

export interface SeasonState {
  /** Ascending. Only hours seen whole. */
  readonly hours: readonly HourCount[]
}

export const HOURS_OF_WEEK = 168
const HOURS_KEPT = 4 * HOURS_OF_WEEK
const ALIKE_MIN = 3

export function emptySeason(): SeasonState {
  return { hours: [] }
}

/** Adds one whole hour; hours must not go back. */
export function observeSeason(state: SeasonState, { hour, requests }: HourCount): SeasonState {
  requireCount(hour, 'hour')
  requireCount(requests, 'requests')
  const last = state.hours.at(-1)
  if (last !== undefined && hour <= last.hour) throw new RangeError(`hour must come after ${last.hour}, not be ${hour}`)
  return { hours: [...state.hours, { hour, requests }].filter((each) => each.hour > hour - HOURS_KEPT) }
}

/** Requests expected in this hour; 0: not known yet. */
export function expectedInHour(state: SeasonState, hour: number): number {
  const alike = (period: number) => state.hours.filter((each) => each.hour < hour && (hour - each.hour) % period === 0)
  for (const period of [HOURS_OF_WEEK, 24]) {
    const counts = alike(period).map((each) => each.requests)
    if (counts.length >= ALIKE_MIN) return medianOf(counts)
  }
  return 0
}

export function medianOf(values: readonly number[]): number {
  if (values.length === 0) return 0
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Monday 00:00 UTC is 0. The first of January 1970 was a Thursday. */
export function hourOfWeek(hour: number): number {
  return (hour + 3 * 24) % HOURS_OF_WEEK
}
