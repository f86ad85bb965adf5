/**
 * The SDK of gateways: obeys the control topic, answers on acks, and routes units in between.
 *
 * Reads `control` whole (read_committed, no group) and then follows it. When Kafka is away it goes on with what it last knew and
 * tries again. It never throws out of `route`.
 */
import type { Ack, Command, RecordBatch, SegmentWeights, Weights } from '../domain.ts'
import type { EventLog, Reader, Source, Writer } from '../kafka/contract.ts'
import { logRecordOf } from '../kafka/log-record.ts'
import { type Clock, systemClock, within } from '../kit/clock.ts'
import { drillName } from '../kit/drill-name.ts'
import { mustBeSigned, type TrustedKey, trustedKeyOf } from '../kit/signing.ts'
import { topicNames } from '../kit/topics.ts'
import { traceparentIn } from '../kit/traceparent.ts'
import { ackRecords } from '../wire/acks.ts'
import { decodeCommand } from '../wire/control.ts'
import { isInternalKey } from '../wire/keys.ts'
import { compareOrder, type Held, type InForce, inForce, leaseExpired, NOTHING_HELD, receive } from './held.ts'
import { type Attributes, segmentOf, segmentsProblem, unitPoint, versionAt, weightsProblem } from './route.ts'

export interface GovernorOptions {
  readonly log: EventLog
  /** Prefix of Flyball's topics; default `flyball.`. */
  readonly prefix?: string
  /** When given, commands meant for another environment are ignored. */
  readonly environment?: string
  readonly models: Readonly<Record<string, GovernedModel>>
  /** Takes part in drills: obeys `MODEL.drill` of every model too. No user's request is routed by it. */
  readonly drills?: boolean
  /** Name of this gateway, unique among its fellows. */
  readonly gateway: string
  /** How often presence is sent; default 3 s. */
  readonly presenceMs?: number
  readonly clock?: Clock
  /** When given, commands that none of these keys has signed are dropped, and told as a problem. */
  readonly verify?: readonly GovernorKey[]
  /** Told of everything that went wrong and was survived. */
  readonly onProblem?: (problem: Error) => void
}

export interface GovernorKey {
  readonly keyId: string
  /** PEM, as `flyball sign keys` writes it. */
  readonly publicKeyFile: string
  /** Wall clock after which it is believed no more: for a key that is being replaced. */
  readonly notAfterMs?: number
}

export interface GovernedModel {
  /** Takes everything until the first command. */
  readonly control: string
  /** Overrides what the command says of silence. */
  readonly onSilence?: 'keep' | 'baseline'
  /**
   * Dimensions whose value every call of `route` passes. It is a promise, and told to the judge: only where all gateways have given it
   * is a candidate kept out of one segment, or tried in one, instead of being moved everywhere.
   */
  readonly dimensions?: readonly string[]
}

export interface GovernedState {
  readonly weights: Weights
  /** Weights that replace those inside a segment; the first that matches a request counts. */
  readonly segments: readonly SegmentWeights[]
  readonly command: Command | null
  readonly leaseExpired: boolean
  /** Time without a command or heartbeat beyond the lease; 0 while it holds. */
  readonly staleMs: number
  /** Of the command held; see `CommandListener`. */
  readonly traceparent: string | null
  readonly connected: boolean
  readonly routed: Readonly<Record<string, number>>
  /** Of those, the ones routed by a segment of the command in force then: by segment, since the start. */
  readonly routedBySegment: Readonly<Record<string, Readonly<Record<string, number>>>>
}

/** `traceparent` (W3C Trace Context) names the decision's span; null: none. No signature covers it: good for tracing, and nothing else. */
export type CommandListener = (command: Command, context: { readonly traceparent: string | null }) => void

export interface Governor {
  /**
   * The version that answers this unit; counted as routed. A request without unit passes its own id.
   * `attributes`: its values by dimension, as the prediction record says them.
   */
  route(model: string, unit: string, attributes?: Attributes): string
  onCommand(listener: CommandListener): void
  state(model: string): GovernedState
  /** Settles when `control` has been read to its end once. */
  ready(): Promise<void>
  stop(): Promise<void>
}

interface Model {
  readonly name: string
  readonly options: GovernedModel
  readonly routed: Record<string, number>
  /** By segment, then version. */
  readonly bySegment: Map<string, Record<string, number>>
  held: Held
  traceparent: string | null
}

/** `ageMs`: how long it lay in the log; 0 when it came live. */
type Received = { readonly command: Command; readonly ageMs: number; readonly traceparent: string | null }

/** Where we are on one partition of `control`. */
interface Position {
  next: number
  /** Reading what was written before: only the newest command of each model is applied, at the end. */
  replaying: boolean
  readonly newest: Map<Model, Received>
}

const WAIT_MS = 250
const CLOSE_MS = 2_000
const SEND_MS = 15_000
/** Segments counted. Those that no command names any more make room first. */
const SEGMENTS_COUNTED_MAX = 256

export function createGovernor(options: GovernorOptions): Governor {
  return new ControlFollower(options)
}

