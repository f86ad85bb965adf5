/** What people have said about a model and its versions, as the ladder keeps it. Plain data; who may say what is in the files beside. */
import type { Approval } from '../domain.ts'

/** An artifact that gets no exposure until a person releases it. */
export interface Quarantined {
  /** Digest; `version:NAME` where the plan names none. */
  readonly artifact: string
  /** A person, or the rule that rolled it back. */
  readonly who: string
  readonly reason: string
  /** Judge time. */
  readonly sinceMs: number
  /** A person asked for it: resuming the rollout does not end it. */
  readonly asked: boolean
}

/** A person has taken the judge's hand off the traffic. */
export interface Observing {
  readonly who: string
  readonly reason: string
}

export interface People {
  /** Who asked for the exposure that this rollout has; empty: nobody, it began by itself. */
  readonly requestedBy: string
  /** Who last raised exposure within the present stage; absent: nobody. */
  readonly raisedBy?: string
  /** Of the present stage. */
  readonly approvals: readonly Approval[]
  /** Of the model, whichever rollout it is. The oldest first. */
  readonly quarantine: readonly Quarantined[]
  /** Null: the mode is the policy's. */
  readonly observing: Observing | null
  /** Policy that the last decision was taken under; empty: not known. */
  readonly policyDigest: string
}

export const NO_PEOPLE: People = { requestedBy: '', approvals: [], quarantine: [], observing: null, policyDigest: '' }

/** What a request comes to. */
export interface Answer<State> {
  readonly next: State
  /** Traffic is to be moved. */
  readonly moves: boolean
  /** What stands in `lastVerdict` afterwards. */
  readonly key: string
  readonly note: string
}

export interface Refusal {
  readonly rule: string
  readonly why: string
}

/** The same person under a name of the brokers and under one of a machine: spelling proves nobody to be two. */
export function samePerson(one: string, other: string): boolean {
  return plainName(one) === plainName(other)
}

/** Without what says how it is known. */
function plainName(who: string): string {
  return who
    .trim()
    .replace(/ \((OS user|Kafka principal)\)$/, '')
    .replace(/^User:/i, '')
    .toLowerCase()
}
