/**
 * A whole release on a real broker, as people run it: a gate, a start that is asked for, a shadow, five rungs of which one asks for a
 * second person, a guard. The daemon, the gateway SDK and the command line are the real ones; the second person's request is the record
 * that the command line of another user would write.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { Decision, OperatorRequest } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import { createGovernor, type Governor } from '../../src/subscriber/subscriber.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { requestOf } from '../judge/world.ts'
import { pause, runFlyballCommand } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'
import { type Served, SteadyTraffic } from './steady-traffic.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-rollout-'))
after(() => rmSync(folder, { recursive: true }))

const BATCH = 150
const ERRORS = 0.02
const ARTIFACT = 'sha256:9f86d081884c7d65'

const policyText = (prefix: string, predictions: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs: { predictions: { topic: ${predictions}, fields: { time: ts } } }
timing: { slice: 1s, settling: 1s, idleAfter: 3s, alignPatience: 3s, maxStratumAge: 10s }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { dwell: 2s, minimumRows: 50 }
    acks: { within: 10s, observeWithin: 30s, heartbeat: 2s, lease: 20s, presenceTimeout: 6s }
    guardrails: [{ kind: error-rate, marginPoints: 5, promote: { marginPoints: 25 } }, { kind: disagreement }]
    rollout:
      hypothesis: fewer false alarms
      owner: fraud-models
      start: request
      artifacts: { v2: "${ARTIFACT}" }
      stages: [offline, shadow, 1, 5, { stage: 25, approval: true }, 50, 100]
      guard: 4s
      preflight: [gateways, control-warm]
`

/** Every request is answered by whom the gateway says; while the candidate has none of them it answers copies, and nobody reads that. */
function serving(governor: Governor): (number: number) => readonly Served[] {
  const random = seededRandom(3)
  return (number) => {
    const id = `r${number}`
    const isMirrored = (governor.state('fraud').weights['v2'] ?? 0) === 0
    return [governor.route('fraud', id), ...(isMirrored ? ['v2'] : [])].map((version) => {
      const score = version === 'v2' && number % 20 === 0 ? 0.9 : 0.1
      const prediction = { id, ts: Date.now(), model: 'fraud', version, score, error: random() < ERRORS }
      return { key: id, value: Buffer.from(JSON.stringify(prediction)) }
    })
  }
}

interface Scene {
  readonly log: EventLog
  readonly prefix: string
  readonly told: () => Promise<readonly Decision[]>
  /** Until a decision is there that fits; what is asked for is a stage reached, or a word said. */
  readonly until: (what: string, fits: (decision: Decision) => boolean) => Promise<Decision>
  readonly flyball: (...args: string[]) => ReturnType<typeof runFlyballCommand>
}

async function scene(t: TestContext): Promise<Scene> {
  const log = await broker.connect()
  const prefix = `${broker.unique('rollout')}.`
  const predictions = await broker.topic(1)
  const file = join(folder, 'flyball.yaml')
  writeFileSync(file, policyText(prefix, predictions))
  const { layout } = loadPolicy(file)
  const settings = { log, layout, prefix, judgePartitions: 1, clock: systemClock, createTopics: true, drain: false, version: 'test' }
  const daemon = await startDaemon({ ...settings, emit: () => undefined })
  const ended = daemon.done.then(() => assert.fail('the daemon ended'))
  ended.catch(() => undefined)
  const options = { prefix, gateway: 'gateway-1', presenceMs: 1_000, models: { fraud: { control: 'v1' } } }
  const governor = createGovernor({ log: await broker.connect(), ...options })
  await governor.ready()
  const traffic = new SteadyTraffic(await log.writer(), predictions, 1, { batch: BATCH, serve: serving(governor) })
  t.after(async () => {
    await traffic.stop()
    await governor.stop()
    await daemon.stop()
    await daemon.done.catch(() => undefined)
  })
  const told = async () => (await readDecisions(log, `${prefix}decisions`)).map(({ decision }) => decision)
  const until: Scene['until'] = async (what, fits) => {
    for (let turn = 0; ; turn++) {
      const decisions = await told()
      const found = decisions.find(fits)
      if (found !== undefined) return found
      if (turn > 400) assert.fail(`never: ${what}; ${decisions.map(({ summary }) => summary).join('\n')}`)
      await Promise.race([pause(250), ended])
    }
  }
  const flyball = (...args: string[]) => runFlyballCommand([...args, '-p', file], broker.bootstrap)
  return { log, prefix, told, until, flyball }
}

