/** What must hold whatever the numbers are: drawn with seeds, or counted out over everything that can happen in a small stratum. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BoundedArms, DEFAULT_LAMBDAS, emptyBounded, logEvidenceBounded, observeBounded } from '../../detectors/bounded-mean.ts'
import { type DistributionArms, emptyDistribution, logEvidenceDistribution, observeDistribution } from '../../detectors/distribution.ts'
import {
  emptyMeanDifference,
  emptyRiskDifference,
  meanDifference,
  observeMeanDifference,
  observeRiskDifference,
  riskDifference,
} from '../../detectors/effects.ts'
import { hypergeometricLogNormaliser, hypergeometricLogPmf, supportHigh, supportLow } from '../../detectors/math/hypergeometric.ts'
import { binomial, multinomial, type Random, seededRandom } from '../../detectors/math/random.ts'
import { logStartWeight } from '../../detectors/math/start-mixture.ts'
import {
  type Arms,
  DEFAULT_GRID,
  EVEN_GRID,
  emptyTwoArm,
  logEvidenceTwoArm,
  observeTwoArm,
  observeTwoArmBound,
  type TwoArmState,
} from '../../detectors/two-arm.ts'

const SEEDS = Array.from({ length: 60 }, (_, seed) => seed)
const GIVEN_ALL = -logStartWeight(0)

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected)), `${what}: ${actual}, not ${expected}`)
}

function assertRowsClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  for (let i = 0; i < expected.length; i++) assertClose(actual[i]!, expected[i]!, 1e-10, `${what} at ${i}`)
}

function upTo(random: Random, most: number): number {
  return Math.floor(random() * (most + 1))
}

function drawArms(random: Random): Arms {
  const candidateRequests = 1 + upTo(random, 80)
  const controlRequests = 1 + upTo(random, 300)
  const rate = random()
  return {
    candidateRequests,
    controlRequests,
    candidateEvents: binomial(random, candidateRequests, rate),
    controlEvents: binomial(random, controlRequests, rate),
  }
}

function drawStrata(seed: number, strata = 12): Arms[] {
  const random = seededRandom(seed)
  return Array.from({ length: strata }, () => drawArms(random))
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const result = [...values]
  for (let last = result.length - 1; last > 0; last--) {
    const other = upTo(random, last)
    ;[result[last], result[other]] = [result[other]!, result[last]!]
  }
  return result
}

const BINS = 7
const ORDERED = 5

function drawBins(random: Random, most = 60): DistributionArms {
  const candidateRequests = 1 + upTo(random, most)
  const controlRequests = 1 + upTo(random, 3 * most)
  const shares = new Array<number>(BINS).fill(1 / BINS)
  const candidate = Float64Array.from(multinomial(random, candidateRequests, shares))
  const control = Float64Array.from(multinomial(random, controlRequests, shares))
  return { candidate, control, orderedBins: ORDERED, candidateRequests, controlRequests }
}

function boundedOf(candidate: readonly number[], control: readonly number[], lambdas: readonly number[]): BoundedArms {
  const expSums = (values: readonly number[]) => lambdas.map((lambda) => values.reduce((sum, v) => sum + Math.exp(lambda * v), 0))
  const candidateSum = candidate.reduce((sum, v) => sum + v, 0)
  const rows = { candidateRows: candidate.length, controlRows: control.length, candidateSum }
  return { ...rows, candidateExpSums: expSums(candidate), controlExpSums: expSums(control) }
}

function drawBounded(random: Random): BoundedArms {
  const values = (rows: number) => Array.from({ length: rows }, () => random())
  return boundedOf(values(1 + upTo(random, 20)), values(1 + upTo(random, 60)), DEFAULT_LAMBDAS)
}

// ── order and grouping ─────────────────────────────────────────────────────────────────────────────────────────────────────

const plus = (one: Arms, other: Arms): Arms => ({
  candidateRequests: one.candidateRequests + other.candidateRequests,
  controlRequests: one.controlRequests + other.controlRequests,
  candidateEvents: one.candidateEvents + other.candidateEvents,
  controlEvents: one.controlEvents + other.controlEvents,
})

/** Adds the panes up in some order, in some nesting. */
function merged<T>(panes: readonly T[], add: (one: T, other: T) => T, random: Random): T {
  let left = shuffled(panes, random)
  while (left.length > 1) {
    const [one, other, ...rest] = left
    left = shuffled([...rest, add(one!, other!)], random)
  }
  return left[0]!
}

