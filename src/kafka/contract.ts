/**
 * What the rest of Flyball may ask of a log. Two rooms keep it: `src/kafka/` (a real broker) and `src/kafka/log/` (in memory).
 * One suite, `test/conformance/log.ts`, runs over both.
 *
 * Reading is always read_committed, by explicit position, without a group: nothing is reset, skipped or sought behind the reader's back.
 */
import type { LogRecord, OutgoingRecord, RecordBatch } from '../domain.ts'

export interface EventLog {
  readonly name: 'kafka' | 'memory'
  reader(options?: ReaderOptions): Reader
  /** Plain producer, acks=all. */
  writer(): Promise<Writer>
  /** New producer for a transactional id: opening it fences every earlier owner and aborts what it left open. */
  transactor(transactionalId: string): Promise<Transactor>
  /** Joins a consumer group for membership only; nothing is fetched through it. Partition p of every topic lands on one member. */
  join(options: GroupOptions): Membership
  readonly admin: LogAdmin
  /** Everything this connection opened is closed, each step under a deadline. */
  close(): Promise<void>
}

export interface ReaderOptions {
  readonly maxWaitMs?: number
  readonly maxBytesPerPartition?: number
  readonly maxBytes?: number
  /** A batch that inflates beyond this is refused (CorruptBatch). Default 64 MiB. */
  readonly maxInflatedBytes?: number
}

/** Reads many partitions with one loop per broker; fetches ahead within bounds while the caller works. */
export interface Reader {
  /** Begins to fetch from `from`. */
  open(topic: string, partition: number, from: number): Source
  /** Resolves when something new is buffered on any open source, a source has become caught up, or the time is over. Rejects with OffsetGone, CorruptBatch, NotAuthorized. */
  wait(maxWaitMs: number): Promise<void>
  /** Every committed record in [from, to), ended by the POSITION. Null when `alive` said no. */
  readRange(
    topic: string,
    partition: number,
    from: number,
    to: number,
    each: (record: LogRecord) => void,
    alive?: () => boolean,
  ): Promise<number | null>
  /** Every committed record from `from` until `stop(record)` is true (that one is not passed on). Returns its offset + 1; null when `alive` said no. */
  readUntil(
    topic: string,
    partition: number,
    from: number,
    stop: (record: LogRecord) => boolean,
    each: (record: LogRecord) => void,
    alive?: () => boolean,
    deadlineMs?: number,
  ): Promise<number | null>
  close(): Promise<void>
}

/** One partition being read. */
export interface Source {
  readonly topic: string
  readonly partition: number
  /** Every offset below it has been handed over or does not exist (holes, markers, aborted records count as passed). */
  readonly next: number
  /** Last stable offset as the broker last said; -1 before the first answer. */
  readonly end: number
  /** `next` has reached `end`, as of the last answer; false when the broker has not answered for some seconds. */
  readonly caughtUp: boolean
  /** Next records in order, or null when nothing is buffered. The batch is valid until the next take() of this source. */
  take(): RecordBatch | null
  close(): void
}

export interface Writer {
  /** All acknowledged, or it throws. Splits into sends of at most 500 records. Keys choose no partition here: it is explicit. */
  send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }>
  close(): Promise<void>
}

/** After ANY error of it or of its transactions: close it, drop what it knew, take over anew. */
export interface Transactor {
  begin(): Promise<Transaction>
  close(): Promise<void>
}

export interface Transaction {
  send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }>
  /** A commit that threw may have committed. */
  commit(): Promise<void>
  abort(): Promise<void>
}

export interface GroupOptions {
  readonly groupId: string
  readonly topics: readonly string[]
  /** `kept`: were ours without a break. Called for every generation. */
  readonly onAssigned: (partitions: readonly number[], kept: readonly number[]) => void
  /** An error that will not pass by itself: end the process. */
  readonly onFatal: (error: Error) => void
}

export interface Membership {
  stop(): Promise<void>
  /** Milliseconds since the last successful heartbeat. */
  readonly sinceHeartbeatMs: number
}

export interface TopicSpec {
  readonly topic: string
  readonly partitions: number
  readonly config: Readonly<Record<string, string>>
}

export interface LogAdmin {
  /** Partition count per existing topic. Of those asked for by name, one that we may not see throws (NotAuthorized) instead of being left out. */
  topics(asked?: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Creates those that do not exist and waits until they can be used. Returns the created names. */
  create(specs: readonly TopicSpec[]): Promise<readonly string[]>
  /** Log start and last stable offset per partition. */
  offsets(topic: string): Promise<readonly { readonly partition: number; readonly start: number; readonly end: number }[]>
  /** Every setting of a topic that is in force, the broker's defaults among them. Throws FLY-KAFKA-005 when it does not exist. */
  configs(topic: string): Promise<ReadonlyMap<string, string>>
  delete(topics: readonly string[]): Promise<void>
}
