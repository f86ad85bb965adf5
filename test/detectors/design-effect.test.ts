/** Design effect and tempering: what they say where the answer is known. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  addBuckets,
  type BucketSums,
  bucketsWorth,
  cautiousDesignEffect,
  designEffect,
  designEffects,
  emptyBuckets,
  rowsInBuckets,
} from '../../detectors/design-effect.ts'
import { type Random, seededRandom } from '../../detectors/math/random.ts'
import { retempered } from '../../detectors/tempering.ts'

const BUCKETS = 128

interface User {
  readonly bucket: number
  readonly requests: number
  readonly value: (random: Random) => number
}

function bucketsOf(random: Random, users: readonly User[]): BucketSums {
  const rows = new Float64Array(BUCKETS)
  const sums = new Float64Array(BUCKETS)
  let squares = 0
  for (const user of users) {
    for (let n = 0; n < user.requests; n++) {
      const value = user.value(random)
      rows[user.bucket]!++
      sums[user.bucket]! += value
      squares += value * value
    }
  }
  return { rows, sums, squares }
}

function usersOf(random: Random, count: number, requestsOf: () => number, habitOf: () => User['value']): User[] {
  return Array.from({ length: count }, () => ({
    bucket: Math.floor(random() * BUCKETS),
    requests: requestsOf(),
    value: habitOf(),
  }))
}

test('independent requests have a design effect of one, whatever their number and whoever makes them', () => {
  const random = seededRandom(3)
  const effects = Array.from({ length: 40 }, () => {
    const users = usersOf(
      random,
      2_000,
      () => 1 + Math.floor(random() ** 4 * 60),
      () => (r) => (r() < 0.05 ? 1 : 0),
    )
    return designEffects(bucketsOf(random, users))
  })
  const mean = (of: (each: (typeof effects)[number]) => number) => effects.reduce((sum, each) => sum + of(each), 0) / effects.length
  // χ²/127 has a standard deviation of √(2/127): three standard errors of the mean of forty.
  const slack = (3 * Math.sqrt(2 / 127)) / Math.sqrt(40)
  assert.ok(Math.abs(mean((each) => each.pearson) - 1) < slack, `${mean((each) => each.pearson)}`)
  assert.ok(Math.abs(mean((each) => each.byRows) - 1) < 2 * slack, `${mean((each) => each.byRows)}`)
})

test('what a user always brings along has a design effect of as many requests as that user makes', () => {
  const random = seededRandom(4)
  const effects = Array.from({ length: 30 }, () => {
    const users = usersOf(
      random,
      3_000,
      () => 12,
      () => {
        const own = random() < 0.3 ? 1 : 0
        return () => own
      },
    )
    return designEffect(bucketsOf(random, users))
  })
  const mean = effects.reduce((sum, each) => sum + each, 0) / effects.length
  assert.ok(mean > 11 && mean < 14, `${mean}`)
})

test('when few users make most of the requests, the form over rows says so and the form over buckets does not', () => {
  const random = seededRandom(5)
  let pearson = 0
  let byRows = 0
  for (let n = 0; n < 60; n++) {
    const users = usersOf(
      random,
      2_000,
      () => (random() < 0.01 ? 400 : 4),
      () => {
        const own = random() < 0.2 ? 1 : 0
        return () => own
      },
    )
    const both = designEffects(bucketsOf(random, users))
    pearson += both.pearson / 60
    byRows += both.byRows / 60
  }
  // Σ n²/Σ n of this activity: what the variance of the mean is multiplied by.
  const truth = (0.01 * 400 ** 2 + 0.99 * 4 ** 2) / (0.01 * 400 + 0.99 * 4)
  assert.ok(Math.abs(byRows / truth - 1) < 0.15, `${byRows} for ${truth}`)
  assert.ok(pearson < 0.5 * truth, `${pearson} for ${truth}`)
})

test('buckets add up to the same numbers in any grouping of strata', () => {
  const random = seededRandom(6)
  const strata = Array.from({ length: 12 }, () =>
    bucketsOf(
      random,
      usersOf(
        random,
        50,
        () => 3,
        () => (r) => Math.floor(r() * 20),
      ),
    ),
  )
  const add = (list: readonly BucketSums[]) => list.reduce(addBuckets, emptyBuckets(BUCKETS))
  const halves = addBuckets(add(strata.slice(0, 5)), add(strata.slice(5)))
  assert.deepEqual(add(strata), halves)
  assert.equal(rowsInBuckets(halves), 12 * 150)
})

test('it is never below one, one while nothing varies, and not known while fewer than two buckets have rows', () => {
  const rows = new Float64Array(BUCKETS).fill(10)
  assert.equal(designEffect({ rows, sums: new Float64Array(BUCKETS), squares: 0 }), 1)
  assert.equal(designEffect({ rows, sums: new Float64Array(BUCKETS).fill(10), squares: 1_280 }), 1)
  // Every bucket alike: less spread than chance.
  assert.equal(designEffect({ rows, sums: new Float64Array(BUCKETS).fill(5), squares: 640 }), 1)
  const one = emptyBuckets(BUCKETS)
  one.rows[7] = 100
  one.sums[7] = 3
  assert.equal(designEffect({ ...one, squares: 3 }), Number.POSITIVE_INFINITY)
  assert.equal(designEffect(emptyBuckets(BUCKETS)), Number.POSITIVE_INFINITY)
})

test('numbers that cannot be counts or sums are refused by the name of their field', () => {
  const state = emptyBuckets(BUCKETS)
  const damaged = (field: 'rows' | 'sums', value: number) => {
    const stratum = emptyBuckets(BUCKETS)
    stratum[field][9] = value
    return stratum
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 0.5]) {
    assert.throws(() => addBuckets(state, damaged('rows', value)), /rows\[9\]/)
  }
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => addBuckets(state, damaged('sums', value)), /sums\[9\]/)
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    assert.throws(() => addBuckets(state, { ...emptyBuckets(BUCKETS), squares: value }), /squares/)
  }
  assert.throws(() => addBuckets(state, emptyBuckets(64)), /128 buckets/)
})

test('when the design effect rises, what was won shrinks with it; what has won nothing stays, and a fall gives nothing back', () => {
  assert.deepEqual(retempered([6, 0.5, 0, -3, -1e6], 2, 4), [3, 0.25, 0, -3, -1e6])
  assert.deepEqual(retempered([6, -3], 4, 2), [6, -3])
  assert.deepEqual(retempered(Float64Array.of(6, -3), 1, 3), Float64Array.of(2, -3))
  for (const value of [0.5, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => retempered([1], 1, value), /temper/)
})

test('from few buckets it is taken for as much larger as Student asks, and from less than two for nothing', () => {
  const worth = (buckets: number) => ({ rows: new Float64Array(BUCKETS).fill(10, 0, buckets), sums: new Float64Array(BUCKETS), squares: 0 })
  const factors = [BUCKETS, 20, 6, 2, 1].map((buckets) => cautiousDesignEffect(worth(buckets)))
  assert.ok(factors[0]! > 1 && factors[0]! < 1.07, `${factors}`)
  assert.ok(Math.abs(factors[1]! - 1.48) < 0.01 && Math.abs(factors[2]! - 5.52) < 0.01, `${factors}`)
  assert.ok(factors[3]! > 80_000 && factors[4] === Number.POSITIVE_INFINITY, `${factors}`)
  const giant = worth(BUCKETS)
  giant.rows[0] = 1e6
  assert.ok(bucketsWorth(giant) < 1.01 && cautiousDesignEffect(giant) === Number.POSITIVE_INFINITY)
  assert.equal(cautiousDesignEffect(emptyBuckets(BUCKETS)), Number.POSITIVE_INFINITY)
})
