/**
 * Fetch requests over connections that kafkajs opened: one request to one broker for many partitions, since a broker answers one request per
 * connection at a time. What goes wrong is told apart here: gone for good, damaged, refused, or moved and away, which passes.
 */
import { within } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { Client, type KafkaOptions } from './client.ts'
import { principalOf } from './credentials.ts'
import { CorruptBatch, chain, inOurWords, isUnknownTopic, NotAuthorized, OffsetGone, passes, readOf, refusal } from './failures.ts'
import { ConnectionLost, FetchConnection } from './fetch-connection.ts'
import { fetchRequest, type Want } from './fetch-request.ts'
import type { FetchedPartition, FetchReply } from './fetch-response.ts'
import { type RawCluster, rawBroker, rawCluster, rawFetchConnection } from './kafkajs.ts'
import { readingSocket } from './reading-socket.ts'

/** What became of one wanted partition. */
export type Fetched =
  | { readonly kind: 'records'; readonly reply: FetchedPartition }
  /** The leader is elsewhere or not ready: ask for the leader again. */
  | { readonly kind: 'moved' }
  | { readonly kind: 'failed'; readonly error: Error }

const OFFSET_OUT_OF_RANGE = 1
const CORRUPT_MESSAGE = 2
const TOPIC_AUTHORIZATION_FAILED = 29
/** Stale metadata, or a replica that is not ready. */
const MOVED = new Set([3, 5, 6, 9, 13, 56, 74, 75, 78])
const RETRY = { retries: 2, initialRetryTime: 50, maxRetryTime: 300 }
const ANSWER_MS = 10_000
const METADATA_MS = 15_000

export class Fetcher {
  readonly #client: Client
  readonly #cluster: RawCluster
  readonly #options: KafkaOptions
  readonly #connections = new Map<string, FetchConnection>()

  constructor(options: KafkaOptions) {
    const plain = options.socketFactory === undefined && (options.ssl === undefined || options.ssl === false)
    this.#client = new Client(plain ? { ...options, socketFactory: readingSocket } : options, RETRY)
    this.#cluster = rawCluster(this.#client.kafka)
    this.#options = options
  }

  close(): Promise<void> {
    return this.#client.close(() => this.#cluster.disconnect())
  }

