import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PartitionSource } from '../../src/kafka/partition-source.ts'
import { type Place, Places } from '../../src/kafka/places.ts'
import { buildBatch } from './batch-builder.ts'

const LIMITS = { maxBytesPerPartition: 1000, maxInflatedBytes: 1 << 20 }

function stage() {
  const places = new Places(1 << 20)
  let room = 0
  const source = new PartitionSource('t', 0, 0, LIMITS, places, () => room++)
  /** What a fetch brings: the bytes are put where the source wants them. */
  const arrive = (records: Buffer, lastStable = 100): boolean => {
    const want = source.want()
    const place = records.length > 0 ? want.place(records.length) : null
    if (place !== null) records.copy(place.bytes)
    return source.put({ want, errorCode: 0, lastStable, aborted: [], length: records.length, place })
  }
  return { source, places, arrive, room: () => room }
}

const batch = (baseOffset: number, records = 2) =>
  buildBatch(
    Array.from({ length: records }, (_, index) => ({ value: Buffer.from(`${baseOffset + index}`) })),
    { baseOffset },
  )

test('two record sets wait at most, and the one behind the records handed out counts until more are asked for', () => {
  const { source, arrive, room } = stage()
  assert.ok(arrive(batch(0)) && source.hasRoom)
  assert.ok(arrive(batch(2)) && !source.hasRoom)
  assert.equal(source.want().from, 4)
  assert.deepEqual([source.take()?.count, source.next, source.hasRoom, room()], [2, 2, false, 0])
  assert.deepEqual([source.take()?.count, source.next, source.hasRoom, room()], [2, 4, true, 1])
  assert.deepEqual([source.take(), source.hasRoom, room()], [null, true, 2])
})

test('records stay as they were handed out until the next take, whatever arrives meanwhile', () => {
  const { source, arrive } = stage()
  for (let round = 0; round < 100; round += 4) {
    arrive(batch(round))
    const records = source.take()!
    arrive(batch(round + 2))
    const values = Array.from({ length: records.count }, (_, row) =>
      records.bytes.toString('utf8', records.valueStart[row], records.valueEnd[row]),
    )
    assert.deepEqual(values, [`${round}`, `${round + 1}`])
    source.take()
  }
})

test('a batch that the limit cut off is asked for whole, and the limit comes back behind it', () => {
  const { source, arrive } = stage()
  const large = buildBatch([{ value: Buffer.alloc(5000) }])
  assert.equal(arrive(large.subarray(0, 1000)), false)
  assert.deepEqual([source.want().maxBytes, source.want().from], [large.length, 0])
  assert.equal(arrive(large), true)
  assert.deepEqual([source.want().maxBytes, source.want().from], [1000, 1])
})

test('no place is given for a batch of more than 64 MiB, and the partition says so by offset', () => {
  const { source } = stage()
  const want = source.want()
  const length = (64 << 20) + 1
  assert.equal(want.place(length), null)
  assert.throws(
    () => source.put({ want, errorCode: 0, lastStable: 9, aborted: [], length, place: null }),
    /FLY-KAFKA-009 t\/0: the batch at/,
  )
})

test('what arrives for a closed partition is dropped, and its place serves another', () => {
  const { source, places, arrive } = stage()
  arrive(batch(0))
  const place = source.want().place(100)!
  source.close()
  assert.equal(source.put({ want: source.want(), errorCode: 0, lastStable: 9, aborted: [], length: 100, place }), false)
  assert.deepEqual([source.take(), source.hasRoom], [null, false])
  assert.equal(places.take(100), place)
})

test('places are used again, the last one first, and no more is kept than was said', () => {
  const places = new Places(100_000)
  const taken: Place[] = [10_000, 16_384, 16_385, 60_000, 90_000].map((bytes) => places.take(bytes))
  assert.ok([10_000, 16_384, 16_385, 60_000, 90_000].every((bytes, index) => taken[index]!.bytes.length >= bytes + 64))
  for (const place of taken) places.give(place)
  assert.equal(places.take(1), taken[1])
  assert.equal(places.take(1), taken[0])
  assert.equal(places.take(30_000), taken[2])
  // The two large ones went beyond what is kept, one after the other.
  assert.ok(!taken.includes(places.take(60_000)))
})
