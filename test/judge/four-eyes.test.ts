/** With four eyes a stage that asks for an approval is left by two people's word: whoever began the rollout, and however it began. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorRequest } from '../../src/domain.ts'
import { ask, outcome, stagedModel } from './asked.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { requestOf, rolloutOf, World } from './world.ts'

const FIRST = { '5 %': { approval: true } }

/** Only a person leaves the first stage so early. */
function early(rollout = {}): World {
  const world = new World(stagedModel(FIRST, { fourEyes: true, ...rollout }, { dwellMs: 3_600_000 }))
  world.slices(8)
  if (world.state.ladder.phase === 'new') {
    ask(world, 'start', { who: 'bob' })
    world.slices(8)
  }
  assert.equal(world.weight(), 5)
  return world
}

test('nobody approves and promotes alone, whether the rollout began by itself or another asked for it', () => {
  for (const start of ['automatic', 'request'] as const) {
    const world = early({ start })
    assert.equal(outcome(ask(world, 'approve', { who: 'ada' })), 'done')
    const alone = ask(world, 'promote', { who: 'ada' })
    assert.equal(outcome(alone), 'four-eyes')
    assert.match(alone.summary, /^Refused to promote v2: ada alone has approved stage 5 %, and the plan wants another/)
    assert.deepEqual([outcome(ask(world, 'promote', { who: 'cleo' })), world.weight()], ['done', 25])
  }
})

test('whoever approved may promote once another has approved too, and where the plan wants no four eyes', () => {
  const world = early()
  ask(world, 'approve', { who: 'ada' })
  ask(world, 'approve', { who: 'cleo' })
  assert.equal(outcome(ask(world, 'promote', { who: 'ada' })), 'done')
  const free = early({ fourEyes: false })
  ask(free, 'approve', { who: 'ada' })
  assert.equal(outcome(ask(free, 'promote', { who: 'ada' })), 'done')
})

test('another spelling, or another way to be known, is the same person', () => {
  const spellings: readonly Pick<OperatorRequest, 'who' | 'knownBy'>[] = [
    { who: 'ada', knownBy: 'osUser' },
    { who: 'User:ada', knownBy: 'principal' },
    { who: ' ADA', knownBy: 'unstated' },
  ]
  for (const one of spellings)
    for (const other of spellings) {
      const world = early()
      ask(world, 'approve', one)
      assert.equal(outcome(ask(world, 'promote', other)), 'four-eyes', `${one.who} and ${other.who}`)
    }
})

test('a rollout that began by itself was asked for by the owner whom its plan names: another approves it', () => {
  const world = early({ owner: 'ada' })
  const own = ask(world, 'approve', { who: 'User:ada' })
  assert.deepEqual([outcome(own), /ada owns this rollout, which began by itself/.test(own.summary)], ['four-eyes', true])
  assert.equal(outcome(ask(world, 'approve', { who: 'bob' })), 'done')
  const asked = early({ owner: 'ada', start: 'request' })
  assert.equal(outcome(ask(asked, 'approve', { who: 'ada' })), 'done', 'bob asked for it')
})

test('whoever lets a segment in again raises the stage: approvals of less fall, and he does not approve it', () => {
  const rungs = rolloutOf({}).rungs.map((rung) => ({ ...rung, approval: true }))
  const model = segmentModel({ dwellMs: 10_000_000, rollout: { rungs, fourEyes: true } })
  const world = new SegmentWorld(model, { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  world.traffic = { ...world.traffic, harm: {} }
  const say = (verb: OperatorRequest['verb'], who: string, subject: string | null = null) => {
    const id = `${verb}-${who}-${world.decisions.length}`
    world.send({ kind: 'request', request: requestOf(verb, { id, who, subject }) })
    return outcome(world.decisions.find(({ requestId }) => requestId === id)!)
  }
  assert.equal(say('approve', 'ada'), 'done')
  assert.equal(say('release', 'ada', 'region=eu'), 'done')
  assert.deepEqual(world.state.ladder.people.approvals, [])
  world.slices(3)
  assert.equal(say('approve', 'User:ada'), 'four-eyes')
  assert.equal(say('approve', 'bob'), 'done')
})
