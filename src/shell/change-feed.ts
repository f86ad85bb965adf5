/**
 * The user's topic of changes, read whole by every process that judges. What it says stands beside decisions and moves nothing: a record
 * that cannot be used is told and passed over, and a topic that cannot be read is told and judged without.
 */
import type { ChangeRecord, LogRecord } from '../domain.ts'
import type { EventLog, Reader } from '../kafka/contract.ts'
import { recordsOf } from '../kafka/log-record.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { Emit } from '../telemetry/events.ts'
import { decodeChange } from '../wire/changes.ts'
import { passesByItself } from './passing-trouble.ts'

export interface ChangeFeedContext {
  readonly log: EventLog
  readonly topic: string
  readonly clock: Clock
  readonly emit: Emit
}

/** Of each partition, and kept in all: a topic that is not what the policy takes it for must not fill the memory. */
const RECORDS_READ_MAX = 50_000
const CHANGES_KEPT_MAX = 10_000
/** Refused records told one by one; after that each thousandth. */
const REFUSED_TOLD = 20
const WAIT_MS = 500
const RETRY_MS = 2_000
/** The topic may be made, or the right to it given, while the daemon runs. */
const RETRY_LATER_MS = 60_000

type Positions = ReadonlyMap<number, number>

export class ChangeFeed {
  readonly #context: ChangeFeedContext
  readonly #follows: boolean
  #kept: ChangeRecord[] = []
  /** Those before `#kept` that are gone. */
  #dropped = 0
  #refused = 0
  #stopped = false
  #followed: Promise<void> = Promise.resolve()
  /** Settles when what the topic held at the start has been read, or cannot be; never rejects. */
  readonly ready: Promise<void>

  /** `follow`: go on reading after that. */
  constructor(context: ChangeFeedContext, follow: boolean) {
    this.#context = context
    this.#follows = follow
    const history = this.#untilDone((reader) => this.#readHistory(reader))
    this.ready = history.then(() => undefined)
    if (follow) this.#followed = history.then((positions) => this.#follow(positions))
  }

  /** What has been read since `from`, and where to go on. */
  since(from: number): { readonly changes: readonly ChangeRecord[]; readonly next: number } {
    const next = this.#dropped + this.#kept.length
    return { changes: from === next ? [] : this.#kept.slice(Math.max(0, from - this.#dropped)), next }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.ready
    await this.#followed
  }

  async #readHistory(reader: Reader): Promise<Positions> {
    const { log, topic } = this.#context
    const positions = new Map<number, number>()
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      const from = Math.max(start, end - RECORDS_READ_MAX)
      await reader.readRange(
        topic,
        partition,
        from,
        end,
        (record) => this.#take(record, partition),
        () => !this.#stopped,
      )
      positions.set(partition, Math.max(from, end))
    }
    return positions
  }

  async #follow(positions: Positions | null): Promise<void> {
    if (positions === null) return
    const next = new Map(positions)
    await this.#untilDone(async (reader) => {
      const sources = [...next].map(([partition, from]) => reader.open(this.#context.topic, partition, from))
      while (!this.#stopped) {
        for (const source of sources) {
          const batch = source.take()
          for (const record of batch === null ? [] : recordsOf(batch)) this.#take(record, source.partition)
          next.set(source.partition, source.next)
        }
        await reader.wait(WAIT_MS)
      }
      return next
    })
  }

  /** Tries again what passes by itself, and whatever else while it follows; null when it was stopped, or will never work. */
  async #untilDone(work: (reader: Reader) => Promise<Positions>): Promise<Positions | null> {
    const { log, topic, emit } = this.#context
    while (!this.#stopped) {
      const reader = log.reader()
      try {
        return await work(reader)
      } catch (error) {
        const code = error instanceof FlyballError ? error.code : 'internal'
        emit({ event: 'problem', code, message: `changes from ${topic}: ${error instanceof Error ? error.message : String(error)}` })
        if (!passesByItself(error) && !this.#follows) return null
        await this.#pause(passesByItself(error) ? RETRY_MS : RETRY_LATER_MS)
      } finally {
        await reader.close().catch(() => undefined)
      }
    }
    return null
  }

  async #pause(lengthMs: number): Promise<void> {
    const { clock } = this.#context
    const untilMs = clock.monotonicMs() + lengthMs
    while (!this.#stopped && clock.monotonicMs() < untilMs) await clock.sleep(WAIT_MS)
  }

  #take(record: LogRecord, partition: number): void {
    try {
      this.#keep(decodeChange(record))
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      this.#refuse(error, record.offset, partition)
    }
  }

  #keep(change: ChangeRecord): void {
    this.#kept.push(change)
    if (this.#kept.length <= CHANGES_KEPT_MAX) return
    const gone = CHANGES_KEPT_MAX / 2
    this.#kept = this.#kept.slice(gone)
    this.#dropped += gone
  }

  #refuse({ code, message }: FlyballError, offset: number, partition: number): void {
    this.#refused += 1
    if (this.#refused > REFUSED_TOLD && this.#refused % 1_000 !== 0) return
    const place = `${this.#context.topic}/${partition} offset ${offset}`
    this.#context.emit({ event: 'problem', code, message: `${place}: ${message} (refused so far: ${this.#refused})` })
  }
}

/** Hands on each change once its time has come: a decision carries what was before it, and a backlog is judged as it happened. */
export class DueChanges {
  readonly #feed: ChangeFeed | null
  #next = 0
  #waiting: readonly ChangeRecord[] = []

  constructor(feed: ChangeFeed | null) {
    this.#feed = feed
  }

  take(nowMs: number): readonly ChangeRecord[] {
    if (this.#feed === null) return []
    const { changes, next } = this.#feed.since(this.#next)
    this.#next = next
    // The last word about a change is the one that counts.
    if (changes.length > 0) this.#waiting = [...new Map([...this.#waiting, ...changes].map((change) => [change.id, change])).values()]
    const due = this.#waiting.filter(({ atMs }) => atMs <= nowMs)
    if (due.length > 0) this.#waiting = this.#waiting.filter(({ atMs }) => atMs > nowMs)
    return due
  }
}

export function concerns({ model }: ChangeRecord, name: string): boolean {
  return model === '' || model === name
}
