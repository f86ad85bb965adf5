import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Message } from '../../src/act/contract.ts'
import { FarEnd, status } from './far-server.ts'
import { incident, LINK, message, NOON_MS, ONE, storm } from './messages.ts'
import { PLANS, send } from './plans.ts'

const far = await new FarEnd().open()
after(() => far.close())
const plan = PLANS.alertmanager(far.url)

interface Posted {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
  readonly generatorURL?: string
}

async function sent(told: Message): Promise<{ readonly alerts: readonly Posted[]; readonly reference: string }> {
  far.respond = status(200)
  const answer = await send(plan, told)
  assert.ok(answer.result === 'delivered')
  assert.equal(far.received.at(-1)!.path, '/api/v2/alerts')
  return { alerts: JSON.parse(far.received.at(-1)!.bytes.toString()) as Posted[], reference: answer.reference }
}

test('an incident that holds is an alert that is good for a day', async () => {
  const { alerts } = await sent(ONE)
  assert.equal(alerts.length, 1)
  const { labels, startsAt, endsAt, generatorURL, annotations } = alerts[0]!
  assert.deepEqual(labels, {
    alertname: 'rollback:error-rate',
    environment: 'production',
    model: 'fraud',
    version: 'v2',
    severity: 'critical',
  })
  assert.equal(startsAt, '2013-02-01T12:00:00.000Z')
  assert.equal(endsAt, '2013-02-02T12:00:30.000Z')
  assert.equal(generatorURL, LINK)
  assert.equal(annotations['runbook_url'], 'https://wiki.example/fraud/rollback')
  assert.equal(annotations['owner'], 'Ada Lovelace, #fraud-oncall')
})

test('one that is over ends when it ended, never before it began and never later than now', async () => {
  const endsAt = async (endedMs: number) => (await sent(message([incident({ endedMs })]))).alerts[0]!.endsAt
  assert.equal(await endsAt(NOON_MS + 10_000), '2013-02-01T12:00:10.000Z')
  assert.equal(await endsAt(NOON_MS - 10_000), '2013-02-01T12:00:00.000Z')
  // A clock ahead of ours would keep it firing.
  assert.equal(await endsAt(NOON_MS + 999_000), '2013-02-01T12:00:30.000Z')
})

test('an incident that becomes graver ends the alert that it was', async () => {
  const before = await sent(message([incident({ severity: 'warning' }), incident({ model: 'other', severity: 'info' })]))
  const now = [incident(), incident({ model: 'other', severity: 'info' })]
  const { alerts, reference } = await sent(message(now, { reference: before.reference }))
  const shown = (all: readonly Posted[]) => all.map(({ labels, endsAt }) => [labels['model'], labels['severity'], endsAt.slice(0, 10)])
  assert.deepEqual(shown(alerts), [
    ['fraud', 'critical', '2013-02-02'],
    ['fraud', 'warning', '2013-02-01'],
    ['other', 'info', '2013-02-02'],
  ])
  // Told once: the next message knows how it stands.
  const again = await sent(message(now, { reference }))
  assert.deepEqual(shown(again.alerts), [
    ['fraud', 'critical', '2013-02-02'],
    ['other', 'info', '2013-02-02'],
  ])
})

test('what it is to remember is bounded, and nonsense in its place is no error', async () => {
  assert.ok((await sent(storm(2_000))).reference.length < 7_000)
  assert.equal((await sent(message([incident({ endedMs: NOON_MS })]))).reference, '')
  for (const reference of ['nonsense', ',,,', 'x'.repeat(10_000), PLACE_OF_SLACK]) {
    assert.equal((await sent({ ...ONE, reference })).alerts.length, 1)
  }
})

const PLACE_OF_SLACK = 'C0123456789:1359720000.000100'

test('labels without a value and links that are none are left out: one of them would have the whole refused', async () => {
  const { alerts } = await sent(message([incident({ version: '', link: 'not an address' })]))
  assert.ok(!('version' in alerts[0]!.labels))
  assert.ok(!('generatorURL' in alerts[0]!))
})

test('why it was refused is told, and a token goes with it only where there is one', async () => {
  far.respond = status(400, '{"code":601,"message":"labels in body is required"}')
  assert.deepEqual(await send(plan, ONE), {
    result: 'refused',
    problem: 'answered 400 ({"code":601,"message":"labels in body is required"})',
  })
  assert.equal(far.received.at(-1)!.headers['authorization'], undefined)
  await send({ ...plan, tokenFile: 'token' }, ONE)
  assert.equal(far.received.at(-1)!.headers['authorization'], 'Bearer xoxb-planted-bot-secret')
  assert.equal((await send({ ...plan, tokenFile: 'token' }, ONE, { secret: () => 'two\nlines' })).result, 'refused')
})
