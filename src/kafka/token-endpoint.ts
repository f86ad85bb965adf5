/** OAuth 2.0 client credentials: a client id and a secret in, a bearer token out. Over https, or to this very machine. */
import { readFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { FlyballError } from '../kit/errors.ts'

export interface TokenEndpoint {
  readonly url: string
  readonly clientId: string
  readonly clientSecretFile: string
  readonly scope?: string
}

const ANSWER_MS = 10_000
const ANSWER_BYTES_MAX = 65_536
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/

/** A secret must not cross a network in the clear. */
export function isSafeEndpoint(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname))
}

/** Without a lifetime in the answer a token is taken to live for a minute. */
const LIVES_SECONDS = 60

export async function fetchToken(endpoint: TokenEndpoint, secret: string, caFile?: string): Promise<{ text: string; livesMs: number }> {
  const { url, clientId, scope } = endpoint
  if (!isSafeEndpoint(url)) throw refused(url, 'it is neither https nor on this machine')
  const form = new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }).toString()
  const { status, text } = await posted(url, form, basic(clientId, secret), caFile).catch((error: Error) => {
    throw refused(url, error.message, error)
  })
  // The answer's text may hold a token: it is never shown.
  if (status !== 200) throw refused(url, `it answers with status ${status}`)
  const { access_token: token, expires_in: lives } = parsed(text)
  if (typeof token !== 'string' || token === '') throw refused(url, 'its answer holds no access_token')
  return { text: token, livesMs: (typeof lives === 'number' && lives > 0 ? lives : LIVES_SECONDS) * 1000 }
}

function refused(url: string, problem: string, cause?: unknown): FlyballError {
  const { origin, pathname } = new URL(url)
  return new FlyballError('FLY-KAFKA-012', { problem: `token endpoint ${origin}${pathname}: ${problem}` }, { cause })
}

function parsed(text: string): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(text)
    return answer !== null && typeof answer === 'object' ? (answer as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** RFC 6749 §2.3.1: both parts are form-encoded first. */
function basic(clientId: string, secret: string): string {
  const encoded = (part: string) => new URLSearchParams({ '': part }).toString().slice(1)
  return `Basic ${Buffer.from(`${encoded(clientId)}:${encoded(secret)}`).toString('base64')}`
}

/** Redirects are not followed: they would carry the secret elsewhere. */
function posted(url: string, form: string, authorization: string, caFile?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': Buffer.byteLength(form),
      accept: 'application/json',
    }
    const send = url.startsWith('https:') ? tlsRequest : plainRequest
    const ca = caFile === undefined ? {} : { ca: readFileSync(caFile) }
    const outgoing = send(url, { method: 'POST', headers, signal: AbortSignal.timeout(ANSWER_MS), ...ca }, (incoming) => {
      const parts: Buffer[] = []
      let bytes = 0
      incoming.on('data', (part: Buffer) => {
        bytes += part.length
        if (bytes > ANSWER_BYTES_MAX) incoming.destroy(new Error('its answer is too long'))
        else parts.push(part)
      })
      incoming.once('error', reject)
      incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(parts).toString('utf8') }))
    })
    outgoing.once('error', reject)
    outgoing.end(form)
  })
}
