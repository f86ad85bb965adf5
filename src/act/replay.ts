/** What destinations would have been sent, had they always answered: the same stages over the alerts of the past. Pure. */
import type { Alert, Delivery, Silence } from '../domain.ts'
import type { Alerting } from '../policy/layout.ts'
import type { Message } from './contract.ts'
import { hear, type Known } from './incidents.ts'
import { answered, sending } from './outcome.ts'
import { type ActState, plan, type Telling } from './plan.ts'
import { nobodyTook } from './taken.ts'

export interface Said {
  readonly alert: Alert
  /** Wall clock. */
  readonly atMs: number
}

export interface Replayed {
  readonly sink: string
  readonly route: string
  readonly atMs: number
  readonly message: Message
}

/** Time goes on by what is due, and at least so often: silences end, and what flaps grows calm. */
const STEP_MS_MAX = 5 * 60_000

/**
 * What was said from `startMs` on, and before that of what still held then: as if it had begun one period before at the earliest, for
 * nobody asks how often it was repeated before. `all`: by time.
 */
export function saidSince(all: readonly Said[], startMs: number, endMs: number): readonly Said[] {
  const open = new Map<string, Said>()
  for (const said of all) {
    if (said.atMs >= startMs) break
    if (said.alert.status === 'resolved') open.delete(said.alert.incident)
    else open.set(said.alert.incident, { ...said, atMs: Math.max(open.get(said.alert.incident)?.atMs ?? said.atMs, 2 * startMs - endMs) })
  }
  const before = [...open.values()].sort((one, other) => one.atMs - other.atMs)
  return [...before, ...all.filter(({ atMs }) => atMs >= startMs)]
}

/** `said`: by time. Ends at `endMs`. */
export function replay(
  said: readonly Said[],
  silences: ReadonlyMap<string, Silence>,
  alerting: Alerting,
  endMs: number,
): readonly Replayed[] {
  const sent: Replayed[] = []
  const incidents = new Map<string, Known>()
  const deliveries = new Map<string, Delivery>()
  let nowMs = said[0]?.atMs ?? endMs
  const state: ActState = { incidents, deliveries, silences, taken: nobodyTook(), sinceMs: nowMs }
  const advance = (untilMs: number): void => {
    for (let next = tellDue(); nowMs < untilMs; next = tellDue()) nowMs = Math.min(untilMs, nowMs + STEP_MS_MAX, next)
    tellDue()
  }
  /** When the next thing is due. */
  const tellDue = (): number => {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const tellings = plan(state, alerting, nowMs)
      const due = tellings.filter(({ due: { atMs } }) => atMs <= nowMs)
      if (due.length === 0) return Math.min(...tellings.map(({ due: { atMs } }) => atMs))
      for (const telling of due) sent.push(tell(telling, deliveries, nowMs))
    }
    return nowMs + STEP_MS_MAX
  }
  for (const { alert, atMs } of said) {
    advance(atMs)
    hear(incidents, alert, atMs)
  }
  advance(endMs)
  return sent
}

/** Nothing can be due twice at one time. */
const ROUNDS_MAX = 3

function tell(telling: Telling, deliveries: Map<string, Delivery>, nowMs: number): Replayed {
  const message = telling.message()
  const open = sending(telling, deliveries.get(telling.key) ?? null, telling.due, nowMs)
  deliveries.set(telling.key, answered(open, { result: 'delivered', reference: '' }, nowMs))
  return { sink: telling.sink, route: telling.route, atMs: nowMs, message }
}
