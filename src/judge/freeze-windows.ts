/**
 * Freeze windows: times at which nothing is raised, named by the plan. A function of the wall clock alone, in UTC.
 * A drain has no wall clock (0), and so no windows: what was recorded is judged the same at any hour.
 */
import { isoTime } from '../kit/iso-time.ts'
import type { FreezeWindow } from '../policy/layout.ts'

const MINUTE_MS = 60_000
const WEEK_MS = 7 * 24 * 60 * MINUTE_MS
/** 1970 began on a Thursday: the Monday before it. */
const MONDAY_MS = -3 * 24 * 60 * MINUTE_MS

export interface OpenWindow {
  readonly name: string
  /** Wall clock: the first moment at which it is shut. */
  readonly endMs: number
}

/** The window that is open; of several the one that is open longest. */
export function openWindow(windows: readonly FreezeWindow[], wallMs: number): OpenWindow | null {
  if (wallMs <= 0) return null
  const open = windows.flatMap((window) => {
    const endMs = endOf(window, wallMs)
    return endMs === null ? [] : [{ name: window.name, endMs }]
  })
  return open.reduce<OpenWindow | null>((longest, each) => (longest === null || each.endMs > longest.endMs ? each : longest), null)
}

/** Null: it is shut. The begin belongs to it, the end does not. */
function endOf(window: FreezeWindow, wallMs: number): number | null {
  if (window.kind === 'once') return wallMs >= window.beginMs && wallMs < window.endMs ? window.endMs : null
  const lengthMs = Math.min(window.lengthMinutes * MINUTE_MS, WEEK_MS)
  const ends = window.beginMinutes.map((minutes) => {
    // Of this week or, over Sunday midnight, of the one before.
    const sinceBeginMs = modulo(wallMs - MONDAY_MS - minutes * MINUTE_MS, WEEK_MS)
    return sinceBeginMs < lengthMs ? wallMs - sinceBeginMs + lengthMs : null
  })
  return ends.reduce((latest, end) => (end !== null && (latest === null || end > latest) ? end : latest), null)
}

function modulo(value: number, by: number): number {
  return ((value % by) + by) % by
}

/** As a reason to stay. */
export function windowMissing(window: OpenWindow | null): readonly { readonly kind: string; readonly words: string }[] {
  if (window === null) return []
  return [{ kind: `window ${window.name}`, words: `freeze window ${window.name} is open until ${isoTime(window.endMs)}` }]
}
