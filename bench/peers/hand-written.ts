/**
 * What one would write instead, in an afternoon: stock kafkajs, Maps for the join, one Float64Array for each open window and group, one
 * JSON record for each closed one. The same join and the same sums as Flyball's; no checkpoint, no judge. Runs in a process of its own.
 *
 * Arguments: bootstrap list, json or avro, topics of predictions, outcomes and results, total of records. Prints one line of JSON.
 */
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { type Outcome, type Prediction, readOutcome, readPrediction } from './read-avro.ts'

const WINDOW_MS = 5_000
const HORIZON_MS = 60_000
const RANGES = [
  [-4, 4],
  [-4, 4],
  [-4, 4],
  [-4, 4],
  [0, 6],
  [0, 6],
  [0, 100],
  [0, 20],
] as const
const NAMES = RANGES.map((_, index) => `f${index + 1}`)
const CATEGORIES = new Map(Array.from({ length: 12 }, (_, index) => [`cat${String(index).padStart(2, '0')}`, index]))
/** Six sums, then the histograms. */
const [COUNT, ERRORS, JOINED, CORRECT, BRIER, RESIDUAL, LATENCY, SCORE, FEATURES, C1, SIZE] = [0, 1, 2, 3, 4, 5, 6, 70, 90, 250, 262]

interface Waiting {
  readonly sums: Float64Array
  readonly ts: number
  readonly score: number
  readonly accepted: boolean
}

type Groups = Map<string, Float64Array>

/** Values lie a rounding error below the edge they belong to. */
const binOf = (position: number, bins: number): number => {
  const bin = Math.floor(position + 1e-9)
  return bin < 0 ? 0 : bin >= bins ? bins - 1 : bin
}

function addPrediction(sums: Float64Array, { error, latencyMs, score, features }: Prediction): void {
  sums[COUNT]!++
  if (error) sums[ERRORS]!++
  sums[LATENCY + binOf(Math.log(latencyMs / 0.25) * 5.770780163555854, 64)]!++
  sums[SCORE + binOf(score * 20, 20)]!++
  for (let index = 0; index < RANGES.length; index++) {
    const value = features[NAMES[index]!] as number | undefined
    if (value === undefined) continue
    const [low, high] = RANGES[index]!
    sums[FEATURES + index * 20 + binOf(((value - low) / (high - low)) * 20, 20)]!++
  }
  if (features['c1'] !== undefined) sums[C1 + CATEGORIES.get(features['c1'] as string)!]!++
}

function addOutcome(sums: Float64Array, score: number, accepted: boolean, label: number): void {
  const residual = label - score
  sums[JOINED]!++
  sums[BRIER]! += residual * residual
  sums[RESIDUAL]! += residual
  if (accepted === (label === 1)) sums[CORRECT]!++
}

function resultOf(group: string, windowStart: number, sums: Float64Array): string {
  const [model, version, segment] = group.split('|')
  const part = (from: number, length: number): number[] => Array.from(sums.subarray(from, from + length))
  const [count, errors, joined, correct, brier, residual] = part(COUNT, 6)
  const features = RANGES.map((_, index) => part(FEATURES + index * 20, 20))
  const histograms = { latency: part(LATENCY, 64), score: part(SCORE, 20), features, c1: part(C1, 12) }
  return JSON.stringify({ model, version, segment, windowStart, count, errors, joined, correct, brier, residual, ...histograms })
}

class HandWritten {
  readonly #windows = new Map<number, Groups>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #early = new Map<string, Outcome>()
  /** Event time of each partition; the slowest one closes windows. */
  readonly #clocks: Map<string, number>
  readonly #emit: (windowStart: number, groups: Groups) => Promise<unknown>
  #watermark = 0

  constructor(sources: readonly string[], emit: (windowStart: number, groups: Groups) => Promise<unknown>) {
    this.#clocks = new Map(sources.map((source) => [source, 0]))
    this.#emit = emit
  }

