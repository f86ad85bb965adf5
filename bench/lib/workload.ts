/**
 * The workload: seeded predictions and outcomes, as bench/README.md describes them, and what they add up to.
 *
 * The truth is counted here in plain loops, from the numbers the generator drew: it shares no code with what is measured, and bins by
 * whole ten-thousandths, so that no rounding decides on which side of an edge a value lies.
 */
import { seededRandom } from '../../src/kit/random.ts'
export const SEED = 20240611
export const START_MS = 1_750_000_000_000
export const PER_SECOND = 2000
export const PARTITIONS = 4
export const WINDOW_MS = 5000
export const OUTCOME_DELAY_MS_MAX = 30_000
export const MODELS = ['credit-risk', 'fraud'] as const
export const SEGMENTS = ['br', 'ca', 'de', 'fr', 'gb', 'in', 'jp', 'us'] as const
export const CATEGORIES = Array.from({ length: 12 }, (_, index) => `cat${String(index).padStart(2, '0')}`)
export const FEATURES = 8
const UNITS = 200_000
const BINS = 20
/** Range of the bins of f1 … f8. */
const RANGES = [
  ...Array.from({ length: 4 }, () => [-4, 4] as const),
  ...Array.from({ length: 2 }, () => [0, 6] as const),
  [0, 100] as const,
  [0, 20] as const,
]

export interface Prediction {
  readonly id: string
  readonly ts: number
  readonly model: string
  readonly version: string
  readonly segment: string
  readonly unit: string
  readonly score: number
  readonly decision: 'accept' | 'reject'
  readonly latencyMs: number
  readonly error: boolean
  readonly features: Readonly<Record<string, number | string>>
}

export interface Outcome {
  readonly id: string
  readonly ts: number
  readonly label: 0 | 1
}

/** Everything that is counted for one model, version, segment and window: the sums, then the histograms. */
export interface WindowCell {
  count: number
  errors: number
  joined: number
  correct: number
  brier: number
  residual: number
  readonly latency: Float64Array
  readonly score: Float64Array
  readonly features: readonly Float64Array[]
  readonly c1: Float64Array
}

export function emptyCell(): WindowCell {
  return {
    count: 0,
    errors: 0,
    joined: 0,
    correct: 0,
    brier: 0,
    residual: 0,
    latency: new Float64Array(64),
    score: new Float64Array(BINS),
    features: Array.from({ length: FEATURES }, () => new Float64Array(BINS)),
    c1: new Float64Array(CATEGORIES.length),
  }
}

/** Cells by `model|version|segment|window start`. */
export type Cells = Map<string, WindowCell>

export function cellAt(cells: Cells, model: string, version: string, segment: string, windowStartMs: number): WindowCell {
  const key = `${model}|${version}|${segment}|${windowStartMs}`
  const known = cells.get(key)
  if (known !== undefined) return known
  const fresh = emptyCell()
  cells.set(key, fresh)
  return fresh
}

/** Predictions in order of time, each with its outcome if it has one; what they add up to grows in `truth`. */
export class Workload {
  readonly truth: Cells = new Map()
  readonly #random: () => number
  #drawn = 0

  constructor(seed = SEED) {
    this.#random = seededRandom(seed)
  }

  next(): { readonly prediction: Prediction; readonly outcome: Outcome | null } {
    const prediction = this.#predict(this.#drawn++)
    const { model, version, segment, ts, score, decision } = prediction
    const cell = cellAt(this.truth, model, version, segment, ts - (ts % WINDOW_MS))
    countPrediction(cell, prediction)
    if (this.#random() >= 0.9) return { prediction, outcome: null }
    const label = this.#random() < (version === 'v2' ? 0.1 + 0.8 * score : score) ? 1 : 0
    const delayMs = Math.floor(this.#random() * OUTCOME_DELAY_MS_MAX)
    countOutcome(cell, score, decision === 'accept', label)
    return { prediction, outcome: { id: prediction.id, ts: ts + delayMs, label } }
  }

  #predict(index: number): Prediction {
    const random = this.#random
    const version = random() < 0.05 ? 'v2' : 'v1'
    const score = rounded(random() ** 1.5, 4)
    const features = this.#features(version)
    return {
      id: this.#uuid(),
      ts: START_MS + Math.floor((index * 1000) / PER_SECOND),
      model: this.#pick(MODELS),
      version,
      segment: this.#pick(SEGMENTS),
      unit: `u${Math.floor(random() * UNITS)}`,
      score,
      decision: score >= 0.5 ? 'accept' : 'reject',
      latencyMs: Math.max(0.01, rounded(12 * Math.exp(0.6 * this.#normal()), 2)),
      error: random() < 0.01,
      features,
    }
  }

  #features(version: string): Record<string, number | string> {
    const random = this.#random
    const drawn = [this.#normal(), this.#normal() + (version === 'v2' ? 0.3 : 0), this.#normal(), this.#normal()]
    drawn.push(Math.exp(this.#normal() / 2), Math.exp(this.#normal() / 2), random() * 100, Math.floor(random() * 20))
    const features: Record<string, number | string> = {}
    for (const [index, value] of drawn.entries()) if (random() >= 0.02) features[`f${index + 1}`] = rounded(value, 4)
    if (random() >= 0.02) features['c1'] = CATEGORIES[Math.floor(random() ** 2 * CATEGORIES.length)]!
    return features
  }

  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random())) * Math.cos(2 * Math.PI * this.#random())
  }

  #pick<Item>(list: readonly Item[]): Item {
    return list[Math.floor(this.#random() * list.length)]!
  }

  #uuid(): string {
    let digits = ''
    for (let word = 0; word < 4; word++) {
      digits += Math.floor(this.#random() * 4294967296)
        .toString(16)
        .padStart(8, '0')
    }
    return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-4${digits.slice(13, 16)}-a${digits.slice(17, 20)}-${digits.slice(20)}`
  }
}

const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
const clamped = (bin: number, bins: number): number => Math.max(0, Math.min(bins - 1, bin))

/** Four bins an octave from a quarter of a millisecond. */
const latencyBin = (ms: number): number => clamped(Math.floor(Math.log2(ms / 0.25) * 4 + 1e-9), 64)

/** Of a value with four decimals. */
function linearBin(value: number, low: number, high: number): number {
  const above = Math.round(value * 10_000) - low * 10_000
  return clamped(Math.floor(above / (((high - low) * 10_000) / BINS)), BINS)
}

function countPrediction(cell: WindowCell, prediction: Prediction): void {
  cell.count++
  if (prediction.error) cell.errors++
  cell.latency[latencyBin(prediction.latencyMs)]!++
  cell.score[linearBin(prediction.score, 0, 1)]!++
  for (const [index, [low, high]] of RANGES.entries()) {
    const value = prediction.features[`f${index + 1}`]
    if (value !== undefined) cell.features[index]![linearBin(value as number, low, high)]!++
  }
  const category = prediction.features['c1']
  if (category !== undefined) cell.c1[CATEGORIES.indexOf(category as string)]!++
}

function countOutcome(cell: WindowCell, score: number, accepted: boolean, label: 0 | 1): void {
  const residual = label - score
  cell.joined++
  cell.residual += residual
  cell.brier += residual * residual
  if (accepted === (label === 1)) cell.correct++
}
