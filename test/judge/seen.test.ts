/** A request that comes again is done once, however many came between, until it would be refused as expired, or for a day. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import { ask } from './asked.ts'
import { modelLayout, requestOf, World } from './world.ts'

const DAY_MS = 86_400_000

function again(world: World, id: string): number {
  const { length } = world.decisions
  world.send({ kind: 'request', request: requestOf('hold', { id }) })
  return world.decisions.slice(length).filter(({ requestId }) => requestId === id).length
}

function begun(): World {
  const world = new World(modelLayout())
  world.slices(2)
  return world
}

test('an id that is repeated after three hundred others acts once', () => {
  const world = begun()
  ask(world, 'hold', { id: 'mine' })
  for (let count = 0; count < 300; count++) ask(world, 'unfreeze', { id: `other-${count}` })
  assert.equal(again(world, 'mine'), 0)
})

test('an id is kept until its request expires, and for a day at least; then room is made for others', () => {
  const world = begun()
  ask(world, 'hold', { id: 'plain' })
  ask(world, 'hold', { id: 'long', expiresAtMs: world.wallMs + 3 * DAY_MS })
  ask(world, 'hold', { id: 'short', expiresAtMs: world.wallMs + 1_000 })
  world.wallMs += DAY_MS
  for (const id of ['plain', 'long', 'short']) assert.equal(again(world, id), 0, id)
  world.wallMs += 1
  ask(world, 'hold', { id: 'new' })
  assert.deepEqual(
    world.state.ladder.requestsSeen.map(({ id }) => id),
    ['long', 'new'],
  )
  world.wallMs += 2 * DAY_MS - 1
  assert.equal(again(world, 'long'), 0, 'to its last millisecond')
})

test('the list stays bounded, whoever asks, with whatever ids', () => {
  const world = begun()
  for (let count = 0; count < 1_100; count++) world.send({ kind: 'request', request: requestOf('unfreeze', { id: `${count}` }) })
  const long = 'x'.repeat(100_000)
  ask(world, 'hold', { id: long })
  assert.equal(again(world, long), 0)
  assert.equal(again(world, '500'), 0)
  const { requestsSeen } = world.state.ladder
  assert.ok(requestsSeen.length <= 1_024 && JSON.stringify(requestsSeen).length < 200_000)
})

test('a state of before, which kept ids alone, knows them for a day more', () => {
  const world = begun()
  const { evidence, chains } = world.state
  const stored = JSON.parse(encodeJudge(world.state)) as { ladder: object }
  const before = JSON.stringify({ ...stored, ladder: { ...stored.ladder, requestsSeen: ['mine', 'other'] } })
  world.state = decodeJudge(before, evidence, chains)
  assert.equal(again(world, 'mine'), 0)
  ask(world, 'hold', { id: 'first' })
  world.wallMs += DAY_MS
  world.state = decodeJudge(encodeJudge(world.state), evidence, chains)
  assert.equal(again(world, 'mine'), 0)
  world.wallMs += 1
  ask(world, 'hold', { id: 'second' })
  assert.deepEqual(
    world.state.ladder.requestsSeen.map(({ id }) => id),
    ['second'],
  )
})
