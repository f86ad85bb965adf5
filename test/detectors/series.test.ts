/** The detector of single series: the reference values of its specification, its refusals, its habits and what it costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normal, seededRandom } from '../../detectors/math/random.ts'
import { explainSeries } from '../../detectors/series/explain.ts'
import {
  advanceSeries,
  emptySeries,
  observeSeriesPoint,
  SERIES_RULE,
  type SeriesPoint,
  type SeriesReading,
  type SeriesRule,
} from '../../detectors/series.ts'

const EVERY_SECONDS = 300

function readings(values: Iterable<number>, rule: SeriesRule = SERIES_RULE): SeriesReading[] {
  const state = emptySeries()
  return [...values].map((value, index) => advanceSeries(state, { timeSeconds: index * EVERY_SECONDS, value }, rule))
}

function* values(count: number, of: (index: number) => number): Generator<number> {
  for (let index = 0; index < count; index++) yield of(index)
}

const referenceValue = (i: number): number =>
  10 + 3 * Math.sin((2 * Math.PI * i) / 288) + ((7919 * i) % 1000) / 1000 + (i >= 3000 && i <= 3010 ? 4 : 0)

test('the reference series has the reference scores, and exactly one alarm', () => {
  const found = readings(values(4000, referenceValue), { threshold: 1.3, silentPoints: 600 })
  const expected = new Map([
    [150, 1.217664],
    [700, 0.281549],
    [2999, 0.233287],
    [3000, 0.763893],
    [3010, 1.56885],
  ])
  for (const [index, score] of expected) assert.ok(Math.abs(found[index]!.score - score) < 5e-7, `S(${index}) = ${found[index]!.score}`)
  assert.deepEqual(
    found.flatMap(({ alarm }, index) => (alarm ? [index] : [])),
    [3005],
  )
})

test('the same points give the same readings whether the state is changed in place, copied, or stored as JSON in between', () => {
  const owned = emptySeries()
  let copied = emptySeries()
  for (let index = 0; index < 1500; index++) {
    const point: SeriesPoint = { timeSeconds: index * EVERY_SECONDS, value: referenceValue(2000 + index) }
    const before = index % 100 === 0 ? JSON.stringify(copied) : ''
    const { state, ...reading } = observeSeriesPoint(copied, point)
    if (before !== '') assert.equal(JSON.stringify(copied), before, 'what is given is not changed')
    assert.deepEqual(reading, advanceSeries(owned, point))
    copied = index % 100 === 0 ? (JSON.parse(JSON.stringify(state)) as typeof state) : state
  }
  assert.deepEqual(copied, owned)
})

test('a number that cannot be one is refused by name, and leaves the state as it was', () => {
  const state = emptySeries()
  advanceSeries(state, { timeSeconds: 0, value: 1 })
  const before = JSON.stringify(state)
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
    assert.throws(() => advanceSeries(state, { timeSeconds: 300, value: bad }), /^RangeError: value must be finite/)
    assert.throws(() => advanceSeries(state, { timeSeconds: bad, value: 1 }), /^RangeError: timeSeconds must be finite/)
  }
  assert.throws(() => advanceSeries(state, { timeSeconds: 300, value: 1e200 }), /value must lie within/)
  assert.equal(JSON.stringify(state), before)
})

test('whatever finite numbers come, the score stays finite', () => {
  const random = seededRandom(5)
  const wild = values(3000, () => [0, 1e100, -1e100, 1e-300, normal(random)][Math.floor(random() * 5)]!)
  for (const { score } of readings(wild)) assert.ok(Number.isFinite(score) && score >= 0)
})

test('about 4 kB of numbers are kept for a series, however long it is', () => {
  const state = emptySeries()
  const numbersIn = (part: unknown): number =>
    typeof part === 'object' && part !== null ? Object.values(part).reduce<number>((sum, one) => sum + numbersIn(one), 0) : 1
  for (let index = 0; index < 20_000; index++) advanceSeries(state, { timeSeconds: index * EVERY_SECONDS, value: index % 7 })
  assert.ok(8 * numbersIn(state) < 4_200, `${8 * numbersIn(state)} bytes`)
})

test('a live series is silent while its habits are learnt: 750 points', () => {
  const jump = readings(values(800, (index) => (index >= 740 ? 1000 : index % 5)))
  const first = jump.findIndex(({ alarm }) => alarm)
  assert.equal(first, 750)
})

test('white noise calls less than once in a thousand points, and a shift of three standard deviations is called within 40', () => {
  const random = seededRandom(11)
  let calls = 0
  let late = 0
  for (let series = 0; series < 20; series++) {
    const found = readings(values(4000, (index) => 50 + normal(random) + (index >= 3900 ? 3 : 0)))
    calls += found.slice(0, 3900).filter(({ alarm }) => alarm).length
    if (!found.slice(3900, 3940).some(({ alarm }) => alarm)) late += 1
  }
  assert.ok(calls / (20 * 3150) < 0.001, `${calls} calls`)
  assert.equal(late, 0)
})

test('a series with a day is judged by its day: what is usual at noon is an alarm at midnight', () => {
  const random = seededRandom(3)
  const daily = (index: number): number => 100 + 50 * Math.sin((2 * Math.PI * index) / 288) + normal(random)
  const strange = readings(values(288 * 10, (index) => daily(index) + (index >= 288 * 9 + 200 && index < 288 * 9 + 240 ? 40 : 0)))
  const calls = strange.flatMap(({ alarm }, index) => (alarm ? [index] : []))
  assert.ok(calls.length > 0 && calls.every((index) => index >= 288 * 9 + 200 && index <= 288 * 9 + 280), String(calls))
  assert.ok(strange.at(-1)!.seasonWeights[0] > 0.9)
  const plain = readings(values(3000, () => 100 + normal(random)))
  assert.ok(plain.at(-1)!.seasonWeights[0] < 0.05)
})

test('one who has just called must have more to say to call again', () => {
  const random = seededRandom(8)
  const found = readings(values(3000, (index) => normal(random) + (index >= 2000 && index < 2200 ? 8 : 0)))
  const calls = found.filter(({ alarm }) => alarm)
  assert.ok(calls.length >= 1 && calls.length <= 6, `${calls.length} calls`)
  assert.ok(calls.length === 1 || calls[1]!.bar > calls[0]!.bar)
})

test('an alarm says which scale, which side, how far, what season and what the bar was', () => {
  const reading: SeriesReading = { score: 1.42, bar: 1.3, alarm: true, zs: [-0.42, 3.11, 6.2], seasonWeights: [0.97, 0.61] }
  const tuesdayAtTwo = Date.UTC(2024, 0, 2, 14) / 1000
  assert.equal(
    explainSeries(reading, tuesdayAtTwo),
    '40-point mean 6.2 sd above usual for Tuesday 14:00; 10-point mean 3.1 above, last point 0.4 below; the day counts 97 %, the week 61 %; score 1.42, bar 1.30',
  )
  assert.match(explainSeries({ ...reading, seasonWeights: [0.9, 0.1] }, tuesdayAtTwo), /usual for 14:00;/)
  assert.match(
    explainSeries({ ...reading, seasonWeights: [0.1, 0], zs: [-1e6, 0, 0] }, tuesdayAtTwo),
    /^last point more than 999 sd below usual;/,
  )
})
