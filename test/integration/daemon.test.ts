/** The daemon as a whole, in memory: how it ends when something below it fails, and what a stranger's bytes do to it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { fill, panesIn, plain } from '../simulation/fill.ts'
import { pause } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'

const POLICY = `
version: 1
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
models: { fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded } }
`
const { layout } = parsePolicy(POLICY, 'daemon.yaml')

async function filled(seconds = 60): Promise<MemoryLog> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const models = [{ name: 'fraud', share: 0.4, errorsAdded: 0.2, shiftAdded: 0 }]
  const common = {
    seed: 1,
    models,
    partitions: 2,
    startMs: 1_760_000_000_000,
    perSecond: 50,
    outcomeShare: 0,
    outcomeDelayMs: 0,
    units: 100,
  }
  await fill(log, 'predictions', 2, traffic({ ...common, durationMs: seconds * 1000 }).predictions)
  return log
}

const options = (log: EventLog, emit: (event: FlyballEvent) => void = () => undefined) => ({
  log,
  layout,
  prefix: 'flyball.',
  judgePartitions: 1,
  clock: systemClock,
  emit,
  createTopics: true,
  version: 'test',
})

/** Writes to this topic fail from one on, up to another. */
function failing(
  log: EventLog,
  topic: string,
  from: number,
  to = Number.POSITIVE_INFINITY,
  error = new Error('the disk is full'),
): EventLog {
  let sends = 0
  return {
    name: log.name,
    reader: (options) => log.reader(options),
    transactor: (id) => log.transactor(id),
    join: (options) => log.join(options),
    admin: log.admin,
    close: () => log.close(),
    writer: async () => {
      const writer = await log.writer()
      return {
        close: () => writer.close(),
        send: async (topicNow, partition, records) => {
          const fails = topicNow === topic && sends++ >= from && sends <= to
          // Half of what fails was written all the same: nobody can know.
          if (fails && sends % 2 === 0) throw error
          const sent = await writer.send(topicNow, partition, records)
          if (fails) throw error
          return sent
        },
      }
    },
  }
}

test('a drain whose writes fail ends with what failed, and does not wait for ever', { timeout: 20_000 }, async () => {
  for (const [topic, after] of [
    ['flyball.panes', 0],
    ['flyball.panes', 3],
    ['flyball.checkpoints', 0],
    ['flyball.checkpoints', 2],
  ] as const) {
    const daemon = await startDaemon({ ...options(failing(await filled(), topic, after)), drain: true })
    await assert.rejects(daemon.done, /the disk is full/, `${topic} after ${after}`)
  }
})

test('a live daemon whose writes fail ends with what failed', { timeout: 20_000 }, async () => {
  const daemon = await startDaemon({ ...options(failing(await filled(), 'flyball.panes', 1)), drain: false })
  await assert.rejects(daemon.done, /the disk is full/)
})

test('bytes of a stranger on acks, requests and panes are told of, and judging goes on', { timeout: 20_000 }, async () => {
  const log = await filled()
  const events: FlyballEvent[] = []
  const daemon = await startDaemon({ ...options(log, (event) => void events.push(event)), drain: false })
  const writer = await log.writer()
  for (const topic of ['acks', 'requests', 'panes'])
    await writer.send(`flyball.${topic}`, 0, [{ key: 'fraud', value: Buffer.from('hello') }])
  const seen = () => events.filter(({ event }) => event === 'problem').length >= 2 && events.some(({ event }) => event === 'pane-refused')
  while (!seen() || !events.some((event) => event.event === 'decided' && event.verdict === 'rollback')) {
    await Promise.race([pause(50), daemon.done.then(() => assert.fail('it ended'))])
  }
  await daemon.stop()
  await daemon.done
})

test('a broker that is away for some writes is waited for: the source begins anew, and no pane is lost or different', {
  timeout: 30_000,
}, async () => {
  const away = () => new FlyballError('FLY-KAFKA-001', { brokers: 'b', problem: 'away' })
  const undisturbed = await filled()
  await (await startDaemon({ ...options(undisturbed), drain: true })).done
  const expected = await panesIn(undisturbed, 'flyball.panes')
  for (const [topic, from, to] of [
    ['flyball.panes', 1, 3],
    ['flyball.checkpoints', 0, 1],
    ['flyball.checkpoints', 1, 3],
  ] as const) {
    const log = await filled()
    const problems: FlyballEvent[] = []
    const emit = (event: FlyballEvent) => void (event.event === 'problem' && problems.push(event))
    await (await startDaemon({ ...options(failing(log, topic, from, to, away()), emit), drain: true })).done
    const got = await panesIn(log, 'flyball.panes')
    assert.ok(problems.length > 0, `${topic} ${from}: told of`)
    assert.deepEqual(got.refused, [])
    assert.deepEqual([...got.panes.keys()].sort(), [...expected.panes.keys()].sort())
    for (const [link, pane] of expected.panes) assert.equal(plain(got.panes.get(link)!), plain(pane))
  }
})
