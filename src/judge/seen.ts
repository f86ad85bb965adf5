/**
 * Requests that were answered, by id: one that comes again is done once. An id is kept until its request has expired, for from then on it
 * would be refused, and for a day at least, also where it never expires.
 */
import { createHash } from 'node:crypto'
import type { OperatorRequest } from '../domain.ts'

const KEPT_MS = 86_400_000
/** All of them are written with every decision. */
const SEEN_MAX = 1024

export interface SeenRequest {
  /** Shortened where it is long. */
  readonly id: string
  /** Wall clock until which it is kept; 0: not yet known, of a state of before. */
  readonly untilMs: number
}

export function isSeen(seen: readonly SeenRequest[], request: OperatorRequest): boolean {
  const id = shortened(request.id)
  return seen.some((each) => each.id === id)
}

/** The oldest are forgotten first where there are too many. */
export function withSeen(seen: readonly SeenRequest[], { id, expiresAtMs }: OperatorRequest, wallMs: number): readonly SeenRequest[] {
  const dayMs = wallMs + KEPT_MS
  const kept = seen.map((each) => (each.untilMs === 0 ? { ...each, untilMs: dayMs } : each)).filter(({ untilMs }) => untilMs >= wallMs)
  return [...kept, { id: shortened(id), untilMs: Math.max(dayMs, expiresAtMs ?? 0) }].slice(-SEEN_MAX)
}

/** States of before kept the ids alone. */
export function seenOf(stored: readonly (SeenRequest | string)[]): readonly SeenRequest[] {
  return stored.map((each) => (typeof each === 'string' ? { id: shortened(each), untilMs: 0 } : each))
}

/** Whoever asks chooses the id, and may choose a book. */
function shortened(id: string): string {
  return /^[\x20-\x7e]{0,64}$/.test(id) ? id : `sha256:${createHash('sha256').update(id).digest('hex')}`
}
