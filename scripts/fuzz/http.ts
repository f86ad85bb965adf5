/**
 * Raw bytes over loopback to the door of the metrics: every connection must be answered or closed when its other side has said all it
 * wanted, nothing may open `/metrics` without the token, and the server must go on answering others.
 */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { serveTelemetry, type TelemetryServer } from '../../src/telemetry/http.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { Bounds } from './bounds.ts'
import { Damage } from './damage.ts'
import type { FuzzReport, Parser } from './parser.ts'

const TOKEN = 'a-token-of-some-length'
const METRIC = 'flyball_'
const CHECK_EVERY = 100
/** By the clock, far beyond what a busy machine needs. */
const ANSWER_SECONDS_MAX = 60

const LINES = [
  ...['GET', 'HEAD', 'POST', 'OPTIONS', 'PUT', 'TRACE', 'PRI', 'M-SEARCH', 'get', ''].map((method) => `${method} /metrics HTTP/1.1`),
  ...[
    '/livez',
    '/readyz',
    '/',
    '*',
    '',
    '//',
    '/metrics?x=1',
    '/metrics#x',
    '/%6detrics',
    '/metrics/',
    '/./metrics',
    '/livez?',
    '?',
    '/metrics%00',
    'http://x/metrics',
    'http://[/',
    '/\u00e9',
    '/../metrics',
    '\\metrics',
  ].map((path) => `GET ${path} HTTP/1.1`),
  'CONNECT x:443 HTTP/1.1',
  'GET /metrics HTTP/1.0',
  'GET /metrics HTTP/0.9',
  'GET /metrics HTTP/9.9',
  'GET /metrics',
  'PRI * HTTP/2.0',
  `GET /${'a'.repeat(9_000)} HTTP/1.1`,
  `GET /${'a'.repeat(70_000)} HTTP/1.1`,
]
const HEADERS = [
  'Host: x',
  'Host: x',
  'Host:',
  'host: y',
  'Connection: close',
  'Connection: keep-alive',
  'Connection: upgrade',
  'Upgrade: websocket',
  'Upgrade: h2c',
  'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA',
  'Expect: 100-continue',
  'Expect: 200-ok',
  'Content-Length: 5',
  'Content-Length: 5',
  'Content-Length: -1',
  'Content-Length: 99999999999999999999',
  'Content-Length: 4294967295',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip, chunked',
  'Transfer-Encoding: x',
  'Authorization: Bearer wrong',
  'Authorization: Bearer',
  'Authorization: Bearer  ',
  'Authorization: Basic YTpi',
  `Authorization: bearer ${TOKEN}x`,
  `Authorization: Bearer ${TOKEN.slice(1)}`,
  `Authorization: Bearer ${TOKEN} ${TOKEN}`,
  `Authorization: Bearer ${'a'.repeat(10_000)}`,
  `Authorization: Bearer${' '.repeat(10_000)}`,
  `Authorization : Bearer ${TOKEN}`,
  ' folded',
  '\tfolded: 1',
  ': empty',
  'no colon',
  'X: \u0001',
  'X: a\rb',
  `X: ${'x'.repeat(5_000)}`,
  `X: ${'x'.repeat(20_000)}`,
  '__proto__: 1',
  'constructor: 1',
  'Trailer: X',
  'Range: bytes=0-0,1-',
  'Accept-Encoding: gzip;q=x',
]
const BODIES = [
  '',
  '',
  '',
  'hello',
  '5\r\nhello\r\n0\r\n\r\n',
  'ffffffffffffffff\r\n',
  '-1\r\n',
  '0\r\nX: 1\r\n\r\n',
  '5;a=b\r\nhell',
  'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
]
/** TLS, HTTP/2, Kafka, a proxy's line. */
const FOREIGN = [
  '16030100c8010000c40303',
  '505249202a20485454502f322e300d0a0d0a534d0d0a0d0a000000040000000000',
  '00000024000100040000000000076b61666b616a73ffffffff',
  '50524f5859205443503420312e312e312e3120322e322e322e32203120320d0a',
].map((hex) => Buffer.from(hex, 'hex'))

