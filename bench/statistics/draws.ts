/**
 * Chance for simulations. Rollout r of setting s draws from a generator of its own, seeded by (seed, s, r): results do not depend on
 * which process simulates what, nor in which order. The state is 128 bits (sfc32), since a statistic over 10⁹ draws must not walk
 * through the same 2³² numbers again and again.
 */
import { normal } from '../../detectors/math/random.ts'
import type { Random } from '../../src/kit/random.ts'

/** One stream of numbers in [0, 1) for each (seed, name, index). */
export function chanceOf(seed: number, name: string, index: number): Random {
  let a = mix(seed, 0x9e3779b9)
  let b = mix(hashOf(name), 0x85ebca6b)
  let c = mix(index, 0xc2b2ae35)
  let counter = 1
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return (sum >>> 0) / 4_294_967_296
  }
  for (let round = 0; round < 20; round += 1) next()
  return next
}

function mix(value: number, salt: number): number {
  let bits = Math.imul(value ^ salt, 0x45d9f3b)
  bits = Math.imul(bits ^ (bits >>> 16), 0x45d9f3b)
  return bits ^ (bits >>> 16)
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return hash
}

/** Successes among `trials`; exact: rare ones by the waits between them, others one by one. */
export function binomial(random: Random, trials: number, rate: number): number {
  if (rate <= 0 || trials <= 0) return 0
  if (rate >= 1) return trials
  if (rate > 0.5) return trials - binomial(random, trials, 1 - rate)
  if (rate > 0.15) return flips(random, trials, rate)
  const logFailure = Math.log1p(-rate)
  let hits = 0
  for (let at = Math.floor(Math.log(1 - random()) / logFailure); at < trials; hits += 1) {
    at += 1 + Math.floor(Math.log(1 - random()) / logFailure)
  }
  return hits
}

function flips(random: Random, trials: number, rate: number): number {
  let hits = 0
  for (let at = 0; at < trials; at += 1) if (random() < rate) hits += 1
  return hits
}

/** Requests in a slice: about as many as a Poisson process brings. */
export function volume(random: Random, mean: number): number {
  return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
}

/** Gamma with this shape and scale 1 (Marsaglia and Tsang). */
export function gamma(random: Random, shape: number): number {
  if (shape < 1) return gamma(random, shape + 1) * (1 - random()) ** (1 / shape)
  const d = shape - 1 / 3
  const c = 1 / Math.sqrt(9 * d)
  for (;;) {
    const x = normal(random)
    const v = (1 + c * x) ** 3
    if (v > 0 && Math.log(1 - random()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
  }
}

export function beta(random: Random, a: number, b: number): number {
  const x = gamma(random, a)
  return x / (x + gamma(random, b))
}

/** Draws an index with these weights; a guide table makes it a look-up and a step or two. */
export function sampler(weights: ArrayLike<number>): (random: Random) => number {
  const total = Array.from(weights).reduce((sum, weight) => sum + weight, 0)
  const cumulative = new Float64Array(weights.length)
  let sum = 0
  for (let at = 0; at < weights.length; at += 1) cumulative[at] = (sum += weights[at]!) / total
  const last = weights.length - 1
  const guide = new Int32Array(1024)
  for (let step = 0, at = 0; step < guide.length; step += 1) {
    while (at < last && cumulative[at]! <= step / guide.length) at += 1
    guide[step] = at
  }
  return (random) => {
    const u = random()
    let at = guide[(u * guide.length) | 0]!
    while (at < last && cumulative[at]! <= u) at += 1
    return at
  }
}
