import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Outside } from '../../src/act/contract.ts'
import { ANSWER_BYTES_MAX, declined, exchange, retryAfterMs } from '../../src/act/http.ts'
import { FarEnd, type Responder, redirects, status } from './far-server.ts'
import { NOON_MS } from './messages.ts'

const far = await new FarEnd().open()
after(() => far.close())

const outside: Outside = { fetch, secret: () => '', nowMs: () => NOON_MS, write: () => {} }
const signal = new AbortController().signal

function ask(respond: Responder) {
  far.respond = respond
  return exchange(outside, { url: `${far.url}/x`, headers: { authorization: 'Bearer planted' }, body: '{}' }, signal)
}

test('Retry-After is read as seconds or as a date, and a day is the longest it mutes anybody', () => {
  const at = (header: string | null) => retryAfterMs(header, NOON_MS)
  assert.equal(at('7'), 7_000)
  assert.equal(at(' 0 '), 0)
  assert.equal(at('Fri, 01 Feb 2013 12:00:30 GMT'), 30_000)
  assert.equal(at('Friday, 01-Feb-13 12:01:00 GMT'), 60_000)
  assert.equal(at('Fri Feb  1 12:00:10 2013 GMT'), 10_000)
  assert.equal(at('Thu, 31 Jan 2013 12:00:00 GMT'), 0)
  assert.equal(at('86401'), 86_400_000)
  assert.equal(at('Fri, 01 Feb 2113 12:00:30 GMT'), 86_400_000)
  for (const odd of [null, '', 'soon', '-7', '7.5', '1e9', '2013-02-01', 'NaN', '99999999999999']) assert.equal(at(odd), null)
})

test('408, 425, 429 and all above 500 may pass; every other status is a matter of set-up', () => {
  const results = (codes: readonly number[]) => new Set(codes.map((code) => declined({ status: code, text: '', retryAfterMs: 5 }).result))
  assert.deepEqual(results([408, 425, 429, 500, 502, 503, 504, 529, 599]), new Set(['failed']))
  assert.deepEqual(
    results([200, 202, 204, 301, 302, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 422, 431, 451]),
    new Set(['refused']),
  )
  assert.deepEqual(declined({ status: 503, text: '', retryAfterMs: 5 }), { result: 'failed', problem: 'answered 503', retryAfterMs: 5 })
})

test('a body is read up to its limit and not a byte further, and the connection is let go', async () => {
  assert.deepEqual(await ask(status(200, 'x'.repeat(ANSWER_BYTES_MAX))), {
    status: 200,
    retryAfterMs: null,
    text: 'x'.repeat(ANSWER_BYTES_MAX),
  })
  let pulls = 0
  let isCancelled = false
  const endless = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        pulls++
        controller.enqueue(new Uint8Array(16_384))
      },
      cancel: () => void (isCancelled = true),
    },
    { highWaterMark: 0 },
  )
  const reading = exchange({ ...outside, fetch: async () => new Response(endless) }, { url: far.url }, signal)
  assert.deepEqual(await reading, { result: 'failed', problem: 'its answer (200) is longer than 64 KiB', retryAfterMs: null })
  assert.equal(pulls, 5)
  assert.ok(isCancelled)
})

test('where the status says no, a body that is too long or breaks off changes nothing', async () => {
  const tooLong = await ask(status(404, 'x'.repeat(ANSWER_BYTES_MAX + 1)))
  assert.deepEqual(tooLong, { status: 404, retryAfterMs: null, text: '' })
  const brokenOff = await ask((response) => {
    response.writeHead(503, { 'content-length': '100', 'retry-after': '3' })
    response.write('x', () => response.destroy())
  })
  assert.deepEqual(brokenOff, { status: 503, retryAfterMs: 3_000, text: '' })
})

test('a redirect is an answer, and no token goes where it leads', async () => {
  const before = far.received.length
  const heard = await ask(redirects)
  assert.equal('status' in heard && heard.status, 307)
  assert.deepEqual(
    far.received.slice(before).map(({ path }) => path),
    ['/x'],
  )
})

test('of an error its code is told, never its words', async () => {
  const refusing = async () =>
    Promise.reject(new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ENOTFOUND' }) }))
  const odd = async () => Promise.reject(Object.assign(new Error('https://planted'), { code: 'https://planted' }))
  const heard = async (fetching: typeof fetch) => exchange({ ...outside, fetch: fetching }, { url: 'https://planted' }, signal)
  assert.deepEqual(await heard(refusing), { result: 'failed', problem: 'no answer (ENOTFOUND)', retryAfterMs: null })
  assert.deepEqual(await heard(odd), { result: 'failed', problem: 'no answer', retryAfterMs: null })
})
