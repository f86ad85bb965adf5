/**
 * A small delay classifier: logistic regression (Newton's method, ridge penalty) on the hour of departure as waves of the day, the
 * weekday, the distance and the thirty busiest airports; then its scores are calibrated on rows it has not seen.
 */
import type { Random } from '../src/kit/random.ts'
import { bootstrap, type Flight, isLate } from './flights.ts'

/** Plain data: written to a file that the model servers read. */
export interface DelayModel {
  readonly weights: readonly number[]
  /** Airports with an input of their own; the others share none. */
  readonly origins: readonly string[]
  /** The calibrated log-odds are slope × raw + intercept. */
  readonly calibration: { readonly slope: number; readonly intercept: number }
}

/** What the model is fed; the same names travel in the requests. */
export type FlightFeatures = Pick<Flight, 'departureHour' | 'dayOfWeek' | 'distanceMiles' | 'origin'>

const HARMONICS = 3
const RIDGE = 5
const ORIGINS = 30
const HELD_OUT_SHARE = 0.2

/** Another seed is a retrain: the same January, drawn anew. */
export function trainModel(january: readonly Flight[], random: Random): DelayModel {
  const shuffled = january.map((flight) => ({ flight, at: random() })).sort((one, other) => one.at - other.at)
  const heldOutCount = Math.floor(january.length * HELD_OUT_SHARE)
  const heldOut = shuffled.slice(0, heldOutCount).map(({ flight }) => flight)
  const rest = shuffled.slice(heldOutCount).map(({ flight }) => flight)
  const drawn = bootstrap(rest, rest.length, random)
  const raw = { weights: [], origins: busiest(drawn), calibration: { slope: 1, intercept: 0 } }
  const labels = drawn.map((flight) => (isLate(flight) ? 1 : 0))
  const weights = fitLogistic(
    drawn.map((flight) => inputs(raw, flight)),
    labels,
    RIDGE,
  )
  return calibrated({ ...raw, weights }, heldOut)
}

/** Probability of being late. */
export function predictLate(model: DelayModel, flight: FlightFeatures): number {
  return logistic(model.calibration.slope * rawLogOdds(model, flight) + model.calibration.intercept)
}

/** Mean of −ln of the probability given to what happened. */
export function logLoss(scores: readonly number[], late: readonly boolean[]): number {
  let sum = 0
  for (const [index, score] of scores.entries()) sum -= Math.log(late[index] ? score : 1 - score)
  return sum / scores.length
}

/** What is fed in when somebody has the departure time in UTC where local time was meant: six hours on, as in Chicago in winter. */
export function inWrongTimeZone<Fed extends { readonly departureHour: number }>(features: Fed): Fed {
  return { ...features, departureHour: Number(((features.departureHour + 6) % 24).toFixed(3)) }
}

/** A score of which the log-odds were multiplied: on the same side of one half, and far too sure of it. */
export function overconfident(score: number): number {
  return logistic(OVERCONFIDENCE * Math.log(score / (1 - score)))
}

/** The factor on the log-odds. */
export const OVERCONFIDENCE = 3

function calibrated(model: DelayModel, heldOut: readonly Flight[]): DelayModel {
  const rows = heldOut.map((flight) => [1, rawLogOdds(model, flight)])
  const [intercept, slope] = fitLogistic(
    rows,
    heldOut.map((flight) => (isLate(flight) ? 1 : 0)),
    0,
  ) as [number, number]
  return { ...model, calibration: { slope, intercept } }
}

function rawLogOdds(model: DelayModel, flight: FlightFeatures): number {
  return inputs(model, flight).reduce((sum, value, index) => sum + value * model.weights[index]!, 0)
}

function inputs(model: Pick<DelayModel, 'origins'>, flight: FlightFeatures): number[] {
  const row = [1, Math.log(flight.distanceMiles / 500)]
  for (let wave = 1; wave <= HARMONICS; wave++) {
    const angle = (2 * Math.PI * wave * flight.departureHour) / 24
    row.push(Math.sin(angle), Math.cos(angle))
  }
  for (let day = 1; day < 7; day++) row.push(flight.dayOfWeek === day ? 1 : 0)
  for (const origin of model.origins) row.push(flight.origin === origin ? 1 : 0)
  return row
}

function busiest(flights: readonly Flight[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const { origin } of flights) counts.set(origin, (counts.get(origin) ?? 0) + 1)
  const ranked = [...counts].sort(([one, ofOne], [other, ofOther]) => ofOther - ofOne || (one < other ? -1 : 1))
  return ranked.slice(0, ORIGINS).map(([origin]) => origin)
}

const STEPS_MAX = 25
const STEP_SMALL = 1e-9

/** Weights that minimise log loss + ridge/2 · |weights|², the first (the intercept) not penalised. */
export function fitLogistic(rows: readonly (readonly number[])[], labels: readonly number[], ridge: number): readonly number[] {
  const size = rows[0]!.length
  const weights = new Array<number>(size).fill(0)
  for (let step = 0; step < STEPS_MAX; step++) {
    const { gradient, curvature } = slopes(rows, labels, weights, ridge)
    const move = solve(curvature, gradient)
    for (let at = 0; at < size; at++) weights[at]! -= move[at]!
    if (Math.max(...move.map(Math.abs)) < STEP_SMALL) break
  }
  return weights
}

function slopes(rows: readonly (readonly number[])[], labels: readonly number[], weights: readonly number[], ridge: number) {
  const gradient = weights.map((weight, at) => (at === 0 ? 0 : ridge * weight))
  const curvature = weights.map((_, at) => weights.map((_, other) => (at === other && at > 0 ? ridge : 0)))
  for (const [index, row] of rows.entries()) {
    const probability = logistic(row.reduce((sum, value, at) => sum + value * weights[at]!, 0))
    const pull = probability * (1 - probability)
    for (let at = 0; at < row.length; at++) {
      // Most inputs of a row are zeros: weekdays and airports that it has not.
      if (row[at] === 0) continue
      gradient[at]! += row[at]! * (probability - labels[index]!)
      for (let other = 0; other < row.length; other++) curvature[at]![other]! += pull * row[at]! * row[other]!
    }
  }
  return { gradient, curvature }
}

/** Gaussian elimination; the matrix is symmetric and positive definite, so no pivots are sought. */
function solve(matrix: readonly number[][], right: readonly number[]): readonly number[] {
  const size = right.length
  const rows = matrix.map((row, at) => [...row, right[at]!])
  for (let at = 0; at < size; at++) {
    for (let below = at + 1; below < size; below++) {
      const factor = rows[below]![at]! / rows[at]![at]!
      for (let column = at; column <= size; column++) rows[below]![column]! -= factor * rows[at]![column]!
    }
  }
  const found = new Array<number>(size).fill(0)
  for (let at = size - 1; at >= 0; at--) {
    const known = found.reduce((sum, value, column) => (column > at ? sum + rows[at]![column]! * value : sum), 0)
    found[at] = (rows[at]![size]! - known) / rows[at]![at]!
  }
  return found
}

function logistic(logOddsOfIt: number): number {
  return 1 / (1 + Math.exp(-logOddsOfIt))
}
