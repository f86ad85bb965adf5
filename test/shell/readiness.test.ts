/** `/readyz` names the part that is not ready, the one that tells people of alerts too; whoever stands by does not keep a process unready. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { serveTelemetry } from '../../src/telemetry/http.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { until } from '../conformance/log-stage.ts'
import { policyText } from '../policy/minimal.ts'

const { layout } = parsePolicy(
  `${policyText}\nalerts:\n  sinks: { book: { kind: log } }\n  routes: [{ name: all, sinks: [book] }]\n`,
  'flyball.yaml',
)

/** Transactions of whoever acts begin only when `opened` does. */
function held(log: EventLog, opened: Promise<void>): EventLog {
  return {
    name: log.name,
    reader: (options) => log.reader(options),
    writer: () => log.writer(),
    join: (options) => log.join(options),
    admin: log.admin,
    close: () => log.close(),
    transactor: async (id) => {
      if (id.endsWith('act-0')) await opened
      return log.transactor(id)
    },
  }
}

const daemonOn = (log: EventLog): Promise<Daemon> =>
  startDaemon({
    ...{ log, layout, prefix: 'flyball.', judgePartitions: 1, clock: systemClock, emit: () => undefined, createTopics: true },
    ...{ drain: false, version: 'test', writeAlert: () => undefined },
  })

test('a process is unready while it is its turn to tell people and it does not know yet what they were told, and says so', {
  timeout: 30_000,
}, async (t) => {
  const broker = new MemoryBroker(systemClock)
  const log = new MemoryLog(broker)
  const inputs = [layout.predictions, layout.outcomes, layout.described].flatMap((input) => (input === null ? [] : [input.topic]))
  await log.admin.create(inputs.map((topic) => ({ topic, partitions: 2, config: {} })))
  let open: () => void = () => undefined
  const daemon = await daemonOn(held(log, new Promise((resolve) => (open = resolve))))
  const server = await serveTelemetry({ port: 0 }, createMetrics().registry, daemon.health)
  t.after(async () => {
    open()
    await server.close()
    await daemon.stop()
    await daemon.done
  })
  const ready = async () => {
    const reply = await fetch(`http://127.0.0.1:${server.port}/readyz`)
    return `${reply.status} ${(await reply.text()).trim()}`
  }
  assert.match(await ready(), /^503 /)
  await until('all but one part is ready', () => daemon.health.notReady().length === 1)
  assert.equal(await ready(), '503 whoever tells people of alerts has not read what stands on the log yet')
  const spare = await daemonOn(new MemoryLog(broker))
  await until('the spare has joined', () => spare.health.notReady().length < 2)
  assert.ok(!spare.health.notReady().some((part) => part.includes('alerts')), 'it is not its turn')
  await spare.stop()
  await spare.done
  open()
  await until('ready', () => daemon.health.notReady().length === 0)
  assert.equal(await ready(), '200 ok')
  assert.deepEqual(daemon.health.stalled(), [])
})
