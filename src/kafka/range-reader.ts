/** Reads a part of one partition from start to end: for restores. Each read has a connection to itself while it runs. */
import type { LogRecord } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import type { KafkaOptions } from './client.ts'
import { inOurWords, isUnknownTopic, passes, readOf } from './failures.ts'
import { Fetcher } from './fetcher.ts'
import { logRecordOf } from './log-record.ts'
import { PartitionSource, type SourceLimits } from './partition-source.ts'
import { Places } from './places.ts'

const WAIT_MS = 50
const PAUSE_MS = 100
/** A topic is not there when nobody has known it for so long. */
const UNKNOWN_MS = 15_000
/** A range that brings nothing for so long will not end. */
const NO_PROGRESS_MS = 60_000

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Walk {
  readonly topic: string
  readonly partition: number
  readonly from: number
  readonly alive: () => boolean
  readonly deadlineMs: number | null
  /** True ends the walk. Called for every record… */
  readonly ends: (record: LogRecord) => boolean
  /** …and for every position. */
  readonly reached: (next: number) => boolean
}

export class RangeReader {
  readonly #kafka: KafkaOptions
  readonly #limits: SourceLimits & { readonly maxBytes: number }
  readonly #idle: Fetcher[] = []
  readonly #busy = new Set<Fetcher>()
  #closed = false

  constructor(kafka: KafkaOptions, limits: SourceLimits & { readonly maxBytes: number }) {
    this.#kafka = kafka
    this.#limits = limits
  }

  /** Ends by the position: holes, empty batches and markers at the end do not matter. */
  async readRange(
    topic: string,
    partition: number,
    from: number,
    to: number,
    each: (record: LogRecord) => void,
    alive = always,
  ): Promise<number | null> {
    const ends = (record: LogRecord) => {
      if (record.offset < to) each(record)
      return false
    }
    const end = await this.#walk({ topic, partition, from, alive, deadlineMs: null, ends, reached: (next) => next >= to })
    // The last batch may reach further; what lies beyond `to` was not handed over.
    return end === null ? null : Math.max(from, to)
  }

  async readUntil(
    topic: string,
    partition: number,
    from: number,
    stop: (record: LogRecord) => boolean,
    each: (record: LogRecord) => void,
    alive = always,
    deadlineMs = NO_PROGRESS_MS,
  ): Promise<number | null> {
    const ends = (record: LogRecord) => {
      if (stop(record)) return true
      each(record)
      return false
    }
    return this.#walk({ topic, partition, from, alive, deadlineMs, ends, reached: () => false })
  }

  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#idle, ...this.#busy].map((fetcher) => fetcher.close()))
  }

  async #walk(walk: Walk): Promise<number | null> {
    if (walk.reached(walk.from)) return walk.from
    const fetcher = this.#idle.pop() ?? new Fetcher(this.#kafka)
    this.#busy.add(fetcher)
    try {
      return await this.#through(fetcher, walk)
    } finally {
      this.#busy.delete(fetcher)
      if (this.#closed) await fetcher.close()
      else this.#idle.push(fetcher)
    }
  }

  async #through(fetcher: Fetcher, walk: Walk): Promise<number | null> {
    const source = new PartitionSource(
      walk.topic,
      walk.partition,
      walk.from,
      this.#limits,
      new Places(this.#limits.maxBytesPerPartition * 2),
      () => {},
    )
    const startedAtMs = performance.now()
    let progressAtMs = startedAtMs
    while (walk.alive() && !this.#closed) {
      const before = source.next
      const fetched = await this.#fetchOnce(fetcher, source)
      if (!walk.alive()) return null
      const end = fetched ? this.#drain(source, walk) : null
      if (end !== null) return end === REVOKED ? null : end
      const nowMs = performance.now()
      if (source.next > before) progressAtMs = nowMs
      if (walk.deadlineMs !== null ? nowMs - startedAtMs > walk.deadlineMs : nowMs - progressAtMs > NO_PROGRESS_MS) {
        throw new Error(`${walk.topic}/${walk.partition}: the end of the range was not met, at offset ${source.next}`)
      }
    }
    return null
  }

  /** Hands over what is buffered. A number ends the walk; null asks for more. */
  #drain(source: PartitionSource, walk: Walk): number | null {
    for (let batch = source.take(); batch !== null; batch = source.take()) {
      for (let row = 0; row < batch.count; row++) {
        const record = logRecordOf(batch, row)
        if (walk.ends(record)) return record.offset + 1
      }
      if (walk.reached(source.next)) return source.next
      if (!walk.alive()) return REVOKED
    }
    return walk.reached(source.next) ? source.next : null
  }

  /** False when the leader was not there. */
  async #fetchOnce(fetcher: Fetcher, source: PartitionSource): Promise<boolean> {
    if (source.nodeId === null) source.nodeId = await this.#leader(fetcher, source)
    if (source.nodeId === null) {
      await sleep(PAUSE_MS)
      return false
    }
    const fetched = await fetcher.fetch(source.nodeId, [source.want()], WAIT_MS, this.#limits.maxBytes)
    for (const result of fetched?.values() ?? []) {
      if (result.kind === 'failed') throw result.error
      if (result.kind === 'records') {
        source.put(result.reply)
        return true
      }
    }
    source.nodeId = null
    await sleep(PAUSE_MS)
    return false
  }

  async #leader(fetcher: Fetcher, source: PartitionSource): Promise<string | null> {
    try {
      await fetcher.locate([source.topic])
    } catch (error) {
      if (isUnknownTopic(error)) return this.#orUnknown(source, undefined)
      if (!passes(error) && !(error as Error).message?.startsWith('timed out'))
        throw inOurWords(error, { doing: `find ${source.topic}`, from: this.#kafka, right: readOf(source.topic) })
      // Brokers that cannot be asked say nothing about the topic.
      return null
    }
    return this.#orUnknown(source, fetcher.leader(source.topic, source.partition))
  }

  #orUnknown(source: PartitionSource, nodeId: string | null | undefined): string | null {
    if (nodeId !== undefined) source.unknownSinceMs = 0
    else source.unknownSinceMs ||= performance.now()
    if (nodeId === undefined && performance.now() - source.unknownSinceMs > UNKNOWN_MS) {
      throw new FlyballError('FLY-KAFKA-005', { topic: source.topic, partition: source.partition })
    }
    return nodeId ?? null
  }
}

const REVOKED = -1
const always = () => true
