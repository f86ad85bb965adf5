/** The JSON Schema that editors read is derived from the checks, and shipped up to date. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { keysAt, policyJsonSchema } from '../../src/policy/schema.ts'

test('schemas/policy.schema.json is what the checks say (else run scripts/policy-schema.ts)', () => {
  const shipped = JSON.parse(readFileSync('schemas/policy.schema.json', 'utf8'))
  assert.deepEqual(shipped, JSON.parse(JSON.stringify(policyJsonSchema())))
  assert.equal(shipped.$schema, 'http://json-schema.org/draft-07/schema#')
})

test('the keys known at a place are found through names of models and forms of values', () => {
  assert.deepEqual(keysAt(['models', 'fraud', 'silence']), ['after', 'minimum'])
  assert.deepEqual(keysAt(['models', 'fraud', 'features', 'age']), ['low', 'high', 'bins', 'required', 'edges', 'values'])
})
