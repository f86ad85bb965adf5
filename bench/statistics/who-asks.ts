/** Who asks, and what a model answers: users that differ and come again, and a retrain that is better. */
import { normal } from '../../detectors/math/random.ts'
import type { Random } from '../../src/kit/random.ts'
import { beta, sampler } from './draws.ts'
import type { Request } from './requests-feed.ts'
import { CLIMATE, type Difference, NO_DIFFERENCE, type Weather } from './traffic.ts'

const CONTROL = 0
const CANDIDATE = 1

/** Pareto tail of how often a user comes: the busiest of 2,000 makes about one request in forty. */
const ACTIVITY_TAIL = 1.5
const ACTIVITY_MAX = 1_000
/** Users' own rates: Beta with these means, spread so widely that most users hardly ever fail and a few fail all the time. */
const ERRORS = { a: 0.5, b: 9.5 }
const WRONG = { a: 1, b: 9 }

/** Requests of users who come again, each with rates of its own; a user stays on the arm that a hash of its own gives it. */
export function stickyUsers(users: number, random: Random, candidate: Partial<Difference> = {}) {
  const place = Float64Array.from({ length: users }, random)
  const activity = Array.from({ length: users }, () => Math.min(ACTIVITY_MAX, (1 - random()) ** (-1 / ACTIVITY_TAIL)))
  const errors = Float64Array.from({ length: users }, () => beta(random, ERRORS.a, ERRORS.b))
  const wrong = Float64Array.from({ length: users }, () => beta(random, WRONG.a, WRONG.b))
  const lanes = Int32Array.from({ length: 2 * users }, () => (random() * 4_294_967_296) | 1)
  const pick = sampler(activity)
  const harm = { ...NO_DIFFERENCE, ...candidate }
  return (into: Request, share: number, weather: Weather) => {
    const user = pick(random)
    const isCandidate = place[user]! < share
    into.version = isCandidate ? CANDIDATE : CONTROL
    into.unit1 = lanes[2 * user]!
    into.unit2 = lanes[2 * user + 1]!
    into.error = random() < errors[user]! * (weather.errorRate / CLIMATE.errorRate) + (isCandidate ? harm.errorRate : 0)
    into.score = Number.NaN
    into.label = random() < 0.3 ? 1 : 0
    const isWrong = random() < wrong[user]! * (weather.wrongRate / CLIMATE.wrongRate) + (isCandidate ? harm.wrongRate : 0)
    into.decision = isWrong ? 1 - into.label : into.label
    into.feature = 0
  }
}

/** A retrain that has learnt a second feature: its scores and decisions move, its mistakes become fewer. */
export function betterModel(random: Random) {
  const logistic = (value: number) => 1 / (1 + Math.exp(-value))
  return (into: Request, share: number, weather: Weather) => {
    const isCandidate = random() < share
    const x = normal(random)
    const z = normal(random)
    const chance = logistic(-1.2 + 1.5 * x + z)
    into.version = isCandidate ? CANDIDATE : CONTROL
    into.unit1 = 0
    into.unit2 = 0
    into.error = random() < weather.errorRate
    // Without z the best answer is flatter.
    into.score = into.error ? Number.NaN : isCandidate ? chance : logistic(-1.05 + 1.3 * x)
    into.decision = into.error ? 2 : into.score >= 0.5 ? 1 : 0
    into.label = random() < chance ? 1 : 0
    into.feature = x
  }
}
