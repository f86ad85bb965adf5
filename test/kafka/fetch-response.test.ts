import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchRequest, type Want } from '../../src/kafka/fetch-request.ts'
import { type FetchReply, FetchReplyReader } from '../../src/kafka/fetch-response.ts'
import { newPlace, type Place } from '../../src/kafka/places.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { type BuiltReply, buildReply, int32 } from './reply-builder.ts'

const FILLER = 0xee

/** A place whose bytes show where something was written. */
function marked(bytes: number): Place {
  const place = newPlace(bytes)
  place.bytes.fill(FILLER)
  return place
}

const want = (topic: string, partition: number, place: Want['place'] = marked): Want => ({ topic, partition, from: 0, maxBytes: 1, place })

/** Bytes as a socket would bring them: in pieces of any size, and, when asked, right into the place being filled. */
function bring(reader: FetchReplyReader, bytes: Buffer, pieces: () => number, mayReadInto: () => boolean): void {
  for (let at = 0; at < bytes.length; ) {
    const missing = mayReadInto() ? reader.missing : null
    const length = Math.min(pieces(), bytes.length - at, missing?.length ?? Number.POSITIVE_INFINITY)
    if (missing === null) reader.feed(bytes.subarray(at, at + length))
    else {
      bytes.copy(missing, 0, at, at + length)
      reader.filled(length)
    }
    at += length
  }
}

test('replies come out as they went in, whatever pieces they come in, into places that nothing else is written to', () => {
  const random = seededRandom(21)
  const below = (limit: number) => Math.floor(random() * limit)
  const coin = () => below(2) === 0
  const replies: FetchReply[] = []
  const reader = new FetchReplyReader((reply) => replies.push(reply))
  for (let round = 0; round < 400; round++) {
    const topics = Array.from({ length: below(3) }, (_, topic) => ({
      topic: `tøpic-${topic}`,
      partitions: Array.from({ length: 1 + below(3) }, (_, partition) => ({
        partition,
        errorCode: below(4) === 0 ? 6 : 0,
        lastStable: below(1000) * 4_294_967_296,
        aborted: below(3) === 0 ? null : Array.from({ length: below(4) }, (_, id) => ({ producerId: id + 7, firstOffset: below(99) })),
        records: below(4) === 0 ? null : Buffer.alloc(below(2) === 0 ? below(200) : below(20_000), `${round}-${partition}.`),
      })),
    }))
    const wants = topics.flatMap(({ topic, partitions }) => partitions.map(({ partition }) => want(topic, partition)))
    reader.expect(fetchRequest(wants, 1, 1))
    const size = below(3) === 0 ? 3 : below(2) === 0 ? 300 : 70_000
    const bytes = buildReply({ correlationId: round, errorCode: round % 2, topics })
    bring(reader, bytes, () => 1 + below(size), coin)
    const { correlationId, errorCode, partitions } = replies.pop()!
    assert.deepEqual([correlationId, errorCode, replies.length], [round, round % 2, 0])
    const sent = topics.flatMap((one) => one.partitions.map((partition) => ({ topic: one.topic, ...partition })))
    assert.equal(partitions.length, sent.length)
    for (const [index, { topic, partition, errorCode: code, lastStable, aborted, records }] of sent.entries()) {
      const got = partitions[index]!
      assert.equal(
        got.want,
        wants.find((one) => one.topic === topic && one.partition === partition),
      )
      assert.deepEqual([got.errorCode, got.lastStable, got.length], [code, lastStable, records?.length ?? 0])
      assert.deepEqual(got.aborted, aborted ?? [])
      assert.deepEqual(got.place?.bytes.subarray(0, got.length) ?? Buffer.alloc(0), records ?? Buffer.alloc(0))
      assert.ok(got.place?.bytes.subarray(got.length).every((byte) => byte === FILLER) ?? true)
    }
  }
})

test('records that have no place are passed over, and what follows them is read', () => {
  const replies: FetchReply[] = []
  const reader = new FetchReplyReader((reply) => replies.push(reply))
  reader.expect(fetchRequest([want('t', 0, () => null), want('t', 1)], 1, 1))
  const records = Buffer.alloc(50_000, 'x')
  const partitions = [0, 1].map((partition) => ({ partition, records }))
  reader.feed(buildReply({ topics: [{ topic: 't', partitions }] }))
  assert.deepEqual(
    replies[0]!.partitions.map(({ length, place }) => [length, place?.bytes.subarray(0, length).equals(records) ?? null]),
    [
      [50_000, null],
      [50_000, true],
    ],
  )
})

test('a reply that is shorter than its counts say, longer, or about something else is refused, and no place is asked for more than it has', () => {
  const good: BuiltReply = { topics: [{ topic: 't', partitions: [{ partition: 0, records: Buffer.alloc(40), lastStable: 3 }] }] }
  const refused = (damage: (bytes: Buffer) => Buffer, problem: RegExp) => {
    const asked: number[] = []
    const reader = new FetchReplyReader(() => {})
    const place = (bytes: number) => {
      asked.push(bytes)
      return newPlace(bytes)
    }
    reader.expect(fetchRequest([want('t', 0, place)], 1, 1))
    assert.throws(() => reader.feed(damage(Buffer.from(buildReply(good)))), { name: 'RangeError', message: problem })
    assert.ok(asked.every((bytes) => bytes <= 40))
  }
  const put = (value: number, at: number) => (bytes: Buffer) => {
    bytes.writeInt32BE(value, at)
    return bytes
  }
  refused(put(0x7fffffff, 18), /2147483647 entries/)
  refused(put(5, 0), /shorter|entries/)
  refused(put(0x7ffffff0, 25), /entries/)
  refused(put(-65536 * 2, 22), /a name of -2 bytes/)
  refused(put(9, 29), /partition 9, which was not asked for/)
  refused(put(0x7ffffff0, 67), /shorter/)
  refused(put(39, 67), /1 bytes behind/)
  refused((bytes) => Buffer.concat([put(bytes.length - 4 + 4, 0)(bytes), int32(1)]), /4 bytes behind/)
})

test('whatever is done to the bytes of a reply, reading ends with a reply, waits for more, or is refused', () => {
  const random = seededRandom(22)
  const below = (limit: number) => Math.floor(random() * limit)
  const coin = () => below(2) === 0
  const partitions = [0, 1].map((partition) => ({
    partition,
    records: Buffer.alloc(60, 'r'),
    aborted: [{ producerId: 1, firstOffset: 2 }],
  }))
  const good = buildReply({ topics: [{ topic: 'topic', partitions }] })
  let refused = 0
  for (let round = 0; round < 20_000; round++) {
    const bytes = Buffer.from(good)
    for (let changes = 1 + below(2); changes > 0; changes--) bytes[below(bytes.length)] = below(2) === 0 ? below(256) : 255
    const placed: Place[] = []
    const place = (length: number) => {
      if (length > 1 << 20) return null
      placed.push(marked(length))
      return placed.at(-1)!
    }
    const reader = new FetchReplyReader(() => {})
    reader.expect(fetchRequest([want('topic', 0, place), want('topic', 1, place)], 1, 1))
    try {
      bring(reader, bytes, () => 1 + below(400), coin)
    } catch (error) {
      assert.ok(error instanceof RangeError, `${error}`)
      refused++
    }
  }
  assert.ok(refused > 3_000, `${refused}`)
})
