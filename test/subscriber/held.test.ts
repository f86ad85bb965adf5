import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inForce, leaseExpired, NOTHING_HELD, receive } from '../../src/subscriber/held.ts'
import { commandOf } from './commands.ts'

const AT_TEN = receive(NOTHING_HELD, commandOf(10, { epoch: 3, sequence: 5 }), 0, 0).held

test('before the first command everything goes to the control of the options', () => {
  assert.deepEqual(inForce(NOTHING_HELD, 'v1', undefined, 0).weights, { v1: 100 })
  assert.equal(leaseExpired(NOTHING_HELD, 1e12), false)
})

test('a command replaces what is held only when its (epoch, sequence) is higher', () => {
  for (const [epoch, sequence, outcome] of [
    [3, 6, 'applied'],
    [4, 1, 'applied'],
    [3, 5, 'refreshed'],
    [3, 4, 'stale'],
    [2, 99, 'stale'],
  ] as const) {
    const after = receive(AT_TEN, commandOf(50, { epoch, sequence }), 100, 0)
    assert.equal(after.outcome, outcome)
    assert.equal(after.held.command?.weights['v2'], outcome === 'applied' ? 50 : 10)
  }
})

test('when the lease runs out the gateway keeps its weights and says so', () => {
  assert.equal(leaseExpired(AT_TEN, 59_999), false)
  assert.equal(leaseExpired(AT_TEN, 60_000), true)
  assert.deepEqual(inForce(AT_TEN, 'v1', undefined, 60_000).weights, { v1: 90, v2: 10 })
})

test('when silence means baseline, an expired lease sends everything to control', () => {
  const held = receive(NOTHING_HELD, commandOf(10, { onSilence: 'baseline' }), 0, 0).held
  assert.deepEqual(inForce(held, 'v1', undefined, 59_999).weights, { v1: 90, v2: 10 })
  assert.deepEqual(inForce(held, 'v1', undefined, 60_000).weights, { v1: 100 })
  assert.deepEqual(inForce(held, 'v1', 'keep', 60_000).weights, { v1: 90, v2: 10 })
  assert.deepEqual(inForce(AT_TEN, 'v1', 'baseline', 60_000).weights, { v1: 100 })
})

test('a heartbeat of the same command renews the lease', () => {
  const renewed = receive(AT_TEN, commandOf(10, { epoch: 3, sequence: 5 }), 50_000, 0).held
  assert.equal(leaseExpired(renewed, 100_000), false)
  assert.equal(leaseExpired(renewed, 110_000), true)
})

test('an old heartbeat found in the log does not shorten the lease', () => {
  const after = receive(AT_TEN, commandOf(10, { epoch: 3, sequence: 5 }), 1_000, 59_999).held
  assert.equal(leaseExpired(after, 59_999), false)
})

test('a rollback never expires', () => {
  const held = receive(AT_TEN, commandOf(0, { epoch: 3, sequence: 6 }), 0, 0).held
  assert.equal(leaseExpired(held, 1e12), false)
  assert.deepEqual(inForce(held, 'v1', undefined, 1e12).weights, { v1: 100, v2: 0 })
})

test('a command whose lease ran out before it was read lowers the candidate but never raises it', () => {
  const raise = receive(AT_TEN, commandOf(50, { epoch: 3, sequence: 6 }), 100_000, 60_000)
  assert.equal(raise.outcome, 'too-late')
  assert.equal(raise.held.command?.weights['v2'], 10)
  assert.equal(receive(raise.held, commandOf(50, { epoch: 3, sequence: 6 }), 110_000, 0).outcome, 'applied')
  assert.equal(receive(AT_TEN, commandOf(5, { epoch: 3, sequence: 6 }), 100_000, 60_000).outcome, 'applied')
})

test('a gateway that starts anew takes the last command from the log at any age, with its lease run out', () => {
  const { held, outcome } = receive(NOTHING_HELD, commandOf(50), 5_000, 3_600_000)
  assert.equal(outcome, 'applied')
  assert.equal(leaseExpired(held, 5_000), true)
  assert.deepEqual(inForce(held, 'v1', undefined, 5_000).weights, { v1: 50, v2: 50 })
})
