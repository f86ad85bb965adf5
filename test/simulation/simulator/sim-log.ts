/** A process's connection to the simulated cluster: the EventLog contract over requests that take time and may be lost. */
import type { LogRecord, OutgoingRecord, RecordBatch } from '../../../src/domain.ts'
import type { EventLog, LogAdmin, Reader, Source, Transaction, Transactor, Writer } from '../../../src/kafka/contract.ts'
import { OffsetGone } from '../../../src/kafka/failures.ts'
import type { MemoryPartition, OpenTransaction } from '../../../src/kafka/log/memory-broker.ts'
import { toBatch } from '../../../src/kafka/log/memory-reader.ts'
import { FlyballError } from '../../../src/kit/errors.ts'
import type { Cluster } from './cluster.ts'
import type { SimProcess } from './sim-process.ts'

const ROWS_PER_BATCH = 500
/** An end that nobody has confirmed for so long is not known. */
const ANSWER_FRESH_MS = 5000
const LOOK_AGAIN_MS = 20

export function simLog(cluster: Cluster, process: SimProcess, producersReused = false): EventLog {
  return {
    name: 'memory',
    reader: () => new SimReader(cluster, process),
    writer: () => cluster.call(process, { kind: 'admin' }, () => simWriter(cluster, process)),
    transactor: (id) => cluster.call(process, { kind: 'transaction' }, () => new SimTransactor(cluster, process, id, producersReused)),
    join: (options) => cluster.group(options.groupId, cluster.broker.topics.get(options.topics[0]!)!.length).join(process, options),
    admin: simAdmin(cluster, process),
    close: async () => undefined,
  }
}

function simAdmin(cluster: Cluster, process: SimProcess): LogAdmin {
  const { broker } = cluster
  const ask = <T>(answer: () => T) => cluster.call(process, { kind: 'admin' }, answer)
  return {
    topics: () => ask(() => new Map([...broker.topics].map(([topic, partitions]) => [topic, partitions.length]))),
    create: (specs) => ask(() => specs.filter((spec) => broker.create(spec)).map((spec) => spec.topic)),
    offsets: (topic) =>
      ask(() => {
        const partitions = broker.topics.get(topic)
        if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
        return partitions.map((log, partition) => ({ partition, start: log.start, end: log.lastStable }))
      }),
    configs: () => Promise.reject(new Error('nobody looks at settings here')),
    delete: () => Promise.reject(new Error('nobody deletes topics here')),
  }
}

function simWriter(cluster: Cluster, process: SimProcess): Writer {
  return {
    send: (topic, partition, records) =>
      cluster.call(process, { kind: 'write', topic, partition, retried: true }, () => ({
        baseOffset: cluster.broker.append(topic, partition, records, null),
      })),
    close: async () => undefined,
  }
}

/** Spent after any error, as the real one. */
class SimTransactor implements Transactor {
  readonly #cluster: Cluster
  readonly #process: SimProcess
  readonly #id: string
  readonly #epoch: number
  readonly #reused: boolean
  /** Next sequence of each partition as the client counts them, and as the broker does: only who goes on after an error tells them apart. */
  readonly #sequence = new Map<string, number>()
  readonly #written = new Map<string, { readonly next: number; readonly offset: number }>()
  #open: OpenTransaction | null = null
  #spent = false

  constructor(cluster: Cluster, process: SimProcess, id: string, reused: boolean) {
    this.#reused = reused
    this.#cluster = cluster
    this.#process = process
    this.#id = id
    cluster.finishCommit(id)
    this.#epoch = cluster.broker.fence(id)
  }

  async begin(): Promise<Transaction> {
    const open = await this.#step('transaction', () => this.#begin())
    return {
      send: (topic, partition, records) => this.#write(open, topic, partition, records),
      commit: () => this.#step('commit', () => this.#commit(open)),
      abort: () => this.#step('commit', () => this.#cluster.broker.end(this.#id, this.#epoch, open, 'aborted')),
    }
  }

  async close(): Promise<void> {
    this.#spent = true
  }

  /** Checked at once, as the coordinator does; an owner that was fenced learns it here. */
  #commit(open: OpenTransaction): void {
    const { broker } = this.#cluster
    broker.check(this.#id, this.#epoch, open)
    this.#cluster.commitSoon(this.#id, () => broker.end(this.#id, this.#epoch, open, 'committed'))
  }

