/** Rollback onto a sick target: not by rule; the candidate goes to its lowest rung and people are called. A person is never refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unsafeTarget } from '../../src/judge/target.ts'
import { ask, by, outcome, QUICK, stagedModel } from './asked.ts'
import { guardrail, World } from './world.ts'

/** At 25 %, with room to go lower. */
function climbed(): World {
  const world = new World(stagedModel({}, {}, { dwellMs: 3_600_000, silentAfterMs: 15_000, guardrails: [guardrail({ promotes: false })] }))
  world.slices(8)
  ask(world, 'promote')
  world.slices(8)
  assert.equal(world.weight(), 25)
  return world
}

test('rollback onto a sick target: a control that fails most of what it gets is given no more than the lowest rung leaves it, and people are called', () => {
  const world = climbed()
  world.traffic = { ...world.traffic, controlErrors: 0.6, candidateErrors: 0.6 }
  world.slices(4)
  world.traffic = { ...world.traffic, candidateErrors: 1 }
  world.slices(20)
  const [lowered] = by(world, 'no-safe-target')
  assert.deepEqual([lowered!.verdict.kind, lowered!.weightsAfter['v2'], world.weight()], ['throttle', 5, 5])
  assert.match(
    lowered!.summary,
    /^Throttled v2 from 25 % to 5 % and did not roll it back: \d\d % of the last requests of the control v1 failed$/,
  )
  const [alert] = world.alerts.filter(({ cause }) => cause === 'target')
  assert.deepEqual([alert!.severity, alert!.status], ['critical', 'firing'])
  assert.equal(world.said('rollback').length, 0)
})

test('once the control is well again what was found takes the candidate back, and the incident is over', () => {
  const world = climbed()
  world.traffic = { ...world.traffic, controlErrors: 0.6, candidateErrors: 0.6 }
  world.slices(4)
  world.traffic = { ...world.traffic, candidateErrors: 1 }
  world.slices(20)
  world.traffic = { ...world.traffic, controlErrors: 0.02 }
  world.slices(10)
  assert.deepEqual([world.weight(), world.moves().at(-1)], [0, 'rollback'])
  assert.ok(world.alerts.some(({ cause, status }) => cause === 'target' && status === 'resolved'))
})

test('a control that does not answer while the candidate does is no target; when nobody answers nothing is known against it', () => {
  const sick = (world: World) =>
    unsafeTarget(world.state, world.model, { nowMs: world.time.nowMs, alignWithinMs: world.layout.alignWithinMs, catchingUp: false })
  const world = climbed()
  assert.equal(sick(world), '')
  world.traffic = { ...world.traffic, controlArrives: 0 }
  world.slices(6)
  assert.equal(sick(world), 'no predictions of the control v1 arrive')
  assert.match(ask(world, 'rollback').summary, /its target is sick: no predictions of the control v1 arrive/)
  const quiet = climbed()
  quiet.traffic = { ...quiet.traffic, controlArrives: 0, candidateArrives: 0 }
  quiet.slices(6)
  assert.equal(sick(quiet), '')
})

test("a person's rollback is never refused, and its answer says that the target is sick", () => {
  const world = climbed()
  world.traffic = { ...world.traffic, controlErrors: 0.9, candidateErrors: 0.9 }
  world.slices(10)
  const answer = ask(world, 'rollback')
  assert.equal(outcome(answer), 'done')
  assert.match(answer.summary, /^Rolled back v2 \(its target is sick: \d\d % of the last requests of the control v1 failed\) by ada/)
  assert.equal(world.weight(), 0)
})

test('on the lowest rung nothing is left to lower: it holds there and people are called', () => {
  const world = new World(stagedModel({}, {}, { ...QUICK, dwellMs: 3_600_000 }))
  world.slices(8)
  world.traffic = { ...world.traffic, controlErrors: 0.6, candidateErrors: 1, requestsPerSlice: 600 }
  world.slices(30)
  const [held] = by(world, 'no-safe-target')
  assert.deepEqual([held!.verdict.kind, world.weight()], ['hold', 5])
  assert.match(held!.summary, /not rolled back, \d\d % of the last requests of the control v1 failed/)
  assert.ok(world.alerts.some(({ cause, severity }) => cause === 'target' && severity === 'critical'))
})

test('a few failures of the control, or long past ones, make it no worse a target', () => {
  const world = climbed()
  world.traffic = { ...world.traffic, controlErrors: 0.9 }
  world.slices(1)
  world.traffic = { ...world.traffic, controlErrors: 0.05 }
  world.slices(12)
  world.traffic = { ...world.traffic, candidateErrors: 0.8 }
  world.slices(30)
  assert.deepEqual([world.moves().at(-1), world.weight()], ['rollback', 0])
})
