/** The contract of reading and plain writing: explicit positions, batches of columns, ranges that end by the position. */
import assert from 'node:assert/strict'
import type { LogRecord } from '../../src/domain.ts'
import { logRecordOf } from '../../src/kafka/log-record.ts'
import { type ContractTest, record, records, taken, until, valuesOf } from './log-stage.ts'

const WRITTEN_AT_MS = 1_700_000_000_000
const ZERO_BYTES_BEHIND = 16

export const READING: readonly ContractTest[] = [
  {
    title: 'records are read back in order from the partition they were sent to, whatever their keys',
    run: async (stage) => {
      const topic = await stage.topic(3)
      assert.equal(await stage.send(topic, 1, [record('a', 'same key'), record('b', 'other')]), 0)
      assert.equal(await stage.send(topic, 2, [record('c', 'same key')]), 0)
      assert.equal(await stage.send(topic, 1, [record('d', 'same key')]), 2)
      assert.deepEqual(valuesOf(await stage.read(topic, 3, 0, 1)), ['a', 'b', 'd'])
      assert.deepEqual(valuesOf(await stage.read(topic, 1, 0, 2)), ['c'])
      assert.deepEqual(await stage.offsets(topic, 0), { start: 0, end: 0 })
    },
  },
  {
    title: 'a batch has keys, values, nulls, headers and times as columns over one buffer with zeros behind it',
    run: async (stage) => {
      const topic = await stage.topic()
      const headers = { one: 'x', bytes: Buffer.from([0, 255]), empty: '' }
      await stage.send(topic, 0, [
        { key: 'key', value: Buffer.from('value'), headers, timestampMs: WRITTEN_AT_MS },
        { key: null, value: null, timestampMs: WRITTEN_AT_MS + 7 },
        { key: Buffer.alloc(0), value: Buffer.alloc(0), timestampMs: WRITTEN_AT_MS - 7 },
      ])
      await stage.withReader(async (reader) => {
        const source = reader.open(topic, 0, 0)
        let batch = source.take()
        for (; batch === null; batch = source.take()) await reader.wait(1000)
        assert.deepEqual([batch.topic, batch.partition, batch.count], [topic, 0, 3])
        assert.deepEqual([...batch.offset.subarray(0, 3)], [0, 1, 2])
        assert.deepEqual([...batch.timestampMs.subarray(0, 3)], [WRITTEN_AT_MS, WRITTEN_AT_MS + 7, WRITTEN_AT_MS - 7])
        assert.equal(batch.bytes.toString('utf8', batch.keyStart[0], batch.keyEnd[0]), 'key')
        assert.equal(batch.bytes.toString('utf8', batch.valueStart[0], batch.valueEnd[0]), 'value')
        assert.deepEqual([batch.keyStart[1], batch.valueStart[1]], [-1, -1])
        assert.ok(batch.keyStart[2]! >= 0 && batch.keyEnd[2] === batch.keyStart[2])
        assert.ok(batch.valueStart[2]! >= 0 && batch.valueEnd[2] === batch.valueStart[2])
        assert.deepEqual([batch.headerStart[0]! >= 0, batch.headerStart[1], batch.headerStart[2]], [true, -1, -1])
        const last = Math.max(...batch.valueEnd.subarray(0, 3), ...batch.keyEnd.subarray(0, 3))
        assert.ok(batch.bytes.length >= last + ZERO_BYTES_BEHIND)
        const first = logRecordOf(batch, 0)
        assert.deepEqual(
          first.headers.map(([name, value]) => [name, value.toString('hex')]),
          [
            ['one', '78'],
            ['bytes', '00ff'],
            ['empty', ''],
          ],
        )
      })
    },
  },
  {
    title: 'a record without a time of its own bears the time of writing',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, [record('now')])
      const [found] = await stage.read(topic, 1)
      assert.ok(Math.abs(found!.timestampMs - Date.now()) < 3_600_000)
    },
  },
  {
    title: 'a record kept as an object outlives the batch it came in',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(3, 'kept '))
      const kept = await stage.read(topic, 3)
      await stage.send(topic, 0, records(50, 'later '))
      await stage.read(topic, 53)
      assert.deepEqual(valuesOf(kept), ['kept 0', 'kept 1', 'kept 2'])
    },
  },
  {
    title: 'a source begins at the offset it was opened at, be it in the middle of a batch or at the end',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(10))
      assert.deepEqual(valuesOf(await stage.read(topic, 10, 7)), ['7', '8', '9'])
      await stage.withReader(async (reader) => {
        const source = reader.open(topic, 0, 10)
        await reader.wait(1000)
        assert.equal(source.take(), null)
        await stage.send(topic, 0, records(1, 'new '))
        const found: LogRecord[] = []
        while (found.length === 0) {
          await reader.wait(1000)
          found.push(...taken(source))
        }
        assert.deepEqual(valuesOf(found), ['new 0'])
        assert.deepEqual([source.next, source.end, source.caughtUp], [11, 11, true])
      })
    },
  },
  {
    title: 'a source says where it stands, where the end is, and that it is caught up, also on an empty partition',
    run: async (stage) => {
      const topic = await stage.topic(2)
      await stage.send(topic, 1, records(4))
      await stage.withReader(async (reader) => {
        const [empty, full] = [reader.open(topic, 0, 0), reader.open(topic, 1, 1)]
        assert.deepEqual([empty.topic, empty.partition, empty.next, full.partition, full.next], [topic, 0, 0, 1, 1])
        assert.equal(full.caughtUp, false)
        while (empty.end < 0 || full.end < 0) await reader.wait(1000)
        assert.deepEqual([empty.end, empty.caughtUp, full.end, full.caughtUp], [0, true, 4, false])
        assert.equal(taken(full).length, 3)
        assert.deepEqual([full.next, full.caughtUp, empty.take()], [4, true, null])
      })
    },
  },
  {
    title: 'waiting ends when something comes, and when the time is over',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.withReader(async (reader) => {
        const source = reader.open(topic, 0, 0)
        while (!source.caughtUp) await reader.wait(1000)
        await reader.wait(20)
        assert.equal(source.take(), null)
        const came = (async () => {
          while (source.take() === null) await reader.wait(5000)
        })()
        await stage.send(topic, 0, records(1))
        await came
        assert.equal(source.next, 1)
      })
    },
  },
  {
    title: 'one reader reads many partitions of several topics, and a closed source gives nothing more',
    run: async (stage) => {
      const topics = [await stage.topic(3), await stage.topic(3)]
      for (const topic of topics) for (let partition = 0; partition < 3; partition++) await stage.send(topic, partition, records(20))
      await stage.withReader(async (reader) => {
        const sources = topics.flatMap((topic) => [0, 1, 2].map((partition) => reader.open(topic, partition, partition)))
        const counts = sources.map(() => 0)
        while (!sources.every((source) => source.caughtUp)) {
          await reader.wait(1000)
          for (const [index, source] of sources.entries()) counts[index]! += taken(source).length
        }
        assert.deepEqual(counts, [20, 19, 18, 20, 19, 18])
        sources[0]!.close()
        for (const { partition, topic } of sources.slice(0, 2)) await stage.send(topic, partition, records(5))
        while (sources[1]!.next < 25) {
          await reader.wait(1000)
          taken(sources[1]!)
        }
        assert.equal(sources[0]!.take(), null)
      })
    },
  },
  {
    title: 'a send of many records is one run of offsets and says where it begins; a send of none is an error',
    run: async (stage) => {
      const topic = await stage.topic()
      assert.equal(await stage.send(topic, 0, records(3)), 0)
      assert.equal(await stage.send(topic, 0, records(1203)), 3)
      assert.equal(await stage.send(topic, 0, records(1)), 1206)
      const found = await stage.read(topic, 1207)
      assert.deepEqual(
        found.map(({ offset }) => offset),
        Array.from({ length: 1207 }, (_, index) => index),
      )
      assert.deepEqual(
        [found[3], found[1205]].map((one) => String(one!.value)),
        ['0', '1202'],
      )
      await assert.rejects(stage.send(topic, 0, []), /nothing to send/)
    },
  },
  {
    title: 'a write to a partition that is not there is refused, in a transaction too',
    run: async (stage) => {
      const topic = await stage.topic(2)
      const refused = { code: 'FLY-KAFKA-005', detail: { topic, partition: 2 } }
      const writer = await stage.log.writer()
      await assert.rejects(writer.send(topic, 2, [record('nowhere')]), refused)
      const owner = await stage.log.transactor(stage.unique('owner'))
      const transaction = await owner.begin()
      await assert.rejects(transaction.send(topic, 2, [record('nowhere')]), refused)
      await Promise.all([writer.close(), owner.close()])
    },
  },
  {
    title: 'a position that retention has passed, or that is beyond the end, is an error that says what there is',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(10))
      await stage.truncate(topic, 0, 6)
      assert.deepEqual(await stage.offsets(topic), { start: 6, end: 10 })
      for (const wanted of [2, 11]) {
        const gone = { code: 'FLY-KAFKA-002', topic, partition: 0, wanted, logStart: 6, end: 10 }
        const { error, found } = await stage.failureOf(topic, wanted)
        assert.throws(() => {
          throw error
        }, gone)
        assert.deepEqual(found, [])
        await stage.withReader(async (reader) => {
          await assert.rejects(
            reader.readRange(topic, 0, wanted, 20, () => {}),
            gone,
          )
          await assert.rejects(
            reader.readUntil(
              topic,
              0,
              wanted,
              () => false,
              () => {},
            ),
            gone,
          )
        })
      }
      assert.deepEqual(valuesOf(await stage.read(topic, 10, 6)), ['6', '7', '8', '9'])
    },
  },
  {
    title: 'a source whose position is gone fails alone and once: the others of its reader go on',
    run: async (stage) => {
      const topic = await stage.topic(2)
      for (const partition of [0, 1]) await stage.send(topic, partition, records(5))
      await stage.truncate(topic, 0, 3)
      await stage.withReader(async (reader) => {
        const [gone, whole] = [reader.open(topic, 0, 0), reader.open(topic, 1, 0)]
        let failures = 0
        while (failures === 0 || !whole.caughtUp) {
          await reader.wait(500).catch(() => failures++)
          taken(whole)
        }
        assert.equal(whole.next, 5)
        assert.deepEqual([gone.take(), gone.next], [null, 0])
        await reader.wait(20)
        assert.equal(failures, 1)
      })
    },
  },
]

