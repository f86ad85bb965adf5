/** Quarantine goes by artifact: over rollouts, version names and restarts, until a person releases it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { ask, by, outcome, QUICK, stagedModel } from './asked.ts'
import { World } from './world.ts'

const BAD = 'sha256:bad'
const GOOD = 'sha256:good'

function modelOf(artifacts: Readonly<Record<string, string>>, versions: readonly string[] = ['v1', 'v2']): ModelLayout {
  return { ...stagedModel({}, { artifacts }), versions }
}

/** A world in which v2 was rolled back for harm. */
function harmed(artifacts: Readonly<Record<string, string>> = { v2: BAD }): World {
  const world = new World(modelOf(artifacts), { candidateErrors: 0.4 })
  world.slices(20)
  assert.equal(world.moves().at(-1), 'rollback')
  return world
}

/** The same judge, and a policy that names another candidate. */
function renamed(world: World, model: ModelLayout): World {
  const next = new World(model, { candidateErrors: 0.02, fixedShare: 0.3 })
  next.state = world.state
  next.time = world.time
  next.wallMs = world.wallMs
  next.at.push(...structuredClone(world.at))
  next.send({ kind: 'taken-over', epoch: world.state.ladder.epoch + 1, adopted: world.commands.at(-1) ?? null })
  next.slices(10)
  return next
}

test('what harm rolled back is refused exposure under another version name as well, before anything begins', () => {
  const world = renamed(harmed(), modelOf({ v3: BAD }, ['v1', 'v3']))
  assert.deepEqual([world.state.ladder.phase, world.commands.length], ['new', 0])
  const [held] = by(world, 'quarantined')
  assert.equal(held!.verdict.kind === 'hold' && held!.verdict.because, 'quarantined')
  assert.match(
    held!.summary,
    /sha256:bad is quarantined by rule harm \(errors .+\); a person releases it: flyball quarantine release flights/,
  )
  assert.equal(held!.artifact, BAD)
  assert.equal(outcome(ask(world, 'resume')), 'done', 'nothing to resume, and nothing begins')
  world.slices(4)
  assert.equal(world.state.ladder.phase, 'new')
})

test('another artifact begins, and under the same name too', () => {
  assert.equal(renamed(harmed(), modelOf({ v3: GOOD }, ['v1', 'v3'])).state.ladder.phase, 'climbing')
  const again = renamed(renamed(harmed(), modelOf({ v3: GOOD }, ['v1', 'v3'])), modelOf({ v2: GOOD }))
  assert.equal(again.state.ladder.phase, 'climbing')
})

test('where the plan names no digest the version name is quarantined', () => {
  const between = renamed(harmed({}), modelOf({}, ['v1', 'v3']))
  assert.equal(between.state.ladder.phase, 'climbing')
  const back = renamed(between, modelOf({}))
  assert.equal(back.state.ladder.phase, 'new')
  assert.match(by(back, 'quarantined')[0]!.summary, /version:v2 is quarantined/)
  assert.equal(renamed(between, modelOf({ v2: GOOD })).state.ladder.phase, 'new', 'a name that was quarantined stays so whatever it names')
})

test('a person releases it by its digest, and the rollout begins by the rules', () => {
  const world = renamed(harmed(), modelOf({ v3: BAD }, ['v1', 'v3']))
  const released = ask(world, 'release', { subject: BAD })
  assert.match(released.summary, /^Released sha256:bad from quarantine by ada: a drill$/)
  assert.deepEqual(JSON.parse(released.body), { quarantined: [], released: [BAD] })
  world.slices(4)
  assert.equal(world.state.ladder.phase, 'climbing')
  assert.equal(outcome(ask(world, 'release', { subject: 'sha256:unknown' })), 'not-quarantined')
})

test('what a rollback put on the list is told in its decision, and so is every change of the list', () => {
  const world = harmed()
  const told = JSON.parse(world.said('rollback')[0]!.body) as { quarantined: { artifact: string; who: string; asked: boolean }[] }
  assert.deepEqual(
    told.quarantined.map(({ artifact, who, asked }) => [artifact, who, asked]),
    [[BAD, 'rule harm', false]],
  )
  assert.deepEqual(JSON.parse(ask(world, 'resume').body), { quarantined: [], released: [BAD] })
})

test('an abort quarantines nothing', () => {
  const world = new World(modelOf({ v2: BAD }))
  world.slices(6)
  const aborted = ask(world, 'abort')
  assert.equal(aborted.body, '')
  assert.deepEqual(world.state.ladder.people.quarantine, [])
  assert.equal(outcome(ask(world, 'resume')), 'done')
})

