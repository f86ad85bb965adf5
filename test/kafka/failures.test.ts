import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOurWords, NotAuthorized, passes } from '../../src/kafka/failures.ts'
import { FlyballError } from '../../src/kit/errors.ts'

const named = (name: string, more: object = {}, cause?: Error) => Object.assign(new Error(name, cause ? { cause } : {}), { name, ...more })
const refused = named('KafkaJSConnectionError', { retriable: true })

test('a broker that is away passes, even wrapped into an error that calls itself not retriable', () => {
  assert.ok(passes(refused))
  assert.ok(passes(named('KafkaJSNonRetriableError', { retriable: false }, refused)))
  assert.ok(passes(named('KafkaJSNumberOfRetriesExceeded', { retriable: false }, named('Anything'))))
  assert.ok(passes(named('KafkaJSProtocolError', { type: 'NOT_COORDINATOR_FOR_GROUP', retriable: false })))
})

test('a bug, a missing right and an error of ours do not pass', () => {
  assert.ok(!passes(new TypeError('x is not a function')))
  assert.ok(!passes(named('KafkaJSNonRetriableError', {}, new TypeError('deep'))))
  assert.ok(!passes(named('KafkaJSProtocolError', { type: 'TOPIC_AUTHORIZATION_FAILED', retriable: false })))
  assert.ok(!passes(new FlyballError('FLY-KAFKA-007', { what: 'a has 1, b has 2' })))
  assert.ok(!passes(named('KafkaJSNonRetriableError', { retriable: false })))
})

test('a refusal and an unreachable broker get our codes, with what was being done', () => {
  const denied = inOurWords(named('KafkaJSProtocolError', { type: 'TOPIC_AUTHORIZATION_FAILED' }), 'write to t/0', ['b:1'])
  assert.ok(denied instanceof NotAuthorized)
  assert.match(denied.message, /FLY-KAFKA-004 not authorised: write to t\/0: TOPIC_AUTHORIZATION_FAILED/)
  assert.match(inOurWords(refused, 'connect', ['b:1', 'b:2']).message, /FLY-KAFKA-001 cannot reach Kafka at b:1,b:2: connect/)
})

test('a port that takes connections and never speaks Kafka is a broker that does not answer', () => {
  const mute = inOurWords(new Error('Broker not connected'), 'connect', ['b:1'])
  assert.match(mute.message, /FLY-KAFKA-001 cannot reach Kafka at b:1: connect: Broker not connected/)
})
