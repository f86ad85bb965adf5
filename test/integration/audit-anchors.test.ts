/**
 * `flyball audit anchors` and what `audit verify` does with them, on a real broker: a drain over midnight signs its anchors, a key and an
 * anchor kept outside vouch for its chain, and the same chain written anew by somebody who may write both topics is found by either.
 */
import assert from 'node:assert/strict'
import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { RawRecord } from '../../src/audit/audit.ts'
import { startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readRaw } from '../../src/shell/audit-reads.ts'
import { hashOfDecision } from '../../src/wire/decisions.ts'
import { encodeState } from '../../src/wire/state.ts'
import { versionHeaders } from '../../src/wire/versions.ts'
import { isAnchorRecord, numberOf, rewrittenFrom } from '../audit/anchored.ts'
import { type Ended, flyball } from '../cli/run-flyball.ts'
import { keysFor } from '../kit/keys.ts'
import { fill } from '../simulation/fill.ts'
import { traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const { folder, file } = keysFor('judge', 'stranger')
const MIDNIGHT_MS = 20_370 * 86_400_000

const policyText = (prefix: string): string => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
security: { signing: { keyFile: "${folder}/judge.key", keyId: judge } }
models:
  fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [10, 50, 100], dwell: 30s, minimumRows: 300 } }
`

async function drained(log: EventLog): Promise<void> {
  const { predictions } = traffic({
    seed: 3,
    models: [{ name: 'fraud', share: 0.5, errorsAdded: 0, shiftAdded: 0 }],
    partitions: 2,
    startMs: MIDNIGHT_MS - 300_000,
    durationMs: 600_000,
    perSecond: 30,
    outcomeShare: 0,
    outcomeDelayMs: 0,
    units: 2000,
  })
  await fill(log, 'predictions', 2, predictions)
  const { layout } = parsePolicy(policyText('kept.'), 'kept.yaml')
  const common = { log, layout, prefix: 'kept.', judgePartitions: 1, clock: systemClock, emit: () => undefined, version: 'test' }
  const daemon = await startDaemon({ ...common, createTopics: true, drain: true })
  await daemon.done
}

async function chainOf(log: EventLog, topic: string): Promise<RawRecord[]> {
  const records: RawRecord[] = []
  await readRaw(
    log,
    topic,
    (record) => records.push(record),
    () => assert.fail('damaged'),
  )
  return records
}

/** The same topics under another prefix: its first decision says something else, and every hash after it is made anew. */
async function writtenAnew(log: EventLog): Promise<void> {
  const anew = rewrittenFrom(await chainOf(log, 'kept.decisions'), 0, (decision) => ({ ...decision, summary: 'nothing happened' }))
  const last = anew.at(-1)!
  const body = Buffer.from('{}')
  const state = { kind: 'ladder' as const, model: 'fraud', decisionNumber: numberOf(last), epoch: 1, sequence: 1, body }
  for (const topic of ['anew.decisions', 'anew.state']) await log.admin.create([{ topic, partitions: 1, config: {} }])
  const writer = await log.writer()
  for (const { key, value, version } of anew)
    await writer.send('anew.decisions', 0, [{ key: key!, value: value!, headers: versionHeaders(version) }])
  await writer.send('anew.state', 0, [{ key: 'fraud', value: encodeState({ ...state, lastHash: hashOfDecision(last.value!) }) }])
  await writer.close()
}

const run = (prefix: string, ...args: string[]): Ended =>
  flyball(['audit', ...args, '-p', `${prefix}yaml`, '-b', broker.bootstrap.join(',')], folder)

test('a drain over midnight anchors its chain once, signed; the command prints it to be kept', {
  ...broker.options,
  timeout: 120_000,
}, async () => {
  const log = await broker.connect()
  for (const prefix of ['kept.', 'anew.']) writeFileSync(join(folder, `${prefix}yaml`), policyText(prefix))
  await drained(log)
  const records = await chainOf(log, 'kept.decisions')
  const [anchor, ...more] = records.filter(isAnchorRecord)
  assert.equal(more.length, 0)
  const { code, stdout, stderr } = run('kept.', 'anchors', 'fraud', '--json')
  assert.equal(code, 0, stderr)
  writeFileSync(join(folder, 'anchors.json'), stdout)
  const printed = JSON.parse(stdout) as { anchors: readonly Record<string, unknown>[] }
  const hash = hashOfDecision(anchor!.value!)
  assert.deepEqual(
    printed.anchors.map(({ model, number, hash: its, day, keyId }) => [model, number, its, day, keyId]),
    [['fraud', numberOf(anchor!), hash, '2025-10-09', 'judge']],
  )
  const words = run('kept.', 'anchors', 'fraud')
  assert.match(words.stdout, new RegExp(`^2025-10-09 +${numberOf(anchor!)} +judge +fraud:${numberOf(anchor!)}:${hash}$`, 'm'))
  assert.equal(run('kept.', 'anchors', 'flights').code, 2)
})

test('the key and the anchor vouch for the chain, and verify says up to where', broker.options, () => {
  const vouched = run('kept.', 'verify', '--trusted-keys', file('judge.pub'), '--anchor', 'anchors.json')
  assert.equal(vouched.code, 0, vouched.stderr)
  assert.match(vouched.stdout, /^fraud: decisions 1 to \d+ are vouched for by the anchor \d+, signed by key judge/m)
  assert.match(vouched.stdout, /^fraud: anchors kept outside that fit: 1$/m)
  const named = run('kept.', 'verify')
  assert.equal(named.code, 0, named.stderr)
  assert.match(named.stdout, /which key judge is said to have signed/)
  copyFileSync(file('stranger.pub'), join(folder, 'other.pub'))
  const stranger = run('kept.', 'verify', '--json', '--trusted-keys', 'judge=other.pub')
  assert.equal(stranger.code, 3)
  const { findings } = JSON.parse(stranger.stdout) as { findings: readonly { kind: string }[] }
  assert.ok(findings.some(({ kind }) => kind === 'signature'))
})

test(
  'the chain written anew is whole to who keeps nothing; the anchor kept outside names the first record that cannot be',
  broker.options,
  async () => {
    await writtenAnew(await broker.connect())
    assert.equal(run('anew.', 'verify').code, 0)
    const held = run('anew.', 'verify', '--anchor', 'anchors.json')
    assert.equal(held.code, 3, held.stdout)
    const [{ number, hash }] = (
      JSON.parse(run('kept.', 'anchors', 'fraud', '--json').stdout) as { anchors: [{ number: number; hash: string }] }
    ).anchors
    assert.match(held.stderr, new RegExp(`FLY-AUDIT-001 .*fraud decision ${number} \\(partition 0, offset \\d+\\)`))
    assert.match(held.stdout, /another record than the one that was kept outside/)
    assert.match(held.stdout, new RegExp(`expected ${hash}`))
    assert.equal(run('anew.', 'verify', '--anchor', `fraud:${number}:${hash}`).code, 3)
    assert.equal(run('anew.', 'verify', '--trusted-keys', file('judge.pub')).code, 3)
  },
)

test('what cannot be read as an anchor or as a key is told before anything is read', broker.options, () => {
  writeFileSync(join(folder, 'bad.txt'), 'fraud:1:abc\n')
  for (const [args, code] of [
    [['--anchor', 'bad.txt'], 'FLY-AUDIT-005'],
    [['--anchor', 'no-such-file'], 'FLY-AUDIT-005'],
    [['--trusted-keys', 'bad.txt'], 'FLY-POLICY-008'],
  ] as const) {
    const ended = run('kept.', 'verify', ...args)
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, new RegExp(code))
  }
})
