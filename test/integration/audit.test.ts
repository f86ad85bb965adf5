/**
 * The audit log on a real broker's disk, tampered with as somebody would who may write there: a byte of a stored decision flipped and the
 * batch's checksum made to fit, a decision cut out of the segment, the last one changed. `flyball audit verify` names that very record.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FLYBALL } from '../../scripts/lib/flyball.ts'
import type { AuditReport, RawRecord } from '../../src/audit/audit.ts'
import { ALL } from '../../src/audit/findings.ts'
import { startDaemon } from '../../src/daemon.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readRaw, verifyChains } from '../../src/shell/audit-reads.ts'
import { decodeDecision, hashOfDecision } from '../../src/wire/decisions.ts'
import { type Ended, flyball } from '../cli/run-flyball.ts'
import { sealed } from '../kafka/batch-builder.ts'
import { fill } from '../simulation/fill.ts'
import { traffic } from '../simulation/traffic.ts'
import { withBroker } from './broker.ts'

const broker = withBroker({ needsProcess: true })
const folder = mkdtempSync(join(tmpdir(), 'flyball-audit-'))
after(() => rmSync(folder, { recursive: true }))

const PARTITIONS = 2
const CASES = ['flipped', 'removed', 'last', 'damaged'] as const
type Case = (typeof CASES)[number]

const prefixOf = (name: Case) => `${name}.`

const policyText = (prefix: string): string => `
version: 1
kafka: { prefix: "${prefix}", partitions: 1 }
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
models:
  fraud: { control: v1, candidate: v2, mode: enforce, weights: recorded, ladder: { steps: [10, 50, 100], dwell: 30s, minimumRows: 300 } }
  churn: { control: v1, candidate: v2, mode: enforce, weights: recorded }
`

/** Two models: a candidate that is as good, and one that fails. */
async function inputs(log: EventLog): Promise<void> {
  const { predictions } = traffic({
    seed: 3,
    models: [
      { name: 'fraud', share: 0.5, errorsAdded: 0, shiftAdded: 0 },
      { name: 'churn', share: 0.4, errorsAdded: 0.2, shiftAdded: 0 },
    ],
    partitions: PARTITIONS,
    startMs: 1_760_000_000_000,
    durationMs: 600_000,
    perSecond: 40,
    outcomeShare: 0,
    outcomeDelayMs: 0,
    units: 2000,
  })
  await fill(log, 'predictions', PARTITIONS, predictions)
}

/** A chain through the product: a drain judges the inputs under a prefix of its own. */
async function drained(log: EventLog, name: Case): Promise<RawRecord[]> {
  const prefix = prefixOf(name)
  writeFileSync(join(folder, `${name}.yaml`), policyText(prefix))
  const { layout } = parsePolicy(policyText(prefix), `${name}.yaml`)
  const common = { log, layout, prefix, judgePartitions: 1, clock: systemClock, emit: () => undefined, version: 'test' }
  const daemon = await startDaemon({ ...common, createTopics: true, drain: true })
  await daemon.done
  const records: RawRecord[] = []
  await readRaw(
    log,
    `${prefix}decisions`,
    (record) => records.push(record),
    () => assert.fail('damaged'),
  )
  return records
}

/** The decisions of one model, and the segment that the broker keeps them in. */
const ofModel = (records: readonly RawRecord[], model: string) => records.filter(({ key }) => key?.toString() === model)
const segmentFolder = (name: Case) => join(broker.running.dataDir(0), `${prefixOf(name)}decisions-0`)
const segmentFile = (name: Case) => join(segmentFolder(name), '00000000000000000000.log')

interface Batch {
  readonly begin: number
  readonly end: number
}

/** The batch that holds an offset; it must be plain (no codec) and hold that record alone. */
function batchAt(segment: Buffer, offset: number): Batch {
  for (let begin = 0; begin < segment.length; begin += 12 + segment.readInt32BE(begin + 8)) {
    if (Number(segment.readBigInt64BE(begin)) !== offset) continue
    assert.deepEqual([segment.readInt16BE(begin + 21) & 7, segment.readInt32BE(begin + 57)], [0, 1], 'one record, uncompressed')
    return { begin, end: begin + 12 + segment.readInt32BE(begin + 8) }
  }
  throw new Error(`no batch at offset ${offset}`)
}

