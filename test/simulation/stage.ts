/**
 * The whole daemon on a log in memory and a clock that the test moves, with one gateway that obeys and one producer per model server.
 * Requests are dealt to partitions by unit, or by version when each version has a partition of its own.
 */
import { type Daemon, startDaemon } from '../../src/daemon.ts'
import type { Command, Decision } from '../../src/domain.ts'
import type { EventLog, Source } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { recordsOf } from '../../src/kafka/log-record.ts'
import type { Clock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { ownTopics, type TopicNames, topicNames } from '../../src/kit/topics.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { readDecisions } from '../../src/shell/topic-reads.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { ackRecord } from '../../src/wire/acks.ts'
import { decodeCommand } from '../../src/wire/control.ts'
import { isInternalKey } from '../../src/wire/keys.ts'
import { FakeClock } from './fake-clock.ts'
import { type Faults, faultyLog, noFaults } from './faulty-log.ts'
import { recordsIn } from './fill.ts'

export const MODEL = 'fraud'
export const BEGIN_MS = 1_760_000_000_000
const PREFIX = 'flyball.'
const JUDGE_PARTITIONS = 1

export interface StageOptions {
  readonly seed: number
  readonly partitions: number
  readonly policy: string
  /** Candidate to the last partition, control to the first. */
  readonly partitionPerVersion?: boolean
  /** Every prediction gets a label two seconds later. */
  readonly outcomes?: boolean
  /** Number of the first request; those before were another life's. */
  readonly firstRequest?: number
}

interface DueOutcome {
  readonly partition: number
  readonly id: string
  readonly atMs: number
}

/** What the servers do at present; a test changes it as it goes. */
export interface Conduct {
  perSecond: number
  candidateErrors: number
  /** Records tell nothing but id, model, version and error. */
  bare?: boolean
  /** More members of a record of this version. */
  more?: (version: string, random: Random) => object
}

export interface Life {
  readonly daemon: Daemon
  readonly faults: Faults
  readonly events: FlyballEvent[]
  /** SIGKILL: what it had begun stays as it is, and the group notices. */
  kill(): Promise<void>
  stop(): Promise<void>
}

export class Stage {
  readonly clock = new FakeClock(BEGIN_MS)
  readonly broker = new MemoryBroker(this.clock)
  readonly log: EventLog = new MemoryLog(this.broker)
  readonly topics: TopicNames = topicNames(PREFIX)
  readonly conduct: Conduct = { perSecond: 60, candidateErrors: 0.02 }
  /** A test may change it between two lives. */
  layout: Layout
  readonly gateway: Gateway
  /** Predictions written per version. */
  readonly served: Record<string, number> = {}
  readonly #options: StageOptions
  readonly #random: Random
  #requests: number
  #due: DueOutcome[] = []

  constructor(options: StageOptions) {
    this.#options = options
    this.#requests = options.firstRequest ?? 0
    this.#random = seededRandom(options.seed)
    this.layout = parsePolicy(options.policy, 'stage.yaml').layout
    this.broker.create({ topic: 'predictions', partitions: options.partitions, config: {} })
    if (options.outcomes) this.broker.create({ topic: 'outcomes', partitions: options.partitions, config: {} })
    for (const spec of ownTopics(PREFIX, JUDGE_PARTITIONS, options.partitions)) this.broker.create(spec)
    this.gateway = new Gateway(this)
  }

  /** `clock`: the daemon's own, where it is not that of the world. */
  async start(wrap: (log: EventLog) => EventLog = (log) => log, clock: Clock = this.clock): Promise<Life> {
    const faults = noFaults()
    const events: FlyballEvent[] = []
    const connection = new MemoryLog(this.broker)
    const options = { layout: this.layout, prefix: PREFIX, judgePartitions: JUDGE_PARTITIONS, clock, version: 'test' }
    const emit = (event: FlyballEvent) => void events.push(event)
    const log = wrap(faultyLog(connection, faults))
    const daemon = await startDaemon({ ...options, log, emit, createTopics: false, drain: false })
    daemon.done.catch((error: unknown) => {
      if (!faults.dead) throw error
    })
    return {
      daemon,
      faults,
      events,
      kill: async () => {
        faults.dead = true
        await connection.close()
      },
      stop: async () => {
        const ended = this.whileTimePasses(daemon.stop().then(() => daemon.done))
        await ended
        await connection.close()
      },
    }
  }

  /** Time passes in small steps until the promise has settled: for work that sleeps. */
  async whileTimePasses<T>(promise: Promise<T>): Promise<T> {
    let over = false
    const watched = promise.finally(() => {
      over = true
    })
    watched.catch(() => undefined)
    while (!over) await this.clock.advance(50)
    return watched
  }

  /** Seconds of traffic, with a gateway that looks at the control topic and tells of itself once a second. */
  async run(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (let part = 0; part < 2; part++) {
        await this.#serve(this.conduct.perSecond / 2)
        await this.clock.advance(500, 100)
        this.#label()
      }
      await this.gateway.turn()
    }
  }

  async #serve(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const id = `r${this.#requests++}`
      const unit = `u${Math.floor(this.#random() * 5000)}`
      const version = this.gateway.versionFor(unit)
      const error = this.#random() < (version === 'v2' ? this.conduct.candidateErrors : 0.02)
      this.served[version] = (this.served[version] ?? 0) + 1
      const told = this.conduct.bare ? {} : { time: this.clock.nowMs(), score: 0.3, latencyMs: 10 }
      const more = this.conduct.more?.(version, this.#random) ?? {}
      const value = Buffer.from(JSON.stringify({ id, model: MODEL, version, error, ...told, ...more }))
      const partition = this.#partition(unit, version)
      this.broker.append('predictions', partition, [{ key: unit, value }], null)
      if (this.#options.outcomes) this.#due.push({ partition, id, atMs: this.clock.nowMs() + 2000 })
    }
  }

  #label(): void {
    const nowMs = this.clock.nowMs()
    for (const { partition, id } of this.#due.filter(({ atMs }) => atMs <= nowMs)) {
      const value = Buffer.from(JSON.stringify({ id, time: nowMs, label: this.#random() < 0.3 ? 1 : 0 }))
      this.broker.append('outcomes', partition, [{ key: id, value }], null)
    }
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs)
  }

  #partition(unit: string, version: string): number {
    const { partitions, partitionPerVersion } = this.#options
    if (partitionPerVersion) return version === 'v2' ? partitions - 1 : 0
    return partitionOf(Buffer.from(unit), partitions)
  }

  async decisions(): Promise<Decision[]> {
    return (await this.whileTimePasses(readDecisions(this.log, this.topics.decisions))).map(({ decision }) => decision)
  }

  /** Verdicts in words, such as `promote`, `hold:blind`. */
  async verdicts(): Promise<string[]> {
    return (await this.decisions()).map(({ verdict }) => (verdict.kind === 'hold' ? `hold:${verdict.because}` : verdict.kind))
  }

  async commands(): Promise<Command[]> {
    const records = await this.whileTimePasses(recordsIn(this.log, this.topics.control))
    return records.flatMap(({ record }) => (record.value === null ? [] : [decodeCommand(record.value)]))
  }

  /** Candidate's share in percent as last commanded. */
  async commanded(): Promise<number> {
    return (await this.commands()).at(-1)?.weights['v2'] ?? 0
  }

  /** Runs until the candidate has at least this share; throws when it does not get it in time. */
  async runUntilShare(percent: number, seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 5) {
      if (this.gateway.share >= percent) return
      await this.run(5)
    }
    throw new Error(`not at ${percent} % after ${seconds} s: ${(await this.verdicts()).join(' ')}`)
  }
}

