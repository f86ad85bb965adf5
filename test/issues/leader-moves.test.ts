/**
 * A request of kafkajs' producer over several partitions, one of which has moved to another leader. The old leader refuses its part, the
 * new one has already taken what it led before; kafkajs asks again only those brokers that have not answered, and the part that moved goes
 * to nobody. The send resolves as if all were written. So what a broker has not answered for by partition was not written.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Admin } from 'kafkajs'
import type { EventLog } from '../../src/kafka/contract.ts'
import { withBroker } from '../integration/broker.ts'
import { sleep, stockKafka, stockProducer, withAdmin } from './kit.ts'

const broker = withBroker({ brokers: 3, needsProcess: true })
const PATIENT = { ...broker.options, timeout: 180_000 }
const PARTITIONS = [0, 1]
const [OLD_LEADER, OTHER_LEADER] = [1, 2]

const leaders = async (admin: Admin, topic: string) => {
  const [found] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
  return found!.partitions.toSorted((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader)
}

async function ledBy(admin: Admin, topic: string, wanted: readonly number[]): Promise<void> {
  while ((await leaders(admin, topic).catch(() => [])).join() !== wanted.join()) await sleep(100)
}

/** Two partitions, each led by a broker of its own. */
async function apart(): Promise<string> {
  const topic = broker.unique('moves')
  const replicaAssignment = [OLD_LEADER, OTHER_LEADER].map((leader, partition) => ({ partition, replicas: [leader] }))
  await withAdmin(stockKafka(broker.bootstrap), async (admin) => {
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic, replicaAssignment }] })
    await ledBy(admin, topic, [OLD_LEADER, OTHER_LEADER])
  })
  return topic
}

/** Whoever has written to the topic before still believes the first one's old leader. */
async function together(topic: string): Promise<void> {
  await withAdmin(stockKafka(broker.bootstrap), async (admin) => {
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [OTHER_LEADER] }] }] })
    await ledBy(admin, topic, [OTHER_LEADER, OTHER_LEADER])
  })
}

async function valuesOf(log: EventLog, topic: string): Promise<string[][]> {
  const reader = log.reader()
  const values = PARTITIONS.map((): string[] => [])
  for (const { partition, end } of await log.admin.offsets(topic)) {
    await reader.readRange(topic, partition, 0, end, ({ value }) => values[partition]!.push(String(value)))
  }
  await reader.close()
  return values
}

test('kafkajs loses what it sends to a partition whose leader has moved to a broker that it sends to as well', PATIENT, async () => {
  const [log, topic] = [await broker.connect(), await apart()]
  const producer = await stockProducer(stockKafka(broker.bootstrap))
  const send = (value: string) => producer.send({ topic, acks: -1, messages: PARTITIONS.map((partition) => ({ value, partition })) })
  await send('before')
  await together(topic)
  const answers = await send('after')
  assert.deepEqual(await valuesOf(log, topic), [['before'], ['before', 'after']], 'kafkajs has been repaired?')
  assert.deepEqual(
    answers.map(({ partition }) => partition),
    [1],
  )
  await producer.disconnect()
})

test('our writer writes it, and knows where', PATIENT, async () => {
  const [log, topic] = [await broker.connect(), await apart()]
  const writer = await log.writer()
  const send = (values: readonly string[]) =>
    Promise.all(
      PARTITIONS.map((partition) =>
        writer.send(
          topic,
          partition,
          values.map((value) => ({ key: null, value: Buffer.from(value) })),
        ),
      ),
    )
  await send(['before'])
  await together(topic)
  const written = await send(['after', 'and more'])
  assert.deepEqual(
    await valuesOf(log, topic),
    PARTITIONS.map(() => ['before', 'after', 'and more']),
  )
  assert.deepEqual(
    written.map(({ baseOffset }) => baseOffset),
    [1, 1],
  )
  await writer.close()
})
