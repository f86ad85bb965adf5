/**
 * Looks at what the watchdogs notice, every few seconds, and keeps what of it holds among the incidents.
 *
 * Whoever was suspended heard nobody meanwhile, and all would be missing at once; and after a clock was set, what was heard before is of
 * another time. So everything is watched anew from there, but what was missed before stays missed until it is heard of.
 */
import type { Alert } from '../domain.ts'
import type { Layout } from '../policy/layout.ts'
import { hear, type Known } from './incidents.ts'
import { type Watched, watchdogAlerts } from './watchdogs.ts'

/** Looks are seconds apart, unless this process stood still. */
const APART_MS_MAX = 20_000

export class Watch {
  readonly #layout: Layout
  #beganMs: number
  /** From when on all has been watched without a gap. */
  #sinceMs: number
  #lookedMs: number
  /** Alerts that hold, by incident. */
  #standing: ReadonlyMap<string, Alert> = new Map()

  constructor(layout: Layout, nowMs: number) {
    this.#layout = layout
    this.#beganMs = nowMs
    this.#sinceMs = nowMs
    this.#lookedMs = nowMs
  }

  /** `nowMs`: wall clock. Changes `incidents`. */
  look(watched: Watched, incidents: Map<string, Known>, nowMs: number): void {
    if (nowMs < this.#lookedMs || nowMs - this.#lookedMs > APART_MS_MAX) this.#sinceMs = nowMs
    this.#beganMs = Math.min(this.#beganMs, nowMs)
    this.#lookedMs = nowMs
    const fresh = new Set(watchdogAlerts(watched, this.#layout, this.#sinceMs, nowMs).map(({ incident }) => incident))
    const all = watchdogAlerts(watched, this.#layout, this.#beganMs, nowMs)
    const found = new Map(
      all.flatMap((alert) => (fresh.has(alert.incident) || this.#standing.has(alert.incident) ? [[alert.incident, alert] as const] : [])),
    )
    for (const [incident, alert] of this.#standing) {
      if (!found.has(incident)) hear(incidents, { ...alert, status: 'resolved' }, nowMs)
    }
    for (const alert of found.values()) hear(incidents, alert, nowMs)
    this.#standing = found
  }
}
