/** People at the command line, on a real broker: each request is answered by the decision that carries its id, and the exit code says how. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { EventLog } from '../../src/kafka/contract.ts'
import { readCommands, readDecisions } from '../../src/shell/topic-reads.ts'
import { type Ended, flyball } from '../cli/run-flyball.ts'
import { fill } from '../simulation/fill.ts'
import { pause, runFlyball } from '../simulation/flyball-process.ts'
import { traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const folder = mkdtempSync(join(tmpdir(), 'flyball-requests-'))
after(() => rmSync(folder, { recursive: true }))

const policyText = (prefix: string, predictions: string) => `
version: 1
kafka: { prefix: "${prefix}" }
inputs: { predictions: { topic: ${predictions}, fields: { time: ts } } }
models: { fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [5, 50, 100], dwell: 30d } } }
`

interface Answer {
  readonly done: boolean
  readonly decision: { readonly requestId: string; readonly sequence: number; readonly summary: string }
}

/** A daemon that has begun a rollout, over records of the past, and waits for its dwell. */
async function begun(prefix: string, t: TestContext): Promise<EventLog> {
  const log = await broker.connect()
  const predictions = await broker.topic(1)
  writeFileSync(join(folder, 'flyball.yaml'), policyText(prefix, predictions))
  const models = [{ name: 'fraud', share: 0.05, errorsAdded: 0, shiftAdded: 0 }]
  const recorded = { seed: 5, models, partitions: 1, startMs: 1_760_000_000_000, durationMs: 60_000, perSecond: 50 }
  await fill(log, predictions, 1, traffic({ ...recorded, outcomeShare: 0, outcomeDelayMs: 0, units: 100 }).predictions)
  const daemon = runFlyball(['-p', join(folder, 'flyball.yaml'), '--create-topics', '--metrics-port', '0'], broker.bootstrap)
  t.after(() => daemon.kill('SIGKILL'))
  while (!daemon.lines.some((line) => line['event'] === 'decided' && line['verdict'] === 'start')) {
    await Promise.race([pause(100), daemon.ended.then((code) => assert.fail(`ended with ${code}: ${daemon.stderr().slice(-2000)}`))])
  }
  return log
}

/** Approvals, quarantine by digest, and the mode. */
function saidOfPeople(run: (...args: string[]) => Ended, answered: (code: number, ...args: string[]) => Answer): void {
  assert.match(answered(5, 'approve', 'fraud').decision.summary, /the plan asks for no approval of stage 5 %/)
  answered(0, 'quarantine', 'add', 'fraud', '--artifact', 'sha256:0a')
  assert.match(run('quarantine', 'list').stdout, /^fraud +sha256:0a /m)
  answered(0, 'quarantine', 'release', 'fraud', '--artifact', 'sha256:0a')
  assert.equal(run('quarantine', 'list').stdout, 'nothing is quarantined\n')
  answered(0, 'mode', 'fraud', 'observe')
  assert.equal(JSON.parse(run('rollout', 'status', 'fraud', '--json').stdout).mode, 'observe')
  answered(0, 'mode', 'fraud', 'enforce')
}

test('people hold, freeze, throttle and abort from the command line; what is refused ends with 5 and says why', {
  ...broker.options,
  timeout: 180_000,
}, async (t) => {
  const prefix = `${broker.unique('requests')}.`
  const log = await begun(prefix, t)
  const topics = { decisions: `${prefix}decisions`, control: `${prefix}control` }
  const run = (...args: string[]): Ended => flyball(args, folder, { KAFKA_BROKERS: broker.bootstrap.join(',') })
  const asked = (...args: string[]): Ended => run(...args, '--confirm', 'fraud', '--no-input', '--reason', 'a test')
  const answered = (code: number, ...args: string[]): Answer => {
    const ended = asked(...args, '--json')
    assert.equal(ended.code, code, `${args.join(' ')}: ${ended.stderr}`)
    return JSON.parse(ended.stdout) as Answer
  }

  const dry = asked('throttle', 'fraud', '--dry-run')
  assert.equal(dry.stdout, 'Would leave v2 at 5 %: there is no lower rung.\n')
  const unconfirmed = run('freeze', 'fraud', '--reason', 'a test', '--no-input')
  assert.equal(unconfirmed.code, 2, unconfirmed.stderr)
  assert.match(unconfirmed.stderr, /FLY-CLI-005/)

  const held = answered(0, 'rollout', 'hold', 'fraud')
  assert.match(held.decision.summary, /^Held v2 by .+ \(OS user\): a test$/)
  const { sequence } = held.decision
  assert.equal(answered(0, 'freeze', 'fraud', '--until', '2h', '--request-id', 'one').done, true)
  const again = answered(0, 'freeze', 'fraud', '--until', '2h', '--request-id', 'one')
  assert.equal(again.decision.requestId, 'one')
  answered(0, 'rollout', 'resume', 'fraud')

  const promoted = asked('rollout', 'promote', 'fraud')
  assert.equal(promoted.code, 5, promoted.stderr)
  assert.equal(promoted.stdout, '')
  assert.match(promoted.stderr, /FLY-CLI-015 Refused to promote v2: frozen until .+ \(OS user\): a test\. Asked by .+: a test/)

  const status = JSON.parse(run('rollout', 'status', 'fraud', '--json', '--history').stdout)
  assert.deepEqual([status.phase, status.percent, status.restraints.map(({ kind }: { kind: string }) => kind)], ['climbing', 5, ['freeze']])
  assert.deepEqual(
    status.history.map(({ verdict }: { verdict: string }) => verdict).filter((verdict: string) => verdict !== 'hold'),
    ['start', 'override', 'override', 'override', 'refused'],
  )
  answered(0, 'unfreeze', 'fraud')

  const stale = answered(5, 'rollback', 'fraud', '--if-sequence', String(sequence - 1))
  assert.equal(stale.done, false)
  assert.match(stale.decision.summary, /it was asked of command 0, and 1 is in force \(start, rule start, v2 at 5 %\) since decision #1/)
  answered(0, 'rollout', 'abort', 'fraud', '--if-sequence', String(sequence), '--expires', '10m')
  assert.equal(run('quarantine', 'list').stdout, 'nothing is quarantined\n')
  answered(0, 'rollback', 'fraud')
  const listed = run('quarantine', 'list')
  assert.match(listed.stdout, /^fraud +version:v2 +.+ \(OS user\) +20\d\d-.+ Rolled back v2 by .+: a test +#\d+$/m)
  answered(0, 'quarantine', 'release', 'fraud')
  assert.match(
    answered(5, 'approve', 'fraud', '--stage', '50 %').decision.summary,
    /stage 50 % is not there to be left: it stands on stage 5 %/,
  )
  saidOfPeople(run, answered)

  const decisions = (await readDecisions(log, topics.decisions)).map(({ decision }) => decision)
  const ids = decisions.flatMap(({ requestId }) => (requestId === null ? [] : [requestId]))
  assert.equal(new Set(ids).size, ids.length, 'no request is answered twice')
  assert.equal(ids.length, 15)
  const command = (await readCommands(log, topics.control)).get('fraud')!
  assert.deepEqual([command.sequence, command.weights['v2']], [4, 5])
  t.diagnostic(`${decisions.length} decisions, ${ids.length} answers`)
})
