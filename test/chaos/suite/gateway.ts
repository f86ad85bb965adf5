/**
 * A gateway of a chaos run as a process of its own: the real subscriber routes sticky units, and what it routes is written to the
 * prediction topic, the labels some seconds later to the outcome topic. SIGUSR2 ends the traffic; the gateway goes on to obey and ack.
 *
 * Options come as one argument of JSON.
 */
import { randomUUID } from 'node:crypto'
import { connectKafka } from '../../../src/kafka/connect.ts'
import type { EventLog, Writer } from '../../../src/kafka/contract.ts'
import { partitionOf } from '../../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { createGovernor, type Governor } from '../../../src/subscriber/subscriber.ts'
import { ERRORS_ADDED, INPUT_PARTITIONS, MODELS } from './policy.ts'

export interface GatewayArguments {
  readonly brokers: readonly string[]
  readonly prefix: string
  readonly name: string
  readonly seed: number
  readonly perSecond: number
  /** Its units are named `u<first>` and on. */
  readonly firstUnit: number
  readonly units: number
}

const TURN_MS = 50
const RETRY_MS = 300
const QUEUE_MAX = 50_000
const LABELS_AFTER_END_MS = 2000

interface Waiting {
  readonly topic: string
  readonly partition: number
  readonly key: string
  readonly value: Buffer
}

interface DueOutcome {
  readonly atMs: number
  readonly waiting: Waiting
}

class Traffic {
  readonly #options: GatewayArguments
  readonly #governor: Governor
  readonly #random: Random
  /** No id of this life was used in one before it. */
  readonly #life = randomUUID().slice(0, 8)
  readonly #due: DueOutcome[] = []
  #queue: Waiting[] = []
  #count = 0
  #running = true

  constructor(options: GatewayArguments, governor: Governor) {
    this.#options = options
    this.#governor = governor
    this.#random = seededRandom(options.seed + process.pid)
  }

  /** So many requests as are owed since the last turn; a process that was stopped does not make up for it. */
  turn(elapsedMs: number): void {
    const nowMs = Date.now()
    if (this.#running) {
      const owed = (Math.min(elapsedMs, 1000) * this.#options.perSecond) / 1000
      const whole = Math.floor(owed + this.#random())
      for (let index = 0; index < whole; index++) this.#request(nowMs)
    }
    while (this.#due.length > 0 && this.#due[0]!.atMs <= nowMs) this.#push(this.#due.shift()!.waiting)
  }

  /** No more requests, and no labels that are long in coming. */
  end(): void {
    this.#running = false
    const lastMs = Date.now() + LABELS_AFTER_END_MS
    while (this.#due.length > 0 && this.#due.at(-1)!.atMs > lastMs) this.#due.pop()
  }

  takeQueue(): Waiting[] {
    const queue = this.#queue
    this.#queue = []
    return queue
  }

  putBack(queue: Waiting[]): void {
    this.#queue = queue.concat(this.#queue)
  }

  #push(waiting: Waiting): void {
    if (this.#queue.length < QUEUE_MAX) this.#queue.push(waiting)
  }

  #request(nowMs: number): void {
    const random = this.#random
    const { firstUnit, units, name } = this.#options
    const unit = `u${firstUnit + Math.floor(random() * units)}`
    const model = MODELS[Math.floor(random() * MODELS.length)]!
    const version = this.#governor.route(model, unit)
    const id = `${name}-${this.#life}-${this.#count++}`
    const score = Math.round(random() * 1000) / 1000
    const error = random() < 0.02 + (version === 'v2' ? ERRORS_ADDED[model]! : 0)
    const region = random() < 0.5 ? 'eu' : random() < 0.9 ? 'us' : 'asia'
    const features = { age: Math.round(random() * 100) / 10, device: 'abcd'[Math.floor(random() * 4)] }
    const prediction = { id, time: nowMs, model, version, unit, region, score, error, features }
    const partition = partitionOf(Buffer.from(unit), INPUT_PARTITIONS)
    this.#push({ topic: 'predictions', partition, key: unit, value: Buffer.from(JSON.stringify(prediction)) })
    this.#label(id, unit, partition, score, nowMs)
  }

  /** Most in time, some too late, some never, some twice, a few of them contradicting. */
  #label(id: string, unit: string, partition: number, score: number, nowMs: number): void {
    const random = this.#random
    if (random() < 0.1) return
    const atMs = nowMs + Math.floor(random() < 0.93 ? random() * 5000 : 6000 + random() * 20_000)
    const outcome = (label: number, at: number): DueOutcome => ({
      atMs: at,
      waiting: { topic: 'outcomes', partition, key: unit, value: Buffer.from(JSON.stringify({ id, time: at, label })) },
    })
    const label = random() < score ? 1 : 0
    this.#insert(outcome(label, atMs))
    if (random() < 0.01) this.#insert(outcome(random() < 0.5 ? label : 1 - label, atMs + Math.floor(random() * 3000)))
  }

  #insert(due: DueOutcome): void {
    let at = this.#due.length
    while (at > 0 && this.#due[at - 1]!.atMs > due.atMs) at--
    this.#due.splice(at, 0, due)
  }
}

async function connected(options: GatewayArguments): Promise<EventLog> {
  for (;;) {
    try {
      return await connectKafka({ brokers: options.brokers, clientId: options.name })
    } catch (error) {
      console.error(`connect: ${error instanceof Error ? error.message : error}`)
      await pause(RETRY_MS)
    }
  }
}

async function write(log: EventLog, traffic: Traffic, open: () => boolean): Promise<void> {
  let writer: Writer | null = null
  while (open()) {
    const queue = traffic.takeQueue()
    try {
      writer ??= await log.writer()
      await send(writer, queue)
      await pause(TURN_MS)
    } catch (error) {
      // Some may have been taken: a prediction twice is dropped by its id, one lost would be missed.
      traffic.putBack(queue)
      console.error(`write: ${error instanceof Error ? error.message : error}`)
      await pause(RETRY_MS)
    }
  }
  await writer?.close()
}

async function send(writer: Writer, queue: readonly Waiting[]): Promise<void> {
  const grouped = new Map<string, Waiting[]>()
  for (const one of queue) {
    const place = `${one.topic}/${one.partition}`
    grouped.set(place, [...(grouped.get(place) ?? []), one])
  }
  await Promise.all([...grouped.values()].map((group) => writer.send(group[0]!.topic, group[0]!.partition, group)))
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const options = JSON.parse(process.argv[2]!) as GatewayArguments
const log = await connected(options)
const governor = createGovernor({
  log,
  prefix: options.prefix,
  gateway: options.name,
  presenceMs: 1000,
  models: Object.fromEntries(MODELS.map((model) => [model, { control: 'v1' }])),
  onProblem: (problem) => console.error(`governor: ${problem.message}`),
})
const traffic = new Traffic(options, governor)
let open = true
await governor.ready()
let lastMs = performance.now()
const timer = setInterval(() => {
  const nowMs = performance.now()
  traffic.turn(nowMs - lastMs)
  lastMs = nowMs
}, TURN_MS)
const writing = write(log, traffic, () => open)
console.log(JSON.stringify({ ready: options.name }))
process.on('SIGUSR2', () => traffic.end())
process.once('SIGTERM', () => {
  clearInterval(timer)
  open = false
  void writing
    .then(() => governor.stop())
    .then(() => log.close())
    .then(() => process.exit(0))
})
