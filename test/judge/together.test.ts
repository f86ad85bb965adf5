/** What one part of a rollout does to another: policies that change on the way, cohorts with approvals, thoughts with commands. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command, OperatorRequest } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { ask, by, outcome, QUICK, stagedModel } from './asked.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { layoutOf, modelLayout, type PlanChanges, requestOf, rolloutOf, World } from './world.ts'

const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 10_000, minimumRows: 10, approval: false } as const

/** The daemon begins anew with another policy. */
function under(world: World, model: ModelLayout): World {
  const next = world.forked(7)
  const layout = { ...layoutOf(model), policyDigest: `${world.layout.policyDigest}+` }
  Object.assign(next, { model, layout })
  next.send({ kind: 'taken-over', epoch: world.state.ladder.epoch + 1, adopted: world.state.ladder.command })
  return next
}

function until(world: { slices(count: number): void }, done: () => boolean): void {
  for (let slice = 0; slice < 300 && !done(); slice++) world.slices(1)
  assert.ok(done(), 'it never came to that')
}

function climbedTo(percent: number, plan: PlanChanges = {}): World {
  const world = new World(modelLayout({ ...QUICK, ...plan }), { mirrored: 60 })
  until(world, () => world.weight() >= percent)
  return world
}

function say(world: SegmentWorld, verb: OperatorRequest['verb'], changes: Partial<OperatorRequest> = {}): void {
  world.send({ kind: 'request', request: requestOf(verb, { id: `${verb}-${world.decisions.length}`, ...changes }) })
}

const AFTER: readonly (readonly [number, readonly number[], number])[] = [
  [50, [5, 100], 5],
  [50, [10, 20, 30, 100], 30],
  [25, [40, 60, 100], 25],
  [25, [1, 2, 60, 100], 2],
  [100, [1, 100], 1],
]
for (const [percent, ladder, expected] of AFTER) {
  test(`at ${percent} % under a new ladder of ${ladder.join(', ')} a throttle leads to ${expected} %, and never up`, () => {
    const world = under(climbedTo(percent), modelLayout({ ...QUICK, ladder }))
    assert.equal(world.weight(), percent, 'a policy alone moves nothing')
    ask(world, 'throttle')
    assert.equal(world.weight(), expected)
    for (const { weights } of world.commands) assert.equal(weights['v1']! + weights['v2']!, 100)
  })
}

test('under a shorter ladder a lift ends where the ladder does', () => {
  const before = climbedTo(50)
  const { ladder } = before.state
  before.state = { ...before.state, ladder: { ...ladder, throttledRungs: 2 } }
  const world = under(before, modelLayout({ ...QUICK, ladder: [5, 100], calmAfterMs: 5_000 }))
  world.slices(40)
  assert.ok(world.commands.every(({ weights }) => Number.isFinite(weights['v2'])))
  assert.equal(world.state.ladder.throttledRungs, 0)
})

test('a policy that commands again stands where the command in force has it, not where it had only thought to be', () => {
  const before = climbedTo(5)
  const thinking = under(before, modelLayout({ ...QUICK, mode: 'observe' }))
  until(thinking, () => thinking.weight() === 50)
  const world = under(thinking, modelLayout(QUICK))
  assert.equal(world.weight(), 5)
  until(world, () => world.weight() === 25)
})

test('a policy that only observed until now begins at the first rung when it commands', () => {
  const thinking = climbedTo(5, { mode: 'observe' })
  thinking.traffic = { ...thinking.traffic, fixedShare: 0.5 }
  until(thinking, () => thinking.weight() === 50)
  const world = under(thinking, modelLayout(QUICK))
  assert.equal(world.weight(), 0)
  world.traffic = { ...world.traffic, fixedShare: null }
  world.slices(2)
  assert.deepEqual(
    world.commands.map(({ weights }) => weights['v2']),
    [5],
  )
})

test('what an observing policy took back in thought is taken back when the next one commands', () => {
  const thinking = under(climbedTo(25), modelLayout({ ...QUICK, mode: 'observe' }))
  ask(thinking, 'rollback')
  const world = under(thinking, modelLayout(QUICK))
  assert.deepEqual(
    world.commands.map(({ weights }) => weights['v2']),
    [0],
  )
})

