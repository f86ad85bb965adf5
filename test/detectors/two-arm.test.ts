import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logMarginFromPoints, logMarginFromPointsFewer } from '../../detectors/margin.ts'
import { hypergeometricLogNormaliser, hypergeometricLogPmf, supportHigh, supportLow } from '../../detectors/math/hypergeometric.ts'
import { binomial, type Random, seededRandom } from '../../detectors/math/random.ts'
import { trafficAt } from '../../detectors/math/traffic.ts'
import {
  type Arms,
  boundLogBet,
  DEFAULT_GRID,
  emptyTwoArm,
  exactLogBet,
  logEvidenceTwoArm,
  observeTwoArm,
} from '../../detectors/two-arm.ts'

const MARGIN_POINTS = 0.005

interface Rollout {
  readonly strata: number
  readonly harmFrom: number
  readonly controlRate: number
  /** In points, once harm has begun. */
  readonly harm: number
  readonly marginPoints: number
}

/** The stratum at which evidence reaches 1/α, or Infinity. The margin is converted at the control's rate so far, as the judge does. */
function convictedAt(random: Random, rollout: Rollout, alpha: number): number {
  let state = emptyTwoArm(DEFAULT_GRID)
  let events = 0
  let requests = 0
  for (let index = 0; index < rollout.strata; index++) {
    const { candidateRequests, controlRequests, season } = trafficAt(random, index)
    const rate = rollout.controlRate * season
    const candidateEvents = binomial(random, candidateRequests, rate + (index >= rollout.harmFrom ? rollout.harm : 0))
    const arms = { candidateRequests, controlRequests, candidateEvents, controlEvents: binomial(random, controlRequests, rate) }
    state = observeTwoArm(state, arms, logMarginFromPoints(rollout.marginPoints, events, requests), 'more', DEFAULT_GRID)
    events += arms.controlEvents
    requests += arms.controlRequests
    if (logEvidenceTwoArm(state, DEFAULT_GRID) >= -Math.log(alpha)) return index
  }
  return Number.POSITIVE_INFINITY
}

function countConvicted(rollouts: number, seed: number, rollout: Rollout, alpha: number): number {
  let convicted = 0
  for (let i = 0; i < rollouts; i++) convicted += convictedAt(seededRandom(seed + i), rollout, alpha) < Number.POSITIVE_INFINITY ? 1 : 0
  return convicted
}

test('an equal candidate is convicted in at most 1 % of rollouts, though it is judged at every stratum of a ramp and a season', () => {
  const equal = { strata: 150, harmFrom: 0, controlRate: 0.02, harm: 0, marginPoints: 0 }
  const falseAlarms = countConvicted(1500, 7, equal, 0.01)
  assert.ok(falseAlarms <= 15 + 3 * Math.sqrt(15), `${falseAlarms} of 1500`)
})

test('with a margin of half a point an equal candidate, and one worse by a tenth of a point, are left alone', () => {
  for (const harm of [0, 0.001]) {
    const within = { strata: 150, harmFrom: 0, controlRate: 0.02, harm, marginPoints: MARGIN_POINTS }
    const falseAlarms = countConvicted(500, 11, within, 0.01)
    assert.ok(falseAlarms <= 5 + 3 * Math.sqrt(5), `${falseAlarms} of 500 at ${harm}`)
  }
})

test('a candidate four points worse is convicted at 1 % in nine rollouts of ten, also when it breaks after 300 healthy strata', () => {
  for (const harmFrom of [0, 300]) {
    const harmful = { strata: harmFrom + 120, harmFrom, controlRate: 0.02, harm: 0.04, marginPoints: MARGIN_POINTS }
    const found = countConvicted(40, 13, harmful, 0.01)
    assert.ok(found >= 36, `${found} of 40 from stratum ${harmFrom}`)
  }
})

