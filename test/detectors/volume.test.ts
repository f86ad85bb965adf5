/** Traffic with a season is silent, an outage and a flood are found, and no data at all is a state of its own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { normal, type Random, seededRandom } from '../../detectors/math/random.ts'
import { emptySeason, expectedInHour, hourOfWeek, observeSeason } from '../../detectors/season.ts'
import { emptyVolume, observeVolume, type VolumeState, volumeEvidence } from '../../detectors/volume.ts'

/** Twelve buckets an hour, one false alarm in 30 days. */
const LOG_LIMIT = Math.log(30 * 24 * 12)
const TOLERANCE = 0.3

/** Poisson draws: exact for small means, by the normal law for large ones. */
function poisson(random: Random, mean: number): number {
  if (mean > 50) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)))
  let product = random()
  let count = 0
  while (product > Math.exp(-mean)) {
    product *= random()
    count++
  }
  return count
}

const seasonal = (bucket: number) => 400 * (1 + 0.8 * Math.sin((2 * Math.PI * bucket) / 288))

interface Stream {
  readonly seed: number
  readonly buckets: number
  readonly intensity: (bucket: number, random: Random) => number
  readonly forecast?: (bucket: number) => number
}

function firstAlarm({ seed, buckets, intensity, forecast = seasonal }: Stream) {
  const random = seededRandom(seed)
  let state = emptyVolume()
  for (let bucket = 0; bucket < buckets; bucket++) {
    state = observeVolume(state, { requests: poisson(random, intensity(bucket, random)), forecast: forecast(bucket) }, TOLERANCE)
    const { status } = volumeEvidence(state, LOG_LIMIT)
    if (status !== 'usual') return { bucket, status }
  }
  return null
}

test('a season with bursts and dips within the tolerance is silent for three weeks', () => {
  for (let seed = 80; seed < 100; seed++) {
    const moved = (bucket: number, random: Random) => seasonal(bucket) * (1 + 0.28 * (2 * random() - 1))
    assert.equal(firstAlarm({ seed, buckets: 6_000, intensity: moved }), null)
  }
})

test('thin traffic, where empty buckets are ordinary, is silent at the edge of the tolerance for a run as long as promised', () => {
  let alarms = 0
  for (let seed = 100; seed < 130; seed++) {
    if (firstAlarm({ seed, buckets: 2_000, intensity: () => 1.4 * (1 - TOLERANCE), forecast: () => 1.4 }) !== null) alarms++
  }
  // At the edge 2,000 buckets hold an alarm with a chance of at most 2,000/8,640 each.
  const chance = 2_000 / (30 * 24 * 12)
  assert.ok(alarms <= 30 * chance + 3 * Math.sqrt(30 * chance * (1 - chance)), `${alarms} alarms`)
})

test('half of the traffic gone is found within three buckets, at any hour', () => {
  for (let seed = 130; seed < 140; seed++) {
    const start = 600 + 13 * (seed - 130)
    const found = firstAlarm({ seed, buckets: 1_000, intensity: (bucket) => seasonal(bucket) * (bucket < start ? 1 : 0.4) })
    assert.equal(found?.status, 'few')
    assert.ok(found.bucket >= start && found.bucket < start + 3, `bucket ${found.bucket} after ${start}`)
  }
})

test('twice the traffic is found', () => {
  const found = firstAlarm({ seed: 141, buckets: 1_000, intensity: (bucket) => seasonal(bucket) * (bucket < 500 ? 1 : 2) })
  assert.equal(found?.status, 'many')
  assert.ok(found.bucket < 503)
})

test('a full outage is no number: after three empty buckets the state is no-data, and one request ends it', () => {
  let state: VolumeState = emptyVolume()
  const statuses: string[] = []
  for (const requests of [400, 0, 0, 0, 0, 390]) {
    state = observeVolume(state, { requests, forecast: 400 }, TOLERANCE)
    statuses.push(volumeEvidence(state, LOG_LIMIT).status)
  }
  assert.deepEqual(statuses, ['usual', 'usual', 'usual', 'no-data', 'no-data', 'usual'])
})

test('three empty buckets where four requests were expected are nothing special', () => {
  let state = emptyVolume()
  for (let bucket = 0; bucket < 3; bucket++) state = observeVolume(state, { requests: 0, forecast: 1.4 }, TOLERANCE)
  assert.equal(volumeEvidence(state, LOG_LIMIT).status, 'usual')
})

test('a bucket without a forecast changes nothing, and impossible numbers are refused by name', () => {
  const state = observeVolume(emptyVolume(), { requests: 5, forecast: 6 }, TOLERANCE)
  assert.equal(observeVolume(state, { requests: 5, forecast: 0 }, TOLERANCE), state)
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state)
  for (const damaged of [Number.NaN, Number.POSITIVE_INFINITY, -1]) {
    assert.throws(() => observeVolume(state, { requests: damaged, forecast: 6 }, TOLERANCE), /requests/)
    assert.throws(() => observeVolume(state, { requests: 6, forecast: damaged }, TOLERANCE), /forecast/)
  }
  assert.throws(() => observeVolume(state, { requests: 6, forecast: 6 }, 1), /tolerance/)
})

test('the forecast is the median of the same hour of earlier weeks, else of earlier days, else unknown', () => {
  let season = emptySeason()
  const expected = new Map<number, number>()
  for (let hour = 0; hour < 24 * 28; hour++) {
    expected.set(hour, expectedInHour(season, hour))
    const outage = hour === 24 * 10 + 9
    season = observeSeason(season, { hour, requests: outage ? 0 : 100 + (hour % 24) + (hourOfWeek(hour) < 24 ? 500 : 0) })
  }
  assert.equal(expected.get(24 * 2 + 5), 0)
  assert.equal(expected.get(24 * 3 + 5), 105)
  assert.equal(expected.get(24 * 17 + 9), 109)
  // The fourth Monday: three Mondays are known.
  assert.equal(expected.get(24 * 25 + 3), 603)
  assert.equal(season.hours.length, 672)
  assert.throws(() => observeSeason(season, { hour: 5, requests: 1 }), /hour/)
})
