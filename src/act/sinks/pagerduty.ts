/**
 * PagerDuty, Events API v2: a group is one alert there, from its trigger to its resolve, by its key, acknowledged in between when somebody
 * has taken all of it. Sent again, an event of the same key changes nothing.
 *
 * What was acknowledged there rings no more, whatever is triggered by its key. So what is new, and nobody has taken, is triggered by another
 * key, and the one before is resolved: each round of these has a number, which is the answer's reference (`taken:0`, `ringing:1`).
 *
 * Changes (a promotion, a drill, an override) are told as change events, which wake nobody and stand beside the alerts.
 */
import { isoTime } from '../../kit/iso-time.ts'
import { type PlanOf, Refusal, type Sender } from '../attempt.ts'
import type { Answer, Change, Message, Outside } from '../contract.ts'
import { below, declined, exchange, type Heard, objectIn, quoted } from '../http.ts'
import { bytes, cut, fitting } from '../truncate.ts'
import { clean, factsOf, headlineOf, keyOf, linkOf, textOf, usableLink } from '../words.ts'

/** PagerDuty's are 1,024 and 255 characters, and 512 KB. */
const PAGERDUTY_LIMITS = { summary: 1_024, name: 255, bodyBytes: 512_000 } as const

const LINKS_MAX = 20

export const sendPagerduty: Sender<'pagerduty'> = async (plan, message, outside, signal) => {
  const routing_key = routingKey(plan, outside)
  const put = (event: object) => enqueue(plan, 'v2/enqueue', { routing_key, ...event }, outside, signal)
  const { round, isTaken } = roundIn(message.reference)
  const dedup_key = keyIn(message, round)
  if (message.acknowledges) return withReference(await put({ event_action: 'acknowledge', dedup_key }), `taken:${round}`)
  if (!isTaken || !ringsAnew(message)) return await put(eventOf(message, dedup_key, routing_key))
  const rung = await put(eventOf(message, keyIn(message, round + 1), routing_key))
  // Sent again, both change nothing: the round is counted when the answer is read.
  return rung.result === 'delivered' ? withReference(await put({ event_action: 'resolve', dedup_key }), `ringing:${round + 1}`) : rung
}

function roundIn(reference: string): { readonly round: number; readonly isTaken: boolean } {
  const [, state, round = '0'] = /^(taken|ringing):(\d{1,9})$/.exec(reference) ?? []
  return { round: Number(round), isTaken: state === 'taken' }
}

/** In no key of a group is this sign. */
function keyIn(message: Message, round: number): string {
  return keyOf(round === 0 ? message : { ...message, key: `${message.key}#${round}` })
}

function ringsAnew({ incidents, news, status, repeated }: Message): boolean {
  return status === 'firing' && !repeated && incidents.some(({ alert, takenBy }) => takenBy === null && news.includes(alert.incident))
}

function withReference(answer: Answer, reference: string): Answer {
  return answer.result === 'delivered' ? { ...answer, reference } : answer
}

/** A change event. */
export async function sendChange(plan: PlanOf<'pagerduty'>, change: Change, outside: Outside, signal: AbortSignal): Promise<Answer> {
  const links = change.links.flatMap(({ href, text }) => linkTo(href, text)).slice(0, LINKS_MAX)
  const body = {
    routing_key: routingKey(plan, outside),
    payload: {
      summary: cut(clean(change.summary), PAGERDUTY_LIMITS.summary),
      source: cut(clean(change.source), PAGERDUTY_LIMITS.name),
      timestamp: isoTime(change.atMs),
    },
    links,
  }
  return await enqueue(plan, 'v2/change/enqueue', body, outside, signal)
}

async function enqueue(plan: PlanOf<'pagerduty'>, path: string, body: object, outside: Outside, signal: AbortSignal): Promise<Answer> {
  const heard = await exchange(outside, { url: below(plan.url, path), body: JSON.stringify(body) }, signal)
  if ('result' in heard) return heard
  return heard.status === 202 ? { result: 'delivered', reference: '' } : declined(heard, quoted(wordsOf(heard)))
}

/** An integration key is a word; something else in its file is a mistake that PagerDuty would only call an invalid key. */
function routingKey({ routingKeyFile }: PlanOf<'pagerduty'>, outside: Outside): string {
  const key = outside.secret(routingKeyFile)
  if (!/^[\x21-\x7e]+$/.test(key)) throw new Refusal(`${routingKeyFile} holds no integration key`)
  return key
}

function wordsOf({ text }: Heard): string {
  const { message, errors } = objectIn(text)
  const words = [message, ...(Array.isArray(errors) ? (errors as unknown[]) : [])]
  return words.filter((word) => typeof word === 'string').join('; ')
}

/** Everything about the gravest incident, and as texts as many of the others as the body may hold. */
function eventOf(message: Message, dedup_key: string, routing_key: string): object {
  const texts = message.incidents.slice(1).map(textOf)
  const least = bytes(JSON.stringify({ routing_key, ...eventWith([], Number.MAX_SAFE_INTEGER, message, dedup_key) }))
  const told = fitting(texts, PAGERDUTY_LIMITS.bodyBytes - least, (text) => bytes(JSON.stringify(text)) + 1)
  return eventWith(told, message.omitted + texts.length - told.length, message, dedup_key)
}

function eventWith(others: readonly string[], missing: number, message: Message, dedup_key: string): object {
  const link = linkOf(message)
  return {
    event_action: message.status === 'resolved' ? 'resolve' : 'trigger',
    dedup_key,
    client: 'Flyball',
    ...(link === '' ? {} : { client_url: link }),
    links: [...linkTo(link, 'The decision'), ...runbooksOf(message)].slice(0, LINKS_MAX),
    payload: payloadOf(message, { ...factsOf(message.incidents[0]!), others, not_listed: missing }),
  }
}

function payloadOf(message: Message, custom_details: object): object {
  const { environment, model, cause } = message.incidents[0]!.alert
  return {
    summary: cut(headlineOf(message), PAGERDUTY_LIMITS.summary),
    source: cut(clean(`${environment}/${model}`), PAGERDUTY_LIMITS.name),
    severity: message.severity,
    timestamp: isoTime(Math.min(...message.incidents.map(({ beganMs }) => beganMs))),
    component: cut(clean(message.labels['model'] ?? model), PAGERDUTY_LIMITS.name),
    group: cut(clean(environment), PAGERDUTY_LIMITS.name),
    class: cut(clean(message.labels['cause'] ?? cause), PAGERDUTY_LIMITS.name),
    custom_details,
  }
}

function runbooksOf({ incidents }: Message): ReturnType<typeof linkTo> {
  const pages = new Set(incidents.flatMap(({ alert }) => alert.detail.runbooks))
  return [...pages].flatMap((page) => linkTo(page, 'Runbook'))
}

function linkTo(href: string, text: string): readonly { readonly href: string; readonly text: string }[] {
  const usable = usableLink(href)
  return usable === '' ? [] : [{ href: usable, text: cut(clean(text), PAGERDUTY_LIMITS.name) }]
}
