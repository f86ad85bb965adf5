/**
 * A byte flipped on the broker's disk is delivered by the stock consumer as if nothing were, for it checks no CRC; an absurd record count ends it with a
 * RangeError. Ours refuses the batch, by topic, partition and offset, and has handed over what came before.
 */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CorruptBatch } from '../../src/kafka/failures.ts'
import { withBroker } from '../integration/broker.ts'
import { failureOf } from './kit.ts'

const broker = withBroker({ needsProcess: true })

async function threeBatches() {
  const log = await broker.connect()
  const topic = await broker.topic()
  const writer = await log.writer()
  for (const value of ['value-first', 'value-second', 'value-third'])
    await writer.send(topic, 0, [{ key: null, value: Buffer.from(value) }])
  const file = join(broker.running.dataDir(0), `${topic}-0`, '00000000000000000000.log')
  return { log, topic, file, segment: readFileSync(file) }
}

function overwrite(file: string, bytes: Buffer, at: number): void {
  const handle = openSync(file, 'r+')
  writeSync(handle, bytes, 0, bytes.length, at)
  closeSync(handle)
}

test('a byte flipped on disk is refused with topic, partition and offset, not handed over', broker.options, async () => {
  const { log, topic, file, segment } = await threeBatches()
  overwrite(file, Buffer.from('VALUE'), segment.indexOf('value-second'))
  const { error } = await failureOf(log.reader(), topic)
  assert.ok(error instanceof CorruptBatch)
  assert.match(error.message, new RegExp(`FLY-KAFKA-003 ${topic}/0: corrupt batch at offset 1: CRC mismatch`))
  await assert.rejects(
    log.reader().readRange(topic, 0, 1, 3, () => {}),
    CorruptBatch,
  )
  const values: string[] = []
  await log.reader().readRange(topic, 0, 2, 3, (record) => values.push(String(record.value)))
  assert.deepEqual(values, ['value-third'])
})

test('a record count of two milliards on disk is refused, and nothing is allocated for it', broker.options, async () => {
  const { log, topic, file, segment } = await threeBatches()
  const second = segment.readInt32BE(8) + 12
  const count = Buffer.alloc(4)
  count.writeInt32BE(0x7ffffff0)
  overwrite(file, count, second + 57)
  const { error } = await failureOf(log.reader(), topic)
  assert.ok(error instanceof CorruptBatch && error.offset === 1)
})
