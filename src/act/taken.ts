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
  /** By model: what a person last asked for. */
  readonly asked: Map<string, TakenBy>
}

type Begun = { readonly alert: Alert; readonly beganMs: number }

const ACKNOWLEDGED_MAX = 5_000

export function nobodyTook(): Taken {
  return { acknowledged: new Map(), asked: new Map() }
}

/** Past the bound the oldest is forgotten: whatever was told of it stays told. */
export function acknowledge({ acknowledged }: Taken, said: Acknowledgement): void {
  acknowledged.delete(said.incident)
  acknowledged.set(said.incident, said)
  if (acknowledged.size > ACKNOWLEDGED_MAX) acknowledged.delete(acknowledged.keys().next().value!)
}

/** Of a person's request that was done; records of gates and drills, and what was refused, take nothing. `atMs`: wall clock. */
export function sawPerson({ asked }: Taken, { model, requestId, verdict }: Decision, atMs: number): void {
  if (requestId === null || verdict.kind !== 'override') return
  if (atMs >= (asked.get(model)?.atMs ?? 0)) asked.set(model, { words: verdict.note, atMs })
}

/** Null: nobody. The first who did since it began, as far as is known. */
export function takerOf({ acknowledged, asked }: Taken, { alert, beganMs }: Begun): TakenBy | null {
  const said = acknowledged.get(alert.incident)
  const takers = [
    ...(said === undefined ? [] : [{ words: `${said.who}: ${said.reason}`, atMs: said.atMs }]),
    ...(alert.model === '' ? [] : [asked.get(alert.model)].filter((one) => one !== undefined)),
  ]
  return takers.filter(({ atMs }) => atMs >= beganMs).sort((one, other) => one.atMs - other.atMs)[0] ?? null
}
