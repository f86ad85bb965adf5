/**
 * When a group of incidents is told to a destination. Everything follows from what stands on the log: when its incidents began, and what
 * the destination was last told. So whoever takes over goes on where the other stopped, and nothing is timed in memory.
 *
 * Idea. A first message waits for company (`groupWait`). Changes wait until the last message is old enough (`groupInterval`), unless the
 * group has become graver: then only for company. What still holds is said again (`repeatInterval`). That somebody has taken all of it is
 * told at once, and is no reason to tell anything else later. The end waits as a change does, and is told only to those who were told of
 * the beginning.
 *
 * A clock may be set back, and then what stands on the log is of tomorrow: nothing waits for it, or nobody would be told for a day.
 */
import { createHash } from 'node:crypto'
import type { Alert, Attempt, Delivery, Told } from '../domain.ts'
import type { AlertRoute } from '../policy/layout.ts'
import { isGraver } from './gravity.ts'
import type { Known } from './incidents.ts'
import { WATCHDOG_CAUSES } from './watchdogs.ts'

export interface Standing {
  /** Those that hold and are not muted. */
  readonly holding: readonly Known[]
  /** Some hold, and are muted. */
  readonly isMuted: boolean
  /** Those that ended; the last end counts. */
  readonly ended: readonly Known[]
}

/** Behind a fingerprint: that somebody has taken all of it was told. */
const TAKEN = '+taken'

export interface Now {
  readonly nowMs: number
  /** Since when the state has been followed: watchdogs need a while to say again what they said to those before. */
  readonly sinceMs: number
}

export interface Due {
  readonly status: Alert['status']
  readonly severity: Alert['severity']
  readonly fingerprint: string
  readonly atMs: number
  readonly repeated: boolean
  /** Only that somebody has taken it. */
  readonly acknowledges: boolean
}

type Severity = Alert['severity']

/** What was told and of which no end is known is not told to be over before: watchdogs may say it again. */
const UNSAID_AFTER_MS = 10 * 60_000
/** Clocks of two machines differ by less. */
const CLOCKS_DIFFER_MS = 60_000
/** Of those that ended last: in how many ways they are compared with what was told. */
const ENDS_COMPARED_MAX = 64

/** Null: there is nothing to tell as things stand. */
export function dueOf(standing: Standing, route: AlertRoute, delivery: Delivery | null, now: Now): Due | null {
  const due = standing.holding.length > 0 ? toldToHold(standing, route, delivery, now) : toldToEnd(standing, route, delivery, now)
  return due === null ? null : afterTrouble(due, delivery, now)
}

function toldToHold({ holding }: Standing, route: AlertRoute, delivery: Delivery | null, now: Now): Due {
  const { nowMs } = now
  const severity = gravest(holding)
  const due = { status: 'firing', severity, fingerprint: fingerprintOf(holding), repeated: false, acknowledges: false } as const
  const told = delivery?.told ?? null
  if (told === null || told.status === 'resolved' || mayHaveHeardTheEnd(delivery))
    return { ...due, atMs: after(Math.min(...holding.map(({ beganMs }) => beganMs)), route.groupWaitMs, nowMs) }
  const takenMs = takenAtMs(holding)
  const isToldTaken = told.fingerprint.endsWith(TAKEN)
  const isSame = due.fingerprint === untaken(told.fingerprint)
  const keepsTaken = isToldTaken && (takenMs !== null || (isSame && !holding.some((known) => beganAnew(known, told.atMs, now))))
  const change = changed({ ...due, fingerprint: `${due.fingerprint}${keepsTaken ? TAKEN : ''}` }, holding, route, delivery!, told, nowMs)
  // A change that is due goes first: a far end that takes no such word must not be kept from it.
  if (takenMs === null || isToldTaken || (!change.repeated && change.atMs <= nowMs)) return change
  const acknowledged = { ...due, severity: told.severity, fingerprint: `${told.fingerprint}${TAKEN}`, acknowledges: true }
  return { ...acknowledged, atMs: Math.min(takenMs, nowMs) }
}

/** What is told of changes to who was told before, and when what still holds is said again. */
function changed(
  due: Omit<Due, 'atMs'>,
  holding: readonly Known[],
  route: AlertRoute,
  { attempt }: Delivery,
  told: Told,
  nowMs: number,
): Due {
  if (due.fingerprint === told.fingerprint) {
    const repeatMs = after(told.atMs, route.repeatIntervalMs, nowMs)
    const undoneMs = attempt === null ? null : undoneAtMs(attempt, told, route, repeatMs, nowMs)
    return undoneMs === null ? { ...due, repeated: true, atMs: repeatMs } : { ...due, atMs: Math.min(repeatMs, undoneMs) }
  }
  const afterInterval = after(told.atMs, route.groupIntervalMs, nowMs)
  if (!isGraver(due.severity, told.severity)) return { ...due, atMs: afterInterval }
  const graveSinceMs = Math.min(...holding.filter(({ alert }) => alert.severity === due.severity).map((known) => known.graveSinceMs))
  return { ...due, atMs: Math.min(afterInterval, after(graveSinceMs, route.groupWaitMs, nowMs)) }
}

