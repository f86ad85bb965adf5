/** Writes the workload to two fresh topics: key = prediction id, record time = event time, both in order of time, some 100 records a batch. */
import { type Kafka, type Message, Partitioners } from 'kafkajs'
import { type Cells, type Outcome, PARTITIONS, START_MS, Workload } from './workload.ts'

export interface FilledTopics {
  readonly predictions: string
  readonly outcomes: string
}

export interface Filling {
  readonly truth: Cells
  readonly predictions: number
  readonly outcomes: number
  readonly predictionBytes: number
  readonly outcomeBytes: number
}

/** Records per produce call: keys spread them over four partitions. */
const SEND = 400

export async function fill(kafka: Kafka, topics: FilledTopics, predictions: number): Promise<Filling> {
  await createTopics(kafka, topics)
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false })
  await producer.connect()
  const lines = new Lines((topic, messages) => producer.send({ topic, messages, acks: 1 }))
  const workload = new Workload()
  const due = new OutcomesDue()
  for (let index = 0; index < predictions; index++) {
    const { prediction, outcome } = workload.next()
    if (outcome !== null) due.add(outcome)
    await lines.add(topics.predictions, prediction)
    for (const ready of due.until(prediction.ts)) await lines.add(topics.outcomes, ready)
  }
  for (const ready of due.until(Number.POSITIVE_INFINITY)) await lines.add(topics.outcomes, ready)
  await lines.end()
  await producer.disconnect()
  const [one, other] = [lines.told(topics.predictions), lines.told(topics.outcomes)]
  return { truth: workload.truth, predictions: one.records, outcomes: other.records, predictionBytes: one.bytes, outcomeBytes: other.bytes }
}

async function createTopics(kafka: Kafka, topics: FilledTopics): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: [topics.predictions, topics.outcomes].map((topic) => ({
      topic,
      numPartitions: PARTITIONS,
      replicationFactor: 1,
      // The records' times lie in the past on purpose.
      configEntries: [{ name: 'retention.ms', value: '-1' }],
    })),
  })
  await admin.disconnect()
}

/** Outcomes on their way, by the millisecond they come. */
class OutcomesDue {
  readonly #waiting = new Map<number, Outcome[]>()
  #nowMs = START_MS

  add(outcome: Outcome): void {
    const sameTime = this.#waiting.get(outcome.ts)
    if (sameTime === undefined) this.#waiting.set(outcome.ts, [outcome])
    else sameTime.push(outcome)
  }

  /** In order of time; an outcome of this very millisecond waits for the next, since more of them may come. */
  *until(timeMs: number): Generator<Outcome> {
    for (; this.#nowMs < timeMs && this.#waiting.size > 0; this.#nowMs++) {
      const ready = this.#waiting.get(this.#nowMs)
      if (ready === undefined) continue
      this.#waiting.delete(this.#nowMs)
      yield* ready
    }
  }
}

/** JSON lines on their way to each topic. */
class Lines {
  readonly #send: (topic: string, messages: Message[]) => Promise<unknown>
  readonly #topics = new Map<string, { waiting: Message[]; sending: Promise<unknown>; records: number; bytes: number }>()

  constructor(send: (topic: string, messages: Message[]) => Promise<unknown>) {
    this.#send = send
  }

  told(topic: string): { readonly records: number; readonly bytes: number } {
    return this.#of(topic)
  }

  async add(topic: string, event: { readonly id: string; readonly ts: number }): Promise<void> {
    const line = this.#of(topic)
    const value = Buffer.from(JSON.stringify(event))
    line.records++
    line.bytes += value.length
    line.waiting.push({ key: event.id, value, timestamp: String(event.ts) })
    if (line.waiting.length >= SEND) await this.#flush(topic)
  }

  async end(): Promise<void> {
    for (const [topic, line] of this.#topics) {
      if (line.waiting.length > 0) await this.#flush(topic)
      await line.sending
    }
  }

  #of(topic: string) {
    const known = this.#topics.get(topic)
    if (known !== undefined) return known
    const fresh = { waiting: [] as Message[], sending: Promise.resolve() as Promise<unknown>, records: 0, bytes: 0 }
    this.#topics.set(topic, fresh)
    return fresh
  }

  /** One send of a topic at a time, so that its order is the order of time. */
  async #flush(topic: string): Promise<void> {
    const line = this.#of(topic)
    await line.sending
    line.sending = this.#send(topic, line.waiting)
    line.waiting = []
  }
}
