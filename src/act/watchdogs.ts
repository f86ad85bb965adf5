/**
 * Notices what nobody says: a judge that stopped, gateways that left, a chain that does not fit, a destination that takes nothing.
 * Alerts of the judge cannot tell of these, for whoever would write them is the one that is missing.
 */
import type { Ack, Alert, Command, Decision } from '../domain.ts'
import { NO_DETAIL } from '../kit/no-detail.ts'
import { runbookOf } from '../kit/runbooks.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'

export interface Watched {
  /** By model of the policy: when the command in force was last said. */
  readonly heartbeats: Map<string, { readonly atMs: number; readonly exposed: boolean }>
  /** By model of the policy: the last decision that was seen. */
  readonly decisions: Map<string, { readonly mode: Decision['mode']; readonly number: number; readonly hash: string }>
  /** By model: decisions whose chain does not fit; they stay until this process ends. */
  readonly broken: Map<string, string>
  /** By model and gateway: when it was last heard of. */
  readonly gateways: Map<string, { readonly model: string; readonly gateway: string; readonly seenMs: number }>
  /** By destination: since when it takes nothing, and why. */
  readonly sinks: Map<string, { readonly sinceMs: number; readonly problem: string }>
}

/** What the watchdogs call their incidents. */
export const WATCHDOG_CAUSES = ['judge-stalled', 'gateway-missing', 'audit-broken', 'sink-failing'] as const
type WatchdogCause = (typeof WATCHDOG_CAUSES)[number]

export function emptyWatched(): Watched {
  return { heartbeats: new Map(), decisions: new Map(), broken: new Map(), gateways: new Map(), sinks: new Map() }
}

const GATEWAYS_MAX = 10_000
/** A judge that is taken over needs a session's time; a heartbeat may be late by as much as a transaction takes. */
const HEARTBEATS_MISSED = 3
const STALLED_MS_MIN = 45_000
/** In units of the policy's presence time-out: from when on a gateway is missed, and until when. After that it is gone for good. */
const MISSED_AFTER = 3
const GONE_AFTER = 60
const SINK_FAILS_MS = 2 * 60_000

export function sawCommand({ heartbeats }: Watched, command: Command, atMs: number): void {
  heartbeats.set(command.model, { atMs, exposed: (command.weights[command.candidate] ?? 0) > 0 || command.segments.length > 0 })
}

/** Of what was read before this began, the newest is kept; `hash`: of the record's bytes. */
export function sawDecision({ decisions, broken }: Watched, { model, number, mode, previousHash }: Decision, hash: string): void {
  const before = decisions.get(model)
  if (before !== undefined && number <= before.number) return
  const follows = before === undefined || (number === before.number + 1 && previousHash === before.hash)
  if (!follows && !broken.has(model)) {
    broken.set(model, `decision ${number} of ${model} does not follow decision ${before.number} as it stands on the log`)
  }
  decisions.set(model, { mode, number, hash })
}

export function sawAck({ gateways }: Watched, { model, gateway }: Ack, atMs: number): void {
  const key = `${model}|${gateway}`
  gateways.delete(key)
  gateways.set(key, { model, gateway, seenMs: atMs })
  if (gateways.size > GATEWAYS_MAX) gateways.delete(gateways.keys().next().value!)
}

export function sinkAnswered({ sinks }: Watched, sink: string, problem: string | null, atMs: number): void {
  if (problem === null) sinks.delete(sink)
  else sinks.set(sink, { sinceMs: sinks.get(sink)?.sinceMs ?? atMs, problem })
}

/** What holds now. `sinceMs`: from when on everything has been watched. */
export function watchdogAlerts(watched: Watched, layout: Layout, sinceMs: number, nowMs: number): readonly Alert[] {
  const ofModels = layout.models.flatMap((model) => [
    ...stalledJudge(watched, layout, model, sinceMs, nowMs),
    ...missingGateways(watched, layout, model, sinceMs, nowMs),
    ...brokenChain(watched, layout, model, nowMs),
  ])
  return [...ofModels, ...failingSinks(watched, layout, nowMs)]
}

