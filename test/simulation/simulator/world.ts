/** One simulated world: cluster, daemons under a supervisor, gateways, traffic, and people who ask for things. */
import { type Daemon, startDaemon } from '../../../src/daemon.ts'
import type { OperatorRequest } from '../../../src/domain.ts'
import type { EventLog } from '../../../src/kafka/contract.ts'
import { FlyballError } from '../../../src/kit/errors.ts'
import { partitionOf } from '../../../src/kit/hash.ts'
import { ownTopics, type TopicNames, topicNames } from '../../../src/kit/topics.ts'
import type { Layout } from '../../../src/policy/layout.ts'
import { createGovernor, type Governor } from '../../../src/subscriber/subscriber.ts'
import type { FlyballEvent } from '../../../src/telemetry/events.ts'
import { requestRecord } from '../../../src/wire/requests.ts'
import { Cluster } from './cluster.ts'
import { drawPlan, PREFIX, type WorldPlan } from './plan.ts'
import type { Plant } from './plants.ts'
import type { Scheduler } from './scheduler.ts'
import { simLog } from './sim-log.ts'
import { SimProcess } from './sim-process.ts'
import { Traffic } from './traffic.ts'

export interface DaemonLife {
  readonly process: SimProcess
  daemon: Daemon | null
  /** Its supervisor will not start it again. */
  stopped: boolean
}

export interface GatewayLife {
  readonly name: string
  readonly process: SimProcess
  readonly governor: Governor
}

export class SimWorld {
  readonly scheduler: Scheduler
  readonly plan: WorldPlan
  readonly cluster: Cluster
  readonly topics: TopicNames = topicNames(PREFIX)
  readonly traffic: Traffic
  readonly daemons: DaemonLife[] = []
  readonly gateways: GatewayLife[] = []
  readonly events: { readonly daemon: string; readonly atMs: number; readonly event: FlyballEvent }[] = []
  /** What daemons ended with that nobody had told them to end. */
  readonly ends: { readonly code: string; readonly message: string }[] = []
  /** Whether events are kept for whoever looks at the end. */
  keeps = true
  /** Sees every event of every daemon. */
  watch: (event: FlyballEvent) => void = () => undefined
  /** When the last daemon was told to stop. */
  judgedUntilMs = Number.POSITIVE_INFINITY
  readonly #plant: Plant
  #lives = 0
  #asked = 0

