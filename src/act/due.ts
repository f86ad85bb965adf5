/**
 * When a group of incidents is told to a destination. Everything follows from what stands on the log: when its incidents began, and what
 * the destination was last told. So whoever takes over goes on where the other stopped, and nothing is timed in memory.
 *
 * Idea. A first message waits for company (`groupWait`). Changes wait until the last message is old enough (`groupInterval`), unless the
 * group has become graver: then only for company. What still holds is said again (`repeatInterval`). The end waits as a change does, and
 * is told only to those who were told of the beginning.
 */
import { createHash } from 'node:crypto'
import type { Alert, Attempt, Delivery, Told } from '../domain.ts'
import type { AlertRoute } from '../policy/layout.ts'
import type { Known } from './incidents.ts'

export interface Standing {
  /** Those that hold and are not muted. */
  readonly holding: readonly Known[]
  /** Some hold, and are muted. */
  readonly isMuted: boolean
  /** Those that ended; the last end counts. */
  readonly ended: readonly Known[]
}

export interface Due {
  readonly status: Alert['status']
  readonly severity: Alert['severity']
  readonly fingerprint: string
  readonly atMs: number
  readonly repeated: boolean
}

type Severity = Alert['severity']

const GRAVITY: Readonly<Record<Severity, number>> = { critical: 2, warning: 1, info: 0 }

/** Null: there is nothing to tell as things stand. */
export function dueOf(standing: Standing, route: AlertRoute, delivery: Delivery | null): Due | null {
  const due = standing.holding.length > 0 ? toldToHold(standing, route, delivery) : toldToEnd(standing, route, delivery)
  return due === null ? null : afterTrouble(due, delivery)
}

function toldToHold({ holding }: Standing, route: AlertRoute, delivery: Delivery | null): Due {
  const severity = gravest(holding)
  const fingerprint = fingerprintOf(holding)
  const due = { status: 'firing', severity, fingerprint, repeated: false } as const
  const told = delivery?.told ?? null
  if (told === null || told.status === 'resolved')
    return { ...due, atMs: Math.min(...holding.map(({ beganMs }) => beganMs)) + route.groupWaitMs }
  if (fingerprint === told.fingerprint) return { ...due, repeated: true, atMs: told.atMs + route.repeatIntervalMs }
  const afterInterval = told.atMs + route.groupIntervalMs
  if (!isGraver(severity, told.severity)) return { ...due, atMs: afterInterval }
  const graveSinceMs = Math.min(...holding.filter(({ alert }) => alert.severity === severity).map((known) => known.graveSinceMs))
  return { ...due, atMs: Math.min(afterInterval, graveSinceMs + route.groupWaitMs) }
}

function toldToEnd({ isMuted }: Standing, route: AlertRoute, delivery: Delivery | null): Due | null {
  const last = lastSaid(delivery)
  if (last === null || isMuted) return null
  const { status, severity, fingerprint, atMs } = last
  return {
    status: 'resolved',
    severity,
    fingerprint: status === 'resolved' ? fingerprint : `ended after ${fingerprint}`,
    repeated: false,
    atMs: atMs + (status === 'resolved' ? 0 : route.groupIntervalMs),
  }
}

/**
 * What the destination was told of a beginning, or may have been: a sender that died, or that had no answer, may have been heard. Whoever
 * may have been told of the beginning is told of the end; null: nobody was.
 */
export function lastSaid(delivery: Delivery | null): Told | Attempt | null {
  const { told = null, attempt = null } = delivery ?? {}
  if (told !== null && told.status === 'firing') return attempt?.status === 'resolved' ? attempt : told
  return attempt === null || attempt.result === 'refused' ? null : attempt
}

/** A destination that failed is asked again when it may be; one that refused, when there is something else to say, or to repeat. */
function afterTrouble(due: Due, delivery: Delivery | null): Due {
  const attempt = delivery?.attempt ?? null
  if (attempt === null || attempt.result === 'sending') return due
  if (attempt.result === 'refused' && attempt.fingerprint !== due.fingerprint) return due
  return { ...due, atMs: Math.max(due.atMs, attempt.notBeforeMs) }
}

export function isGraver(one: Severity, other: Severity): boolean {
  return GRAVITY[one] > GRAVITY[other]
}

export function gravest(incidents: readonly Known[]): Severity {
  return incidents.reduce<Severity>((most, { alert }) => (isGraver(alert.severity, most) ? alert.severity : most), 'info')
}

/** Which incidents hold and how grave they are. When they began is no part of it: what ended and began again meanwhile holds. */
function fingerprintOf(holding: readonly Known[]): string {
  const lines = holding.map(({ alert }) => `${alert.incident}\n${alert.severity}`).sort()
  return createHash('sha256').update(lines.join('\n\n')).digest('hex').slice(0, 16)
}
