/** Short, seeded runs of the fuzzers that have a file of their own in scripts/fuzz; the long ones are run by hand, see the README there. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { fuzzConfluent } from '../../scripts/fuzz/confluent.ts'
import { fuzzFetchReply } from '../../scripts/fuzz/fetch-reply.ts'
import { fuzzHttp } from '../../scripts/fuzz/http.ts'
import type { FuzzReport } from '../../scripts/fuzz/parser.ts'
import { fuzzPolicy } from '../../scripts/fuzz/policy.ts'
import { fuzzRecordBatch } from '../../scripts/fuzz/record-batch.ts'
import { fuzzWire } from '../../scripts/fuzz/wire.ts'

/** A run in which nothing was read, or nothing refused, has shown nothing. */
function checkBoth({ cases, used, refused }: FuzzReport): void {
  assert.ok(used > cases / 20 && refused > cases / 20, `${used} of ${cases} read, ${refused} refused`)
}

test('record sets of all codecs are read as kafkajs reads them, and lies under a right checksum are refused or read inside their bytes', async () => {
  checkBoth(await fuzzRecordBatch(300, 7))
})

test('fetch replies in pieces of any size bring what kafkajs reads from them, and damaged ones are refused or waited for', async () => {
  checkBoth(await fuzzFetchReply(300, 7))
})

test('records with a schema id are read as plain Avro of that schema is, and all others are refused for what their first bytes say', async () => {
  checkBoth(await fuzzConfluent(5_000, 7))
})

test('every text is a policy or is refused with FLY-POLICY, in bounded time and memory', () => {
  checkBoth(fuzzPolicy(120, 7))
})

test('whatever is sent to the metrics port is answered or closed, opens nothing, and leaves the server answering', async () => {
  checkBoth(await fuzzHttp(300, 7))
})

test('damaged records of our own topics are refused with FLY-WIRE-001, or are records that can be written again', () => {
  checkBoth(fuzzWire(5_000, 7))
})