function requestBytes(damage: Damage): Buffer {
  if (damage.chance(0.05)) return damage.noise(damage.size(2_000))
  if (damage.chance(0.03)) return damage.bytes(damage.pick(FOREIGN))
  const end = damage.chance(0.9) ? '\r\n' : damage.pick(['\n', '\r', '\r\r\n', '\n\r', ''])
  const one = (): string => {
    const headers = Array.from({ length: damage.int(damage.chance(0.02) ? 3_000 : 6) }, () => damage.pick(HEADERS))
    return [damage.pick(LINES), ...(damage.chance(0.7) ? ['Host: x'] : []), ...headers, '', damage.pick(BODIES)].join(end)
  }
  // Several on one connection.
  const bytes = Buffer.from(
    Array.from({ length: damage.chance(0.2) ? 1 + damage.int(5) : 1 }, one).join(''),
    damage.pick(['utf8', 'latin1']),
  )
  return damage.chance(0.4) ? damage.bytes(bytes) : bytes
}

/** Sends, says that this was all, and waits for the other side to close. */
function exchange(port: number, bytes: Buffer, damage: Damage): Promise<string> {
  const cuts = damage.chance(0.3) ? [damage.int(bytes.length + 1), damage.int(bytes.length + 1)].sort((a, b) => a - b) : []
  const pieces = [0, ...cuts].map((cut, index) => bytes.subarray(cut, cuts[index] ?? bytes.length))
  const slams = damage.chance(0.05)
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const late = setTimeout(() => reject(new Error(`neither answered nor closed in ${ANSWER_SECONDS_MAX} s`)), ANSWER_SECONDS_MAX * 1_000)
    const answer: Buffer[] = []
    socket.on('data', (piece: Buffer) => answer.push(piece))
    // A reset is a way to close.
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(late)
      resolve(Buffer.concat(answer).toString('latin1'))
    })
    socket.on('connect', () => {
      for (const piece of pieces) socket.write(piece)
      if (slams) socket.destroy()
      else socket.end()
    })
  })
}

export async function fuzzHttp(cases: number, seed: number): Promise<FuzzReport> {
  const damage = new Damage(seed)
  const bounds = new Bounds(seed)
  const health = { stalled: () => [], notReady: () => ['the judge'] }
  const server = await serveTelemetry({ port: 0, token: () => TOKEN }, createMetrics().registry, health)
  const report = { cases: 0, used: 0, refused: 0 }
  try {
    for (; report.cases < cases; report.cases++) {
      const bytes = requestBytes(damage)
      const shown = () => JSON.stringify(bytes.toString('latin1').slice(0, 5_000))
      const answer = await bounds.runAsync(shown, () => explained(() => exchange(server.port, bytes, damage), shown))
      if (/^HTTP\/1\.1 (200|503|401|404)/.test(answer)) report.used++
      else report.refused++
      assert.ok(!answer.includes(METRIC), `metrics without the token: ${shown()}`)
      assert.ok(answer === '' || answer.startsWith('HTTP/1.1 '), `answered ${JSON.stringify(answer.slice(0, 100))}: ${shown()}`)
      if (report.cases % CHECK_EVERY === 0) await checkAlive(server)
    }
    await checkAlive(server)
  } finally {
    await server.close()
  }
  return report
}

async function explained<T>(step: () => Promise<T>, shown: () => string): Promise<T> {
  try {
    return await step()
  } catch (error) {
    throw new Error(`${(error as Error).message}: ${shown()}`, { cause: error })
  }
}

async function checkAlive({ port }: TelemetryServer): Promise<void> {
  const reply = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { authorization: `Bearer ${TOKEN}`, connection: 'close' } })
  assert.equal(reply.status, 200)
  assert.ok((await reply.text()).includes(METRIC))
}

export const HTTP_PARSER: Parser = { name: 'http', run: fuzzHttp }
