/**
 * What a destination must be able to do. One file in `sinks/` for each kind, one line in `sinks/index.ts`; one suite,
 * `test/conformance/sinks.ts`, runs over all of them.
 */
import type { Alert } from '../domain.ts'
import type { TakenBy } from './taken.ts'

/** What is to be told: a group of incidents as it stands. */
export interface Message {
  /** The same from the first message about a group to its last: far ends that know messages by a key repeat none. At most 255 bytes. */
  readonly key: string
  /** resolved: none of its incidents holds any more. */
  readonly status: Alert['status']
  /** The gravest of those that hold; of a resolved group, the gravest there was. */
  readonly severity: Alert['severity']
  /** Labels that all of them have in common. */
  readonly labels: Readonly<Record<string, string>>
  /** Those that hold, the gravest and newest first; then those that ended since the message before. Never empty. */
  readonly incidents: readonly Incident[]
  /** How many more there are than `incidents` tells of. */
  readonly omitted: number
  /** What is new since the message before it, by name of the incident. */
  readonly news: readonly string[]
  /** It was told before, and still holds. */
  readonly repeated: boolean
  /** It was told before, and now somebody has taken all of it: nothing else is new. */
  readonly acknowledges: boolean
  /** What the far end answered to the message before; empty: this is the first, or it answered nothing. */
  readonly reference: string
  readonly atMs: number
}

export interface Incident {
  readonly alert: Alert
  /** Wall clock. */
  readonly beganMs: number
  /** Null: it holds. */
  readonly endedMs: number | null
  /** It begins and ends too often to be told each time. */
  readonly flapping: boolean
  /** Where its decision can be seen; empty: nowhere. */
  readonly link: string
  /** Null: nobody has. */
  readonly takenBy: TakenBy | null
}

export type Answer =
  | { readonly result: 'delivered'; readonly reference: string }
  /** It will be the same next time: a key, a channel or an address is wrong. */
  | { readonly result: 'refused'; readonly problem: string }
  /** `retryAfterMs`: not before, if the far end said so. */
  | { readonly result: 'failed'; readonly problem: string; readonly retryAfterMs: number | null }

export interface Sink {
  /** Sends one message, or the change of one, and never throws. Aborted: failed. */
  send(message: Message, signal: AbortSignal): Promise<Answer>
}

/** What sinks may use of the world. */
export interface Outside {
  readonly fetch: typeof fetch
  /** The secret's text without the end of line; read for each message, so that it can change. Throws when it cannot be read. */
  readonly secret: (file: string) => string
  readonly nowMs: () => number
  /** Where the `log` sink writes. */
  readonly write: (line: Readonly<Record<string, unknown>>) => void
}

/** Something done that is no alarm, told where alarms are read: a promotion, a drill, an override. */
export interface Change {
  readonly summary: string
  /** Where it was done: environment and model. */
  readonly source: string
  readonly atMs: number
  readonly links: readonly { readonly href: string; readonly text: string }[]
}

/** As `Sink`, for changes. */
export interface ChangeSink {
  send(change: Change, signal: AbortSignal): Promise<Answer>
}
