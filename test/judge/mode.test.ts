/** The mode that a person sets: `observe` takes the judge's hand off the traffic, `enforce` gives back no more than was commanded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../src/domain.ts'
import { ask, outcome, QUICK, stagedModel } from './asked.ts'
import { modelLayout, World } from './world.ts'

function climbing(): World {
  const world = new World(stagedModel({}, {}, { dwellMs: 60_000 }))
  world.slices(6)
  assert.equal(world.weight(), 5)
  return world
}

function setTo(world: World, subject: string) {
  return ask(world, 'mode', { subject })
}

test('set to observe no command and no heartbeat is written, while the judge goes on in thought and says so', () => {
  const world = climbing()
  const answer = setTo(world, 'observe')
  assert.match(answer.summary, /^Set flights to observe: nothing is commanded any more, gateways keep what they hold by ada: a drill$/)
  const [commands, republished] = [world.commands.length, world.republished.length]
  world.slices(60)
  assert.deepEqual([world.commands.length, world.republished.length], [commands, republished])
  assert.ok(world.weight() > 5, 'in thought')
  assert.match(world.said('promote')[0]!.summary, /^Would promote v2/)
  assert.equal(world.said('promote')[0]!.mode, 'observe')
})

test('set back to enforce it stands where the command in force has it: what was climbed in thought was never exposed', () => {
  const world = climbing()
  setTo(world, 'observe')
  world.slices(60)
  const answer = setTo(world, 'enforce')
  assert.deepEqual([answer.weightsAfter['v2'], answer.mode], [5, 'enforce'])
  const republished = world.republished.length
  world.slices(4)
  assert.ok(world.republished.length > republished, 'heartbeats again')
  world.slices(40)
  assert.ok(world.weight() > 5)
})

test('what the judge took back in thought is taken back in fact when it is enforced again', () => {
  const world = climbing()
  setTo(world, 'observe')
  world.traffic = { ...world.traffic, candidateErrors: 0.5 }
  world.slices(40)
  assert.match(world.said('rollback')[0]!.summary, /^Would roll back v2/)
  setTo(world, 'enforce')
  assert.deepEqual([world.commands.at(-1)!.kind, world.commands.at(-1)!.weights['v2']], ['override', 0])
  assert.equal(world.state.ladder.phase, 'rolled-back')
})

test('a person who rolls back under observe is told that nothing moves; break-glass moves it, and enforcing does not undo that', () => {
  const world = climbing()
  setTo(world, 'observe')
  assert.match(
    ask(world, 'rollback').summary,
    /^Would roll back v2 \(flights is set to observe, nothing is commanded: --break-glass does it\)/,
  )

  const broken = climbing()
  setTo(broken, 'observe')
  const last = broken.commands.at(-1)!
  const glass: Command = {
    ...last,
    id: 'glass',
    kind: 'override',
    epoch: last.epoch + 5,
    sequence: last.sequence + 1,
    weights: { v1: 100, v2: 0 },
  }
  broken.send({ kind: 'taken-over', epoch: last.epoch + 6, adopted: glass })
  setTo(broken, 'enforce')
  broken.slices(10)
  assert.deepEqual([broken.weight(), broken.state.ladder.phase], [0, 'rolled-back'])
})

test('a rollout that began in thought begins in fact when it is enforced', () => {
  const world = new World(modelLayout({ ...QUICK, dwellMs: 10_000 }), { lagRecords: 100_000 })
  world.slices(2)
  setTo(world, 'observe')
  world.traffic = { ...world.traffic, lagRecords: 0, fixedShare: 0.3 }
  world.slices(20)
  assert.ok(world.weight() > 5)
  setTo(world, 'enforce')
  world.slices(1)
  assert.deepEqual([world.weight(), world.commands.map(({ kind }) => kind)], [5, ['start']])
})

test('nobody enforces what the policy says is observed; another word than the two is refused; the same again changes nothing', () => {
  const observed = new World(modelLayout({ ...QUICK, mode: 'observe' }))
  observed.slices(4)
  const refused = setTo(observed, 'enforce')
  assert.deepEqual([outcome(refused), observed.commands.length], ['policy-mode', 0])
  assert.match(refused.summary, /the policy says observe/)
  assert.match(setTo(observed, 'observe').summary, /^Nothing to change/)
  const world = climbing()
  assert.equal(outcome(setTo(world, 'off')), 'unknown-mode')
  assert.match(setTo(world, 'enforce').summary, /^Nothing to change, flights is enforced/)
})

test('a policy that says observe itself ends what a person said', () => {
  const world = climbing()
  setTo(world, 'observe')
  const next = new World(modelLayout({ ...QUICK, mode: 'observe' }))
  next.state = world.state
  next.send({ kind: 'taken-over', epoch: 50, adopted: null })
  assert.equal(next.state.ladder.people.observing, null)
})
