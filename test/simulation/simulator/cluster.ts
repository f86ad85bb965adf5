/**
 * The simulated cluster: the broker in memory, and everything that goes wrong on the way to it. Each call of a process is a request that
 * arrives after a while and an answer that comes back after another; either may be lost, and the process may be dead or asleep by then.
 */
import { MemoryBroker, type MemoryPartition } from '../../../src/kafka/log/memory-broker.ts'
import { FlyballError } from '../../../src/kit/errors.ts'
import type { Scheduler } from './scheduler.ts'
import { SimGroup } from './sim-group.ts'
import type { SimProcess } from './sim-process.ts'

/** Kinds of faults, and how often each has happened. */
export type FaultCounts = Record<string, number>

export type CallKind = 'write' | 'commit' | 'transaction' | 'admin' | 'fetch'

export interface Call {
  readonly kind: CallKind
  readonly topic?: string
  readonly partition?: number
  /** The client sends it again by itself when the answer is lost: the effect happens twice. */
  readonly retried?: boolean
}

const TRANSACTION_TIMEOUT_MS = 10_000
const UNAVAILABLE_PATIENCE_MS = 8_000
const KAFKA_AWAY = { brokers: 'simulated', problem: 'the connection was lost' }

export class Cluster {
  readonly scheduler: Scheduler
  readonly broker: MemoryBroker
  readonly faults: FaultCounts = {}
  /** Share of calls that something happens to; 0 when all is well. */
  trouble = 0
  /** Longest way of a request or an answer: as a rule, and now. */
  usualLatencyMs = 3
  latencyMs = 3
  /** Readers and sources that nobody has closed yet. */
  opened = 0
  readonly #unavailableUntilMs = new Map<string, number>()
  readonly #groups = new Map<string, SimGroup>()
  readonly #openTransactions = new Map<string, { fence: () => void }>()
  /** Committed by their coordinator, the markers not yet written. */
  readonly #committing = new Map<string, () => void>()

  constructor(scheduler: Scheduler) {
    this.scheduler = scheduler
    const nowMs = () => scheduler.nowMs
    this.broker = new MemoryBroker({ nowMs, monotonicMs: nowMs, sleep: (ms) => scheduler.sleep(ms) })
  }

  count(kind: string): void {
    this.faults[kind] = (this.faults[kind] ?? 0) + 1
  }

  log(topic: string, partition: number): MemoryPartition {
    return this.broker.partition(topic, partition)
  }

  makeUnavailable(topic: string, partition: number, ms: number): void {
    this.count('partition-unavailable')
    this.#unavailableUntilMs.set(`${topic}/${partition}`, this.scheduler.nowMs + ms)
  }

  isAvailable(topic: string, partition: number): boolean {
    return (this.#unavailableUntilMs.get(`${topic}/${partition}`) ?? 0) <= this.scheduler.nowMs
  }

  group(groupId: string, partitions: number): SimGroup {
    const known = this.#groups.get(groupId)
    if (known !== undefined) return known
    const group = new SimGroup(this, partitions)
    this.#groups.set(groupId, group)
    return group
  }

  get groups(): readonly SimGroup[] {
    return [...this.#groups.values()]
  }

  /** A way to the broker or back. */
  wayMs(): number {
    return this.scheduler.between(0, this.latencyMs)
  }

  call<T>(from: SimProcess, call: Call, effect: () => T): Promise<Awaited<T>> {
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void) => this.scheduler.after(this.wayMs(), () => from.whenAwake(settle))
      from.whenAwake(() => {
        const wayMs = this.wayMs() + this.#heldUpMs(from, call)
        this.scheduler.after(wayMs, () => this.#arrive(from, call, effect, this.scheduler.nowMs, answer, resolve, reject))
      })
    })
  }

  #heldUpMs(from: SimProcess, { kind }: Call): number {
    if (from.slowWrites === 0 || kind !== 'write') return 0
    from.slowWrites--
    this.count('write-held-up')
    return this.scheduler.between(500, 9000)
  }

  #arrive<T>(
    from: SimProcess,
    call: Call,
    effect: () => T,
    sentAtMs: number,
    answer: (settle: () => void) => void,
    resolve: (value: Awaited<T>) => void,
    reject: (error: unknown) => void,
  ): void {
    const lost = () => answer(() => reject(new FlyballError('FLY-KAFKA-001', KAFKA_AWAY)))
    // What a process had sent when it died may have gone out, or not.
    if (from.dead && this.scheduler.chance(0.5)) return
    const { topic, partition } = call
    if (topic !== undefined && partition !== undefined && !this.isAvailable(topic, partition)) {
      if (this.scheduler.nowMs - sentAtMs > UNAVAILABLE_PATIENCE_MS) return lost()
      this.scheduler.after(100, () => this.#arrive(from, call, effect, sentAtMs, answer, resolve, reject))
      return
    }
    const fate = this.#fate(call)
    if (fate === 'lost-before') return lost()
    let result: T
    try {
      result = effect()
      if (fate === 'twice') result = effect()
    } catch (error) {
      answer(() => reject(error))
      return
    }
    if (fate === 'lost-after') return lost()
    answer(() => resolve(result as Awaited<T>))
  }

  #fate(call: Call): 'well' | 'lost-before' | 'lost-after' | 'twice' {
    if (this.trouble === 0 || call.kind === 'fetch' || !this.scheduler.chance(this.trouble)) return 'well'
    const fate = this.scheduler.chance(0.5) ? 'lost-before' : 'lost-after'
    if (call.retried && fate === 'lost-after' && this.scheduler.chance(0.5)) {
      this.count('write-repeated')
      return 'twice'
    }
    const unknown = fate === 'lost-after' ? 'commit-unknown-done' : 'commit-unknown-left-open'
    this.count(call.kind === 'commit' ? unknown : `${call.kind}-${fate}`)
    return fate
  }

  /** Decided now; readers see it when the markers are there. Whoever opens or goes on with the id waits for them. */
  commitSoon(id: string, finish: () => void): void {
    const once = () => {
      if (this.#committing.get(id) !== once) return
      this.#committing.delete(id)
      finish()
    }
    this.#committing.set(id, once)
    this.scheduler.after(this.scheduler.between(0, 20 * this.latencyMs), once)
  }

  finishCommit(id: string): void {
    this.#committing.get(id)?.()
  }

  /** The coordinator aborts what is left open for too long, and fences its producer. */
  watchTransaction(id: string, isOpen: () => boolean): void {
    const mine = { fence: () => void this.broker.fence(id) }
    this.#openTransactions.set(id, mine)
    this.scheduler.after(TRANSACTION_TIMEOUT_MS, () => {
      this.finishCommit(id)
      if (this.#openTransactions.get(id) !== mine || !isOpen()) return
      this.count('transaction-timed-out')
      mine.fence()
    })
  }
}
