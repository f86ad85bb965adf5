/**
 * Tells people: follows the alerts, sends what is due to each destination, and writes down what was sent before and after it is.
 *
 * Alerts are few, and one message may be about many models: so whoever the group gives partition 0 of `alerts` acts for all partitions,
 * and others stand by. What it writes on `deliveries` it writes under a transactional id: one that was thrown out and does not know it yet
 * cannot write that it is about to send, and so sends nothing.
 */
import type { Answer, Message } from '../act/contract.ts'
import { answered, isSaidEnough, sending } from '../act/outcome.ts'
import { plan, type Telling } from '../act/plan.ts'
import { nobodyTook } from '../act/taken.ts'
import { Watch } from '../act/watch.ts'
import { emptyWatched, sinkAnswered } from '../act/watchdogs.ts'
import type { Decision, Delivery } from '../domain.ts'
import type { EventLog, Membership, Reader } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import type { FlyballError } from '../kit/errors.ts'
import type { TopicNames } from '../kit/topics.ts'
import type { Alerting, Layout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { deliveryRecord } from '../wire/deliveries.ts'
import { ActFeeds, type ActMemory, remember } from './act-feeds.ts'
import { type Destination, Lane } from './act-lanes.ts'
import { PartitionTasks } from './partition-tasks.ts'
import { passesByItself } from './passing-trouble.ts'
import { type Held, hold } from './tenure.ts'

export interface ActContext {
  readonly log: EventLog
  readonly layout: Layout
  readonly alerting: Alerting
  readonly topics: TopicNames
  readonly prefix: string
  readonly clock: Clock
  readonly emit: Emit
  /** By the name that routes give them. */
  readonly destinations: Readonly<Record<string, Destination>>
  /** Asked for as long as messages can be sent. */
  readonly beats: readonly Beat[]
  /** A decision was taken since this began to act: for what is told of changes and is no incident. */
  readonly onDecision: (decision: Decision) => void
}

export interface Beat {
  readonly sink: string
  readonly everyMs: number
  readonly send: () => Promise<Answer>
}

const WAIT_MS = 250
const RETRY_MS = 1_000
const WATCH_MS = 5_000
const PLAN_MS = 1_000

export class ActWorker {
  readonly #context: ActContext
  readonly #tasks: PartitionTasks
  #membership: Membership | null = null
  #lastTurnMs: number | null = null
  #stopping = false
  #catchingUp = false

  constructor(context: ActContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#tasks = new PartitionTasks((partition, alive) => (partition === 0 ? this.#act(alive) : Promise.resolve()), onFailure)
  }

  /** Joins the group; returns at once. */
  start(onFatal: (error: Error) => void): void {
    const { log, prefix, topics } = this.#context
    this.#membership = log.join({
      groupId: `${prefix}act`,
      topics: [topics.alerts],
      onAssigned: (now, kept) => {
        if (!this.#stopping) this.#tasks.assign(now, kept)
      },
      onFatal,
    })
  }

  async #act(alive: () => boolean): Promise<void> {
    const { log, prefix, topics, emit, clock } = this.#context
    while (alive()) {
      const reader = log.reader()
      let held: Held | null = null
      this.#catchingUp = true
      try {
        held = await hold(log, reader, `${prefix}act-0`, 0, [topics.deliveries], alive)
        if (held === null) return
        await this.#serve(held, reader, alive)
        return
      } catch (error) {
        if (!passesByItself(error)) throw error
        emit({ event: 'act-fenced', problem: error instanceof Error ? error.message : String(error) })
        await clock.sleep(RETRY_MS)
      } finally {
        this.#lastTurnMs = null
        this.#catchingUp = false
        await held?.close().catch(() => undefined)
        await reader.close().catch(() => undefined)
      }
    }
  }

  async #serve(held: Held, reader: Reader, alive: () => boolean): Promise<void> {
    const { topics, emit, clock } = this.#context
    const heard = { incidents: new Map(), deliveries: new Map(), silences: new Map() }
    const memory: ActMemory = { ...heard, watched: emptyWatched(), taken: nobodyTook() }
    const refused = ({ code, message }: FlyballError) => emit({ event: 'problem', code, message: `${topics.deliveries}/0: ${message}` })
    remember(memory, held.read[0]!, clock.nowMs(), refused)
    const feeds = await ActFeeds.open(this.#context, reader, memory, held.barriers[0]! + 1)
    while (alive() && !feeds.isCaughtUp) if (!feeds.turn()) await reader.wait(WAIT_MS)
    emit({ event: 'act-took-over', epoch: held.epoch, incidents: memory.incidents.size, groups: memory.deliveries.size })
    const session = new ActSession(this.#context, held, memory)
    this.#catchingUp = false
    while (alive()) {
      this.#lastTurnMs = clock.monotonicMs()
      const read = feeds.turn()
      session.turn(read)
      if (!read) await reader.wait(WAIT_MS)
    }
    await session.finished()
  }

  /** It is its turn to tell people, and it does not know yet what they have been told. */
  get isCatchingUp(): boolean {
    return this.#catchingUp
  }

  /** Its loop has not turned for so long. One that stands by is not stalled. */
  stalled(nowMs: number, afterMs: number): readonly string[] {
    return this.#lastTurnMs !== null && nowMs - this.#lastTurnMs > afterMs ? ['whoever tells people stands still'] : []
  }

  /** What is on its way is written down before anybody else may act: nobody is told twice because of a restart that was asked for. */
  async stop(): Promise<void> {
    this.#stopping = true
    await this.#tasks.stop()
    await this.#membership?.stop()
  }
}

