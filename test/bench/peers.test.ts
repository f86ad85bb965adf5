/** The peers' rules, by cases that can be worked out by hand. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type Column,
  chiSquareP,
  datasetHasDrifted,
  hasDrifted,
  kolmogorovP,
  normedWasserstein,
  sharesP,
} from '../../bench/statistics/peers/evidently.ts'
import { classify, hodgesLehmann, score, withoutOutliers } from '../../bench/statistics/peers/mann-whitney.ts'
import { chunkHasDrifted, performanceBand } from '../../bench/statistics/peers/nannyml.ts'
import { MINUTE_MS, perInterval } from '../../bench/statistics/peers/peer.ts'
import { pooledZ } from '../../bench/statistics/peers/pooled-z.ts'
import { MODERATE, SHIFTED, stability } from '../../bench/statistics/peers/population-stability-rule.ts'
import { latencyQuantileMs, PEERS, peerNamed } from '../../bench/statistics/peers/roster.ts'
import { failedChecks, isOver, isWorseThanControl, rateOf } from '../../bench/statistics/peers/thresholds.ts'
import { emptyArm, latencyEdgeMs, type PanePair } from '../../bench/statistics/traffic.ts'
import { seededRandom } from '../../src/kit/random.ts'

const counts = (...values: number[]) => Float64Array.from(values)
const stopsAt = (checks: { see(isFailed: boolean | null): boolean }, seen: readonly (boolean | null)[]) =>
  seen.findIndex((each) => checks.see(each)) + 1

test('three failed checks of the last five stop a rollout, three spread wider do not', () => {
  assert.equal(stopsAt(failedChecks(3, 5), [true, false, true, false, true]), 5)
  assert.equal(stopsAt(failedChecks(3, 5), [true, false, true, false, false, true, false, false, true]), 0)
})

test('three in a row are needed where the rule says so, and a gap without data neither breaks nor makes the row', () => {
  assert.equal(stopsAt(failedChecks(3, 3), [true, true, false, true, true, true]), 6)
  assert.equal(stopsAt(failedChecks(3, 3), [true, null, true, null, true]), 5)
})

test('a failure limit of three lets three failures pass and stops at the fourth, however far apart', () => {
  const sparse = Array.from({ length: 40 }, (_, index) => index % 10 === 0)
  assert.equal(stopsAt(failedChecks(4, Number.POSITIVE_INFINITY), sparse), 31)
})

test('a check compares with the control plus a tolerance, or with a fixed limit, and says nothing without rows', () => {
  assert.equal(isWorseThanControl(0.026, 0.02, 0.005), true)
  assert.equal(isWorseThanControl(0.024, 0.02, 0.005), false)
  assert.equal(isWorseThanControl(rateOf(0, 0), 0.02, 0.005), null)
  assert.equal(isOver(0.031, 0.03), true)
  assert.equal(isOver(Number.NaN, 0.03), null)
})

test('the shift between minutes is the median of all differences, its interval made of their order statistics', () => {
  const experiment = [11, 12, 13, 14, 15, 16, 17, 18]
  const control = [1, 2, 3, 4, 5, 6, 7, 8]
  const shift = hodgesLehmann(experiment, control)
  assert.equal(shift.estimate, 10)
  // 64 differences, deviation √(64·17/12) = 9.52, 2.326 of them below the middle: the 9th smallest. 3, 4 4, 5 5 5, then 6 6 6 …
  assert.deepEqual([shift.low, shift.high], [6, 14])
})

test('the interval judge passes noise and fails a shift whose interval lies beyond a quarter of it', () => {
  assert.equal(classify([11, 12, 13, 14, 15, 16, 17, 18], [1, 2, 3, 4, 5, 6, 7, 8]), 'high')
  assert.equal(classify([1, 2, 3, 4, 5, 6, 7, 8], [11, 12, 13, 14, 15, 16, 17, 18]), 'pass')
  assert.equal(classify([1, 3, 5, 7], [2, 4, 6, 8]), 'pass')
  assert.equal(classify([], [1, 2]), 'no data')
})

test('a minute far outside the rest is not judged', () => {
  assert.deepEqual(withoutOutliers([1, 2, 3, 4, 5, 100, Number.NaN]), [1, 2, 3, 4, 5])
  assert.deepEqual(withoutOutliers([7]), [7])
})

test('the score is the share of metrics that pass among those with data', () => {
  assert.equal(score(['pass', 'pass', 'high', 'no data']), 200 / 3)
  assert.equal(score(['no data']), 100)
})

test('the pooled test gives the tabled p value, and none where nothing can be compared', () => {
  // 30 of 1000 beside 20 of 1000: z = .01/√(.025·.975·.002) = 1.4322.
  assert.ok(Math.abs(pooledZ(30, 1000, 20, 1000) - 0.0761) < 5e-4)
  assert.equal(pooledZ(0, 1000, 0, 1000), 1)
  assert.equal(pooledZ(3, 0, 20, 1000), 1)
})

test('PSI is the symmetrised divergence, held against its two habits', () => {
  const psi = stability(counts(60, 40), counts(40, 60))
  assert.ok(Math.abs(psi - 0.4 * Math.log(1.5)) < 1e-12)
  assert.ok(psi >= MODERATE && psi < SHIFTED)
  assert.equal(stability(counts(0, 0), counts(40, 60)), 0)
})

test('a small reference is tested, a large one held against a distance of .1', () => {
  const small: Column = { kind: 'numerical', reference: counts(100, 100, 100, 100, 100, 100), current: counts(40, 40, 40, 20, 20, 20) }
  assert.equal(hasDrifted(small), kolmogorovP(small.reference, small.current) < 0.05)
  assert.equal(hasDrifted(small), true)
  // A thousand times the rows of the same shapes a tenth of a standard deviation apart and less.
  const shape = [100, 200, 400, 400, 200, 100]
  const near: Column = {
    kind: 'numerical',
    reference: Float64Array.from(shape, (each) => 1000 * each),
    current: counts(100, 205, 405, 400, 195, 95),
  }
  assert.ok(normedWasserstein(near.reference, near.current) < 0.1)
  assert.equal(hasDrifted(near), false)
})

test('the normed distance of a whole bin’s step is one over the standard deviation of the bins', () => {
  assert.ok(Math.abs(normedWasserstein(counts(10, 20, 10, 0), counts(0, 10, 20, 10)) - 1 / Math.sqrt(0.5)) < 1e-12)
})

test('tests of small columns give the tabled p values', () => {
  // 60, 40 where 50, 50 is expected: 4 at one degree of freedom, .0455.
  assert.ok(Math.abs(chiSquareP(counts(500, 500), counts(60, 40)) - 0.0455) < 1e-4)
  assert.equal(chiSquareP(counts(500, 0), counts(60, 1)), 0)
  // Largest gap .1 of 200 and 200 rows: √100 · .1 = 1, Kolmogorov's law gives .27.
  assert.ok(Math.abs(kolmogorovP(counts(100, 100), counts(80, 120)) - 0.27) < 1e-3)
  // 30 of 200 beside 50 of 200: z = 2.5, two-sided .0124.
  assert.ok(Math.abs(sharesP(counts(30, 170), counts(50, 150)) - 0.0124) < 1e-4)
})

test('a data set drifts when half of its columns have', () => {
  const moved: Column = { kind: 'numerical', reference: counts(500, 500, 500, 500, 500, 500), current: counts(0, 0, 0, 50, 50, 50) }
  const same: Column = { kind: 'numerical', reference: counts(500, 500, 500, 500, 500, 500), current: counts(50, 50, 50, 50, 50, 50) }
  assert.equal(datasetHasDrifted([moved, same]), true)
  assert.equal(datasetHasDrifted([moved, same, same]), false)
  assert.equal(datasetHasDrifted([]), false)
})

test('a chunk alerts above a distance of .1, a performance outside three standard deviations', () => {
  assert.equal(chunkHasDrifted(counts(50, 50), counts(50, 50)), false)
  assert.equal(chunkHasDrifted(counts(50, 50), counts(80, 20)), true)
  assert.equal(chunkHasDrifted(counts(50, 50), counts(0, 0)), false)
  const band = performanceBand([0.08, 0.1, 0.12])
  const deviation = Math.sqrt(0.0008 / 3)
  assert.ok(Math.abs(band.low - (0.1 - 3 * deviation)) < 1e-12 && Math.abs(band.high - (0.1 + 3 * deviation)) < 1e-12)
  assert.equal(performanceBand([0, 0.4]).low, 0)
})

test('a watch by the minute sees whole minutes, and nothing of one that has not ended', () => {
  const seen: number[] = []
  const watch = perInterval(MINUTE_MS, ({ candidate }) => {
    seen.push(candidate.requests)
    return candidate.requests > 30
  })
  const stopped = [1, 2, 3, 4].map((minute) => ({ minute, stop: [0, 1, 2].map((third) => watch.see(pairAt(minute, third, 10 + minute))) }))
  assert.deepEqual(seen, [33, 36, 39])
  assert.deepEqual(
    stopped.map(({ stop }) => stop[0]),
    [false, true, true, true],
  )
})

test('the 95th percentile of a latency lies in its bin', () => {
  const arm = emptyArm()
  arm.latency[10] = 90
  arm.latency[20] = 10
  const p95 = latencyQuantileMs(arm, 0.95)
  assert.ok(p95 >= latencyEdgeMs(20) && p95 <= latencyEdgeMs(21))
  assert.equal(latencyQuantileMs(emptyArm(), 0.95), Number.NaN)
})

test('every peer has a name of its own, stops a candidate that always fails or has another law, and starts afresh each time', () => {
  assert.equal(new Set(PEERS.map((peer) => peer.name)).size, PEERS.length)
  assert.throws(() => peerNamed('nobody'), /no peer is called nobody/)
  for (const peer of PEERS) {
    const stops = [1, 2].map(() => firstStop(peer.start(seededRandom(7))))
    assert.ok(stops[0]! > 0, `${peer.name} never stops a candidate that turns bad`)
    assert.equal(stops[0], stops[1], peer.name)
  }
})

/** Healthy for twenty minutes, then two requests in three fail, latencies double and the score moves. */
function firstStop(watch: { see(pair: PanePair): boolean }): number {
  for (let slice = 0; slice < 720; slice += 1) if (watch.see(turningBad(slice))) return slice
  return -1
}

function turningBad(slice: number): PanePair {
  const isBad = slice >= 240
  const arm = (errors: number, bin: number, scoreBin: number) => {
    const filled = emptyArm()
    filled.requests = filled.matured = filled.known = 100
    filled.errors = errors
    filled.wrong = 10 + (slice % 3) + (errors > 50 ? 50 : 0)
    filled.latency[bin] = 100 - errors
    filled.score[scoreBin] = 100 - errors
    filled.features[0]![scoreBin] = 100
    return filled
  }
  return {
    index: slice,
    startMs: slice * 5_000,
    share: 0.5,
    candidate: isBad ? arm(66, 32, 8) : arm(2, 28, 3),
    control: arm(2, 28, 3),
  }
}

function pairAt(minute: number, third: number, requests: number): PanePair {
  const pair = { index: 0, startMs: minute * MINUTE_MS + third * 20_000, share: 0.5, candidate: emptyArm(), control: emptyArm() }
  pair.candidate.requests = requests
  return pair
}
