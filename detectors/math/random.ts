/** Seeded chance for sample generators: mulberry32 and draws from it. The detectors themselves never throw dice. */
export type Random = () => number

export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** How many of `trials` succeed: by skipping from one success to the next, so rare events cost little. */
export function binomial(random: Random, trials: number, rate: number): number {
  if (rate > 0.5) return trials - binomial(random, trials, 1 - rate)
  if (rate <= 0) return 0
  const logMiss = Math.log1p(-rate)
  let successes = -1
  let position = 0
  while (position <= trials) {
    position += 1 + Math.floor(Math.log(1 - random()) / logMiss)
    successes++
  }
  return successes
}

/** Splits `trials` over classes with these probabilities. */
export function multinomial(random: Random, trials: number, probabilities: readonly number[]): number[] {
  let left = trials
  let mass = 1
  return probabilities.map((probability, index) => {
    const count = index === probabilities.length - 1 ? left : binomial(random, left, Math.min(1, probability / mass))
    left -= count
    mass -= probability
    return count
  })
}

/** A standard normal draw, by Box and Muller. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
}