function stalledJudge(
  { heartbeats, decisions }: Watched,
  layout: Layout,
  model: ModelLayout,
  sinceMs: number,
  nowMs: number,
): readonly Alert[] {
  const beat = heartbeats.get(model.name)
  const isEnforced = decisions.get(model.name)?.mode !== 'observe' && model.plan.mode === 'enforce'
  if (beat === undefined || !isEnforced) return []
  const patienceMs = Math.max(STALLED_MS_MIN, HEARTBEATS_MISSED * model.plan.heartbeatMs)
  const quietMs = nowMs - Math.max(beat.atMs, sinceMs)
  if (quietMs <= patienceMs) return []
  const summary = `Nobody has judged ${model.name} since ${timeOf(beat.atMs)}: its command is not repeated any more`
  return [alertOf(layout, model, 'judge-stalled', 'critical', summary, nowMs)]
}

function missingGateways(
  { gateways, heartbeats }: Watched,
  layout: Layout,
  model: ModelLayout,
  sinceMs: number,
  nowMs: number,
): readonly Alert[] {
  if (model.plan.mode !== 'enforce') return []
  const timeoutMs = model.plan.presenceTimeoutMs
  const quiet = (seenMs: number): number => nowMs - Math.max(seenMs, sinceMs)
  const known = [...gateways.values()].filter((one) => one.model === model.name && quiet(one.seenMs) <= GONE_AFTER * timeoutMs)
  const missing = known.filter(({ seenMs }) => quiet(seenMs) > MISSED_AFTER * timeoutMs)
  if (missing.length === 0) return []
  const allGone = missing.length === known.length && heartbeats.get(model.name)?.exposed === true
  const names = missing.slice(0, 5).map(({ gateway }) => gateway)
  const more = missing.length > names.length ? ` and ${missing.length - names.length} more` : ''
  const summary = `${missing.length} of ${known.length} gateways of ${model.name} are not heard of any more: ${names.join(', ')}${more}`
  return [alertOf(layout, model, 'gateway-missing', allGone ? 'critical' : 'warning', summary, nowMs)]
}

function brokenChain({ broken }: Watched, layout: Layout, model: ModelLayout, nowMs: number): readonly Alert[] {
  const words = broken.get(model.name)
  return words === undefined ? [] : [alertOf(layout, model, 'audit-broken', 'critical', `The audit chain is broken: ${words}`, nowMs)]
}

function failingSinks({ sinks }: Watched, layout: Layout, nowMs: number): readonly Alert[] {
  return [...sinks].flatMap(([sink, { sinceMs, problem }]) => {
    if (nowMs - sinceMs < SINK_FAILS_MS) return []
    const summary = `Nothing reaches ${sink} since ${timeOf(sinceMs)}: ${problem}`
    return [{ ...alertOf(layout, null, 'sink-failing', 'warning', summary, nowMs), incident: `${layout.environment}/sink-failing/${sink}` }]
  })
}

function alertOf(
  layout: Layout,
  model: ModelLayout | null,
  cause: WatchdogCause,
  severity: Alert['severity'],
  summary: string,
  nowMs: number,
): Alert {
  const page = runbookOf(cause)
  const { owner = '', contact = '', runbook = '' } = model?.plan.rollout ?? {}
  return {
    incident: `${layout.environment}/${model?.name ?? ''}/${cause}`,
    environment: layout.environment,
    model: model?.name ?? '',
    version: '',
    cause,
    // What is rehearsed wakes nobody.
    severity: model?.shadow === true ? 'info' : severity,
    status: 'firing',
    summary,
    decisionId: '',
    judgeTimeMs: nowMs,
    detail: { ...NO_DETAIL, owner, contact, runbooks: [runbook, page ?? ''].filter((one) => one !== '') },
  }
}

const timeOf = (atMs: number): string => new Date(atMs).toISOString()
