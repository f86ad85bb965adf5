import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Message } from '../../src/act/contract.ts'
import { NO_DETAIL } from '../../src/kit/no-detail.ts'
import { FarEnd, json, type Received, status } from './far-server.ts'
import { HOSTILE, hostile, incident, LINK, long, message, NOON_MS, ONE, storm } from './messages.ts'
import { PLANS, send } from './plans.ts'

const far = await new FarEnd().open()
after(() => far.close())
const bot = PLANS['slack-bot'](far.url)

interface Said {
  readonly text: string
  readonly blocks: readonly {
    readonly type: string
    readonly text: { readonly type: string; readonly text: string; readonly verbatim?: boolean }
  }[]
  readonly channel?: string
  readonly ts?: string
  readonly thread_ts?: string
  readonly reply_broadcast?: boolean
}

const PLACE = 'C0123456789:1359720000.000100'
const POSTED = { ok: true, channel: 'C0123456789', ts: '1359720000.000100' }

/** What Slack was asked, by method, while it answered each method as told. */
async function asked(told: Message, answers: Readonly<Record<string, object>> = {}) {
  const from = far.received.length
  far.respond = (response, received) => json(200, answers[methodOf(received)] ?? POSTED)(response, received)
  const answer = await send(bot, told)
  const calls = far.received.slice(from).map((received) => ({ method: methodOf(received), said: saidIn(received) }))
  return { answer, calls, methods: calls.map(({ method }) => method) }
}

function methodOf({ path }: Received): string {
  return path.split('/').at(-1)!
}

function saidIn({ bytes }: Received): Said {
  return JSON.parse(bytes.toString()) as Said
}

async function hooked(told: Message): Promise<Said> {
  far.respond = status(200, 'ok')
  assert.equal((await send(PLANS['slack-webhook'](far.url), told)).result, 'delivered')
  return saidIn(far.received.at(-1)!)
}

function isWithinLimits(said: Said): void {
  assert.ok(JSON.stringify(said).length < 10_000, `${JSON.stringify(said).length} characters`)
  assert.ok(said.blocks.length <= 50)
  for (const { type, text } of said.blocks) {
    assert.ok(text.text.length > 0 && text.text.length <= (type === 'header' ? 150 : 3_000), type)
    if (type === 'section') assert.equal(text.verbatim, true)
  }
}

/** Everything that Slack would make more of than text. */
function markupIn(said: Said): readonly string[] {
  return [said.text, ...said.blocks.filter(({ type }) => type !== 'header').map(({ text }) => text.text)].flatMap(
    (text) => text.match(/<[^>]*>/g) ?? [],
  )
}

test('a webhook says everything about the gravest, a line about each other, and where to read on', async () => {
  const said = await hooked(storm(3))
  const texts = said.blocks.map(({ text }) => text.text)
  assert.equal(texts[0], 'CRITICAL 3 incidents (production)')
  for (const fact of ['Rolled back v2 from 25 % to 0 %', '+0.0213 [0.0142, 0.0291]', 'e^12.3', '4,812', 'merchant_age', 'Ada Lovelace']) {
    assert.ok(texts[1]!.includes(fact), fact)
  }
  assert.ok(texts[1]!.includes('*To override*  `flyball quarantine release fraud --reason "…"`'))
  assert.equal(texts[2]!.split('\n').length, 2)
  assert.equal(texts[3], `<${LINK}|Open the decision>`)
})

test('400 incidents stay within every limit: those without a line are counted, the link is the last that goes', async () => {
  const said = await hooked(storm(400, 13))
  isWithinLimits(said)
  const lines = said.blocks.flatMap(({ text }) => text.text.split('\n')).filter((line) => line.startsWith('•')).length
  assert.ok(lines > 20)
  assert.equal(said.blocks.at(-1)!.text.text, `and ${412 - lines} more that this message does not list\n<${LINK}|Open the decision>`)
})

