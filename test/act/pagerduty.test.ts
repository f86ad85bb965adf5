import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Answer, Change, Message } from '../../src/act/contract.ts'
import { changeSinkOf } from '../../src/act/sinks/index.ts'
import { echo, FarEnd, json, status } from './far-server.ts'
import { incident, LINK, long, message, NOON_MS, ONE, storm } from './messages.ts'
import { outsideWith, PLANS, send } from './plans.ts'

const far = await new FarEnd().open()
after(() => far.close())
const plan = PLANS.pagerduty(far.url)

interface Event {
  readonly routing_key: string
  readonly event_action: string
  readonly dedup_key: string
  readonly client_url?: string
  readonly links: readonly { readonly href: string; readonly text: string }[]
  readonly payload: {
    readonly summary: string
    readonly source: string
    readonly severity: string
    readonly timestamp: string
    readonly custom_details: Readonly<Record<string, unknown>> & { readonly others: readonly string[]; readonly not_listed: number }
  }
}

async function sent(told: Message): Promise<Event> {
  far.respond = json(202, { status: 'success', dedup_key: 'another' })
  const reference = told.acknowledges ? 'taken:0' : ''
  assert.deepEqual(await send(plan, told), { result: 'delivered', reference })
  assert.equal(far.received.at(-1)!.path, '/v2/enqueue')
  return JSON.parse(far.received.at(-1)!.bytes.toString()) as Event
}

test('a trigger and its resolve have the same key, whatever has changed between them', async () => {
  const trigger = await sent(ONE)
  const resolve = await sent(message([incident({ endedMs: NOON_MS, cause: 'rollback:another' })]))
  assert.equal(trigger.event_action, 'trigger')
  assert.equal(resolve.event_action, 'resolve')
  assert.equal(trigger.dedup_key, ONE.key)
  assert.equal(resolve.dedup_key, ONE.key)
})

test('that somebody has taken it is an acknowledge of the same key, and nothing else', async () => {
  const taken = await sent({ ...ONE, acknowledges: true, news: [] })
  assert.deepEqual(taken, {
    routing_key: 'planted0routing0key0secret000000',
    event_action: 'acknowledge',
    dedup_key: ONE.key,
  } as unknown as Event)
})

/** What it was asked since. */
const asked = (from: number): readonly (readonly [string, string])[] =>
  far.received.slice(from).map(({ bytes }) => {
    const { event_action, dedup_key } = JSON.parse(bytes.toString()) as Event
    return [event_action, dedup_key]
  })

test('what is new after an acknowledge rings: it is triggered by another key, and the one that rings no more is resolved', async () => {
  far.respond = json(202, { status: 'success' })
  const from = far.received.length
  const taken = { words: 'ada: looking into it', atMs: NOON_MS }
  const [name] = [ONE.incidents[0]!.alert.incident]
  const told: Message[] = [
    { ...ONE, acknowledges: true, news: [], reference: '' },
    { ...ONE, news: [], reference: 'taken:0' },
    { ...ONE, news: [name], repeated: true, reference: 'taken:0' },
    { ...ONE, incidents: [{ ...ONE.incidents[0]!, takenBy: taken }], news: [name], reference: 'taken:0' },
    { ...ONE, news: [name], reference: 'taken:0' },
    { ...ONE, news: [name], reference: 'ringing:1' },
    { ...ONE, acknowledges: true, news: [], reference: 'ringing:1' },
    { ...ONE, key: 'k'.repeat(255), news: [name], reference: 'taken:1' },
    { ...ONE, status: 'resolved', news: [name], reference: 'taken:1' },
    { ...ONE, news: [name], reference: 'C0123456789:1359720000.000100' },
  ]
  const references: string[] = []
  for (const one of told) {
    const answer = await send(plan, one)
    references.push(answer.result === 'delivered' ? answer.reference : answer.result)
  }
  assert.deepEqual(references, ['taken:0', '', '', '', 'ringing:1', '', 'taken:1', 'ringing:2', '', ''])
  const events = asked(from)
  assert.deepEqual(
    events.filter(([, key]) => key.startsWith(ONE.key)).map(([action, key]) => [action, key.slice(ONE.key.length)]),
    [
      ['acknowledge', ''],
      ['trigger', ''],
      ['trigger', ''],
      ['trigger', ''],
      ['trigger', '#1'],
      ['resolve', ''],
      ['trigger', '#1'],
      ['acknowledge', '#1'],
      ['resolve', '#1'],
      ['trigger', ''],
    ],
  )
  assert.ok(events.every(([, key]) => key.length <= 255))
})

test('where the new round was not taken, the old one is not resolved', async () => {
  const news = [ONE.incidents[0]!.alert.incident]
  const from = far.received.length
  far.respond = status(500)
  assert.equal((await send(plan, { ...ONE, news, reference: 'taken:0' })).result, 'failed')
  assert.deepEqual(asked(from), [['trigger', `${ONE.key}#1`]])
})

