/** A due group as the message that sinks send: the gravest and newest first, then what ended, at most so many. */
import { createHash } from 'node:crypto'
import type { Alert, Delivery } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import type { Alerting } from '../policy/layout.ts'
import type { Incident, Message } from './contract.ts'
import { type Due, lastSaid, type Standing } from './due.ts'
import { isGraver } from './gravity.ts'
import type { Group } from './groups.ts'
import { isFlapping, type Known } from './incidents.ts'

/** Incidents that a message tells of; how many more there are is said. Alertmanager is told of each: what it does not hear of again ends there. */
export const TOLD_MAX = 500
const KEY_BYTES_MAX = 255

export function messageOf(
  group: Pick<Group<unknown>, 'name' | 'labels'>,
  due: Due,
  standing: Standing,
  delivery: Delivery | null,
  alerting: Alerting,
  nowMs: number,
): Message {
  const told = delivery?.told?.status === 'firing' ? delivery.told : null
  const holding = [...standing.holding].sort(byGravity)
  const sinceMs = told?.sinceMs ?? lastSaid(delivery)?.atMs ?? nowMs
  const ended = standing.ended.filter(({ endedMs }) => endedMs! >= sinceMs).sort(byEnd)
  const all = [...holding, ...ended].map((known) => incidentOf(known, alerting, nowMs))
  return {
    key: groupKey(group.name),
    status: due.status,
    severity: due.severity,
    labels: group.labels as Readonly<Record<string, string>>,
    incidents: all.length === 0 ? [forgotten(group, due, sinceMs)] : all.slice(0, TOLD_MAX),
    omitted: Math.max(0, all.length - TOLD_MAX),
    news: due.acknowledges
      ? []
      : holding.filter((known) => told === null || isNewsSince(known, told.atMs)).map(({ alert }) => alert.incident),
    repeated: due.repeated,
    acknowledges: due.acknowledges,
    reference: told?.reference ?? '',
    atMs: nowMs,
  }
}

/** It began, became graver, or ceased to be silenced. */
function isNewsSince({ graveSinceMs, wasMutedAt }: Known, atMs: number): boolean {
  return graveSinceMs > atMs || wasMutedAt?.(atMs) === true
}

function byGravity(one: Known, other: Known): number {
  if (isGraver(one.alert.severity, other.alert.severity)) return -1
  return isGraver(other.alert.severity, one.alert.severity) ? 1 : other.beganMs - one.beganMs
}

function byEnd(one: Known, other: Known): number {
  return other.endedMs! - one.endedMs!
}

function incidentOf(known: Known, alerting: Alerting, nowMs: number): Incident {
  const { alert, beganMs, endedMs, takenBy } = known
  const flapping = isFlapping(known, alerting.flapping, nowMs)
  const link = decisionLink(alert, alerting.link)
  return { alert, beganMs, endedMs: flapping ? null : endedMs, flapping, link, takenBy: takenBy ?? null }
}

/** Filled in; empty: the policy names none. */
export function decisionLink({ decisionId, model, incident }: Pick<Alert, 'decisionId' | 'model' | 'incident'>, template: string): string {
  const values: Readonly<Record<string, string>> = { decision: decisionId, model, incident }
  return template.replace(/\{(decision|model|incident)\}/g, (_whole, name: string) => encodeURIComponent(values[name]!))
}

/** Its incidents are no longer on the alerts topic, or go elsewhere now: whoever was told that they hold is told that they are over. */
function forgotten({ name, labels }: Pick<Group<unknown>, 'name' | 'labels'>, { severity }: Due, sinceMs: number): Incident {
  const alert = {
    incident: name,
    environment: labels.environment ?? '',
    model: labels.model ?? '',
    version: labels.version ?? '',
    cause: labels.cause ?? 'forgotten',
    severity,
    status: 'resolved',
    summary: 'Nothing is known of it any more: its alerts have left the alerts topic, or are sent elsewhere now',
    decisionId: '',
    judgeTimeMs: sinceMs,
    detail: NO_DETAIL,
  } as const
  return { alert, beganMs: sinceMs, endedMs: sinceMs, flapping: false, link: '', takenBy: null }
}

/** Far ends know messages by it, and take no longer one. */
function groupKey(name: string): string {
  const key = `flyball:${name}`
  return Buffer.byteLength(key) <= KEY_BYTES_MAX ? key : `flyball:${createHash('sha256').update(name).digest('hex')}`
}
