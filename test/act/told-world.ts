/** A destination, a clock and the pure stages between: alerts go in, messages come out, senders die where they are told to. */
import type { Answer, Message } from '../../src/act/contract.ts'
import { hear, type Known } from '../../src/act/incidents.ts'
import { answered, isSaidEnough, sending } from '../../src/act/outcome.ts'
import { type ActState, plan, type Telling } from '../../src/act/plan.ts'
import { nobodyTook } from '../../src/act/taken.ts'
import type { Alert, Delivery, Silence } from '../../src/domain.ts'
import { NO_DETAIL } from '../../src/kit/no-detail.ts'
import { alertingOf } from '../../src/policy/alerting.ts'
import { alertsSchema } from '../../src/policy/alerts-schema.ts'
import type { Alerting } from '../../src/policy/layout.ts'
import { decodeDelivery, encodeDelivery } from '../../src/wire/deliveries.ts'

export const BEGIN_MS = 1_700_000_000_000
export const SECOND = 1_000
export const MINUTE = 60_000
export const HOUR = 60 * MINUTE

/** As the policy file says it. */
export function alerting(written: object): Alerting {
  return alertingOf(alertsSchema.parse(written), '/policy')
}

export const PAGED = alerting({
  sinks: { oncall: { kind: 'pagerduty', routingKeyFile: 'key' }, team: { kind: 'slack', webhookFile: 'hook' } },
  routes: [
    { name: 'pages', match: { severity: 'critical' }, sinks: ['oncall'], continue: true },
    { name: 'channel', match: { severity: ['critical', 'warning'] }, sinks: ['team'] },
  ],
})

export function alertOf(given: Partial<Alert> = {}): Alert {
  const { model = 'fraud', cause = 'rollback:error-rate', version = 'v2' } = given
  return {
    incident: `test/${model}/${version}/${cause}`,
    environment: 'test',
    model,
    version,
    cause,
    severity: 'critical',
    status: 'firing',
    summary: `${cause} of ${model}`,
    decisionId: 'd-1',
    judgeTimeMs: 1,
    detail: NO_DETAIL,
    ...given,
  }
}

/** From ever, for ever. */
export function silenceOf(given: Partial<Silence>): Silence {
  return { id: 's-1', match: {}, author: 'ada', reason: 'load test', beginsAtMs: 0, endsAtMs: Number.MAX_SAFE_INTEGER, ...given }
}

export interface Sent {
  readonly sink: string
  readonly message: Message
  readonly atMs: number
}

/** Where a sender dies: before it wrote what it is about to send, after that, after the far end took it, or not at all. */
export type Death = 'before' | 'intent' | 'taken' | null

export class ToldWorld {
  readonly sent: Sent[] = []
  nowMs = BEGIN_MS
  answer: (message: Message, sink: string) => Answer = () => ({ result: 'delivered', reference: '' })
  /** Asked for each message. */
  dies: () => Death = () => null
  deaths = 0
  readonly silences = new Map<string, Silence>()
  readonly taken = nobodyTook()
  readonly #alerting: Alerting
  /** As they stand on the log. */
  readonly #log: { readonly alert: Alert; readonly atMs: number }[] = []
  readonly #stored = new Map<string, Buffer>()
  #incidents = new Map<string, Known>()
  #sinceMs = BEGIN_MS

  constructor(given: Alerting = PAGED) {
    this.#alerting = given
  }

  raise(...alerts: readonly Alert[]): void {
    for (const alert of alerts) {
      this.#log.push({ alert, atMs: this.nowMs })
      hear(this.#incidents, alert, this.nowMs)
    }
  }

  /** As watchdogs do: it stands on no log, and is to be said again after a restart. */
  hearOnly(alert: Alert): void {
    hear(this.#incidents, alert, this.nowMs)
  }

  end(...alerts: readonly Alert[]): void {
    this.raise(...alerts.map((alert): Alert => ({ ...alert, status: 'resolved', detail: NO_DETAIL })))
  }

  /** Another one takes over: all it knows is what stands on the log. */
  restart(): void {
    this.#incidents = new Map()
    for (const { alert, atMs } of this.#log) hear(this.#incidents, alert, atMs)
    this.#sinceMs = this.nowMs
  }

  /** Alerts before now are no longer on the log. */
  forgetAlerts(): void {
    this.#log.length = 0
    this.restart()
  }

  /** Lets time pass: to what is due next, and at least twice a minute. */
  pass(ms: number): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      const next = plan(this.#state(), this.#alerting, this.nowMs).map(({ due }) => Math.max(due.atMs, this.nowMs + SECOND))
      this.nowMs = Math.min(endMs, this.nowMs + 30 * SECOND, ...next)
      this.turn()
    }
  }

  turn(): void {
    for (let due = this.due(); due.length > 0; due = this.due()) {
      for (const telling of due) if (!this.#deliver(telling)) return
    }
  }

  due(): readonly Telling[] {
    return plan(this.#state(), this.#alerting, this.nowMs).filter(({ due }) => due.atMs <= this.nowMs)
  }

  to(sink: string): readonly Message[] {
    return this.sent.filter((one) => one.sink === sink).map(({ message }) => message)
  }

  #state(): ActState {
    const deliveries = new Map([...this.#stored].map(([key, bytes]) => [key, decodeDelivery(bytes)]))
    return { incidents: this.#incidents, deliveries, silences: this.silences, taken: this.taken, sinceMs: this.#sinceMs }
  }

  /** False: the sender died, and another took over. */
  #deliver(telling: Telling): boolean {
    const death = this.dies()
    if (death === 'before') return this.#died()
    const before = this.#state().deliveries.get(telling.key) ?? null
    if (before !== null && isSaidEnough(before, telling.sink === 'oncall')) {
      this.#store(telling.key, answered(before, { result: 'delivered', reference: '' }, this.nowMs))
      return true
    }
    const open = sending(telling, before, telling.due, this.nowMs)
    this.#store(telling.key, open)
    if (death === 'intent') return this.#died()
    const message = telling.message()
    const answer = this.answer(message, telling.sink)
    if (answer.result === 'delivered') this.sent.push({ sink: telling.sink, message, atMs: this.nowMs })
    if (death === 'taken') return this.#died()
    this.#store(telling.key, answered(open, answer, this.nowMs))
    return true
  }

  #died(): false {
    this.deaths++
    this.restart()
    return false
  }

  #store(key: string, delivery: Delivery): void {
    this.#stored.set(key, encodeDelivery(delivery))
  }
}

export interface PagerIncident {
  readonly opened: number
  readonly closed: number
  readonly isOpen: boolean
}

/** What PagerDuty has of it: by key, how often an incident was opened and closed. A trigger of what is open opens nothing. */
export function pagerDutySide(messages: readonly Pick<Message, 'key' | 'status'>[]): ReadonlyMap<string, PagerIncident> {
  const incidents = new Map<string, PagerIncident>()
  for (const { key, status } of messages) {
    const incident = incidents.get(key) ?? { opened: 0, closed: 0, isOpen: false }
    incidents.set(key, incident)
    if (status === 'firing' && !incident.isOpen) Object.assign(incident, { opened: incident.opened + 1, isOpen: true })
    if (status === 'resolved' && incident.isOpen) Object.assign(incident, { closed: incident.closed + 1, isOpen: false })
  }
  return incidents
}
