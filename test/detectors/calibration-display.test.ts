/** Displays of probability quality: what they show of a perfect model, of a distorted one, and that they add up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { corpDecomposition } from '../../detectors/calibration/corp.ts'
import { expectedCalibrationError, expectedErrorByChance } from '../../detectors/calibration/expected-error.ts'
import { logScore, logScoreOfGroup } from '../../detectors/calibration/proper-scores.ts'
import { reliabilityDiagram, worstBin } from '../../detectors/calibration/reliability.ts'
import { emptyResidualBets, logEvidenceResiduals, observeResiduals } from '../../detectors/calibration/residual-bets.ts'
import { addScoreBins, binForecasts, emptyScoreBins, groupsOf } from '../../detectors/calibration/score-bins.ts'
import { smoothCalibrationError } from '../../detectors/calibration/smooth-error.ts'
import { debiasedSquaredError } from '../../detectors/calibration/squared-error.ts'
import { type Random, seededRandom } from '../../detectors/math/random.ts'

interface Sample {
  readonly scores: readonly number[]
  readonly outcomes: readonly boolean[]
}

/** Scores towards both ends, as a model that separates gives them; `chance` says what they are worth. */
function sample(random: Random, rows: number, chance: (score: number) => number = (score) => score): Sample {
  const scores = Array.from({ length: rows }, () => {
    const u = random()
    return u < 0.5 ? 2 * u * u : 1 - 2 * (1 - u) ** 2
  })
  return { scores, outcomes: scores.map((score) => random() < chance(score)) }
}

function meanAndError(values: readonly number[]): { mean: number; error: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1)
  return { mean, error: Math.sqrt(variance / values.length) }
}

function overModels(seed: number, runs: number, rows: number, show: (sample: Sample) => number, chance?: (score: number) => number) {
  const random = seededRandom(seed)
  return meanAndError(Array.from({ length: runs }, () => show(sample(random, rows, chance))))
}

const groups = ({ scores, outcomes }: Sample) => groupsOf(binForecasts(scores, outcomes, 10))

test('a perfect model shows an expected calibration error of .049 at 300 rows, and the number beside it says so', () => {
  const shown = overModels(7, 1500, 300, (each) => expectedCalibrationError(groups(each)))
  const byChance = overModels(7, 1500, 300, (each) => expectedErrorByChance(groups(each)))
  assert.ok(Math.abs(shown.mean - 0.049) <= 0.0005 + 3 * shown.error, `${shown.mean}`)
  // Scores differ within a bin, which makes the outcomes a little less random than those of ten equal forecasts.
  assert.ok(byChance.mean >= shown.mean - 3 * shown.error && byChance.mean <= 1.03 * shown.mean, `${byChance.mean}, ${shown.mean}`)
})

test('the debiased error of a perfect model is zero on average at any number of rows; the plain one is not', () => {
  for (const rows of [100, 300, 3000]) {
    const { mean, error } = overModels(8, 1500, rows, (each) => debiasedSquaredError(groups(each)))
    assert.ok(Math.abs(mean) <= 3 * error + 0.001 / rows, `${mean} ± ${error} at ${rows} rows`)
  }
})

test('the debiased error of a distorted model is the true one, whatever the number of rows', () => {
  // Says s where .8 s + .1 happens; the truth is read off a long run.
  const chance = (score: number) => 0.8 * score + 0.1
  const truth = overModels(9, 1, 400_000, ({ scores }) => meanAndError(scores.map((score) => (score - chance(score)) ** 2)).mean, chance)
  for (const rows of [150, 600]) {
    const shown = overModels(10, 2000, rows, (each) => debiasedSquaredError(groups(each)), chance)
    assert.ok(Math.abs(shown.mean - truth.mean) <= 3 * shown.error + 2e-4, `${shown.mean} instead of ${truth.mean}`)
  }
})

test('what a perfect bin shows by chance is the mean deviation of a binomial law, summed up by hand', () => {
  for (const [rows, score] of [
    [1, 0.3],
    [7, 0.5],
    [30, 0.05],
    [41, 0.93],
  ] as const) {
    let term = (1 - score) ** rows
    let sum = 0
    for (let k = 0; k <= rows; k++) {
      sum += term * Math.abs(k / rows - score)
      term *= ((rows - k) / (k + 1)) * (score / (1 - score))
    }
    assert.ok(Math.abs(expectedErrorByChance([{ score, rows, positives: 0 }]) - sum) < 1e-12)
  }
})

test('miscalibration less discrimination plus uncertainty is the score, for the log score too, and neither part is negative', () => {
  const random = seededRandom(11)
  for (let run = 0; run < 50; run++) {
    const each = groups(sample(random, 200, (score) => 0.5 * score + 0.2))
    const { score, miscalibration, discrimination, uncertainty } = corpDecomposition(each, logScoreOfGroup)
    assert.ok(Math.abs(score - logScore(each)) < 1e-12)
    assert.ok(Math.abs(miscalibration - discrimination + uncertainty - score) < 1e-12)
    assert.ok(miscalibration >= 0 && discrimination >= -1e-15)
  }
})

