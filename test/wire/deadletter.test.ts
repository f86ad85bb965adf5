/** A dead letter fits into a topic as brokers make it, whatever the record was that it is about. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DeadLetter } from '../../src/domain.ts'
import { deadLetterRecords } from '../../src/wire/deadletter.ts'

const letter = (keyBytes: number, valueBytes: number): DeadLetter => ({
  ...{ reason: 'undecodable', detail: 'not JSON: "…"', topic: 'predictions', partition: 3, offset: 17 },
  key: Buffer.alloc(keyBytes, 'k'),
  value: Buffer.alloc(valueBytes, 'v'),
})

test('a record of up to a million bytes is kept whole', () => {
  const { key, value, headers } = deadLetterRecords()(letter(10, 999_990))
  assert.deepEqual([key?.length, value?.length, headers?.['flyball-detail']], [10, 999_990, 'not JSON: "…"'])
})

test('of a larger one the reason and the place are kept, its size, and the key where that is small', () => {
  const { key, value, headers } = deadLetterRecords()(letter(10, 999_991))
  assert.deepEqual([key?.length, value], [10, null])
  assert.equal(headers?.['flyball-detail'], 'not JSON: "…" (left out here: 1000001 bytes of key and value)')
  assert.equal(headers?.['flyball-offset'], '17')
  assert.equal(deadLetterRecords()(letter(1_048_000, 5)).key, null)
})