/** Planning and sending under one tenure. */
class ActSession {
  readonly #context: ActContext
  readonly #held: Held
  readonly #memory: ActMemory
  readonly #lanes: ReadonlyMap<string, Lane>
  readonly #sinceMs: number
  readonly #watch: Watch
  readonly #sending = new Map<string, Promise<void>>()
  readonly #beating = new Map<string, number>()
  #writing: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #watchedAtMs = Number.NEGATIVE_INFINITY
  #plannedAtMs = Number.NEGATIVE_INFINITY

  constructor(context: ActContext, held: Held, memory: ActMemory) {
    this.#context = context
    this.#held = held
    this.#memory = memory
    this.#sinceMs = context.clock.nowMs()
    this.#watch = new Watch(context.layout, this.#sinceMs)
    this.#lanes = new Map(Object.entries(context.destinations).map(([name, destination]) => [name, new Lane(destination, context.clock)]))
  }

  /** Throws what a write failed with: then the tenure is over. */
  turn(isNew: boolean): void {
    if (this.#failure !== null) throw this.#failure
    const nowMs = this.#context.clock.monotonicMs()
    this.#beat(nowMs)
    if (nowMs - this.#watchedAtMs >= WATCH_MS) this.#look(nowMs)
    if (isNew || nowMs - this.#plannedAtMs >= PLAN_MS) this.#tell(nowMs)
  }

  /** What is on its way is waited for: its answer should be written down. */
  async finished(): Promise<void> {
    await Promise.allSettled(this.#sending.values())
  }

  // ── what is due ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  #tell(monotonicMs: number): void {
    this.#plannedAtMs = monotonicMs
    const { alerting, clock, emit } = this.#context
    const nowMs = clock.nowMs()
    const waiting = new Map<string, number>()
    for (const telling of plan({ ...this.#memory, sinceMs: this.#sinceMs }, alerting, nowMs)) {
      const lane = this.#lanes.get(telling.sink)
      if (lane === undefined || telling.due.atMs > nowMs || this.#sending.has(telling.key)) continue
      if (lane.isFree) this.#send(lane, telling)
      else waiting.set(telling.sink, (waiting.get(telling.sink) ?? 0) + 1)
    }
    for (const sink of this.#lanes.keys()) emit({ event: 'notifications-waiting', sink, count: waiting.get(sink) ?? 0 })
  }

  #send(lane: Lane, telling: Telling): void {
    lane.busy = true
    const sent = this.#deliver(lane, telling)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        lane.busy = false
        this.#sending.delete(telling.key)
        // What it said may make something else due, and the lane is free.
        this.#plannedAtMs = Number.NEGATIVE_INFINITY
      })
    this.#sending.set(telling.key, sent)
  }

  async #deliver(lane: Lane, telling: Telling): Promise<void> {
    const { clock } = this.#context
    const before = this.#memory.deliveries.get(telling.key) ?? null
    const message = telling.message()
    if (before !== null && isSaidEnough(before, lane.isIdempotent)) {
      await this.#write(answered(before, { result: 'delivered', reference: '' }, clock.nowMs()))
      return this.#told(telling, message, 'unconfirmed', 'two senders died before they wrote down how it ended')
    }
    const open = sending(telling, before, telling.due, clock.nowMs())
    await this.#write(open)
    const answer = await lane.send(message)
    await this.#write(answered(open, answer, clock.nowMs()))
    const problem = answer.result === 'delivered' ? null : answer.problem
    sinkAnswered(this.#memory.watched, telling.sink, problem, clock.nowMs())
    this.#told(telling, message, answer.result, problem ?? '')
  }

  #told({ sink, due }: Telling, { incidents, omitted }: Message, result: Answer['result'] | 'unconfirmed', problem: string): void {
    const { severity, status, repeated } = due
    const afterMs = this.#context.clock.nowMs() - due.atMs
    this.#context.emit({
      event: 'notification',
      sink,
      severity,
      status,
      result,
      problem,
      repeated,
      incidents: incidents.length + omitted,
      afterMs,
    })
  }

  /** One after another: a transactional producer has one transaction at a time. */
  #write(delivery: Delivery): Promise<void> {
    const { topics } = this.#context
    this.#writing = this.#writing.then(async () => {
      if (this.#failure !== null) throw this.#failure
      const record = deliveryRecord(delivery)
      await this.#held.commit([{ topic: topics.deliveries, record }])
      this.#memory.deliveries.set(String(record.key), delivery)
    })
    // What it fails with is thrown to whoever waits; the next in line must not fail unheard.
    const written = this.#writing
    this.#writing = written.catch((error: unknown) => {
      this.#failure ??= error
    })
    return written
  }

  // ── what nobody says ─────────────────────────────────────────────────────────────────────────────────────────────────────

  #look(monotonicMs: number): void {
    this.#watchedAtMs = monotonicMs
    this.#watch.look(this.#memory.watched, this.#memory.incidents, this.#context.clock.nowMs())
  }

  #beat(monotonicMs: number): void {
    for (const { sink, everyMs, send } of this.#context.beats) {
      if (monotonicMs - (this.#beating.get(sink) ?? Number.NEGATIVE_INFINITY) < everyMs) continue
      this.#beating.set(sink, monotonicMs)
      void send().then((answer) => {
        const problem = answer.result === 'delivered' ? '' : answer.problem
        this.#context.emit({ event: 'heartbeat-sent', sink, result: answer.result, problem })
      })
    }
  }
}
