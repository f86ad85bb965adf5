import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { goldenFile, samples, schemaType } from './records.ts'

for (const sample of samples) {
  const golden = () => Buffer.from(readFileSync(goldenFile(sample.name), 'utf8').replace(/\s/g, ''), 'hex')

  test(`the bytes of ${sample.name} are those that were published`, () => {
    assert.equal(sample.encode().toString('hex'), golden().toString('hex'))
  })

  test(`the published bytes of ${sample.name} are read as what they were`, () => {
    assert.deepEqual(sample.decode(golden()), sample.record)
  })

  test(`a reader that knows only schemas/${sample.schema}.avsc decodes ${sample.name}`, () => {
    const read = JSON.stringify(schemaType(sample.schema).fromBuffer(golden()))
    const { model, source, incident } = sample.record as { model?: string; source?: string; incident?: string }
    assert.ok(read.includes(`"${model ?? source ?? incident}"`))
  })
}

test('every schema has golden bytes, and every golden file a record', () => {
  const schemas = readdirSync(new URL('../../schemas', import.meta.url)).filter((file) => file.endsWith('.avsc'))
  assert.deepEqual(schemas.sort(), [...new Set(samples.map((sample) => `${sample.schema}.avsc`))].sort())
  const files = readdirSync(new URL('../golden', import.meta.url)).filter((file) => file.endsWith('.hex'))
  assert.deepEqual(files.sort(), samples.map((sample) => `${sample.name}.hex`).sort())
})

test('every record, field and enum of every schema says what it is', () => {
  for (const name of new Set(samples.map((sample) => sample.schema))) {
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