test('panes merged in any order and any grouping make the same stratum, and so the same evidence to the last bit', () => {
  for (const seed of SEEDS) {
    const panes = drawStrata(seed)
    const whole = panes.reduce(plus)
    const other = merged(panes, plus, seededRandom(seed + 1000))
    assert.deepEqual(other, whole)
    const judged = (arms: Arms) => observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, 0.1, 'more', DEFAULT_GRID)
    assert.deepEqual(judged(other), judged(whole))
  }
})

test('sums of bounded values merged in any order give the same evidence to twelve digits', () => {
  const add = (one: BoundedArms, other: BoundedArms): BoundedArms => ({
    candidateRows: one.candidateRows + other.candidateRows,
    controlRows: one.controlRows + other.controlRows,
    candidateSum: one.candidateSum + other.candidateSum,
    candidateExpSums: one.candidateExpSums.map((sum, index) => sum + other.candidateExpSums[index]!),
    controlExpSums: one.controlExpSums.map((sum, index) => sum + other.controlExpSums[index]!),
  })
  const judged = (arms: BoundedArms) =>
    logEvidenceBounded(observeBounded(emptyBounded(DEFAULT_LAMBDAS), arms, 0.01, DEFAULT_LAMBDAS), DEFAULT_LAMBDAS)
  for (const seed of SEEDS) {
    const random = seededRandom(seed)
    const panes = Array.from({ length: 8 }, () => drawBounded(random))
    assertClose(judged(merged(panes, add, random)), judged(panes.reduce(add)), 1e-12, `seed ${seed}`)
  }
})

test('effects do not depend on the order of the strata: to twelve digits', () => {
  for (const seed of SEEDS) {
    const strata = drawStrata(seed)
    const other = shuffled(strata, seededRandom(seed + 1000))
    const risk = (given: readonly Arms[]) => riskDifference(given.reduce(observeRiskDifference, emptyRiskDifference()))
    assertClose(risk(other).estimate, risk(strata).estimate, 1e-12, 'risk difference')
    assertClose(risk(other).standardError, risk(strata).standardError, 1e-12, 'its standard error')
    const means = strata.map(meanArmsOf)
    const shuffledMeans = other.map(meanArmsOf)
    const mean = (given: typeof means) => meanDifference(given.reduce(observeMeanDifference, emptyMeanDifference()))
    assertClose(mean(shuffledMeans).estimate, mean(means).estimate, 1e-12, 'difference of means')
    assertClose(mean(shuffledMeans).standardError, mean(means).standardError, 1e-12, 'its standard error')
  }
})

/** Values 0 and 3: 3 where the event was. */
function meanArmsOf(arms: Arms) {
  return {
    candidateRows: arms.candidateRequests,
    candidateSum: 3 * arms.candidateEvents,
    candidateSumSquares: 9 * arms.candidateEvents,
    controlRows: arms.controlRequests,
    controlSum: 3 * arms.controlEvents,
    controlSumSquares: 9 * arms.controlEvents,
  }
}

// ── margin, direction, temper ──────────────────────────────────────────────────────────────────────────────────────────────

test('evidence falls as the margin grows: two-arm exact and bound, and bounded mean', () => {
  for (const seed of SEEDS) {
    const strata = drawStrata(seed, 4)
    for (const observe of [observeTwoArm, observeTwoArmBound]) {
      for (const direction of ['more', 'fewer'] as const) {
        const at = (margin: number) =>
          strata.reduce((state, arms) => observe(state, arms, margin, direction, DEFAULT_GRID), emptyTwoArm(DEFAULT_GRID)).logMixture
        assertFalling([0, 0.05, 0.3, 1, 3, 6].map(at), `seed ${seed} ${direction}`)
      }
    }
    const random = seededRandom(seed)
    const values = Array.from({ length: 4 }, () => drawBounded(random))
    const at = (margin: number) =>
      values.reduce((state, arms) => observeBounded(state, arms, margin, DEFAULT_LAMBDAS), emptyBounded(DEFAULT_LAMBDAS)).logMixture
    assertFalling([0, 0.01, 0.1, 0.5, 1].map(at), `seed ${seed} bounded`)
  }
})

