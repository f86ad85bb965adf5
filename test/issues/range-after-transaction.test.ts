/**
 * After a transaction the last record is never at `end − 1`: the marker is. A re-read that waited for the record before the end would wait for ever,
 * and so would one over an aborted tail. Ranges end by the position.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { sleep } from './kit.ts'

const broker = withBroker()

test('a range ends where it was told to, over markers, holes and an aborted tail', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const owner = await log.transactor(broker.unique('owner'))
  for (const [values, commit] of [
    [['a', 'b'], true],
    [['c'], false],
    [['d'], true],
    [['e', 'f'], false],
  ] as const) {
    const transaction = await owner.begin()
    await transaction.send(
      topic,
      0,
      values.map((value) => ({ key: null, value: Buffer.from(value) })),
    )
    await (commit ? transaction.commit() : transaction.abort())
  }
  const reader = log.reader()
  const range = async (from: number, to: number) => {
    const got: string[] = []
    const next = await reader.readRange(topic, 0, from, to, (record) => got.push(`${record.offset}=${record.value}`))
    assert.ok(next! >= to)
    return got.join(' ')
  }
  // The last marker is written after its transaction was acknowledged.
  const end = 10
  while ((await log.admin.offsets(topic))[0]!.end < end) await sleep(20)
  assert.deepEqual(await Promise.all([range(0, end), range(0, 3), range(0, 1), range(1, 6), range(6, end), range(end, end)]), [
    '0=a 1=b 5=d',
    '0=a 1=b',
    '0=a',
    '1=b 5=d',
    '',
    '',
  ])
  await Promise.all([reader.close(), owner.close()])
})

test('a restore that loses its partition in the middle gives up at once, and one without its barrier says so', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const writer = await log.writer()
  for (let round = 0; round < 6; round++)
    await writer.send(
      topic,
      0,
      Array.from({ length: 500 }, () => ({ key: null, value: Buffer.alloc(400) })),
    )
  const reader = log.reader({ maxBytesPerPartition: 1 << 16 })
  let seen = 0
  const never = () => false
  assert.equal(
    await reader.readUntil(
      topic,
      0,
      0,
      never,
      () => seen++,
      () => seen < 200,
    ),
    null,
  )
  assert.ok(seen < 3000)
  await assert.rejects(
    reader.readUntil(topic, 0, 0, never, () => {}, undefined, 500),
    /was not met, at offset 3000/,
  )
  await reader.close()
})
