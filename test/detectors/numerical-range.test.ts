/** No number a stream can bring makes a detector say NaN or infinity: strata of one request and of a million, a hundred thousand in a row. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_LAMBDAS, emptyBounded, logEvidenceBounded, observeBounded } from '../../detectors/bounded-mean.ts'
import { emptyDistribution, logEvidenceDistribution, observeDistribution, strongestEvent } from '../../detectors/distribution.ts'
import { emptyExceedance, logEvidenceExceedance, observeExceedance } from '../../detectors/exceedance.ts'
import { logMarginFromPoints } from '../../detectors/margin.ts'
import { fastExp } from '../../detectors/math/fast-exp.ts'
import { fastLogAdd } from '../../detectors/math/fast-log-add.ts'
import { hypergeometricLogNormaliser, hypergeometricLogPmf, supportHigh, supportLow } from '../../detectors/math/hypergeometric.ts'
import { logAdd, logSumExp } from '../../detectors/math/log-sum-exp.ts'
import { NormaliserRows } from '../../detectors/math/normaliser-rows.ts'
import { binomial, seededRandom } from '../../detectors/math/random.ts'
import { emptySampleRatio, logEvidenceSampleRatio, observeSampleRatio } from '../../detectors/sample-ratio.ts'
import { emptySilence, logEvidenceSilence, observeSilence } from '../../detectors/silence.ts'
import {
  type Arms,
  DEFAULT_GRID,
  emptyTwoArm,
  logEvidenceTwoArm,
  observeTwoArm,
  observeTwoArmBound,
  type TwoArmState,
} from '../../detectors/two-arm.ts'

const MILLION = 1_000_000
const STRATA = 100_000

function assertClose(actual: number, expected: number, tolerance: number, what: string): void {
  assert.ok(Math.abs(actual - expected) <= tolerance * (1 + Math.abs(expected)), `${what}: ${actual}, not ${expected}`)
}

function assertFinite(values: ArrayLike<number>, what: string): void {
  for (let i = 0; i < values.length; i++) assert.ok(Number.isFinite(values[i]), `${what}: ${values[i]} at ${i}`)
}

/** Splits and numbers of events at every edge of their range. */
function* extremes(): Generator<Arms> {
  for (const [n, m] of [
    [1, 1],
    [1, MILLION - 1],
    [MILLION - 1, 1],
    [10_000, 990_000],
    [500_000, 500_000],
    [7, 200],
  ] as const) {
    for (const share of [0, 1e-6, 0.01, 0.5, 0.99, 1]) {
      const candidateEvents = Math.round(n * share)
      const controlEvents = Math.round(m * share)
      yield { candidateRequests: n, controlRequests: m, candidateEvents, controlEvents }
      yield { candidateRequests: n, controlRequests: m, candidateEvents: n, controlEvents }
      yield { candidateRequests: n, controlRequests: m, candidateEvents: 0, controlEvents }
    }
  }
}

test('two-arm evidence stays a number for one request and for a million, no events and nothing but events, with and without a margin', () => {
  const margins = [0, logMarginFromPoints(0.005, 20, 1000), logMarginFromPoints(0.9, 0, 0), 4.6]
  for (const arms of extremes()) {
    for (const logMargin of margins) {
      for (const observe of [observeTwoArm, observeTwoArmBound]) {
        for (const direction of ['more', 'fewer'] as const) {
          const state = observe(emptyTwoArm(DEFAULT_GRID), arms, logMargin, direction, DEFAULT_GRID)
          assertFinite(state.logMixture, JSON.stringify({ arms, logMargin, direction }))
          assert.ok(Number.isFinite(logEvidenceTwoArm(state, DEFAULT_GRID)))
        }
      }
    }
  }
})

test('what nobody or everybody showed says nothing, at any size', () => {
  for (const requests of [1, 100, MILLION]) {
    for (const events of [0, requests]) {
      const arms = { candidateRequests: requests, controlRequests: requests, candidateEvents: events, controlEvents: events }
      const quiet = observeTwoArm(emptyTwoArm(DEFAULT_GRID), arms, 0.3, 'more', DEFAULT_GRID)
      assertClose(logEvidenceTwoArm(quiet, DEFAULT_GRID), Math.log(0.47399142654437487 / 2) - 2 * Math.log(Math.log(2)), 1e-12, 'evidence')
    }
  }
})

test('the sum around the largest term is the sum over everything, for a stratum of a million requests too', () => {
  for (const [n, m, events] of [
    [1, 5, 3],
    [40, 160, 199],
    [10_000, 990_000, 30_000],
    [990_000, 10_000, 990_100],
    [500_000, 500_000, 9_000],
  ] as const) {
    const from = supportLow(m, events)
    const support = Array.from({ length: supportHigh(n, events) - from + 1 }, (_, i) => from + i)
    for (const step of [0.2, 4.6, -4.6, 9.2]) {
      const everything = logSumExp(support.map((x) => hypergeometricLogPmf(x, n, m, events) + x * step))
      assertClose(hypergeometricLogNormaliser(step, n, m, events), everything, 1e-10, `${n}/${m}, ${events} events, step ${step}`)
    }
  }
})