/** One bit of one letter of the summary, where it stands in the segment. */
function flip(segment: Buffer, { value, offset }: RawRecord): Buffer {
  const batch = batchAt(segment, offset)
  const { summary } = decodeDecision(value!)
  const at = segment.indexOf(summary, batch.begin)
  assert.ok(at > 0 && at < batch.end)
  segment[at]! ^= 1
  return segment.subarray(batch.begin, batch.end)
}

function edit(name: Case, change: (segment: Buffer) => Buffer): void {
  writeFileSync(segmentFile(name), change(readFileSync(segmentFile(name))))
  // They say at which byte an offset stands; the broker makes them anew.
  for (const file of readdirSync(segmentFolder(name))) if (/\.(time)?index$/.test(file)) rmSync(join(segmentFolder(name), file))
}

function verify(name: Case, ...more: string[]): Ended & { readonly report: AuditReport & { readonly whole: boolean } } {
  const args = ['audit', 'verify', '-p', `${name}.yaml`, '--json', '-b', broker.bootstrap.join(','), ...more]
  const ended = flyball(args, folder)
  assert.notEqual(ended.stdout, '', ended.stderr)
  return { ...ended, report: JSON.parse(ended.stdout) as AuditReport & { readonly whole: boolean } }
}

/** What was found, as far as it says which record is bad. */
const found = ({ report }: ReturnType<typeof verify>) =>
  report.findings.map(({ kind, model, number, partition, offset }) => ({ kind, model, number, partition, offset }))

const chains = new Map<Case, readonly RawRecord[]>()
const of = (name: Case, model = 'fraud') => ofModel(chains.get(name)!, model)
const RECORD = { model: 'fraud', partition: 0 }
/** The decision that is tampered with: neither the first nor the last. */
const AT = 1

test('a chain that a drain wrote is whole', { ...broker.options, timeout: 120_000 }, async () => {
  const log = await broker.connect()
  await inputs(log)
  for (const name of CASES) chains.set(name, await drained(log, name))
  assert.ok(of('flipped').length >= 4, `only ${of('flipped').length} decisions of fraud`)
  const { code, stderr, report } = verify('flipped')
  assert.equal(code, 0, stderr)
  assert.ok(report.whole && report.models.length === 2 && report.models.every(({ headVouched }) => headVouched))
  for (const name of CASES) {
    const topics = topicNames(prefixOf(name))
    assert.deepEqual((await verifyChains(log, topics, ALL, systemClock)).report().findings, [], name)
  }
})

/** A batch whose checksum fits what stands in it now. */
const resealed = (record: RawRecord) => (segment: Buffer) => {
  sealed(flip(segment, record))
  return segment
}

test('the broker is stopped, three segments are edited, and it starts again without complaint', broker.options, async () => {
  await broker.running.kill(0)
  edit('flipped', resealed(of('flipped')[AT]!))
  edit('last', resealed(of('last').at(-1)!))
  edit('removed', (segment) => {
    const { begin, end } = batchAt(segment, of('removed')[AT]!.offset)
    return Buffer.concat([segment.subarray(0, begin), segment.subarray(end)])
  })
  await broker.running.restart(0)
})

