/** Texts that others write are bounded where they are read: the judge keeps and repeats them. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { decodeAck, encodeAck } from '../../src/wire/acks.ts'
import { decodeRequest, encodeRequest } from '../../src/wire/requests.ts'
import { ack, request } from './records.ts'

test('a request whose texts would make a decision that no broker takes is no request, and the field is named', () => {
  for (const [field, most] of Object.entries({ id: 200, who: 200, reason: 2000, subject: 500, body: 20_000 })) {
    const withText = (length: number) => encodeRequest({ ...request, [field]: 'x'.repeat(length) })
    assert.equal(decodeRequest(withText(most)).model, request.model, field)
    assert.throws(() => decodeRequest(withText(most + 1)), { code: 'FLY-WIRE-001', message: new RegExp(`${field} is longer than ${most}`) })
  }
})

test('a gateway has a name of at most 256 characters', () => {
  assert.equal(decodeAck(encodeAck({ ...ack, gateway: 'g'.repeat(256) })).gateway.length, 256)
  assert.throws(() => decodeAck(encodeAck({ ...ack, gateway: 'g'.repeat(257) })), /FLY-WIRE-001 .*gateway is longer than 256/)
})
