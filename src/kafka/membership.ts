/**
 * Who owns which partitions: kafkajs joins the group and heartbeats, and that is all it does. GROUP_JOIN is emitted before a generation's
 * first fetch, everything is paused there, so nothing is ever fetched through the group; the records come through the Reader.
 *
 * A consumer that ends is never restarted by kafkajs (it would go on from the group's offsets): a new one is built here.
 */
import type { Consumer } from 'kafkajs'
import { within } from '../kit/clock.ts'
import { coPartitioned } from './assigner.ts'
import { Client, type KafkaOptions } from './client.ts'
import type { GroupOptions, Membership } from './contract.ts'
import { coordinatorRefusal } from './coordinator.ts'
import { inOurWords, passes, readOf } from './failures.ts'

const RETRY = { retries: 3, initialRetryTime: 50, maxRetryTime: 500, restartOnFailure: async () => false }
const SESSION_MS = 10_000
const REBALANCE_MS = 20_000
const HEARTBEAT_MS = 1000
const FIRST_PAUSE_MS = 200
const LAST_PAUSE_MS = 5000
/** STOP comes before the CRASH of the same failure. */
const CRASH_AFTER_STOP_MS = 500
/** Not joined for so long: perhaps a right is missing, which kafkajs hides. */
const SUSPICIOUS_MS = 15_000

/** No join and no heartbeat for longer than a rebalance and a session together: some promise inside kafkajs will never settle. */
const SILENT_MS = 35_000

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

export class KafkaMembership implements Membership {
  readonly #kafka: KafkaOptions
  readonly #group: GroupOptions
  #owned: readonly number[] = []
  #memberId: string | null = null
  #lastHeartbeatMs = performance.now()
  #joins = 0
  #stopping = false
  #end: () => Promise<void> = async () => {}

  constructor(kafka: KafkaOptions, group: GroupOptions) {
    this.#kafka = kafka
    this.#group = group
    void this.#run()
  }

  get sinceHeartbeatMs(): number {
    return performance.now() - this.#lastHeartbeatMs
  }

  async stop(): Promise<void> {
    this.#stopping = true
    await this.#end()
  }

  async #run(): Promise<void> {
    let pauseMs = FIRST_PAUSE_MS
    let suspectAtMs = performance.now() + SUSPICIOUS_MS
    while (!this.#stopping) {
      const joins = this.#joins
      const error = await this.#oneConsumer()
      if (this.#stopping) return
      const joined = this.#joins > joins
      if (joined) suspectAtMs = performance.now() + SUSPICIOUS_MS
      const fatal = await this.#fatal(error, !joined && performance.now() > suspectAtMs)
      if (fatal !== null) return this.#group.onFatal(fatal)
      pauseMs = joined ? FIRST_PAUSE_MS : Math.min(pauseMs * 2, LAST_PAUSE_MS)
      await sleep(pauseMs)
    }
  }

  /** The error that ends us, or null when it will pass. */
  async #fatal(error: Error | null, suspicious: boolean): Promise<Error | null> {
    if (error !== null && !passes(error)) {
      const { groupId, topics } = this.#group
      const through = { operation: 'READ', resource: 'group', name: groupId } as const
      return inOurWords(error, { doing: `join group ${groupId}`, from: this.#kafka, through, right: readOf(topics.join(', ')) })
    }
    // Failing to find the coordinator passes when a broker restarts, and never when the right is missing.
    return coordinatorRefusal(
      this.#kafka,
      { groupId: this.#group.groupId, coordinatorType: 0 },
      suspicious ? undefined : (error ?? new Error('stopped')),
    )
  }

  /** Builds a consumer and resolves when it has ended, with what ended it. */
  async #oneConsumer(): Promise<Error | null> {
    const client = new Client(this.#kafka, {
      retries: RETRY.retries,
      initialRetryTime: RETRY.initialRetryTime,
      maxRetryTime: RETRY.maxRetryTime,
    })
    const consumer = client.kafka.consumer({
      groupId: this.#group.groupId,
      sessionTimeout: SESSION_MS,
      rebalanceTimeout: REBALANCE_MS,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: 200,
      allowAutoTopicCreation: false,
      retry: RETRY,
      partitionAssigners: [coPartitioned(() => this.#owned)],
    })
    this.#end = () => client.close(() => consumer.disconnect(), 5000)
    let watchdog: NodeJS.Timeout | undefined
    let over = false
    const ended = new Promise<Error | null>((resolve) => {
      const alive = () => {
        clearTimeout(watchdog)
        if (!over) watchdog = setTimeout(resolve, SILENT_MS, null)
      }
      alive()
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
      consumer.on(consumer.events.STOP, () => setTimeout(resolve, CRASH_AFTER_STOP_MS, null))
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        if (over) return
        alive()
        try {
          this.#joined(consumer, payload.memberId, payload.memberAssignment)
        } catch (error) {
          // An error of the caller's must not vanish in kafkajs' event log.
          resolve(error as Error)
        }
      })
      consumer.on(consumer.events.HEARTBEAT, () => {
        if (over) return
        alive()
        this.#lastHeartbeatMs = performance.now()
      })
      this.#start(consumer).catch(resolve)
    })
    const error = await ended
    over = true
    clearTimeout(watchdog)
    await client.close(() => within(consumer.disconnect(), 1000, 'leave'))
    return error
  }

  async #start(consumer: Consumer): Promise<void> {
    await consumer.connect()
    await consumer.subscribe({ topics: [...this.#group.topics] })
    await consumer.run({
      autoCommit: false,
      eachBatch: async () => {
        throw new TypeError('membership must never fetch')
      },
    })
  }

  #joined(consumer: Consumer, memberId: string, assignment: Readonly<Record<string, readonly number[]>>): void {
    // A join can complete after stop().
    if (this.#stopping) return
    consumer.pause(this.#group.topics.map((topic) => ({ topic })))
    const [first] = this.#group.topics
    const now = [...(assignment[first!] ?? [])].sort((a, b) => a - b)
    // The same member id was never out of the group.
    const kept = memberId === this.#memberId ? now.filter((partition) => this.#owned.includes(partition)) : []
    this.#owned = now
    this.#memberId = memberId
    this.#lastHeartbeatMs = performance.now()
    this.#joins++
    this.#group.onAssigned(now, kept)
  }
}
