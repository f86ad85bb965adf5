/**
 * `sendBatch` over two partition leaders: the response of one is lost while the other is still under way. kafkajs sends to BOTH again, to the healthy one
 * under a new sequence number, and the record stands twice in one committed transaction. So a transaction sends to one partition at a time.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { API, FaultyNetwork } from '../integration/faulty.ts'
import { ourValues, put, sleep, stockKafka, transactional, withAdmin } from './kit.ts'

const broker = withBroker({ brokers: 3, needsProcess: true })
const port = (index: number) => Number(broker.bootstrap[index]!.split(':')[1])

/** Two topics led by two brokers. */
async function twoLeaders() {
  const log = await broker.connect()
  const topics = [broker.unique('x'), broker.unique('y')] as const
  await withAdmin(stockKafka(broker.bootstrap), (admin) =>
    admin.createTopics({
      waitForLeaders: false,
      topics: topics.map((topic, index) => ({
        topic,
        replicaAssignment: [{ partition: 0, replicas: [index + 1, ((index + 1) % 3) + 1] }],
      })),
    }),
  )
  await sleep(1500)
  return { log, topics }
}

test('sendBatch over two leaders writes one record twice', { ...broker.options, timeout: 180_000 }, async () => {
  const { log, topics } = await twoLeaders()
  const network = new FaultyNetwork()
  const producer = await transactional(stockKafka(broker.bootstrap, network), broker.unique('stock'), {
    retry: { retries: 8, initialRetryTime: 20 },
  })
  const warmUp = await producer.transaction()
  for (const topic of topics) await put(warmUp, topic, 'warm-up')
  await warmUp.commit()
  const copies = async (value: string) => {
    const all = await Promise.all(topics.map((topic) => ourValues(log, topic)))
    return all.flat().filter((one) => one === value).length
  }
  // It takes the second response being under way while the first is repeated: a busy machine may need another try.
  let written = 2
  for (let round = 0; round < 12 && written === 2; round++) {
    network.delay({ api: API.produce, port: port(1), ms: 3000 })
    network.loseNext({ api: API.produce, port: port(0) })
    const transaction = await producer.transaction()
    const messages = [{ value: `record ${round}`, partition: 0 }]
    await transaction.sendBatch({ topicMessages: topics.map((topic) => ({ topic, messages })) })
    await transaction.commit()
    network.delay(null)
    written = await copies(`record ${round}`)
  }
  assert.ok(written > 2, 'kafkajs has been repaired?')
  await producer.disconnect()
})

test('our transaction under the same faults writes every record once', broker.options, async () => {
  const { log, topics } = await twoLeaders()
  const network = new FaultyNetwork()
  const faulty = await broker.connect({ socketFactory: network.socketFactory })
  const owner = await faulty.transactor(broker.unique('owner'))
  network.delay({ api: API.produce, port: port(1), ms: 1000 })
  network.loseNext({ api: API.produce, port: port(0) })
  const transaction = await owner.begin()
  for (const topic of topics) await transaction.send(topic, 0, [{ key: null, value: Buffer.from('record') }])
  await transaction.commit()
  network.delay(null)
  assert.equal(network.lost, 1)
  for (const topic of topics) assert.deepEqual(await ourValues(log, topic), ['record'])
  await owner.close()
})
