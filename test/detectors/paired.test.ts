/** Shadow pairs: what the evidence promises at the edge of its null, and what it finds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { binomial, type Random, seededRandom } from '../../detectors/math/random.ts'
import { disagreementRate, emptyPaired, logEvidencePaired, observePaired, type PairedCounts } from '../../detectors/paired.ts'
import {
  emptyPairedScores,
  logEvidencePairedScores,
  observePairedScores,
  PAIRED_BRIER,
  PAIRED_LOG,
  type PairedForecasts,
  type PairedLoss,
  pairedLogBets,
} from '../../detectors/paired-scores.ts'

const RUNS = 400
const STRATA = 150
const ALPHA = 0.05

/** In how many runs the evidence ever reaches 1/α. */
function alarms<State>(
  seed: number,
  empty: () => State,
  step: (state: State, random: Random) => State,
  logEvidence: (state: State) => number,
  alpha = ALPHA,
): number {
  let count = 0
  for (let run = 0; run < RUNS; run++) {
    const random = seededRandom(seed + run)
    let state = empty()
    for (let stratum = 0; stratum < STRATA; stratum++) {
      state = step(state, random)
      if (logEvidence(state) < -Math.log(alpha)) continue
      count++
      break
    }
  }
  return count
}

/** The promise plus three standard errors. */
function atMost(alpha: number): number {
  return RUNS * alpha + 3 * Math.sqrt(RUNS * alpha * (1 - alpha))
}

function outcomePairs(random: Random, candidateShare: number): PairedCounts {
  const disagreements = binomial(random, 100, 0.1)
  const onlyCandidateWrong = binomial(random, disagreements, candidateShare)
  return { pairs: 100, disagreements, onlyCandidateWrong, onlyControlWrong: disagreements - onlyCandidateWrong }
}

for (const direction of ['more', 'fewer'] as const) {
  test(`two versions that err equally often are told apart in at most 5 % of shadow runs, betting on ${direction}`, () => {
    const step = (state: ReturnType<typeof emptyPaired>, random: Random) => observePaired(state, outcomePairs(random, 0.5), direction)
    const found = alarms(11, emptyPaired, step, logEvidencePaired)
    assert.ok(found <= atMost(ALPHA), `${found} of ${RUNS}`)
  })
}

test('a candidate that causes 60 % of the discordant errors is found at 1 % in nine shadow runs of ten, and never called better', () => {
  const step = (direction: 'more' | 'fewer') => (state: ReturnType<typeof emptyPaired>, random: Random) =>
    observePaired(state, outcomePairs(random, 0.6), direction)
  assert.ok(alarms(12, emptyPaired, step('more'), logEvidencePaired, 0.01) >= 0.9 * RUNS)
  assert.equal(alarms(12, emptyPaired, step('fewer'), logEvidencePaired, 0.01), 0)
})

/** The candidate alone is wrong on 7 %, the control alone on 2 %, whatever the disagreements. */
function beyondMargin(random: Random): PairedCounts {
  const onlyCandidateWrong = binomial(random, 100, 0.07)
  const onlyControlWrong = binomial(random, 100 - onlyCandidateWrong, 0.02 / 0.93)
  return { pairs: 100, disagreements: onlyCandidateWrong + onlyControlWrong, onlyCandidateWrong, onlyControlWrong }
}

test('a candidate that is worse by just the margin is accused in at most 5 % of shadow runs, and by half the margin in nearly all', () => {
  const step = (margin: number) => (state: ReturnType<typeof emptyPaired>, random: Random) =>
    observePaired(state, beyondMargin(random), 'more', 1, margin)
  const found = alarms(13, emptyPaired, step(0.05), logEvidencePaired)
  assert.ok(found <= atMost(ALPHA), `${found} of ${RUNS}`)
  assert.ok(alarms(13, emptyPaired, step(0.025), logEvidencePaired, 0.01) >= 0.95 * RUNS)
})

test('a margin of nearly nothing is a margin of nothing, and one that is no share of pairs is refused', () => {
  const random = seededRandom(14)
  let [none, hardly] = [emptyPaired(), emptyPaired()]
  for (let stratum = 0; stratum < 20; stratum++) {
    const counts = outcomePairs(random, 0.6)
    none = observePaired(none, counts)
    hardly = observePaired(hardly, counts, 'more', 1, 1e-12)
  }
  assert.ok(Math.abs(logEvidencePaired(none) - logEvidencePaired(hardly)) < 1e-6)
  assert.throws(() => observePaired(none, outcomePairs(random, 0.5), 'more', 1, 1.5), RangeError)
})

test('harm that begins after a long healthy shadow run is still found', () => {
  const random = seededRandom(5)
  let state = emptyPaired()
  for (let stratum = 0; stratum < 500; stratum++) state = observePaired(state, outcomePairs(random, 0.5))
  let needed = 0
  while (logEvidencePaired(state) < Math.log(100) && needed < 300) {
    state = observePaired(state, outcomePairs(random, 0.75))
    needed++
  }
  assert.ok(needed <= 40, `${needed} strata`)
})

