import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type BoundedArms,
  boundedLogBet,
  DEFAULT_LAMBDAS,
  emptyBounded,
  logEvidenceBounded,
  observeBounded,
} from '../../detectors/bounded-mean.ts'
import { normal, type Random, seededRandom } from '../../detectors/math/random.ts'

function armsOf(candidate: readonly number[], control: readonly number[], lambdas = DEFAULT_LAMBDAS): BoundedArms {
  const expSums = (values: readonly number[]) => lambdas.map((lambda) => values.reduce((sum, v) => sum + Math.exp(lambda * v), 0))
  return {
    candidateRows: candidate.length,
    controlRows: control.length,
    candidateSum: candidate.reduce((sum, v) => sum + v, 0),
    candidateExpSums: expSums(candidate),
    controlExpSums: expSums(control),
  }
}

/** The mean of the bet over every way in which `n` of the rows could have fallen on the candidate. */
function meanOverAssignments(
  candidateCosts: readonly number[],
  controlCosts: readonly number[],
  n: number,
  margin: number,
  lambda: number,
): number {
  const rows = candidateCosts.length
  let sum = 0
  let ways = 0
  for (let mask = 0; mask < 1 << rows; mask++) {
    const onCandidate = candidateCosts.filter((_, row) => (mask >> row) & 1)
    if (onCandidate.length !== n) continue
    const onControl = controlCosts.filter((_, row) => !((mask >> row) & 1))
    sum += Math.exp(boundedLogBet(armsOf(onCandidate, onControl, [lambda]), margin, lambda, 0))
    ways++
  }
  return sum / ways
}

test('over all random assignments the bet never wins on average while no row is worse by more than the margin', () => {
  const control = [0, 0.05, 0.1, 0.3, 0.3, 0.45, 0.7, 0.85]
  const worseByMargin = control.map((v) => v + 0.1)
  const worseBySome = control.map((v, row) => v + (row % 2 === 0 ? 0.1 : -0.03))
  for (const lambda of [0.25, 1, 4, 8]) {
    for (const n of [1, 2, 4, 7]) {
      assert.ok(meanOverAssignments(control, control, n, 0, lambda) <= 1)
      assert.ok(meanOverAssignments(worseByMargin, control, n, 0.1, lambda) <= 1)
      assert.ok(meanOverAssignments(worseBySome, control, n, 0.1, lambda) <= 1)
    }
  }
})

const clipped = (v: number) => Math.min(1, Math.max(0, v))

function peak(random: Random, strata: number, difference: number, deviation: number, margin: number): number {
  let state = emptyBounded(DEFAULT_LAMBDAS)
  let highest = Number.NEGATIVE_INFINITY
  for (let index = 0; index < strata; index++) {
    const season = 0.05 * Math.sin(index / 10)
    const control = Array.from({ length: 180 }, () => clipped(0.4 + season + 0.1 * normal(random)))
    const candidate = Array.from({ length: 20 }, () => clipped(0.4 + season + difference + deviation * normal(random)))
    state = observeBounded(state, armsOf(candidate, control), margin, DEFAULT_LAMBDAS)
    highest = Math.max(highest, logEvidenceBounded(state, DEFAULT_LAMBDAS))
  }
  return highest
}

function alarms(rollouts: number, strata: number, difference: number, deviation: number, margin: number): number {
  let count = 0
  for (let seed = 0; seed < rollouts; seed++)
    count += peak(seededRandom(seed), strata, difference, deviation, margin) >= Math.log(100) ? 1 : 0
  return count
}

test('a candidate with the same mean cost is accused in at most 1 % of rollouts; a wider spread within the margin is forgiven too', () => {
  assert.ok(alarms(250, 60, 0, 0.1, 0) <= 2.5 + 3 * Math.sqrt(2.5))
  assert.ok(alarms(250, 60, 0, 0.13, 0.01) <= 2.5 + 3 * Math.sqrt(2.5))
})

test('a better candidate is never called worse', () => {
  assert.equal(alarms(60, 60, -0.02, 0.08, 0), 0)
})

test('a cost three hundredths higher is found in nine rollouts of ten', () => {
  assert.ok(alarms(30, 60, 0.03, 0.1, 0.005) >= 27)
})

test('sums that values between 0 and 1 cannot have are refused', () => {
  const good = armsOf([0.2, 0.5], [0.1])
  const empty = emptyBounded(DEFAULT_LAMBDAS)
  assert.throws(() => observeBounded(empty, { ...good, candidateSum: 2.5 }, 0, DEFAULT_LAMBDAS), /candidateSum/)
  assert.throws(() => observeBounded(empty, { ...good, controlExpSums: good.candidateExpSums }, 0, DEFAULT_LAMBDAS), /controlExpSums/)
  assert.throws(() => observeBounded(empty, good, Number.NaN, DEFAULT_LAMBDAS), /margin/)
})