test('the table over all numbers of events gives what the sum for each of them gives, whatever splits came before', () => {
  const rows = new NormaliserRows([...DEFAULT_GRID.steps, 12])
  for (const [n, m] of [
    [200, 19_800],
    [1, 1],
    [1, 199],
    [199, 1],
    [3, 40],
    [20, 180],
    [1000, 1000],
    [200, 19_800],
  ] as const) {
    rows.prepare(n, m)
    for (let events = 0; events <= n + m; events += Math.max(1, Math.floor((n + m) / 97))) {
      const at = rows.rowOf(events)
      rows.tilts.forEach((step, tilt) => {
        const expected = hypergeometricLogNormaliser(step, n, m, events)
        assertClose(rows.logs[at + tilt]!, expected, 1e-11, `${n}/${m}, ${events} events, step ${step}`)
      })
    }
  }
})

test('the exponential for hot loops is that of the language to fourteen digits', () => {
  for (let x = -699; x <= 699; x += 0.137) assertClose(fastExp(x) / Math.exp(x), 1, 1e-15 * (2 + Math.abs(x)), `e^${x}`)
  assert.equal(fastExp(0), 1)
  assert.equal(fastExp(-1e6), 0)
})

test('adding by logarithms in hot loops is adding by logarithms to fifteen digits, whichever is larger and however far apart', () => {
  for (const a of [-1e6, -14.5, 0, 1e5]) {
    for (let apart = -60; apart <= 60; apart += 0.0137) {
      const expected = logAdd(a, a + apart)
      assert.ok(Math.abs(fastLogAdd(a, a + apart) - expected) <= 5e-16 + 3e-16 * Math.abs(expected), `${a} and ${apart} more`)
    }
    assertClose(fastLogAdd(a, a), a + Math.LN2, 1e-15, 'twice the same')
  }
  assert.equal(fastLogAdd(-1e6, -3), -3)
})

test('a distribution of a million requests is judged without overflow, whether the arms agree or share no bin', () => {
  const counts = (requests: number, shares: readonly number[]) => Float64Array.from(shares, (share) => Math.floor(requests * share))
  const [low, even, high] = [
    [1, 0, 0, 0],
    [0.25, 0.25, 0.25, 0.25],
    [0, 0, 0, 1],
  ] as const
  for (const [n, m] of [
    [1, 1],
    [1, MILLION - 1],
    [MILLION - 1, 1],
    [500_000, 500_000],
    [60_000, 60_000],
    [100, 900],
  ] as const) {
    for (const [one, other] of [
      [even, even],
      [low, high],
      [high, high],
    ] as const) {
      const arms = { candidate: counts(n, one), control: counts(m, other), orderedBins: 3, candidateRequests: n, controlRequests: m }
      let state = emptyDistribution(4, 3, DEFAULT_GRID)
      for (let stratum = 0; stratum < 3; stratum++) state = observeDistribution(state, arms, DEFAULT_GRID)
      assertFinite(state.logMixture, `${n}/${m}`)
      assert.ok(Number.isFinite(logEvidenceDistribution(state, DEFAULT_GRID)))
      assert.ok(Number.isFinite(strongestEvent(state, 4, 3, DEFAULT_GRID).logEvidence))
    }
  }
})

test('bounded values stay numbers when all are nothing, all are one, and there are a million of them', () => {
  const sums = (rows: number, value: number) => DEFAULT_LAMBDAS.map((lambda) => rows * Math.exp(lambda * value))
  for (const [n, m] of [
    [1, 1],
    [1, MILLION],
    [MILLION, MILLION],
  ] as const) {
    for (const [candidate, control] of [
      [0, 0],
      [1, 1],
      [1, 0],
      [0, 1],
    ] as const) {
      for (const margin of [0, 0.01, 1, 100]) {
        const arms = {
          candidateRows: n,
          controlRows: m,
          candidateSum: n * candidate,
          candidateExpSums: sums(n, candidate),
          controlExpSums: sums(m, control),
        }
        const state = observeBounded(emptyBounded(DEFAULT_LAMBDAS), arms, margin, DEFAULT_LAMBDAS)
        assertFinite(state.logMixture, `${n}/${m} at ${candidate}/${control}, margin ${margin}`)
      }
    }
  }
})

test('shares of nothing and of everything, and a million requests, leave sample ratio and silence finite', () => {
  for (const total of [1, MILLION]) {
    for (const share of [0, 1e-9, 0.01, 0.5, 1]) {
      for (const part of [0, 1, Math.floor(total / 2), total]) {
        const ratio = observeSampleRatio(emptySampleRatio(), { candidate: part, total, share })
        assertFinite(ratio.logMixture, `sample ratio, ${part} of ${total} at ${share}`)
        const silence = observeSilence(emptySilence(), { arrived: part, total, share })
        assertFinite(silence.logMixture, `silence, ${part} of ${total} at ${share}`)
      }
    }
  }
})