/**
 * It stands as it was told; but a change that was undone since was sent, and may have been heard: that it stands so is told again, until
 * it is taken. Null: nothing else was said.
 */
function undoneAtMs(attempt: Attempt, told: Told, route: AlertRoute, repeatMs: number, nowMs: number): number | null {
  if (attempt.status !== 'firing' || attempt.result === 'refused') return null
  const isOther = untaken(attempt.fingerprint) !== untaken(told.fingerprint)
  if (isOther) return after(attempt.atMs, route.groupIntervalMs, nowMs)
  return attempt.fingerprint === told.fingerprint && attempt.atMs < repeatMs ? attempt.atMs : null
}

/** When the last of them was taken; null: one of them is not. */
function takenAtMs(holding: readonly Known[]): number | null {
  const times = holding.flatMap(({ takenBy }) => takenBy?.atMs ?? [])
  return times.length < holding.length ? null : Math.max(...times)
}

/**
 * Ended and began again since it was told to hold, and nobody has taken it since: who took it before thinks that it is over. Watchdogs say
 * what they said to those before again, and that is no beginning. What flaps goes on, and is taken since then or news.
 */
function beganAnew({ alert, takenBy, beganMs }: Known, toldMs: number, { sinceMs }: Now): boolean {
  if (takenBy !== undefined || beganMs <= toldMs) return false
  const isWatched = WATCHDOG_CAUSES.some((cause) => cause === alert.cause)
  return !isWatched || beganMs < sinceMs || beganMs > sinceMs + UNSAID_AFTER_MS
}

function untaken(fingerprint: string): string {
  return fingerprint.endsWith(TAKEN) ? fingerprint.slice(0, -TAKEN.length) : fingerprint
}

/** This attempt says of what was told that somebody has taken it, and nothing else. */
export function saysTaken(told: Told | null, { status, fingerprint }: Attempt): boolean {
  return told !== null && told.status === 'firing' && status === 'firing' && fingerprint === `${told.fingerprint}${TAKEN}`
}

/** What is silenced may be what was told: then its end is not known. */
function toldToEnd({ isMuted, ended }: Standing, route: AlertRoute, delivery: Delivery | null, { nowMs, sinceMs }: Now): Due | null {
  const last = lastSaid(delivery)
  if (last === null) return null
  const { status, severity, fingerprint, atMs } = last
  const end = { status: 'resolved', severity, repeated: false, acknowledges: false } as const
  if (status === 'resolved') return { ...end, fingerprint, atMs: Math.min(atMs, nowMs) }
  const isKnown = isOver(last, ended)
  if (isMuted && !isKnown) return null
  const dueMs = after(atMs, route.groupIntervalMs, nowMs)
  return {
    ...end,
    fingerprint: `ended after ${fingerprint}`,
    atMs: isKnown ? dueMs : Math.max(dueMs, after(sinceMs, UNSAID_AFTER_MS, nowMs)),
  }
}

/** Those that ended last are exactly those that were told to hold. */
function isOver({ fingerprint, atMs }: Told | Attempt, ended: readonly Known[]): boolean {
  const newest = [...ended].sort((one, other) => other.endedMs! - one.endedMs!)
  const sizes = new Set([newest.filter(({ endedMs }) => endedMs! >= atMs).length])
  for (let size = 1; size <= Math.min(newest.length, ENDS_COMPARED_MAX); size++) sizes.add(size)
  const known = untaken(fingerprint)
  return [...sizes].some((size) => fingerprintOf(newest.slice(0, size)) === known)
}

/** It was sent the end, and no answer came: for what begins again this is a beginning, and no repetition. */
export function mayHaveHeardTheEnd(delivery: Delivery | null): boolean {
  const attempt = delivery?.attempt ?? null
  return attempt !== null && attempt.status === 'resolved' && attempt.result !== 'refused'
}

function after(atMs: number, waitMs: number, nowMs: number): number {
  return atMs > nowMs + CLOCKS_DIFFER_MS ? nowMs : atMs + waitMs
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
function afterTrouble(due: Due, delivery: Delivery | null, { nowMs }: Now): Due {
  const attempt = delivery?.attempt ?? null
  if (attempt === null || attempt.result === 'sending') return due
  if (attempt.result === 'refused' && attempt.fingerprint !== due.fingerprint) return due
  return { ...due, atMs: Math.max(due.atMs, after(attempt.atMs, attempt.notBeforeMs - attempt.atMs, nowMs)) }
}

export function gravest(incidents: readonly Known[]): Severity {
  return incidents.reduce<Severity>((most, { alert }) => (isGraver(alert.severity, most) ? alert.severity : most), 'info')
}

/** Which incidents hold and how grave they are. When they began is no part of it: what ended and began again meanwhile holds. */
function fingerprintOf(holding: readonly Known[]): string {
  const lines = holding.map(({ alert }) => `${alert.incident}\n${alert.severity}`).sort()
  return createHash('sha256').update(lines.join('\n\n')).digest('hex').slice(0, 16)
}
