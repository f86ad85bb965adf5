/**
 * The traffic: requests over HTTP to the gateway at a steady rate, and for each what became of the flight, on the outcomes topic.
 * Flights are rows of February and March drawn with replacement; outcomes come when the flight has landed, by a clock that runs
 * 3,000 times as fast.
 */
import { Agent, request } from 'node:http'
import type { OutgoingRecord } from '../src/domain.ts'
import type { EventLog, Writer } from '../src/kafka/contract.ts'
import { type Clock, systemClock } from '../src/kit/clock.ts'
import { partitionOf } from '../src/kit/hash.ts'
import type { Random } from '../src/kit/random.ts'
import { type Flight, isLate } from './flights.ts'

export interface TrafficOptions {
  readonly flights: readonly Flight[]
  readonly random: Random
  readonly perSecond: number
  readonly gatewayPort: number
  readonly log: EventLog
  readonly outcomesTopic: string
  readonly outcomePartitions: number
}

export interface Traffic {
  readonly sent: () => number
  readonly failed: () => number
  stop(): Promise<void>
}

const TICK_MS = 20
/** A machine that cannot keep up is sent less, and nobody's request runs into a time-out. */
const IN_FLIGHT_MAX = 150
const MINUTE_MS = 20
const TAXI_MINUTES = 30
const MILES_PER_MINUTE = 8

/** From departure until the flight is on the ground and its delay known, on the fast clock. */
export function outcomeAfterMs(flight: Flight): number {
  const minutes = TAXI_MINUTES + flight.distanceMiles / MILES_PER_MINUTE + Math.max(0, flight.delayMinutes)
  return minutes * MINUTE_MS
}

export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const generator = new Generator(options, await options.log.writer(), systemClock)
  const running = generator.run()
  return {
    sent: () => generator.sent,
    failed: () => generator.failed,
    stop: async () => {
      generator.stopped = true
      await running
    },
  }
}

interface Due {
  readonly key: string
  readonly value: object
}

class Generator {
  sent = 0
  failed = 0
  stopped = false
  #inFlight = 0
  /** Outcomes to come, by the tick in which they are due. */
  readonly #due = new Map<number, Due[]>()
  #swept = 0
  readonly #options: TrafficOptions
  readonly #writer: Writer
  readonly #clock: Clock
  readonly #agent = new Agent({ keepAlive: true, maxSockets: IN_FLIGHT_MAX })

  constructor(options: TrafficOptions, writer: Writer, clock: Clock) {
    this.#options = options
    this.#writer = writer
    this.#clock = clock
  }

  async run(): Promise<void> {
    await Promise.all([this.#depart(), this.#land()])
    this.#agent.destroy()
    await this.#writer.close()
  }

  async #depart(): Promise<void> {
    let owed = 0
    let lastMs = this.#clock.monotonicMs()
    while (!this.stopped) {
      await this.#clock.sleep(TICK_MS)
      const nowMs = this.#clock.monotonicMs()
      // What the machine could not send in time is not sent later in a burst.
      owed = Math.min(owed + ((nowMs - lastMs) / 1000) * this.#options.perSecond, this.#options.perSecond / 5)
      lastMs = nowMs
      for (; owed >= 1 && this.#inFlight < IN_FLIGHT_MAX; owed--) this.#fly(nowMs)
    }
  }

  #fly(nowMs: number): void {
    const { flights, random } = this.#options
    const flight = flights[Math.floor(random() * flights.length)]!
    const { departureHour, dayOfWeek, distanceMiles, origin } = flight
    const id = `flight-${++this.sent}`
    const unit = `booking-${this.sent}`
    this.#post({ id, unit, features: { departureHour: Number(departureHour.toFixed(3)), dayOfWeek, distanceMiles, origin } })
    const atMs = nowMs + outcomeAfterMs(flight)
    const tick = Math.ceil(atMs / TICK_MS)
    const due = this.#due.get(tick) ?? []
    this.#due.set(tick, due)
    due.push({ key: unit, value: { id, label: isLate(flight) } })
  }

  #post(body: object): void {
    this.#inFlight++
    let open = true
    const done = (answered: boolean) => {
      if (!open) return
      open = false
      this.#inFlight--
      if (!answered) this.failed++
    }
    const text = JSON.stringify(body)
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
    const outgoing = request({
      host: '127.0.0.1',
      port: this.#options.gatewayPort,
      path: '/predict',
      method: 'POST',
      agent: this.#agent,
      headers,
    })
    outgoing.once('response', (reply) => reply.resume().once('close', () => done(reply.statusCode === 200)))
    outgoing.once('error', () => done(false))
    outgoing.end(text)
  }

  async #land(): Promise<void> {
    this.#swept = Math.floor(this.#clock.monotonicMs() / TICK_MS)
    let landed: readonly (readonly OutgoingRecord[])[] = []
    while (!this.stopped) {
      await this.#clock.sleep(TICK_MS)
      if (landed.length === 0) landed = this.#takeLanded(this.#clock.monotonicMs())
      try {
        const { outcomesTopic } = this.#options
        await Promise.all(landed.map((records, partition) => records.length > 0 && this.#writer.send(outcomesTopic, partition, records)))
        landed = []
      } catch {
        // The broker is away: the same again; an outcome that comes twice is dropped by its id.
        await this.#clock.sleep(500)
      }
    }
  }

  /** Records per partition of all flights that have landed since the last call. */
  #takeLanded(nowMs: number): readonly (readonly OutgoingRecord[])[] {
    const partitions = this.#options.outcomePartitions
    const grouped = Array.from({ length: partitions }, (): OutgoingRecord[] => [])
    const until = Math.floor(nowMs / TICK_MS)
    for (; this.#swept <= until; this.#swept++) {
      for (const { key, value } of this.#due.get(this.#swept) ?? []) {
        const record = { ...value, time: this.#clock.nowMs() }
        grouped[partitionOf(Buffer.from(key), partitions)]!.push({ key, value: Buffer.from(JSON.stringify(record)) })
      }
      this.#due.delete(this.#swept)
    }
    return grouped
  }
}
