/**
 * Alertmanager, API v2: one alert for each incident, and grouping, silencing and telling people are its own affair. What it is sent again
 * changes nothing.
 *
 * It ends by itself what nobody repeats: a firing alert is good for a day, so a route to it needs a `repeatInterval` below that. An alert is
 * its labels there, and the severity is one of them: when an incident becomes graver, the alert it was before is ended. What that was is
 * kept in the reference.
 */
import { createHash } from 'node:crypto'
import { isoTime } from '../../kit/iso-time.ts'
import { bearer, type Sender } from '../attempt.ts'
import type { Incident, Message } from '../contract.ts'
import { below, declined, exchange, quoted } from '../http.ts'
import { annotationsOf, labelsOf } from '../prometheus.ts'
import { usableLink } from '../words.ts'

/** How long an alert is good for when nothing more is said of it. */
export const GOOD_FOR_MS = 86_400_000
/** Other answers are those of something before it. */
const SAYS_WHY = [400, 422]
/** What is told of beyond them cannot be ended when it becomes graver, and ends by itself. */
const REMEMBERED_MAX = 500

export const sendAlertmanager: Sender<'alertmanager'> = async (plan, message, outside, signal) => {
  const headers = plan.tokenFile === null ? {} : bearer(outside.secret(plan.tokenFile))
  const body = JSON.stringify(alertsOf(message))
  const heard = await exchange(outside, { url: below(plan.url, 'api/v2/alerts'), headers, body }, signal)
  if ('result' in heard) return heard
  if (heard.status !== 200) return declined(heard, SAYS_WHY.includes(heard.status) ? quoted(heard.text) : '')
  return { result: 'delivered', reference: referenceTo(message) }
}

interface PostedAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly startsAt: string
  readonly endsAt: string
  readonly generatorURL?: string
}

function alertsOf(message: Message): readonly PostedAlert[] {
  const before = severitiesIn(message.reference)
  return message.incidents.flatMap((incident) => {
    const now = incident.alert.severity
    const was = before.get(shortName(incident)) ?? now
    const endsAtMs = incident.endedMs === null ? message.atMs + GOOD_FOR_MS : Math.min(incident.endedMs, message.atMs)
    const graver = was === now ? [] : [alertOf(incident, was, message.atMs)]
    return [alertOf(incident, now, endsAtMs), ...graver]
  })
}

function alertOf(incident: Incident, severity: string, endsAtMs: number): PostedAlert {
  const link = usableLink(incident.link)
  return {
    labels: { ...labelsOf(incident), severity },
    annotations: annotationsOf(incident),
    startsAt: isoTime(incident.beganMs),
    endsAt: isoTime(Math.max(incident.beganMs, endsAtMs)),
    ...(link === '' ? {} : { generatorURL: link }),
  }
}

const SEVERITIES = ['critical', 'warning', 'info'] as const

/** `c4f1…,w09a…`: the severity's first letter and the beginning of a hash over the incident's name, of those that hold. */
function referenceTo({ incidents }: Message): string {
  const holding = incidents.filter(({ endedMs }) => endedMs === null).slice(0, REMEMBERED_MAX)
  return holding.map((incident) => `${incident.alert.severity[0]}${shortName(incident)}`).join(',')
}

function severitiesIn(reference: string): ReadonlyMap<string, string> {
  const entries = reference.split(',').flatMap((entry): [string, string][] => {
    const severity = SEVERITIES.find((each) => each[0] === entry[0])
    return severity === undefined ? [] : [[entry.slice(1), severity]]
  })
  return new Map(entries)
}

function shortName({ alert: { incident } }: Incident): string {
  return createHash('sha256').update(incident).digest('hex').slice(0, 10)
}