  prediction(event: Prediction): void {
    const { id, ts, score } = event
    const sums = this.#sums(ts - (ts % WINDOW_MS), `${event.model}|${event.version}|${event.segment}`)
    addPrediction(sums, event)
    const accepted = event.decision === 'accept'
    const early = this.#early.get(id)
    if (early === undefined) {
      this.#waiting.set(id, { sums, ts, score, accepted })
      return
    }
    this.#early.delete(id)
    addOutcome(sums, score, accepted, early.label)
  }

  outcome(event: Outcome): void {
    const waiting = this.#waiting.get(event.id)
    if (waiting === undefined) {
      this.#early.set(event.id, event)
      return
    }
    this.#waiting.delete(event.id)
    addOutcome(waiting.sums, waiting.score, waiting.accepted, event.label)
  }

  /** After a batch: what the slowest partition has passed by the horizon is closed and forgotten. */
  async advance(source: string, ts: number): Promise<void> {
    this.#clocks.set(source, ts)
    const mark = Math.min(...this.#clocks.values())
    if (mark <= this.#watermark) return
    this.#watermark = mark
    for (const kept of [this.#waiting, this.#early]) {
      for (const [id, { ts: at }] of kept) {
        if (at + HORIZON_MS >= mark) break
        kept.delete(id)
      }
    }
    await this.close((start) => start + WINDOW_MS + HORIZON_MS <= mark)
  }

  async close(ready: (windowStart: number) => boolean): Promise<void> {
    for (const start of [...this.#windows.keys()].filter(ready).sort((one, other) => one - other)) {
      const groups = this.#windows.get(start)!
      this.#windows.delete(start)
      await this.#emit(start, groups)
    }
  }

  #sums(windowStart: number, group: string): Float64Array {
    let groups = this.#windows.get(windowStart)
    if (groups === undefined) this.#windows.set(windowStart, (groups = new Map()))
    let sums = groups.get(group)
    if (sums === undefined) groups.set(group, (sums = new Float64Array(SIZE)))
    return sums
  }
}

const [bootstrap, format, predictions, outcomes, results, total] = process.argv.slice(2) as [string, string, string, string, string, string]
const kafka = new Kafka({ brokers: bootstrap.split(','), logLevel: logLevel.ERROR })
const producer = kafka.producer()
const consumer = kafka.consumer({ groupId: `bench-hand-written-${randomUUID()}` })
const sources = [predictions, outcomes].flatMap((topic) => [0, 1, 2, 3].map((partition) => `${topic}/${partition}`))
const governor = new HandWritten(sources, (start, groups) => {
  const messages = [...groups].map(([group, sums]) => ({ key: group, value: resultOf(group, start, sums) }))
  return producer.send({ topic: results, acks: 1, messages })
})
const predictionOf = format === 'avro' ? readPrediction : (value: Buffer): Prediction => JSON.parse(value.toString())
const outcomeOf = format === 'avro' ? readOutcome : (value: Buffer): Outcome => JSON.parse(value.toString())

let firstAtMs = 0
let records = 0
let done: () => void
const finished = new Promise<void>((resolve) => {
  done = resolve
})
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topics: [predictions, outcomes], fromBeginning: true })
await consumer.run({
  eachBatch: async ({ batch }) => {
    firstAtMs ||= Date.now()
    if (batch.topic === predictions) for (const { value } of batch.messages) governor.prediction(predictionOf(value!))
    else for (const { value } of batch.messages) governor.outcome(outcomeOf(value!))
    records += batch.messages.length
    await governor.advance(`${batch.topic}/${batch.partition}`, Number(batch.messages.at(-1)?.timestamp ?? 0))
    if (records >= Number(total)) done()
  },
})
await finished
await governor.close(() => true)
console.log(JSON.stringify({ firstAtMs, records }))
await consumer.disconnect()
await producer.disconnect()
