/** `flyball run` on a real broker with a collector beside it: what a gateway is told is the span of the decision, whoever repeats it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { fill } from '../simulation/fill.ts'
import { type FlyballProcess, pause, runFlyball } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'
import { Collector } from '../telemetry/collector.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-traces-'))
after(() => rmSync(folder, { recursive: true }))

const policyText = (prefix: string, predictions: string, endpoint: string) => `
version: 1
environment: test
kafka: { prefix: "${prefix}" }
inputs: { predictions: { topic: ${predictions}, fields: { time: ts } } }
models: { fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [5, 50, 100], dwell: 30d } } }
telemetry: { traces: { endpoint: "${endpoint}" } }
`

async function until(what: string, daemon: FlyballProcess, met: () => boolean): Promise<void> {
  for (let turn = 0; !met(); turn++) {
    assert.ok(turn < 600, `never: ${what}: ${daemon.stderr().slice(-2000)}`)
    await pause(100)
  }
}

test('a gateway is told the span of the decision, by the daemon that took it and by the one after kill -9', {
  ...broker.options,
  timeout: 180_000,
}, async (t) => {
  const prefix = `${broker.unique('traces')}.`
  const collector = await Collector.start()
  t.after(() => collector.stop())
  const log = await broker.connect()
  const predictions = await broker.topic(1)
  writeFileSync(join(folder, 'flyball.yaml'), policyText(prefix, predictions, collector.endpoint))
  const models = [{ name: 'fraud', share: 0.05, errorsAdded: 0, shiftAdded: 0 }]
  const recorded = { seed: 5, models, partitions: 1, startMs: 1_760_000_000_000, durationMs: 60_000, perSecond: 50 }
  await fill(log, predictions, 1, traffic({ ...recorded, outcomeShare: 0, outcomeDelayMs: 0, units: 100 }).predictions)
  const start = (): FlyballProcess => {
    const daemon = runFlyball(['-p', join(folder, 'flyball.yaml'), '--create-topics', '--metrics-port', '0'], broker.bootstrap)
    t.after(() => daemon.kill('SIGKILL'))
    return daemon
  }
  const named = (name: string) => collector.spans.filter((span) => span.name === name)
  const first = start()
  await until('the span of the start', first, () => named('decide start').length > 0)
  const [span] = named('decide start')
  const gateway = async (): Promise<string | null> => {
    const governor = createGovernor({ log, prefix, gateway: 'g1', models: { fraud: { control: 'v1' } } })
    await governor.ready()
    const { traceparent } = governor.state('fraud')
    await governor.stop()
    return traceparent
  }
  const traceparent = `00-${span!.traceId}-${span!.spanId}-01`
  assert.equal(await gateway(), traceparent)
  assert.ok(named(`measure ${predictions}`).length > 0)
  await first.kill('SIGKILL')
  const heartbeats = async (): Promise<number> => (await log.admin.offsets(`${prefix}control`)).reduce((sum, { end }) => sum + end, 0)
  const before = await heartbeats()
  const second = start()
  await second.event('judge-took-over')
  for (let turn = 0; (await heartbeats()) < before + 4; turn++) {
    assert.ok(turn < 600, second.stderr().slice(-2000))
    await pause(100)
  }
  assert.equal(await gateway(), traceparent)
  await second.kill('SIGTERM')
  assert.equal(await second.ended, 0)
})
