import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { decodeDecision } from '../../src/wire/decisions.ts'
import { decodeRequest, requestRecord } from '../../src/wire/requests.ts'
import { versionOf } from '../../src/wire/versions.ts'
import { earlier, goldenFile, request, samples, schemaType } from './records.ts'

const goldenBytes = (name: string): Buffer => Buffer.from(readFileSync(goldenFile(name), 'utf8').replace(/\s/g, ''), 'hex')

for (const sample of samples) {
  test(`the bytes of ${sample.name} are those that were published`, () => {
    assert.equal(sample.encode().toString('hex'), goldenBytes(sample.name).toString('hex'))
  })
}

for (const sample of [...samples, ...earlier]) {
  test(`the published bytes of ${sample.name} are read as what they were`, () => {
    assert.deepEqual(sample.decode(goldenBytes(sample.name)), sample.record)
  })

  test(`a reader that knows only schemas/${sample.schema}.avsc decodes ${sample.name}`, () => {
    const read = JSON.stringify(schemaType(sample.schema).fromBuffer(goldenBytes(sample.name)))
    const { model, source, incident, group, id } = sample.record as Readonly<Record<string, string | undefined>>
    assert.ok(read.includes(`"${model ?? source ?? incident ?? group ?? id}"`))
  })
}

test('a record says its version in a header, none means 1, and a version that nobody knows is refused by its name', () => {
  const headers = (value: string) => ({ headers: [['schema', Buffer.from(value)]] as const })
  assert.equal(
    versionOf({ headers: Object.entries(requestRecord(request).headers ?? {}).map(([name, text]) => [name, Buffer.from(text)]) }),
    3,
  )
  assert.equal(versionOf({ headers: [] }), 1)
  for (const odd of ['4', '0', '-1', '1.5', '', 'two']) {
    assert.throws(
      () => decodeRequest(goldenBytes('requests'), versionOf(headers(odd))),
      /FLY-WIRE-001 cannot decode a requests record: it names version/,
    )
  }
  assert.throws(() => decodeRequest(goldenBytes('requests'), 2), /FLY-WIRE-001/)
  assert.throws(() => decodeDecision(goldenBytes('decisions.1'), 2), /FLY-WIRE-001/)
})

test('every schema has golden bytes, and every golden file a record', () => {
  const schemas = readdirSync(new URL('../../schemas', import.meta.url)).filter((file) => file.endsWith('.avsc'))
  assert.deepEqual(schemas.sort(), [...new Set([...samples, ...earlier].map((sample) => `${sample.schema}.avsc`))].sort())
  const files = readdirSync(new URL('../golden', import.meta.url)).filter((file) => file.endsWith('.hex'))
  assert.deepEqual(files.sort(), [...samples, ...earlier].map((sample) => `${sample.name}.hex`).sort())
})

test('every record, field and enum of every schema says what it is', () => {
  for (const name of new Set([...samples, ...earlier].map((sample) => sample.schema))) {
    const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8'))
    assert.deepEqual(undocumented(schema), [], name)
  }
})

function undocumented(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return []
  if (Array.isArray(node)) return node.flatMap(undocumented)
  const { type, name, doc } = node as { type?: unknown; name?: string; doc?: string }
  const mine = name !== undefined && type !== undefined && !doc ? [name] : []
  return [...mine, ...Object.values(node).flatMap(undocumented)]
}
