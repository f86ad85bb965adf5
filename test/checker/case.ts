/** What the parts of the checker share: what they are told, what they are given to look at, and how they complain. */
import type { Layout } from '../../src/policy/layout.ts'
import type * as wire from './wire.ts'

export interface Violation {
  /** Which promise, in a few words: `chain`, `panes`, `exposure`, … */
  readonly promise: string
  /** Topic, partition, model, offset: whatever finds the place. */
  readonly where: string
  readonly what: string
}

/** Flyball's topics of the run, and the user's. */
export interface Topics {
  readonly predictions: string
  readonly outcomes: string | null
  readonly panes: string
  readonly checkpoints: string
  readonly decisions: string
  readonly state: string
  readonly control: string
  readonly alerts: string
  readonly acks: string
  readonly requests: string
  readonly deadletter: string
}

/** What the checker must know of the world that it finds the topics of. */
export interface World {
  /** Of Flyball's own topics. */
  readonly prefix: string
  /** The compiled policy: `parsePolicy(text, name).layout`. JSON inputs with the default field names; at most one numeric and one categorical feature. */
  readonly layout: Layout
  /**
   * Everything is quiet and had its time: faults are over, daemons ran on until nothing was left to do, or were stopped by word.
   * Then completeness is asked for too: every record accounted for, every request answered, every pane there.
   */
  readonly settled: boolean
  /** Gateways that are up at the end and had time to read: each must hold the last command of every model it speaks of. */
  readonly gateways?: readonly string[]
  /** When the last daemon was told to stop (clock of the log); left out: judges are there to the end. */
  readonly judgedUntilMs?: number
  /** The input records, where the topics do not hold all of them any more (segments deleted). Left out: read from the topics. */
  readonly inputs?: readonly InputRecord[]
  /** Panes may be missing from `panes` (segments deleted before they were judged): a gap is then no violation. */
  readonly panesLost?: boolean
}

export interface InputRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly value: Buffer | null
}

export interface Placed<T> {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string
  readonly value: T
}

export interface HashedDecision {
  readonly decision: wire.WireDecision
  /** Of its bytes. */
  readonly hash: string
}

export interface CommandBytes {
  readonly command: wire.WireCommand
  readonly hex: string
}

export interface DeadLetterRecord {
  readonly reason: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface Everything {
  readonly inputs: readonly InputRecord[]
  readonly panes: readonly Placed<wire.WirePane | wire.WirePulse>[]
  readonly checkpoints: readonly Placed<wire.WireCheckpoint>[]
  readonly decisions: readonly Placed<HashedDecision>[]
  readonly ladders: readonly Placed<wire.WireLadder>[]
  readonly commands: readonly Placed<CommandBytes>[]
  readonly alerts: readonly Placed<wire.WireAlert>[]
  readonly acks: readonly Placed<wire.WireAck>[]
  readonly requests: readonly Placed<wire.WireRequest>[]
  readonly deadLetters: readonly Placed<DeadLetterRecord>[]
  /** Nonces of the barriers on `state` and `control`. */
  readonly stateBarriers: readonly Placed<string>[]
  readonly controlBarriers: readonly Placed<string>[]
}

/** What every part of the checker gets. */
export interface Case {
  readonly world: World
  readonly all: Everything
  readonly report: (promise: string, where: string, what: string) => void
}

/** In groups by a key, in their order. */
export function grouped<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of list) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
