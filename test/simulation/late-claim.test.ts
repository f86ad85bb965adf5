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

test('a source left to a late claim while the group was out of reach is claimed again when the group says that it is still ours', async () => {
  const world = new Stage({ seed: 12, partitions: 2, policy: POLICY })
  const group = { outOfReach: false }
  const life = await world.start((log) => ({
    name: log.name,
    admin: log.admin,
    reader: (options) => log.reader(options),
    writer: () => log.writer(),
    transactor: (id) => log.transactor(id),
    close: () => log.close(),
    join: (options) => {
      const membership = log.join(options)
      return {
        stop: () => membership.stop(),
        get sinceHeartbeatMs() {
          return group.outOfReach ? 60_000 : membership.sinceHeartbeatMs
        },
      }
    },
  }))
  await world.run(30)
  const source = 'predictions/0'
  const place = { topic: world.topics.checkpoints, partition: checkpointPartition(source, 2), source }
  group.outOfReach = true
  const late = await world.whileTimePasses(claim(world.log, world.log.reader(), await world.log.writer(), place, world.clock, () => true))
  await world.run(10)
  const started = () => life.events.flatMap((event) => (event.event === 'source-started' && event.source === source ? [event.epoch] : []))
  const stopped = life.events.filter((event) => event.event === 'source-stopped' && event.source === source)
  assert.deepEqual([started().length, stopped.length], [1, 1], 'left to whoever claimed it')
  group.outOfReach = false
  await world.run(20)
  assert.equal(started().length, 2)
  assert.ok(started()[1]! > late!.epoch)
  await life.stop()
})
