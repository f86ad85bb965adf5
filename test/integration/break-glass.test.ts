/**
 * A person takes the wheel from a judge that hangs in the worst place: stopped (SIGSTOP) between what it wrote and its commit. The
 * transaction is open on the broker, and whoever waits for it waits for its time-out. The gateway must obey the person meanwhile.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { type RunningBroker, startBroker } from '../../scripts/lib/kafka-broker.ts'
import { ALL } from '../../src/audit/findings.ts'
import type { Decision } from '../../src/domain.ts'
import { connectKafka } from '../../src/kafka/connect.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { type TopicNames, topicNames } from '../../src/kit/topics.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { createGovernor, type Governor } from '../../src/subscriber/subscriber.ts'
import { decodeCommand } from '../../src/wire/control.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { BrokerProxy } from '../chaos/suite/proxy.ts'
import { requestOf } from '../judge/world.ts'
import { fill, recordsIn } from '../simulation/fill.ts'
import { type FlyballProcess, pause, runFlyball } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const { options } = withBroker({ needsProcess: true })
const folder = mkdtempSync(join(tmpdir(), 'flyball-glass-'))
after(() => rmSync(folder, { recursive: true }))

const PREFIX = 'flyball.'
const POLICY = `
version: 1
kafka: { partitions: 1 }
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
models: { fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [5, 50, 100], dwell: 30d } } }
`

interface Scene {
  readonly proxy: BrokerProxy
  readonly log: EventLog
  readonly topics: TopicNames
  readonly daemon: FlyballProcess
  readonly governor: Governor
}

/** The daemon reaches the broker through a proxy, everybody else directly. */
async function scene(t: TestContext): Promise<Scene> {
  const proxy = await BrokerProxy.open()
  t.after(() => proxy.close())
  const broker: RunningBroker = await startBroker({ needsProcess: true, advertisedPorts: [proxy.port] })
  t.after(() => broker.stop())
  proxy.forwardTo(broker.proxiedPorts[0]!)
  const log = await connectKafka({ brokers: broker.bootstrap, clientId: 'break-glass-test' })
  t.after(() => log.close())
  const models = [{ name: 'fraud', share: 0.05, errorsAdded: 0, shiftAdded: 0 }]
  const recorded = { seed: 5, models, partitions: 1, startMs: 1_760_000_000_000, durationMs: 30_000, perSecond: 50 }
  await fill(log, 'predictions', 1, traffic({ ...recorded, outcomeShare: 0, outcomeDelayMs: 0, units: 100 }).predictions)
  const file = join(folder, 'flyball.yaml')
  writeFileSync(file, POLICY)
  const daemon = runFlyball(['-p', file, '--create-topics', '--metrics-port', '0'], [`127.0.0.1:${proxy.port}`])
  t.after(() => daemon.kill('SIGKILL'))
  await daemon.event('judge-took-over')
  const governor = createGovernor({ log, gateway: 'gateway-1', models: { fraud: { control: 'v1' } } })
  t.after(() => governor.stop())
  return { proxy, log, topics: topicNames(PREFIX), daemon, governor }
}

async function until(what: string, holds: () => boolean | Promise<boolean>, waitMs = 60_000): Promise<void> {
  const endMs = performance.now() + waitMs
  while (!(await holds())) {
    assert.ok(performance.now() < endMs, `never: ${what}`)
    await pause(20)
  }
}

const candidatePercent = (governor: Governor): number => governor.state('fraud').weights['v2'] ?? 0
const decisionsOf = async ({ log, topics }: Scene): Promise<Decision[]> =>
  (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)

/** The judge has written its answer to a request, and is stopped before the broker hears of the commit. */
async function stopInTransaction({ proxy, log, topics, daemon }: Scene): Promise<void> {
  const held = new Promise<void>((resolve) => proxy.hold('endTransaction', resolve))
  const writer = await log.writer()
  const request = requestOf('hold', { model: 'fraud', atMs: Date.now() })
  await writer.send(topics.requests, partitionOf(Buffer.from('fraud'), 1), [requestRecord(request)])
  await writer.close()
  await held
  daemon.child.kill('SIGSTOP')
}

test('a gateway obeys a broken glass while the judge is stopped within a transaction; woken, the judge writes nothing and adopts', {
  ...options,
  timeout: 180_000,
}, async (t) => {
  const stage = await scene(t)
  const { governor, log, topics, daemon, proxy } = stage
  await until('the rollout begins', () => candidatePercent(governor) === 5)
  await stopInTransaction(stage)
  const before = await decisionsOf(stage)
  assert.ok(before.every(({ requestId }) => requestId === null))

  const startMs = performance.now()
  const { layout } = loadPolicy(join(folder, 'flyball.yaml'))
  const command = await breakGlass({
    log,
    layout,
    prefix: PREFIX,
    model: layout.models[0]!,
    who: 'ana',
    reason: 'wrong',
    clock: systemClock,
  })
  // The judge cannot have moved: it is stopped, and its commit is still in the proxy's hands.
  await until('the gateway obeys', () => candidatePercent(governor) === 0)
  t.diagnostic(`obeyed ${Math.round(performance.now() - startMs)} ms after the glass was broken`)
  assert.deepEqual(await decisionsOf(stage), before)

  proxy.release()
  daemon.child.kill('SIGCONT')
  await until('the judge adopts', async () => (await decisionsOf(stage)).some(({ verdict }) => verdict.kind === 'adopt'))
  await until('the request is answered', async () => (await decisionsOf(stage)).some(({ requestId }) => requestId !== null))
  const after = (await decisionsOf(stage)).slice(before.length)
  assert.equal(after[0]!.verdict.kind, 'adopt', 'nothing of the transaction that was open is there')
  assert.match(after[0]!.summary, /ana: wrong/)
  const commands = (await recordsIn(log, topics.control)).map(({ record }) => decodeCommand(record.value!))
  const later = commands.slice(commands.findIndex(({ id }) => id === command.id) + 1)
  assert.ok(later.every(({ weights }) => weights['v2'] === 0))
  assert.equal(candidatePercent(governor), 0)
  assert.deepEqual((await verifyChains(log, topics, ALL, systemClock)).report().findings, [])
})
