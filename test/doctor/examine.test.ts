/** An installation on a log in memory, whole and with one thing broken at a time: the doctor finds that thing, and nothing else. */
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { FINDINGS, type FindingId } from '../../src/doctor/findings.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import type { OwnTopic } from '../../src/kit/topics.ts'
import { type Breaks, findingsOf, idsOf, install } from './installation.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-doctor-'))
after(() => rmSync(folder, { recursive: true }))

const empty = (): EventLog => new MemoryLog(new MemoryBroker(systemClock))
const replaced =
  (from: string, to: string) =>
  (text: string): string => {
    assert.ok(text.includes(from), from)
    return text.replace(from, to)
  }
const own =
  (name: string, change: (topic: OwnTopic) => OwnTopic | null) =>
  (topic: OwnTopic): OwnTopic | null =>
    topic.topic.endsWith(`.${name}`) ? change(topic) : topic
const config = (more: Readonly<Record<string, string>>) => (topic: OwnTopic) => ({ ...topic, config: { ...topic.config, ...more } })
const without = (name: string) => (value: Record<string, unknown>) => ({ ...value, [name]: undefined })

/** What is broken, what is found (always beside the rights that cannot be tried), and what the remedy names. */
const CASES: readonly (readonly [what: string, breaks: Breaks, ids: readonly FindingId[], fix: RegExp])[] = [
  ['nothing', {}, [], /^/],
  ['a topic of ours that is not there', { own: own('alerts', () => null) }, ['topic-missing'], /flyball topics --create -p/],
  ['that only lineage lacks its topic', { own: own('versions', () => null) }, ['topic-unused'], /flyball topics --create/],
  [
    'topics of ours with unequal partitions',
    { own: own('acks', (topic) => ({ ...topic, partitions: 3 })) },
    ['partitions-differ'],
    /as many as the others/,
  ],
  [
    'state that is deleted by time',
    { own: own('state', config({ 'cleanup.policy': 'delete' })) },
    ['cleanup-differs'],
    /kafka-configs\.sh .* --entity-name \S+state --add-config cleanup\.policy=compact/,
  ],
  [
    'decisions that are kept for a day',
    { own: own('decisions', config({ 'retention.ms': '86400000' })) },
    ['retention-short'],
    /decisions --add-config retention\.ms=315360000000/,
  ],
  [
    'predictions that are gone before their outcomes come',
    { predictionsConfig: { 'retention.ms': '600000' } },
    ['input-retention-short'],
    /predictions --add-config retention\.ms=4200000$/,
  ],
  [
    'predictions that are kept by size, and compacted',
    { predictionsConfig: { 'retention.bytes': '1000', 'cleanup.policy': 'compact' } },
    ['input-retention-bytes', 'input-compacted'],
    /retention\.bytes=-1/,
  ],
  [
    'outcomes in other partitions than their predictions',
    { outcomePartition: (partition) => 1 - partition },
    ['not-co-partitioned'],
    /rekey: true/,
  ],
  ['inputs with unequal partitions', { outcomePartitions: 3 }, ['inputs-differ'], /rekey: true/],
  [
    'outcomes with ids of their own',
    { outcome: (value) => ({ ...value, id: `o${String(value['id'])}` }) },
    ['ids-unmatched'],
    /--records \d+/,
  ],
  [
    'that what is written anew has no topics yet, and nothing against outcomes that lie elsewhere before that',
    {
      policy: (text) => text.replaceAll('fields: { time: ts', 'rekey: true, fields: { time: ts'),
      outcomePartition: (partition) => 1 - partition,
    },
    ['topic-missing'],
    /flyball topics --create/,
  ],
  ['records from the future', { ageMs: -120_000 }, ['clock-ahead'], /timing\.maxClockSkew/],
  ['a topic in which nothing has come for hours', { ageMs: 7_200_000 }, ['input-quiet'], /topic they write to/],
  ['a topic without a record', { prediction: () => null }, ['input-empty'], /predictions/],
  ['records without a version', { prediction: without('version') }, ['records-unusable', 'model-never-seen'], /fields/],
  [
    'a version that nobody named',
    { policy: replaced('candidate: v2', 'candidate: v3') },
    ['version-unnamed', 'version-never-seen'],
    /control or candidate/,
  ],
  [
    'a feature path that does not exist',
    { policy: replaced('segments: { region: region } }', 'features: { age: features.agee }, segments: { region: region } }') },
    ['feature-absent'],
    /inputs\.predictions\.features\.age /,
  ],
  [
    'a feature that is sent as text',
    { prediction: (value) => ({ ...value, features: { age: 'old' } }) },
    ['feature-mistyped'],
    /features\.age/,
  ],
  [
    'a feature that is often missing',
    { prediction: (value) => (Number(String(value['id']).slice(1)) % 3 ? value : { ...value, features: {} }) },
    ['feature-sparse'],
    /baseline/,
  ],
  ['values beyond the bins', { policy: replaced('low: 0, high: 10', 'low: 0, high: 1') }, ['feature-outside'], /flyball baseline --edges/],
  [
    'categories that nobody named',
    {
      policy: replaced('age: { low: 0, high: 10 }', 'age: { values: [a] }'),
      prediction: (value) => ({ ...value, features: { age: 'b' } }),
    },
    ['category-unseen'],
    /values/,
  ],
  ['segments that nobody named', { policy: replaced('[eu, us]', '[asia]') }, ['segment-unknown'], /segments\.region/],
  ['requests without a latency', { prediction: without('latencyMs') }, ['field-absent'], /fields\.latency/],
  [
    'a score in percent',
    { prediction: (value) => ({ ...value, score: Number(value['score']) * 1000 }) },
    ['score-outside'],
    /score\.probability: false/,
  ],
  ['units that are not there', { prediction: without('unit') }, ['field-absent'], /fields\.unit/],
  ['no gateway', { gateway: null }, ['gateway-missing'], /--role gateway/],
  ['a gateway that was there an hour ago', { gateway: { ageMs: 3_600_000 } }, ['gateway-missing'], /Start the gateways/],
  ['a gateway whose lease ran out', { gateway: { leaseExpired: true } }, ['gateway-expired'], /flyball status/],
  [
    'a gateway that knows no segments, where one is to be isolated',
    { gateway: { features: [] }, policy: replaced('mode: enforce', 'mode: enforce\n    rollout: { isolate: region }') },
    ['gateway-blunt'],
    /dimensions/,
  ],
  ['a decision that was changed', { changedDecision: true }, ['chain-broken'], /flyball audit verify/],
  ['decisions that state does not know', { vouched: 0 }, ['chain-unvouched'], /flyball audit verify/],
  [
    'a schema that is not there',
    { policy: replaced('predictions, fields', 'predictions, format: avro, schemaFile: none.avsc, fields') },
    ['schema-unusable', 'not-checked'],
    /schemaFile/,
  ],
  [
    'a registry that cannot be reached, and names no password of its address',
    {
      policy: replaced('predictions, fields', 'predictions, format: confluent, registry: { url: "http://me:hidden@127.0.0.1:1" }, fields'),
    },
    ['schema-unusable', 'records-unusable', 'model-never-seen'],
    /registry of the input/,
  ],
  [
    'that nobody is told, and that what only that needs is not there',
    { policy: (text) => text.slice(0, text.indexOf('alerts:')), own: own('deliveries', () => null) },
    ['topic-unused', 'nobody-told'],
    /flyball topics --create/,
  ],
  ['nobody who is told', { policy: (text) => text.slice(0, text.indexOf('alerts:')) }, ['nobody-told'], /alerts\.sinks/],
  [
    'a secret that is not there',
    { policy: replaced('lines: { kind: log }', 'lines: { kind: webhook, url: "http://127.0.0.1:1", secretFile: none }') },
    ['secret-unreadable'],
    /none readable/,
  ],
  [
    'headers of a collector that are not there',
    { policy: replaced('version: 1\n', 'version: 1\ntelemetry: {traces: {endpoint: "http://127.0.0.1:4318", headersFile: none}}\n') },
    ['secret-unreadable'],
    /none readable/,
  ],
]

