/**
 * Any address that takes what Alertmanager sends to its webhooks (version 4), signed as Standard Webhooks says where there is a secret.
 *
 * `webhook-id` is made of what is told: it stays the same over repetitions of an attempt, so that a receiver that keeps the ids it has seen
 * is told nothing twice. A reminder (`repeatInterval`) has an id of its own, the same for all reminders of one state of things.
 */
import { createHash, createHmac } from 'node:crypto'
import { isoTime } from '../../kit/iso-time.ts'
import { KEY_BYTES_MIN } from '../../kit/secret-key.ts'
import { Refusal, type Sender } from '../attempt.ts'
import type { Incident, Message } from '../contract.ts'
import { declined, exchange } from '../http.ts'
import { annotationsOf, labelsOf } from '../prometheus.ts'
import { bytes, fitting } from '../truncate.ts'
import { keyOf, labelValue, linkOf, usableLink } from '../words.ts'

/** Of the alerts in a body; receivers are advised to take little. */
export const WEBHOOK_ALERT_BYTES_MAX = 250_000
/** What Alertmanager writes where nothing has ended. */
const NOT_ENDED = '0001-01-01T00:00:00Z'

export const sendWebhook: Sender<'webhook'> = async (plan, message, outside, signal) => {
  const body = JSON.stringify(bodyOf(message))
  const headers = plan.secretFile === null ? {} : signatureOf(body, message, outside.secret(plan.secretFile), outside.nowMs())
  const heard = await exchange(outside, { url: plan.url, headers, body }, signal)
  if ('result' in heard) return heard
  return heard.status >= 200 && heard.status < 300 ? { result: 'delivered', reference: '' } : declined(heard)
}

function bodyOf(message: Message): object {
  const alerts = message.incidents.map(alertOf)
  const told = fitting(alerts, WEBHOOK_ALERT_BYTES_MAX, (alert) => bytes(JSON.stringify(alert)) + 1)
  const link = linkOf(message)
  return {
    receiver: 'flyball',
    status: message.status,
    alerts: told,
    groupLabels: cleaned(message.labels),
    commonLabels: commonOf(told.map(({ labels }) => labels)),
    commonAnnotations: commonOf(told.map(({ annotations }) => annotations)),
    externalURL: link === '' ? '' : new URL(link).origin,
    version: '4',
    groupKey: keyOf(message),
    truncatedAlerts: message.omitted + alerts.length - told.length,
  }
}

function alertOf(incident: Incident) {
  const { endedMs, beganMs, link, alert } = incident
  return {
    status: endedMs === null ? 'firing' : 'resolved',
    labels: labelsOf(incident),
    annotations: annotationsOf(incident),
    startsAt: isoTime(beganMs),
    endsAt: endedMs === null ? NOT_ENDED : isoTime(endedMs),
    generatorURL: usableLink(link),
    fingerprint: createHash('sha256').update(alert.incident).digest('hex').slice(0, 16),
  }
}

function cleaned(labels: Message['labels']): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(labels).map(([label, value]) => [label, labelValue(value)]))
}

function commonOf(all: readonly Readonly<Record<string, string>>[]): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(all[0] ?? {}).filter(([name, value]) => all.every((each) => each[name] === value)))
}

function signatureOf(body: string, message: Message, secret: string, nowMs: number): Readonly<Record<string, string>> {
  const kind = message.repeated ? 'reminder' : 'news'
  const id = `msg_${createHash('sha256').update(kind).update('\0').update(body).digest('hex').slice(0, 40)}`
  const timestamp = String(Math.floor(nowMs / 1000))
  const signatures = keysIn(secret).map((key) => signed(key, `${id}.${timestamp}.${body}`))
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') }
}

/** `content` is `id.timestamp.body`. */
export function signed(key: Buffer, content: string): string {
  return `v1,${createHmac('sha256', key).update(content).digest('base64')}`
}

/** `whsec_` and base64, or the bytes as they are. Several of the first kind: signed with each, while a receiver changes over. */
function keysIn(secret: string): readonly Buffer[] {
  const keys = secret.startsWith('whsec_') ? secret.split(/\s+/).map(decoded) : [Buffer.from(secret)]
  if (keys.some(({ length }) => length < KEY_BYTES_MIN))
    throw new Refusal(`the secret of the signature has less than ${KEY_BYTES_MIN} bytes`)
  return keys
}

function decoded(word: string): Buffer {
  const [, base64] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(word) ?? []
  if (base64 === undefined) throw new Refusal('the secret of the signature is not base64 behind whsec_')
  return Buffer.from(base64, 'base64')
}