test('a model that orders well but overstates is miscalibrated; one that says the base rate only is uncertain', () => {
  const overstated = groups(sample(seededRandom(12), 20_000, (score) => 0.25 + 0.5 * score))
  const { miscalibration, discrimination } = corpDecomposition(overstated)
  assert.ok(miscalibration > 0.02 && discrimination > 0.02)
  const constant = corpDecomposition([{ score: 0.3, rows: 1000, positives: 300 }])
  assert.ok(Math.abs(constant.miscalibration) < 1e-12 && Math.abs(constant.discrimination) < 1e-12)
  assert.ok(Math.abs(constant.uncertainty - 0.21) < 1e-12)
})

test('the smooth error falls with the rows of a perfect model and stays at the distortion of another', () => {
  const perfect = groups(sample(seededRandom(13), 20_000))
  const distorted = groups(sample(seededRandom(13), 20_000, (score) => Math.max(0, score - 0.1)))
  assert.ok(smoothCalibrationError(perfect) < 0.02)
  assert.ok(Math.abs(smoothCalibrationError(distorted) - 0.09) < 0.02)
})

test('the diagram names the bin that says one thing where another happens, and none of a good model', () => {
  const said = { rows: [0, 400, 0, 500], positives: [0, 150, 0, 300], scoreSums: [0, 152, 0, 430] }
  const diagram = reliabilityDiagram(said, 0.05)
  assert.deepEqual(
    diagram.map(({ from, to }) => [from, to]),
    [
      [0.25, 0.5],
      [0.75, 1],
    ],
  )
  const worst = worstBin(diagram)
  assert.ok(worst && worst.from === 0.75 && worst.said === 0.86 && worst.happened === 0.6 && worst.high < worst.said)
  assert.equal(worstBin(diagram.slice(0, 1)), undefined)
})

test('intervals of the diagram hold the truth at every look in 95 % of runs', () => {
  let missed = 0
  for (let run = 0; run < 60; run++) {
    const random = seededRandom(300 + run)
    let bins = emptyScoreBins(1)
    let isOut = false
    for (let look = 0; look < 60; look++) {
      const outcomes = Array.from({ length: 50 }, () => random() < 0.3)
      bins = addScoreBins(
        bins,
        binForecasts(
          outcomes.map(() => 0.3),
          outcomes,
          1,
        ),
      )
      isOut ||= worstBin(reliabilityDiagram(bins, 0.05)) !== undefined
    }
    missed += isOut ? 1 : 0
  }
  assert.ok(missed <= 3 + 3 * Math.sqrt(60 * 0.05 * 0.95), `${missed} of 60`)
})

test('bins of parts add up to the bins of the whole, and a score of one belongs to the last', () => {
  const { scores, outcomes } = sample(seededRandom(14), 501)
  const parts = addScoreBins(
    binForecasts(scores.slice(0, 200), outcomes.slice(0, 200), 10),
    binForecasts(scores.slice(200), outcomes.slice(200), 10),
  )
  const whole = binForecasts(scores, outcomes, 10)
  assert.deepEqual([parts.rows, parts.positives], [whole.rows, whole.positives])
  assert.deepEqual(binForecasts([1, 0.3], [true, false], 10).rows, [0, 0, 0, 1, 0, 0, 0, 0, 0, 1])
})

test('one-arm bets accuse a model that is right to within ε in at most 5 % of runs, and one that is off by three times as much', () => {
  const accused = (bias: number, seed: number) => {
    const random = seededRandom(seed)
    let state = emptyResidualBets()
    for (let look = 0; look < 30; look++) {
      const { scores, outcomes } = sample(random, 50, (score) => Math.min(1, score + bias))
      state = observeResiduals(state, scores, outcomes.map(Number), 0.05)
      if (logEvidenceResiduals(state) >= Math.log(20)) return true
    }
    return false
  }
  const count = (bias: number) => Array.from({ length: 100 }, (_, run) => accused(bias, 400 + run)).filter(Boolean).length
  assert.ok(count(0.05) <= 5 + 3 * Math.sqrt(100 * 0.05 * 0.95))
  assert.ok(count(0.15) >= 90)
})

test('positives beyond the rows and sums that are no number are refused by name', () => {
  assert.throws(() => groupsOf({ rows: [2], positives: [3], scoreSums: [1] }), /positives\[0\]/)
  assert.throws(() => groupsOf({ rows: [2], positives: [1], scoreSums: [Number.NaN] }), /scoreSums\[0\]/)
  assert.throws(() => binForecasts([1.2], [true], 10), /scores/)
})
