/** A command that nothing proves is found at a take-over: what the judge does in every state and mode it may be in. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isThrottle } from '../../src/judge/segments.ts'
import { renewedFor } from '../../src/judge/state.ts'
import { decodeCommand, encodeCommand } from '../../src/wire/control.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { modelLayout, type PlanChanges, requestOf, World } from './world.ts'

const WHY = 'it is not signed'
/** That a command can bear. */
const HIGHEST = Number.MAX_SAFE_INTEGER - 1

function climbed(plan: PlanChanges = {}): World {
  const world = new World(modelLayout(plan))
  world.slices(6)
  return world
}

const rules = (world: World): string[] => world.decisions.map(({ verdict }) => `${verdict.kind} ${verdict.rule}`)
const isFirm = (world: World): boolean => world.alerts.some(({ cause, status }) => cause === 'forged-command' && status === 'firing')

test('the last decided command is said again above it, with the same kind and weights, by a decision of its own', () => {
  const world = climbed()
  const last = world.commands.at(-1)!
  const repeated = world.republished.length
  world.send({ kind: 'taken-over', epoch: 9, adopted: last, refused: { epoch: 800, sequence: 70, why: WHY } })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.kind, again.weights, again.sequence, again.epoch], [last.kind, last.weights, last.sequence + 1, 801])
  assert.equal(rules(world).at(-1), 'refused forged-command')
  assert.ok(isFirm(world))
  assert.equal(world.republished.length, repeated, 'what was in force is not repeated under its old numbers')
})

test('with its state lost the judge sends everything to the control: a forged command is no state', () => {
  const world = new World(modelLayout())
  world.send({ kind: 'taken-over', epoch: 9, adopted: null, refused: { epoch: 800, sequence: 70, why: WHY } })
  const [command] = world.commands
  assert.deepEqual([command!.kind, command!.weights, command!.epoch, command!.sequence], ['override', { v1: 100, v2: 0 }, 801, 1])
  assert.ok(command!.issuedAtMs > 0)
  world.slices(30)
  assert.ok(rules(world).includes('start start'), 'and the rollout begins as ever')
})

test('where nothing is commanded it is told once, with the alert, and nothing is written to control', () => {
  const world = climbed({ mode: 'observe' })
  const refused = { epoch: 800, sequence: 70, why: WHY }
  for (const epoch of [9, 10]) world.send({ kind: 'taken-over', epoch, adopted: null, refused })
  assert.equal(world.commands.length, 0)
  assert.equal(rules(world).filter((rule) => rule === 'refused forged-command').length, 1)
  assert.ok(isFirm(world))
  world.send({ kind: 'taken-over', epoch: 11, adopted: null, refused: { ...refused, sequence: 71 } })
  assert.equal(rules(world).filter((rule) => rule === 'refused forged-command').length, 2, 'another one is news')
})

test('a number too high to be surpassed does not spoil the numbers of the judge, and the decision says so', () => {
  const world = climbed()
  const last = world.commands.at(-1)!
  world.send({ kind: 'taken-over', epoch: 9, adopted: last, refused: { epoch: Number.MAX_SAFE_INTEGER, sequence: 1, why: WHY } })
  assert.equal(world.commands.at(-1)!.epoch, 9)
  assert.match(world.decisions.at(-1)!.summary, /below it, for no number is above it/)
})

test('nor is it spoilt by a gateway that obeyed it and says so: nothing is learnt of it, nothing acked, and the judge goes on', () => {
  const world = climbed({ dwellMs: 10_000_000 })
  const last = world.commands.at(-1)!
  for (const held of [
    { epoch: HIGHEST, sequence: 3 },
    { epoch: HIGHEST, sequence: HIGHEST },
  ]) {
    world.send({ kind: 'taken-over', epoch: 9, adopted: world.commands.at(-1)!, refused: { ...held, why: WHY } })
    const { length } = world.commands
    world.gateway.command = { ...last, ...held }
    world.send({ kind: 'ack', ack: world.ack('stale') })
    world.slices(2)
    assert.equal(world.commands.length, length)
    assert.ok(!world.alerts.some(({ cause, status }) => cause === 'forged-command' && status === 'resolved'), 'its gateway holds the other')
  }
  world.send({ kind: 'taken-over', epoch: 10, adopted: world.commands.at(-1)! })
  world.send({ kind: 'request', request: requestOf('rollback') })
  assert.deepEqual(decodeCommand(encodeCommand(world.commands.at(-1)!)), world.commands.at(-1))
})

