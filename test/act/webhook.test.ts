import assert from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { after, test } from 'node:test'
import type { Message, Outside } from '../../src/act/contract.ts'
import { signed } from '../../src/act/sinks/webhook.ts'
import { FarEnd, type Received, status } from './far-server.ts'
import { incident, LINK, message, NOON_MS, ONE, storm } from './messages.ts'
import { PLANS, send } from './plans.ts'

const far = await new FarEnd().open()
after(() => far.close())
const plan = PLANS.webhook(far.url)

async function sent(told: Message, more: Partial<Outside> = {}): Promise<Received> {
  far.respond = status(204)
  assert.deepEqual(await send(plan, told, more), { result: 'delivered', reference: '' })
  return far.received.at(-1)!
}

/** As a receiver would verify it: another library than the sender's, from the header's text alone. */
async function isSignedWith(key: Uint8Array, { headers, bytes }: Received): Promise<boolean> {
  const imported = await webcrypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
  const content = Buffer.concat([Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.`), bytes])
  for (const signature of String(headers['webhook-signature']).split(' ')) {
    const [version, base64] = signature.split(',')
    if (version !== 'v1') continue
    if (await webcrypto.subtle.verify('HMAC', imported, Buffer.from(base64!, 'base64'), content)) return true
  }
  return false
}

const text = 'planted webhook secret of 32 b.'

test('a receiver can verify the signature, and sees every change of body, id and time', async () => {
  const received = await sent(ONE)
  assert.match(String(received.headers['webhook-id']), /^msg_[0-9a-f]{40}$/)
  assert.equal(received.headers['webhook-timestamp'], String(NOON_MS / 1000))
  assert.ok(await isSignedWith(Buffer.from(text), received))
  assert.ok(!(await isSignedWith(Buffer.from(`${text}!`), received)))
  assert.ok(!(await isSignedWith(Buffer.from(text), { ...received, bytes: Buffer.concat([received.bytes, Buffer.from(' ')]) })))
  for (const [header, value] of [
    ['webhook-id', 'msg_1'],
    ['webhook-timestamp', '1'],
  ] as const) {
    assert.ok(!(await isSignedWith(Buffer.from(text), { ...received, headers: { ...received.headers, [header]: value } })))
  }
})

test('the signature is the published one for the published example', () => {
  const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64')
  const content = 'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
  assert.equal(signed(key, content), 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('a secret may be plain text, or several while a receiver changes over', async () => {
  assert.ok(
    await isSignedWith(
      Buffer.from('plain secret, 24 bytes or more'),
      await sent(ONE, { secret: () => 'plain secret, 24 bytes or more\n' }),
    ),
  )
  const both = await sent(ONE, { secret: () => `whsec_${btoa('the old secret, 24 bytes')}\nwhsec_${btoa('the new secret, 24 bytes')}\n` })
  assert.ok(await isSignedWith(Buffer.from('the old secret, 24 bytes'), both))
  assert.ok(await isSignedWith(Buffer.from('the new secret, 24 bytes'), both))
  for (const bad of ['short', 'whsec_', 'whsec_not base64!', `whsec_${btoa('15 bytes, sorry')}`]) {
    const answer = await send(plan, ONE, { secret: () => bad })
    assert.equal(answer.result, 'refused', bad)
    assert.ok(!JSON.stringify(answer).includes(bad))
  }
})

test('the id stays over repeated attempts, and is another for other news and for a reminder', async () => {
  const id = async (told: Message, more: Partial<Outside> = {}) => (await sent(told, more)).headers['webhook-id']
  const first = await id(ONE)
  assert.equal(await id({ ...ONE, atMs: ONE.atMs + 60_000 }, { nowMs: () => NOON_MS + 60_000 }), first)
  const reminder = await id({ ...ONE, repeated: true })
  assert.notEqual(reminder, first)
  assert.equal(await id({ ...ONE, repeated: true, atMs: ONE.atMs + 60_000 }), reminder)
  assert.notEqual(await id(message([incident({ endedMs: NOON_MS })])), first)
})

test('without a secret nothing is signed', async () => {
  far.respond = status(200)
  assert.equal((await send({ ...plan, secretFile: null }, ONE)).result, 'delivered')
  assert.equal(far.received.at(-1)!.headers['webhook-signature'], undefined)
})

test('the body is that of Alertmanager, version 4', async () => {
  const over = incident({ cause: 'blind', severity: 'warning', endedMs: NOON_MS + 5_000 })
  const body = JSON.parse((await sent(message([incident(), over], { omitted: 2 }))).bytes.toString()) as Record<string, unknown>
  assert.deepEqual(Object.keys(body), [
    'receiver',
    'status',
    'alerts',
    'groupLabels',
    'commonLabels',
    'commonAnnotations',
    'externalURL',
    'version',
    'groupKey',
    'truncatedAlerts',
  ])
  assert.equal(body['version'], '4')
  assert.equal(body['status'], 'firing')
  assert.equal(body['truncatedAlerts'], 2)
  assert.deepEqual(body['groupLabels'], { environment: 'production', model: 'fraud' })
  assert.deepEqual(body['commonLabels'], { environment: 'production', model: 'fraud', version: 'v2' })
  const [firing, resolved] = body['alerts'] as [Record<string, unknown>, Record<string, unknown>]
  assert.deepEqual(
    [firing['status'], firing['startsAt'], firing['endsAt'], firing['generatorURL']],
    ['firing', '2013-02-01T12:00:00.000Z', '0001-01-01T00:00:00Z', LINK],
  )
  assert.deepEqual([resolved['status'], resolved['endsAt']], ['resolved', '2013-02-01T12:00:05.000Z'])
  assert.match(String(firing['fingerprint']), /^[0-9a-f]{16}$/)
  assert.notEqual(firing['fingerprint'], resolved['fingerprint'])
})

test('more alerts than a body may hold are counted', async () => {
  const { bytes } = await sent(storm(400, 13))
  const { alerts, truncatedAlerts } = JSON.parse(bytes.toString()) as { alerts: unknown[]; truncatedAlerts: number }
  assert.equal(alerts.length + truncatedAlerts, 413)
  assert.ok(alerts.length > 100)
})