test('climbed in thought after a rollback: to enforce begins anew, and quarantines nobody', () => {
  const world = climbedTo(5, { rollout: { shadow: SHADOW } })
  ask(world, 'rollback')
  world.slices(3)
  ask(world, 'resume')
  ask(world, 'mode', { subject: 'observe' })
  until(world, () => world.weight() === 5)
  ask(world, 'mode', { subject: 'enforce' })
  assert.equal(world.state.ladder.phase, 'shadow')
  assert.deepEqual(world.state.ladder.people.quarantine, [])
  until(world, () => world.weight() === 5)
})

test('a cohort tried in thought is no exposure once the judge commands: it waits to begin with nothing', () => {
  const world = new SegmentWorld(segmentModel({ ...QUICK, rollout: { start: 'request' } }, ['region=eu']), {}, 1)
  world.slices(2)
  say(world, 'mode', { subject: 'observe' })
  say(world, 'start')
  world.slices(2)
  say(world, 'mode', { subject: 'enforce' })
  assert.equal(world.state.ladder.phase, 'new')
  assert.deepEqual(world.last().segmentsAfter, [])
})

test('from a cohort to everybody at the same percent, in thought alone: to enforce stands in the cohort', () => {
  const world = new SegmentWorld(segmentModel({ ...QUICK, ladder: [10, 10, 100] }, ['region=eu']), {}, 1)
  world.slices(3)
  say(world, 'mode', { subject: 'observe' })
  until(world, () => world.state.ladder.rung === 1)
  say(world, 'mode', { subject: 'enforce' })
  assert.equal(world.state.ladder.cohort?.segment, 'region=eu')
  assert.equal(world.commands.length, 1)
})

test('a segment let in again in thought alone is still kept out when the judge commands', () => {
  const world = new SegmentWorld(segmentModel({ minimumRows: 50, riskFactor: 50 }), {}, 3)
  until(world, () => world.state.ladder.rung === 2)
  world.traffic = { ...world.traffic, harm: { eu: 0.3 } }
  until(world, () => world.state.ladder.isolated.length === 1)
  say(world, 'mode', { subject: 'observe' })
  say(world, 'release', { subject: 'region=eu' })
  assert.deepEqual(world.state.ladder.isolated, [])
  say(world, 'mode', { subject: 'enforce' })
  assert.deepEqual(world.state.ladder.isolated, ['region=eu'])
})

test('a command adopted while a person has said observe is waited for when the judge commands again', () => {
  const world = climbedTo(5, { rollout: { shadow: SHADOW } })
  ask(world, 'mode', { subject: 'observe' })
  const glass: Command = { ...world.state.ladder.command!, id: 'glass', epoch: 9, weights: { v1: 100, v2: 0 }, kind: 'override' }
  world.gateway.command = glass
  world.send({ kind: 'taken-over', epoch: 10, adopted: glass })
  ask(world, 'mode', { subject: 'enforce' })
  ask(world, 'resume')
  assert.equal(world.state.ladder.phase, 'shadow')
  until(world, () => world.weight() === 5)
})

test('to enforce over a state of before segments were known', () => {
  const before = climbedTo(5)
  const { segments: _unknownThen, ...command } = before.state.ladder.command!
  const old = { ...before.state, ladder: { ...before.state.ladder, command: command as Command } }
  before.state = decodeJudge(encodeJudge(old), decodeEvidence(encodeEvidence(old.evidence), before.model), old.chains)
  ask(before, 'mode', { subject: 'observe' })
  assert.equal(outcome(ask(before, 'mode', { subject: 'enforce' })), 'done')
})

/** Tried in eu at 5 % and at 25 %, the first of them left with an approval. */
function cohorts(plan: PlanChanges = {}): SegmentWorld {
  const model = segmentModel({ ...QUICK, ...plan }, ['region=eu', 'region=eu'])
  const rungs = model.plan.rollout.rungs.map((rung, index) => ({ ...rung, approval: index === 0 }))
  return new SegmentWorld({ ...model, plan: { ...model.plan, rollout: { ...model.plan.rollout, rungs } } }, {}, 1)
}

