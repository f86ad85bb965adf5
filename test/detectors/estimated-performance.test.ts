/** Performance estimated from scores: right while scores keep their meaning, repaired by what has matured, blind to what changes it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { binForecasts, emptyScoreBins } from '../../detectors/calibration/score-bins.ts'
import { estimatedPerformance } from '../../detectors/estimated-performance.ts'
import { type Random, seededRandom } from '../../detectors/math/random.ts'

const ROWS = 40_000

function traffic(random: Random, score: (random: Random) => number, chance: (score: number) => number) {
  const scores = Array.from({ length: ROWS }, () => score(random))
  const outcomes = scores.map((each) => random() < chance(each))
  const wrong = outcomes.filter((outcome, row) => outcome !== scores[row]! >= 0.5).length / ROWS
  const positives = outcomes.filter(Boolean).length / ROWS
  return { bins: binForecasts(scores, outcomes, 10), wrong, positives }
}

test('before any outcome the scores of a calibrated model say how often it will be wrong', () => {
  const { bins, wrong, positives } = traffic(
    seededRandom(1),
    (random) => random(),
    (score) => score,
  )
  const estimate = estimatedPerformance(bins.rows, emptyScoreBins(10))
  assert.ok(Math.abs(estimate.wrong - wrong) < 0.01 && Math.abs(estimate.positives - positives) < 0.01)
  assert.equal(estimate.matured, 0)
  assert.equal(estimate.rows, ROWS)
})

test('an overconfident model is estimated rightly once outcomes have matured, also when its mix of scores has moved', () => {
  const chance = (score: number) => 0.25 + 0.5 * score
  const earlier = traffic(seededRandom(2), (random) => random(), chance)
  const now = traffic(seededRandom(3), (random) => random() ** 2, chance)
  const naive = estimatedPerformance(now.bins.rows, emptyScoreBins(10))
  const repaired = estimatedPerformance(now.bins.rows, earlier.bins)
  assert.ok(Math.abs(naive.wrong - now.wrong) > 0.1)
  // The mix within a bin has moved as well, by a hundredth or two of score.
  assert.ok(Math.abs(repaired.wrong - now.wrong) <= 3 * repaired.standardError + 0.01, `${repaired.wrong}, ${now.wrong}`)
})

test('it is blind to a change of what scores mean: no estimate of this kind may promote', () => {
  const earlier = traffic(
    seededRandom(4),
    (random) => random(),
    (score) => score,
  )
  const broken = traffic(
    seededRandom(5),
    (random) => random(),
    () => 0.5,
  )
  const estimate = estimatedPerformance(broken.bins.rows, earlier.bins)
  assert.ok(broken.wrong > 0.45 && estimate.wrong < 0.3)
})

test('slots after the bins are left out, and counts that are none are refused by name', () => {
  const matured = { rows: [10, 10], positives: [1, 9], scoreSums: [2, 8] }
  assert.deepEqual(estimatedPerformance([5, 5, 99], matured), estimatedPerformance([5, 5], matured))
  assert.throws(() => estimatedPerformance([5], matured), /rows/)
  assert.throws(() => estimatedPerformance([5, -1], matured), /rows\[1\]/)
  assert.throws(() => estimatedPerformance([5, 5], { ...matured, positives: [1, 11] }), /positives\[1\]/)
})