/** Every capital falls from row to row, a hair of rounding apart. */
function assertFalling(rows: readonly (readonly number[])[], what: string): void {
  for (let row = 1; row < rows.length; row++) {
    rows[row]!.forEach((capital, index) => {
      const before = rows[row - 1]![index]!
      assert.ok(capital <= before + 1e-10 * (1 + Math.abs(before)), `${what}: ${before} to ${capital}`)
    })
  }
}

test('who is candidate and who is control is only a name: exchanged, with the direction turned round, the evidence is the same', () => {
  const exchanged = (arms: Arms): Arms => ({
    candidateRequests: arms.controlRequests,
    controlRequests: arms.candidateRequests,
    candidateEvents: arms.controlEvents,
    controlEvents: arms.candidateEvents,
  })
  for (const seed of SEEDS) {
    for (const observe of [observeTwoArm, observeTwoArmBound]) {
      let one = emptyTwoArm(DEFAULT_GRID)
      let other = emptyTwoArm(DEFAULT_GRID)
      for (const arms of drawStrata(seed)) {
        one = observe(one, arms, 0.2, 'more', DEFAULT_GRID)
        other = observe(other, exchanged(arms), 0.2, 'fewer', DEFAULT_GRID)
      }
      assert.deepEqual(one, other)
    }
  }
})

test('an event counted as its absence, in the other direction, is the same evidence in the exact form', () => {
  const absent = (arms: Arms): Arms => ({
    ...arms,
    candidateEvents: arms.candidateRequests - arms.candidateEvents,
    controlEvents: arms.controlRequests - arms.controlEvents,
  })
  for (const seed of SEEDS) {
    for (const arms of drawStrata(seed, 3)) {
      const more = observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, 0.2, 'more', DEFAULT_GRID)
      const fewer = observeTwoArm(emptyTwoArm(DEFAULT_GRID), absent(arms), 0.2, 'fewer', DEFAULT_GRID)
      assertRowsClose(fewer.logMixture, more.logMixture, `seed ${seed}`)
    }
  }
})

test('a distribution with its arms exchanged has the same evidence: both directions are betted on', () => {
  for (const seed of SEEDS) {
    const random = seededRandom(seed)
    let one = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
    let other = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
    for (let stratum = 0; stratum < 6; stratum++) {
      const { candidate, control, candidateRequests, controlRequests } = drawBins(random)
      one = observeDistribution(one, { candidate, control, orderedBins: ORDERED, candidateRequests, controlRequests }, DEFAULT_GRID)
      const exchanged = { candidate: control, control: candidate, orderedBins: ORDERED }
      other = observeDistribution(
        other,
        { ...exchanged, candidateRequests: controlRequests, controlRequests: candidateRequests },
        DEFAULT_GRID,
      )
    }
    assertClose(logEvidenceDistribution(one, DEFAULT_GRID), logEvidenceDistribution(other, DEFAULT_GRID), 1e-10, `seed ${seed}`)
  }
})

test('the fast form of a distribution is plain two-arm evidence for every bin and threshold, to ten digits after twenty strata', () => {
  for (const [seed, temper] of [
    [1, 1],
    [2, 1],
    [3, 2.5],
  ] as const) {
    const random = seededRandom(seed)
    let fast = emptyDistribution(BINS, ORDERED, EVEN_GRID)
    let plain = Array.from({ length: 2 * (BINS + ORDERED - 1) }, () => emptyTwoArm(EVEN_GRID))
    for (let stratum = 0; stratum < 20; stratum++) {
      const bins = drawBins(random, stratum % 5 === 0 ? 3_000 : 60)
      fast = observeDistribution(fast, bins, EVEN_GRID, temper)
      plain = observePlain(plain, bins, temper)
    }
    const capitals = plain.flatMap((state) => state.logMixture)
    assertRowsClose(fast.logMixture, capitals, `seed ${seed}`)
    const mean = Math.log(capitals.reduce((sum, capital) => sum + Math.exp(capital), 0) / capitals.length)
    assertClose(logEvidenceDistribution(fast, EVEN_GRID), mean, 1e-10, 'evidence')
  }
})