test('the approval that a step inside a cohort was taken on stands in its decision', () => {
  const world = cohorts()
  world.slices(6)
  say(world, 'approve', { who: 'bob' })
  until(world, () => world.state.ladder.rung === 1)
  const promotion = world.decisions.find(({ verdict }) => verdict.kind === 'promote')!
  assert.deepEqual(
    promotion.approvals.map(({ who }) => who),
    ['bob'],
  )
})

test('a rollback of what a cohort was served calls people as any other does', () => {
  const world = cohorts({ guardrails: rolloutGuardrails() })
  world.slices(3)
  world.traffic = { ...world.traffic, harm: { eu: 0.9 } }
  until(world, () => world.state.ladder.phase === 'rolled-back')
  assert.deepEqual(
    world.alerts.filter(({ cause }) => cause.startsWith('rollback')).map(({ severity }) => severity),
    ['critical'],
  )
})

function rolloutGuardrails() {
  return segmentModel().plan.guardrails
}

test('out of the shadow it is the first rung whose cohort the gateways must be able to serve', () => {
  const plan = { ...QUICK, rollout: { shadow: SHADOW, rungs: rungsIn('region=eu') } }
  const world = new World(modelLayout(plan), { mirrored: 60 })
  world.slices(20)
  assert.equal(world.state.ladder.phase, 'shadow')
  assert.equal(by(world, 'cohort').length, 1)
})

test('a cohort of the second rung keeps nobody in the shadow', () => {
  const world = new World(modelLayout({ ...QUICK, rollout: { shadow: SHADOW, rungs: rungsIn('', 'region=eu') } }), { mirrored: 60 })
  until(world, () => world.weight() === 5)
})

function rungsIn(...cohort: readonly string[]) {
  return rolloutOf(QUICK).rungs.map((rung, index) => ({ ...rung, cohort: cohort[index] ?? '' }))
}

test('however many artifacts are quarantined, the candidate is not forgotten, and what a person asked for goes last', () => {
  const world = new World(stagedModel({}, { artifacts: { v2: 'sha256:a' } }))
  world.slices(2)
  ask(world, 'quarantine')
  for (let other = 0; other < 70; other++) ask(world, 'quarantine', { subject: `sha256:${other}` })
  assert.equal(outcome(ask(world, 'resume')), 'quarantined')
  assert.equal(world.state.ladder.people.quarantine.length, 64)
})

test('what is quarantined in the shadow has nothing to lose: no command is written', () => {
  const world = new World(modelLayout({ ...QUICK, rollout: { shadow: SHADOW } }), { mirrored: 60 })
  world.slices(2)
  ask(world, 'quarantine')
  assert.equal(world.state.ladder.phase, 'rolled-back')
  assert.deepEqual(world.commands, [])
})

test('a segment is not let in again while the artifact is quarantined', () => {
  const model = segmentModel({ minimumRows: 50, riskFactor: 50 })
  const world = new SegmentWorld(model, {}, 3)
  until(world, () => world.state.ladder.rung === 2)
  world.traffic = { ...world.traffic, harm: { eu: 0.3 } }
  until(world, () => world.state.ladder.isolated.length === 1)
  say(world, 'quarantine', { subject: 'sha256:bad' })
  Object.assign(world, {
    model: { ...model, plan: { ...model.plan, rollout: { ...model.plan.rollout, artifacts: { v2: 'sha256:bad' } } } },
  })
  say(world, 'release', { subject: 'region=eu' })
  const { verdict } = world.decisions.findLast(({ requestId }) => requestId?.startsWith('release') === true)!
  assert.deepEqual([verdict.kind, verdict.rule], ['refused', 'quarantined'])
})

for (const verb of ['resume', 'release'] as const) {
  test(`${verb} of what was rolled back meets the pre-flight checks that a start meets`, () => {
    const world = new World(stagedModel({}, { preflight: ['gateways'] }))
    world.slices(3)
    ask(world, 'rollback')
    world.traffic = { ...world.traffic, gatewayObeys: false }
    world.slices(12)
    assert.equal(outcome(ask(world, verb)), 'preflight')
    assert.equal(world.weight(), 0)
  })
}