test('an event says all there is: summary, severity, source, links, details', async () => {
  const { payload, links, client_url, routing_key } = await sent(ONE)
  assert.equal(routing_key, 'planted0routing0key0secret000000')
  assert.equal(payload.summary, 'CRITICAL fraud v2: rollback:error-rate (production). Rolled back v2 from 25 % to 0 %')
  assert.equal(payload.source, 'production/fraud')
  assert.equal(payload.severity, 'critical')
  assert.equal(payload.timestamp, '2013-02-01T12:00:00.000Z')
  assert.equal(client_url, LINK)
  // The runbook that is no address stands in the details.
  assert.deepEqual(links, [
    { href: LINK, text: 'The decision' },
    { href: 'https://wiki.example/fraud/rollback', text: 'Runbook' },
  ])
  assert.match(String(payload.custom_details['runbook']), /docs\/runbooks\/rollback\.md/)
  for (const severity of ['critical', 'warning', 'info'] as const) {
    assert.equal((await sent({ ...ONE, severity })).payload.severity, severity)
  }
})

test('a summary of 1,024 characters is whole, one more and it is cut, and never inside a character', async () => {
  const around = 'CRITICAL fraud v2: rollback:error-rate (production). '.length
  const summary = async (done: string) => (await sent(message([incident({ detail: { done } })]))).payload.summary
  assert.equal((await summary('x'.repeat(1_024 - around))).length, 1_024)
  assert.ok((await summary('x'.repeat(1_024 - around))).endsWith('x'))
  assert.equal((await summary('x'.repeat(1_025 - around))).length, 1_024)
  assert.ok((await summary('x'.repeat(1_025 - around))).endsWith('x…'))
  const satellites = await summary('🛰'.repeat(2_000))
  assert.ok(satellites.length <= 1_024 && satellites.length >= 1_022 && satellites.endsWith('🛰…'))
})

test('a body that would be too long lists what fits, counts the rest, and keeps the link', async () => {
  const words = '🛰'.repeat(400)
  const wide = (index: number) => incident({ model: `m${index}`, summary: words, detail: { done: words, probableCause: words } })
  const event = await sent(
    message(
      Array.from({ length: 400 }, (_, index) => wide(index)),
      { omitted: 7 },
    ),
  )
  const { bytes } = far.received.at(-1)!
  assert.ok(bytes.length <= 512_000 && bytes.length > 506_000, `${bytes.length} bytes`)
  const { others, not_listed } = event.payload.custom_details
  assert.equal(1 + others.length + not_listed, 407)
  assert.ok(not_listed > 100)
  assert.equal(event.client_url, LINK)
  const small = await sent(storm(400))
  assert.equal(small.payload.custom_details.others.length, 399)
  await sent(long())
})

test('202 alone is a yes; what PagerDuty says of a no is told without the key it may quote', async () => {
  const answerTo = async (respond: typeof far.respond): Promise<Answer> => {
    far.respond = respond
    return send(plan, ONE)
  }
  assert.deepEqual(await answerTo(json(400, { status: 'invalid event', message: 'Event object is invalid', errors: ['bad key'] })), {
    result: 'refused',
    problem: 'answered 400 (Event object is invalid; bad key)',
  })
  const quoting = await answerTo(echo(400))
  assert.ok(quoting.result === 'refused' && quoting.problem.includes('[secret]') && !quoting.problem.includes('planted'))
  assert.deepEqual(await answerTo(status(200)), { result: 'refused', problem: 'answered 200: that is not how this far end says yes' })
  assert.equal((await send(plan, ONE, { secret: () => 'two words' })).result, 'refused')
})

test('a promotion is a change event, which wakes nobody', async () => {
  const change: Change = {
    summary: `Promoted v2 to 25 % ${'🛰'.repeat(2_000)}`,
    source: 'production/fraud',
    atMs: NOON_MS,
    links: [
      { href: LINK, text: 'The decision' },
      { href: 'javascript:alert(1)', text: 'no' },
    ],
  }
  far.respond = json(202, { status: 'success' })
  const sink = changeSinkOf(plan, outsideWith())!
  assert.deepEqual(await sink.send(change, new AbortController().signal), { result: 'delivered', reference: '' })
  const { path, bytes } = far.received.at(-1)!
  const { payload, links, event_action } = JSON.parse(bytes.toString()) as Event
  assert.equal(path, '/v2/change/enqueue')
  assert.equal(event_action, undefined)
  assert.ok(payload.summary.startsWith('Promoted v2 to 25 % 🛰') && payload.summary.length <= 1_024)
  assert.equal(payload.timestamp, '2013-02-01T12:00:00.000Z')
  assert.deepEqual(links, [{ href: LINK, text: 'The decision' }])
  far.respond = echo(400)
  assert.doesNotMatch(JSON.stringify(await sink.send(change, new AbortController().signal)), /planted/)
  assert.equal(changeSinkOf(PLANS.log(), outsideWith()), null)
})
