import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inOurWords, NotAuthorized, passes, writeOf } from '../../src/kafka/failures.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { endsTenureOnly, passesByItself } from '../../src/shell/passing-trouble.ts'

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
  const from = { brokers: ['b:1', 'b:2'], sasl: { mechanism: 'plain', username: 'judge', password: 'p' } } as const
  const attempt = { doing: 'write to t/0', from, right: writeOf('t') }
  const denied = inOurWords(named('KafkaJSProtocolError', { type: 'TOPIC_AUTHORIZATION_FAILED' }), attempt)
  assert.ok(denied instanceof NotAuthorized)
  assert.equal(denied.message, 'FLY-KAFKA-004 not authorised: User:judge needs WRITE on topic t (write to t/0: TOPIC_AUTHORIZATION_FAILED)')
  assert.match(inOurWords(refused, { doing: 'connect', from }).message, /FLY-KAFKA-001 cannot reach Kafka at b:1,b:2: connect/)
})

test('a right of a group or a transactional id is named as such, whatever topic was involved', () => {
  const attempt = {
    doing: 'join',
    from: { brokers: ['b:1'] },
    right: writeOf('t'),
    through: { operation: 'READ', resource: 'group', name: 'g' },
  } as const
  const denied = inOurWords(named('KafkaJSProtocolError', { type: 'GROUP_AUTHORIZATION_FAILED' }), attempt)
  assert.match(denied.message, /User:ANONYMOUS needs READ on group g \(join: GROUP_AUTHORIZATION_FAILED\)/)
})

test('a login that the brokers refuse is told apart from a missing right', () => {
  const from = { brokers: ['b:1'], sasl: { mechanism: 'scram-sha-512', username: 'judge', password: 'p' } } as const
  const error = inOurWords(named('KafkaJSSASLAuthenticationError', {}), { doing: 'connect', from })
  assert.match(error.message, /FLY-KAFKA-011 the brokers do not let User:judge in \(scram-sha-512\)/)
})

test('a port that takes connections and never speaks Kafka is a broker that does not answer', () => {
  const mute = inOurWords(new Error('Broker not connected'), { doing: 'connect', from: { brokers: ['b:1'] } })
  assert.match(mute.message, /FLY-KAFKA-001 cannot reach Kafka at b:1: connect: Broker not connected/)
})

test('a login at a listener that takes none is told as such, and may pass', () => {
  const from = { brokers: ['b:1'], sasl: { mechanism: 'plain', username: 'judge', password: 'p' } } as const
  const found = inOurWords(named('KafkaJSProtocolError', { type: 'ILLEGAL_SASL_STATE', retriable: false }), { doing: 'connect', from })
  assert.match(found.message, /FLY-KAFKA-001 cannot reach Kafka at b:1: connect: this listener takes no login/)
})

test('a record that a topic never takes is told with the topic and the setting, and not sent for ever', () => {
  const attempt = { doing: 'write to t/3', from: { brokers: ['b:1'] }, right: writeOf('t') }
  const large = inOurWords(named('KafkaJSProtocolError', { type: 'MESSAGE_TOO_LARGE', retriable: false }), attempt)
  assert.match(large.message, /FLY-KAFKA-013 .* write to t\/3: larger than max\.message\.bytes/)
  const future = inOurWords(named('KafkaJSProtocolError', { type: 'INVALID_TIMESTAMP', retriable: false }), attempt)
  assert.match(future.message, /FLY-KAFKA-013 .* write to t\/3: .*message\.timestamp\.after\.max\.ms/)
  assert.ok(!passesByItself(large))
  assert.ok(endsTenureOnly(large), 'one state that is refused ends nobody else')
  assert.ok(!endsTenureOnly(new TypeError('ours')))
})