for (const [index, [what, breaks, ids, fix]] of CASES.entries()) {
  test(`the doctor finds ${what}`, async () => {
    const log = empty()
    const findings = await findingsOf(log, await install(log, folder, `i${index}`, breaks))
    const found = idsOf(findings).filter((id) => id !== 'rights-unproven')
    assert.deepEqual(found, ids)
    const [first] = ids
    if (first === undefined) return
    const finding = findings.find(({ id }) => id === first)!
    assert.match(finding.fix, fix)
    assert.equal(finding.level, FINDINGS[first].level)
    for (const text of [finding.what, finding.why, finding.fix]) assert.doesNotMatch(text, /\{\w+\}|undefined|NaN|hidden/)
  })
}

test('nothing is written: every topic ends where it ended before, whatever is sent to destinations', async () => {
  const log = empty()
  const file = await install(log, folder, 'same')
  const ends = async () => {
    const topics = [...(await log.admin.topics()).keys()]
    return JSON.stringify(await Promise.all(topics.map(async (topic) => [topic, await log.admin.offsets(topic)])))
  }
  const before = await ends()
  await findingsOf(log, file, { send: true })
  assert.equal(await ends(), before)
})

test('without a broker the rest is looked at all the same', async () => {
  const log = empty()
  const secretFile = join(folder, 'open')
  writeFileSync(secretFile, 'a secret of some length')
  chmodSync(secretFile, 0o644)
  const webhook = 'lines: { kind: webhook, url: "http://127.0.0.1:1", secretFile: open }'
  const file = await install(log, folder, 'away', { policy: replaced('lines: { kind: log }', webhook) })
  const findings = await findingsOf({ problem: 'connection refused' }, file)
  assert.deepEqual(idsOf(findings), ['broker-away', 'secret-exposed'])
  assert.match(findings[0]!.what, /localhost:9092: connection refused/)
})

