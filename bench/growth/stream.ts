/** The stream whose models and segments are multiplied: a policy with the usual guardrails, and requests for it. */
import { stringify } from 'yaml'
import type { Random } from '../../src/kit/random.ts'

export const PREDICTIONS = 'growth.predictions'
export const OUTCOMES = 'growth.outcomes'
const FEATURES = ['amount', 'age', 'tenure', 'risk']
const CANDIDATE_SHARE = 0.05

export interface GrowthPolicy {
  readonly prefix: string
  readonly models: number
  readonly segments: number
  readonly horizon?: string
  readonly maxPending?: number
}

export function growthPolicy({ prefix, models, segments, horizon = '60s', maxPending = 1_000_000 }: GrowthPolicy): string {
  const model = {
    control: 'v1',
    candidate: 'v2',
    weights: 'recorded',
    segments: { segment: Array.from({ length: segments }, (_, index) => `s${index}`) },
    features: Object.fromEntries(FEATURES.map((name) => [name, { low: 0, high: 1, bins: 20 }])),
    outcomes: { label: { horizon } },
  }
  return stringify(
    {
      version: 1,
      kafka: { prefix },
      inputs: {
        predictions: { topic: PREDICTIONS, fields: { time: 'ts' }, segments: { segment: 'segment' } },
        outcomes: { topic: OUTCOMES, fields: { time: 'ts' } },
      },
      models: Object.fromEntries(Array.from({ length: models }, (_, index) => [`model-${index}`, model])),
      limits: { maxPending },
    },
    { aliasDuplicateObjects: false },
  )
}

/** Both versions alike: nothing is ever commanded, so that no setting is spared its judging. */
export function growthRequest(random: Random, index: number, models: number, segments: number) {
  const digits = (value: number): number => Math.round(value * 10_000) / 10_000
  return {
    id: `request-${index}`,
    model: `model-${Math.floor(random() * models)}`,
    version: random() < CANDIDATE_SHARE ? 'v2' : 'v1',
    segment: `s${Math.floor(random() * segments)}`,
    score: digits(random()),
    latencyMs: digits(8 - 12 * Math.log(1 - random())),
    error: random() < 0.01,
    features: Object.fromEntries(FEATURES.map((name) => [name, digits(random())])),
  }
}
