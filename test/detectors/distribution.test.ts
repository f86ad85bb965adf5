import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type DistributionArms,
  emptyDistribution,
  logEvidenceDistribution,
  observeDistribution,
  strongestEvent,
} from '../../detectors/distribution.ts'
import { multinomial, type Random, seededRandom } from '../../detectors/math/random.ts'
import { DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm, type TwoArmGrid, type TwoArmState } from '../../detectors/two-arm.ts'

const BINS = 6
const ORDERED = 4

function draw(random: Random, candidate: number, control: number, candidateShares: readonly number[], controlShares: readonly number[]) {
  return {
    candidate: Float64Array.from(multinomial(random, candidate, candidateShares)),
    control: Float64Array.from(multinomial(random, control, controlShares)),
    orderedBins: ORDERED,
    candidateRequests: candidate,
    controlRequests: control,
  }
}

/** The readable form: one plain two-arm state per event and direction. */
function* events({ candidate, control }: DistributionArms): Generator<[number, number]> {
  for (let bin = 0; bin < BINS; bin++) yield [candidate[bin]!, control[bin]!]
  for (let edge = 0; edge < ORDERED - 1; edge++) {
    const above = (counts: Float64Array) => counts.subarray(edge + 1, ORDERED).reduce((sum, count) => sum + count, 0)
    yield [above(candidate), above(control)]
  }
}

function observeReadable(states: readonly TwoArmState[], arms: DistributionArms, grid: TwoArmGrid): TwoArmState[] {
  const { candidateRequests, controlRequests } = arms
  return [...events(arms)].flatMap(([candidateEvents, controlEvents], index) => {
    const stratum = { candidateRequests, controlRequests, candidateEvents, controlEvents }
    return (['more', 'fewer'] as const).map((direction, side) => observeTwoArm(states[2 * index + side]!, stratum, 0, direction, grid))
  })
}

const SHARES = [0.3, 0.3, 0.2, 0.1, 0.1, 0]
const GRIDS: readonly TwoArmGrid[] = [DEFAULT_GRID, { steps: [0.3, 0.9, 2, 3, 4, 5, 6], weights: [0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1] }]

test('the fast form gives what plain two-arm evidence per bin and threshold gives, for narrow and for wide strata', () => {
  for (const grid of GRIDS) {
    const random = seededRandom(3)
    let fast = emptyDistribution(BINS, ORDERED, grid)
    let readable = Array.from({ length: 2 * (BINS + ORDERED - 1) }, () => emptyTwoArm(grid))
    for (const [candidate, control] of [
      [4, 30],
      [60, 1190],
      [900, 40],
      [700, 800],
      [1, 1],
      [0, 50],
      [5000, 9000],
    ] as const) {
      const arms = draw(random, candidate, control, [0.25, 0.35, 0.2, 0.1, 0.1, 0], SHARES)
      fast = observeDistribution(fast, arms, grid)
      readable = observeReadable(readable, arms, grid)
      const expected = readable.flatMap((state) => state.logMixture)
      expected.forEach((value, at) => {
        assert.ok(Math.abs(fast.logMixture[at]! - value) < 1e-9 * (1 + Math.abs(value)), `${candidate}/${control} at ${at}`)
      })
    }
    const mean = readable.reduce((sum, state) => sum + Math.exp(logEvidenceTwoArm(state, grid)), 0) / readable.length
    assert.ok(Math.abs(logEvidenceDistribution(fast, grid) - Math.log(mean)) < 1e-9)
  }
})

function verdict(seed: number, strata: number, moved: readonly number[]) {
  const random = seededRandom(seed)
  let state = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
  let peak = Number.NEGATIVE_INFINITY
  for (let index = 0; index < strata; index++) {
    state = observeDistribution(state, draw(random, 30, 270, moved, SHARES), DEFAULT_GRID)
    peak = Math.max(peak, logEvidenceDistribution(state, DEFAULT_GRID))
  }
  return { peak, strongest: strongestEvent(state, BINS, ORDERED, DEFAULT_GRID) }
}

test('a feature that did not move is accused in at most 1 % of rollouts', () => {
  let falseAlarms = 0
  for (let seed = 0; seed < 400; seed++) falseAlarms += verdict(seed, 60, SHARES).peak >= Math.log(100) ? 1 : 0
  assert.ok(falseAlarms <= 4 + 3 * 2, `${falseAlarms} of 400`)
})

test('values that go missing on the candidate are found, and the bin is named', () => {
  const { peak, strongest } = verdict(5, 40, [0.29, 0.29, 0.19, 0.09, 0.1, 0.04])
  assert.ok(peak >= Math.log(100))
  assert.deepEqual([strongest.kind, strongest.index, strongest.direction], ['bin', 5, 'more'])
})

test('a shift of everything is found, and a threshold is named', () => {
  const { peak, strongest } = verdict(6, 40, [0.1, 0.25, 0.35, 0.2, 0.1, 0])
  assert.ok(peak >= Math.log(100))
  assert.deepEqual([strongest.kind, strongest.direction], ['above', 'more'])
})

test('bins that do not fit the state, or hold more than the requests, are refused', () => {
  const state = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
  const arms = draw(seededRandom(1), 10, 20, SHARES, SHARES)
  assert.throws(() => observeDistribution(state, { ...arms, control: new Float64Array(5) }, DEFAULT_GRID), /control must have as many bins/)
  assert.throws(() => observeDistribution(state, { ...arms, orderedBins: 2 }, DEFAULT_GRID), /the state was made for/)
  assert.throws(() => observeDistribution(state, { ...arms, candidateRequests: 9 }, DEFAULT_GRID), /candidate must not hold more/)
})

test('capitals go to the memory that is given, whatever lay there, and the state before keeps its own', () => {
  const random = seededRandom(8)
  const shared = new Float64Array(4_000).fill(Number.NaN)
  let plain = emptyDistribution(BINS, ORDERED, DEFAULT_GRID)
  let given = plain
  for (let stratum = 0; stratum < 20; stratum++) {
    const arms = draw(random, 30, 270, SHARES, SHARES)
    const before = given
    const capitals = before.logMixture.slice()
    const { length } = capitals
    const memory = shared.subarray((stratum % 4) * length, (stratum % 4) * length + length)
    plain = observeDistribution(plain, arms, DEFAULT_GRID)
    given = observeDistribution(before, arms, DEFAULT_GRID, 1, memory)
    assert.equal(given.logMixture, memory)
    assert.deepEqual(given.logMixture, plain.logMixture)
    assert.deepEqual(before.logMixture, capitals)
  }
})