  constructor(scheduler: Scheduler, plant: Plant, plan = drawPlan(scheduler)) {
    this.scheduler = scheduler
    this.#plant = plant
    this.plan = plan
    this.cluster = new Cluster(scheduler)
    this.cluster.usualLatencyMs = this.cluster.latencyMs = scheduler.pick([3, 3, 20, 60])
    const { broker } = this.cluster
    for (const topic of ['predictions', 'outcomes']) broker.create({ topic, partitions: this.plan.inputPartitions, config: {} })
    for (const spec of ownTopics(PREFIX, this.plan.judgePartitions, this.plan.inputPartitions)) broker.create(spec)
    const route = (model: string, unit: string) => this.#routed(model, unit)
    this.traffic = new Traffic(this.plan, scheduler, broker, route, (model) => this.#isMirrored(model))
  }

  /** A connection that nothing happens to, for whoever looks from outside. */
  outside(): EventLog {
    return simLog(this.cluster, new SimProcess('outside', this.scheduler))
  }

  start(): void {
    for (let index = 0; index < this.plan.daemons; index++) this.startDaemon()
    for (let index = 0; index < this.plan.gateways; index++) this.startGateway(`gateway-${index + 1}`)
  }

  startDaemon(): void {
    const process = new SimProcess(`daemon-${++this.#lives}`, this.scheduler)
    const life: DaemonLife = { process, daemon: null, stopped: false }
    this.daemons.push(life)
    const plain = simLog(this.cluster, process, this.#plant.producersReused)
    const log = this.#plant.log?.(plain, this.topics) ?? plain
    const options = { prefix: PREFIX, judgePartitions: this.plan.judgePartitions, clock: process.clock, version: 'simulated' }
    const emit = (event: FlyballEvent): void => {
      this.watch(event)
      if (this.keeps && !process.dead && isKept(event)) this.events.push({ daemon: process.name, atMs: this.scheduler.nowMs, event })
    }
    const layout: Layout = this.#plant.layout?.(this.plan.layout) ?? this.plan.layout
    startDaemon({ ...options, layout, log, emit, createTopics: false, drain: false })
      .then((daemon) => {
        life.daemon = daemon
        return daemon.done
      })
      .then(
        () => this.#ended(life, null),
        (error: unknown) => this.#ended(life, error),
      )
  }

  #ended(life: DaemonLife, error: unknown): void {
    if (life.process.dead || life.stopped) return
    this.cluster.count('daemon-ended-itself')
    const code = error instanceof FlyballError ? error.code : 'none'
    this.ends.push({ code, message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    this.killDaemon(life)
  }

  /** Everything it had in memory is gone; its supervisor starts another. */
  killDaemon(life: DaemonLife): void {
    life.process.kill()
    this.daemons.splice(this.daemons.indexOf(life), 1)
    this.scheduler.after(this.scheduler.between(300, 4000), () => this.startDaemon())
  }

  /** One after another: the last may still take over what the others leave. */
  async stopDaemons(): Promise<void> {
    for (const life of [...this.daemons]) {
      life.stopped = true
      this.judgedUntilMs = this.scheduler.nowMs
      const { daemon } = life
      if (daemon === null) continue
      await this.scheduler.until(
        daemon.stop().then(() => daemon.done),
        `${life.process.name} stops`,
      )
    }
  }

  startGateway(name: string): void {
    const process = new SimProcess(name, this.scheduler)
    const models = Object.fromEntries(this.plan.models.map((model) => [model.name, { control: 'v1' }]))
    const log = simLog(this.cluster, process)
    this.gateways.push({ name, process, governor: createGovernor({ log, prefix: PREFIX, models, gateway: name, clock: process.clock }) })
  }

  killGateway(life: GatewayLife): void {
    life.process.kill()
    this.gateways.splice(this.gateways.indexOf(life), 1)
    this.scheduler.after(this.scheduler.between(300, 5000), () => this.startGateway(life.name))
  }

  #routed(model: string, unit: string): string | null {
    const up = this.gateways.filter(({ process }) => !process.paused)
    return up.length === 0 ? null : this.scheduler.pick(up).governor.route(model, unit)
  }

  /** Until some gateway gives the candidate traffic. */
  #isMirrored(model: string): boolean {
    return this.plan.staged && this.gateways.every(({ governor }) => (governor.state(model).weights['v2'] ?? 0) === 0)
  }

  /** A person asks; the record may be written more than once. */
  ask(verb: OperatorRequest['verb'], copies: number, model = this.scheduler.pick(this.plan.models).name, body = ''): void {
    const id = `request-${++this.#asked}`
    const said = { who: 'ann', knownBy: 'osUser', reason: `reason ${this.#asked}`, atMs: this.scheduler.nowMs } as const
    // A freeze ends by itself, or the world would stand still.
    const untilMs = verb === 'freeze' ? this.scheduler.nowMs + this.scheduler.between(5000, 30_000) : null
    const record = requestRecord({ id, model, verb, ...said, ifSequence: null, expiresAtMs: null, untilMs, subject: null, body })
    const partition = partitionOf(Buffer.from(model), this.plan.judgePartitions)
    this.cluster.count('operator-request')
    for (let copy = 0; copy < copies; copy++) {
      if (copy > 0) this.cluster.count('operator-request-repeated')
      this.scheduler.after(copy === 0 ? 0 : this.scheduler.between(0, 6000), () => {
        this.cluster.broker.append(this.topics.requests, partition, [record], null)
      })
    }
  }
}

function isKept({ event }: FlyballEvent): boolean {
  return (
    event !== 'records-accounted' &&
    event !== 'memory-held' &&
    event !== 'lag' &&
    event !== 'reading' &&
    event !== 'rollout-standing' &&
    event !== 'outcome-coverage' &&
    event !== 'panes-written' &&
    event !== 'checkpoint-written'
  )
}
