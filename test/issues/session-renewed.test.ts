/**
 * A broker that ends sessions (`connections.max.reauth.ms`, or the life of an OAUTHBEARER token) closes whatever connection is used beyond its
 * session. Fetching goes over a connection that kafkajs opened and that is ours since: the login has to come again on it, in between.
 */
import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { test } from 'node:test'
import { withBroker } from '../integration/broker.ts'
import { sleep } from './kit.ts'

/** kafkajs renews ten seconds before the end, and brokers take no second login within one second. */
const SESSION_MS = 11_500
const READ_MS = 13_000

const broker = withBroker({
  needsProcess: true,
  extra: [
    'listener.security.protocol.map=PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT',
    'sasl.enabled.mechanisms=PLAIN',
    'sasl.mechanism.inter.broker.protocol=PLAIN',
    'listener.name.plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="broker" password="b" user_broker="b" user_reader="r";',
    `connections.max.reauth.ms=${SESSION_MS}`,
  ],
})

test('live reading outlasts its session without a new connection and without a gap', broker.options, async () => {
  const log = await broker.connect({ sasl: { mechanism: 'plain', username: 'reader', password: 'r' } })
  const topic = await broker.topic()
  const [writer, reader] = [await log.writer(), log.reader()]
  const source = reader.open(topic, 0, 0)
  const values: string[] = []
  const read = async (untilMs: number) => {
    while (performance.now() < untilMs) {
      await reader.wait(100)
      for (let batch = source.take(); batch !== null; batch = source.take()) {
        for (let row = 0; row < batch.count; row++) values.push(batch.bytes.toString('utf8', batch.valueStart[row], batch.valueEnd[row]))
      }
    }
  }
  let connections = 0
  const count = () => connections++
  const startedMs = performance.now()
  const reading = read(startedMs + READ_MS)
  await sleep(500)
  subscribe('net.client.socket', count)
  for (let value = 0; value < 24; value++) {
    await writer.send(topic, 0, [{ key: null, value: Buffer.from(String(value)) }])
    await sleep(450)
  }
  await reading
  unsubscribe('net.client.socket', count)
  assert.deepEqual(
    values,
    Array.from({ length: 24 }, (_, value) => String(value)),
  )
  assert.equal(connections, 0)
})