  #begin(): OpenTransaction {
    this.#cluster.finishCommit(this.#id)
    // Reused after an error: the client believes that it has begun anew, and the broker goes on with what is open.
    if (this.#reused && this.#open?.state.state === 'open') return this.#open
    const open = this.#cluster.broker.begin(this.#id, this.#epoch)
    this.#open = open
    this.#cluster.watchTransaction(this.#id, () => open.state.state === 'open')
    return open
  }

  async #write(
    open: OpenTransaction,
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
  ): Promise<{ baseOffset: number }> {
    const place = `${topic}/${partition}`
    const sequence = this.#sequence.get(place) ?? 0
    const effect = () => ({ baseOffset: this.#send(open, topic, partition, records, sequence) })
    const answer = await this.#step('write', effect, topic, partition)
    this.#sequence.set(place, sequence + records.length)
    return answer
  }

  /** A sequence that was written before is taken for the same write again. */
  #send(open: OpenTransaction, topic: string, partition: number, records: readonly OutgoingRecord[], sequence: number): number {
    const place = `${topic}/${partition}`
    const written = this.#written.get(place)
    if (written !== undefined && sequence < written.next) return written.offset
    const offset = this.#cluster.broker.send(this.#id, this.#epoch, open, topic, partition, records)
    this.#written.set(place, { next: sequence + records.length, offset })
    return offset
  }

  async #step<T>(kind: 'transaction' | 'write' | 'commit', effect: () => T, topic?: string, partition?: number): Promise<Awaited<T>> {
    if (this.#spent) throw new Error(`the producer of ${this.#id} is spent: take over anew`)
    try {
      const call = topic === undefined ? { kind } : { kind, topic, partition: partition! }
      return await this.#cluster.call(this.#process, call, effect)
    } catch (error) {
      this.#spent = !this.#reused
      throw error
    }
  }
}

/** Fetches when something has changed, and knows the ends as of its last answer. */
class SimReader implements Reader {
  readonly #cluster: Cluster
  readonly #process: SimProcess
  readonly #sources = new Set<SimSource>()
  readonly #errors: Error[] = []
  #fetching = false
  #closed = false
  #wake: (() => void) | null = null
  #news = false
  readonly #changed = (): void => this.#fetch()

  constructor(cluster: Cluster, process: SimProcess) {
    this.#cluster = cluster
    this.#process = process
    cluster.opened++
  }

