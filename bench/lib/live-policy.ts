/** The policy of the live benchmarks: any number of models that climb from 5 % on and are watched in the usual ways. */
import { stringify } from 'yaml'
import type { Random } from '../../src/kit/random.ts'

export interface LivePolicy {
  readonly prefix: string
  readonly topics: { readonly predictions: string; readonly outcomes: string }
  readonly models: readonly string[]
  readonly slice: string
  readonly horizon: string
  readonly maxPending: number
}

export function livePolicy({ prefix, topics, models, slice, horizon, maxPending }: LivePolicy): string {
  const model = {
    control: 'v1',
    candidate: 'v2',
    mode: 'enforce',
    segments: { region: ['eu', 'us', 'apac'] },
    features: { amount: { low: 0, high: 100, bins: 20 }, age: { low: 0, high: 100, bins: 20 } },
    outcomes: { label: { horizon } },
    // It stays at its first rung for as long as the benchmark lasts.
    ladder: { steps: [5, 100], dwell: '6h' },
    blind: { max: '6h' },
    acks: { heartbeat: '3s' },
  }
  return stringify(
    {
      version: 1,
      kafka: { prefix, partitions: 1 },
      inputs: { predictions: { topic: topics.predictions }, outcomes: { topic: topics.outcomes } },
      models: Object.fromEntries(models.map((name) => [name, model])),
      timing: { slice },
      limits: { maxPending },
    },
    { aliasDuplicateObjects: false },
  )
}

const REGIONS = ['eu', 'us', 'apac']

/** A request; both versions are alike but for their share of errors. */
export function liveRequest(random: Random, id: string, model: string, version: string, errors: number, nowMs: number) {
  const score = Math.round(random() * 1000) / 1000
  const failed = random() < errors
  const features = { amount: Math.round(random() * 10_000) / 100, age: Math.floor(random() * 100) }
  const segments = { region: REGIONS[Math.floor(random() * REGIONS.length)] }
  const latencyMs = Math.round(800 - 1200 * Math.log(1 - random())) / 100
  const prediction = { id, time: nowMs, model, version, score, latencyMs, error: failed, segments, features }
  return { prediction, failed, label: (random() < score ? 1 : 0) as 0 | 1 }
}
