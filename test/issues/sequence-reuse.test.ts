/**
 * The response to a produce request is lost. kafkajs gives the sequence number back and, after an abort, uses it again: the broker takes the next record
 * for a repetition of the lost one, acknowledges it, commits, and the record is nowhere. So a transactor is spent after any error.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { API, FaultyNetwork } from '../integration/faulty.ts'
import { ourValues, put, sleep, stockKafka, transactional } from './kit.ts'

const broker = withBroker()
const record = (value: string) => [{ key: 'k', value: Buffer.from(value) }]

test('kafkajs used on after a lost response acknowledges a record that is nowhere', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const network = new FaultyNetwork()
  const producer = await transactional(stockKafka(broker.bootstrap, network), broker.unique('stock'), {
    retry: { retries: 0, initialRetryTime: 5 },
  })
  const first = await producer.transaction()
  network.loseNext({ api: API.produce })
  await assert.rejects(put(first, topic, 'lost'))
  await first.abort()
  const second = await producer.transaction()
  await afterTheAbort(() => put(second, topic, 'acknowledged'))
  await second.commit()
  assert.deepEqual(await ourValues(log, topic), [])
  await producer.disconnect()
})

/** The broker may still be writing the abort's marker; this producer must not retry by itself. */
async function afterTheAbort(work: () => Promise<unknown>): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      await work()
      return
    } catch (error) {
      if (tries > 100 || !/another concurrent operation/.test(String(error))) throw error
      await sleep(50)
    }
  }
}

test('a lost response is made good within the send, or spends the transactor; the next owner writes on', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const network = new FaultyNetwork()
  const faulty = await broker.connect({ socketFactory: network.socketFactory })
  const id = broker.unique('owner')
  const owner = await faulty.transactor(id)
  const transaction = await owner.begin()
  network.loseNext({ api: API.produce })
  let committed = false
  try {
    await transaction.send(topic, 0, record('one'))
    await transaction.commit()
    committed = true
  } catch {
    await assert.rejects(owner.begin(), /take over anew/)
    await assert.rejects(transaction.abort(), /take over anew/)
  }
  assert.equal(network.lost, 1)
  const next = await log.transactor(id)
  const again = await next.begin()
  await again.send(topic, 0, record('two'))
  await again.commit()
  assert.deepEqual(await ourValues(log, topic), committed ? ['one', 'two'] : ['two'])
  await Promise.all([owner.close(), next.close()])
})
