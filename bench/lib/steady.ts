/** Steady live traffic for benchmarks that take time: predictions of some models and their outcomes, at a rate, until told to stop. */
import type { OutgoingRecord } from '../../src/domain.ts'
import type { EventLog, Writer } from '../../src/kafka/contract.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'

export interface SteadyOptions {
  readonly log: EventLog
  readonly topics: { readonly predictions: string; readonly outcomes: string }
  readonly partitions: number
  readonly models: readonly string[]
  readonly perSecond: number
  readonly outcomeDelayMs: number
  readonly users: number
  readonly seed: number
}

export interface Steady {
  /** Predictions written so far. */
  readonly written: number
  /** Stops, and returns when everything begun is acknowledged. */
  stop(): Promise<void>
}

const TURN_MS = 100
const CANDIDATE_SHARE = 0.2
const OUTCOME_SHARE = 0.9
const REGIONS = ['eu', 'us', 'asia']

interface Due {
  readonly atMs: number
  readonly partition: number
  readonly record: OutgoingRecord
}

export async function steadyTraffic(options: SteadyOptions): Promise<Steady> {
  const writer = await options.log.writer()
  const random = seededRandom(options.seed)
  const state = { running: true, written: 0 }
  const due: Due[] = []
  const loop = (async () => {
    const startMs = Date.now()
    while (state.running) {
      const nowMs = Date.now()
      const count = Math.floor(((nowMs - startMs) / 1000) * options.perSecond) - state.written
      const predictions = Array.from({ length: count }, (_, index) => predict(options, random, state.written + index, nowMs, due))
      state.written += count
      await send(writer, options.topics.predictions, predictions)
      const ready = due.findIndex(({ atMs }) => atMs > nowMs)
      await send(writer, options.topics.outcomes, due.splice(0, ready < 0 ? due.length : ready))
      await new Promise((resolve) => setTimeout(resolve, TURN_MS))
    }
  })()
  return {
    get written() {
      return state.written
    },
    stop: async () => {
      state.running = false
      await loop
      await writer.close()
    },
  }
}

async function send(writer: Writer, topic: string, records: readonly Pick<Due, 'partition' | 'record'>[]): Promise<void> {
  const byPartition = new Map<number, OutgoingRecord[]>()
  for (const { partition, record } of records) byPartition.set(partition, [...(byPartition.get(partition) ?? []), record])
  for (const [partition, list] of byPartition) await writer.send(topic, partition, list)
}

/** A prediction of now; its outcome joins those that are due, in order of time. */
function predict(options: SteadyOptions, random: Random, index: number, nowMs: number, due: Due[]): Pick<Due, 'partition' | 'record'> {
  const id = `${options.seed}-${index}`
  const partition = partitionOf(Buffer.from(id), options.partitions)
  const score = random()
  const prediction = {
    id,
    ts: nowMs,
    model: options.models[index % options.models.length]!,
    version: random() < CANDIDATE_SHARE ? 'v2' : 'v1',
    unit: `u${Math.floor(random() * options.users)}`,
    region: REGIONS[Math.floor(random() * REGIONS.length)]!,
    score,
    latencyMs: 10 + 20 * random(),
    error: random() < 0.01,
    features: { age: random() * 10 },
  }
  const outcome = { id, ts: nowMs + options.outcomeDelayMs, label: random() < score ? 1 : 0 }
  if (random() < OUTCOME_SHARE) {
    due.push({ atMs: outcome.ts, partition, record: { key: id, value: Buffer.from(JSON.stringify(outcome)), timestampMs: outcome.ts } })
  }
  return { partition, record: { key: id, value: Buffer.from(JSON.stringify(prediction)), timestampMs: nowMs } }
}