test('texts of four-byte characters and of quotes, whatever their length, stay within every limit and keep the link', async () => {
  for (const characters of [20, 150, 152, 300, 2_900, 3_000, 20_000]) {
    for (const sign of ['🛰', '"', '&', '\\', 'a']) {
      const told = JSON.parse(
        JSON.stringify(long(characters)).replaceAll('🛰', sign === '"' || sign === '\\' ? `\\${sign}` : sign),
      ) as Message
      const said = await hooked(told)
      isWithinLimits(said)
      assert.ok(said.blocks.at(-1)!.text.text.includes(LINK))
      assert.ok(!JSON.stringify(said).includes('\\ud8'), 'half a character')
      assert.doesNotMatch(JSON.stringify(said.blocks.slice(1)), /&(?!amp;|lt;|gt;)/)
    }
  }
})

test('a header of 150 characters is whole, of 151 it is cut', async () => {
  const around = 'CRITICAL  v2: rollback:error-rate (production)'.length
  const header = async (length: number) => (await hooked(message([incident({ model: 'm'.repeat(length - around) })]))).blocks[0]!.text.text
  assert.equal((await header(150)).length, 150)
  assert.ok((await header(150)).endsWith('(production)'))
  assert.equal((await header(151)).length, 150)
  assert.ok((await header(151)).endsWith('…'))
})

/** The link of the decision, the runbook's address: every sign that could end them early is escaped. */
const OURS = [
  '<https://flyball.example/d?q=%3C!channel%3E%7Cx&amp;y|Open the decision>',
  '<https://flyball.example/d?q=%3C!channel%3E%7Cx&amp;y|Open this decision>',
  '<https://wiki.example/a%7Cb%3Ec>',
]

