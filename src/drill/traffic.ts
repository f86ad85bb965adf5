/** Synthetic requests of a shadow, at a steady rate, onto the user's own predictions topic; harm is switched on and off while it flows. */
import type { OutgoingRecord } from '../domain.ts'
import type { EventLog, Writer } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { partitionOf } from '../kit/hash.ts'
import type { Random } from '../kit/random.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'
import type { WriteRecord } from './format.ts'
import { placesOf } from './requests.ts'
import type { Scenario } from './scenario.ts'

const TURN_MS = 100
/** For whoever else reads the topic. */
export const DRILL_HEADER = 'flyball-drill'

export interface TrafficOptions {
  readonly log: EventLog
  readonly layout: Layout
  readonly shadow: ModelLayout
  /** The user's topic. */
  readonly topic: string
  readonly partitions: number
  /** Name of this drill: ids begin with it. */
  readonly run: string
  readonly perSecond: number
  readonly write: WriteRecord
  readonly route: (unit: string) => string
  readonly clock: Clock
  readonly random: Random
}

export class DrillTraffic {
  /** What is wrong with the candidate now. */
  harm: Scenario | null = null
  /** Monotonic, when the first request that harm befell was about to be written (or kept back); 0: none yet. */
  firstHarmMs = 0
  sent = 0
  readonly #options: TrafficOptions
  readonly #candidate: string
  #asked = 0
  #open = true
  #failure: unknown = null
  #flowing: Promise<void> = Promise.resolve()

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#candidate = options.shadow.versions[options.shadow.candidate]!
  }

  start(): void {
    this.#flowing = this.#flow()
  }

  /** Throws what stopped it. */
  check(): void {
    if (this.#failure !== null) throw this.#failure
  }

  async stop(): Promise<void> {
    this.#open = false
    await this.#flowing
  }

  async #flow(): Promise<void> {
    const { log, clock, perSecond } = this.#options
    let writer: Writer | null = null
    try {
      writer = await log.writer()
      const beganMs = clock.monotonicMs()
      while (this.#open) {
        await this.#turn(writer, Math.floor(((clock.monotonicMs() - beganMs) / 1000) * perSecond))
        await clock.sleep(TURN_MS)
      }
    } catch (error) {
      this.#failure = error
    }
    await writer?.close().catch(() => undefined)
  }

  async #turn(writer: Writer, wanted: number): Promise<void> {
    const { topic, partitions } = this.#options
    const byPartition = new Map<number, OutgoingRecord[]>()
    for (; this.#asked < wanted; this.#asked++) {
      const { unit, record } = this.#request(this.#asked)
      if (record === null) continue
      const partition = partitionOf(Buffer.from(unit), partitions)
      byPartition.set(partition, [...(byPartition.get(partition) ?? []), record])
    }
    for (const [partition, records] of byPartition) {
      await writer.send(topic, partition, records)
      this.sent += records.length
    }
  }

  /** A unit asks once: it is its own home, and every request is a first exposure. */
  #request(number: number): { readonly unit: string; readonly record: OutgoingRecord | null } {
    const { run, route, clock, random, shadow, layout, write } = this.#options
    const unit = `${run}-${number}`
    const version = route(unit)
    const harm = version === this.#candidate ? this.harm : null
    if (harm !== null && this.firstHarmMs === 0) this.firstHarmMs = clock.monotonicMs()
    if (harm === 'silent') return { unit, record: null }
    const value = write(placesOf({ id: unit, unit, version, nowMs: clock.nowMs(), harm }, random, shadow, layout))
    return { unit, record: { key: unit, value, headers: { [DRILL_HEADER]: run } } }
  }
}
