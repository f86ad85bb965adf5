/**
 * Topics that exist are compressed as their producers like. The stock consumer crashes for good on a codec that was not registered; we must read what
 * the Java client writes with each, in large batches of several blocks, text and noise.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kafkaTool } from '../../scripts/lib/kafka-broker.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { withBroker } from '../integration/broker.ts'
import { ourValues } from './kit.ts'

const broker = withBroker()

const random = seededRandom(9)
const noise = () => Buffer.from(Array.from({ length: 150 }, () => random() * 256)).toString('base64')
const LINES = Array.from({ length: 3000 }, (_, index) => `${index} ${index % 3 === 0 ? noise() : 'abc '.repeat(index % 200)}`)

for (const codec of ['gzip', 'snappy', 'lz4', 'zstd']) {
  test(`what Kafka's own producer writes with ${codec} is read back equal`, broker.options, async () => {
    const log = await broker.connect()
    const topic = await broker.topic()
    const args = [
      '--bootstrap-server',
      broker.bootstrap[0]!,
      '--topic',
      topic,
      '--compression-codec',
      codec,
      '--batch-size',
      '600000',
      '--timeout',
      '300',
    ]
    const run = kafkaTool(await broker.libs(), 'org.apache.kafka.tools.ConsoleProducer', args, `${LINES.join('\n')}\n`)
    assert.equal(run.status, 0, run.stderr)
    assert.deepEqual(await ourValues(log, topic), LINES)
  })
}
