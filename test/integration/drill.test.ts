/** Drills on a real broker: the daemon, the gateway and the drill are processes of their own, as they are for whoever runs them. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FLYBALL } from '../../scripts/lib/flyball.ts'
import type { DrillReport } from '../../src/drill/report.ts'
import { readAlerts, readCommands, readDecisions } from '../../src/shell/topic-reads.ts'
import type { Ended } from '../cli/run-flyball.ts'
import { runFlyball } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-drill-'))
after(() => rmSync(folder, { recursive: true }))

const policyText = (prefix: string, predictions: string) => `
version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs: { predictions: { topic: ${predictions}, fields: { unit: user } } }
models:
  fraud:
    control: v1
    candidate: v2
    features: { amount: { low: 0, high: 100 }, country: { values: [DE, FR] } }
    segments: { region: [EU, US] }
    silence: { after: 4s }
    acks: { within: 20s, presenceTimeout: 10s }
    drill: { every: 30d, objective: { detect: 60s, command: 10s, ack: 30s, observed: 60s } }
timing: { slice: 1s }
`

interface Stage {
  readonly prefix: string
  readonly policy: string
  readonly environment: Readonly<Record<string, string>>
}

/** A daemon that knows the model and its shadow. */
async function stage(t: TestContext): Promise<Stage> {
  const prefix = `${broker.unique('drill')}.`
  await broker.connect()
  const policy = join(folder, `${prefix}yaml`)
  writeFileSync(policy, policyText(prefix, await broker.topic(2)))
  const daemon = runFlyball(['-p', policy, '--create-topics', '--metrics-port', '0'], broker.bootstrap)
  t.after(() => daemon.kill('SIGKILL'))
  await daemon.event('started')
  return { prefix, policy, environment: { KAFKA_BROKERS: broker.bootstrap.join(',') } }
}

/** Beside us, and not before us: what the daemon says must be read meanwhile. */
async function drill({ policy, environment }: Stage, ...args: string[]): Promise<Ended> {
  const asked = args[0] === 'schedule' ? [] : ['--reason', 'a test', '--no-input']
  const child = run([...FLYBALL, 'drill', ...args, '-p', policy, ...asked], 'pipe', environment)
  let [stdout, stderr] = ['', '']
  child.stdout!.on('data', (chunk: Buffer) => {
    stdout += chunk.toString()
  })
  child.stderr!.on('data', (chunk: Buffer) => {
    stderr += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout, stderr }
}

function run(args: readonly string[], stderr: 'pipe' | 'inherit', environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'pipe', stderr],
  })
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

test('drills pass with a table while the gateway obeys; with the gateway stopped the same drill fails loudly with 3', {
  ...broker.options,
  timeout: 400_000,
}, async (t) => {
  const on = await stage(t)
  const never = await drill(on, 'schedule')
  assert.equal(never.code, 3, never.stderr)
  assert.match(never.stdout, /^fraud +30d +never +– +OVERDUE$/m)

  const gateway = await startedGateway(on.prefix)
  t.after(() => gateway.kill('SIGKILL'))
  const passed = await drill(on, 'fraud', '--scenario', 'errors', '--external-gateway')
  assert.equal(passed.code, 0, `${passed.stdout}${passed.stderr}`)
  assert.match(
    passed.stdout,
    /^STEP +OBJECTIVE +MEASURED +OK\nbegin +reached .+ yes\ndetect +60\.0 s .+ yes\ncommand .+ yes\nack .+ yes\nobserved .+ yes\nrestore .+ yes\n$/,
  )
  t.diagnostic(passed.stdout)
  assert.equal((await drill(on, 'schedule')).code, 0)

  gateway.kill('SIGSTOP')
  const failed = await drill(on, 'fraud', '--scenario', 'errors', '--external-gateway')
  assert.equal(failed.code, 3, `${failed.stdout}${failed.stderr}`)
  assert.match(failed.stdout, /^ack +30\.0 s +missing +NO$/m)
  assert.match(failed.stdout, /^note .+ is not effective: only 0 of \d gateways have acked it$/m)
  assert.match(failed.stderr, /FLY-DRILL-001 the drill of fraud failed, scenario errors: begin never came/)
  t.diagnostic(failed.stdout)
  const after = await drill(on, 'schedule', '--json')
  assert.equal(after.code, 3)
  assert.deepEqual(JSON.parse(after.stdout).models[0].failed, ['errors'])
})

test('every scenario is seen by the running daemon and ends with nothing left of it', {
  ...broker.options,
  timeout: 600_000,
}, async (t) => {
  const on = await stage(t)
  for (const scenario of ['slow', 'silent', 'skew', 'kill-judge']) {
    const ended = await drill(on, 'fraud', '--scenario', scenario, '--json', '--confirm', 'fraud')
    assert.equal(ended.code, 0, `${scenario}: ${ended.stdout}${ended.stderr}`)
    const report = JSON.parse(ended.stdout) as DrillReport
    assert.deepEqual([report.scenario, report.passed], [scenario, true])
    t.diagnostic(`${scenario}: ${report.steps.map(({ step, measuredMs }) => `${step} ${Math.round(measuredMs!)} ms`).join(', ')}`)
  }
  const log = await broker.connect()
  const command = (await readCommands(log, `${on.prefix}control`)).get('fraud.drill')!
  assert.equal(command.weights['v2'], 0)
  const decisions = (await readDecisions(log, `${on.prefix}decisions`)).map(({ decision }) => decision)
  assert.deepEqual(
    decisions
      .filter(({ model }) => model === 'fraud')
      .map(({ verdict, rows }) => [verdict.kind, rows])
      .filter(([kind]) => kind !== 'hold' && kind !== 'start'),
    Array.from({ length: 4 }, () => ['recorded', 0]),
    'of the model itself nothing was counted and nothing decided',
  )
  const alerts = (await readAlerts(log, `${on.prefix}alerts`)).filter(({ model }) => model === 'fraud.drill')
  assert.ok(alerts.length > 0 && alerts.every(({ severity }) => severity === 'info'))
  const open = new Map(alerts.map(({ incident, status }) => [incident, status]))
  assert.deepEqual(
    [...open.values()].filter((status) => status !== 'resolved'),
    [],
    'every alert of the rehearsal has ended',
  )
})

test('a model that the policy does not drill is refused before anything is asked or written', {
  ...broker.options,
  timeout: 120_000,
}, async () => {
  const prefix = `${broker.unique('drill')}.`
  await broker.connect()
  const policy = join(folder, `${prefix}yaml`)
  writeFileSync(policy, policyText(prefix, await broker.topic(2)).replace(/ {4}drill: .+\n/, ''))
  const ended = await drill({ prefix, policy, environment: { KAFKA_BROKERS: broker.bootstrap.join(',') } }, 'fraud', '--scenario', 'errors')
  assert.equal(ended.code, 2)
  assert.match(ended.stderr, /FLY-DRILL-003/)
})

/** The example gateway, with drills on. */
async function startedGateway(prefix: string): Promise<ChildProcess> {
  const args = ['--brokers', broker.bootstrap.join(','), '--prefix', prefix, '--gateway', 'g1', '--presence-ms', '500', '--drills']
  const child = run(['--import', 'tsx', fileURLToPath(new URL('../../examples/gateway.ts', import.meta.url)), ...args], 'inherit')
  await once(createInterface({ input: child.stdout! }), 'line')
  return child
}