  /** Loads where the topics' partitions are led, anew for those that were known. */
  async locate(topics: readonly string[]): Promise<void> {
    try {
      await within(this.#locate(topics), METADATA_MS, 'metadata')
    } catch (error) {
      if (!isUnknownTopic(error) && refusal(error) === null) throw error
      // It may be another topic that is gone, or may not be read any more: one read here before would spoil every refresh.
      this.forget(new Set(topics))
      await within(this.#locate(topics), METADATA_MS, 'metadata')
    }
  }

  async #locate(topics: readonly string[]): Promise<void> {
    await this.#cluster.connect()
    const fresh = topics.filter((topic) => !this.#cluster.targetTopics.has(topic))
    if (fresh.length > 0) await this.#cluster.addMultipleTargetTopics(fresh)
    else await this.#cluster.refreshMetadata()
  }

  /** Drops topics nobody reads: one that was deleted would spoil every refresh. */
  forget(keep: ReadonlySet<string>): void {
    for (const topic of this.#cluster.targetTopics) if (!keep.has(topic)) this.#cluster.targetTopics.delete(topic)
  }

  /** The node that leads a partition; null when none does now, undefined when there is no such partition. */
  leader(topic: string, partition: number): string | null | undefined {
    const known = this.#cluster.findTopicPartitionMetadata(topic).find((one) => one.partitionId === partition)
    if (known === undefined) return undefined
    return known.leader === null || known.leader === undefined || known.leader < 0 ? null : String(known.leader)
  }

  partitions(topic: string): readonly number[] {
    return this.#cluster.findTopicPartitionMetadata(topic).map((one) => one.partitionId)
  }

  /** Log start and last stable offset. */
  async offsets(topic: string, partitions: readonly number[]): Promise<{ partition: number; start: number; end: number }[]> {
    const ask = async (fromBeginning: boolean) => {
      const wanted = partitions.map((partition) => ({ partition }))
      const [answer] = await within(this.#cluster.fetchTopicsOffset([{ topic, partitions: wanted, fromBeginning }]), METADATA_MS, 'offsets')
      return new Map((answer?.partitions ?? []).map((one) => [one.partition, Number(one.offset)]))
    }
    const starts = await ask(true)
    const ends = await ask(false)
    return partitions.map((partition) => ({ partition, start: starts.get(partition) ?? 0, end: ends.get(partition) ?? 0 }))
  }

  /** One request to one broker. Throws what does not pass; `null` when the broker was away (already slept on and forgotten by the client). */
  async fetch(nodeId: string, wants: readonly Want[], maxWaitMs: number, maxBytes: number): Promise<Map<Want, Fetched> | null> {
    let reply: FetchReply
    try {
      reply = await within(this.#ask(nodeId, wants, maxWaitMs, maxBytes), maxWaitMs + 2 * ANSWER_MS, `fetch from broker ${nodeId}`)
    } catch (error) {
      this.#dropClosed(error)
      this.#connections.get(nodeId)?.abandon()
      // A time-out of ours is a plain Error: the broker is silent, which passes or is told by others.
      if (error instanceof ConnectionLost || passes(error) || (error as Error).message?.startsWith('timed out')) return null
      const right = readOf([...new Set(wants.map(({ topic }) => topic))].join(', '))
      throw inOurWords(error, { doing: `read from broker ${nodeId}`, from: this.#options, right })
    }
    if (reply.errorCode !== 0) return null
    const fetched = new Map<Want, Fetched>()
    for (const partition of reply.partitions) fetched.set(partition.want, await this.#judge(partition))
    return fetched
  }

  /** The broker holds back a client that is over its quota by itself: there is nothing to keep to here. */
  async #ask(nodeId: string, wants: readonly Want[], maxWaitMs: number, maxBytes: number): Promise<FetchReply> {
    const raw = await rawFetchConnection(await rawBroker(this.#cluster, nodeId))
    let connection = this.#connections.get(nodeId)
    if (connection === undefined || !connection.isOn(raw)) {
      connection = new FetchConnection(raw, this.#options.clientId)
      this.#connections.set(nodeId, connection)
    }
    return connection.fetch(fetchRequest(wants, maxWaitMs, maxBytes), maxWaitMs + ANSWER_MS)
  }

  async #judge(reply: FetchedPartition): Promise<Fetched> {
    const { topic, partition, from } = reply.want
    if (reply.errorCode === 0) return { kind: 'records', reply }
    if (MOVED.has(reply.errorCode)) return { kind: 'moved' }
    if (reply.errorCode === TOPIC_AUTHORIZATION_FAILED)
      return { kind: 'failed', error: new NotAuthorized(principalOf(this.#options), readOf(topic), `read ${topic}/${partition}`) }
    if (reply.errorCode === CORRUPT_MESSAGE)
      return { kind: 'failed', error: new CorruptBatch(from, 'the broker itself calls it corrupt', topic, partition) }
    if (reply.errorCode === OFFSET_OUT_OF_RANGE) {
      const known = await this.offsets(topic, [partition]).catch(() => null)
      const [{ start, end }] = known?.length ? [known[0]!] : [{ start: -1, end: -1 }]
      return { kind: 'failed', error: new OffsetGone(topic, partition, from, start, end) }
    }
    return { kind: 'failed', error: new FlyballError('FLY-KAFKA-010', { topic, partition, code: reply.errorCode }) }
  }

  /** kafkajs keeps a broker whose connection was closed, and would use it again. */
  #dropClosed(error: unknown): void {
    for (const cause of chain(error)) {
      const { host, port } = cause as { host?: string; port?: number }
      if ((cause instanceof ConnectionLost || cause.name === 'KafkaJSConnectionClosedError') && host !== undefined && port !== undefined)
        this.#cluster.removeBroker({ host, port })
    }
  }
}
