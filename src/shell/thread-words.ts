/** What a measuring thread and the thread that made it say to each other. */
import type { Policy } from '../policy/policy.ts'
import type { FlyballEvent } from '../telemetry/events.ts'
import type { MeasureContext } from './measure-task.ts'

/** Whence a thread makes its connection: secrets are read there, and not handed from thread to thread. */
export interface ThreadConnection {
  readonly policy: Policy
  readonly policyFile: string
  readonly brokers: string | undefined
}

/** What a thread is told when it begins; plain data. */
export interface ThreadTask {
  readonly connect: ThreadConnection
  readonly settings: Omit<MeasureContext, 'log' | 'clock' | 'emit'>
}

/** What a thread says. */
export type ThreadWord =
  | { readonly kind: 'event'; readonly event: FlyballEvent }
  | { readonly kind: 'status'; readonly owned: number; readonly stalled: readonly string[] }
  | { readonly kind: 'drained' }
  | { readonly kind: 'failed'; readonly code: string | null; readonly detail: Record<string, string | number>; readonly message: string }

export type ThreadOrder = 'start' | 'drain' | 'stop'

/** A thread looks after itself every so often, and says so. */
export const STATUS_EVERY_MS = 1000
