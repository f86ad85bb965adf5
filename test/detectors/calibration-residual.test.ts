import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  calibrationLogBet,
  emptyCalibration,
  logEvidenceCalibration,
  observeCalibration,
  strongestBias,
} from '../../detectors/calibration-residual.ts'
import { type Random, seededRandom } from '../../detectors/math/random.ts'

const BINS = 10
const ALPHA = 0.05

/** Scores drawn with a skew; what they speak of happens with the probability that `truth` gives them. */
function stratum(random: Random, rows: number, truth: (score: number) => number) {
  const counts = [0, 1, 2].map(() => new Array<number>(BINS).fill(0))
  for (let row = 0; row < rows; row++) {
    const score = random() ** 2
    const bin = Math.min(BINS - 1, Math.floor(score * BINS))
    counts[0]![bin]!++
    if (random() < truth(score)) counts[1]![bin]!++
    counts[2]![bin]! += score
  }
  return { rows: counts[0]!, positives: counts[1]!, scoreSums: counts[2]! }
}

interface Run {
  readonly seed: number
  readonly strata: number
  readonly margin: number
  readonly truth: (score: number) => number
}

/** The stratum at which 1/α is reached; -1: never. */
function accusedAt({ seed, strata, margin, truth }: Run): number {
  const random = seededRandom(seed)
  let state = emptyCalibration(BINS)
  for (let index = 0; index < strata; index++) {
    state = observeCalibration(state, stratum(random, 60, truth), margin)
    if (logEvidenceCalibration(state) >= -Math.log(ALPHA)) return index
  }
  return -1
}

const clamp = (value: number) => Math.min(1, Math.max(0, value))

test('over all outcomes of a few rows no bet wins on average while the mean bias is within the margin', () => {
  // Rows of unlike scores, biased unlike: only their mean is within the margin.
  const scores = [0.02, 0.3, 0.5, 0.9]
  const probabilities = [0.07, 0.45, 0.55, 0.85]
  const margin = 0.05
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length
  for (const tilt of [0.1, 0.8, 1.6, -0.1, -0.8, -1.6]) {
    const bound = tilt > 0 ? mean + margin : mean - margin
    let average = 0
    for (let mask = 0; mask < 1 << scores.length; mask++) {
      const happened = scores.map((_, row) => (mask >> row) & 1)
      const chance = happened.reduce<number>((product, y, row) => product * (y === 1 ? probabilities[row]! : 1 - probabilities[row]!), 1)
      const positives = happened.reduce<number>((sum, y) => sum + y, 0)
      average += chance * Math.exp(calibrationLogBet(scores.length, positives, bound, tilt))
    }
    assert.ok(average <= 1 + 1e-12, `tilt ${tilt}: mean ${average}`)
  }
})

for (const [name, truth] of [
  ['biased by the margin upwards', (score: number) => clamp(score + 0.05)],
  ['biased by the margin downwards', (score: number) => clamp(score - 0.05)],
  ['biased up in some bins and down in others', (score: number) => clamp(score + (score < 0.4 ? 0.05 : -0.05))],
  ['perfectly calibrated', (score: number) => score],
] as const) {
  test(`a model ${name} is accused in at most 5 % of rollouts`, () => {
    const runs = 300
    let accused = 0
    for (let seed = 1; seed <= runs; seed++) accused += accusedAt({ seed, strata: 60, margin: 0.05, truth }) >= 0 ? 1 : 0
    const limit = runs * ALPHA + 3 * Math.sqrt(runs * ALPHA * (1 - ALPHA))
    assert.ok(accused <= limit, `${accused} of ${runs}`)
  })
}

test('a bias of .15 is found within 100 strata of 60 rows nine times in ten, in either direction and in a single range of scores', () => {
  for (const truth of [
    (score: number) => clamp(score + 0.15),
    (score: number) => clamp(score - 0.15 * (score > 0.2 ? 1 : 0)),
    (score: number) => clamp(score + (score >= 0.2 && score < 0.4 ? 0.15 : 0)),
  ]) {
    let found = 0
    for (let seed = 1; seed <= 40; seed++) found += accusedAt({ seed, strata: 100, margin: 0.05, truth }) >= 0 ? 1 : 0
    assert.ok(found >= 36, `${found} of 40`)
  }
})

test('the bin and the direction of the bias are named', () => {
  const random = seededRandom(3)
  let state = emptyCalibration(BINS)
  for (let index = 0; index < 100; index++) {
    state = observeCalibration(
      state,
      stratum(random, 60, (score) => clamp(score - (score >= 0.5 && score < 0.6 ? 0.3 : 0))),
      0.05,
    )
  }
  assert.deepEqual([strongestBias(state).bin, strongestBias(state).direction], [5, 'fewer'])
})

test('a design effect divides the evidence', () => {
  const counts = stratum(seededRandom(5), 500, (score) => clamp(score + 0.3))
  const plain = logEvidenceCalibration(observeCalibration(emptyCalibration(BINS), counts, 0.05))
  const tempered = logEvidenceCalibration(observeCalibration(emptyCalibration(BINS), counts, 0.05, 4))
  assert.ok(plain > tempered && tempered > 0)
})