function observePlain(states: readonly TwoArmState[], bins: DistributionArms, temper: number): TwoArmState[] {
  const { candidateRequests, controlRequests } = bins
  const above = (counts: Float64Array, edge: number) => counts.subarray(edge + 1, ORDERED).reduce((sum, count) => sum + count, 0)
  return states.map((state, row) => {
    const event = row >> 1
    const events = (counts: Float64Array) => (event < BINS ? counts[event]! : above(counts, event - BINS))
    const arms = { candidateRequests, controlRequests, candidateEvents: events(bins.candidate), controlEvents: events(bins.control) }
    return observeTwoArm(state, arms, 0, row % 2 === 0 ? 'more' : 'fewer', EVEN_GRID, temper)
  })
}

test('a temper of one is no temper: the same bits; a temper below one, or that is no number, is refused by name', () => {
  const random = seededRandom(4)
  const [arms, bins, values] = [drawArms(random), drawBins(random), drawBounded(random)]
  const [twoArm, shape, bounded] = [
    emptyTwoArm(DEFAULT_GRID),
    emptyDistribution(BINS, ORDERED, DEFAULT_GRID),
    emptyBounded(DEFAULT_LAMBDAS),
  ]
  const all = [
    (temper?: number) => observeTwoArm(twoArm, arms, 0.1, 'more', DEFAULT_GRID, temper),
    (temper?: number) => observeTwoArmBound(twoArm, arms, 0.1, 'fewer', DEFAULT_GRID, temper),
    (temper?: number) => observeDistribution(shape, bins, DEFAULT_GRID, temper),
    (temper?: number) => observeBounded(bounded, values, 0.01, DEFAULT_LAMBDAS, temper),
  ]
  for (const observe of all) {
    assert.deepEqual(observe(1), observe())
    for (const temper of [0.999, 0, -1, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => observe(temper), /temper/)
  }
})

test('a temper divides what a stratum adds to the logarithm of every capital', () => {
  const random = seededRandom(5)
  const empty = emptyTwoArm(DEFAULT_GRID)
  const emptyShape = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
  for (const temper of [1.5, 4, 30]) {
    const [arms, bins, values] = [drawArms(random), drawBins(random), drawBounded(random)]
    const twoArm = (by: number) => observeTwoArm(empty, arms, 0.1, 'more', DEFAULT_GRID, by).logMixture
    const shape = (by: number) => observeDistribution(emptyShape, bins, DEFAULT_GRID, by).logMixture
    const bounded = (by: number) => observeBounded(emptyBounded(DEFAULT_LAMBDAS), values, 0.01, DEFAULT_LAMBDAS, by).logMixture
    for (const capitals of [twoArm, shape, bounded]) {
      const [plain, tempered] = [capitals(1), capitals(temper)]
      const expected = Array.from(plain, (capital) => (capital + GIVEN_ALL) / temper - GIVEN_ALL)
      assertRowsClose(tempered, expected, `temper ${temper}`)
    }
  }
})

// ── fairness, counted out ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Mean of the first stratum's evidence, per unit of capital at work, when the candidate's odds are e^logOdds times the control's. */
function meanEvidence(n: number, m: number, events: number, logOdds: number, evidence: (arms: Arms) => number): number {
  let mean = 0
  for (let x = supportLow(m, events); x <= supportHigh(n, events); x++) {
    const logChance = hypergeometricLogPmf(x, n, m, events) + x * logOdds - hypergeometricLogNormaliser(logOdds, n, m, events)
    const arms = { candidateRequests: n, controlRequests: m, candidateEvents: x, controlEvents: events - x }
    mean += Math.exp(logChance + evidence(arms) + GIVEN_ALL)
  }
  return mean
}

function* smallStrata(): Generator<readonly [number, number, number]> {
  for (const [n, m] of [
    [1, 1],
    [1, 6],
    [3, 4],
    [5, 2],
    [8, 12],
  ] as const) {
    for (let events = 0; events <= n + m; events++) yield [n, m, events]
  }
}

test('counted out over all that can happen: at exactly the margin the exact evidence has mean 1, to twelve digits', () => {
  for (const [n, m, events] of smallStrata()) {
    for (const logMargin of [0, 0.3, 2]) {
      const exact = (arms: Arms) =>
        logEvidenceTwoArm(observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, logMargin, 'more', DEFAULT_GRID), DEFAULT_GRID)
      assertClose(meanEvidence(n, m, events, logMargin, exact), 1, 1e-12, `${n}/${m}, ${events} events, margin ${logMargin}`)
    }
  }
})

