import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { CorruptBatch } from '../../src/kafka/failures.ts'
import { logRecordOf } from '../../src/kafka/log-record.ts'
import { type AbortedTransaction, BatchDecoder, planRecordSet, RecordSetPlan } from '../../src/kafka/record-batch.ts'
import { TAIL_BYTES } from '../../src/kafka/wire.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { buildBatch, buildMarker, sealed } from './batch-builder.ts'

const MAX_INFLATED_BYTES = 1 << 20
const value = (text: string) => ({ value: Buffer.from(text) })

/** Everything a reader at `from` gets out of a record set. */
function read(recordSet: Buffer, from = 0, aborted: readonly AbortedTransaction[] = []) {
  const bytes = Buffer.concat([recordSet, Buffer.alloc(TAIL_BYTES)])
  const plan = new RecordSetPlan()
  planRecordSet(plan, bytes, new DataView(bytes.buffer, bytes.byteOffset, bytes.length), recordSet.length, from, aborted)
  const decoder = new BatchDecoder('t', 0, MAX_INFLATED_BYTES)
  const records = []
  const rounds = []
  for (let at = 0; at < plan.batches; ) {
    at += decoder.decode(bytes, plan, at, from)
    const batch = decoder.records
    rounds.push(batch.count)
    const last = batch.bytes.subarray(Math.max(0, batch.valueEnd[batch.count - 1] ?? 0))
    assert.ok(batch.count === 0 || last.length >= 16)
    for (let row = 0; row < batch.count; row++) records.push(logRecordOf(batch, row))
  }
  return { records, rounds, plan, values: records.map((record) => String(record.value)) }
}

test('keys, values, headers, nulls, times and offsets come out as they went in', () => {
  const batch = buildBatch(
    [
      {
        key: Buffer.from('k'),
        value: Buffer.from('v'),
        deltaMs: 0,
        headers: [
          ['h', Buffer.from([1, 2])],
          ['h', null],
        ],
      },
      { key: null, value: null, deltaMs: -5 },
      { key: Buffer.alloc(0), value: Buffer.alloc(3000, 'x'), deltaMs: 3_000_000_000 },
    ],
    { baseOffset: 70_000_000_000, deltas: [0, 5, 300], firstTimestampMs: 1_700_000_000_000 },
  )
  const { records } = read(batch)
  assert.deepEqual(
    records.map((record) => record.offset),
    [70_000_000_000, 70_000_000_005, 70_000_000_300],
  )
  assert.deepEqual(
    records.map((record) => record.timestampMs),
    [1_700_000_000_000, 1_699_999_999_995, 1_703_000_000_000],
  )
  assert.deepEqual(
    records.map((record) => record.key),
    [Buffer.from('k'), null, Buffer.alloc(0)],
  )
  assert.deepEqual(
    records.map((record) => record.value),
    [Buffer.from('v'), null, Buffer.alloc(3000, 'x')],
  )
  assert.deepEqual(records[0]!.headers, [
    ['h', Buffer.from([1, 2])],
    ['h', Buffer.alloc(0)],
  ])
})

test('a topic that stamps at append gives every record the time of the append', () => {
  const batch = buildBatch([{ deltaMs: 1 }, { deltaMs: 2 }], { attributes: 8, firstTimestampMs: -1, maxTimestampMs: 555 })
  assert.deepEqual(
    read(batch).records.map((record) => record.timestampMs),
    [555, 555],
  )
})

test('uncompressed batches are decoded together, compressed ones alone, and order is kept', () => {
  const compressed = buildBatch([value('c')], { baseOffset: 2, attributes: 1, compress: (records) => gzipSync(records) })
  const { values, rounds } = read(
    Buffer.concat([
      buildBatch([value('a')]),
      buildBatch([value('b')], { baseOffset: 1 }),
      compressed,
      buildBatch([value('d')], { baseOffset: 3 }),
    ]),
  )
  assert.deepEqual(values, ['a', 'b', 'c', 'd'])
  assert.deepEqual(rounds, [2, 1, 1])
})

test('a reader in the middle of a batch gets only what it asked for', () => {
  const set = Buffer.concat([buildBatch([value('a'), value('b')]), buildBatch([value('c')], { baseOffset: 2 })])
  assert.deepEqual(read(set, 1).values, ['b', 'c'])
  assert.deepEqual(read(set, 2).values, ['c'])
})