test('a gateway that holds a sequence too high to be followed is commanded under another epoch', () => {
  const world = climbed({ dwellMs: 10_000_000 })
  const last = world.commands.at(-1)!
  world.gateway.command = { ...last, epoch: last.epoch + 50, sequence: HIGHEST }
  world.send({ kind: 'ack', ack: world.ack('stale') })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.epoch, again.sequence, again.weights], [last.epoch + 51, last.sequence + 1, last.weights])
  assert.deepEqual(decodeCommand(encodeCommand(again)), again)
})

test('the incident lasts until the gateways have what was issued over it', () => {
  const world = climbed()
  world.traffic = { ...world.traffic, gatewayObeys: false }
  world.send({ kind: 'taken-over', epoch: 9, adopted: world.commands.at(-1)!, refused: { epoch: 800, sequence: 70, why: WHY } })
  world.send({ kind: 'request', request: requestOf('freeze') })
  const isOver = () => world.alerts.some(({ cause, status }) => cause === 'forged-command' && status === 'resolved')
  assert.ok(!isOver(), 'another decision says nothing of it')
  world.traffic = { ...world.traffic, gatewayObeys: true }
  world.gateway.command = world.commands.at(-1)!
  world.slices(3)
  assert.ok(isOver())
})

test('an isolation said again above it stays one: nothing is forgotten as after a throttle, and none has to wait for it', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  const last = world.commands.at(-1)!
  assert.deepEqual([last.rule, world.state.ladder.isolated], ['isolate', ['region=eu']])
  world.send({ kind: 'taken-over', epoch: 9, adopted: last, refused: { epoch: 800, sequence: 70, why: WHY } })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.kind, again.rule, again.segments, again.epoch], ['throttle', 'isolate', last.segments, 801])
  assert.ok(!isThrottle(world.state.ladder.command))
})

test('what is said again above it never bears the rule of what a person said', () => {
  const world = climbed()
  world.send({ kind: 'request', request: requestOf('rollback') })
  const last = world.commands.at(-1)!
  assert.deepEqual([last.kind, last.rule], ['override', 'operator'])
  world.send({ kind: 'taken-over', epoch: 9, adopted: last, refused: { epoch: 800, sequence: 70, why: WHY } })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.kind, again.rule, again.weights], ['override', 'forged-command', { v1: 100, v2: 0 }])
})

test('one found in mode observe is surpassed after all when a gateway that holds it is commanded again', () => {
  const world = climbed({ dwellMs: 10_000_000 })
  const last = world.commands.at(-1)!
  world.send({ kind: 'request', request: requestOf('mode', { id: 'off', subject: 'observe' }) })
  world.send({ kind: 'taken-over', epoch: 9, adopted: last, refused: { epoch: 800, sequence: 70, why: WHY } })
  world.send({ kind: 'request', request: requestOf('mode', { id: 'on', subject: 'enforce' }) })
  assert.equal(world.commands.at(-1), last)
  world.gateway.command = { ...last, epoch: 800, sequence: 70 }
  world.send({ kind: 'ack', ack: world.ack('stale') })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.epoch, again.kind, again.weights], [801, last.kind, last.weights])
})

test('the command of the rollout before is remembered as ours until this one has its own', () => {
  const world = climbed()
  const last = world.commands.at(-1)!
  const model = { ...world.model, versions: ['v1', 'v3'] }
  const { ladder } = renewedFor(world.state, model)
  assert.deepEqual([ladder.command, ladder.commandBefore], [null, last])
  const { ladder: third } = renewedFor(renewedFor(world.state, model), { ...model, versions: ['v1', 'v4'] })
  assert.deepEqual(third.commandBefore, last)
})
