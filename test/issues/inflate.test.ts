/**
 * 700 kB of gzip can hold 700 MiB of blanks; the stock consumer inflates them all. Ours stops at its limit. A single record larger than the fetch limit
 * is no attack: it is delivered, once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { CorruptBatch } from '../../src/kafka/failures.ts'
import { withBroker } from '../integration/broker.ts'
import { failureOf, stockKafka, stockProducer } from './kit.ts'

const broker = withBroker()

test('a batch that inflates beyond the limit is refused', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const producer = await stockProducer(stockKafka(broker.bootstrap))
  const bomb = { value: Buffer.alloc(80 << 20, ' '), partition: 0 }
  await producer.send({ topic, compression: kafkajs.CompressionTypes.GZIP, messages: [bomb] })
  await producer.disconnect()
  const { error } = await failureOf(log.reader(), topic)
  assert.ok(error instanceof CorruptBatch)
  assert.match(error.message, /gzip: inflates beyond the limit of 67108864 bytes/)
})

test('a record of 5 MiB passes a fetch limit of 256 KiB, and the one behind it too, beside another partition', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic(2, { 'max.message.bytes': String(40 << 20) })
  const writer = await log.writer()
  const small = (value: string) => [{ key: null, value: Buffer.from(value) }]
  await writer.send(topic, 0, small('before'))
  await writer.send(topic, 0, [{ key: null, value: Buffer.alloc(5 << 20, 1) }])
  await writer.send(topic, 0, small('after'))
  for (let index = 0; index < 20; index++) await writer.send(topic, 1, small('.'.repeat(100_000)))
  const reader = log.reader({ maxBytesPerPartition: 256 << 10, maxBytes: 512 << 10 })
  const sources = [reader.open(topic, 0, 0), reader.open(topic, 1, 0)]
  const lengths: number[][] = [[], []]
  while (!sources.every((source) => source.caughtUp)) {
    await reader.wait(1000)
    for (const source of sources) {
      for (let batch = source.take(); batch !== null; batch = source.take()) {
        for (let row = 0; row < batch.count; row++) lengths[source.partition]!.push(batch.valueEnd[row]! - batch.valueStart[row]!)
      }
    }
  }
  assert.deepEqual(lengths, [[6, 5 << 20, 5], new Array(20).fill(100_000)])
  await reader.close()
})
