/** Where a version came from: records, ancestors, decisions, people, and what nobody has told. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { lineageOf, modelsWith } from '../../src/audit/lineage.ts'
import { versionJsonSchema, versionRecordOf } from '../../src/audit/version-record.ts'
import { lineageLines } from '../../src/cli/lineage.ts'
import { decision, request } from '../wire/records.ts'

const record = (given: object) => versionRecordOf(Buffer.from(JSON.stringify({ model: 'fraud', ...given })), 'test')
const FULL = {
  version: 'v2',
  parent: 'v1',
  artifact: 'sha256:beef',
  trainingRun: { runId: 'run-17', job: { namespace: 'airflow', name: 'train' }, code: '4be1c2' },
  datasets: [{ namespace: 's3://lake', name: 'payments', version: '2026-02', digest: 'sha256:aa' }],
  featureSet: { name: 'features', version: '7', features: ['income', 'age'] },
  plan: 'https://plans.example/v2',
  createdBy: 'eve',
  createdAt: '2023-11-01T00:00:00Z',
  facets: { ownership: { team: 'risk' } },
}
const records = [record({ ...FULL, plan: 'old' }), record(FULL), record({ version: 'v1', parent: 'v0', artifact: 'sha256:01' })]
const sources = { records, decisions: [decision], requests: [request] }

test('a version with everything told: the last record counts, parents follow, people stand with what they did', () => {
  const found = lineageOf('fraud', 'v2', sources)
  assert.deepEqual([found.record?.plan, found.missing, found.conflicts], ['https://plans.example/v2', [], []])
  assert.deepEqual(
    found.ancestors.map(({ version, record: of }) => [version, of?.artifact ?? null]),
    [
      ['v1', 'sha256:01'],
      ['v0', null],
    ],
  )
  assert.deepEqual(
    found.people.map(({ who, did }) => [who, did.split(' ')[0]]),
    [
      ['eve', 'made'],
      ['ada', 'asked'],
      ['bob (OS user)', 'approved'],
    ],
  )
  const lines = lineageLines(found)
  for (const wanted of [
    /^fraud v2$/,
    /^ {2}artifact +sha256:beef$/,
    /^ {2}data +s3:\/\/lake payments@2026-02, sha256:aa$/,
    /^ {2}feature set +features@7, 2 features listed$/,
    /^ {2}training run +run-17, job airflow\/train, code 4be1c2$/,
    /^ {2}parent +v1$/,
    /^ {4}parent +v0 {2}\(nobody has published a record of it\)$/,
    /^ {2}decision +2023-.*#7 errors rose/,
    /^ {2}person +2023-.* ada asked for hold \(done by #7\): release freeze$/,
  ]) {
    assert.ok(
      lines.some((line) => wanted.test(line)),
      `${wanted}\n${lines.join('\n')}`,
    )
  }
})

test('what nobody has told is said, and an artifact that decisions name otherwise is a conflict', () => {
  const unknown = lineageOf('fraud', 'v2', { ...sources, records: [] })
  assert.deepEqual(unknown.missing, ['a version record: nobody has published one'])
  assert.deepEqual(unknown.conflicts, ['decisions were taken about artifact sha256:beef, which no record names'])
  const other = lineageOf('fraud', 'v2', { ...sources, records: [record({ version: 'v2', artifact: 'sha256:other' })] })
  assert.deepEqual(other.conflicts, ['decisions were taken about artifact sha256:beef'])
  assert.match(lineageLines(other).join('\n'), /not told +data, feature set, training run, plan, who made it, when it was made/)
})

test('records that name each other as parents come to an end', () => {
  const circle = [record({ version: 'a', parent: 'b' }), record({ version: 'b', parent: 'a' })]
  assert.deepEqual(
    lineageOf('fraud', 'a', { ...sources, records: circle }).ancestors.map(({ version }) => version),
    ['b'],
  )
})

test('which models have a version is told by records and decisions alike', () => {
  const churn = versionRecordOf(Buffer.from('{"model":"churn","version":"v2"}'), 'test')
  assert.deepEqual(modelsWith('v2', { ...sources, records: [churn] }), ['churn', 'fraud'])
  assert.deepEqual(modelsWith('v9', sources), [])
})

test('a record is held to its schema, and the fault is named with its place', () => {
  const read = (text: string) => () => versionRecordOf(Buffer.from(text), 'file.json')
  assert.throws(read('{'), /FLY-LINEAGE-002 file\.json .*no JSON/)
  assert.throws(read('{"model":"fraud"}'), /version: is missing/)
  assert.throws(read('{"model":"fraud","version":"v2","artifact":"beef"}'), /artifact: must be algorithm:digest/)
  assert.throws(read('{"model":"fraud","version":"v2","datsets":[]}'), /datsets/)
  assert.throws(read('{"model":"fraud","version":"v2","datasets":[{"name":"x"}]}'), /datasets\.0\.namespace/)
})

test('schemas/versions.schema.json is what the checks say (else run scripts/policy-schema.ts)', () => {
  const shipped = JSON.parse(readFileSync('schemas/versions.schema.json', 'utf8'))
  assert.deepEqual(shipped, JSON.parse(JSON.stringify(versionJsonSchema())))
})

test('no text of a record begins a line or has a colour', () => {
  const forged = lineageOf('fraud', 'v2', { ...sources, records: [record({ ...FULL, createdBy: 'eve\n  person  root' })] })
  assert.ok(lineageLines(forged).every((line) => !line.includes('\n')))
})
