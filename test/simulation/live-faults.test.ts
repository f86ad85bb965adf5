/** Live scenarios on a log in memory, with five minutes of trouble passing in a second: stuck partitions, lost state, two owners. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { takeOver } from '../../src/shell/tenure.ts'
import { MODEL, Stage, type StageOptions } from './stage.ts'

const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
timing: { slice: 5s, idleAfter: 10s, alignPatience: 10s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { steps: [20, 50, 100], dwell: 60s, minimumRows: 200 }
    guardrails:
      - { kind: error-rate, marginPoints: 1, promote: { marginPoints: 12 } }
`

const stage = (options: Partial<StageOptions> = {}) => new Stage({ seed: 5, partitions: 3, policy: POLICY, ...options })

test('a sound candidate climbs to the top and a harmful one is rolled back, with time passing by hand', async () => {
  const sound = stage()
  const life = await sound.start()
  await sound.runUntilShare(100, 900)
  await life.stop()
  assert.equal((await sound.verdicts()).includes('rollback'), false)
  const harmful = stage()
  harmful.conduct.candidateErrors = 0.3
  const other = await harmful.start()
  await harmful.run(200)
  assert.ok((await harmful.verdicts()).includes('rollback'), (await harmful.verdicts()).join(' '))
  assert.equal(harmful.gateway.share, 0)
  await other.stop()
})

test('the partition of the candidate alone is stuck for five minutes: blind, no rollback, and the climb goes on afterwards', async () => {
  const world = stage({ partitions: 2, partitionPerVersion: true })
  const life = await world.start()
  await world.runUntilShare(20, 120)
  await world.run(30)
  life.faults.stuck.add('predictions/1')
  const before = (await world.decisions()).length
  await world.run(300)
  const during = (await world.verdicts()).slice(before)
  assert.ok(during.includes('hold:blind'), `held as blind: ${during}`)
  assert.equal(during.includes('rollback'), false, `no rollback: ${during}`)
  assert.equal(during.includes('promote'), false, `no promotion: ${during}`)
  life.faults.stuck.clear()
  await world.runUntilShare(50, 400)
  assert.equal((await world.verdicts()).includes('rollback'), false)
  await life.stop()
})

test('one of three partitions is stuck: promotion waits for it, and harm on the others is acted on all the same', async () => {
  const world = stage()
  const life = await world.start()
  await world.runUntilShare(20, 120)
  life.faults.stuck.add('predictions/2')
  await world.run(240)
  assert.equal(world.gateway.share, 20, `promotion waits: ${await world.verdicts()}`)
  life.faults.stuck.clear()
  await world.runUntilShare(50, 300)
  life.faults.stuck.add('predictions/2')
  await world.run(20)
  world.conduct.candidateErrors = 0.3
  const harmedAtMs = world.clock.nowMs()
  while (world.gateway.share > 0 && world.clock.nowMs() < harmedAtMs + 120_000) await world.run(5)
  const afterSeconds = (world.clock.nowMs() - harmedAtMs) / 1000
  assert.equal(world.gateway.share, 0, `rolled back while a partition is stuck: ${await world.verdicts()}`)
  assert.ok(afterSeconds <= 90, `after ${afterSeconds} s`)
  await life.stop()
})

test('the state topic is lost: the command in force is adopted, none is published over it, and break-glass still works', async () => {
  const world = stage()
  const first = await world.start()
  await world.runUntilShare(50, 400)
  await first.stop()
  const commandsBefore = await world.commands()
  await world.log.admin.delete([world.topics.state])
  world.broker.create({ topic: world.topics.state, partitions: 1, config: {} })
  const second = await world.start()
  await world.run(40)
  const published = (await world.commands()).slice(commandsBefore.length)
  assert.deepEqual(
    [...new Set(published.map(({ id }) => id))].filter((id) => id !== commandsBefore.at(-1)!.id),
    [],
  )
  assert.equal((await world.verdicts()).filter((kind) => kind === 'adopt').length, 1)
  assert.equal(world.gateway.share, 50)

  const { log, layout, clock } = world
  const glass = { log, layout, clock, prefix: 'flyball.', model: layout.models[0]!, who: 'ann', reason: 'it smells' }
  await world.whileTimePasses(breakGlass(glass))
  await world.run(10)
  assert.equal(world.gateway.share, 0)
  await world.run(150)
  assert.equal(world.gateway.share, 0, `a person wins: ${await world.verdicts()}`)
  assert.equal((await world.verdicts()).filter((kind) => kind === 'adopt').length, 2)
  await second.stop()
})

test('two judges of one partition: the one taken over is fenced and writes nothing, and the chain stays whole while both insist', async () => {
  const world = stage()
  const reader = world.log.reader()
  const old = await world.whileTimePasses(takeOver(world.log, reader, 'flyball.judge-0', 0, world.topics, () => true))
  const young = await world.whileTimePasses(takeOver(world.log, reader, 'flyball.judge-0', 0, world.topics, () => true))
  const end = async () => (await world.log.admin.offsets(world.topics.control))[0]!.end
  const before = await end()
  await assert.rejects(old!.commit([{ topic: world.topics.control, record: { key: MODEL, value: Buffer.from('late') } }]), /FLY-KAFKA-006/)
  assert.equal(await end(), before, 'the fenced owner left nothing')
  await young!.close()

  // A second process that was never told that its partitions are the first one's.
  const both = [await world.start(), await world.start((log) => ({ ...log, join: alone(world) }))]
  await world.run(150)
  for (const life of both) await life.stop()
  const decisions = await world.decisions()
  assert.ok(decisions.length > 1)
  assert.deepEqual(
    decisions.map(({ number }) => number),
    decisions.map((_, index) => index + 1),
  )
  assert.equal(new Set(decisions.map(({ id }) => id)).size, decisions.length)
  assert.ok(both.some(({ events }) => events.some(({ event }) => event === 'judge-fenced')))
})

function alone(world: Stage): Stage['log']['join'] {
  return ({ topics, onAssigned }) => {
    const count = topics[0] === 'predictions' ? world.broker.topics.get('predictions')!.length : 1
    // It judges, and measures nothing: what two owners measure is another test's matter.
    if (topics[0] !== 'predictions') queueMicrotask(() => onAssigned([...Array(count).keys()], []))
    return { stop: async () => undefined, sinceHeartbeatMs: 0 }
  }
}
