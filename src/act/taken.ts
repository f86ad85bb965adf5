/**
 * Who has taken an incident: said so (`flyball alerts acknowledge`), or asked for something about its model since it began. What begins
 * anew is to be taken anew.
 */
import type { Acknowledgement, Alert, Decision } from '../domain.ts'

export interface TakenBy {
  /** Who, and what for. */
  readonly words: string
  /** Wall clock. */
  readonly atMs: number
}

export interface Taken {
  /** By incident. */
  readonly acknowledged: Map<string, Acknowledgement>
  /** By environment and model: what a person last asked for. */
  readonly asked: Map<string, TakenBy>
}

const ACKNOWLEDGED_MAX = 5_000

export function nobodyTook(): Taken {
  return { acknowledged: new Map(), asked: new Map() }
}

/** Clocks differ by less. What bears a later time would have taken what is yet to begin: it counts as said by then. */
const CLOCKS_DIFFER_MS = 60_000

/** When a person said so, by a record that was read at `nowMs`. */
export function saidAtMs(atMs: number, nowMs: number): number {
  return Math.min(atMs, nowMs + CLOCKS_DIFFER_MS)
}

/** Past the bound the oldest is forgotten: whatever was told of it stays told. */
export function acknowledge({ acknowledged }: Taken, said: Acknowledgement): void {
  acknowledged.delete(said.incident)
  acknowledged.set(said.incident, said)
  if (acknowledged.size > ACKNOWLEDGED_MAX) acknowledged.delete(acknowledged.keys().next().value!)
}

/** Of a person's request that was done; records of gates and drills, and what was refused, take nothing. `atMs`: wall clock. */
export function sawPerson({ asked }: Taken, decision: Decision, atMs: number): void {
  const { requestId, verdict } = decision
  if (requestId === null || verdict.kind !== 'override') return
  const place = placeOf(decision)
  if (atMs >= (asked.get(place)?.atMs ?? 0)) asked.set(place, { words: verdict.note, atMs })
}

/** A model of the same name in another environment is another. */
function placeOf({ environment, model }: Pick<Alert, 'environment' | 'model'>): string {
  return JSON.stringify([environment, model])
}

/** Null: nobody. The first who did from `fromMs` on, as far as is known. */
export function takerOf({ acknowledged, asked }: Taken, alert: Alert, fromMs: number): TakenBy | null {
  const said = acknowledged.get(alert.incident)
  const takers = [
    ...(said === undefined ? [] : [{ words: `${said.who}: ${said.reason}`, atMs: said.atMs }]),
    ...(alert.model === '' ? [] : [asked.get(placeOf(alert))].filter((one) => one !== undefined)),
  ]
  return takers.filter(({ atMs }) => atMs >= fromMs).sort((one, other) => one.atMs - other.atMs)[0] ?? null
}
