/** What the models of the benches that take time serve: users who come again, versions that are alike, an outcome for nine in ten. */
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import type { LiveOptions } from './live-traffic.ts'

export interface SteadyOptions {
  readonly models: readonly string[]
  readonly users: number
  readonly outcomeDelayMs: number
  readonly seed: number
}

const CANDIDATE_SHARE = 0.2
const OUTCOME_SHARE = 0.9
const REGIONS = ['eu', 'us', 'asia']

/** The models take turns. */
export function steadyDraw({ models, users, outcomeDelayMs, seed }: SteadyOptions): LiveOptions['draw'] {
  const random = seededRandom(seed)
  let drawn = 0
  return (id) => {
    const score = random()
    const prediction = {
      id,
      time: systemClock.nowMs(),
      model: models[drawn++ % models.length]!,
      version: random() < CANDIDATE_SHARE ? 'v2' : 'v1',
      unit: `u${Math.floor(random() * users)}`,
      region: REGIONS[Math.floor(random() * REGIONS.length)]!,
      score,
      latencyMs: 10 + 20 * random(),
      error: random() < 0.01,
      features: { age: random() * 10 },
    }
    const label = random() < score ? 1 : 0
    return { prediction, outcome: random() < OUTCOME_SHARE ? { afterMs: outcomeDelayMs, label } : null }
  }
}
