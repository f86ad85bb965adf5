/** A stage that asks for an approval is left upward only with one: given for it, by another, and standing when all else holds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import { ask, by, outcome, QUICK, stagedModel } from './asked.ts'
import { guardrail, World } from './world.ts'

const FIRST = { '5 %': { approval: true } }
const FOUR_EYES = { fourEyes: true }

function waiting(rollout = FOUR_EYES): World {
  const world = new World(stagedModel(FIRST, rollout))
  world.slices(20)
  assert.equal(world.weight(), 5)
  return world
}

test('when all else holds the rollout waits for an approval, says how to give it, and tells people', () => {
  const world = waiting()
  const hold = by(world, 'approval')
  assert.deepEqual(
    hold.map(({ verdict }) => verdict),
    [{ kind: 'hold', because: 'approval', rule: 'approval', missing: ['approval of stage 5 % is asked: flyball approve flights'] }],
  )
  const before = world.decisions.slice(0, world.decisions.indexOf(hold[0]!))
  assert.ok(
    before.some(({ verdict }) => verdict.rule === 'insufficient'),
    'every other gate comes first',
  )
  assert.equal(world.alerts.filter(({ cause, status }) => cause === 'approval' && status === 'firing').length, 1)
})

test('one approval lets the rollout leave its stage; the promotion carries it, and the next stage begins without', () => {
  const world = waiting()
  const answer = ask(world, 'approve', { who: 'bob', subject: '5 %' })
  assert.match(answer.summary, /^Approved stage 5 % of v2 by bob: a drill$/)
  world.slices(2)
  const promoted = world.said('promote')[0]!
  assert.deepEqual(promoted.approvals, [{ who: 'bob', stage: '5 %', requestId: answer.requestId, atMs: answer.approvals[0]!.atMs }])
  assert.equal(promoted.weightsAfter['v2'], 25)
  assert.deepEqual(world.state.ladder.people.approvals, [])
  assert.ok(world.alerts.some(({ cause, status }) => cause === 'approval' && status === 'resolved'))
  world.slices(40)
  assert.equal(world.weight(), 100, 'stages that ask for none need none')
})

test('whoever asked for the rollout may not approve it: by whatever spelling of his name; anybody else may', () => {
  for (const [who, expected] of [
    ['ada', 'four-eyes'],
    ['User:Ada', 'four-eyes'],
    ['bob', 'done'],
  ] as const) {
    const world = waiting()
    ask(world, 'rollback', { who: 'bob' })
    ask(world, 'resume', { who: 'ada' })
    world.slices(20)
    const answer = ask(world, 'approve', { who })
    assert.equal(outcome(answer), expected, answer.summary)
    world.slices(4)
    assert.equal(world.weight() > 5, expected === 'done')
  }
})

test('a released candidate was asked for by whoever released it; two eyes are enough where the plan says so', () => {
  for (const [fourEyes, expected] of [
    [true, 'four-eyes'],
    [false, 'done'],
  ] as const) {
    const world = waiting({ fourEyes })
    ask(world, 'rollback', { who: 'bob' })
    ask(world, 'release', { who: 'ada' })
    world.slices(20)
    assert.equal(outcome(ask(world, 'approve', { who: 'ada' })), expected)
  }
})

test('a rollout that began by itself was asked for by nobody: anybody approves; ending a hold makes nobody the asker', () => {
  const world = waiting()
  ask(world, 'hold', { who: 'ada' })
  ask(world, 'resume', { who: 'ada' })
  assert.equal(outcome(ask(world, 'approve', { who: 'ada' })), 'done')
})

test('an approval of another stage than the present one is refused, and of one that asks for none', () => {
  const world = waiting()
  const other = ask(world, 'approve', { subject: '25 %' })
  assert.equal(outcome(other), 'another-stage')
  assert.match(other.summary, /stage 25 % is not there to be left: it stands on stage 5 %/)
  ask(world, 'approve', { who: 'bob' })
  world.slices(2)
  assert.equal(outcome(ask(world, 'approve', { who: 'bob', subject: '5 %' })), 'another-stage')
  assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'not-asked')
  ask(world, 'rollback')
  assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'another-stage')
})

test('a freeze or a hold refuses no approval, for it raises nothing; nothing rises until they end', () => {
  for (const [verb, end] of [
    ['freeze', 'unfreeze'],
    ['hold', 'resume'],
  ] as const) {
    const world = waiting()
    ask(world, verb)
    assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'done')
    world.slices(5)
    assert.equal(world.weight(), 5)
    ask(world, end)
    world.slices(2)
    assert.ok(world.weight() > 5)
  }
})

test('several people may approve, and one who does it twice has done it once', () => {
  const world = new World(stagedModel(FIRST, FOUR_EYES))
  world.slices(4)
  for (const who of ['bob', 'cleo', 'bob']) ask(world, 'approve', { who })
  assert.deepEqual(
    world.decisions.at(-1)!.approvals.map(({ who }) => who),
    ['bob', 'cleo'],
  )
})

test('approval accepted after its gate re-closed: one given before lapses, one given then is refused, and neither promotes', () => {
  const world = new World(stagedModel(FIRST, FOUR_EYES, { silentAfterMs: 10_000 }))
  world.slices(4)
  ask(world, 'approve', { who: 'bob' })
  world.traffic = { ...world.traffic, stuck: [1] }
  world.slices(6)
  const lapsed = by(world, 'approval-lapsed')
  assert.equal(lapsed.length, 1)
  assert.match(lapsed[0]!.summary, /^The approval of stage 5 % by bob lapses: behind the other partitions: predictions\/1$/)
  assert.deepEqual([lapsed[0]!.verdict.kind, lapsed[0]!.approvals], ['recorded', []])
  assert.equal(outcome(ask(world, 'approve', { who: 'cleo' })), 'gate-closed')
  world.traffic = { ...world.traffic, stuck: [] }
  world.slices(20)
  assert.equal(world.weight(), 5, 'the gate is open again, and nobody has agreed since')
  ask(world, 'approve', { who: 'cleo' })
  world.slices(2)
  assert.equal(world.weight(), 25)
})

test('a signal that speaks takes the approval with it', () => {
  const world = new World(
    stagedModel(FIRST, FOUR_EYES, { dwellMs: 3_600_000, guardrails: [guardrail({ class: 'signal', action: 'hold', promotes: false })] }),
  )
  world.slices(4)
  ask(world, 'approve', { who: 'bob' })
  world.traffic = { ...world.traffic, candidateErrors: 0.4 }
  world.slices(40)
  assert.match(by(world, 'approval-lapsed')[0]!.summary, /bob lapses: errors speaks against the candidate$/)
  assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'gate-closed')
})

test('a person who promotes needs the approval too, and it is recorded', () => {
  const world = new World(stagedModel(FIRST, FOUR_EYES, { dwellMs: 3_600_000 }))
  world.slices(8)
  const early = ask(world, 'promote')
  assert.equal(outcome(early), 'approval')
  assert.match(early.summary, /approval of stage 5 % is asked/)
  ask(world, 'approve', { who: 'bob' })
  const done = ask(world, 'promote')
  assert.deepEqual([done.weightsAfter['v2'], done.approvals.map(({ who }) => who)], [25, ['bob']])
})

test('an approval ends with its stage, whoever ends it', () => {
  const world = new World(stagedModel({ '25 %': { approval: true } }, FOUR_EYES, { dwellMs: 3_600_000 }))
  world.slices(8)
  ask(world, 'promote')
  world.slices(3)
  ask(world, 'approve', { who: 'bob' })
  ask(world, 'throttle')
  assert.deepEqual(world.decisions.at(-1)!.approvals, [])
  world.slices(8)
  ask(world, 'promote')
  world.slices(3)
  assert.equal(outcome(ask(world, 'promote')), 'approval')
})

test('a throttle is not lifted out of a stage that asks for an approval without one', () => {
  const world = new World(
    stagedModel({ '5 %': { approval: true } }, FOUR_EYES, { guardrails: [guardrail({ action: 'throttle', promotes: false })] }),
  )
  world.slices(8)
  ask(world, 'approve', { who: 'bob' })
  while (world.weight() < 25) world.slice()
  world.traffic = { ...world.traffic, candidateErrors: 0.4 }
  while (world.weight() === 25) world.slice()
  world.traffic = { ...world.traffic, candidateErrors: 0.02 }
  world.slices(40)
  assert.deepEqual([world.weight(), world.said('lift').length], [5, 0])
  ask(world, 'approve', { who: 'bob' })
  world.slices(2)
  assert.deepEqual(
    world.said('lift').map(({ approvals }) => approvals.length),
    [1],
  )
})

test('an approval outlives a restart of the judge, and not a change of the policy, which is written down', () => {
  const world = new World(stagedModel(FIRST, FOUR_EYES, { dwellMs: 3_600_000 }))
  world.slices(8)
  ask(world, 'approve', { who: 'bob' })
  const evidence = decodeEvidence(encodeEvidence(world.state.evidence), world.model)
  world.state = decodeJudge(encodeJudge(world.state), evidence, world.state.chains)
  world.send({ kind: 'taken-over', epoch: 9, adopted: null })
  assert.equal(world.state.ladder.people.approvals.length, 1)
  const { people } = world.state.ladder
  world.state = { ...world.state, ladder: { ...world.state.ladder, people: { ...people, policyDigest: 'another' } } }
  world.send({ kind: 'taken-over', epoch: 10, adopted: null })
  const told = by(world, 'policy-loaded')
  assert.equal(told.length, 1)
  assert.match(told[0]!.summary, /^Policy abcdef0123456789 in place of another; the approval of stage 5 % lapses$/)
  assert.deepEqual(JSON.parse(told[0]!.body), { policyDigest: 'abcdef0123456789', previous: 'another' })
  assert.deepEqual(world.state.ladder.people.approvals, [])
  world.send({ kind: 'taken-over', epoch: 11, adopted: null })
  assert.equal(by(world, 'policy-loaded').length, 1, 'the same policy again is no news')
})

test('a change of a key is written down as it was told, and changes nothing else', () => {
  const world = new World(stagedModel({}, {}, QUICK))
  world.slices(4)
  const answer = ask(world, 'key', { subject: 'ops-2', body: '{"added":"ops-2"}' })
  assert.deepEqual([answer.verdict.kind, answer.verdict.rule, answer.body], ['recorded', 'key', '{"added":"ops-2"}'])
  assert.match(answer.summary, /^Recorded a change of key ops-2 by ada: a drill$/)
  assert.deepEqual(answer.weightsAfter, answer.weightsBefore)
})
