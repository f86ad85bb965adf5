/**
 * What every destination promises (`src/act/contract.ts`), as tests against a real far end: the same suite for every kind. What becomes of
 * a message at each answer of the far end is a table; who runs the suite says which, and it stands in docs/alerts.md.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Message, Outside } from '../../src/act/contract.ts'
import {
  drops,
  echo,
  type FarEnd,
  hangs,
  nowhere,
  type Received,
  type Responder,
  redirects,
  status,
  tenMegabytes,
} from '../act/far-server.ts'
import { hostile, LINK, long, NOON_MS, ONE, storm } from '../act/messages.ts'

export interface Place {
  readonly kind: string
  readonly far: FarEnd
  /** How this far end says that it took a message. */
  readonly yes: Responder
  /** Name of a file → secret, at a far end of this address. */
  readonly secrets: (url: string) => Readonly<Record<string, string>>
  readonly send: (url: string, message: Message, outside: Outside, signal: AbortSignal, timeoutMs: number) => Promise<Answer>
  /** How many incidents a request that was received tells of, in full or in a line, and how many it says are missing. */
  readonly counted: ((received: Received) => { readonly told: number; readonly missing: number }) | null
  /** Most bytes of a request's body. */
  readonly bytesMax: number
  /** Results, in the order of `ANSWERS`. */
  readonly expected: readonly string[]
}

/** What the far end does → how it is made to do it. */
const RESPONDERS: readonly (readonly [name: string, responder: Responder])[] = [
  ['200, empty', status(200)],
  ['200, `ok`', status(200, 'ok')],
  ['400', echo(400)],
  ['403', echo(403)],
  ['404', echo(404)],
  ['410', echo(410)],
  ['429, Retry-After: 7', status(429, 'slow down', { 'retry-after': '7' })],
  ['500', echo(500)],
  ['hangs', hangs],
  ['drops mid-body', drops],
  ['sends 10 MB', tenMegabytes],
  ['redirects', redirects],
]
const ITS_YES = 'its own yes'
const NOBODY = 'nobody listens'

export const ANSWERS: readonly string[] = [ITS_YES, ...RESPONDERS.map(([name]) => name), NOBODY]

/** By kind, the row of the table: filled while the suite runs. */
export const TABLE = new Map<string, readonly string[]>()

export function outsideOf(secrets: Readonly<Record<string, string>>, more: Partial<Outside> = {}): Outside & { readonly lines: unknown[] } {
  const lines: unknown[] = []
  const secret = (file: string): string => {
    const text = secrets[file]
    if (text === undefined) throw new Error(`ENOENT: ${Object.values(secrets).join()}`)
    return text
  }
  return { fetch, secret, nowMs: () => NOON_MS, write: (line) => void lines.push(line), ...more, lines }
}

/** Longer than any machine is busy with a message; where the far end hangs, it is not waited for. */
const LONG_MS = 25_000
const SHORT_MS = 200

const never = () => new AbortController().signal

export function keepsTheSinkContract(place: Place): void {
  const { kind, far } = place
  const titled = (title: string, run: () => Promise<void>) => test(`${kind}: ${title}`, { timeout: 30_000 }, run)
  titled('what becomes of a message at each answer of the far end', async () => tableOf(place))
  titled('a secret that cannot be read, or is empty, is refused and asks nobody', async () => withoutSecret(place))
  titled('a secret is read anew for every message', async () => readAnew(place))
  titled('no answer tells a secret, whatever the far end says again or fetch says in its errors', async () => tellsNoSecret(place))
  titled('who gives up is answered: before it is sent, and while it hangs', async () => givesUp(place))
  titled('nothing is thrown, whatever fetch throws', async () => neverThrows(place))
  titled('400 incidents: within the limits, the rest is counted, the link is kept', async () => takesAStorm(place))
  titled('long texts of four-byte characters and hostile ones arrive as valid UTF-8, within the limits', async () => takesAnyText(place))
  titled('the same message is the same request, and is left as it was', async () => isRepeatable(place, far))
}

async function tableOf(place: Place): Promise<void> {
  const results: string[] = []
  for (const [name, respond] of [[ITS_YES, place.yes] as const, ...RESPONDERS]) {
    const { answer, asked } = await told(place, respond, respond === hangs ? SHORT_MS : LONG_MS)
    if (name === 'redirects') assert.ok(asked <= 1, 'a redirect was followed')
    results.push(shown(answer))
  }
  results.push(shown(await sendTo(place, await nowhere(), ONE)))
  TABLE.set(place.kind, results)
  const named = (all: readonly string[]) => ANSWERS.map((name, at) => `${name}: ${all[at]}`)
  assert.deepEqual(named(results), named(place.expected))
}

function shown(answer: Answer): string {
  const wait = answer.result === 'failed' && answer.retryAfterMs !== null ? `, not before ${answer.retryAfterMs / 1000} s` : ''
  return `${answer.result}${wait}`
}

async function told(place: Place, respond: Responder, timeoutMs: number): Promise<{ readonly answer: Answer; readonly asked: number }> {
  const before = place.far.received.length
  place.far.respond = respond
  const answer = await place.send(place.far.url, ONE, outsideOf(place.secrets(place.far.url)), never(), timeoutMs)
  return { answer, asked: place.far.received.length - before }
}