/** As the command line of another user of another machine. */
async function asks({ log, prefix }: Scene, verb: OperatorRequest['verb'], changes: Partial<OperatorRequest>): Promise<void> {
  const writer = await log.writer()
  const request = requestOf(verb, { model: 'fraud', atMs: Date.now(), knownBy: 'osUser', ...changes })
  await writer.send(`${prefix}requests`, partitionOf(Buffer.from('fraud'), 1), [requestRecord(request)])
  await writer.close()
}

const asked = ['--confirm', 'fraud', '--no-input', '--reason', 'a release']
const isHold = ({ verdict }: Decision, rule: string): boolean => verdict.kind === 'hold' && verdict.rule === rule
const STAGES = ['offline', 'shadow', '1 %', '5 %', '25 %', '50 %', 'guard']

test('offline, shadow, 1, 5, 25, 50, 100, guard, promoted: with a gate, a start and one approval by a second person; the requester may not approve', {
  ...broker.options,
  timeout: 300_000,
}, async (t) => {
  const stage = await scene(t)
  const { until, told, flyball } = stage
  await until('it waits for a person', (decision) => isHold(decision, 'start-request'))
  const started = await flyball('rollout', 'start', 'fraud', ...asked)
  assert.equal(started.code, 0, started.stderr)
  await until('it waits for a gate', (decision) => isHold(decision, 'gate'))
  const gate = await flyball('rollout', 'gate', 'fraud', '--passed', '--report', 'https://ci.example/1', ...asked)
  assert.equal(gate.code, 0, gate.stderr)

  await until('it waits for an approval', (decision) => isHold(decision, 'approval') && decision.stage === '25 %')
  const own = await flyball('approve', 'fraud', '--stage', '25 %', ...asked)
  assert.equal(own.code, 5, own.stderr)
  assert.match(own.stderr, new RegExp(`Refused to approve v2: .*${userInfo().username}`))
  await until('refused for four eyes', ({ verdict }) => verdict.kind === 'refused' && verdict.rule === 'four-eyes')
  assert.ok((await told()).every(({ weightsAfter }) => (weightsAfter['v2'] ?? 0) <= 25))
  await asks(stage, 'approve', { id: 'second', who: 'bob', subject: '25 %', reason: 'looked at it' })
  await until('promoted', ({ phase }) => phase === 'promoted')

  const decisions = await told()
  const passed = [...new Set(decisions.map((decision) => decision.stage))].filter((name) => name !== '')
  assert.deepEqual(passed, STAGES)
  const promotion = decisions.find(({ verdict, weightsAfter }) => verdict.kind === 'promote' && weightsAfter['v2'] === 50)!
  assert.deepEqual(
    promotion.approvals.map(({ who, stage: left }) => [who, left]),
    [['bob (OS user)', '25 %']],
  )
  await history(stage, decisions)
})

/** Every transition is told with its reason. */
async function history({ flyball }: Scene, decisions: readonly Decision[]): Promise<void> {
  const { stdout } = await flyball('rollout', 'status', 'fraud', '--history')
  const moved = decisions.filter(({ verdict }) => ['start', 'advance', 'promote', 'override'].includes(verdict.kind))
  assert.ok(moved.length >= 8)
  for (const { number, summary } of moved) {
    const line = stdout.split('\n').find((each) => each.startsWith(`#${number} `))
    assert.ok(line?.includes(summary), `#${number} ${summary}`)
  }
  assert.match(stdout, /stages +offline → shadow → 1 % → 5 % → 25 % → 50 % → 100 % → guard → \[promoted\]/)
  assert.match(stdout, /Refused to approve v2: .*a release/)
  const [, rate, pairs] = /^disagree +([\d.]+) % .* of (\d+) pairs in the shadow, as of decision #\d+$/m.exec(stdout) ?? []
  assert.ok(Number(pairs) >= 50 && Math.abs(Number(rate) - 5) < 2.5, `${rate} % of ${pairs}`)
}
