/** From the policy's `alerts` to whoever tells people: its destinations with what they may use of the world, and what is told of changes. */
import { readFileSync } from 'node:fs'
import type { Change, ChangeSink, Outside } from '../act/contract.ts'
import { decisionLink } from '../act/message.ts'
import { beat } from '../act/sinks/heartbeat.ts'
import { changeSinkOf, sinkOf } from '../act/sinks/index.ts'
import type { Decision } from '../domain.ts'
import type { EventLog } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { TopicNames } from '../kit/topics.ts'
import type { Alerting, Layout, SinkPlan } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { type Destination, inTime } from './act-lanes.ts'
import { ActWorker, type Beat } from './act-worker.ts'

export interface ActOptions {
  readonly log: EventLog
  readonly layout: Layout
  readonly topics: TopicNames
  readonly prefix: string
  readonly clock: Clock
  readonly emit: Emit
  /** Where `log` destinations write. */
  readonly write: Outside['write']
  /** Left out: the machine's own. */
  readonly fetch?: Outside['fetch']
}

/** Null: the policy tells nobody. */
export function actWorkerOf(options: ActOptions, onFailure: (error: unknown) => void): ActWorker | null {
  const { layout, clock } = options
  const { alerting } = layout
  if (alerting === undefined || Object.keys(alerting.sinks).length === 0) return null
  const outside: Outside = { fetch: options.fetch ?? fetch, secret, nowMs: () => clock.nowMs(), write: options.write }
  const context = {
    ...options,
    alerting,
    destinations: destinationsOf(alerting, outside),
    beats: beatsOf(alerting, outside),
    onDecision: changeTeller(alerting, outside, options.emit),
  }
  return new ActWorker(context, onFailure)
}

/** Secrets are read for each message: who changes one need not restart anything. */
export function secret(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
}

function destinationsOf({ sinks }: Alerting, outside: Outside): Readonly<Record<string, Destination>> {
  const entries = Object.entries(sinks).filter(([, plan]) => plan.kind !== 'heartbeat')
  return Object.fromEntries(entries.map(([name, plan]) => [name, destinationOf(plan, outside)]))
}

export function destinationOf(plan: SinkPlan, outside: Outside): Destination {
  const { messagesMax, perMs, timeoutMs } = plan
  return { sink: sinkOf(plan, outside), isIdempotent: KNOW_REPETITIONS.includes(plan.kind), messagesMax, perMs, timeoutMs }
}

const KNOW_REPETITIONS: readonly SinkPlan['kind'][] = ['pagerduty', 'alertmanager']

function beatsOf({ sinks }: Alerting, outside: Outside): readonly Beat[] {
  return Object.entries(sinks).flatMap(([sink, plan]) => {
    if (plan.kind !== 'heartbeat') return []
    return [{ sink, everyMs: plan.everyMs, send: () => inTime((signal) => beat(plan, outside, signal), plan.timeoutMs) }]
  })
}

/** Promotions, drills and what people override are told to those who have a place for them, once or not at all: nobody is woken by them. */
function changeTeller({ sinks, link }: Alerting, outside: Outside, emit: Emit): (decision: Decision) => void {
  const places = Object.entries(sinks).flatMap(([sink, plan]) => {
    const place = changeSinkOf(plan, outside)
    return place === null ? [] : [{ sink, place, timeoutMs: plan.timeoutMs }]
  })
  return (decision) => {
    if (!isChange(decision)) return
    const { id: decisionId, environment, model, summary } = decision
    const href = decisionLink({ decisionId, model, incident: '' }, link)
    const links = href === '' ? [] : [{ href, text: `decision ${decision.number}` }]
    const change: Change = { summary, source: `${environment}/${model}`, atMs: outside.nowMs(), links }
    for (const one of places) void tellChange(one, change, emit)
  }
}

function isChange({ verdict: { kind, rule } }: Decision): boolean {
  return kind === 'promote' || kind === 'override' || (kind === 'recorded' && rule === 'drill')
}

async function tellChange(place: { sink: string; place: ChangeSink; timeoutMs: number }, change: Change, emit: Emit): Promise<void> {
  const answer = await inTime((signal) => place.place.send(change, signal), place.timeoutMs)
  const problem = answer.result === 'delivered' ? '' : answer.problem
  emit({ event: 'change-told', sink: place.sink, result: answer.result, problem })
}