  open(topic: string, partition: number, from: number): Source {
    if (this.#closed) throw new Error('this reader is closed')
    const source = new SimSource(this.#cluster, topic, partition, from, () => this.#sources.delete(source))
    this.#sources.add(source)
    this.#fetch()
    return source
  }

  async wait(maxWaitMs: number): Promise<void> {
    if (!this.#news && this.#errors.length === 0 && !this.#closed) {
      this.#fetch()
      await new Promise<void>((resolve) => {
        const wake = () => {
          cancel()
          if (this.#wake === wake) this.#wake = null
          this.#process.whenAwake(resolve)
        }
        // A wait may take longer than asked for: that is fewer turns in which nothing happens.
        const cancel = this.#cluster.scheduler.after(maxWaitMs + this.#cluster.scheduler.between(0, 100), wake)
        this.#wake = wake
      })
    } else await this.#process.clock.sleep(1)
    this.#news = false
    const error = this.#errors.shift()
    if (error) throw error
  }

  /** One request under way at a time; an answer without news waits at the broker for the next change. */
  #fetch(): void {
    if (this.#fetching || this.#closed || this.#process.dead) return
    this.#fetching = true
    const { scheduler } = this.#cluster
    scheduler.after(1 + this.#cluster.wayMs(), () => {
      const answers = [...this.#sources].map((source) => ({ source, answer: source.ask() }))
      const deliver = () => {
        this.#fetching = false
        this.#answered(answers)
      }
      // What the broker has said waits for whoever sleeps, and is old by then.
      if (this.#process.paused) this.#process.whenAwake(deliver)
      else deliver()
    })
  }

  #answered(answers: readonly { readonly source: SimSource; readonly answer: Answer | null }[]): void {
    if (this.#closed || this.#process.dead) return
    for (const { source, answer } of answers) {
      const outcome = answer === null ? null : source.answered(answer)
      if (outcome === 'news') this.#news = true
      else if (outcome !== null) this.#errors.push(outcome)
    }
    if (this.#news || this.#errors.length > 0) this.#wake?.()
    else this.#cluster.broker.onChange(this.#changed)
  }

  readRange(
    topic: string,
    partition: number,
    from: number,
    to: number,
    each: (record: LogRecord) => void,
    alive: () => boolean = () => true,
  ): Promise<number | null> {
    return this.#walk(topic, partition, from, to, alive, 60_000, (record) => {
      each(record)
      return false
    })
  }

  readUntil(
    topic: string,
    partition: number,
    from: number,
    stop: (record: LogRecord) => boolean,
    each: (record: LogRecord) => void,
    alive: () => boolean = () => true,
    deadlineMs = 60_000,
  ): Promise<number | null> {
    return this.#walk(topic, partition, from, Number.POSITIVE_INFINITY, alive, deadlineMs, (record) => {
      if (stop(record)) return true
      each(record)
      return false
    })
  }

  async #walk(
    topic: string,
    partition: number,
    from: number,
    to: number,
    alive: () => boolean,
    deadlineMs: number,
    ends: (record: LogRecord) => boolean,
  ): Promise<number | null> {
    const { clock } = this.#process
    const untilMs = clock.monotonicMs() + deadlineMs
    for (let next = from; alive() && !this.#closed; ) {
      if (next >= to) return next
      const at = next
      const { stable, rows } = await this.#cluster.call(this.#process, { kind: 'fetch', topic, partition }, () => {
        const log = this.#cluster.log(topic, partition)
        checkRange(log, topic, partition, at)
        const until = Math.min(log.lastStable, to)
        return { stable: until, rows: log.visible(at, until) }
      })
      for (const record of rows) if (ends(record)) return record.offset + 1
      if (stable > next) next = stable
      else if (clock.monotonicMs() > untilMs)
        throw new FlyballError('FLY-KAFKA-001', { brokers: 'simulated', problem: `${topic}: no progress` })
      else await clock.sleep(LOOK_AGAIN_MS)
    }
    return null
  }

  async close(): Promise<void> {
    if (!this.#closed) this.#cluster.opened--
    this.#closed = true
    for (const source of this.#sources) source.close()
    this.#wake?.()
  }
}

function checkRange(log: MemoryPartition, topic: string, partition: number, next: number): void {
  if (next < log.start || next > log.end) throw new OffsetGone(topic, partition, next, log.start, log.lastStable)
}

/** Of one partition, as of a moment. */
interface Answer {
  readonly atMs: number
  readonly start: number
  readonly end: number
  readonly lastStable: number
}

class SimSource implements Source {
  readonly topic: string
  readonly partition: number
  next: number
  /** As of the last answer; -1 before the first. */
  end = -1
  readonly #cluster: Cluster
  readonly #forget: () => void
  #answeredAtMs = 0
  #closed = false
  #failed = false
  #told = false

  constructor(cluster: Cluster, topic: string, partition: number, from: number, forget: () => void) {
    this.#cluster = cluster
    this.topic = topic
    this.partition = partition
    this.next = from
    this.#forget = forget
    cluster.opened++
  }

  get caughtUp(): boolean {
    return this.end >= 0 && this.next >= this.end && this.#cluster.scheduler.nowMs - this.#answeredAtMs < ANSWER_FRESH_MS
  }

  /** What the broker says now; null: it does not answer. */
  ask(): Answer | null {
    if (this.#closed || this.#failed || !this.#cluster.isAvailable(this.topic, this.partition)) return null
    const log = this.#cluster.log(this.topic, this.partition)
    return { atMs: this.#cluster.scheduler.nowMs, start: log.start, end: log.end, lastStable: log.lastStable }
  }

  answered({ atMs, start, end, lastStable }: Answer): 'news' | Error | null {
    this.#answeredAtMs = atMs
    if (this.next < start || this.next > end) {
      this.#failed = true
      return new OffsetGone(this.topic, this.partition, this.next, start, lastStable)
    }
    const known = Math.max(this.end, lastStable)
    const isNews = known > this.end || (!this.#told && this.next >= known)
    this.end = known
    this.#told = this.next >= known
    return isNews ? 'news' : null
  }

  take(): RecordBatch | null {
    for (;;) {
      if (this.#closed || this.#failed) return null
      const log = this.#cluster.log(this.topic, this.partition)
      const until = Math.min(this.end, this.next + ROWS_PER_BATCH)
      // What was deleted since the answer had been fetched with it: it is skipped here, and the next answer says so.
      if (until <= this.next || this.next < log.start) return null
      const rows = log.visible(this.next, until)
      this.next = until
      this.#told = false
      if (rows.length > 0) return toBatch(this.topic, this.partition, rows)
    }
  }

  close(): void {
    if (!this.#closed) this.#cluster.opened--
    this.#closed = true
    this.#forget()
  }
}
