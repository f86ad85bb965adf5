/** A steady stream of predictions and their outcomes, by the wall clock: record time is the moment of sending. */
import type { OutgoingRecord } from '../../src/domain.ts'
import type { EventLog, Writer } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'

export interface LiveOptions {
  readonly log: EventLog
  readonly topics: { readonly predictions: string; readonly outcomes: string }
  readonly partitions: number
  readonly predictionsPerSecond: number
  /** The next prediction, and after how long its outcome comes; null: never. */
  draw(id: string): { readonly prediction: object; readonly outcome: { readonly afterMs: number; readonly label: 0 | 1 } | null }
}

export interface LiveTraffic {
  /** Events written so far. */
  readonly sent: number
  /** By how much the sender has at most been late after its first second. */
  readonly lateMsMax: number
  /** Settles when everything sent is acknowledged; rejects with what went wrong. */
  stop(): Promise<void>
}

const TURN_MS = 20
/** Connections are made in the first second. */
const WARM_UP_TURNS = 50

export async function startLiveTraffic(options: LiveOptions): Promise<LiveTraffic> {
  const sender = new Sender(options, await options.log.writer())
  const running = sender.run()
  running.catch(() => undefined)
  return {
    get sent() {
      return sender.sent
    },
    get lateMsMax() {
      return sender.lateMsMax
    },
    stop: () => {
      sender.stopped = true
      return running
    },
  }
}

class Sender {
  sent = 0
  lateMsMax = 0
  stopped = false
  readonly #options: LiveOptions
  readonly #writer: Writer
  readonly #due = new Map<number, { readonly id: string; readonly label: 0 | 1 }[]>()
  readonly #run = systemClock.nowMs().toString(36)
  #predictions = 0

  constructor(options: LiveOptions, writer: Writer) {
    this.#options = options
    this.#writer = writer
  }

  /** What could not be sent in its turn is sent in the next: the rate holds over any stretch of time. */
  async run(): Promise<void> {
    const startMs = systemClock.monotonicMs()
    try {
      for (let turn = 1; !this.stopped; turn++) {
        const waitMs = startMs + turn * TURN_MS - systemClock.monotonicMs()
        if (turn > WARM_UP_TURNS) this.lateMsMax = Math.max(this.lateMsMax, -waitMs)
        if (waitMs > 0) await systemClock.sleep(waitMs)
        const wanted = Math.floor((turn * TURN_MS * this.#options.predictionsPerSecond) / 1000)
        const { predictions, outcomes } = this.#options.topics
        await Promise.all([this.#send(outcomes, this.#outcomes(turn)), this.#send(predictions, this.#draw(turn, wanted))])
      }
    } finally {
      await this.#writer.close()
    }
  }

  #draw(turn: number, wanted: number): { readonly id: string; readonly body: object }[] {
    const drawn: { readonly id: string; readonly body: object }[] = []
    for (; this.#predictions < wanted; this.#predictions++) {
      const id = `${this.#run}-${this.#predictions}`
      const { prediction, outcome } = this.#options.draw(id)
      drawn.push({ id, body: prediction })
      if (outcome === null) continue
      const dueTurn = turn + Math.max(1, Math.ceil(outcome.afterMs / TURN_MS))
      const due = this.#due.get(dueTurn) ?? []
      this.#due.set(dueTurn, due)
      due.push({ id, label: outcome.label })
    }
    return drawn
  }

  #outcomes(turn: number): readonly { readonly id: string; readonly body: object }[] {
    const due = this.#due.get(turn) ?? []
    this.#due.delete(turn)
    const time = systemClock.nowMs()
    return due.map(({ id, label }) => ({ id, body: { id, time, label } }))
  }

  async #send(topic: string, events: readonly { readonly id: string; readonly body: object }[]): Promise<void> {
    const { partitions } = this.#options
    const parts = Array.from({ length: partitions }, (): OutgoingRecord[] => [])
    for (const { id, body } of events) {
      parts[partitionOf(Buffer.from(id), partitions)]!.push({ key: id, value: Buffer.from(JSON.stringify(body)) })
    }
    await Promise.all(parts.map((records, partition) => records.length > 0 && this.#writer.send(topic, partition, records)))
    this.sent += events.length
  }
}
