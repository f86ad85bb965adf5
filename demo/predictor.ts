/**
 * The model as the example model server loads it: `--predictor demo/predictor.ts --config '{"modelFile":…,"harm":…,"seed":…}'`.
 * A harm is put in here, where it would be in life: in what the model is fed, or in the server that runs it.
 */
import { readFileSync } from 'node:fs'
import type { Features, Predictor } from '../examples/model-server.ts'
import { systemClock } from '../src/kit/clock.ts'
import { seededRandom } from '../src/kit/random.ts'
import type { Harm } from './harm.ts'
import { type DelayModel, type FlightFeatures, inWrongTimeZone, overconfident, predictLate } from './model.ts'

export interface PredictorConfig {
  readonly modelFile: string
  readonly harm: Harm
  readonly seed: number
}

/** Shares of requests. */
export const ERROR_SHARE = 1 / 5
export const SLOW_SHARE = 1 / 3
export const SLOW_MS = 60

export function createPredictor(config: PredictorConfig): Required<Pick<Predictor, 'predict' | 'prepare'>> {
  const model = JSON.parse(readFileSync(config.modelFile, 'utf8')) as DelayModel
  const random = seededRandom(config.seed)
  return {
    prepare: (features) => (config.harm === 'skew' ? { ...inWrongTimeZone(flightOf(features)) } : features),
    predict: async (features) => {
      if (config.harm === 'errors' && random() < ERROR_SHARE) throw new Error('the model did not answer')
      if (config.harm === 'slow' && random() < SLOW_SHARE) await systemClock.sleep(SLOW_MS)
      const score = predictLate(model, flightOf(features))
      return config.harm === 'distorted' ? overconfident(score) : score
    },
  }
}

function flightOf(features: Features): FlightFeatures {
  return features as unknown as FlightFeatures
}

let loaded: ReturnType<typeof createPredictor> | null = null

export function configure(text: string): void {
  loaded = createPredictor(JSON.parse(text) as PredictorConfig)
}

export function prepare(features: Features): Features {
  return ready().prepare(features)
}

export function predict(features: Features): number | Promise<number> {
  return ready().predict(features)
}

function ready() {
  if (loaded === null) throw new Error('configure comes first')
  return loaded
}