test('a byte of a decision flipped under a valid checksum: that decision is named, with both hashes', broker.options, () => {
  const flipped = verify('flipped')
  assert.equal(flipped.code, 3, flipped.stderr)
  assert.match(flipped.stderr, /FLY-AUDIT-001 .*fraud decision 2 \(partition 0, offset \d+\)/)
  assert.deepEqual(found(flipped), [{ ...RECORD, kind: 'changed', number: 2, offset: of('flipped')[AT]!.offset }])
  assert.equal(flipped.report.findings[0]!.expectedHash, hashOfDecision(of('flipped')[AT]!.value!))
  const words = flyball(['audit', 'verify', '-p', 'flipped.yaml', '-b', broker.bootstrap.join(',')], folder)
  assert.equal(words.code, 3)
  assert.match(words.stdout, /^fraud +\d+ +1 to \d+ +#\d+ [0-9a-f]{64} +yes$/m)
  assert.match(words.stdout, /^broken {2}fraud decision 2 \(partition 0, offset \d+\): changed: .*: 2 was changed/m)
  assert.match(words.stdout, /\n +expected [0-9a-f]{64}\n +found +[0-9a-f]{64}$/m)
  const outside = verify('flipped', '--from', '3')
  assert.deepEqual([outside.code, found(outside), outside.report.outside, outside.report.whole], [3, [], 1, false])
  const run = (...more: string[]) => flyball(['audit', 'verify', '-p', 'flipped.yaml', '-b', broker.bootstrap.join(','), ...more], folder)
  assert.match(run('--from', '3').stdout, /^1 more outside the bounds asked for$/m)
  const nothing = run('--model', 'churn', '--from', '20260301')
  assert.equal(nothing.code, 1)
  assert.match(nothing.stderr, /no decision of churn in these bounds/)
  assert.doesNotMatch(nothing.stderr, /whole/)
  // The traffic is of one day, which counts whole.
  const codes = ['2025-10-08', '2025-10-09'].map((day) => run('--model', 'churn', '--to', day).code)
  assert.deepEqual(codes, [1, 0])
  assert.equal(verify('flipped', '--model', 'churn').code, 0, 'another model')
})

test('a decision cut out of the segment is missed by its number', broker.options, () => {
  const removed = verify('removed')
  assert.equal(removed.code, 3, removed.stderr)
  assert.deepEqual(found(removed), [{ ...RECORD, kind: 'missing', number: 2, offset: null }])
})

test('the last decision changed is named, for state knows its hash', broker.options, () => {
  const last = verify('last')
  assert.equal(last.code, 3, last.stderr)
  const { offset } = of('last').at(-1)!
  assert.deepEqual(found(last), [{ ...RECORD, kind: 'changed', number: of('last').length, offset }])
})

test('a byte flipped and the checksum left as it was: the batch is named, and what lies around it is read', broker.options, () => {
  const segment = readFileSync(segmentFile('damaged'))
  flip(segment, of('damaged')[AT]!)
  writeFileSync(segmentFile('damaged'), segment)
  const damaged = verify('damaged')
  assert.equal(damaged.code, 3, damaged.stderr)
  const kinds = found(damaged).map(({ kind, number, offset }) => [kind, number, offset])
  assert.deepEqual(kinds.sort(), [
    ['damaged', null, of('damaged')[AT]!.offset],
    ['missing', 2, null],
  ])
})

test('an export has every decision with its place and hash, and a changelog tells how the releases ended', broker.options, async () => {
  const log = await broker.connect()
  const brokers = ['-b', broker.bootstrap.join(',')]
  const exported = flyball(['audit', 'export', '-p', 'last.yaml', '--model', 'churn', ...brokers], folder)
  assert.equal(exported.code, 0, exported.stderr)
  const lines = exported.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  const stored: RawRecord[] = []
  await readRaw(
    log,
    'last.decisions',
    (record) => stored.push(record),
    () => assert.fail('damaged'),
  )
  assert.deepEqual(
    lines.map(({ model, offset, hash }) => [model, offset, hash]),
    ofModel(stored, 'churn').map(({ offset, value }) => ['churn', offset, hashOfDecision(value!)]),
  )
  const csv = flyball(['audit', 'export', '-p', 'last.yaml', '--format', 'csv', '--to', '1', ...brokers], folder)
  assert.equal(csv.code, 0, csv.stderr)
  assert.match(csv.stdout, /^model,number,time,.*,hash\r\n(\w+,1,20\d\d-.*\r\n){2}$/)
  const broken = flyball(['audit', 'export', '-p', 'damaged.yaml', ...brokers], folder)
  assert.equal(broken.code, 3)
  assert.match(broken.stderr, /FLY-AUDIT-002 .* left out of the export: 1, the first: partition 0, offset \d+$/m)

  const told = (model: string) => JSON.parse(flyball(['changelog', model, '-p', 'last.yaml', '--json', ...brokers], folder).stdout)
  assert.deepEqual(
    ['fraud', 'churn'].map((model) => told(model).releases.map(({ end }: { end: string }) => end)),
    [['running'], ['rolled-back']],
  )
  const words = flyball(['changelog', 'churn', '-p', 'last.yaml', ...brokers], folder)
  assert.match(words.stdout, /^v2 against v1: rolled back\n {2}started {3}20.*\n(.*\n)* {2}ended {5}20.*Rolled back v2/)
})

test('a reader that closes the pipe after a line does not make a broken log a whole one', broker.options, async () => {
  const args = [...FLYBALL, 'audit', 'verify', '-p', join(folder, 'flipped.yaml'), '-b', broker.bootstrap.join(',')]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  let told = ''
  child.stderr.on('data', (chunk: Buffer) => void (told += chunk.toString()))
  const [code] = await once(child, 'close')
  assert.equal(code, 3, told)
  assert.doesNotMatch(told, /EPIPE/)
})
