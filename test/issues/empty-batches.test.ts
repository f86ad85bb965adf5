/**
 * Compaction keeps the last batch of every idempotent producer, emptied, so that the producer's sequence is not forgotten. A stretch of nothing but
 * empty batches stops the stock consumer for ever: it gets no record, so it asks for the same offset again. A barrier behind it is never reached.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { ourValues, put, sleep, stockKafka, stockProducer } from './kit.ts'

const broker = withBroker()
const BIG = '.'.repeat(60_000)
const SEGMENT_MS = 1000

test('a compacted segment of only empty batches is passed, and the barrier behind it is reached', broker.options, async () => {
  const log = await broker.connect()
  const kafka = stockKafka(broker.bootstrap)
  const topic = await broker.topic(1, {
    'cleanup.policy': 'compact',
    'segment.ms': String(SEGMENT_MS),
    'segment.bytes': String(1 << 20),
    'min.cleanable.dirty.ratio': '0.001',
    'min.compaction.lag.ms': '0',
  })
  const idempotent = await Promise.all([0, 1, 2, 3].map(() => stockProducer(kafka, { idempotent: true, maxInFlightRequests: 1 })))
  for (const [index, producer] of idempotent.entries()) await put(producer, topic, BIG, `k${index}`)
  await sleep(SEGMENT_MS + 100)
  const plain = await stockProducer(kafka)
  for (let index = 0; index < 4; index++) await put(plain, topic, 'new', `k${index}`)
  for (let index = 0; index < 15; index++) await put(plain, topic, BIG, `u${index}`)
  await sleep(SEGMENT_MS + 100)
  await put(plain, topic, 'tick', 'tick')

  const owner = await log.transactor(broker.unique('owner'))
  const transaction = await owner.begin()
  const { baseOffset } = await transaction.send(topic, 0, [{ key: '__barrier', value: Buffer.from('nonce') }])
  await transaction.commit()

  const reader = log.reader()
  let first = 0
  for (let round = 0; round < 60 && first < 4; round++) {
    await sleep(200)
    const offsets: number[] = []
    const stop = (record: { value: Buffer | null }) => String(record.value) === 'nonce'
    assert.equal(await reader.readUntil(topic, 0, 0, stop, (record) => offsets.push(record.offset), undefined, 5000), baseOffset + 1)
    first = offsets[0]!
  }
  assert.ok(first >= 4, 'the broker has cleaned the first segment')
  assert.equal((await ourValues(log, topic)).at(-1), 'nonce')
  await Promise.all([reader.close(), owner.close(), plain.disconnect(), ...idempotent.map((producer) => producer.disconnect())])
})
