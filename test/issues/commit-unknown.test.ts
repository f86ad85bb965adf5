/**
 * The response to EndTxn is lost: `commit()` throws, and the transaction IS committed. Who kept its memory and decided again would fork the chain of
 * decisions; so after any error the next owner reads the state topic first. kafkajs' producer itself is stuck then.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { API, FaultyNetwork } from '../integration/faulty.ts'
import { ourValues } from './kit.ts'

const broker = withBroker()

test('a commit that threw has committed; the transactor is spent and the next owner sees the record', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const network = new FaultyNetwork()
  const faulty = await broker.connect({ socketFactory: network.socketFactory })
  const id = broker.unique('owner')
  const owner = await faulty.transactor(id)
  const transaction = await owner.begin()
  await transaction.send(topic, 0, [{ key: 'k', value: Buffer.from('decided') }])
  network.loseNext({ api: API.endTransaction })
  await assert.rejects(transaction.commit())
  await assert.rejects(transaction.abort(), /take over anew/)
  await assert.rejects(owner.begin(), /take over anew/)

  const next = await log.transactor(id)
  const barrier = await next.begin()
  await barrier.send(topic, 0, [{ key: 'k', value: Buffer.from('barrier') }])
  await barrier.commit()
  assert.deepEqual(await ourValues(log, topic), ['decided', 'barrier'])
  await Promise.all([owner.close(), next.close()])
})
