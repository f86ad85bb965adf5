/**
 * A broker is killed and comes back while we read, write and hold membership. The stock consumer crashed 9 to 14 times over three such kills and
 * delivered records twice. Ours must hand over every record once, in order, and be a member again.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { sleep } from './kit.ts'

const broker = withBroker({ needsProcess: true })

test('reading goes on where it was after the broker was killed, and membership returns', broker.options, async () => {
  const log = await broker.connect()
  const topic = await broker.topic(2)
  const writer = await log.writer()
  const write = async (from: number, to: number) => {
    for (const partition of [0, 1]) {
      await writer.send(
        topic,
        partition,
        Array.from({ length: to - from }, (_, index) => ({ key: null, value: Buffer.from(`${from + index}`) })),
      )
    }
  }
  const fatal: Error[] = []
  const group = {
    groupId: broker.unique('group'),
    topics: [topic],
    onAssigned: () => {},
    onFatal: (error: Error) => void fatal.push(error),
  }
  const membership = log.join(group)
  await write(0, 1000)
  const reader = log.reader()
  const sources = [reader.open(topic, 0, 0), reader.open(topic, 1, 0)]
  const seen: string[][] = [[], []]
  const readTo = async (count: number) => {
    while (seen.some((values) => values.length < count)) {
      await reader.wait(500)
      for (const source of sources) {
        for (let batch = source.take(); batch !== null; batch = source.take()) {
          for (let row = 0; row < batch.count; row++)
            seen[source.partition]!.push(batch.bytes.toString('utf8', batch.valueStart[row], batch.valueEnd[row]))
        }
      }
    }
  }
  await readTo(1000)
  await broker.running.kill(0)
  await sleep(500)
  await broker.running.restart(0)
  await write(1000, 2000)
  await readTo(2000)
  const expected = Array.from({ length: 2000 }, (_, index) => `${index}`)
  assert.deepEqual(seen, [expected, expected])
  while (membership.sinceHeartbeatMs > 2500 && fatal.length === 0) await sleep(100)
  assert.deepEqual(fatal, [])
  await Promise.all([reader.close(), membership.stop()])
})
