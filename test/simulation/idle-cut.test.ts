/**
 * A quiet partition is cut by wall clock, and only the checkpoint of whoever cut it says where. A later owner passes over a checkpoint that
 * lies behind a newer claim; so what such a cut closes must not be sent, or its pane would lie across that of the later owner.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EventLog, Source } from '../../src/kafka/contract.ts'
import { checkpointPartition, claim } from '../../src/shell/checkpoint-store.ts'
import { decodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { panesIn, recordsIn } from './fill.ts'
import { sourceAs } from './source-as.ts'
import { MODEL, Stage } from './stage.ts'

const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
timing: { slice: 30s, idleAfter: 5s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
`

/** A slice begins 10 s after the world does. */
const INTO_A_SLICE_SECONDS = 12
const QUIET_SECONDS = 8

test('an idle cut whose checkpoint lies behind a claim not yet heard of closes no pane: every request is in one that counts', async () => {
  const world = new Stage({ seed: 21, partitions: 1, policy: POLICY })
  const claims = { heard: true }
  const life = await world.start((log) => withCheckpoints(log, world.topics.checkpoints, claims))
  await world.run(INTO_A_SLICE_SECONDS)
  claims.heard = false
  await claimedByAnother(world)
  await quiet(world)
  assert.equal((await cutsTold(world)).length, 1, 'it was cut, and the checkpoint says so')
  await world.run(2)
  claims.heard = true
  await world.run(60)
  await life.stop()
  const runs = await exposureRuns(world)
  assert.deepEqual(
    runs.map(({ from }) => from),
    [0, ...runs.slice(0, -1).map(({ to }) => to)],
  )
  assert.deepEqual(
    life.events.filter(({ event }) => event === 'pane-gap' || event === 'pane-refused' || event === 'problem'),
    [],
  )
})

test('an idle cut that nobody contests closes its pane while the partition is still quiet, and the next owner cuts there again', async () => {
  const world = new Stage({ seed: 22, partitions: 1, policy: POLICY })
  const first = await world.start()
  await world.run(INTO_A_SLICE_SECONDS)
  await quiet(world)
  const [cut] = await cutsTold(world)
  assert.ok((await exposureRuns(world)).some(({ to }) => to === cut))
  await first.kill()
  const second = await world.start()
  await world.run(60)
  await second.stop()
  const runs = await exposureRuns(world)
  assert.ok(runs.some(({ from }) => from === cut))
  assert.deepEqual(
    runs.map(({ from }) => from),
    [0, ...runs.slice(0, -1).map(({ to }) => to)],
  )
})

async function quiet(world: Stage): Promise<void> {
  const { perSecond } = world.conduct
  world.conduct.perSecond = 0
  await world.run(QUIET_SECONDS)
  world.conduct.perSecond = perSecond
}

/** By a member that does no more than that. */
async function claimedByAnother(world: Stage): Promise<void> {
  const { log, topics, clock } = world
  const source = 'predictions/0'
  const place = { topic: topics.checkpoints, partition: checkpointPartition(source, 1), source }
  const writer = await log.writer()
  await world.whileTimePasses(claim(log, log.reader(), writer, place, clock, () => true))
}

/** Offsets of idle cuts in the checkpoints. */
async function cutsTold({ log, topics }: Stage): Promise<number[]> {
  const cuts = new Set<number>()
  for (const { record } of await recordsIn(log, topics.checkpoints)) {
    const found = record.value === null ? null : decodeCheckpoint(record.value)
    if (found?.kind !== 'checkpoint') continue
    const { predictions } = JSON.parse(found.body.toString()) as { predictions: { cuts: number[] } }
    for (const cut of predictions.cuts) cuts.add(cut)
  }
  return [...cuts]
}

/** Offsets of the exposure panes, whoever wrote them and how often. */
async function exposureRuns({ log, topics }: Stage): Promise<{ from: number; to: number }[]> {
  const { panes } = await panesIn(log, topics.panes)
  const runs = [...panes.values()].filter(({ chain }) => chain === 'exposure').map(({ from, to }) => ({ from, to }))
  return runs.sort((a, b) => a.from - b.from || a.to - b.to)
}

/** Whoever follows the claims hears of nothing new for a while. */
function withCheckpoints(log: EventLog, checkpoints: string, claims: { readonly heard: boolean }): EventLog {
  const muted = (source: Source): Source => sourceAs(source, { take: () => (claims.heard ? source.take() : null) })
  return {
    name: log.name,
    admin: log.admin,
    reader: (options) => {
      const reader = log.reader(options)
      return {
        open: (topic, partition, from) => {
          const source = reader.open(topic, partition, from)
          return topic === checkpoints ? muted(source) : source
        },
        wait: (maxWaitMs) => reader.wait(maxWaitMs),
        readRange: (...args) => reader.readRange(...args),
        readUntil: (...args) => reader.readUntil(...args),
        close: () => reader.close(),
      }
    },
    writer: () => log.writer(),
    transactor: (id) => log.transactor(id),
    join: (options) => log.join(options),
    close: () => log.close(),
  }
}
