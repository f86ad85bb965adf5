/** Short, seeded runs of the differential fuzzers; the long ones are run by hand, see scripts/fuzz/README.md. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fuzzAvro } from '../../scripts/fuzz/avro.ts'
import { fuzzJson } from '../../scripts/fuzz/json.ts'

test('templates, walk and JSON.parse give the same columns and refusals for 20,000 records, two in five of them damaged', () => {
  const report = fuzzJson(20_000, 7)
  assert.ok(report.used > 8_000 && report.refused > 5_000, JSON.stringify(report))
})

test('compiled Avro shapes, the general reader and avsc give the same columns for 20,000 records of fifty random schemas', () => {
  const report = fuzzAvro(20_000, 7)
  assert.ok(report.used > 4_000 && report.refused > 4_000, JSON.stringify(report))
})