export const RANGES: readonly ContractTest[] = [
  {
    title: 'a range hands over the records in it, ends at its end, and does not touch live reading',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(20))
      await stage.withReader(async (reader) => {
        const live = reader.open(topic, 0, 0)
        const found: LogRecord[] = []
        assert.equal(await reader.readRange(topic, 0, 5, 9, (one) => found.push(one)), 9)
        assert.deepEqual(valuesOf(found), ['5', '6', '7', '8'])
        assert.equal(await reader.readRange(topic, 0, 9, 9, (one) => found.push(one)), 9)
        assert.equal(found.length, 4)
        while (!live.caughtUp) {
          await reader.wait(1000)
          found.push(...taken(live))
        }
        assert.equal(found.length, 24)
      })
    },
  },
  {
    title: 'a range that reaches beyond the end waits for what is still to come',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(2))
      await stage.withReader(async (reader) => {
        const found: LogRecord[] = []
        const range = reader.readRange(topic, 0, 0, 4, (one) => found.push(one))
        await until('the first two', () => found.length === 2)
        await stage.send(topic, 0, records(5, 'later '))
        assert.equal(await range, 4)
        assert.deepEqual(valuesOf(found), ['0', '1', 'later 0', 'later 1'])
      })
    },
  },
  {
    title: 'reading until a record waits for it, keeps it to itself and says where it was',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(3))
      await stage.withReader(async (reader) => {
        const found: LogRecord[] = []
        const end = reader.readUntil(
          topic,
          0,
          1,
          ({ value }) => String(value) === 'stop',
          (one) => found.push(one),
        )
        await until('what stood before it', () => found.length === 2)
        await stage.send(topic, 0, [record('3'), record('stop'), record('behind')])
        assert.equal(await end, 5)
        assert.deepEqual(valuesOf(found), ['1', '2', '3'])
      })
    },
  },
  {
    title: 'who is no longer wanted stops reading and returns nothing, before the first record and between records that do not come',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.send(topic, 0, records(3))
      await stage.withReader(async (reader) => {
        const found: LogRecord[] = []
        const each = (one: LogRecord) => found.push(one)
        const dead = () => false
        assert.equal(await reader.readRange(topic, 0, 0, 3, each, dead), null)
        assert.equal(await reader.readUntil(topic, 0, 0, () => true, each, dead), null)
        assert.deepEqual(found, [])
        const whileFew = () => found.length < 3
        assert.equal(await reader.readUntil(topic, 0, 0, () => false, each, whileFew), null)
        assert.equal(await reader.readRange(topic, 0, 0, 9, each, whileFew), null)
        assert.equal(found.length, 3)
      })
    },
  },
  {
    title: 'reading until a record that never comes ends with an error after its deadline',
    run: async (stage) => {
      const topic = await stage.topic()
      await stage.withReader(async (reader) => {
        const never = () => false
        await assert.rejects(
          reader.readUntil(topic, 0, 0, never, () => {}, undefined, 100),
          /not met, at offset 0/,
        )
      })
    },
  },
]
