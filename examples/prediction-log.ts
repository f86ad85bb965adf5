/** Writes predictions to Kafka behind the back of the requests: a reply never waits for a broker, a broker that is away costs memory up to a limit. */
import type { OutgoingRecord } from '../src/domain.ts'
import type { EventLog, Writer } from '../src/kafka/contract.ts'
import { type Clock, systemClock } from '../src/kit/clock.ts'
import { partitionOf } from '../src/kit/hash.ts'

const QUEUE_MAX = 200_000
const LINGER_MS = 10

export class PredictionLog {
  /** Predictions lost because the queue was full. */
  lost = 0
  readonly #topic: string
  readonly #partitions: number
  readonly #log: EventLog
  readonly #clock: Clock
  #queue: { readonly key: Buffer; readonly value: Buffer }[] = []
  #writer: Writer | null = null
  #open = true
  readonly #flushing: Promise<void>

  static async open(log: EventLog, topic: string, clock: Clock = systemClock): Promise<PredictionLog> {
    const partitions = (await log.admin.topics([topic])).get(topic)
    if (partitions === undefined) throw new Error(`topic ${topic} does not exist`)
    return new PredictionLog(log, topic, partitions, clock)
  }

  private constructor(log: EventLog, topic: string, partitions: number, clock: Clock) {
    this.#log = log
    this.#topic = topic
    this.#partitions = partitions
    this.#clock = clock
    this.#flushing = this.#run()
  }

  add(key: string, prediction: object): void {
    if (this.#queue.length >= QUEUE_MAX) this.lost++
    else this.#queue.push({ key: Buffer.from(key), value: Buffer.from(JSON.stringify(prediction)) })
  }

  /** Sends what is queued, if the broker takes it. */
  async close(): Promise<void> {
    this.#open = false
    await this.#flushing
    await this.#writer?.close()
  }

  async #run(): Promise<void> {
    while (this.#open || this.#queue.length > 0) {
      const batch = this.#queue
      this.#queue = []
      try {
        await this.#send(batch)
        await this.#clock.sleep(LINGER_MS)
      } catch {
        if (!this.#open) return
        // Some may have been taken: a prediction twice is dropped by its id, a prediction lost would be missed.
        this.#queue = batch.concat(this.#queue)
        await this.#clock.sleep(500)
      }
    }
  }

  async #send(batch: readonly OutgoingRecord[]): Promise<void> {
    if (batch.length === 0) return
    this.#writer ??= await this.#log.writer()
    const grouped = Array.from({ length: this.#partitions }, (): OutgoingRecord[] => [])
    for (const record of batch) grouped[partitionOf(record.key as Buffer, this.#partitions)]!.push(record)
    const writer = this.#writer
    await Promise.all(grouped.flatMap((records, partition) => (records.length > 0 ? [writer.send(this.#topic, partition, records)] : [])))
  }
}