class ControlFollower implements Governor {
  readonly #options: GovernorOptions
  readonly #clock: Clock
  readonly #models: ReadonlyMap<string, Model>
  readonly #topics: { readonly control: string; readonly acks: string }
  readonly #countersSinceMs: number
  /** Null: unsigned commands are obeyed too. */
  readonly #trusted: readonly TrustedKey[] | null
  readonly #positions = new Map<number, Position>()
  readonly #listeners: CommandListener[] = []
  readonly #ready: Promise<void>
  #readyNow: () => void = () => {}
  /** Answers that have not been acknowledged yet. */
  #answers: Ack[] = []
  #presenceDueMs = 0
  #connected = false
  #stopped = false
  #failures = 0
  readonly #running: Promise<void>

  constructor(options: GovernorOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#topics = topicNames(options.prefix ?? 'flyball.')
    this.#trusted = options.verify?.map((key) => trustedKeyOf(key.publicKeyFile, key.keyId, key.notAfterMs ?? null)) ?? null
    const shadows = Object.entries(options.drills ? options.models : {}).map(([name, model]) => [drillName(name), model] as const)
    const models = [...Object.entries(options.models), ...shadows].map(([name, model]) => ({
      name,
      options: model,
      routed: {},
      bySegment: new Map(),
      held: NOTHING_HELD,
      traceparent: null,
    }))
    this.#models = new Map(models.map((model) => [model.name, model]))
    this.#countersSinceMs = this.#clock.nowMs()
    this.#ready = new Promise((resolve) => {
      this.#readyNow = resolve
    })
    this.#running = this.#run()
  }

  route(name: string, unit: string, attributes: Attributes = NO_ATTRIBUTES): string {
    const model = this.#model(name)
    const { weights: everywhere, segments } = this.#inForce(model)
    const apart = segments.length === 0 ? null : segmentOf(segments, attributes)
    const weights = apart === null ? everywhere : apart.weights
    const control = model.held.command?.control ?? model.options.control
    const candidate = model.held.command?.candidate ?? control
    const version = versionAt(unitPoint(name, candidate, unit), weights, control, candidate)
    model.routed[version] = (model.routed[version] ?? 0) + 1
    if (apart !== null) countIn(model, apart.segment, version)
    return version
  }

  onCommand(listener: CommandListener): void {
    this.#listeners.push(listener)
  }

  state(name: string): GovernedState {
    const model = this.#model(name)
    const nowMs = this.#clock.monotonicMs()
    const expired = leaseExpired(model.held, nowMs)
    return {
      ...this.#inForce(model),
      command: model.held.command,
      leaseExpired: expired,
      staleMs: expired ? nowMs - model.held.leaseUntilMs : 0,
      traceparent: model.traceparent,
      connected: this.#connected,
      routed: { ...model.routed },
      routedBySegment: Object.fromEntries([...model.bySegment].map(([segment, routed]) => [segment, { ...routed }])),
    }
  }

  ready(): Promise<void> {
    return this.#ready
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  #model(name: string): Model {
    const model = this.#models.get(name)
    if (model === undefined) throw new Error(`model ${name} is not among the options of createGovernor`)
    return model
  }

  #inForce(model: Model): InForce {
    const { weights, segments } = inForce(model.held, model.options.control, model.options.onSilence, this.#clock.monotonicMs())
    return { weights, segments }
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await this.#session()
      } catch (error) {
        this.#problem(error)
        this.#failures++
        if (!this.#stopped) await this.#clock.sleep(Math.min(5_000, 100 * 2 ** Math.min(this.#failures, 6)))
      }
      this.#connected = false
    }
  }

  /** One connection's life: ends by stop, or by the first error. */
  async #session(): Promise<void> {
    const reader = this.#options.log.reader()
    let writer: Writer | undefined
    try {
      writer = await this.#options.log.writer()
      const sources = await this.#open(reader)
      const partitions = (await this.#options.log.admin.topics([this.#topics.acks])).get(this.#topics.acks)
      if (partitions === undefined) throw new Error(`topic ${this.#topics.acks} does not exist`)
      while (!this.#stopped) {
        for (const source of sources) this.#drain(source)
        await this.#answer(writer, partitions)
        await reader.wait(Math.max(1, Math.min(WAIT_MS, this.#presenceDueMs - this.#clock.monotonicMs())))
      }
    } finally {
      for (const part of [reader, writer]) await within(part?.close() ?? Promise.resolve(), CLOSE_MS, 'close').catch(() => {})
    }
  }

  /** Every partition, from where we were; from its start when it is new, or was made anew. */
  async #open(reader: Reader): Promise<readonly Source[]> {
    const offsets = await this.#options.log.admin.offsets(this.#topics.control)
    return offsets.map(({ partition, start, end }) => {
      const known = this.#positions.get(partition)?.next ?? 0
      const next = known < start || known > end ? start : known
      this.#positions.set(partition, { next, replaying: true, newest: new Map() })
      return reader.open(this.#topics.control, partition, next)
    })
  }

  #drain(source: Source): void {
    const position = this.#positions.get(source.partition)!
    for (let batch = source.take(); batch !== null; batch = source.take()) {
      for (let row = 0; row < batch.count; row++) this.#read(batch, row, position)
      position.next = source.next
    }
    position.next = Math.max(position.next, source.next)
    if (position.replaying && source.caughtUp) this.#settle(position)
  }

  #settle(position: Position): void {
    position.replaying = false
    for (const [model, received] of position.newest) this.#receive(model, received)
    position.newest.clear()
    if ([...this.#positions.values()].some((other) => other.replaying)) return
    this.#connected = true
    this.#failures = 0
    this.#readyNow()
  }

  #read(batch: RecordBatch, row: number, position: Position): void {
    const command = this.#commandOf(batch, row)
    const model = this.#models.get(command?.model ?? '')
    if (command === null || model === undefined) return
    const traceparent = traceparentIn(logRecordOf(batch, row))
    if (!position.replaying) return this.#receive(model, { command, ageMs: 0, traceparent })
    const newest = position.newest.get(model)
    if (newest !== undefined && compareOrder(command, newest.command) < 0) return
    const ageMs = Math.max(0, this.#clock.nowMs() - batch.timestampMs[row]!)
    position.newest.set(model, { command, ageMs, traceparent })
  }

  /** Null: not for us, or not to be obeyed. */
  #commandOf(batch: RecordBatch, row: number): Command | null {
    const [keyStart, valueStart] = [batch.keyStart[row]!, batch.valueStart[row]!]
    if (keyStart < 0 || valueStart < 0 || isInternalKey(batch.bytes.subarray(keyStart, batch.keyEnd[row]!))) return null
    try {
      const command = decodeCommand(batch.bytes.subarray(valueStart, batch.valueEnd[row]!))
      if (this.#options.environment !== undefined && command.environment !== this.#options.environment) return null
      if (this.#trusted !== null) mustBeSigned(logRecordOf(batch, row), command, this.#topics.control, this.#trusted, this.#clock.nowMs())
      const problem = weightsProblem(command.weights) || segmentsProblem(command.segments)
      if (problem !== '') throw new Error(`command ${command.id}: ${problem}`)
      return command
    } catch (error) {
      this.#problem(error)
      return null
    }
  }

  #receive(model: Model, { command, ageMs, traceparent }: Received): void {
    const { held, outcome } = receive(model.held, command, this.#clock.monotonicMs(), ageMs)
    model.held = held
    if (outcome === 'stale') this.#answers.push(this.#ack(model, 'stale', command.id))
    if (outcome === 'refreshed') model.traceparent ??= traceparent
    if (outcome !== 'applied') return
    model.traceparent = traceparent
    this.#answers.push(this.#ack(model, 'applied', command.id))
    for (const listener of this.#listeners) {
      try {
        listener(command, { traceparent })
      } catch (error) {
        this.#problem(error)
      }
    }
  }

  /** Sends what is owed. Answers stay owed until they are acknowledged; presence is only as good as its moment. */
  async #answer(writer: Writer, partitions: number): Promise<void> {
    const owed = this.#answers.slice()
    const nowMs = this.#clock.monotonicMs()
    const present = nowMs >= this.#presenceDueMs && this.#connected
    const presence = present ? [...this.#models.values()].map((model) => this.#ack(model, 'presence', model.held.command?.id ?? '')) : []
    if (present) this.#presenceDueMs = nowMs + (this.#options.presenceMs ?? 3_000)
    for (const [partition, records] of ackRecords([...owed, ...presence], partitions)) {
      await within(writer.send(this.#topics.acks, partition, records), SEND_MS, `sending to ${this.#topics.acks}`)
    }
    this.#answers.splice(0, owed.length)
  }

  #ack(model: Model, kind: Ack['kind'], commandId: string): Ack {
    const { command } = model.held
    return {
      model: model.name,
      gateway: this.#options.gateway,
      kind,
      commandId,
      epoch: command?.epoch ?? 0,
      sequence: command?.sequence ?? 0,
      atMs: Math.floor(this.#clock.nowMs()),
      leaseExpired: leaseExpired(model.held, this.#clock.monotonicMs()),
      routed: { ...model.routed },
      countersSinceMs: Math.floor(this.#countersSinceMs),
      features: (model.options.dimensions ?? []).map((dimension) => `segments:${dimension}`),
    }
  }

  #problem(error: unknown): void {
    this.#options.onProblem?.(error instanceof Error ? error : new Error(String(error)))
  }
}

const NO_ATTRIBUTES: Attributes = {}

function countIn({ bySegment, held }: Model, segment: string, version: string): void {
  const known = bySegment.get(segment)
  if (known === undefined && bySegment.size >= SEGMENTS_COUNTED_MAX) {
    const inForceNow = new Set(held.command?.segments.map((each) => each.segment))
    const past = [...bySegment.keys()].find((each) => !inForceNow.has(each))
    if (past === undefined) return
    bySegment.delete(past)
  }
  const routed = known ?? {}
  routed[version] = (routed[version] ?? 0) + 1
  bySegment.set(segment, routed)
}
