/** The rule by which a simulated day is called flat: it knows a clean series from a leak, whatever way the noise hangs together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normal, seededRandom } from '../../detectors/math/random.ts'
import { findingOf, trendOf } from './simulator/trend.ts'

const SEED = 5
const SERIES = 600
/** 21 hours, three values an hour. */
const VALUES = 63
const PERIOD = 3
const DAY = 72
const LIMITS = { allowedPerDay: 0, hiddenPerDayMax: 0.05 }
const RHYTHM = [0, 20, -10]

/** Of mean 30,000: each value keeps `memory` of the last one's distance; every hour has the same course. */
function series(random: () => number, memory: number, perValue = 0): number[] {
  let distance = normal(random) / Math.sqrt(1 - memory * memory)
  return Array.from({ length: VALUES }, (_, at) => {
    distance = memory * distance + normal(random)
    return 30_000 + 10 * distance + RHYTHM[at % PERIOD]! + perValue * at
  })
}

const growing = (memory: number, perValue: number): number => {
  const random = seededRandom(SEED)
  const findings = Array.from({ length: SERIES }, () => findingOf(trendOf(series(random, memory, perValue), PERIOD), DAY, LIMITS))
  return findings.filter((finding) => finding === 'grows').length / SERIES
}

test('a line without noise is found exactly, and grows however little it rises', () => {
  const trend = trendOf(
    Array.from({ length: VALUES }, (_, at) => 30_000 + at / 4),
    PERIOD,
  )
  assert.ok(Math.abs(trend.slope - 0.25) < 1e-9 && trend.standardError < 1e-6, JSON.stringify(trend))
  assert.equal(findingOf(trend, DAY, LIMITS), 'grows')
  assert.equal(findingOf(trendOf(new Array(VALUES).fill(7), PERIOD), DAY, LIMITS), 'flat')
})

for (const [memory, calledGrowing] of [
  [0, 0.01],
  [0.6, 0.01],
  [0.9, 0.025],
] as const) {
  test(`a flat series whose values keep ${memory} of their past is hardly ever said to grow`, (t) => {
    const share = growing(memory, 0)
    t.diagnostic(`${(100 * share).toFixed(1)} % of ${SERIES}`)
    assert.ok(share <= calledGrowing, `${share}`)
  })
}

test('the plain standard error would call one in four of the flat series with a memory a leak', (t) => {
  const random = seededRandom(SEED)
  const leaks = Array.from({ length: SERIES }, () => trendOf(series(random, 0.9), 1)).filter((of) => of.slope > 2 * of.plainStandardError)
  t.diagnostic(`${((100 * leaks.length) / SERIES).toFixed(1)} % of ${SERIES}`)
  assert.ok(leaks.length > 0.2 * SERIES)
})

test('what leaks a percent an hour is found in every series', () => {
  assert.equal(growing(0.6, 50), 1)
})

test('what goes up and down with a part that is known is no noise: a leak is found beneath it, and none where there is none', () => {
  const random = seededRandom(SEED)
  const [known, flat] = [series(random, 0.9).map((value) => 50 * value), series(random, 0.3)]
  const [calm, leaking] = [0, 1].map((perValue) => flat.map((value, at) => value + known[at]! / 10 + perValue * at))
  assert.equal(findingOf(trendOf(leaking!, PERIOD, known), DAY, LIMITS), 'grows')
  assert.equal(findingOf(trendOf(calm!, PERIOD, known), DAY, LIMITS), 'flat')
  assert.notEqual(findingOf(trendOf(leaking!, PERIOD), DAY, LIMITS), 'grows')
})

test('noise in which a leak could hide is not called flat', () => {
  const random = seededRandom(SEED)
  const noisy = Array.from({ length: VALUES }, () => 30_000 * (1 + normal(random)))
  assert.equal(findingOf(trendOf(noisy, PERIOD), DAY, LIMITS), 'too noisy to tell')
})