test('a test message is sent only when asked for, ends what it began, and a refusal names the destination', async (t) => {
  const bodies: string[] = []
  let status = 200
  const server = createServer((request, response) => {
    request.setEncoding('utf8')
    let body = ''
    request.on('data', (part: string) => {
      body += part
    })
    request.on('end', () => {
      bodies.push(body)
      response.writeHead(status).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const log = empty()
  const file = await install(log, folder, 'told', { policy: replaced('lines: { kind: log }', `lines: { kind: webhook, url: "${url}" }`) })
  await findingsOf(log, file)
  assert.deepEqual(bodies, [])
  const fine = await findingsOf(log, file, { send: true })
  assert.ok(fine.some(({ check, id }) => check === 'sinks' && id === 'fine'))
  assert.deepEqual(
    bodies.map((body) => (JSON.parse(body) as { status: string }).status),
    ['firing', 'resolved'],
  )
  assert.match(bodies[0]!, /nothing has happened/)
  status = 403
  const refused = (await findingsOf(log, file, { send: true })).find(({ id }) => id === 'sink-refused')
  assert.match(refused!.fix, /alerts\.sinks\.lines/)
  assert.match(refused!.what, /403/)
})

test('a broker that tells no topics is as good as none', async () => {
  const log = empty()
  const file = await install(log, folder, 'mute')
  const failing = { ...log, admin: { ...log.admin, topics: () => Promise.reject(new Error('no leader')) } }
  assert.deepEqual(idsOf(await findingsOf(failing, file)), ['broker-away'])
})

test('a step that fails is told, and does not stop the others', async () => {
  const log = empty()
  const file = await install(log, folder, 'steps')
  const failing = {
    ...log,
    reader: () => log.reader(),
    admin: { ...log.admin, configs: () => Promise.reject(new Error('the disk is on fire')) },
  }
  const findings = await findingsOf(failing, file)
  const told = findings.find(({ id }) => id === 'not-checked')
  assert.deepEqual([told?.check, told?.level], ['retention', 'warning'])
  assert.match(told!.what, /the disk is on fire/)
  assert.ok(findings.some(({ check, id }) => check === 'fields' && id === 'fine'))
})
