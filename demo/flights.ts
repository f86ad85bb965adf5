/**
 * The demo's data: 20,000 US flights of January to March 2001 (Bureau of Transportation Statistics), from the package vega-datasets.
 * January trains the models; February and March are the traffic.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import type { Random } from '../src/kit/random.ts'

export interface Flight {
  /** Hours since midnight, local time of the departure airport. */
  readonly departureHour: number
  /** 0 is Sunday. */
  readonly dayOfWeek: number
  readonly distanceMiles: number
  readonly origin: string
  readonly delayMinutes: number
}

export interface Flights {
  readonly january: readonly Flight[]
  readonly later: readonly Flight[]
}

/** A flight is late when it loses more than this: what the models predict. */
export const LATE_MINUTES = 15

const FILE = join('data', 'flights-20k.json')

export function isLate(flight: Flight): boolean {
  return flight.delayMinutes > LATE_MINUTES
}

export function readFlights(): Flights {
  const rows = JSON.parse(readFileSync(flightsFile(), 'utf8')) as readonly unknown[]
  const january: Flight[] = []
  const later: Flight[] = []
  for (const row of rows) {
    const { month, flight } = flightOf(row)
    if (month === 1) january.push(flight)
    else later.push(flight)
  }
  return { january, later }
}

/** The package exports only its program, so the folder of the data is found from there upwards. */
export function flightsFile(): string {
  const program = programOf('vega-datasets')
  for (let folder = dirname(program); folder !== dirname(folder); folder = dirname(folder)) {
    if (existsSync(join(folder, FILE))) return join(folder, FILE)
  }
  throw new DemoError(`the package vega-datasets holds no ${FILE}; run npm ci in the checkout`)
}

function programOf(name: string): string {
  try {
    return createRequire(import.meta.url).resolve(name)
  } catch {
    throw new DemoError(`the demo's data come with the development dependency ${name}, which is not installed; run npm ci in the checkout`)
  }
}

/** Something the reader of the terminal can mend: shown without a stack. */
export class DemoError extends Error {}

/** Dates read "2001/02/17 13:45". */
function flightOf(row: unknown): { month: number; flight: Flight } {
  const { date, delay, distance, origin } = row as { date: string; delay: number; distance: number; origin: string }
  const [year, month, day, hour, minute] = date.split(/[/ :]/).map(Number) as [number, number, number, number, number]
  const dayOfWeek = new Date(Date.UTC(year, month - 1, day)).getUTCDay()
  return { month, flight: { departureHour: hour + minute / 60, dayOfWeek, distanceMiles: distance, origin, delayMinutes: delay } }
}

/** So many rows drawn with replacement. */
export function bootstrap<Row>(rows: readonly Row[], count: number, random: Random): readonly Row[] {
  return Array.from({ length: count }, () => rows[Math.floor(random() * rows.length)]!)
}

/** What is rare stands in bins of its own: it tells most when it becomes frequent. */
const TAIL_SHARE = 0.01

/** Ascending edges for the policy's feature bins: equal shares of the values, the tails apart, the outermost hold everything. */
export function quantileEdges(values: readonly number[], bins: number, low: number, high: number): readonly number[] {
  const sorted = [...values].sort((one, other) => one - other)
  const equal = Array.from({ length: bins - 1 }, (_, index) => (index + 1) / bins)
  const inner = [TAIL_SHARE, ...equal, 1 - TAIL_SHARE].map((share) => Number(sorted[Math.floor(share * sorted.length)]!.toFixed(3)))
  return [low, ...new Set(inner.filter((edge) => edge > low && edge < high)), high]
}