test('common events hide nothing: four points on a rate of 17.5 % are found though an odds ratio of 1.25 would forgive 3.4', () => {
  const harmful = { strata: 250, harmFrom: 0, controlRate: 0.175, harm: 0.04, marginPoints: MARGIN_POINTS }
  assert.ok(countConvicted(20, 17, harmful, 0.01) >= 18)
})

/** Mean of the bet over x when the odds on the candidate are e^logOdds times the control's. */
function meanBet(
  arms: Omit<Arms, 'candidateEvents' | 'controlEvents'>,
  events: number,
  logOdds: number,
  bet: (arms: Arms) => number,
): number {
  const { candidateRequests: n, controlRequests: m } = arms
  let mean = 0
  for (let x = supportLow(m, events); x <= supportHigh(n, events); x++) {
    const logChance = hypergeometricLogPmf(x, n, m, events) + x * logOdds - hypergeometricLogNormaliser(logOdds, n, m, events)
    mean += Math.exp(logChance + bet({ ...arms, candidateEvents: x, controlEvents: events - x }))
  }
  return mean
}

test('a bet is fair at the margin, loses within it, and wins beyond it; the bound form never wins where the exact one is fair', () => {
  for (const [n, m, events] of [
    [1, 1, 1],
    [3, 40, 5],
    [60, 60, 100],
    [200, 50, 30],
  ] as const) {
    const arms = { candidateRequests: n, controlRequests: m }
    for (const logMargin of [0, 0.4]) {
      for (const step of DEFAULT_GRID.steps) {
        const exact = (given: Arms) => exactLogBet(step, logMargin, given)
        assert.ok(Math.abs(meanBet(arms, events, logMargin, exact) - 1) < 1e-9)
        assert.ok(meanBet(arms, events, logMargin - 0.3, exact) < 1)
        assert.ok(meanBet(arms, events, logMargin + 0.3, exact) > 1)
        assert.ok(meanBet(arms, events, logMargin, (given) => boundLogBet(step, logMargin, given)) <= 1 + 1e-9)
      }
    }
  }
})

test('evidence for fewer events is evidence for more with the arms exchanged', () => {
  const arms = { candidateRequests: 80, controlRequests: 120, candidateEvents: 2, controlEvents: 19 }
  const other = { candidateRequests: 120, controlRequests: 80, candidateEvents: 19, controlEvents: 2 }
  const empty = emptyTwoArm(DEFAULT_GRID)
  assert.deepEqual(observeTwoArm(empty, arms, 0.1, 'fewer', DEFAULT_GRID), observeTwoArm(empty, other, 0.1, 'more', DEFAULT_GRID))
})

test('strata of millions of requests are summed exactly too: exchanging requests and events gives the same normaliser', () => {
  for (const step of [0.2, 2.3, -1.1]) {
    const one = hypergeometricLogNormaliser(step, 300_000, 1_700_000, 900_000)
    const other = hypergeometricLogNormaliser(step, 900_000, 1_100_000, 300_000)
    assert.ok(Math.abs(one - other) < 1e-6 * Math.abs(one), `${one} and ${other}`)
  }
})

test('a margin in points becomes the odds ratio at the control rate before the stratum', () => {
  const rate = 20.5 / 1001
  const odds = (p: number) => p / (1 - p)
  assert.ok(Math.abs(Math.exp(logMarginFromPoints(0.005, 20, 1000)) - odds(rate + 0.005) / odds(rate)) < 1e-12)
  assert.equal(logMarginFromPoints(0, 20, 1000), 0)
  assert.ok(Number.isFinite(logMarginFromPoints(0.02, 1000, 1000)))
  assert.ok(Number.isFinite(logMarginFromPoints(0.9, 0, 0)))
  assert.equal(logMarginFromPointsFewer(0.01, 30, 100), logMarginFromPoints(0.01, 70, 100))
  assert.throws(() => logMarginFromPoints(Number.NaN, 1, 2), /marginPoints/)
  assert.throws(() => logMarginFromPoints(0.1, -1, 2), /controlEventsBefore/)
})