test('counted out: within the margin, in the bound form, and tempered, the mean is at most 1', () => {
  const most = 1 + 1e-12
  for (const [n, m, events] of smallStrata()) {
    for (const logMargin of [0, 0.3, 2]) {
      const what = `${n}/${m}, ${events} events, margin ${logMargin}`
      const of = (observe: typeof observeTwoArm, temper: number) => (arms: Arms) =>
        logEvidenceTwoArm(observe(emptyTwoArm(DEFAULT_GRID), arms, logMargin, 'more', DEFAULT_GRID, temper), DEFAULT_GRID)
      assert.ok(meanEvidence(n, m, events, logMargin - 0.4, of(observeTwoArm, 1)) <= most, `within, ${what}`)
      assert.ok(meanEvidence(n, m, events, logMargin, of(observeTwoArmBound, 1)) <= most, `bound, ${what}`)
      for (const temper of [1.3, 5])
        assert.ok(meanEvidence(n, m, events, logMargin, of(observeTwoArm, temper)) <= most, `tempered, ${what}`)
    }
  }
})

test('counted out over all ways to assign seven requests: a distribution has mean 1, and at most 1 when tempered', () => {
  const values = [0, 0, 1, 2, 2, 2, 3]
  for (const n of [1, 2, 3, 6]) {
    for (const [temper, isFair] of [
      [1, true],
      [2, false],
    ] as const) {
      const evidence = (mask: number) =>
        logEvidenceDistribution(
          observeDistribution(emptyDistribution(4, 3, DEFAULT_GRID), binned(values, mask), DEFAULT_GRID, temper),
          DEFAULT_GRID,
        )
      const mean = meanOverAssignments(values.length, n, evidence)
      if (isFair) assertClose(mean, 1, 1e-12, `${n} on the candidate`)
      assert.ok(mean <= 1 + 1e-12)
    }
  }
})

test('counted out over all ways to assign eight requests: the bounded mean has a mean of at most 1, whatever the values', () => {
  for (const seed of SEEDS.slice(0, 8)) {
    const random = seededRandom(seed)
    const values = Array.from({ length: 8 }, () => (seed % 2 === 0 ? random() : Math.round(random())))
    for (const n of [1, 3, 4, 7]) {
      for (const temper of [1, 2]) {
        const evidence = (mask: number) => {
          const arms = boundedOf(chosen(values, mask, true), chosen(values, mask, false), DEFAULT_LAMBDAS)
          return logEvidenceBounded(observeBounded(emptyBounded(DEFAULT_LAMBDAS), arms, 0, DEFAULT_LAMBDAS, temper), DEFAULT_LAMBDAS)
        }
        assert.ok(meanOverAssignments(values.length, n, evidence) <= 1 + 1e-12, `seed ${seed}, ${n} on the candidate`)
      }
    }
  }
})

function chosen(values: readonly number[], mask: number, isCandidate: boolean): number[] {
  return values.filter((_, row) => ((mask >> row) & 1) === (isCandidate ? 1 : 0))
}

function binned(values: readonly number[], mask: number): DistributionArms {
  const candidate = new Float64Array(4)
  const control = new Float64Array(4)
  values.forEach((bin, row) => {
    ;((mask >> row) & 1 ? candidate : control)[bin]!++
  })
  const count = (bins: Float64Array) => bins.reduce((sum, each) => sum + each, 0)
  return { candidate, control, orderedBins: 3, candidateRequests: count(candidate), controlRequests: count(control) }
}

/** Mean of e^logEvidence, per unit of capital at work, over all ways to put `n` of the rows on the candidate. */
function meanOverAssignments(rows: number, n: number, logEvidence: (mask: number) => number): number {
  let sum = 0
  let ways = 0
  for (let mask = 0; mask < 1 << rows; mask++) {
    if (chosen(new Array<number>(rows).fill(0), mask, true).length !== n) continue
    sum += Math.exp(logEvidence(mask) + GIVEN_ALL)
    ways++
  }
  return sum / ways
}