async function sendTo(place: Place, url: string, message: Message, more: Partial<Outside> = {}, signal = never()): Promise<Answer> {
  return await place.send(url, message, outsideOf(place.secrets(url), more), signal, LONG_MS)
}

const isLog = ({ kind }: Place) => kind === 'log'

async function withoutSecret(place: Place): Promise<void> {
  const known = place.secrets(place.far.url)
  if (Object.keys(known).length === 0) return
  const before = place.far.received.length
  for (const secrets of [{}, Object.fromEntries(Object.keys(known).map((file) => [file, ' \n']))]) {
    const answer = await place.send(place.far.url, ONE, outsideOf(secrets), never(), LONG_MS)
    assert.equal(answer.result, 'refused')
  }
  assert.equal(place.far.received.length, before)
}

async function readAnew(place: Place): Promise<void> {
  place.far.respond = place.yes
  const known = place.secrets(place.far.url)
  let reads = 0
  const secret = (file: string) => {
    reads++
    return known[file]!
  }
  for (const _ of [1, 2]) assert.equal((await sendTo(place, place.far.url, ONE, { secret })).result, 'delivered')
  assert.equal(reads, 2 * Object.keys(known).length)
}

/** The secret itself, and the parts of an address that are one. */
function grep(place: Place, text: string): void {
  const secrets = Object.values(place.secrets(place.far.url)).flatMap((secret) => [
    secret,
    ...secret.split('/').filter((part) => /planted/i.test(part)),
  ])
  for (const secret of secrets) assert.ok(!text.includes(secret), `${place.kind} tells its secret: ${text}`)
}

async function tellsNoSecret(place: Place): Promise<void> {
  const outside = outsideOf(place.secrets(place.far.url))
  for (const code of [200, 202, 400, 401, 403, 404, 409, 422, 429, 500, 503]) {
    place.far.respond = echo(code)
    grep(place, JSON.stringify(await place.send(place.far.url, ONE, outside, never(), LONG_MS)))
  }
  const all = Object.values(place.secrets(place.far.url)).join(' ')
  for (const cause of [new Error(all), { code: all }, undefined]) {
    const throwing = async () => Promise.reject(new TypeError(`Failed to parse URL from ${all}`, { cause }))
    grep(place, JSON.stringify(await sendTo(place, place.far.url, ONE, { fetch: throwing })))
  }
  const throwing = () => {
    throw new Error(`EACCES: ${all}`)
  }
  grep(place, JSON.stringify(await sendTo(place, place.far.url, ONE, { secret: throwing })))
  grep(place, JSON.stringify(outside.lines))
}

async function givesUp(place: Place): Promise<void> {
  if (isLog(place)) return
  const before = place.far.received.length
  const answer = await sendTo(place, place.far.url, ONE, {}, AbortSignal.abort())
  assert.equal(answer.result, 'failed')
  assert.equal(place.far.received.length, before)
  const controller = new AbortController()
  place.far.respond = () => controller.abort()
  assert.deepEqual(await sendTo(place, place.far.url, ONE, {}, controller.signal), {
    result: 'failed',
    problem: 'given up',
    retryAfterMs: null,
  })
}

async function neverThrows(place: Place): Promise<void> {
  for (const what of [new Error('no'), 'text', null, undefined, 7]) {
    const answer = await sendTo(place, place.far.url, ONE, { fetch: () => Promise.reject(what) })
    assert.equal(answer.result, isLog(place) ? 'delivered' : 'failed')
  }
}

/** What was sent, or written. */
async function requestsOf(place: Place, message: Message): Promise<readonly Received[]> {
  const before = place.far.received.length
  place.far.respond = place.yes
  const outside = outsideOf(place.secrets(place.far.url))
  assert.equal((await place.send(place.far.url, message, outside, never(), LONG_MS)).result, 'delivered')
  const written = outside.lines.map((line) => ({ method: '', path: '', headers: {}, bytes: Buffer.from(JSON.stringify(line)) }))
  return [...place.far.received.slice(before), ...written]
}

async function takesAStorm(place: Place): Promise<void> {
  if (place.counted === null) return
  const [first] = await requestsOf(place, storm(400, 13))
  assert.ok(first!.bytes.length <= place.bytesMax, `${first!.bytes.length} bytes`)
  const { told, missing } = place.counted(first!)
  assert.equal(told + missing, 413)
  assert.ok(told >= 10, `${told} told`)
  assert.ok(first!.bytes.toString().includes(LINK))
}

async function takesAnyText(place: Place): Promise<void> {
  for (const message of [hostile(), long()]) {
    for (const { bytes } of await requestsOf(place, message)) {
      assert.ok(bytes.length <= place.bytesMax, `${bytes.length} bytes`)
      const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
      // Half of a pair would be written as such in JSON: strict readers refuse the whole for it.
      assert.ok(!/\\u[dD][89a-fA-F]/.test(text))
      if (text !== '') assert.ok(JSON.parse(text))
    }
  }
}

async function isRepeatable(place: Place, far: FarEnd): Promise<void> {
  const message = storm(3)
  const before = JSON.stringify(message)
  const one = await requestsOf(place, message)
  const other = await requestsOf(place, message)
  assert.equal(JSON.stringify(message), before)
  assert.deepEqual(
    one.map(({ path, bytes }) => [path, bytes.toString()]),
    other.map(({ path, bytes }) => [path, bytes.toString()]),
  )
  assert.ok(far.received.length > 0 || isLog(place))
}
