import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bernoulliInterval, effectInterval, rareEventInterval } from '../../detectors/confidence-sequence.ts'
import {
  emptyMeanDifference,
  emptyRiskDifference,
  meanDifference,
  observeMeanDifference,
  observeRiskDifference,
  riskDifference,
} from '../../detectors/effects.ts'
import { binomial, normal, type Random, seededRandom } from '../../detectors/math/random.ts'
import { deviationOfRate, promotionProof, rowsNeeded } from '../../detectors/risk-budget.ts'

function meanArms(candidate: readonly number[], control: readonly number[]) {
  const sum = (values: readonly number[], power: number) => values.reduce((total, v) => total + v ** power, 0)
  return {
    candidateRows: candidate.length,
    candidateSum: sum(candidate, 1),
    candidateSumSquares: sum(candidate, 2),
    controlRows: control.length,
    controlSum: sum(control, 1),
    controlSumSquares: sum(control, 2),
  }
}

test('a ramp in a season is not taken for an effect: the stratified difference of equal arms is zero, the pooled one is not', () => {
  const early = { candidateRequests: 10, controlRequests: 990, candidateEvents: 1, controlEvents: 99 }
  const late = { candidateRequests: 500, controlRequests: 500, candidateEvents: 5, controlEvents: 5 }
  const effect = riskDifference(observeRiskDifference(observeRiskDifference(emptyRiskDifference(), early), late))
  assert.ok(Math.abs(effect.estimate) < 1e-12)
  assert.ok(Math.abs(6 / 510 - 104 / 1490) > 0.05)
})

test('the stratified difference of means is exact on a shift and its standard error is that of the textbook in one stratum', () => {
  const control = [1, 4, 2, 8, 5]
  const candidate = [3, 6, 4]
  const { estimate, standardError } = meanDifference(observeMeanDifference(emptyMeanDifference(), meanArms(candidate, control)))
  const variance = (values: number[]) => {
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length
    return values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1)
  }
  assert.ok(Math.abs(estimate - (13 / 3 - 4)) < 1e-12)
  assert.ok(Math.abs(standardError ** 2 - (variance(candidate) / 3 + variance(control) / 5)) < 1e-12)
})

test('without both arms there is no estimate, only an infinite standard error', () => {
  const oneArm = { candidateRequests: 0, controlRequests: 50, candidateEvents: 0, controlEvents: 3 }
  assert.equal(riskDifference(observeRiskDifference(emptyRiskDifference(), oneArm)).standardError, Number.POSITIVE_INFINITY)
  assert.equal(meanDifference(emptyMeanDifference()).standardError, Number.POSITIVE_INFINITY)
})

test('an interval is unbounded before 100 rows per arm, and while nothing has varied', () => {
  const effect = { estimate: 0, standardError: 0.01, candidateRows: 99, controlRows: 5000 }
  assert.deepEqual(effectInterval(effect, 0.05, 1000), { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY })
  const unvaried = { ...effect, candidateRows: 500, standardError: 0 }
  assert.equal(effectInterval(unvaried, 0.05, 1000).high, Number.POSITIVE_INFINITY)
})

/** Whether the interval ever misses the true difference of rates. */
function everMisses(random: Random, strata: number, rate: number, kind: 'effect' | 'rare'): boolean {
  let state = emptyRiskDifference()
  const totals = { candidateRequests: 0, controlRequests: 0, candidateEvents: 0, controlEvents: 0 }
  for (let index = 0; index < strata; index++) {
    const arms = {
      candidateRequests: 60,
      controlRequests: 140,
      candidateEvents: binomial(random, 60, rate),
      controlEvents: binomial(random, 140, rate),
    }
    state = observeRiskDifference(state, arms)
    for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += arms[key]
    const interval = kind === 'effect' ? effectInterval(riskDifference(state), 0.05, 4000) : rareEventInterval(totals, 0.05)
    if (interval.low > 0 || interval.high < 0) return true
  }
  return false
}

test('the interval of an effect, read at every stratum, misses the truth in at most 5 % of rollouts', () => {
  let missed = 0
  for (let seed = 0; seed < 300; seed++) missed += everMisses(seededRandom(seed), 80, 0.05, 'effect') ? 1 : 0
  assert.ok(missed <= 15 + 3 * Math.sqrt(15), `${missed} of 300`)
})

test('the interval for rare events, read at every stratum, misses the truth in at most 5 % of rollouts', () => {
  let missed = 0
  for (let seed = 0; seed < 60; seed++) missed += everMisses(seededRandom(seed), 30, 0.002, 'rare') ? 1 : 0
  assert.ok(missed <= 3 + 3 * Math.sqrt(3), `${missed} of 60`)
})

test('no event in ten thousand rows bounds the rate from above though nothing varied', () => {
  const { low, high } = bernoulliInterval(0, 10_000, 0.025, 2000)
  assert.equal(low, 0)
  assert.ok(high > 0 && high < 0.003, `${high}`)
  assert.deepEqual(bernoulliInterval(0, 0, 0.025, 2000), { low: 0, high: 1 })
})

test('what may be risked is the margin in proportion to the next share, and never more than the margin at 100 %', () => {
  const question = { nextWeight: 0.05, intervalHigh: 0.06, margin: 0.005, riskFactor: 1 }
  assert.deepEqual(promotionProof(question), { holds: true, allowed: 0.005, atRisk: 0.003 })
  assert.equal(promotionProof({ ...question, riskFactor: 0.5 }).holds, false)
  assert.equal(promotionProof({ ...question, nextWeight: 1, riskFactor: 2 }).allowed, 0.005)
  assert.equal(promotionProof({ ...question, intervalHigh: Number.POSITIVE_INFINITY }).holds, false)
  assert.equal(promotionProof({ ...question, intervalHigh: Number.NaN }).holds, false)
})

test('the rows asked for are those at which the interval is as narrow as needed', () => {
  const deviation = deviationOfRate(0.02, 0.05)
  const rows = rowsNeeded({ deviation, halfWidth: 0.02, alpha: 0.05 })
  const effect = { estimate: 0, standardError: deviation / Math.sqrt(rows), candidateRows: rows * 0.05, controlRows: rows * 0.95 }
  const { high } = effectInterval(effect, 0.05, rows)
  assert.ok(Math.abs(high - 0.02) < 1e-4 * 0.02 + 0.02 / rows, `${high} after ${rows}`)
})

test('the mean of a shifted and noisy value is estimated across strata of different level', () => {
  const random = seededRandom(4)
  let state = emptyMeanDifference()
  for (let index = 0; index < 200; index++) {
    const values = (rows: number, mean: number) => Array.from({ length: rows }, () => mean + normal(random))
    state = observeMeanDifference(state, meanArms(values(20, index + 0.5), values(80, index)))
  }
  const { estimate, standardError } = meanDifference(state)
  assert.ok(Math.abs(estimate - 0.5) < 4 * standardError)
  assert.ok(Math.abs(standardError - Math.sqrt(1 / 4000 + 1 / 16_000)) < 0.001)
})
