/** What the tests of the log's contract stand on: topics of their own on the log under test, and short ways to read them. */
import { randomUUID } from 'node:crypto'
import type { TestOptions } from 'node:test'
import type { LogRecord, OutgoingRecord } from '../../src/domain.ts'
import type { EventLog, Reader, Source, Transaction } from '../../src/kafka/contract.ts'
import { recordsOf } from '../../src/kafka/log-record.ts'

/** A log under test. */
export interface LogPlace {
  readonly options: TestOptions
  /** A new connection to the same log. */
  connect(): Promise<EventLog>
  /** Removes the records below an offset, as retention does. */
  truncate(topic: string, partition: number, before: number): Promise<void>
}

export interface ContractTest {
  readonly title: string
  readonly run: (stage: LogStage) => Promise<void>
}

const PATIENCE_MS = 20_000

export const record = (value: string, key: string | null = null): OutgoingRecord => ({ key, value: Buffer.from(value) })
export const records = (count: number, prefix = ''): OutgoingRecord[] =>
  Array.from({ length: count }, (_, index) => record(`${prefix}${index}`))
export const valuesOf = (found: readonly LogRecord[]): string[] => found.map(({ value }) => String(value))

export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + PATIENCE_MS
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Everything buffered on a source now. */
export function taken(source: Source): LogRecord[] {
  const found: LogRecord[] = []
  for (let batch = source.take(); batch !== null; batch = source.take()) found.push(...recordsOf(batch))
  return found
}

export class LogStage {
  readonly log: EventLog
  readonly #place: LogPlace
  #writer: Promise<Awaited<ReturnType<EventLog['writer']>>> | null = null

  constructor(place: LogPlace, log: EventLog) {
    this.#place = place
    this.log = log
  }

  /** A connection that the test closes, breaks or takes for another process. */
  another(): Promise<EventLog> {
    return this.#place.connect()
  }

  truncate(topic: string, partition: number, before: number): Promise<void> {
    return this.#place.truncate(topic, partition, before)
  }

  unique(name: string): string {
    return `${name}-${randomUUID().slice(0, 8)}`
  }

  async topic(partitions = 1): Promise<string> {
    const topic = this.unique('contract')
    await this.log.admin.create([{ topic, partitions, config: {} }])
    return topic
  }

  async send(topic: string, partition: number, outgoing: readonly OutgoingRecord[]): Promise<number> {
    this.#writer ??= this.log.writer()
    return (await (await this.#writer).send(topic, partition, outgoing)).baseOffset
  }

  async offsets(topic: string, partition = 0): Promise<{ readonly start: number; readonly end: number }> {
    const found = (await this.log.admin.offsets(topic)).find((one) => one.partition === partition)!
    return { start: found.start, end: found.end }
  }

  async withReader<Result>(work: (reader: Reader) => Promise<Result>): Promise<Result> {
    const reader = this.log.reader({ maxWaitMs: 50 })
    try {
      return await work(reader)
    } finally {
      await reader.close()
    }
  }

  /** What stands in a partition, read live until the source stands at `to`. */
  read(topic: string, to: number, from = 0, partition = 0): Promise<LogRecord[]> {
    return this.withReader(async (reader) => {
      const source = reader.open(topic, partition, from)
      const found: LogRecord[] = []
      const deadlineMs = performance.now() + PATIENCE_MS
      while (source.next < to) {
        if (performance.now() > deadlineMs) throw new Error(`${topic}/${partition}: stands at ${source.next}, never at ${to}`)
        await reader.wait(200)
        found.push(...taken(source))
      }
      return found
    })
  }

  /** The error with which a live read ends, and what came before it. */
  failureOf(topic: string, from: number): Promise<{ readonly error: unknown; readonly found: LogRecord[] }> {
    return this.withReader(async (reader) => {
      const source = reader.open(topic, 0, from)
      const found: LogRecord[] = []
      const deadlineMs = performance.now() + PATIENCE_MS
      while (performance.now() < deadlineMs) {
        try {
          await reader.wait(200)
        } catch (error) {
          return { error, found }
        }
        found.push(...taken(source))
      }
      throw new Error(`${topic}: reading from ${from} never failed`)
    })
  }

  /** One whole transaction under an id opened for it. */
  async transaction(id: string, end: 'commit' | 'abort', work: (transaction: Transaction) => Promise<void>): Promise<void> {
    const transactor = await this.log.transactor(id)
    const transaction = await transactor.begin()
    await work(transaction)
    await transaction[end]()
    await transactor.close()
  }
}
