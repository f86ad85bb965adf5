/**
 * Retention removed what was to be read next. The stock consumer says so to its log only, commits −1 or −2 to the group and goes on at the start or
 * the END of the log. Panes over such a hole would be wrong and nobody would know. Ours is an error with the topic, the offset and what is left.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { OffsetGone } from '../../src/kafka/failures.ts'
import { withBroker } from '../integration/broker.ts'
import { failureOf, stockKafka, withAdmin } from './kit.ts'

const broker = withBroker()

test('records deleted before they were read are an error that names the offset and the rest of the log', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const writer = await log.writer()
  await writer.send(
    topic,
    0,
    Array.from({ length: 100 }, (_, index) => ({ key: null, value: Buffer.from(`${index}`) })),
  )
  await withAdmin(stockKafka(broker.bootstrap), async (admin) => {
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '50' }] })
  })
  const isGone = (error: unknown, wanted: number) => {
    assert.ok(error instanceof OffsetGone)
    assert.deepEqual([error.topic, error.partition, error.wanted, error.logStart, error.end], [topic, 0, wanted, 50, 100])
    return true
  }
  const { error } = await failureOf(log.reader(), topic, 3)
  isGone(error, 3)
  await assert.rejects(
    log.reader().readRange(topic, 0, 15, 60, () => {}),
    (gone) => isGone(gone, 15),
  )
  isGone((await failureOf(log.reader(), topic, 101)).error, 101)
})

test('one source whose offset is gone does not stop the others of its reader', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic(2)
  const writer = await log.writer()
  await writer.send(topic, 1, [{ key: null, value: Buffer.from('fine') }])
  const reader = log.reader()
  reader.open(topic, 0, 77)
  const fine = reader.open(topic, 1, 0)
  let gone = 0
  while (gone === 0 || !fine.caughtUp) {
    await reader.wait(1000).catch((error) => {
      assert.ok(error instanceof OffsetGone)
      gone++
    })
    fine.take()
  }
  assert.equal(gone, 1)
  await reader.close()
})
