/** Topics: which exist, made, offsets, deleted. */
import kafkajs, { type Admin } from 'kafkajs'
import { within } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { Client, type KafkaOptions } from './client.ts'
import type { LogAdmin, TopicSpec } from './contract.ts'
import { inOurWords, isUnknownTopic, passes, type Right, sightOf } from './failures.ts'
import { Fetcher } from './fetcher.ts'

const RETRY = { retries: 5, initialRetryTime: 50, maxRetryTime: 500 }
const STEP_MS = 20_000
const USABLE_MS = 20_000
const POLL_MS = 50
/** A topic is not there when nobody has known it for so long. */
const UNKNOWN_MS = 3000
/** The broker's own default.replication.factor. */
const BROKER_DEFAULT = -1

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export class KafkaAdmin implements LogAdmin {
  readonly #options: KafkaOptions
  readonly #client: Client
  readonly #admin: Admin
  readonly #fetcher: Fetcher
  #connected: Promise<void> | null = null

  constructor(options: KafkaOptions) {
    this.#options = options
    this.#client = new Client(options, RETRY)
    this.#admin = this.#client.kafka.admin()
    this.#fetcher = new Fetcher(options)
  }

  /** Reaches the brokers, or says why not. */
  async connect(): Promise<void> {
    await this.#step('connect', async () => {})
  }

  async topics(asked: readonly string[] = []): Promise<ReadonlyMap<string, number>> {
    const known = await this.#step('list the topics', () => this.#partitionsOf([]))
    // A topic that may not be seen is left out of the list; asked for by its name it is told apart from one that does not exist.
    for (const topic of asked) {
      if (!known.has(topic)) await this.#step(`look at topic ${topic}`, () => this.#unlessUnknown(topic), sightOf(topic))
    }
    return known
  }

  /** Of all topics where none is named: names asked for first would make the answer fail when one of them is deleted meanwhile. */
  async #partitionsOf(names: readonly string[]): Promise<Map<string, number>> {
    const { topics } = await this.#admin.fetchTopicMetadata({ topics: [...names] })
    return new Map(topics.map(({ name, partitions }) => [name, partitions.length]))
  }

  async #unlessUnknown(topic: string): Promise<void> {
    try {
      await this.#partitionsOf([topic])
    } catch (error) {
      if (!isUnknownTopic(error)) throw error
    }
  }

  async create(specs: readonly TopicSpec[]): Promise<readonly string[]> {
    const existing = await this.topics()
    const missing = specs.filter(({ topic }) => !existing.has(topic))
    if (missing.length === 0) return []
    // Waiting for leaders inside kafkajs throws on several brokers, when the one it asks has not heard of the topic yet.
    const right: Right = { operation: 'CREATE', resource: 'topic', name: missing.map(({ topic }) => topic).join(', ') }
    await this.#step('create topics', () => this.#admin.createTopics({ waitForLeaders: false, topics: missing.map(topicConfig) }), right)
    for (const { topic, partitions } of missing) await this.#usable(topic, partitions)
    return missing.map(({ topic }) => topic)
  }

  async offsets(topic: string): Promise<readonly { readonly partition: number; readonly start: number; readonly end: number }[]> {
    const deadlineMs = performance.now() + STEP_MS
    let unknownSinceMs = 0
    for (;;) {
      try {
        await this.#fetcher.locate([topic])
        const partitions = [...this.#fetcher.partitions(topic)].sort((a, b) => a - b)
        if (partitions.length > 0) return await this.#fetcher.offsets(topic, partitions)
      } catch (error) {
        // A broker that has just come back does not know every topic yet.
        if (isUnknownTopic(error)) {
          unknownSinceMs ||= performance.now()
          if (performance.now() - unknownSinceMs > UNKNOWN_MS)
            throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 }, { cause: error })
        } else if (performance.now() > deadlineMs || !passes(error))
          throw inOurWords(error, { doing: `offsets of ${topic}`, from: this.#options, right: sightOf(topic) })
      }
      await sleep(POLL_MS)
    }
  }

  async configs(topic: string): Promise<ReadonlyMap<string, string>> {
    // Asked first: whether it is there, or may not be seen, is told apart here.
    if (!(await this.topics([topic])).has(topic)) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
    const right: Right = { operation: 'DESCRIBE_CONFIGS', resource: 'topic', name: topic }
    const asked = { type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }
    const { resources } = await this.#step(
      `look at the settings of ${topic}`,
      () => this.#admin.describeConfigs({ resources: [asked], includeSynonyms: false }),
      right,
    )
    return new Map(resources.flatMap(({ configEntries }) => configEntries.map(({ configName, configValue }) => [configName, configValue])))
  }

  async delete(topics: readonly string[]): Promise<void> {
    const right: Right = { operation: 'DELETE', resource: 'topic', name: topics.join(', ') }
    await this.#step('delete topics', () => this.#admin.deleteTopics({ topics: [...topics] }), right)
    this.#fetcher.forget(new Set())
  }

  async close(): Promise<void> {
    await Promise.all([this.#client.close(() => this.#admin.disconnect()), this.#fetcher.close()])
  }

  /** Every broker that leads a partition answers for it. */
  async #usable(topic: string, partitions: number): Promise<void> {
    const deadlineMs = performance.now() + USABLE_MS
    for (;;) {
      try {
        await this.#fetcher.locate([topic])
        const led = this.#fetcher.partitions(topic).filter((partition) => this.#fetcher.leader(topic, partition))
        if (led.length === partitions) {
          await this.#fetcher.offsets(topic, led)
          return
        }
      } catch (error) {
        if (!isUnknownTopic(error) && !passes(error))
          throw inOurWords(error, { doing: `look at topic ${topic}`, from: this.#options, right: sightOf(topic) })
      }
      if (performance.now() > deadlineMs) throw new Error(`topic ${topic} was created but cannot be used after ${USABLE_MS} ms`)
      await sleep(POLL_MS)
    }
  }

  async #step<Result>(what: string, work: () => Promise<Result>, right?: Right): Promise<Result> {
    try {
      this.#connected ??= this.#admin.connect()
      await within(this.#connected, STEP_MS, 'connect')
      return await within(work(), STEP_MS, what)
    } catch (error) {
      this.#connected = null
      throw inOurWords(error, { doing: what, from: this.#options, ...(right === undefined ? {} : { right }) })
    }
  }
}

function topicConfig({ topic, partitions, config }: TopicSpec) {
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  return { topic, numPartitions: partitions, replicationFactor: BROKER_DEFAULT, configEntries }
}
