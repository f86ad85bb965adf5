/** The contract's everyday paths on a real broker; what can go wrong has its files in test/issues. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogRecord } from '../../src/domain.ts'
import type { Source } from '../../src/kafka/contract.ts'
import { logRecordOf } from '../../src/kafka/log-record.ts'
import { withBroker } from './broker.ts'

const broker = withBroker()
const text = (value: string) => ({ key: null, value: Buffer.from(value) })

function taken(source: Source): LogRecord[] {
  const records: LogRecord[] = []
  for (let batch = source.take(); batch !== null; batch = source.take()) {
    for (let row = 0; row < batch.count; row++) records.push(logRecordOf(batch, row))
  }
  return records
}

test('what a writer sent to explicit partitions is read back in order, with keys, headers and times', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic(3)
  const writer = await log.writer()
  const headers = { one: 'x', bytes: Buffer.from([0, 255]), empty: '' }
  const first = await writer.send(topic, 1, [
    { key: 'k', value: Buffer.from('a'), headers },
    { key: null, value: null },
    { key: Buffer.from([1]), value: Buffer.alloc(0) },
  ])
  const second = await writer.send(
    topic,
    1,
    Array.from({ length: 1200 }, (_, index) => text(`${index}`)),
  )
  await writer.send(topic, 2, [text('elsewhere')])
  assert.deepEqual([first.baseOffset, second.baseOffset], [0, 3])

  const reader = log.reader()
  const sources = [0, 1, 2].map((partition) => reader.open(topic, partition, 0))
  const got: LogRecord[][] = [[], [], []]
  while (!sources.every((source) => source.caughtUp)) {
    await reader.wait(1000)
    for (const [index, source] of sources.entries()) got[index]!.push(...taken(source))
  }
  assert.deepEqual(
    got.map((records) => records.length),
    [0, 1203, 1],
  )
  assert.deepEqual(
    got[1]!.map((record) => record.offset),
    Array.from({ length: 1203 }, (_, index) => index),
  )
  const [a, b, c] = got[1]!
  assert.deepEqual([String(a!.key), String(a!.value)], ['k', 'a'])
  assert.deepEqual(
    a!.headers.map(([name, value]) => [name, value.toString('hex')]),
    [
      ['one', '78'],
      ['bytes', '00ff'],
      ['empty', ''],
    ],
  )
  assert.ok(Math.abs(a!.timestampMs - Date.now()) < 60_000)
  assert.deepEqual([b!.key, b!.value, c!.key, c!.value], [null, null, Buffer.from([1]), Buffer.alloc(0)])
  assert.equal(sources[1]!.end, 1203)
  await reader.close()
})

test('a reader that is slow holds little, and a source opened in the middle begins there', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const writer = await log.writer()
  for (let round = 0; round < 8; round++)
    await writer.send(
      topic,
      0,
      Array.from({ length: 500 }, (_, index) => text(`${round * 500 + index} ${'.'.repeat(200)}`)),
    )
  const reader = log.reader({ maxBytesPerPartition: 64 << 10, maxWaitMs: 50 })
  const source = reader.open(topic, 0, 777)
  await reader.wait(2000)
  await new Promise((resolve) => setTimeout(resolve, 200))
  const seen: number[] = []
  while (!source.caughtUp) {
    for (const record of taken(source)) seen.push(record.offset)
    await reader.wait(500)
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 4000 - 777 }, (_, index) => 777 + index),
  )
  assert.equal(source.next, 4000)
  await reader.close()
})

test('a committed transaction is read, an aborted one is not, and opening the id again fences its owner', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic(2)
  const id = broker.unique('owner')
  const old = await log.transactor(id)
  const kept = await old.begin()
  const { baseOffset } = await kept.send(topic, 0, [text('kept')])
  await kept.send(topic, 1, [text('kept too')])
  await kept.commit()
  const dropped = await old.begin()
  await dropped.send(topic, 0, [text('dropped')])
  await dropped.abort()
  const open = await old.begin()
  await open.send(topic, 0, [text('left open')])

  const fresh = await log.transactor(id)
  await assert.rejects(open.commit())
  await assert.rejects(old.begin(), /take over anew/)
  const transaction = await fresh.begin()
  await transaction.send(topic, 0, [text('new owner')])
  await transaction.commit()

  const values: string[] = []
  const reader = log.reader()
  const writer = await log.writer()
  const last = await writer.send(topic, 0, [text('last')])
  await reader.readUntil(
    topic,
    0,
    0,
    (record) => record.offset === last.baseOffset,
    (record) => values.push(String(record.value)),
  )
  assert.deepEqual(values, ['kept', 'new owner'])
  assert.equal(baseOffset, 0)
  await Promise.all([old.close(), fresh.close(), reader.close()])
})

test('two members share co-partitioned topics, and when one leaves the other gets all and keeps what it had', broker.options, async () => {
  const log = await broker.connect()
  const topics = [await broker.topic(5), await broker.topic(5)]
  const groupId = broker.unique('group')
  const owned = new Map<string, readonly number[]>()
  const kept: number[][] = []
  const member = (name: string) =>
    log.join({
      groupId,
      topics,
      onAssigned: (partitions, still) => {
        owned.set(name, partitions)
        if (name === 'a') kept.push([...still])
      },
      onFatal: (error) => assert.fail(error),
    })
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const a = member('a')
  await until(() => owned.get('a')?.length === 5)
  const b = member('b')
  await until(() => owned.get('a')?.length === 3 && owned.get('b')?.length === 2)
  const before = owned.get('a')!
  assert.deepEqual([...before, ...owned.get('b')!].sort(), [0, 1, 2, 3, 4])
  await b.stop()
  await until(() => owned.get('a')?.length === 5)
  assert.deepEqual(kept.at(-1), before)
  assert.ok(a.sinceHeartbeatMs < 5000)
  await a.stop()
})

test('topics are created once, with their settings, counted and deleted', broker.options, async () => {
  const log = await broker.connect()
  const topic = broker.unique('made')
  const spec = { topic, partitions: 4, config: { 'cleanup.policy': 'compact' } }
  assert.deepEqual(await log.admin.create([spec]), [topic])
  assert.deepEqual(await log.admin.create([spec]), [])
  assert.equal((await log.admin.topics()).get(topic), 4)
  assert.deepEqual(
    await log.admin.offsets(topic),
    [0, 1, 2, 3].map((partition) => ({ partition, start: 0, end: 0 })),
  )
  await log.admin.delete([topic])
})

test('brokers that do not answer are named in one error with a code', broker.options, async () => {
  await assert.rejects(broker.connect({ brokers: ['127.0.0.1:1'] }), { code: 'FLY-KAFKA-001' })
})
