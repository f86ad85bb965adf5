/** The stage without a broker: daemon, gateway and model servers in this one process, over the log in memory. HTTP is still real. */
import { startGateway } from '../examples/gateway.ts'
import { type RunningServer, startModelServer } from '../examples/model-server.ts'
import { type Daemon, type DaemonOptions, startDaemon } from '../src/daemon.ts'
import type { EventLog } from '../src/kafka/contract.ts'
import { MemoryBroker } from '../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../src/kafka/log/memory-log.ts'
import { systemClock } from '../src/kit/clock.ts'
import { loadPolicy } from '../src/policy/load.ts'
import type { Emit } from '../src/telemetry/events.ts'
import type { Health } from '../src/telemetry/http.ts'
import { type DemoTopics, MODEL } from './policy.ts'
import { createPredictor } from './predictor.ts'
import { createTopics, GATEWAY_TIMEOUT_MS, type Stage, type VersionSpec } from './stage.ts'

/** What a test sees of the daemon: its events, and the lines of its alerts; without the latter nobody is told of alerts. */
export interface Watching {
  readonly emit: Emit
  readonly writeAlert: NonNullable<DaemonOptions['writeAlert']>
  readonly onHealth: (health: Health) => void
}

export async function memoryStage(topics: DemoTopics, watching: Watching | null = null): Promise<Stage> {
  const broker = new MemoryBroker(systemClock)
  const stage = new MemoryStage(broker, topics, watching)
  await createTopics(stage.log, topics)
  return stage
}

class MemoryStage implements Stage {
  readonly kind = 'memory'
  readonly kafkaKeys = ''
  readonly log: EventLog
  readonly #broker: MemoryBroker
  readonly #topics: DemoTopics
  readonly #servers: RunningServer[] = []
  readonly #silent = new Set<string>()
  readonly #problems: string[] = []
  readonly #watching: Watching | null
  #daemon: Daemon | null = null

  constructor(broker: MemoryBroker, topics: DemoTopics, watching: Watching | null) {
    this.#broker = broker
    this.#topics = topics
    this.#watching = watching
    this.log = new MemoryLog(broker)
  }

  async serve(versions: readonly VersionSpec[], control: string): Promise<number> {
    const servers: Record<string, string> = {}
    for (const spec of versions) {
      const server = await startModelServer({
        log: this.log,
        topic: this.#topics.predictions,
        model: MODEL,
        version: spec.version,
        predictor: this.#predictor(spec),
        keyBy: 'unit',
        port: 0,
      })
      this.#servers.push(server)
      servers[spec.version] = `http://127.0.0.1:${server.port}`
    }
    const { prefix } = this.#topics
    const gateway = await startGateway({
      ...{ log: this.log, prefix, model: MODEL, control, servers, gateway: 'gateway-1' },
      ...{ port: 0, timeoutMs: GATEWAY_TIMEOUT_MS, presenceMs: 1000, onProblem: (problem) => this.#problems.push(problem.message) },
    })
    this.#servers.unshift(gateway)
    return gateway.port
  }

  async startGovernor(policyFile: string): Promise<void> {
    const { policy, layout } = loadPolicy(policyFile)
    this.#daemon = await startDaemon({
      log: new MemoryLog(this.#broker),
      layout,
      prefix: policy.kafka.prefix,
      judgePartitions: policy.kafka.partitions,
      clock: systemClock,
      emit: (event) => {
        this.#watching?.emit(event)
        if (event.event === 'problem') this.#problems.push(`${event.code} ${event.message}`)
      },
      createTopics: false,
      drain: false,
      version: 'demo',
      ...(this.#watching === null ? {} : { writeAlert: this.#watching.writeAlert }),
    })
    this.#watching?.onHealth(this.#daemon.health)
    this.#daemon.done.catch((error: unknown) => this.#problems.push(`the daemon ended: ${String(error)}`))
  }

  async stopGovernor(): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = null
    if (daemon === null) return
    await daemon.stop()
    await daemon.done.catch(() => undefined)
  }

  silence(version: string): void {
    this.#silent.add(version)
  }

  trouble(): string {
    return this.#problems.slice(-12).join('\n')
  }

  async close(): Promise<void> {
    await this.stopGovernor()
    for (const server of this.#servers.splice(0)) await server.close()
    await this.log.close()
  }

  /** A stopped process cannot be had within one process: its requests are taken and never answered. */
  #predictor({ version, modelFile, harm, seed }: VersionSpec) {
    const predictor = createPredictor({ modelFile, harm, seed })
    return {
      prepare: predictor.prepare,
      predict: (features: Parameters<typeof predictor.predict>[0]): number | Promise<number> =>
        this.#silent.has(version) ? new Promise<number>(() => undefined) : predictor.predict(features),
    }
  }
}
