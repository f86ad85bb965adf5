/** What is special to the log in memory: several connections to one broker, header lists as the wire has them, and its own way with time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogRecord } from '../../../src/domain.ts'
import { MemoryBroker } from '../../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../../src/kafka/log/memory-log.ts'
import { toBatch } from '../../../src/kafka/log/memory-reader.ts'
import { recordsOf } from '../../../src/kafka/log-record.ts'
import { systemClock } from '../../../src/kit/clock.ts'
import { handClock } from '../../subscriber/commands.ts'

async function topicOn(broker: MemoryBroker, partitions = 1): Promise<MemoryLog> {
  const log = new MemoryLog(broker)
  await log.admin.create([{ topic: 't', partitions, config: {} }])
  return log
}

const one = (value: string) => [{ key: null, value: Buffer.from(value) }]

test('rows become a batch and rows again: nulls, empty bytes, repeated header names, long values', () => {
  const long = Buffer.alloc(70_000, 7)
  const rows: LogRecord[] = [
    { offset: 3, timestampMs: 5, key: Buffer.from('k'), value: long, headers: [['a', Buffer.from('1')]] },
    { offset: 4, timestampMs: -1, key: null, value: null, headers: [] },
    {
      offset: 9,
      timestampMs: 6,
      key: Buffer.alloc(0),
      value: Buffer.alloc(0),
      headers: [
        ['same', Buffer.from('1')],
        ['same', Buffer.from('2')],
        ['ä'.repeat(100), long],
        ['', Buffer.alloc(0)],
      ],
    },
  ]
  assert.deepEqual(recordsOf(toBatch('t', 0, rows)), rows)
  assert.equal(toBatch('t', 0, []).count, 0)
})

test('connections to one broker see the same log; closing one leaves the others whole', async () => {
  const broker = new MemoryBroker(systemClock)
  const [first, second] = [await topicOn(broker), new MemoryLog(broker)]
  await (await first.writer()).send('t', 0, one('a'))
  await first.close()
  const found: string[] = []
  await second.reader().readRange('t', 0, 0, 1, ({ value }) => found.push(String(value)))
  assert.deepEqual([found, (await second.admin.topics()).get('t')], [['a'], 1])
})

test('records are stamped by the clock of the broker, and what the sender does with its buffers afterwards changes nothing', async () => {
  const clock = handClock()
  const log = await topicOn(new MemoryBroker(clock))
  const value = Buffer.from('before')
  await (await log.writer()).send('t', 0, [{ key: null, value }])
  value.write('after!')
  const found: LogRecord[] = []
  await log.reader().readRange('t', 0, 0, 1, (record) => found.push(record))
  assert.deepEqual([String(found[0]!.value), found[0]!.timestampMs], ['before', clock.nowMs()])
})

test('a range that can never end gives up after a minute of the broker’s clock without progress', async () => {
  const clock = handClock()
  const log = await topicOn(new MemoryBroker(clock))
  const range = log.reader().readRange('t', 0, 0, 5, () => {})
  const failure = assert.rejects(range, /not met, at offset 0/)
  await new Promise((resolve) => setImmediate(resolve))
  clock.advance(60_001)
  await failure
})

test('a topic that does not exist, or no longer, is named by whoever reads or writes it', async () => {
  const log = await topicOn(new MemoryBroker(systemClock))
  const unknown = { code: 'FLY-KAFKA-005' }
  const reader = log.reader()
  const source = reader.open('absent', 0, 0)
  assert.deepEqual([source.end, source.caughtUp, source.take()], [-1, false, null])
  await assert.rejects(reader.wait(10), unknown)
  await reader.wait(10)
  await assert.rejects((await log.writer()).send('t', 7, one('x')), unknown)
  const deleted = log.reader()
  deleted.open('t', 0, 0)
  await log.admin.delete(['t'])
  await assert.rejects(deleted.wait(10), unknown)
})

test('a large backlog comes in several batches, and aborted stretches between them are passed', async () => {
  const broker = new MemoryBroker(systemClock)
  const log = await topicOn(broker)
  const writer = await log.writer()
  const owner = await log.transactor('owner')
  const many = Array.from({ length: 3000 }, (_, index) => one(`${index}`)[0]!)
  await writer.send('t', 0, many)
  const aborted = await owner.begin()
  await aborted.send('t', 0, many)
  await aborted.abort()
  await writer.send('t', 0, many)
  const source = log.reader().open('t', 0, 0)
  let rows = 0
  let batches = 0
  for (let batch = source.take(); batch !== null; batch = source.take(), batches++) rows += batch.count
  assert.deepEqual([rows, source.next, source.caughtUp], [6000, 9001, true])
  assert.ok(batches > 2)
})

test('compaction takes records from anywhere: what stays keeps its offset, readers pass the gaps, and writing and retention go on as before', async () => {
  const broker = new MemoryBroker(systemClock)
  const log = await topicOn(broker)
  const writer = await log.writer()
  await writer.send('t', 0, ['a', 'b', 'c', 'd', 'e', 'f'].flatMap(one))
  const partition = broker.partition('t', 0)
  partition.compact(({ offset }) => offset === 0 || offset === 2 || offset >= 4)
  assert.deepEqual([partition.start, partition.end, partition.records.length], [0, 6, 2])
  await writer.send('t', 0, one('g'))
  const read = async (from: number, to: number) => {
    const found: [number, string][] = []
    await log.reader().readRange('t', 0, from, to, ({ offset, value }) => found.push([offset, String(value)]))
    return found
  }
  assert.deepEqual(await read(0, 7), [
    [1, 'b'],
    [3, 'd'],
    [6, 'g'],
  ])
  assert.deepEqual(await read(2, 6), [[3, 'd']])
  assert.deepEqual(await read(4, 6), [])
  broker.truncate('t', 0, 3)
  assert.deepEqual(
    [partition.start, partition.end, await read(3, 7)],
    [
      3,
      7,
      [
        [3, 'd'],
        [6, 'g'],
      ],
    ],
  )
  broker.truncate('t', 0, 99)
  assert.deepEqual([partition.start, partition.end, partition.records.length], [7, 7, 0])
})
