/** Acks are kept for days: a gateway that spoke long before the judge began is gone, and nobody waits for its ack. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ackRecord } from '../../src/wire/acks.ts'
import { MODEL, Stage } from './stage.ts'

const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
timing: { slice: 5s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
`

test('an old presence record does not count towards the quorum', async () => {
  const world = new Stage({ seed: 3, partitions: 2, policy: POLICY })
  const ghost = {
    model: MODEL,
    gateway: 'ghost',
    kind: 'presence' as const,
    commandId: '',
    epoch: 0,
    sequence: 0,
    leaseExpired: false,
    routed: {},
  }
  const record = ackRecord({ ...ghost, atMs: world.clock.nowMs(), countersSinceMs: world.clock.nowMs(), features: [] })
  world.broker.append(world.topics.acks, 0, [record], null)
  await world.clock.advance(12 * 60_000, 10_000)
  const life = await world.start()
  await world.run(90)
  await life.stop()
  const names = life.events.map(({ event }) => event)
  assert.ok(names.includes('command-acked'), 'the command is acked by the gateway that is there')
  assert.ok(!names.includes('not-effective'), 'and no ghost is waited for')
})
