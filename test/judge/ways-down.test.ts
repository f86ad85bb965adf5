/** A way down takes exposure away and gives nobody any: between the rungs of another ladder, and from one cohort to the next. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loweredToFirst } from '../../src/judge/move.ts'
import { rungBelow } from '../../src/judge/segments.ts'
import type { Ladder } from '../../src/judge/state.ts'
import { weightsFor } from '../../src/judge/state.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { guardrail, requestOf } from './world.ts'

const [EU, US] = ['region=eu', 'region=us']

function exposed(
  model: ModelLayout,
  rung: number,
  percent: number,
  segment: string | undefined,
): Pick<Ladder, 'rung' | 'weights' | 'cohort'> {
  const weights = weightsFor(model, percent)
  return segment === undefined ? { rung, weights, cohort: null } : { rung, weights: weightsFor(model, 0), cohort: { segment, weights } }
}

interface Way {
  readonly ladder: readonly number[]
  readonly cohorts: readonly (string | undefined)[]
  readonly from: readonly [rung: number, percent: number, cohort?: string | undefined]
  /** Null: there is nothing lower. */
  readonly to: readonly [rung: number, percent: number, cohort?: string | undefined] | null
}

const WAYS: readonly Way[] = [
  { ladder: [5, 25, 100], cohorts: [], from: [1, 25], to: [0, 5] },
  { ladder: [5, 25, 100], cohorts: [], from: [0, 5], to: null },
  // Another ladder than the one that was climbed.
  { ladder: [5, 25, 100], cohorts: [], from: [1, 40], to: [1, 25] },
  { ladder: [20, 100], cohorts: [], from: [0, 25], to: [0, 20] },
  { ladder: [20, 100], cohorts: [], from: [0, 2], to: null },
  // Cohorts.
  { ladder: [10, 10, 50, 100], cohorts: [EU], from: [1, 10], to: [0, 10, EU] },
  { ladder: [5, 10, 50, 100], cohorts: [EU, US], from: [2, 50], to: [1, 10, US] },
  { ladder: [5, 10, 50, 100], cohorts: [EU, US], from: [1, 10, US], to: [0, 5, US] },
  { ladder: [5, 10, 50, 100], cohorts: [EU, US], from: [0, 5, US], to: null },
  { ladder: [5, 10, 50, 100], cohorts: [undefined, EU], from: [1, 10, EU], to: [0, 5, EU] },
  { ladder: [5, 10, 10, 100], cohorts: [undefined, EU, US], from: [2, 10, US], to: [0, 5, US] },
  { ladder: [10, 10, 50, 100], cohorts: [EU, US], from: [1, 10, US], to: null },
  // A cohort under a ladder that has none any more, or another.
  { ladder: [5, 100], cohorts: [], from: [0, 10, EU], to: [0, 5, EU] },
  { ladder: [20, 100], cohorts: [], from: [0, 10, EU], to: null },
  { ladder: [5, 100], cohorts: [US], from: [0, 10, EU], to: [0, 5, EU] },
]

test('a way down leads to the nearest rung with less than what is exposed, and a cohort stays among itself', () => {
  for (const { ladder, cohorts, from, to } of WAYS) {
    const model = segmentModel(
      { ladder },
      cohorts.map((cohort) => cohort ?? ''),
    )
    const expected = to === null ? null : exposed(model, ...at(to))
    assert.deepEqual(rungBelow(exposed(model, ...at(from)), model), expected, JSON.stringify({ ladder, cohorts, from }))
  }
})

function at([rung, percent, cohort]: NonNullable<Way['to']>): readonly [number, number, string | undefined] {
  return [rung, percent, cohort]
}

/** In the second of two cohorts. */
function inUs(ladder: readonly number[], rollout = {}): SegmentWorld {
  const quick = { ladder, dwellMs: 10_000, minimumRows: 1, guardrails: [guardrail({ promotes: false, action: 'throttle' })] }
  const world = new SegmentWorld(segmentModel({ ...quick, rollout }, [EU, US]), {}, 7)
  while (world.state.ladder.cohort?.segment !== US) world.slices(1)
  return world
}

test('a person’s throttle from one cohort raises nobody of the cohort before it', () => {
  const world = inUs([20, 40, 100])
  world.send({ kind: 'request', request: requestOf('throttle') })
  assert.match(world.last().summary, /^Throttled v2 from 40 % of region=us to 20 % of region=us by ada/)
  assert.deepEqual(world.commands.at(-1)!.segments, [{ segment: US, weights: { v1: 80, v2: 20 } }])
  const before = world.served['eu']
  world.slices(2)
  assert.equal(world.served['eu'], before)
  assert.deepEqual(world.state.ladder.rung, 0)

  const same = inUs([20, 20, 100])
  same.send({ kind: 'request', request: requestOf('throttle') })
  assert.match(same.last().summary, /^Nothing to throttle, v2 is on its lowest rung, 20 % of region=us: asked/)
})

test('nor does a throttle by rule, and its lift leads on to where it came from', () => {
  const world = inUs([20, 40, 100])
  world.traffic = { ...world.traffic, harm: { us: 0.3 } }
  while (world.moves().at(-1) !== 'throttle') world.slices(1)
  assert.deepEqual(world.commands.at(-1)!.segments, [{ segment: US, weights: { v1: 80, v2: 20 } }])
  world.traffic = { ...world.traffic, harm: {} }
  while (world.moves().at(-1) === 'throttle') world.slices(1)
  assert.deepEqual([world.moves().at(-1), world.commands.at(-1)!.segments], ['lift', [{ segment: US, weights: { v1: 60, v2: 40 } }]])
})

test('in place of a rollback without a safe target, a cohort keeps as little of itself as the lowest rung says', () => {
  const world = inUs([20, 40, 100])
  const { ladder } = loweredToFirst(world.state, world.model, 1)
  assert.deepEqual([ladder.rung, ladder.weights['v2'], ladder.cohort], [0, 0, { segment: US, weights: { v1: 80, v2: 20 } }])
})

test('a policy that leaves the exposure between two rungs does not make the lower one the lowest: harm throttles to it, blindness steps down', () => {
  const plan = { minimumRows: 1, dwellMs: 10_000_000, maxBlindMs: 20_000, silentAfterMs: 10_000 }
  const throttling = { ...plan, guardrails: [guardrail({ promotes: false, action: 'throttle' })] }
  const begun = () => {
    const world = new SegmentWorld(segmentModel({ ...throttling, ladder: [25, 100] }), {}, 7)
    world.slices(6)
    world.begin(segmentModel({ ...throttling, ladder: [20, 50, 100] }), 'another', 9)
    assert.deepEqual([world.state.ladder.rung, world.state.ladder.weights['v2']], [0, 25])
    return world
  }
  const harmed = begun()
  harmed.traffic = { ...harmed.traffic, harm: { eu: 0.3, us: 0.3, asia: 0.3 } }
  harmed.slices(20)
  assert.deepEqual([harmed.moves().at(-1), harmed.state.ladder.weights['v2']], ['throttle', 20])
  const blind = begun()
  blind.traffic = { ...blind.traffic, requestsPerSlice: 0 }
  blind.slices(20)
  assert.deepEqual([blind.moves().at(-1), blind.state.ladder.weights['v2']], ['step-down', 20])
})
