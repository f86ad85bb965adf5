/**
 * Reads many partitions with one loop per broker, ahead of its caller and within bounds, and never through a group.
 *
 *   placing ─ who leads the partition? ─▶ a broker's loop ─ fetch ─▶ source (≤ 2 record sets) ─ take() ─▶ caller
 *      ▲                                       │ moved, or the broker is away
 *      └───────────────────────────────────────┘
 *
 * What does not pass by itself stops its own source and rejects `wait`; the other sources go on.
 * Ranges (`readRange`, `readUntil`) go over connections of their own, so that a restore never stands behind live reading.
 */

import type { LogRecord } from '../domain.ts'
import { FlyballError } from '../kit/errors.ts'
import type { KafkaOptions } from './client.ts'
import type { Reader, ReaderOptions, Source } from './contract.ts'
import { inOurWords, isUnknownTopic, passes, readOf } from './failures.ts'
import type { Want } from './fetch-request.ts'
import { Fetcher } from './fetcher.ts'
import { PartitionSource } from './partition-source.ts'
import { Places } from './places.ts'
import { RangeReader } from './range-reader.ts'
import { Signal } from './signal.ts'

const DEFAULTS = { maxWaitMs: 250, maxBytesPerPartition: 512 << 10, maxBytes: 8 << 20, maxInflatedBytes: 64 << 20 }
/** Some source waits for room: do not hold its broker's connection for the others' sake. */
const SHORT_WAIT_MS = 5
const PAUSE_MS = 100
const IDLE_MS = 1000
/** A topic made a moment ago is not known everywhere yet. */
const UNKNOWN_TOPIC_PATIENCE_MS = 15_000

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export class KafkaReader implements Reader {
  readonly #options: Required<ReaderOptions>
  readonly #kafka: KafkaOptions
  readonly #fetcher: Fetcher
  readonly #ranges: RangeReader
  readonly #places: Places
  readonly #sources = new Set<PartitionSource>()
  readonly #loops = new Map<string, { readonly room: Signal }>()
  readonly #toPlace = new Signal()
  readonly #news = new Signal()
  readonly #errors: Error[] = []
  #rotation = 0
  #closed = false
  #placing = false

  constructor(kafka: KafkaOptions, options: ReaderOptions = {}) {
    this.#options = { ...DEFAULTS, ...options }
    this.#kafka = kafka
    this.#fetcher = new Fetcher(kafka)
    this.#ranges = new RangeReader(kafka, this.#options)
    this.#places = new Places(this.#options.maxBytes)
  }

  open(topic: string, partition: number, from: number): Source {
    if (this.#closed) throw new Error('this reader is closed')
    const source: PartitionSource = new PartitionSource(topic, partition, from, this.#options, this.#places, () => this.#roomIn(source))
    this.#sources.add(source)
    if (!this.#placing) void this.#place()
    this.#toPlace.wake()
    return source
  }

  async wait(maxWaitMs: number): Promise<void> {
    if (this.#errors.length === 0) await this.#news.wait(maxWaitMs)
    const error = this.#errors.shift()
    if (error) throw error
  }

  readRange(
    topic: string,
    partition: number,
    from: number,
    to: number,
    each: (record: LogRecord) => void,
    alive?: () => boolean,
  ): Promise<number | null> {
    return this.#ranges.readRange(topic, partition, from, to, each, alive)
  }

  readUntil(
    topic: string,
    partition: number,
    from: number,
    stop: (record: LogRecord) => boolean,
    each: (record: LogRecord) => void,
    alive?: () => boolean,
    deadlineMs?: number,
  ): Promise<number | null> {
    return this.#ranges.readUntil(topic, partition, from, stop, each, alive, deadlineMs)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    for (const source of this.#sources) source.close()
    this.#toPlace.wake()
    this.#news.wake()
    for (const loop of this.#loops.values()) loop.room.wake()
    await Promise.all([this.#fetcher.close(), this.#ranges.close()])
  }

  #roomIn(source: PartitionSource): void {
    if (source.closed) this.#sources.delete(source)
    if (source.nodeId !== null) this.#loops.get(source.nodeId)?.room.wake()
  }

  #fail(source: PartitionSource, error: Error): void {
    source.failed = true
    if (source.closed || this.#closed) return
    this.#errors.push(error)
    this.#news.wake()
  }

  /** Finds a broker for every source that has none; runs as long as the reader is open. */
  async #place(): Promise<void> {
    this.#placing = true
    while (!this.#closed) {
      const homeless = [...this.#sources].filter((source) => source.nodeId === null && !source.failed)
      if (homeless.length === 0) {
        await this.#toPlace.wait(IDLE_MS)
        continue
      }
      const topics = new Set(homeless.map((source) => source.topic))
      this.#fetcher.forget(new Set([...this.#sources].map((source) => source.topic)))
      for (const topic of topics) {
        if (!this.#closed)
          await this.#placeTopic(
            topic,
            homeless.filter((source) => source.topic === topic),
          )
      }
      if (homeless.some((source) => source.nodeId === null && !source.failed && !source.closed)) await sleep(PAUSE_MS)
    }
  }

  async #placeTopic(topic: string, sources: readonly PartitionSource[]): Promise<void> {
    try {
      await this.#fetcher.locate([topic])
      for (const source of sources) this.#settle(source, this.#fetcher.leader(topic, source.partition))
    } catch (error) {
      const lasting = !passes(error) && !(error as Error).message?.startsWith('timed out')
      for (const source of sources) {
        if (isUnknownTopic(error)) this.#settle(source, undefined)
        else if (lasting) this.#fail(source, inOurWords(error, { doing: `find ${topic}`, from: this.#kafka, right: readOf(topic) }))
      }
    }
  }

  #settle(source: PartitionSource, nodeId: string | null | undefined): void {
    if (nodeId === undefined) {
      source.unknownSinceMs ||= performance.now()
      const patient = performance.now() - source.unknownSinceMs < UNKNOWN_TOPIC_PATIENCE_MS
      if (!patient) this.#fail(source, new FlyballError('FLY-KAFKA-005', { topic: source.topic, partition: source.partition }))
      return
    }
    source.unknownSinceMs = 0
    source.nodeId = nodeId
    if (nodeId === null) return
    const loop = this.#loops.get(nodeId)
    if (loop) loop.room.wake()
    else this.#startLoop(nodeId)
  }

  #startLoop(nodeId: string): void {
    const room = new Signal()
    this.#loops.set(nodeId, { room })
    void this.#loop(nodeId, room)
  }

  async #loop(nodeId: string, room: Signal): Promise<void> {
    while (!this.#closed) {
      const led = [...this.#sources].filter((source) => source.nodeId === nodeId && !source.failed && !source.closed)
      const open = rotated(
        led.filter((source) => source.hasRoom),
        this.#rotation++,
      )
      if (open.length === 0) await room.wait(IDLE_MS)
      else await this.#poll(nodeId, open, led.length > open.length, room)
    }
  }

  async #poll(nodeId: string, sources: readonly PartitionSource[], othersAreFull: boolean, room: Signal): Promise<void> {
    const { maxWaitMs, maxBytes } = this.#options
    const wants = new Map<Want, PartitionSource>(sources.map((source) => [source.want(), source]))
    try {
      const fetched = await this.#fetcher.fetch(nodeId, [...wants.keys()], othersAreFull ? SHORT_WAIT_MS : maxWaitMs, maxBytes)
      if (this.#closed) return
      if (fetched === null) return await this.#away(sources)
      let empty = true
      for (const [want, result] of fetched) {
        const source = wants.get(want)!
        if (result.kind === 'failed') this.#fail(source, result.error)
        else if (result.kind === 'moved') await this.#away([source])
        else {
          this.#put(source, result.reply)
          if (result.reply.length > 0) empty = false
        }
      }
      if (empty && othersAreFull) await room.wait(SHORT_WAIT_MS * 4)
    } catch (error) {
      for (const source of sources) this.#fail(source, error as Error)
    }
  }

  #put(source: PartitionSource, reply: Parameters<PartitionSource['put']>[0]): void {
    try {
      if (source.put(reply)) this.#news.wake()
    } catch (error) {
      this.#fail(source, error as Error)
    }
  }

  /** Their broker is gone or leads them no more: pause, then ask who does. */
  async #away(sources: readonly PartitionSource[]): Promise<void> {
    await sleep(PAUSE_MS)
    for (const source of sources) source.nodeId = null
    this.#toPlace.wake()
  }
}

/** So that no partition starves behind the limit of a whole reply. */
function rotated<Item>(items: readonly Item[], by: number): readonly Item[] {
  if (items.length < 2) return items
  const at = by % items.length
  return [...items.slice(at), ...items.slice(0, at)]
}
