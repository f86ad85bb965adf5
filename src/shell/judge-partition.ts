/**
 * The judge of one partition: take over, read what came, judge, commit; after any trouble, take over again.
 *
 * Live, panes are judged in the order of the log, as they arrive. In a drain they are put in order first (`pane-order.ts`) and judge
 * time is theirs alone, so that the run is deterministic.
 */
import type { LogRecord, Pane, Pulse } from '../domain.ts'
import { wantedBlocks } from '../judge/evidence/asked.ts'
import { emptyJudgeTime, type JudgeTime, passPulse, passWall } from '../judge/judge-time.ts'
import { emptyJudge, lastCommand, renewedFor } from '../judge/state.ts'
import type { EventLog, Reader, Source } from '../kafka/contract.ts'
import { recordsOf } from '../kafka/log-record.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { decodeAck } from '../wire/acks.ts'
import { decodePane, type WantedBlocks } from '../wire/panes.ts'
import { decodeRequest } from '../wire/requests.ts'
import { versionOf } from '../wire/versions.ts'
import { type ChangeFeed, concerns, DueChanges } from './change-feed.ts'
import { DrainOrder } from './drain-order.ts'
import { type Found, foundCommands, NOTHING_FOUND } from './found-commands.ts'
import { JudgeSeat, type SeatContext } from './judge-seat.ts'
import { FROM_START, storedState } from './judge-store.ts'
import { type Bounds, boundsOf } from './partition-bounds.ts'
import { endsTenureOnly } from './passing-trouble.ts'
import { askingOf, commandKeys } from './signatures.ts'
import { type Tenure, takeOver } from './tenure.ts'

export interface JudgeContext extends SeatContext {
  readonly log: EventLog
  readonly prefix: string
  readonly partitions: number
  readonly sources: readonly string[]
  /** What others do to the system; null: nobody tells. */
  readonly changes: ChangeFeed | null
  /** A drain: resolves when measure has written its last pane. Null: run for ever. */
  readonly measured: Promise<void> | null
}

const TICK_MS = 250
const READINGS_MS = 2000
const WAIT_MS = 100
const RETRY_MS = 300
const PANES_BETWEEN_SNAPSHOTS = 300
const NOTHING: ReadonlySet<string> = new Set()

/** Models whose topics' partition this is. */
export function modelsOf(models: readonly ModelLayout[], partition: number, partitions: number): readonly ModelLayout[] {
  return models.filter((model) => partitionOf(Buffer.from(model.name), partitions) === partition)
}

export class JudgePartition {
  readonly #context: JudgeContext
  readonly #partition: number
  readonly #models: readonly ModelLayout[]
  /** Wall clock (monotonic) of the last turn of the loop: liveness is progress. */
  lastTurnMs: number

  constructor(context: JudgeContext, partition: number) {
    this.#context = context
    this.#partition = partition
    this.#models = modelsOf(context.layout.models, partition, context.partitions)
    this.lastTurnMs = context.clock.monotonicMs()
  }

  /** Returns when `alive` says no or a drain is over. Throws only what no take-over can mend. */
  async run(alive: () => boolean): Promise<void> {
    try {
      await this.#judge(alive)
    } finally {
      this.#context.emit({ event: 'judge-left', partition: this.#partition, models: this.#models.map(({ name }) => name) })
    }
  }

  async #judge(alive: () => boolean): Promise<void> {
    while (alive()) {
      const reader = this.#context.log.reader()
      let tenure: Tenure | null = null
      try {
        tenure = await this.#takeOver(reader, alive)
        if (tenure === null) return
        await this.#serve(tenure, reader, alive)
        return
      } catch (error) {
        if (!endsTenureOnly(error)) throw error
        this.#context.emit({
          event: 'judge-fenced',
          partition: this.#partition,
          problem: String(error instanceof Error ? error.message : error),
        })
        await this.#context.clock.sleep(RETRY_MS)
      } finally {
        await tenure?.close().catch(() => undefined)
        await reader.close().catch(() => undefined)
      }
    }
  }

  async #takeOver(reader: Reader, alive: () => boolean): Promise<Tenure | null> {
    const { log, prefix, topics } = this.#context
    const tenure = await takeOver(log, reader, `${prefix}judge-${this.#partition}`, this.#partition, topics, alive)
    if (tenure !== null) {
      this.#context.emit({ event: 'judge-took-over', partition: this.#partition, epoch: tenure.epoch, models: this.#models.length })
    }
    return tenure
  }

  async #serve(tenure: Tenure, reader: Reader, alive: () => boolean): Promise<void> {
    const seats = this.#models.map((model) => this.#seat(tenure, model))
    const found = this.#found(tenure)
    // A drain must not depend on how fast a topic is read.
    if (this.#context.measured !== null) await this.#context.changes?.ready
    const session = new JudgeSession(this.#context, seats, this.#partition, reader, await this.#inputBounds())
    await session.begin(tenure.epoch, found)
    while (alive()) {
      this.lastTurnMs = this.#context.clock.monotonicMs()
      if (await session.turn()) return
    }
  }

  /** What stands on `control`, and whether it is to be believed. */
  #found({ control, state }: Tenure): ReadonlyMap<string, Found> {
    const { layout, topics, signatures, clock, emit } = this.#context
    const stored = this.#models.flatMap((model) => storedState(state, model)?.state.ladder ?? [])
    const known = stored.map(lastCommand)
    const place = { topic: topics.control, environment: layout.environment, wallMs: clock.nowMs() }
    return foundCommands(
      control,
      known.filter((command) => command !== null),
      commandKeys(signatures),
      place,
      ({ code, message }) => emit({ event: 'problem', code, message: `${topics.control}/${this.#partition}: ${message}` }),
    )
  }

  /** What the inputs still hold. Retention may have passed a judge that was away, or a topic may have been made anew. */
  async #inputBounds(): Promise<InputBounds> {
    const { log, topics } = this.#context
    const bounds = (topic: string) => boundsOf(log, topic, this.#partition)
    return { panes: await bounds(topics.panes), acks: await bounds(topics.acks), requests: await bounds(topics.requests) }
  }

  #seat(tenure: Tenure, model: ModelLayout): JudgeSeat {
    const stored = storedState(tenure.state, model)
    const state = stored === null ? emptyJudge(model) : renewedFor(stored.state, model)
    return new JudgeSeat(this.#context, tenure, model, state, stored?.positions ?? FROM_START)
  }
}