/** Equal arms, then twenty times as many events on the candidate, then equal again. */
function armsAt(stratum: number, random: () => number): Arms {
  const isHarmed = stratum > STRATA / 3 && stratum < (2 * STRATA) / 3
  return {
    candidateRequests: 20,
    controlRequests: 180,
    candidateEvents: binomial(random, 20, isHarmed ? 0.4 : 0.02),
    controlEvents: binomial(random, 180, 0.02),
  }
}

test('a hundred thousand strata in a row, healthy, harmful and healthy again, overflow nothing: two-arm, exact and bound', () => {
  const random = seededRandom(1)
  const states: TwoArmState[] = [emptyTwoArm(DEFAULT_GRID), emptyTwoArm(DEFAULT_GRID), emptyTwoArm(DEFAULT_GRID)]
  let highest = 0
  for (let stratum = 0; stratum < STRATA; stratum++) {
    const arms = armsAt(stratum, random)
    states[0] = observeTwoArm(states[0]!, arms, 0, 'more', DEFAULT_GRID)
    states[1] = observeTwoArmBound(states[1]!, arms, 0.2, 'more', DEFAULT_GRID)
    states[2] = observeTwoArm(states[2]!, arms, 0.2, 'fewer', DEFAULT_GRID, 2.5)
    highest = Math.max(highest, logEvidenceTwoArm(states[0]!, DEFAULT_GRID))
  }
  for (const state of states) assertFinite(state.logMixture, 'two-arm')
  assert.ok(highest > 100_000, `evidence far beyond what a double holds is kept as its logarithm: ${highest}`)
  assert.equal(states[0]!.strata, STRATA)
})

test('a hundred thousand strata in a row overflow nothing: distribution', () => {
  const random = seededRandom(2)
  let state = emptyDistribution(2, 2, DEFAULT_GRID)
  for (let stratum = 0; stratum < STRATA; stratum++) {
    const arms = armsAt(stratum, random)
    const bins = (events: number, requests: number) => Float64Array.of(requests - events, events)
    const candidate = bins(arms.candidateEvents, arms.candidateRequests)
    const control = bins(arms.controlEvents, arms.controlRequests)
    const { candidateRequests, controlRequests } = arms
    state = observeDistribution(state, { candidate, control, orderedBins: 2, candidateRequests, controlRequests }, DEFAULT_GRID)
  }
  assertFinite(state.logMixture, 'distribution')
  assert.ok(Number.isFinite(logEvidenceDistribution(state, DEFAULT_GRID)))
})

test('a hundred thousand strata in a row overflow nothing: exceedance, bounded mean, sample ratio, silence', () => {
  const random = seededRandom(3)
  const expSums = (ones: number, rows: number) => DEFAULT_LAMBDAS.map((lambda) => ones * Math.exp(lambda) + rows - ones)
  let exceedance = emptyExceedance(1, DEFAULT_GRID)
  let bounded = emptyBounded(DEFAULT_LAMBDAS)
  let ratio = emptySampleRatio()
  let silence = emptySilence()
  for (let stratum = 0; stratum < STRATA; stratum++) {
    const { candidateRequests, controlRequests, candidateEvents, controlEvents } = armsAt(stratum, random)
    const over = { candidateOver: [candidateEvents], controlOver: [controlEvents] }
    exceedance = observeExceedance(exceedance, { candidateRequests, controlRequests, ...over }, [0.1], DEFAULT_GRID)
    const candidateExpSums = expSums(candidateEvents, candidateRequests)
    const costs = { candidateSum: candidateEvents, candidateExpSums, controlExpSums: expSums(controlEvents, controlRequests) }
    bounded = observeBounded(bounded, { candidateRows: candidateRequests, controlRows: controlRequests, ...costs }, 0.01, DEFAULT_LAMBDAS)
    ratio = observeSampleRatio(ratio, { candidate: candidateEvents, total: candidateRequests, share: 0.02 })
    silence = observeSilence(silence, { arrived: candidateEvents, total: candidateRequests, share: 0.4 })
  }
  assertFinite(exceedance.thresholds[0]!.logMixture, 'exceedance')
  assertFinite([...bounded.logMixture, ...ratio.logMixture, ...silence.logMixture], 'bounded mean, sample ratio, silence')
  const evidence = [logEvidenceExceedance(exceedance, DEFAULT_GRID), logEvidenceBounded(bounded, DEFAULT_LAMBDAS)]
  assertFinite([...evidence, logEvidenceSampleRatio(ratio), logEvidenceSilence(silence)], 'evidence')
})