test('nothing that a model or a person is called becomes a mention, a link, or code', async () => {
  for (const said of [await hooked(hostile()), ...(await asked({ ...hostile(), reference: PLACE })).calls.map((call) => call.said)]) {
    const others = markupIn(said).filter((markup) => !OURS.includes(markup))
    assert.deepEqual(others, [])
    assert.ok(!JSON.stringify(said).includes(HOSTILE))
    for (const { text } of said.blocks) assert.doesNotMatch(text.text.replaceAll('\n', ''), /[\p{Cc}\u202a-\u202e]/u)
  }
  const override = (await hooked(hostile())).blocks[1]!.text.text.split('\n').find((line) => line.includes('To override'))
  assert.equal(override!.match(/`/g)!.length, 2)
})

test('the bot posts a message, and names it', async () => {
  const { answer, calls } = await asked(ONE)
  assert.deepEqual(answer, { result: 'delivered', reference: PLACE })
  assert.deepEqual(
    calls.map(({ method, said }) => [method, said.channel, said.thread_ts]),
    [['chat.postMessage', 'C0123456789', undefined]],
  )
  assert.equal(far.received.at(-1)!.headers['authorization'], 'Bearer xoxb-planted-bot-secret')
})

test('a group of several: the details of the others go into the thread, and cost the message nothing when they fail', async () => {
  const { answer, calls } = await asked(storm(3))
  assert.deepEqual(answer, { result: 'delivered', reference: PLACE })
  assert.deepEqual(
    calls.map(({ said }) => [said.thread_ts, said.reply_broadcast]),
    [
      [undefined, undefined],
      ['1359720000.000100', undefined],
    ],
  )
  assert.ok(calls[1]!.said.blocks.some(({ text }) => text.text.includes('model-1')))
  let count = 0
  far.respond = (response, received) => (count++ === 0 ? json(200, POSTED) : status(500))(response, received)
  assert.deepEqual(await send(bot, storm(3)), { result: 'delivered', reference: PLACE })
})

test('what is known by its name is updated in place; what has begun is told in the thread and shown in the channel', async () => {
  const { answer, calls } = await asked({ ...ONE, reference: PLACE })
  assert.deepEqual(answer, { result: 'delivered', reference: PLACE })
  assert.deepEqual(
    calls.map(({ method, said: { channel, ts, thread_ts, reply_broadcast } }) => ({ method, channel, ts, thread_ts, reply_broadcast })),
    [
      { method: 'chat.update', channel: 'C0123456789', ts: '1359720000.000100', thread_ts: undefined, reply_broadcast: undefined },
      { method: 'chat.postMessage', channel: 'C0123456789', ts: undefined, thread_ts: '1359720000.000100', reply_broadcast: true },
    ],
  )
  isWithinLimits(calls[1]!.said)
  assert.ok(calls[1]!.said.blocks.some(({ text }) => text.text.includes('merchant_age')))
})

test('what has ended, or still holds, is told in the thread alone', async () => {
  const over = message([incident({ endedMs: NOON_MS })], { reference: PLACE })
  for (const told of [over, { ...ONE, news: [], repeated: true, reference: PLACE }]) {
    const { calls, methods } = await asked(told)
    assert.deepEqual(methods, ['chat.update', 'chat.postMessage'])
    assert.equal(calls[1]!.said.reply_broadcast, false)
  }
})

test('400 pieces of news in a thread stay within every limit and are counted', async () => {
  const { calls } = await asked({ ...storm(400), reference: PLACE })
  for (const { said } of calls) isWithinLimits(said)
  const { blocks } = calls[1]!.said
  assert.match(blocks.at(-1)!.text.text, new RegExp(`^and ${400 - (blocks.length - 2)} more`))
})

test('short pieces of news are 50 blocks at most', async () => {
  const terse = Array.from({ length: 60 }, (_, at) =>
    incident({ model: `${at}`, version: '', cause: 'c', summary: '', link: '', detail: NO_DETAIL }),
  )
  const { calls } = await asked(message(terse, { reference: PLACE }))
  const { blocks } = calls[1]!.said
  isWithinLimits(calls[1]!.said)
  assert.equal(blocks.length, 50)
  assert.equal(blocks.at(-1)!.text.text, 'and 12 more that this message does not list')
})

test('a message that is gone, or that nobody may change, is posted anew', async () => {
  for (const error of ['message_not_found', 'cant_update_message', 'edit_window_closed']) {
    const fresh = { ...POSTED, ts: '1359729999.000200' }
    const { answer, methods } = await asked(
      { ...ONE, reference: PLACE },
      { 'chat.update': { ok: false, error }, 'chat.postMessage': fresh },
    )
    assert.deepEqual(methods, ['chat.update', 'chat.postMessage'])
    assert.deepEqual(answer, { result: 'delivered', reference: 'C0123456789:1359729999.000200' })
  }
})

test('a name of another channel, or none at all, begins a message of its own', async () => {
  for (const reference of ['C0999999999:1359720000.000100', 'nonsense', 'C0123456789', '<!channel>:1.2']) {
    assert.deepEqual((await asked({ ...ONE, reference })).methods, ['chat.postMessage'])
  }
})

test('of what Slack says no to, a few pass by themselves; all else is set-up', async () => {
  const answerTo = async (error: unknown) => (await asked(ONE, { 'chat.postMessage': { ok: false, error } })).answer
  for (const error of ['ratelimited', 'rate_limited', 'internal_error', 'fatal_error', 'service_unavailable', 'request_timeout']) {
    assert.deepEqual(await answerTo(error), { result: 'failed', problem: `answered ok: false (${error})`, retryAfterMs: null })
  }
  const setUp = ['invalid_auth', 'not_authed', 'account_inactive', 'token_revoked', 'missing_scope', 'channel_not_found', 'not_in_channel']
  for (const error of [...setUp, 'is_archived', 'restricted_action', 'invalid_blocks', 'msg_blocks_too_long', 'something_new']) {
    assert.deepEqual(await answerTo(error), { result: 'refused', problem: `answered ok: false (${error})` })
  }
  assert.deepEqual(await answerTo('<b>xoxb-planted-bot-secret</b>'), { result: 'refused', problem: 'answered ok: false' })
  assert.equal((await answerTo(7)).result, 'refused')
})

test('a reply that fails is sent again with the update, which changes nothing', async () => {
  const { answer } = await asked({ ...ONE, reference: PLACE }, { 'chat.postMessage': { ok: false, error: 'ratelimited' } })
  assert.equal(answer.result, 'failed')
})

test('an address that is none is refused before anybody is asked', async () => {
  const plan = (text: string) => ({ ...PLANS['slack-webhook'](''), urlFile: text })
  for (const text of ['xoxb-token', 'ftp://hooks.example/x', 'https://user:password@hooks.example/x']) {
    const answer = await send(plan('file'), ONE, { secret: () => text })
    assert.deepEqual(answer, { result: 'refused', problem: 'file holds no address of a webhook' })
  }
})
