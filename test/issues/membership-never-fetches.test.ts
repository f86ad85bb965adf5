/**
 * A consumer that fetches has a position, and its position is reset, restarted and committed behind our back. Membership must never fetch: it pauses
 * everything in GROUP_JOIN, which comes before the first fetch of a generation. Heartbeats go on meanwhile, however long our own work takes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlyballError } from '../../src/kit/errors.ts'
import { withBroker } from '../integration/broker.ts'
import { API, FaultyNetwork } from '../integration/faulty.ts'
import { sleep, until } from './kit.ts'

const broker = withBroker()

test('a member with a full partition joins, rebalances and heartbeats, and sends no fetch request', broker.options, async () => {
  const network = new FaultyNetwork()
  const log = await broker.connect({ socketFactory: network.socketFactory })
  const topics = [await broker.topic(3), await broker.topic(3)]
  const writer = await log.writer()
  await writer.send(topics[0]!, 0, [{ key: null, value: Buffer.from('bait') }])
  const groupId = broker.unique('group')
  let owned = 0
  let generations = 0
  const onFatal = (error: Error) => assert.fail(error)
  const onAssigned = (partitions: readonly number[]) => {
    owned = partitions.length
    generations++
  }
  const first = log.join({ groupId, topics, onAssigned, onFatal })
  await until(() => owned === 3)
  const second = log.join({ groupId, topics, onAssigned: () => {}, onFatal })
  await until(() => generations >= 2 && owned < 3)
  await sleep(1500)
  assert.equal(network.sent.get(API.fetch) ?? 0, 0)
  assert.ok(first.sinceHeartbeatMs < 3000)
  await Promise.all([first.stop(), second.stop()])
})

test('topics that are not co-partitioned end the membership with their partition counts', broker.options, async () => {
  const log = await broker.connect()
  const topics = [await broker.topic(2), await broker.topic(3)]
  const error = await new Promise<Error>((resolve) => {
    log.join({ groupId: broker.unique('group'), topics, onAssigned: () => {}, onFatal: resolve })
  })
  assert.ok(error instanceof FlyballError)
  assert.equal(error.code, 'FLY-KAFKA-007')
})
