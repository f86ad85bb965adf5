/** Reads a MemoryBroker as the contract says: explicit positions, committed records only, batches of columns. */
import type { LogRecord, RecordBatch } from '../../domain.ts'
import { FlyballError } from '../../kit/errors.ts'
import type { Reader, Source } from '../contract.ts'
import { OffsetGone } from '../failures.ts'
import type { MemoryBroker, MemoryPartition } from './memory-broker.ts'

const ROWS_PER_BATCH = 2048
const LOOK_AGAIN_MS = 20
/** A range that brings nothing for so long will not end. */
const NO_PROGRESS_MS = 60_000

interface Walk {
  readonly topic: string
  readonly partition: number
  readonly from: number
  /** Nothing at or behind it is looked at; Infinity: no such bound. */
  readonly to: number
  readonly alive: () => boolean
  readonly deadlineMs: number
  /** True ends the walk. */
  readonly ends: (record: LogRecord) => boolean
}

export class MemoryReader implements Reader {
  readonly #broker: MemoryBroker
  readonly #sources = new Set<MemorySource>()
  #closed = false

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  open(topic: string, partition: number, from: number): Source {
    if (this.#closed) throw new Error('this reader is closed')
    const source = new MemorySource(this.#broker, topic, partition, from, () => this.#sources.delete(source))
    this.#sources.add(source)
    return source
  }

  async wait(maxWaitMs: number): Promise<void> {
    // A turn of the event loop in any case: a busy reader must not starve timers and sockets.
    await new Promise<void>((resolve) => setImmediate(resolve))
    if (!this.#hasNews()) await this.#change(maxWaitMs)
    for (const source of this.#sources) {
      const problem = source.fail()
      if (problem !== null) throw problem
    }
  }

  #hasNews(): boolean {
    return this.#closed || [...this.#sources].some((source) => source.hasNews())
  }

  async #change(maxWaitMs: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#broker.onChange(resolve)
      void this.#broker.clock.sleep(maxWaitMs).then(() => {
        this.#broker.offChange(resolve)
        resolve()
      })
    })
  }

  readRange(
    topic: string,
    partition: number,
    from: number,
    to: number,
    each: (record: LogRecord) => void,
    alive: () => boolean = always,
  ): Promise<number | null> {
    const ends = (record: LogRecord) => {
      each(record)
      return false
    }
    return this.#walk({ topic, partition, from, to, alive, deadlineMs: NO_PROGRESS_MS, ends })
  }

  readUntil(
    topic: string,
    partition: number,
    from: number,
    stop: (record: LogRecord) => boolean,
    each: (record: LogRecord) => void,
    alive: () => boolean = always,
    deadlineMs = NO_PROGRESS_MS,
  ): Promise<number | null> {
    const ends = (record: LogRecord) => {
      if (stop(record)) return true
      each(record)
      return false
    }
    return this.#walk({ topic, partition, from, to: Number.POSITIVE_INFINITY, alive, deadlineMs, ends })
  }

  /** Ends by the position or by a record, whichever comes first; waits for what an open transaction holds back. */
  async #walk({ topic, partition, from, to, alive, deadlineMs, ends }: Walk): Promise<number | null> {
    const { clock } = this.#broker
    const untilMs = clock.monotonicMs() + deadlineMs
    let next = from
    while (alive() && !this.#closed) {
      if (next >= to) return next
      const log = this.#broker.partition(topic, partition)
      checkRange(log, topic, partition, next)
      const stable = Math.min(log.lastStable, to)
      for (const record of log.visible(next, stable)) if (ends(record)) return record.offset + 1
      if (stable > next) next = stable
      else if (clock.monotonicMs() > untilMs) throw new Error(`${topic}/${partition}: the end of the range was not met, at offset ${next}`)
      else await this.#change(LOOK_AGAIN_MS)
    }
    return null
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const source of this.#sources) source.close()
    this.#broker.changed()
  }
}

const always = () => true

function checkRange(log: MemoryPartition, topic: string, partition: number, next: number): void {
  if (next < log.start || next > log.end) throw new OffsetGone(topic, partition, next, log.start, log.lastStable)
}

class MemorySource implements Source {
  readonly topic: string
  readonly partition: number
  next: number
  readonly #broker: MemoryBroker
  readonly #forget: () => void
  #closed = false
  #failed = false
  /** That it is caught up has been told, or seen by the caller's own take(). */
  #told = false

  constructor(broker: MemoryBroker, topic: string, partition: number, from: number, forget: () => void) {
    this.#broker = broker
    this.topic = topic
    this.partition = partition
    this.next = from
    this.#forget = forget
  }

  get #log(): MemoryPartition | undefined {
    return this.#broker.topics.get(this.topic)?.[this.partition]
  }

  get end(): number {
    return this.#log?.lastStable ?? -1
  }

  get caughtUp(): boolean {
    return this.end >= 0 && this.next >= this.end
  }

  hasNews(): boolean {
    if (this.#failed) return false
    const news = !this.caughtUp || !this.#told
    this.#told = this.caughtUp
    return news
  }

  /** What makes reading on impossible, once; null when nothing does. */
  fail(): Error | null {
    if (this.#failed) return null
    try {
      checkRange(this.#broker.partition(this.topic, this.partition), this.topic, this.partition, this.next)
      return null
    } catch (error) {
      this.#failed = true
      if (error instanceof FlyballError) return error
      throw error
    }
  }

  take(): RecordBatch | null {
    const log = this.#log
    if (log === undefined || this.#closed || this.#failed || this.next < log.start) return null
    const until = Math.min(log.lastStable, this.next + ROWS_PER_BATCH)
    if (until <= this.next) return null
    const rows = log.visible(this.next, until)
    this.next = until
    this.#told = this.caughtUp
    return rows.length === 0 ? this.take() : toBatch(this.topic, this.partition, rows)
  }

  close(): void {
    this.#closed = true
    this.#forget()
  }
}

/** Lays records out as the wire would: bytes in one buffer, places in columns. */
export function toBatch(topic: string, partition: number, rows: readonly LogRecord[]): RecordBatch {
  const count = rows.length
  const parts: Buffer[] = []
  let at = 0
  const put = (bytes: Buffer | null): number => {
    if (bytes === null) return -1
    parts.push(bytes)
    at += bytes.length
    return at - bytes.length
  }
  const columns = {
    offset: new Float64Array(count),
    timestampMs: new Float64Array(count),
    keyStart: new Int32Array(count),
    keyEnd: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count),
    headerStart: new Int32Array(count).fill(-1),
  }
  rows.forEach((row, index) => {
    columns.offset[index] = row.offset
    columns.timestampMs[index] = row.timestampMs
    columns.keyStart[index] = put(row.key)
    columns.keyEnd[index] = at
    columns.valueStart[index] = put(row.value)
    columns.valueEnd[index] = at
    if (row.headers.length > 0) columns.headerStart[index] = put(headerSection(row.headers))
  })
  parts.push(Buffer.alloc(16))
  return { topic, partition, count, bytes: Buffer.concat(parts), ...columns }
}

function headerSection(headers: readonly (readonly [string, Buffer])[]): Buffer {
  const parts = [varint(headers.length)]
  for (const [name, value] of headers) {
    const key = Buffer.from(name)
    parts.push(varint(key.length), key, varint(value.length), value)
  }
  return Buffer.concat(parts)
}

/** Zigzag varint, as record batches hold it. */
function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value * 2
  while (rest > 127) {
    bytes.push((rest & 127) | 128)
    rest = Math.floor(rest / 128)
  }
  bytes.push(rest)
  return Buffer.from(bytes)
}
