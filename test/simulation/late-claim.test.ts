/**
 * A member thrown out of its group may claim a source LATE: its claim is the higher epoch, and the judge would refuse everything of the
 * rightful owner from there on. The owner sees the claim, claims above it, and resumes from its own checkpoint.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkpointPartition, claim } from '../../src/shell/checkpoint-store.ts'
import { panesIn } from './fill.ts'
import { MODEL, Stage } from './stage.ts'

const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
timing: { slice: 5s, idleAfter: 10s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
`

test('a late claim of a member that was thrown out is answered: the owner claims above it and every request counts once', async () => {
  const world = new Stage({ seed: 11, partitions: 2, policy: POLICY })
  const life = await world.start()
  await world.run(30)
  const source = 'predictions/0'
  const place = { topic: world.topics.checkpoints, partition: checkpointPartition(source, 2), source }
  const late = await world.whileTimePasses(claim(world.log, world.log.reader(), await world.log.writer(), place, world.clock, () => true))
  await world.run(60)
  await life.stop()
  const epochs = life.events.flatMap((event) => (event.event === 'source-started' && event.source === source ? [event.epoch] : []))
  assert.equal(epochs.length, 2)
  assert.ok(epochs[0]! < late!.epoch && late!.epoch < epochs[1]!, `owner ${epochs.join(', ')}, late ${late!.epoch}`)
  assert.deepEqual(
    life.events.filter(({ event }) => event === 'pane-gap' || event === 'problem'),
    [],
  )
  const { panes, refused } = await panesIn(world.log, world.topics.panes)
  assert.deepEqual(refused, [])
  const counted = [...panes.values()].flatMap((pane) => pane.cells.filter((cell) => cell.scope === '__all__' && cell.population === 'all'))
  const requests = counted.reduce((sum, cell) => sum + (cell.blocks.get('requests')?.counts[0] ?? 0), 0)
  const served = Object.values(world.served).reduce((sum, one) => sum + one, 0)
  assert.ok(requests <= served && requests > served * 0.9, `${requests} of ${served} requests are in panes`)
})
