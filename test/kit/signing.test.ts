/** A signature holds for one record in one place, by one key, for as long as that key is believed. */
import assert from 'node:assert/strict'
import { generateKeyPairSync, verify } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { signatureOf, signerOf, trustedKeyOf, verified } from '../../src/kit/signing.ts'
import { keysFor } from './keys.ts'

const { file } = keysFor('ops-1', 'ops-2')
const signer = signerOf(file('ops-1.key'), 'ops-1')
const trusted = [trustedKeyOf(file('ops-1.pub'), 'ops-1', null)]
const RECORD = { topic: 'flyball.requests', key: 'fraud', environment: 'production', value: Buffer.from('a request') }
const SIGNATURE = signatureOf(signer, RECORD)

test('a signature by a trusted key over this very record is believed, and says by whom', () => {
  assert.match(SIGNATURE, /^keyid=ops-1;sig=[A-Za-z0-9+/]{86}==$/)
  assert.deepEqual(verified(trusted, SIGNATURE, RECORD, 0), { keyId: 'ops-1' })
})

test('another value, topic, key or environment is another record', () => {
  const why = { why: 'its signature is not that of key ops-1 over this record' }
  for (const changed of [
    { value: Buffer.from('b request') },
    { topic: 'flyball.control' },
    { key: 'churn' },
    { environment: 'staging' },
    // The same bytes in a row, cut elsewhere.
    { topic: 'flyball.request', key: 'sfraud' },
  ])
    assert.deepEqual(verified(trusted, SIGNATURE, { ...RECORD, ...changed }, 0), why)
})

test('one altered byte of the value is found wherever it is', () => {
  for (let index = 0; index < RECORD.value.length; index++) {
    const value = Buffer.from(RECORD.value)
    value[index]! ^= 1
    assert.ok('why' in verified(trusted, SIGNATURE, { ...RECORD, value }, 0))
  }
})

test("another key is not believed, under its own name or another's", () => {
  const other = signatureOf(signerOf(file('ops-2.key'), 'ops-2'), RECORD)
  assert.deepEqual(verified(trusted, other, RECORD, 0), { why: 'it is signed by a key that is not trusted' })
  assert.deepEqual(verified(trusted, other.replace('ops-2', 'ops-1'), RECORD, 0), {
    why: 'its signature is not that of key ops-1 over this record',
  })
})

test('no signature, or one that cannot be read, is told as that', () => {
  assert.deepEqual(verified(trusted, undefined, RECORD, 0), { why: 'it is not signed' })
  for (const header of ['', 'keyid=ops-1', `${SIGNATURE};sig=x`, SIGNATURE.slice(0, -1), `keyid=;sig=${'A'.repeat(86)}==`])
    assert.deepEqual(verified(trusted, header, RECORD, 0), { why: 'its signature cannot be read' }, header)
})

test('a key that is being replaced is believed until its time is over, beside the new one', () => {
  const both = [trustedKeyOf(file('ops-1.pub'), 'ops-1', 1_000), trustedKeyOf(file('ops-2.pub'), 'ops-2', null)]
  const second = signatureOf(signerOf(file('ops-2.key'), 'ops-2'), RECORD)
  assert.deepEqual(verified(both, SIGNATURE, RECORD, 1_000), { keyId: 'ops-1' })
  assert.deepEqual(verified(both, second, RECORD, 1_000), { keyId: 'ops-2' })
  assert.deepEqual(verified(both, SIGNATURE, RECORD, 1_001), { why: 'the time of key ops-1 is over' })
  assert.deepEqual(verified(both, second, RECORD, 1_001), { keyId: 'ops-2' })
})

test('a file that holds no such key is refused with its name', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(file('other.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  for (const read of [
    () => signerOf(file('other.key'), 'x'),
    () => signerOf(file('ops-1.pub'), 'x'),
    () => signerOf(file('missing.key'), 'x'),
    () => trustedKeyOf(file('missing.pub'), 'x', null),
  ])
    assert.throws(read, (error: Error & { code?: string }) => error.code === 'FLY-POLICY-008')
})

test('what is signed is what the page for gateways says, so that others can verify it', () => {
  const body = '16 flyball.requests 5 fraud 10 production 9 a request'
  const type = 'application/vnd.flyball.record.v1'
  const bytes = Buffer.from(`DSSEv1 ${type.length} ${type} ${body.length} ${body}`)
  const signature = Buffer.from(SIGNATURE.split(';sig=')[1]!, 'base64')
  assert.ok(verify(null, bytes, trusted[0]!.key, signature))
})
