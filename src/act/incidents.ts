/**
 * What holds, from the alerts in their order: an incident begins, grows graver, ends, begins again. One that does so all the time is
 * taken as one that goes on until it has been calm: nobody is called four times an hour about the same thing.
 */
import type { Alert } from '../domain.ts'
import type { Alerting } from '../policy/layout.ts'
import { isGraver } from './gravity.ts'
import type { TakenBy } from './taken.ts'

export interface Known {
  /** As it was last said; its detail is that of the last beginning, for an end has none. */
  readonly alert: Alert
  readonly beganMs: number
  /** When this severity was first said. */
  readonly graveSinceMs: number
  /** Null: it holds. */
  readonly endedMs: number | null
  /** The gravest that it was since it began. */
  readonly gravest: Alert['severity']
  /** When it last began, ended or became less grave, oldest first, at most as many as flapping is counted by. */
  readonly changesMs: readonly number[]
  /** When it became as grave as `gravest`. */
  readonly gravestSinceMs: number
  /** Who has taken it; left out: nobody, as far as it has been asked. */
  readonly takenBy?: TakenBy
  /** A message at that time did not tell of it, for something muted it that is over now; left out: nothing did. */
  readonly wasMutedAt?: (atMs: number) => boolean
}

/** By name of the incident. */
export type Incidents = ReadonlyMap<string, Known>

/** Incidents that are remembered: past it, those that ended are forgotten first, and critical ones last. */
export const INCIDENTS_MAX = 5_000
const CHANGES_MAX = 100

/** `atMs`: wall clock at which it was said. Changes `incidents`; null for what was no news. */
export function hear(incidents: Map<string, Known>, alert: Alert, atMs: number): Known | null {
  const before = incidents.get(alert.incident) ?? null
  const known = alert.status === 'firing' ? begun(before, alert, atMs) : ended(before, alert, atMs)
  if (known === null) return null
  incidents.delete(alert.incident)
  incidents.set(alert.incident, known)
  if (incidents.size > INCIDENTS_MAX) forget(incidents)
  return known
}

function begun(before: Known | null, alert: Alert, atMs: number): Known {
  const holds = before !== null && before.endedMs === null
  const isSame = holds && before.alert.severity === alert.severity
  const isLess = holds && isGraver(before.alert.severity, alert.severity)
  return {
    alert,
    beganMs: holds ? before.beganMs : atMs,
    graveSinceMs: isSame ? before.graveSinceMs : atMs,
    gravest: holds && isGraver(before.gravest, alert.severity) ? before.gravest : alert.severity,
    gravestSinceMs: before === null || isGraver(alert.severity, before.gravest) ? atMs : before.gravestSinceMs,
    endedMs: null,
    changesMs: holds && !isLess ? before.changesMs : changed(before, atMs),
  }
}

/** The end of what was never said to begin is no news. */
function ended(before: Known | null, alert: Alert, atMs: number): Known | null {
  if (before === null || before.endedMs !== null) return null
  const { detail, severity, summary } = before.alert
  return { ...before, alert: { ...alert, detail, severity, summary }, endedMs: atMs, changesMs: changed(before, atMs) }
}

function changed(before: Known | null, atMs: number): readonly number[] {
  return [...(before?.changesMs ?? []), atMs].slice(-CHANGES_MAX)
}

function forget(incidents: Map<string, Known>): void {
  for (const [name, { endedMs }] of incidents) {
    if (endedMs === null) continue
    incidents.delete(name)
    return
  }
  // All of them hold: the oldest of little weight goes, or memory would.
  const lesser = [...incidents].find(([, { alert }]) => alert.severity !== 'critical')
  incidents.delete(lesser?.[0] ?? incidents.keys().next().value!)
}

export function isFlapping({ changesMs }: Known, flapping: Alerting['flapping'], nowMs: number): boolean {
  const last = changesMs.at(-1)
  const first = changesMs.at(-flapping.changes)
  return last !== undefined && first !== undefined && last - first <= flapping.withinMs && nowMs - last < flapping.calmMs
}

/**
 * From when on somebody may have taken it as it is now: since it began, and was not less grave than it is. What flapped when it
 * began is one incident from when it was last calm.
 */
export function takenFromMs(known: Known, flapping: Alerting['flapping']): number {
  const { beganMs, gravestSinceMs, changesMs } = known
  const oneMs = isFlapping(known, flapping, changesMs.at(-1)!) ? Math.min(beganMs, stirredMs(known, flapping.calmMs)) : beganMs
  return Math.max(oneMs, gravestSinceMs)
}

function stirredMs({ changesMs }: Known, calmMs: number): number {
  const after = changesMs.findLastIndex((atMs, index) => index > 0 && atMs - changesMs[index - 1]! >= calmMs)
  return changesMs[Math.max(0, after)]!
}

/** It holds, or begins and ends too often to be taken at its word. */
export function holds(known: Known, flapping: Alerting['flapping'], nowMs: number): boolean {
  return known.endedMs === null || isFlapping(known, flapping, nowMs)
}

/** As it is told: what flaps between severities has the gravest of them, or whoever is told of those alone is called each time. */
export function asTold(known: Known, flapping: Alerting['flapping'], nowMs: number): Known {
  const { alert, gravest } = known
  if (alert.severity === gravest || !isFlapping(known, flapping, nowMs)) return known
  return { ...known, alert: { ...alert, severity: gravest } }
}
