import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { unitPoint } from '../../src/subscriber/route.ts'
import { goldenFile } from './records.ts'

const page = readFileSync(new URL('../../docs/control-topic.md', import.meta.url), 'utf8')

test('the bytes and points printed for strangers are the real ones', () => {
  for (const name of ['control', 'acks']) assert.ok(page.includes(readFileSync(goldenFile(name), 'utf8').trim()), name)
  for (const unit of ['customer-1', 'Zoë'])
    assert.ok(page.includes(`unit \`${unit}\` → ${unitPoint('fraud', 'v2', unit).toFixed(6)}`), unit)
})

test('every field of a command and of an ack is explained', () => {
  for (const name of ['control', 'acks']) {
    const schema = JSON.parse(readFileSync(new URL(`../../schemas/${name}.avsc`, import.meta.url), 'utf8')) as {
      fields: { name: string }[]
    }
    for (const field of schema.fields) assert.match(page, new RegExp(`\\b${field.name}\\b`))
  }
})

test('the Python gateway is at most seventy lines', () => {
  const source = readFileSync(new URL('../../examples/gateway.py', import.meta.url), 'utf8')
  assert.ok(source.trimEnd().split('\n').length <= 70)
})