test('the disagreement rate has an interval that holds at every look in 95 % of runs', () => {
  let missed = 0
  for (let run = 0; run < 100; run++) {
    const random = seededRandom(900 + run)
    let state = emptyPaired()
    let isOut = false
    for (let stratum = 0; stratum < 60; stratum++) {
      state = observePaired(state, outcomePairs(random, 0.5))
      const { low, high } = disagreementRate(state, ALPHA)
      isOut ||= low > 0.1 || high < 0.1
    }
    missed += isOut ? 1 : 0
  }
  assert.ok(missed <= 5 + 3 * Math.sqrt(100 * 0.05 * 0.95), `${missed} of 100`)
})

/** At an even chance two forecasts on opposite sides of it, equally far, score alike by any symmetric score. */
function edgeOfNull(random: Random): PairedForecasts {
  const away = Array.from({ length: 50 }, () => 0.3 * (random() - 0.5))
  return {
    candidate: away.map((each) => 0.5 + each),
    control: away.map((each) => 0.5 - each),
    outcome: away.map(() => (random() < 0.5 ? 1 : 0)),
  }
}

/** The control says what is true; the candidate is off by `error`. */
function candidateOff(random: Random, error: number): PairedForecasts {
  const chances = Array.from({ length: 50 }, () => 0.15 + 0.6 * random())
  return {
    candidate: chances.map((chance) => chance + error),
    control: chances,
    outcome: chances.map((chance) => (random() < chance ? 1 : 0)),
  }
}

const scoreAlarms = (seed: number, sample: (random: Random) => PairedForecasts, loss: PairedLoss, margin: number, alpha: number) =>
  alarms(
    seed,
    emptyPairedScores,
    (state, random) => observePairedScores(state, sample(random), loss, margin),
    logEvidencePairedScores,
    alpha,
  )

for (const loss of [PAIRED_BRIER, PAIRED_LOG]) {
  test(`a candidate that scores as well as the control by ${loss.kind} score is accused in at most 5 % of shadow runs`, () => {
    const found = scoreAlarms(21, edgeOfNull, loss, 0, ALPHA)
    assert.ok(found <= atMost(ALPHA), `${found} of ${RUNS}`)
  })

  test(`a candidate whose probabilities are off by .1 is found by ${loss.kind} score at 1 % in nine shadow runs of ten`, () => {
    const found = scoreAlarms(22, (random) => candidateOff(random, 0.1), loss, 0, 0.01)
    assert.ok(found >= 0.9 * RUNS, `${found} of ${RUNS}`)
  })

  test(`exchanging the columns shows a better candidate by ${loss.kind} score`, () => {
    const exchanged = (random: Random) => {
      const { candidate, control, outcome } = candidateOff(random, 0.1)
      return { candidate: control, control: candidate, outcome }
    }
    assert.equal(scoreAlarms(23, exchanged, loss, 0, 0.01), 0)
  })
}

test('a candidate worse by exactly the margin is accused in at most 5 % of shadow runs, and without the margin found', () => {
  // Off by e, the Brier score is worse by e².
  const off = (random: Random) => candidateOff(random, 0.12)
  const within = scoreAlarms(24, off, PAIRED_BRIER, 0.12 ** 2, ALPHA)
  assert.ok(within <= atMost(ALPHA), `${within} of ${RUNS}`)
  assert.ok(scoreAlarms(24, off, PAIRED_BRIER, 0, ALPHA) >= 0.9 * RUNS)
})

test('each bet on one pair is fair where the two forecasts would score alike, whatever they say', () => {
  const random = seededRandom(31)
  for (let i = 0; i < 300; i++) {
    const [p, q] = [random(), random()]
    const pair = (outcome: number) => ({ candidate: [p], control: [q], outcome: [outcome] })
    const [ifNot, ifSo] = [pairedLogBets(pair(0), PAIRED_BRIER, 0), pairedLogBets(pair(1), PAIRED_BRIER, 0)]
    // Brier scores of p and q are alike in the mean when the chance lies half way between them.
    const chance = (p + q) / 2
    ifNot.forEach((logBet, index) => {
      const mean = (1 - chance) * Math.exp(logBet) + chance * Math.exp(ifSo[index]!)
      assert.ok(Math.abs(mean - 1) < 1e-12, `${mean} at ${p}, ${q}`)
    })
  }
})

test('pairs of several panes and sources add up: in parts or at once, the bets are the same', () => {
  const random = seededRandom(32)
  const parts = [candidateOff(random, 0.1), candidateOff(random, 0.05), edgeOfNull(random)]
  const joined = {
    candidate: parts.flatMap(({ candidate }) => candidate),
    control: parts.flatMap(({ control }) => control),
    outcome: parts.flatMap(({ outcome }) => outcome),
  }
  const sums = parts.map((part) => pairedLogBets(part, PAIRED_LOG, 0))
  pairedLogBets(joined, PAIRED_LOG, 0).forEach((whole, index) => {
    const added = sums.reduce((sum, part) => sum + part[index]!, 0)
    assert.ok(Math.abs(whole - added) < 1e-9)
  })
})

test('pairs on which both say the same are no evidence, and outcomes that are neither 0 nor 1 are refused by name', () => {
  const same = { candidate: [0.2, 0.7], control: [0.2, 0.7], outcome: [0, 1] }
  assert.ok(pairedLogBets(same, PAIRED_LOG, 0).every((logBet) => logBet === 0))
  assert.throws(() => pairedLogBets({ ...same, outcome: [0, 0.5] }, PAIRED_LOG, 0), /outcome\[1\]/)
  assert.throws(() => pairedLogBets({ ...same, outcome: [0] }, PAIRED_LOG, 0), /equally long/)
})