/** Obeys the newest command, acks it, and tells once a second how many requests it has routed. */
class Gateway {
  readonly #stage: Stage
  readonly #control: Source
  readonly #routed: Record<string, number> = { v1: 0, v2: 0 }
  command: Command | null = null

  constructor(stage: Stage) {
    this.#stage = stage
    this.#control = stage.log.reader().open(stage.topics.control, 0, 0)
  }

  get share(): number {
    return this.command?.weights['v2'] ?? 0
  }

  /** Sticky by unit. */
  versionFor(unit: string): string {
    const version = partitionOf(Buffer.from(`place ${unit}`), 10_000) < this.share * 100 ? 'v2' : 'v1'
    this.#routed[version]!++
    return version
  }

  async turn(): Promise<void> {
    for (let batch = this.#control.take(); batch !== null; batch = this.#control.take()) {
      for (const record of recordsOf(batch)) {
        if (record.value === null || isInternalKey(record.key)) continue
        const command = decodeCommand(record.value)
        if (this.command !== null && older(command, this.command)) continue
        this.command = command
        this.#tell('applied')
      }
    }
    this.#tell('presence')
  }

  #tell(kind: 'applied' | 'presence'): void {
    const { command } = this
    const record = ackRecord({
      model: MODEL,
      gateway: 'gateway-1',
      kind,
      commandId: command?.id ?? '',
      epoch: command?.epoch ?? 0,
      sequence: command?.sequence ?? 0,
      atMs: this.#stage.clock.nowMs(),
      leaseExpired: false,
      routed: { ...this.#routed },
      countersSinceMs: BEGIN_MS,
      features: [],
    })
    this.#stage.broker.append(this.#stage.topics.acks, 0, [record], null)
  }
}

function older(one: Command, other: Command): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.sequence < other.sequence)
}
