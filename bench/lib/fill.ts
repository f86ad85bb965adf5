/**
 * Writes the workload to fresh topics, two for each format: key = prediction id, record time = event time, both in order of time, some 100
 * records a batch.
 */
import { type Kafka, type Message, Partitioners } from 'kafkajs'
import { type Encoding, encodingOf, type Format } from './encodings.ts'
import { type Cells, type Outcome, PARTITIONS, START_MS, Workload } from './workload.ts'

export interface FilledTopics {
  readonly format: Format
  readonly predictions: string
  readonly outcomes: string
}

export interface Filling {
  readonly truth: Cells
  readonly predictions: number
  readonly outcomes: number
  /** Mean bytes of a value, by format. */
  readonly meanBytes: readonly { readonly format: Format; readonly prediction: number; readonly outcome: number }[]
}

/** Records per produce call: keys spread them over four partitions. */
const SEND = 400

export async function fill(kafka: Kafka, filled: readonly FilledTopics[], predictions: number): Promise<Filling> {
  await createTopics(kafka, filled)
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, allowAutoTopicCreation: false })
  await producer.connect()
  const lines = new Lines((topic, messages) => producer.send({ topic, messages, acks: 1 }))
  const twins = filled.map((topics) => ({ topics, encoding: encodingOf(topics.format) }))
  const workload = new Workload()
  const due = new OutcomesDue()
  const addOutcomes = async (untilMs: number): Promise<void> => {
    for (const outcome of due.until(untilMs)) await lines.addOutcome(twins, outcome)
  }
  for (let index = 0; index < predictions; index++) {
    const { prediction, outcome } = workload.next()
    if (outcome !== null) due.add(outcome)
    for (const { topics, encoding } of twins) await lines.add(topics.predictions, prediction, encoding.prediction(prediction))
    await addOutcomes(prediction.ts)
  }
  await addOutcomes(Number.POSITIVE_INFINITY)
  await lines.end()
  await producer.disconnect()
  const meanBytes = filled.map((topics) => ({
    format: topics.format,
    prediction: lines.told(topics.predictions).bytes / predictions,
    outcome: lines.told(topics.outcomes).bytes / lines.told(topics.outcomes).records,
  }))
  return { truth: workload.truth, predictions, outcomes: lines.told(filled[0]!.outcomes).records, meanBytes }
}

async function createTopics(kafka: Kafka, filled: readonly FilledTopics[]): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({
    waitForLeaders: true,
    topics: filled
      .flatMap(({ predictions, outcomes }) => [predictions, outcomes])
      .map((topic) => ({
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

interface Twin {
  readonly topics: FilledTopics
  readonly encoding: Encoding
}

/** Records on their way to each topic. */
class Lines {
  readonly #send: (topic: string, messages: Message[]) => Promise<unknown>
  readonly #topics = new Map<string, { waiting: Message[]; sending: Promise<unknown>; records: number; bytes: number }>()

  constructor(send: (topic: string, messages: Message[]) => Promise<unknown>) {
    this.#send = send
  }

  told(topic: string): { readonly records: number; readonly bytes: number } {
    return this.#of(topic)
  }

  async addOutcome(twins: readonly Twin[], outcome: Outcome): Promise<void> {
    for (const { topics, encoding } of twins) await this.add(topics.outcomes, outcome, encoding.outcome(outcome))
  }

  async add(topic: string, event: { readonly id: string; readonly ts: number }, value: Buffer): Promise<void> {
    const line = this.#of(topic)
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
