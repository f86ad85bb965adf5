/**
 * Slack, by a bot: one message for a group, kept up to date in its place, with the details of what is new in its thread. A reply about an
 * incident that has begun shows in the channel too; that somebody has taken it does not.
 *
 * Its first answer names the message (`channel:ts`); with that, an update that is sent again changes nothing. Two things can be told twice:
 * the message itself when the answer to the first one is lost, and a reply when the answer to it is.
 */
import { bearer, type Sender } from '../attempt.ts'
import type { Answer, Incident, Message, Outside } from '../contract.ts'
import { below, type Declined, declined, exchange, type Heard, objectIn, quoted } from '../http.ts'
import { type SlackBody, slackDetails, slackMessage } from '../slack.ts'

/** Of `ok: false`: what passes by itself. Everything else is a matter of set-up. */
const PASSING: readonly string[] = [
  'ratelimited',
  'rate_limited',
  'message_limit_exceeded',
  'internal_error',
  'fatal_error',
  'service_unavailable',
  'request_timeout',
  'team_added_to_org',
]
/** Of an update: the message is not there any more, or nobody may change it. */
const GONE: readonly string[] = ['message_not_found', 'cant_update_message', 'edit_window_closed']

type Call = (method: string, body: SlackBody, place: Readonly<Record<string, string | boolean>>) => Promise<Said>
/** What a call came to: the message it made or changed, or why not. */
type Said = { readonly place: Place } | { readonly error: string; readonly answer: Declined }

interface Place {
  readonly channel: string
  readonly ts: string
}

export const sendSlackBot: Sender<'slack-bot'> = async (plan, message, outside, signal) => {
  const call = caller(plan.url, outside.secret(plan.tokenFile), outside, signal)
  const known = placeOf(message.reference, plan.channel)
  if (known === null) return await begin(call, plan.channel, message)
  const updated = await call('chat.update', slackMessage(message), { ...known })
  if ('error' in updated) return GONE.includes(updated.error) ? await begin(call, plan.channel, message) : updated.answer
  const replied = await call('chat.postMessage', slackDetails(message, worthTelling(message)), {
    channel: known.channel,
    thread_ts: known.ts,
    reply_broadcast: hasBegun(message),
  })
  return 'error' in replied ? replied.answer : referenceTo(known)
}

async function begin(call: Call, channel: string, message: Message): Promise<Answer> {
  const posted = await call('chat.postMessage', slackMessage(message), { channel })
  if ('error' in posted) return posted.answer
  const [, ...others] = message.incidents
  const place = { channel: posted.place.channel, thread_ts: posted.place.ts }
  // Whatever comes of the details: were this answer not "delivered", the message would be there twice.
  if (others.length > 0) await call('chat.postMessage', slackDetails(message, others), place)
  return referenceTo(posted.place)
}

function hasBegun(message: Message): boolean {
  return message.incidents.some(({ alert, endedMs }) => endedMs === null && message.news.includes(alert.incident))
}

function worthTelling({ incidents, news, acknowledges }: Message): readonly Incident[] {
  if (acknowledges) return incidents.slice(0, 1)
  return incidents.filter(({ alert, endedMs }) => endedMs !== null || news.includes(alert.incident))
}

function caller(base: string, token: string, outside: Outside, signal: AbortSignal): Call {
  const headers = { ...bearer(token), 'content-type': 'application/json; charset=utf-8' }
  return async (method, message, place) => {
    // An update would make links of names by itself, unless it is told not to.
    const body = JSON.stringify({ ...place, ...message, parse: 'none', link_names: false })
    const heard = await exchange(outside, { url: below(base, method), headers, body }, signal)
    return 'result' in heard ? { error: '', answer: heard } : saidBy(heard)
  }
}

function saidBy(heard: Heard): Said {
  const { ok, channel, ts, error } = heard.status === 200 ? objectIn(heard.text) : {}
  if (ok === true && typeof channel === 'string' && typeof ts === 'string') return { place: { channel, ts } }
  if (ok !== false || typeof error !== 'string') return { error: '', answer: declined(heard) }
  const words = /^[a-z_]{2,60}$/.test(error) ? quoted(error) : ''
  const { retryAfterMs } = heard
  const problem = `answered ok: false${words}`
  return { error, answer: PASSING.includes(error) ? { result: 'failed', problem, retryAfterMs } : { result: 'refused', problem } }
}

/** Null: nothing was said yet, or in another channel than the one that is set up now. */
function placeOf(reference: string, channel: string): Place | null {
  const [, known, ts] = /^([A-Z0-9]{2,40}):(\d+\.\d+)$/.exec(reference) ?? []
  if (known === undefined || ts === undefined) return null
  // A name, or a person, has its id from the far end: only an id of a channel can be held against it.
  return /^[CG][A-Z0-9]{6,}$/.test(channel) && channel !== known ? null : { channel: known, ts }
}

function referenceTo({ channel, ts }: Place): Answer {
  return { result: 'delivered', reference: `${channel}:${ts}` }
}
