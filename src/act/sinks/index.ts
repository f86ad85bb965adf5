/** Every kind of destination: one line here, one file beside it. Heartbeats take no messages, see `heartbeat.ts`. */
import type { SinkPlan } from '../../policy/layout.ts'
import { attempt, type Sender } from '../attempt.ts'
import type { ChangeSink, Outside, Sink } from '../contract.ts'
import { sendAlertmanager } from './alertmanager.ts'
import { sendLog } from './log.ts'
import { sendChange, sendPagerduty } from './pagerduty.ts'
import { sendSlackBot } from './slack-bot.ts'
import { sendSlackWebhook } from './slack-webhook.ts'
import { sendWebhook } from './webhook.ts'

export type MessageKind = Exclude<SinkPlan['kind'], 'heartbeat'>

const SENDERS: { readonly [Kind in MessageKind]: Sender<Kind> } = {
  'slack-webhook': sendSlackWebhook,
  'slack-bot': sendSlackBot,
  pagerduty: sendPagerduty,
  alertmanager: sendAlertmanager,
  webhook: sendWebhook,
  log: sendLog,
}

export const MESSAGE_KINDS = Object.keys(SENDERS) as readonly MessageKind[]

export function sinkOf(plan: SinkPlan, outside: Outside): Sink {
  if (plan.kind === 'heartbeat') throw new Error('a heartbeat takes no messages')
  // What is found by the kind of a plan takes that plan, which the compiler cannot follow.
  const send = SENDERS[plan.kind] as Sender<MessageKind>
  return {
    send: (message, signal) => attempt(plan.timeoutMs, outside, signal, (safe, inTime) => send(plan, message, safe, inTime)),
  }
}

/** Null: this kind has no place for changes that are no alarm. */
export function changeSinkOf(plan: SinkPlan, outside: Outside): ChangeSink | null {
  if (plan.kind !== 'pagerduty') return null
  return {
    send: (change, signal) => attempt(plan.timeoutMs, outside, signal, (safe, inTime) => sendChange(plan, change, safe, inTime)),
  }
}