test('a batch that the fetch limit cut off is left for next time, and its size is told', () => {
  const whole = buildBatch([value('a')])
  const cut = buildBatch([value('b'.repeat(500))], { baseOffset: 1 })
  const { values, plan } = read(Buffer.concat([whole, cut.subarray(0, 100)]))
  assert.deepEqual(values, ['a'])
  assert.equal(plan.next, 1)
  assert.equal(plan.cutOffBytes, cut.length)
})

test('empty batches, holes and markers move the position on, before, between and after records', () => {
  const empty = (baseOffset: number) => buildBatch([], { baseOffset, lastOffsetDelta: 4 })
  const set = Buffer.concat([
    empty(0),
    buildBatch([value('a')], { baseOffset: 10, deltas: [3], lastOffsetDelta: 5 }),
    buildMarker(1, 16, 1n),
    empty(20),
  ])
  const { plan, values, records } = read(set)
  assert.deepEqual(values, ['a'])
  assert.equal(records[0]!.offset, 13)
  assert.deepEqual([plan.start, plan.nextAfter[0], plan.next], [5, 25, 25])
  assert.equal(read(empty(0)).plan.next, 5)
})

test('aborted records are left out even when the broker lists the transactions unsorted and two began before the fetch', () => {
  const tx = (producerId: bigint, baseOffset: number, text: string) =>
    buildBatch([{ key: Buffer.alloc(4), ...value(text) }], { producerId, baseOffset, attributes: 16 })
  const set = Buffer.concat([
    tx(2n, 10, 'b aborted'),
    tx(1n, 11, 'a aborted'),
    tx(3n, 12, 'c kept'),
    buildMarker(0, 13, 1n),
    tx(2n, 14, 'b aborted still'),
    tx(1n, 15, 'a kept'),
    buildBatch([value('plain')], { baseOffset: 16, producerId: 2n }),
    buildMarker(0, 17, 2n),
    buildMarker(1, 18, 3n),
    tx(2n, 19, 'b kept'),
  ])
  const aborted = [
    { producerId: 1, firstOffset: 8 },
    { producerId: 2, firstOffset: 2 },
  ]
  assert.deepEqual(read(set, 10, aborted).values, ['c kept', 'a kept', 'plain', 'b kept'])
})

test('a flipped byte, another record format, an absurd count and an unknown codec are refused with the offset', () => {
  const fresh = () => buildBatch([value('abc'), value('def')], { baseOffset: 40 })
  const flipped = fresh()
  flipped[70]! ^= 1
  const format = fresh()
  format[16] = 1
  const absurd = fresh()
  absurd.writeInt32BE(0x7ffffff0, 57)
  const codec = buildBatch([value('a')], { baseOffset: 40, attributes: 6 })
  for (const damaged of [flipped, format, sealed(absurd), codec]) {
    assert.throws(
      () => read(damaged),
      (error) => error instanceof CorruptBatch && error.offset === 40,
    )
  }
})

test('a batch that would inflate beyond the limit is refused', () => {
  const bomb = buildBatch([value('x')], { attributes: 1, compress: () => gzipSync(Buffer.alloc(MAX_INFLATED_BYTES + 1)) })
  assert.throws(() => read(bomb), /inflates beyond the limit/)
})

test('whatever is done to the bytes, decoding ends with records inside the buffer or with CorruptBatch', () => {
  const random = seededRandom(11)
  const pick = (below: number) => Math.floor(random() * below)
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const compress = pick(4) === 0 ? { attributes: 1, compress: (records: Buffer) => gzipSync(records, { level: 1 }) } : {}
    const records = Array.from({ length: pick(4) }, () => ({
      key: pick(2) ? Buffer.alloc(pick(20), 'k') : null,
      ...value('v'.repeat(pick(40))),
      headers: pick(3) ? [] : [['h', Buffer.alloc(3)] as const],
    }))
    let batch = buildBatch(records, { baseOffset: pick(5), ...compress })
    for (let changes = 1 + pick(3); changes > 0; changes--) {
      const at = 21 + pick(batch.length - 21)
      batch[at] = pick(3) === 0 ? pick(256) : pick(2) ? 255 : batch[at]! ^ (1 << pick(8))
    }
    // A right checksum over wrong bytes: only the bounds stand between us and the damage.
    batch = sealed(batch)
    if (pick(4) === 0) batch = batch.subarray(0, pick(batch.length))
    try {
      for (const record of read(batch).records) assert.ok((record.value?.length ?? 0) <= 4096)
    } catch (error) {
      assert.ok(error instanceof CorruptBatch, `${error}`)
      refused++
    }
  }
  assert.ok(refused > 4_000)
})
