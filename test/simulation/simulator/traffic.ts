/** Gateways route, servers write predictions, labels follow: late, early, twice, contradicting, or never; and records that are none. */
import type { MemoryBroker } from '../../../src/kafka/log/memory-broker.ts'
import { partitionOf } from '../../../src/kit/hash.ts'
import type { InputRecord } from '../../checker/checker.ts'
import type { ModelPlan, WorldPlan } from './plan.ts'
import type { Scheduler } from './scheduler.ts'

const UNITS = 300

export class Traffic {
  /** Everything that was ever appended, also what retention removes. */
  readonly records: InputRecord[] = []
  readonly #plan: WorldPlan
  readonly #scheduler: Scheduler
  readonly #broker: MemoryBroker
  /** Which version answers a unit of a model, as some gateway says; null: no gateway is up. */
  readonly #route: (model: string, unit: string) => string | null
  readonly #isMirrored: (model: string) => boolean
  #requests = 0
  running = true
  /** Outcomes that are not yet written. */
  onTheWay = 0
  /** Whether `records` grows. */
  keeps = true

  constructor(
    plan: WorldPlan,
    scheduler: Scheduler,
    broker: MemoryBroker,
    route: (model: string, unit: string) => string | null,
    isMirrored: (model: string) => boolean,
  ) {
    this.#plan = plan
    this.#scheduler = scheduler
    this.#broker = broker
    this.#route = route
    this.#isMirrored = isMirrored
  }

  /** Serves what has come in half a second. */
  serve(): void {
    if (!this.running) return
    for (let left = this.#plan.perSecond / 2; left > 0; left--) this.#request()
  }

  /** Outcome clocks pass the last horizon: records that say nothing. */
  close(): void {
    for (let partition = 0; partition < this.#plan.inputPartitions; partition++) this.#append('outcomes', partition, 'end', 'the end')
  }

  #request(): void {
    const scheduler = this.#scheduler
    const model = scheduler.pick(this.#plan.models)
    const unit = `u${scheduler.between(1, UNITS)}`
    const version = this.#route(model.name, unit)
    if (version === null) return
    const id = `r${this.#requests++}`
    this.#answer(model, version, unit, id)
    // The candidate is asked too, and its answer given to nobody.
    if (version === 'v1' && this.#isMirrored(model.name)) this.#answer(model, 'v2', unit, `${id}-mirrored`)
  }

  #answer(model: ModelPlan, version: string, unit: string, id: string): void {
    const scheduler = this.#scheduler
    const partition = partitionOf(Buffer.from(unit), this.#plan.inputPartitions)
    const isCandidate = version === 'v2'
    const score = Math.round(scheduler.random() * 100) / 100
    const error = scheduler.chance(0.03 + (isCandidate ? model.errorsAdded : 0))
    const text = JSON.stringify({ id, time: scheduler.nowMs, model: model.name, version, unit, score, error })
    this.#append('predictions', partition, unit, scheduler.chance(0.015) ? this.#broken(text, id) : text)
    if (scheduler.chance(0.01)) this.#append('predictions', partition, unit, text)
    const label = scheduler.chance(score) !== (isCandidate && scheduler.chance(model.labelsTurned)) ? 1 : 0
    this.#label(id, partition, label)
  }

  #label(id: string, partition: number, label: number): void {
    const scheduler = this.#scheduler
    if (scheduler.chance(0.1)) return
    const dice = scheduler.random()
    this.#outcome(id, partition, label, dice < 0.85 ? scheduler.between(0, 3500) : scheduler.between(3500, 9000))
    if (dice < 0.04) this.#outcome(id, partition, dice < 0.02 ? label : 1 - label, scheduler.between(0, 4000))
  }

  #outcome(id: string, partition: number, label: number, delayMs: number): void {
    this.onTheWay++
    this.#scheduler.after(delayMs, () => {
      this.onTheWay--
      const text = JSON.stringify({ id, time: this.#scheduler.nowMs, label })
      this.#append('outcomes', partition, id, this.#scheduler.chance(0.005) ? text.slice(1) : text)
    })
  }

  #broken(text: string, id: string): string | null {
    switch (this.#scheduler.between(0, 5)) {
      case 0:
        return text.slice(0, -4)
      case 1:
        return text.replace(`"id":"${id}",`, '')
      case 2:
        return text.replace(/"model":"\w+"/, '"model":"nobody"')
      case 3:
        return text.replace(/"version":"\w+"/, '"version":"v9"')
      case 4:
        return null
      default:
        return '\u0000\u0001 poison'
    }
  }

  #append(topic: string, partition: number, key: string, text: string | null): void {
    const value = text === null ? null : Buffer.from(text)
    // A producer whose clock is far ahead, now and then.
    const timestampMs = this.#scheduler.nowMs + (this.#scheduler.chance(0.003) ? 600_000 : 0)
    const offset = this.#broker.append(topic, partition, [{ key, value, timestampMs }], null)
    if (this.keeps) this.records.push({ topic, partition, offset, timestampMs, value })
  }
}
