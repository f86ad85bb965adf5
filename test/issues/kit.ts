/** What the stories share: kafkajs as it comes, and short ways to read a partition. */
import { randomUUID } from 'node:crypto'
import kafkajs, { type Admin, type Kafka, type Producer, type ProducerConfig, type Transaction } from 'kafkajs'
import type { LogRecord } from '../../src/domain.ts'
import type { EventLog, Reader } from '../../src/kafka/contract.ts'
import type { FaultyNetwork } from '../integration/faulty.ts'

export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20)
}

/** kafkajs as anybody would use it, quiet. */
export function stockKafka(brokers: readonly string[], network?: FaultyNetwork): Kafka {
  return new kafkajs.Kafka({
    brokers: [...brokers],
    clientId: 'stock',
    logCreator: () => () => {},
    retry: { initialRetryTime: 20, maxRetryTime: 500, retries: 8 },
    ...(network ? { socketFactory: network.socketFactory } : {}),
  })
}

export async function stockProducer(kafka: Kafka, options: ProducerConfig = {}): Promise<Producer> {
  const producer = kafka.producer({
    createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
    retry: { retries: 10, initialRetryTime: 5 },
    ...options,
  })
  await producer.connect()
  return producer
}

export const transactional = (kafka: Kafka, transactionalId: string, options: ProducerConfig = {}) =>
  stockProducer(kafka, { transactionalId, maxInFlightRequests: 1, ...options })

export async function withAdmin<Result>(kafka: Kafka, work: (admin: Admin) => Promise<Result>): Promise<Result> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

/** One record to partition 0. */
export async function put(to: Producer | Transaction, topic: string, value: string | Buffer | null, key: string | Buffer = 'k') {
  const [answer] = await to.send({ topic, messages: [{ key, value, partition: 0 }] })
  return answer
}

/** What a stock kafkajs consumer delivers of partition 0 from `from`, until it has been quiet for a while. */
export async function stockValues(kafka: Kafka, topic: string, from = 0, quietMs = 900): Promise<string[]> {
  const consumer = kafka.consumer({ groupId: `stock-${topic}-${from}`, maxWaitTimeInMs: 100, allowAutoTopicCreation: false })
  const values: string[] = []
  let lastAtMs = performance.now()
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  consumer.on(consumer.events.GROUP_JOIN, () => {
    lastAtMs = performance.now()
    consumer.seek({ topic, partition: 0, offset: String(from) })
  })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch }) => {
      lastAtMs = performance.now()
      values.push(...batch.messages.map(({ value }) => String(value)))
    },
  })
  await until(() => performance.now() - lastAtMs > quietMs)
  await consumer.disconnect()
  return values
}

const END_KEY = '__end-of-test'

/**
 * What our reader delivers of partition 0 from `from` on, up to a record that is written now. A commit is acknowledged before its marker is in the log,
 * so the end of the log as it stands would be too early.
 */
export async function ourValues(log: EventLog, topic: string, from = 0): Promise<string[]> {
  const nonce = randomUUID()
  const [writer, reader] = [await log.writer(), log.reader()]
  await writer.send(topic, 0, [{ key: END_KEY, value: Buffer.from(nonce) }])
  const values: string[] = []
  const isEnd = ({ value }: LogRecord) => String(value) === nonce
  await reader.readUntil(topic, 0, from, isEnd, ({ key, value }) => {
    if (String(key) !== END_KEY) values.push(String(value))
  })
  await Promise.all([writer.close(), reader.close()])
  return values
}

/** What can be read now, without waiting for anything. */
export async function valuesNow(log: EventLog, topic: string): Promise<string[]> {
  const reader = log.reader()
  const values: string[] = []
  const { end } = (await log.admin.offsets(topic))[0]!
  await reader.readRange(topic, 0, 0, end, ({ value }) => values.push(String(value)))
  await reader.close()
  return values
}

/** A live read of partition 0 that is expected to fail: gives the error, and what came before it. */
export async function failureOf(reader: Reader, topic: string, from = 0): Promise<{ error: unknown; values: string[] }> {
  const source = reader.open(topic, 0, from)
  const values: string[] = []
  try {
    for (;;) {
      await reader.wait(5000)
      for (let batch = source.take(); batch !== null; batch = source.take()) {
        for (let row = 0; row < batch.count; row++) values.push(batch.bytes.toString('utf8', batch.valueStart[row], batch.valueEnd[row]))
      }
    }
  } catch (error) {
    return { error, values }
  } finally {
    await reader.close()
  }
}