test('a person quarantines what has exposure: it is rolled back at once, and resuming is not enough to bring it back', () => {
  const world = new World(modelOf({ v2: BAD }))
  world.slices(6)
  const answer = ask(world, 'quarantine', { reason: 'a bad licence' })
  assert.match(answer.summary, /^Quarantined sha256:bad, and rolled back v2 by ada: a bad licence$/)
  assert.deepEqual([world.weight(), world.commands.at(-1)!.weights['v2']], [0, 0])
  const resumed = ask(world, 'resume')
  assert.equal(outcome(resumed), 'quarantined')
  assert.match(resumed.summary, /sha256:bad is quarantined by ada \(a bad licence\)/)
  assert.equal(ask(world, 'release').weightsAfter['v2'], 5)
})

test("an artifact is quarantined before it is anybody's candidate, and taken off again, without touching the one that runs", () => {
  const world = new World(modelOf({ v2: GOOD }))
  world.slices(6)
  const before = world.weight()
  assert.match(ask(world, 'quarantine', { subject: BAD }).summary, /^Quarantined sha256:bad by ada/)
  assert.equal(world.weight(), before)
  assert.equal(renamed(world, modelOf({ v3: BAD }, ['v1', 'v3'])).state.ladder.phase, 'new')
  assert.equal(outcome(ask(world, 'release', { subject: BAD })), 'done')
  assert.equal(renamed(world, modelOf({ v3: BAD }, ['v1', 'v3'])).state.ladder.phase, 'climbing')
})

test('a policy that gives the running version a quarantined digest lets it rise no more, for a person either', () => {
  const world = new World(modelOf({ v2: GOOD }, ['v1', 'v2']))
  world.slices(4)
  ask(world, 'quarantine', { subject: BAD })
  const next = renamed(world, modelOf({ v2: BAD }))
  next.slices(20)
  assert.equal(next.weight(), 5)
  assert.equal(outcome(ask(next, 'promote')), 'quarantined')
})

test('an aborted rollout of what is quarantined is not resumed', () => {
  const world = new World(modelOf({ v2: BAD }), { lagRecords: 100_000 })
  world.slices(2)
  ask(world, 'quarantine')
  ask(world, 'abort')
  assert.equal(outcome(ask(world, 'resume')), 'quarantined')
  assert.equal(outcome(ask(world, 'release')), 'done')
  assert.equal(outcome(ask(world, 'resume', { id: 'after' })), 'done')
})

test('the list is bounded: the oldest of more than 64 is forgotten, and the decision says which', () => {
  const world = new World(modelOf({ v2: GOOD }))
  world.slices(3)
  for (let index = 0; index < 65; index++) ask(world, 'quarantine', { id: `q${index}`, subject: `sha256:${index}` })
  assert.equal(world.state.ladder.people.quarantine.length, 64)
  assert.deepEqual((JSON.parse(world.decisions.at(-1)!.body) as { released: string[] }).released, ['sha256:0'])
})

test('the list outlives a restart; a state of the version before knows what it had rolled back by its name', () => {
  const world = harmed()
  const again = decodeJudge(encodeJudge(world.state), world.state.evidence, world.state.chains)
  assert.deepEqual(again.ladder.people, world.state.ladder.people)
  const { people: _people, ...old } = world.state.ladder
  const text = JSON.stringify({ ...(JSON.parse(encodeJudge(world.state)) as object), ladder: old })
  const before = decodeJudge(text, world.state.evidence, world.state.chains)
  assert.deepEqual(
    before.ladder.people.quarantine.map(({ artifact, asked }) => [artifact, asked]),
    [['version:v2', false]],
  )
  const { aborted: _aborted, ...older } = old
  const climbing = JSON.stringify({ ...(JSON.parse(encodeJudge(world.state)) as object), ladder: { ...older, phase: 'climbing' } })
  assert.deepEqual(decodeJudge(climbing, world.state.evidence, world.state.chains).ladder.people.quarantine, [])
})

test('a rollback names the feature flag that goes back with the candidate; a throttle does not', () => {
  const model = stagedModel({}, { revertFlag: { flag: 'ranking', variant: 'v1' } }, QUICK)
  const world = new World(model, { candidateErrors: 0.4 })
  world.slices(20)
  assert.match(world.said('rollback')[0]!.summary, /; feature flag ranking is to be set to v1/)
  assert.equal(world.commands.at(-1)!.reason, world.said('rollback')[0]!.summary)
  assert.ok(world.alerts.some(({ cause, summary }) => cause === 'rollback:errors' && summary.includes('feature flag ranking')))
  assert.ok(!world.said('start')[0]!.summary.includes('ranking'))
})
