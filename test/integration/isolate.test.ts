/**
 * A candidate that is bad in one region, on a real broker: daemon, gateway SDK and seeded requests. What the gateway counted proves that the
 * candidate goes on to serve the other regions, and nobody any more where it does harm.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { createGovernor, type Governor } from '../../src/subscriber/subscriber.ts'
import { pause } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'
import { type Served, SteadyTraffic } from './steady-traffic.ts'

const broker = withBroker()
const REGIONS = ['eu', 'us', 'asia']
const PARTITIONS = 2
const SEED = 11
const ERRORS = 0.02
const HARM = 0.3
const BATCH = 60

const policyText = (prefix: string, predictions: string) => `
version: 1
environment: test
kafka: { prefix: "${prefix}", partitions: 1 }
inputs: { predictions: { topic: ${predictions}, fields: { time: ts } } }
timing: { slice: 1s, settling: 1s, idleAfter: 3s, alignPatience: 3s, maxStratumAge: 10s }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    segments: { region: [${REGIONS.join(', ')}] }
    ladder: { steps: [20, 60, 100], dwell: 4s, minimumRows: 100 }
    acks: { within: 10s, observeWithin: 30s, heartbeat: 2s, lease: 20s, presenceTimeout: 6s }
    guardrails: [{ kind: error-rate, marginPoints: 2, promote: { marginPoints: 12 } }]
    rollout: { isolate: region, preflight: [], guard: 1s }
`

/** Who asks, what answered, and whether it failed: one prediction a request. `served`: those that the candidate answered, by region. */
function serving(governor: Governor, served: Record<string, number>): (number: number) => readonly Served[] {
  const random = seededRandom(SEED)
  return (number) => {
    const id = `r${number}`
    const region = REGIONS[Math.floor(random() * REGIONS.length)]!
    const version = governor.route('fraud', id, { region })
    if (version === 'v2') served[region] = (served[region] ?? 0) + 1
    const error = random() < ERRORS + (version === 'v2' && region === 'eu' ? HARM : 0)
    const prediction = { id, ts: Date.now(), model: 'fraud', version, error, segments: { region } }
    return [{ key: id, value: Buffer.from(JSON.stringify(prediction)) }]
  }
}

test('a candidate bad in one region leaves it, and is promoted to the whole of the others; the gateway counts it by segment', {
  ...broker.options,
  timeout: 240_000,
}, async (t) => {
  const log: EventLog = await broker.connect()
  const prefix = `${broker.unique('isolate')}.`
  const predictions = await broker.topic(PARTITIONS)
  const { layout } = parsePolicy(policyText(prefix, predictions), 'isolate.yaml')
  const settings = { log, layout, prefix, judgePartitions: 1, clock: systemClock, createTopics: true, drain: false, version: 'test' }
  const daemon = await startDaemon({ ...settings, emit: () => undefined })
  const ended = daemon.done.then(() => assert.fail('the daemon ended'))
  ended.catch(() => undefined)
  const governor = createGovernor({
    log: await broker.connect(),
    prefix,
    gateway: 'gateway-1',
    presenceMs: 1_000,
    models: { fraud: { control: 'v1', dimensions: ['region'] } },
  })
  await governor.ready()
  const served: Record<string, number> = {}
  const traffic = new SteadyTraffic(await log.writer(), predictions, PARTITIONS, { batch: BATCH, serve: serving(governor, served) })
  const told = async () => (await readDecisions(log, `${prefix}decisions`)).map(({ decision }) => decision)
  const until = async (what: string, met: () => boolean) => {
    for (let turn = 0; !met(); turn++) {
      if (turn > 900) assert.fail(`never: ${what}; ${(await told()).map(({ summary }) => summary).join('\n')}`)
      await Promise.race([pause(100), ended])
    }
  }

  await until('the region kept out', () => governor.state('fraud').segments.some(({ segment }) => segment === 'region=eu'))
  const { command, weights } = governor.state('fraud')
  assert.deepEqual(
    [command?.rule, command?.kind, command?.segments],
    ['isolate', 'throttle', [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }]],
  )
  assert.ok(weights['v2']! > 0, 'the others keep their share')
  const atIsolation = { ...served }

  await until('100 % for everybody else', () => governor.state('fraud').weights['v2'] === 100)
  const atFull = { ...served }
  await until('requests at 100 %', () => (served['us'] ?? 0) > (atFull['us'] ?? 0) + 500)
  await traffic.stop()

  const { routed, routedBySegment } = governor.state('fraud')
  assert.deepEqual(Object.keys(routedBySegment), ['region=eu'])
  assert.equal(routedBySegment['region=eu']!['v2'] ?? 0, 0, 'by the gateway: nobody in the region met the candidate')
  assert.ok(routedBySegment['region=eu']!['v1']! > 1000)
  assert.equal(served['eu'], atIsolation['eu'], 'and by what came of the requests')
  for (const region of ['us', 'asia']) assert.ok(served[region]! > atIsolation[region]! + 500, `${region} is served by the candidate`)
  assert.equal(
    routed['v2'],
    REGIONS.reduce((sum, region) => sum + (served[region] ?? 0), 0),
  )

  const decisions = await told()
  const kinds = decisions.map(({ verdict }) => verdict.kind)
  assert.equal(kinds.filter((kind) => kind === 'isolate').length, 1)
  assert.ok(!kinds.includes('rollback'), decisions.map(({ summary }) => summary).join('\n'))
  const isolation = decisions.find(({ verdict }) => verdict.kind === 'isolate')!
  assert.match(isolation.summary, /^Kept v2 out of region=eu, at (20|60|100) % without region=eu: error-rate in region=eu/)
  assert.deepEqual(isolation.segmentsAfter, [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }])
  t.diagnostic(`${JSON.stringify(routed)} in all, ${JSON.stringify(routedBySegment)}; by region ${JSON.stringify(served)}`)
  await governor.stop()
  await daemon.stop()
})
