/** Whom a request served must not stand on any topic of Flyball's: ids of units are planted in the inputs, and everything written is searched. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import { FirstExposures, type UnitChunk, UnitTable } from '../../src/join/units.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { hashLanes } from '../../src/kit/hash.ts'
import { topicNames } from '../../src/kit/topics.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { decodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { recordsIn } from '../simulation/fill.ts'
import { BEGIN_MS, PLANTED, plantedLog, plantedPolicy } from '../simulation/planted.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-privacy-'))
after(() => rmSync(folder, { recursive: true, force: true }))
writeFileSync(join(folder, 'key'), 'a key of more than sixteen bytes\n')
writeFileSync(join(folder, 'other-key'), 'another key of more than sixteen bytes\n')

const policyText = (privacy: string) => plantedPolicy(privacy === '' ? '' : `privacy: ${privacy}`)

/** What cannot be used, with a person in key, value or field. */
const BROKEN = [
  `no JSON of ${PLANTED}1`,
  `{"id":"b1","ts":${BEGIN_MS},"model":"fraud","version":"${PLANTED}2","unit":"${PLANTED}2"}`,
  `{"id":"b2","ts":"${PLANTED}3","model":"fraud","version":"v1"}`,
  `{"id":"b3","ts":${BEGIN_MS},"model":"${PLANTED}4","version":"v1"}`,
  `{"id":"b4","ts":${BEGIN_MS},"model":"fraud","version":"v1","error":"${PLANTED}5"}`,
]

interface Written {
  /** By topic, everything on it as bytes: keys, values and headers. */
  readonly bytes: ReadonlyMap<string, Buffer>
  readonly deadLetters: readonly {
    readonly key: string | null
    readonly value: string | null
    readonly headers: Readonly<Record<string, string>>
  }[]
  readonly verdicts: readonly string[]
  readonly chunks: readonly UnitChunk[]
  readonly layout: Layout
}

async function drained(privacy: string): Promise<Written> {
  const broken = BROKEN.map((text) => ({ key: `${PLANTED}9`, value: Buffer.from(text), timestampMs: BEGIN_MS }))
  const log = await plantedLog(broken)
  const file = join(folder, 'flyball.yaml')
  writeFileSync(file, policyText(privacy))
  const verdicts: string[] = []
  const options = { log, layout: loadPolicy(file).layout, prefix: 'flyball.', judgePartitions: 1, clock: systemClock, version: 'test' }
  const emit = (event: { event: string; verdict?: string }) => void (event.event === 'decided' && verdicts.push(event.verdict!))
  await (await startDaemon({ ...options, createTopics: true, drain: true, emit })).done
  const topics = topicNames('flyball.')
  const bytes = new Map<string, Buffer>()
  for (const topic of Object.values(topics)) {
    const parts = (await recordsIn(log, topic, true)).flatMap(({ record }) => [
      record.key ?? Buffer.alloc(0),
      record.value ?? Buffer.alloc(0),
      ...[...record.headers].flatMap(([name, value]) => [Buffer.from(name), Buffer.from(value)]),
    ])
    bytes.set(topic, Buffer.concat(parts))
  }
  const stored = (await recordsIn(log, topics.checkpoints)).flatMap(({ record }) => (record.value ? [decodeCheckpoint(record.value)] : []))
  const chunks = stored.flatMap((one) => (one.kind === 'units' ? [{ from: one.chunk, bytes: one.bytes }] : []))
  const deadLetters = (await recordsIn(log, topics.deadletter, true)).map(({ record }) => ({
    key: record.key?.toString() ?? null,
    value: record.value?.toString() ?? null,
    headers: Object.fromEntries([...record.headers].map(([name, value]) => [name, value.toString()])),
  }))
  return { bytes, deadLetters, verdicts, chunks, layout: options.layout }
}

/** Topics on which a name can be read. */
const tellingNames = ({ bytes }: Written): readonly string[] =>
  [...bytes].filter(([, all]) => all.includes(PLANTED)).map(([topic]) => topic)

/** How many of the people can be found among the stored units by whoever guesses their names, without a key. */
function guessed({ chunks, layout }: Written): number {
  const table = new UnitTable(0)
  for (const chunk of chunks) table.load(chunk)
  const exposures = new FirstExposures(table, layout.models, 'exposure')
  const people = Array.from({ length: 60 }, (_, unit) => Buffer.from(`${PLANTED}${unit}`))
  return people.filter((person) => {
    const lanes = new Int32Array(2)
    hashLanes(person, 0, person.length, lanes)
    // Whoever is known was first at another offset.
    return !exposures.isFirst(0, 0, lanes[0]!, lanes[1]!, -1)
  }).length
}

test('without privacy, dead letters hold what they were sent, and a guessed name can be found on the checkpoints', async () => {
  const written = await drained('')
  assert.deepEqual(tellingNames(written), ['flyball.deadletter'])
  assert.ok(written.deadLetters.some(({ value }) => value === BROKEN[0]))
  assert.ok(written.verdicts.includes('rollback'))
  assert.ok(guessed(written) > 30, `${guessed(written)} of 60: else the next test shows nothing`)
})

test('with hashed units no topic tells a name, nobody without the key can look for one, and the verdict is the same', async () => {
  const written = await drained('{units: hash, keyFile: key}')
  assert.deepEqual(tellingNames(written), [])
  assert.equal(guessed(written), 0)
  assert.ok(written.verdicts.includes('rollback'))
  assert.equal(written.deadLetters.length >= BROKEN.length, true)
  for (const { value, key } of written.deadLetters) {
    assert.match(value!, /^hmac-sha256 [0-9a-f]{64} of \d+ bytes$/)
    assert.match(key!, /^hmac-sha256 [0-9a-f]{64} of \d+ bytes$/)
  }
  const details = new Set(written.deadLetters.map(({ headers }) => `${headers['flyball-reason']} ${headers['flyball-detail']}`))
  for (const kept of ['unknown-version version', 'unknown-model model', 'undecodable '])
    assert.ok(details.has(kept), [...details].join(' | '))
})

test('another key makes other hashes', async () => {
  const [one, other] = [await drained('{units: hash, keyFile: key}'), await drained('{units: hash, keyFile: other-key}')]
  assert.notEqual(one.deadLetters[0]!.value, other.deadLetters[0]!.value)
})

test('dead letters of which nothing is kept still say why and from where', async () => {
  const written = await drained('{deadLetters: none}')
  assert.deepEqual(tellingNames(written), [])
  const [first] = written.deadLetters
  assert.deepEqual([first!.key, first!.value], [null, null])
  assert.equal(first!.headers['flyball-reason'], 'undecodable')
  assert.equal(first!.headers['flyball-offset'], '0')
})

test('hashes without a key, full dead letters beside hashed units, and a short key are refused', () => {
  const faults = (privacy: string) => () => parsePolicy(policyText(privacy), 'flyball.yaml')
  assert.throws(faults('{units: hash}'), /privacy: hashes need keyFile/)
  assert.throws(faults('{deadLetters: hash}'), /privacy: hashes need keyFile/)
  assert.throws(faults('{units: hash, deadLetters: full, keyFile: key}'), /privacy\.deadLetters: full keeps the bytes/)
  writeFileSync(join(folder, 'short-key'), '0123456789abcde\n')
  writeFileSync(join(folder, 'short.yaml'), policyText('{units: hash, keyFile: short-key}'))
  assert.throws(() => loadPolicy(join(folder, 'short.yaml')), { code: 'FLY-POLICY-007' })
})
