/** The ceiling's promise: on average no alarm before A batches at the ceiling itself, and a short delay beyond it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type CeilingState, emptyCeiling, logEvidenceCeiling, observeCeiling } from '../../detectors/ceiling.ts'
import { binomial, seededRandom } from '../../detectors/math/random.ts'

interface Watch {
  readonly seed: number
  readonly rows: number
  readonly rate: number
  readonly limit: number
  readonly runLength: number
  readonly most: number
  readonly direction?: 'more' | 'fewer'
}

/** Batches until M ≥ A; `most` when it does not come. */
function batchesToAlarm({ seed, rows, rate, limit, runLength, most, direction }: Watch): number {
  const random = seededRandom(seed)
  let state = emptyCeiling()
  for (let batch = 1; batch <= most; batch++) {
    state = observeCeiling(state, { rows, events: binomial(random, rows, rate) }, limit, direction)
    if (logEvidenceCeiling(state) >= Math.log(runLength)) return batch
  }
  return most
}

/** Mean and its standard error. Runs that were cut off count with their length: the true mean is larger. */
function meanOver(streams: number, watch: Omit<Watch, 'seed'>, seed: number): { mean: number; standardError: number } {
  const lengths = Array.from({ length: streams }, (_, index) => batchesToAlarm({ ...watch, seed: seed + index }))
  const mean = lengths.reduce((sum, length) => sum + length, 0) / streams
  const variance = lengths.reduce((sum, length) => sum + (length - mean) ** 2, 0) / (streams - 1)
  return { mean, standardError: Math.sqrt(variance / streams) }
}

for (const limit of [0.01, 0.05, 0.3]) {
  test(`a version exactly at its ceiling of ${100 * limit} % is accused no sooner than every 500 batches on average`, () => {
    const { mean, standardError } = meanOver(150, { rows: 50, rate: limit, limit, runLength: 500, most: 6_000 }, 41)
    assert.ok(mean + 3 * standardError >= 500, `${mean} batches`)
  })
}

test('a version exactly at its floor is accused no sooner than every 500 batches on average', () => {
  const { mean, standardError } = meanOver(150, { rows: 50, rate: 0.9, limit: 0.9, runLength: 500, most: 6_000, direction: 'fewer' }, 43)
  assert.ok(mean + 3 * standardError >= 500, `${mean} batches`)
})

test('errors at twice a ceiling of 5 % are found within 40 batches of 50 rows, with a false alarm allowed every 500,000 batches', () => {
  const { mean } = meanOver(100, { rows: 50, rate: 0.1, limit: 0.05, runLength: 500_000, most: 400 }, 44)
  assert.ok(mean <= 40, `${mean} batches`)
})

test('a floor that is broken is found', () => {
  const { mean } = meanOver(50, { rows: 50, rate: 0.8, limit: 0.9, runLength: 500_000, most: 400, direction: 'fewer' }, 45)
  assert.ok(mean <= 40, `${mean} batches`)
})

test('harm after ten thousand healthy batches is found as fast as at the start', () => {
  const random = seededRandom(46)
  let state = emptyCeiling()
  for (let batch = 0; batch < 10_000; batch++) state = observeCeiling(state, { rows: 50, events: binomial(random, 50, 0.02) }, 0.05)
  let delay = 0
  while (logEvidenceCeiling(state) < Math.log(500_000)) {
    state = observeCeiling(state, { rows: 50, events: binomial(random, 50, 0.1) }, 0.05)
    delay++
  }
  assert.ok(delay <= 60, `${delay} batches`)
})

test('a tempered bet needs more rows, never fewer', () => {
  const harm = { rows: 50, events: 10 }
  const tempered = observeCeiling(emptyCeiling(), harm, 0.05, 'more', 2)
  assert.ok(logEvidenceCeiling(tempered) < logEvidenceCeiling(observeCeiling(emptyCeiling(), harm, 0.05)))
})

test('one large batch and its two halves lead to the same bets', () => {
  const once = observeCeiling(emptyCeiling(), { rows: 100, events: 9 }, 0.05)
  // The halves put fresh capital in twice, so they can only have more.
  const halves = [4, 5].reduce((state: CeilingState, events) => observeCeiling(state, { rows: 50, events }, 0.05), emptyCeiling())
  assert.ok(logEvidenceCeiling(halves) >= logEvidenceCeiling(once))
})

test('a batch without rows changes nothing, input stays untouched and state survives JSON', () => {
  const state = observeCeiling(emptyCeiling(), { rows: 50, events: 4 }, 0.05)
  const copy = structuredClone(state)
  assert.equal(observeCeiling(state, { rows: 0, events: 0 }, 0.05), state)
  const next = observeCeiling(state, { rows: 50, events: 1 }, 0.05)
  assert.deepEqual(state, copy)
  assert.deepEqual(observeCeiling(JSON.parse(JSON.stringify(state)), { rows: 50, events: 1 }, 0.05), next)
  assert.equal(logEvidenceCeiling(emptyCeiling()), 0)
})

test('numbers that cannot be counts, and limits that are none, are refused by name', () => {
  for (const damaged of [Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5]) {
    assert.throws(() => observeCeiling(emptyCeiling(), { rows: damaged, events: 0 }, 0.05), /rows/)
    assert.throws(() => observeCeiling(emptyCeiling(), { rows: 50, events: damaged }, 0.05), /events/)
  }
  for (const limit of [0, 1, Number.NaN]) assert.throws(() => observeCeiling(emptyCeiling(), { rows: 50, events: 1 }, limit), /limit/)
  assert.throws(() => observeCeiling(emptyCeiling(), { rows: 50, events: 1 }, 0.05, 'more', 0.5), /temper/)
})
