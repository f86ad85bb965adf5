/**
 * Demo traffic without servers: a gateway, two versions and their users in one process. Predictions and outcomes go to two topics.
 *
 *     npx tsx examples/traffic.ts --brokers 127.0.0.1:9092 --fault errors
 *
 * It obeys the control topic like any gateway. `--fault`: what is wrong with v2: none, errors (it fails more often) or skew (it is fed
 * amounts in another unit). `--gateway`: its name, for a second one beside it. Runs until stopped.
 */
import { parseArgs } from 'node:util'
import { connectKafka } from '../src/kafka/connect.ts'
import type { EventLog, Writer } from '../src/kafka/contract.ts'
import { systemClock } from '../src/kit/clock.ts'
import { partitionOf } from '../src/kit/hash.ts'
import { type Random, seededRandom } from '../src/kit/random.ts'
import { createGovernor } from '../src/subscriber/subscriber.ts'
import { untilSignal } from './http.ts'

const TURN_MS = 100
/** Most come once: what a unit does later is no evidence. */
const USERS = 5_000_000
const COUNTRIES = ['DE', 'FR', 'GB', 'US']

type Fault = 'none' | 'errors' | 'skew'

interface Outcome {
  readonly unit: string
  readonly dueMs: number
  readonly body: { readonly id: string; readonly time: number; readonly label: number }
}

/** One request of one user: what the version that answers it logs, and what comes of it later. */
function served(random: Random, id: string, version: string, unit: string, fault: Fault, nowMs: number) {
  const faulty = version === 'v2' ? fault : 'none'
  const risk = random() ** 2
  const amount = 20 + 400 * risk + 60 * random()
  const failed = random() < 0.01 + (faulty === 'errors' ? 0.05 : 0)
  const seen = faulty === 'skew' ? amount / 100 : amount
  const prediction = {
    ...{ id, time: nowMs, model: 'fraud', version, userId: unit },
    score: Math.min(0.99, Math.max(0.01, seen / 500)),
    latencyMs: 8 + 12 * -Math.log(1 - random()),
    error: failed,
    features: { amount: seen, country: COUNTRIES[Math.floor(random() * COUNTRIES.length)] },
  }
  const dueMs = nowMs + 2_000 + Math.floor(random() * 10_000)
  return { prediction, outcome: { unit, dueMs, body: { id, time: dueMs, label: random() < risk ? 1 : 0 } } }
}

async function send(writer: Writer, topic: string, partitions: number, records: readonly { unit: string; body: object }[]): Promise<void> {
  const byPartition = new Map<number, { key: string; value: Buffer }[]>()
  for (const { unit, body } of records) {
    const partition = partitionOf(Buffer.from(unit), partitions)
    const list = byPartition.get(partition) ?? []
    list.push({ key: unit, value: Buffer.from(JSON.stringify(body)) })
    byPartition.set(partition, list)
  }
  for (const [partition, list] of byPartition) await writer.send(topic, partition, list)
}

async function flow(log: EventLog, perSecond: number, fault: Fault, route: (unit: string) => string, running: () => boolean) {
  const partitions = (await log.admin.topics()).get('predictions') ?? 1
  const writer = await log.writer()
  const random = seededRandom(systemClock.nowMs())
  const run = systemClock.nowMs().toString(36)
  let waiting: Outcome[] = []
  let sent = 0
  const startMs = systemClock.monotonicMs()
  while (running()) {
    await systemClock.sleep(TURN_MS)
    const wanted = Math.floor(((systemClock.monotonicMs() - startMs) / 1000) * perSecond)
    const predictions = []
    for (; sent < wanted; sent++) {
      const unit = `user-${Math.floor(random() * USERS)}`
      const { prediction, outcome } = served(random, `${run}-${sent}`, route(unit), unit, fault, systemClock.nowMs())
      predictions.push({ unit, body: prediction })
      waiting.push(outcome)
    }
    await send(writer, 'predictions', partitions, predictions)
    const due = waiting.filter(({ dueMs }) => dueMs <= systemClock.nowMs())
    waiting = waiting.filter(({ dueMs }) => dueMs > systemClock.nowMs())
    await send(writer, 'outcomes', partitions, due)
  }
  await writer.close()
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      brokers: { type: 'string', default: '127.0.0.1:9092' },
      'per-second': { type: 'string', default: '400' },
      fault: { type: 'string', default: 'errors' },
      gateway: { type: 'string', default: 'demo-traffic' },
    },
  })
  const log = await connectKafka({ brokers: values.brokers.split(','), clientId: 'demo-traffic' })
  const governor = createGovernor({ log, gateway: values.gateway, models: { fraud: { control: 'v1' } } })
  governor.onCommand(({ kind, weights, reason }) => console.log(JSON.stringify({ kind, weights, reason })))
  await governor.ready()
  let running = true
  const fault = (['none', 'errors', 'skew'] as const).find((one) => one === values.fault) ?? 'none'
  const flowing = flow(
    log,
    Number(values['per-second']),
    fault,
    (unit) => governor.route('fraud', unit),
    () => running,
  )
  untilSignal(async () => {
    running = false
    await flowing
    await governor.stop()
    await log.close()
  })
  await flowing
}

await main()
