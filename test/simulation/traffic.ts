/** Seeded traffic for whole-daemon tests: predictions and outcomes of any number of models, as records with times. */
import { normal } from '../../detectors/math/random.ts'
import type { OutgoingRecord } from '../../src/domain.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'

export interface TrafficModel {
  readonly name: string
  /** Share of the candidate v2. */
  readonly share: number
  /** What is wrong with the candidate: error rate added, feature shift added. */
  readonly errorsAdded: number
  readonly shiftAdded: number
}

export interface TrafficOptions {
  readonly seed: number
  readonly models: readonly TrafficModel[]
  readonly partitions: number
  readonly startMs: number
  readonly durationMs: number
  readonly perSecond: number
  readonly outcomeShare: number
  readonly outcomeDelayMs: number
  /** Distinct users; each sticks to one version. */
  readonly units: number
}

export interface Placed {
  readonly partition: number
  readonly record: OutgoingRecord
}

export interface Traffic {
  readonly predictions: readonly Placed[]
  readonly outcomes: readonly Placed[]
}

/** Sorted by record time; predictions and outcomes of one unit share a partition. */
export function traffic(options: TrafficOptions): Traffic {
  const random = seededRandom(options.seed)
  const count = Math.floor((options.durationMs / 1000) * options.perSecond)
  const predictions: Placed[] = []
  const outcomes: Placed[] = []
  for (let index = 0; index < count; index++) {
    const timeMs = options.startMs + Math.floor((index * 1000) / options.perSecond)
    const unit = `u${Math.floor(random() * options.units)}`
    const partition = partitionOf(Buffer.from(unit), options.partitions)
    const prediction = predict(options, random, `p${index}`, unit, timeMs)
    predictions.push({ partition, record: place(unit, prediction, timeMs) })
    if (random() >= options.outcomeShare) continue
    const atMs = timeMs + Math.floor(random() * options.outcomeDelayMs)
    const label = random() < prediction.score ? 1 : 0
    outcomes.push({ partition, record: place(unit, { id: prediction.id, ts: atMs, label }, atMs) })
  }
  outcomes.sort((a, b) => a.record.timestampMs! - b.record.timestampMs!)
  return { predictions, outcomes }
}

function predict(options: TrafficOptions, random: Random, id: string, unit: string, timeMs: number) {
  const model = options.models[Math.floor(random() * options.models.length)]!
  const version = stickyShare(`${model.name}|${unit}`) < model.share ? 'v2' : 'v1'
  const harmed = version === 'v2'
  const age = random() * 10 + (harmed ? model.shiftAdded : 0)
  const score = Math.min(0.99, Math.max(0.01, random() ** 1.5))
  const error = random() < 0.02 + (harmed ? model.errorsAdded : 0)
  return {
    id,
    ts: timeMs,
    model: model.name,
    version,
    unit,
    region: random() < 0.5 ? 'eu' : 'us',
    score,
    latencyMs: 12 * Math.exp(0.6 * normal(random)),
    error,
    features: { age },
  }
}

/** A unit's place on [0, 1): the same for ever. */
function stickyShare(key: string): number {
  return partitionOf(Buffer.from(key), 100_003) / 100_003
}

function place(key: string, value: object, timestampMs: number): OutgoingRecord {
  return { key, value: Buffer.from(JSON.stringify(value)), timestampMs }
}