type InputBounds = Readonly<Record<'panes' | 'acks' | 'requests', Bounds>>

/** The lowest position of the seats; the start of what there is when that is gone: the chains of panes tell what is missing. */
function resumeAt(seats: readonly JudgeSeat[], input: keyof InputBounds, { start, end }: Bounds): number {
  for (const seat of seats) {
    if (seat.positions[input] > end) seat.positions = { ...seat.positions, [input]: start }
  }
  return Math.max(start, seats.length === 0 ? 0 : Math.min(...seats.map((seat) => seat.positions[input])))
}

/** Reading and judging under one tenure. */
class JudgeSession {
  readonly #context: JudgeContext
  readonly #seats: readonly JudgeSeat[]
  readonly #reader: Reader
  readonly #panes: Source
  readonly #acks: Source
  readonly #requests: Source
  readonly #changes: DueChanges
  readonly #order: DrainOrder | null
  #time: JudgeTime
  /** Of segments a judge reads a few blocks; of models that are not its own, nothing. */
  readonly #wanted: WantedBlocks = (model, chain, scope) => {
    const seat = this.#seats.find((one) => one.model.name === model)
    return seat === undefined ? NOTHING : wantedBlocks(seat.model, chain, scope)
  }
  /** Newest epoch per source. */
  readonly #epochs = new Map<string, number>()
  /** The wall clock where the monotonic one began: whoever sets this machine's clock in mid-tenure stops no heartbeat. */
  readonly #wallBeganMs: number
  #tickedAtMs = 0
  #toldAtMs = 0
  #measuredEnd: number | null = null

  constructor(context: JudgeContext, seats: readonly JudgeSeat[], partition: number, reader: Reader, bounds: InputBounds) {
    this.#context = context
    this.#seats = seats
    this.#reader = reader
    this.#wallBeganMs = context.clock.nowMs() - context.clock.monotonicMs()
    const open = (input: keyof InputBounds) => reader.open(context.topics[input], partition, resumeAt(seats, input, bounds[input]))
    this.#panes = open('panes')
    this.#acks = open('acks')
    this.#requests = open('requests')
    this.#changes = new DueChanges(context.changes)
    this.#order = context.measured === null ? null : new DrainOrder(context.layout, context.sources, seats, this.#changes)
    this.#time = { ...emptyJudgeTime(), nowMs: Math.max(0, ...seats.map((seat) => seat.state.ladder.judgedAtMs)) }
    // What measure fails with is told by measure; here it only means that the drain never ends.
    void context.measured?.then(() => this.#learnEnd(partition)).catch(() => undefined)
  }

  async begin(epoch: number, found: ReadonlyMap<string, Found>): Promise<void> {
    for (const seat of this.#seats) {
      // In a drain each seat stands at its own time: how far the other models of the partition have come says nothing about it.
      const now = this.#order === null ? this.#now() : { judgeTimeMs: seat.state.ladder.judgedAtMs, wallMs: 0 }
      await seat.apply({ kind: 'taken-over', epoch, ...(found.get(seat.model.name) ?? NOTHING_FOUND) }, now)
    }
  }

  /** One look at every input. True when a drain is over. */
  async turn(): Promise<boolean> {
    // People first; and each gets its turn, however many panes there are.
    const looks = [await this.#readRequests(), await this.#readAcks(), await this.#readPanes()]
    const read = looks.includes(true)
    if (this.#order === null) {
      await this.#readChanges()
      await this.#tick()
    }
    if (this.#drained()) {
      await this.#order!.finish()
      return true
    }
    if (!read) await this.#reader.wait(WAIT_MS)
    return false
  }

  async #learnEnd(partition: number): Promise<void> {
    this.#measuredEnd = (await boundsOf(this.#context.log, this.#context.topics.panes, partition)).end
  }

  #drained(): boolean {
    return this.#order !== null && this.#measuredEnd !== null && this.#panes.next >= this.#measuredEnd
  }

  #now(): { judgeTimeMs: number; wallMs: number } {
    const wallMs = Math.round(this.#wallBeganMs + this.#context.clock.monotonicMs())
    return { judgeTimeMs: this.#time.nowMs, wallMs: this.#order === null ? wallMs : 0 }
  }

  async #readPanes(): Promise<boolean> {
    const batch = this.#panes.take()
    if (batch === null) return false
    for (const record of recordsOf(batch)) {
      if (record.value === null) continue
      const found = this.#decode(record.value)
      if (found === null) continue
      if (this.#order === null) await this.#judgeNow(found, record.offset)
      else this.#order.take(found, record.offset)
    }
    await this.#order?.judge(this.#panes.next)
    return true
  }

  #decode(value: Buffer): Pane | Pulse | null {
    try {
      return decodePane(value, this.#wanted)
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      this.#context.emit({ event: 'pane-refused', source: '', chain: '', model: '', reason: 'undecodable' })
      return null
    }
  }

  /** Acks and requests are written by others: bytes that are neither must not stop the judge. */
  #decoded<T>(decode: (value: Buffer, version: number) => T, record: LogRecord): T | null {
    try {
      return record.value === null ? null : decode(record.value, versionOf(record))
    } catch (error) {
      if (!(error instanceof FlyballError)) throw error
      this.#context.emit({ event: 'problem', code: error.code, message: `offset ${record.offset}: ${error.message}` })
      return null
    }
  }

  async #judgeNow(found: Pane | Pulse, offset: number): Promise<void> {
    if (found.kind === 'pulse' && this.#isCurrent(found)) this.#time = passPulse(this.#time, found, this.#context.clock.monotonicMs())
    for (const seat of this.#seats) {
      if (offset < seat.positions.panes || (found.kind === 'pane' && found.model !== seat.model.name)) continue
      seat.positions = { ...seat.positions, panes: offset + 1 }
      await seat.apply(found.kind === 'pane' ? { kind: 'pane', pane: found } : { kind: 'pulse', pulse: found }, this.#now())
      await seat.storeIfDue(PANES_BETWEEN_SNAPSHOTS)
    }
  }

  /** An owner thrown out may still send pulses: a source's clock is what its newest owner says. */
  #isCurrent({ source, stamp }: Pulse): boolean {
    if (stamp.epoch < (this.#epochs.get(source) ?? -1)) return false
    this.#epochs.set(source, stamp.epoch)
    return true
  }

  async #readAcks(): Promise<boolean> {
    const batch = this.#acks.take()
    if (batch === null) return false
    for (const record of recordsOf(batch)) {
      if (record.value === null || this.#order !== null) continue
      const ack = this.#decoded(decodeAck, record)
      if (ack === null) continue
      const seat = this.#seats.find((one) => one.model.name === ack.model)
      if (seat === undefined || record.offset < seat.positions.acks) continue
      seat.positions = { ...seat.positions, acks: record.offset + 1 }
      // A word from the past is no presence: it counts for the time at which it was said.
      const now = this.#now()
      await seat.apply({ kind: 'ack', ack }, { ...now, wallMs: Math.min(now.wallMs, record.timestampMs) })
    }
    return true
  }

  async #readRequests(): Promise<boolean> {
    const batch = this.#requests.take()
    if (batch === null) return false
    for (const record of recordsOf(batch)) {
      if (record.value === null || this.#order !== null) continue
      const request = this.#decoded(decodeRequest, record)
      if (request === null) continue
      const seat = this.#seats.find((one) => one.model.name === request.model)
      if (seat === undefined || record.offset < seat.positions.requests) continue
      seat.positions = { ...seat.positions, requests: record.offset + 1 }
      const { topics, layout, signatures } = this.#context
      const now = this.#now()
      const place = { topic: topics.requests, environment: layout.environment, wallMs: now.wallMs }
      await seat.apply({ kind: 'request', ...askingOf(request, record, place, signatures) }, now)
    }
    return true
  }

  /** In a drain the order of the panes says when. */
  async #readChanges(): Promise<void> {
    const now = this.#now()
    for (const change of this.#changes.take(now.judgeTimeMs)) {
      for (const seat of this.#seats) if (concerns(change, seat.model.name)) await seat.apply({ kind: 'change', change }, now)
    }
  }

  async #tick(): Promise<void> {
    const nowMs = this.#context.clock.monotonicMs()
    if (nowMs - this.#tickedAtMs < TICK_MS) return
    this.#tickedAtMs = nowMs
    // Steps of the monotonic clock: somebody who sets this machine's clock must not move the judge's timers by an hour.
    this.#time = passWall(this.#time, nowMs, this.#context.layout.alignPatienceMs)
    for (const seat of this.#seats) await seat.apply({ kind: 'tick' }, this.#now())
    if (nowMs - this.#toldAtMs < READINGS_MS) return
    this.#toldAtMs = nowMs
    for (const seat of this.#seats) seat.tellStanding(this.#now())
  }
}
