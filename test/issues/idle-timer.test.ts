/** Five idle kafkajs clients woke the process 4,600 times a second: its request queue armed a timer of 0 ms for ever. Repaired, an idle client sleeps. */
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { ourValues, sleep } from './kit.ts'

const broker = withBroker()
const RequestQueue = createRequire(import.meta.url)('kafkajs/src/network/requestQueue') as { prototype: { checkPendingRequests(): void } }

test('idle clients wake nobody, and requests that had to queue are still sent', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic()
  const writers = await Promise.all(Array.from({ length: 5 }, () => log.writer()))
  const original = RequestQueue.prototype.checkPendingRequests
  let wakes = 0
  RequestQueue.prototype.checkPendingRequests = function () {
    wakes++
    return original.call(this)
  }
  try {
    await sleep(1000)
    assert.ok(wakes < 20, `${wakes} wakes in a second`)
  } finally {
    RequestQueue.prototype.checkPendingRequests = original
  }
  const owner = await log.transactor(broker.unique('one-in-flight'))
  const transaction = await owner.begin()
  await Promise.all(Array.from({ length: 50 }, () => transaction.send(topic, 0, [{ key: null, value: null }])))
  await transaction.commit()
  assert.equal((await ourValues(log, topic)).length, 50)
  await Promise.all([owner.close(), ...writers.map((writer) => writer.close())])
})
