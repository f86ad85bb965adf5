/**
 * One exchange with a far end, whatever it does: in time, without following redirects, and without reading more than a little of what it
 * says. Nothing of an address or of a foreign error gets into a problem: both may hold secrets.
 */
import type { Answer, Outside } from './contract.ts'

export const ANSWER_BYTES_MAX = 64 * 1024
/** More than a day is no answer that anybody means. */
const RETRY_AFTER_MS_MAX = 86_400_000

type Failed = Extract<Answer, { result: 'failed' }>
export type Declined = Exclude<Answer, { result: 'delivered' }>

export interface Asked {
  readonly method?: 'POST' | 'GET'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Heard {
  readonly status: number
  /** Empty where the status alone decides, and the rest could not be read. */
  readonly text: string
  readonly retryAfterMs: number | null
}

export async function exchange(outside: Outside, asked: Asked, signal: AbortSignal): Promise<Heard | Failed> {
  const { method = 'POST', url, headers, body } = asked
  try {
    const response = await outside.fetch(url, {
      method,
      headers: { 'user-agent': 'flyball', ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal,
    })
    return await heardOf(response, outside.nowMs(), signal)
  } catch (error) {
    return failed(signal.aborted ? String(signal.reason) : `no answer${codeOf(error)}`)
  }
}

async function heardOf(response: Response, nowMs: number, signal: AbortSignal): Promise<Heard | Failed> {
  const { status, ok } = response
  const heard = { status, retryAfterMs: retryAfterMs(response.headers.get('retry-after'), nowMs) }
  let problem: string
  try {
    const text = await textOf(response)
    if (text !== null) return { ...heard, text }
    problem = `its answer (${status}) is longer than ${ANSWER_BYTES_MAX / 1024} KiB`
  } catch (error) {
    problem = signal.aborted ? String(signal.reason) : `its answer (${status}) broke off${codeOf(error)}`
  }
  // What did not say that it took the message has not taken it, however much else it says.
  return ok ? failed(problem) : { ...heard, text: '' }
}

/** Null: more than is read. */
async function textOf({ body }: Response): Promise<string | null> {
  if (body === null) return ''
  const reader = body.getReader()
  const parts: Uint8Array[] = []
  let size = 0
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const chunk: Uint8Array = part.value
    size += chunk.length
    if (size > ANSWER_BYTES_MAX) {
      await reader.cancel().catch(() => {})
      return null
    }
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString()
}

/** `Retry-After` in seconds or as a date; null: not said, or not to be understood. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  const text = header?.trim() ?? ''
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs
  // Dates of HTTP begin with the name of the day; Date.parse would make one of much else.
  if (Number.isNaN(ms) || !/^(\d+$|[A-Z][a-z]+day, |[A-Z][a-z]{2},? )/.test(text)) return null
  return Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms))
}

/** What an answer says that did not take the message. */
export function declined({ status, retryAfterMs }: Heard, because = ''): Declined {
  const problem = `answered ${status}${because}`
  if (status === 408 || status === 425 || status === 429 || status >= 500) return { result: 'failed', problem, retryAfterMs }
  if (status >= 400) return { result: 'refused', problem }
  const why = status >= 300 ? 'redirects are not followed' : 'that is not how this far end says yes'
  return { result: 'refused', problem: `${problem}: ${why}` }
}

/** The far end's own words for why, which may quote what it was sent: `attempt` clears them of secrets, and cuts them after that. */
export function quoted(words: string): string {
  return words.trim() === '' ? '' : ` (${words.trim()})`
}

/** Of an answer in JSON; of any other, nothing. */
export function objectIn(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** `path` below an address from the policy, which may end with a slash. */
export function below(base: string, path: string): string {
  return `${base.replace(/\/+$/, '')}/${path}`
}

export function failed(problem: string): Failed {
  return { result: 'failed', problem, retryAfterMs: null }
}

/** ` (ECONNREFUSED)`: the code of an error of the system or of fetch, never its words. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: unknown; cause?: { code?: unknown } }
  const found = [cause?.code, code].find((each) => typeof each === 'string' && /^[A-Z][A-Z0-9_]{2,40}$/.test(each))
  return found === undefined ? '' : ` (${found})`
}
