/** The gate of a plan holds on every way up, from the first user to the end of the guard: taken back, or of another artifact, nothing rises. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RolloutPlan } from '../../src/policy/layout.ts'
import { ask, by, outcome, QUICK } from './asked.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { guardrail, modelLayout, type PlanChanges, requestOf, rolloutOf, World, type Written } from './world.ts'

const DIGEST = 'sha256:9f86d0'
const GATED: Partial<RolloutPlan> = { offline: true, artifacts: { v2: DIGEST } }

function gate(world: World, passed: boolean): Written {
  const id = `gate ${passed} ${world.wallMs}`
  return ask(world, 'gate', { id, body: JSON.stringify({ passed, report: passed ? 'all good' : 'recall fell' }) })
}

/** On its first rung, its gate passed. */
function climbing(plan: PlanChanges = {}, rollout: Partial<RolloutPlan> = {}): World {
  const world = new World(modelLayout({ ...QUICK, ...plan, rollout: { ...GATED, ...rollout } }))
  gate(world, true)
  world.slices(4)
  assert.equal(world.weight(), (plan.ladder ?? [5])[0])
  return world
}

test('a gate taken back in mid-climb stops every further rise and takes nothing away, until it is passed again', () => {
  const world = climbing()
  gate(world, false)
  world.slices(60)
  assert.deepEqual([world.state.ladder.phase, world.weight()], ['climbing', 5])
  assert.match(by(world, 'gate').at(-1)!.summary, /^Holding v2 at 5 % \(insufficient\): the gate of sha256:9f86d0 failed .*: recall fell$/)
  assert.equal(outcome(ask(world, 'promote')), 'gate')
  gate(world, true)
  assert.equal(world.weight(), 25, 'what was waited for is there')
})

test('another digest in mid-climb is another artifact: its own gate is missing', () => {
  const before = climbing()
  const world = new World(modelLayout({ ...QUICK, rollout: { ...GATED, artifacts: { v2: 'sha256:another' } } }))
  Object.assign(world, { state: before.state, time: before.time, wallMs: before.wallMs, gateway: structuredClone(before.gateway) })
  world.at.push(...structuredClone(before.at))
  world.slices(60)
  assert.equal(world.weight(), 5)
  assert.match(by(world, 'gate').at(-1)!.summary, /no gate is recorded of sha256:another: flyball rollout gate flights --passed$/)
  ask(world, 'gate', { subject: 'sha256:another', body: '{"passed":true}' })
  world.slices(2)
  assert.equal(world.weight(), 25)
})

test('a gate taken back keeps a guard from its end, and harm is rolled back all the same', () => {
  const world = climbing({ ladder: [100] }, { guardMs: 30_000 })
  gate(world, false)
  world.slices(40)
  assert.deepEqual([world.state.ladder.phase, world.weight()], ['guard', 100])
  const healthy = world.forked(2)
  gate(healthy, true)
  healthy.slices(1)
  assert.equal(healthy.state.ladder.phase, 'promoted')
  world.traffic = { ...world.traffic, fixedShare: 0.9, candidateErrors: 0.4 }
  world.slices(30)
  assert.equal(world.state.ladder.phase, 'rolled-back')
})

test('a throttle does not lift while the gate is taken back', () => {
  const world = climbing({ guardrails: [guardrail({ action: 'throttle', promotes: false })] })
  while (world.weight() < 25) world.slice()
  world.traffic = { ...world.traffic, candidateErrors: 0.4 }
  while (world.weight() === 25) world.slice()
  gate(world, false)
  world.traffic = { ...world.traffic, candidateErrors: 0.02 }
  world.slices(60)
  assert.deepEqual([world.weight(), world.said('lift').length], [5, 0])
  gate(world, true)
  assert.equal(world.said('lift').length, 1)
})

test('an approval falls when the gate is taken back, and none is given meanwhile', () => {
  const rungs = rolloutOf({}).rungs.map((rung) => ({ ...rung, approval: true }))
  const world = climbing({ dwellMs: 3_600_000 }, { rungs })
  ask(world, 'approve', { who: 'bob' })
  gate(world, false)
  world.slices(1)
  assert.match(by(world, 'approval-lapsed')[0]!.summary, /^The approval of stage 5 % by bob lapses: the gate of sha256:9f86d0 failed/)
  assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'gate-closed')
})

test('nobody is let in again while the gate is taken back', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000, rollout: GATED }), { harm: { eu: 0.15 } }, 3)
  const record = (passed: boolean) =>
    world.send({ kind: 'request', request: requestOf('gate', { id: `gate-${passed}`, body: JSON.stringify({ passed }) }) })
  record(true)
  world.slices(40)
  assert.deepEqual(world.state.ladder.isolated, ['region=eu'])
  record(false)
  world.send({ kind: 'request', request: requestOf('release', { subject: 'region=eu' }) })
  const answer = world.decisions.find(({ requestId }) => requestId === 'release')!
  assert.deepEqual([answer.verdict.kind, answer.verdict.rule], ['refused', 'gate'])
  assert.match(answer.summary, /^Refused to release region=eu: the gate of sha256:9f86d0 failed/)
})
