/**
 * An owner that lost its partition and does not know goes on deciding. Opening the transactional id again must shut it out, and must free readers who
 * wait behind what it left open: an open transaction holds up plain records behind it too.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { ourValues, valuesNow } from './kit.ts'

const broker = withBroker()
const record = (value: string) => [{ key: 'k', value: Buffer.from(value) }]

test('a zombie can neither write nor commit, and readers are free as soon as its id is taken over', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const id = broker.unique('owner')
  const zombie = await log.transactor(id)
  const left = await zombie.begin()
  await left.send(topic, 0, record('left open'))
  const writer = await log.writer()
  await writer.send(topic, 0, record('plain'))
  assert.deepEqual(await valuesNow(log, topic), [])

  const owner = await log.transactor(id)
  assert.deepEqual(await ourValues(log, topic), ['plain'])
  await assert.rejects(left.send(topic, 0, record('zombie')), { code: 'FLY-KAFKA-006' })
  await assert.rejects(left.commit())

  const transaction = await owner.begin()
  await transaction.send(topic, 0, record('owner'))
  await transaction.commit()
  assert.deepEqual(await ourValues(log, topic), ['plain', 'owner'])
  await Promise.all([zombie.close(), owner.close()])
})

test('transactions one right after the other do not trip over each other', broker.options, async () => {
  const log = await broker.connect()
  const topics = [await broker.topic(), await broker.topic()]
  const owner = await log.transactor(broker.unique('owner'))
  for (let number = 0; number < 30; number++) {
    const transaction = await owner.begin()
    for (const topic of topics) await transaction.send(topic, 0, record(`${number}`))
    await transaction.commit()
  }
  for (const topic of topics) assert.equal((await ourValues(log, topic)).length, 30)
  await owner.close()
})
