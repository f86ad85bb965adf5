/**
 * Two deployments beside one another on the same input, in virtual time: one daemon that nobody disturbs, and three of which one is killed
 * again and again. What stands in the topics afterwards is for `chaos/suite/same-decisions.ts` to hold against each other.
 */
import { type Daemon, startDaemon } from '../../../src/daemon.ts'
import type { EventLog } from '../../../src/kafka/contract.ts'
import { ownTopics } from '../../../src/kit/topics.ts'
import type { Layout } from '../../../src/policy/layout.ts'
import { parsePolicy } from '../../../src/policy/load.ts'
import { type TrafficModel, traffic } from '../traffic.ts'
import { Cluster } from './cluster.ts'
import { Scheduler, withVirtualTimers } from './scheduler.ts'
import { simLog } from './sim-log.ts'
import { SimProcess } from './sim-process.ts'

export const BESIDE = ['alone.', 'three.'] as const

const PARTITIONS = 3
const JUDGE_PARTITIONS = 2
const BEGIN_MS = 1_760_000_000_000
const KILL_EVERY_MS = 12_000
const DOWN_MS = 1_500
const WRITE_EVERY_MS = 100
/** Sessions end, quiet partitions are cut, horizons pass. */
const CALM_MS = 30_000

const MODELS: readonly TrafficModel[] = [
  { name: 'churn', share: 0.4, errorsAdded: 0, shiftAdded: 0 },
  { name: 'search', share: 0.4, errorsAdded: 0.2, shiftAdded: 0 },
  { name: 'price', share: 0.4, errorsAdded: 0, shiftAdded: 0 },
]

export interface BesideResult {
  /** Nothing happens to who reads from here. */
  readonly log: EventLog
  readonly layouts: readonly Layout[]
  readonly models: readonly string[]
  readonly kills: number
  /** Words of daemons that ended by themselves. */
  readonly ends: readonly string[]
  /** Reading takes virtual time too: work on the log is done in here. */
  readonly look: <T>(work: () => Promise<T>) => Promise<T>
}

export async function runBeside(seed: number, seconds: number): Promise<BesideResult> {
  const scheduler = new Scheduler(BEGIN_MS, seed)
  const world = new BesideWorld(scheduler)
  const kills = await withVirtualTimers(scheduler, () => world.live(seed, seconds))
  return {
    log: simLog(world.cluster, new SimProcess('outside', scheduler)),
    layouts: world.layouts,
    models: MODELS.map(({ name }) => name),
    kills,
    ends: world.ends,
    look: (work) => withVirtualTimers(scheduler, () => scheduler.until(work(), 'looking', 3_600_000)),
  }
}

interface Life {
  readonly prefix: string
  readonly process: SimProcess
  daemon: Daemon | null
}

class BesideWorld {
  readonly cluster: Cluster
  readonly layouts: readonly Layout[]
  readonly ends: string[] = []
  readonly #scheduler: Scheduler
  #lives: Life[] = []
  #started = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.cluster = new Cluster(scheduler)
    this.cluster.usualLatencyMs = this.cluster.latencyMs = 20
    this.layouts = BESIDE.map((prefix) => parsePolicy(policyOf(prefix), 'beside.yaml').layout)
    const { broker } = this.cluster
    for (const topic of ['predictions', 'outcomes']) broker.create({ topic, partitions: PARTITIONS, config: {} })
    for (const spec of BESIDE.flatMap((prefix) => ownTopics(prefix, JUDGE_PARTITIONS, PARTITIONS))) broker.create(spec)
  }

  /** Returns how many were killed. */
  async live(seed: number, seconds: number): Promise<number> {
    const scheduler = this.#scheduler
    for (const index of [0, 1, 1, 1]) this.#start(index)
    this.#write(seed, seconds * 1000)
    let kills = 0
    for (let atMs = KILL_EVERY_MS; atMs < seconds * 1000; atMs += KILL_EVERY_MS) {
      await scheduler.advance(KILL_EVERY_MS)
      this.#kill(scheduler.pick(this.#lives.filter(({ prefix }) => prefix === BESIDE[1])))
      kills++
    }
    await scheduler.advance(KILL_EVERY_MS + CALM_MS)
    for (const { daemon } of this.#lives)
      if (daemon !== null)
        await scheduler.until(
          daemon.stop().then(() => daemon.done),
          'a daemon stops',
        )
    return kills
  }

  #start(index: number): void {
    const [prefix, layout] = [BESIDE[index]!, this.layouts[index]!]
    const process = new SimProcess(`daemon-${++this.#started}`, this.#scheduler)
    const life: Life = { prefix, process, daemon: null }
    this.#lives.push(life)
    const options = { prefix, judgePartitions: JUDGE_PARTITIONS, clock: process.clock, version: 'simulated' }
    startDaemon({ ...options, layout, log: simLog(this.cluster, process), emit: () => undefined, createTopics: false, drain: false })
      .then((daemon) => {
        life.daemon = daemon
        return daemon.done
      })
      .catch((error: unknown) => {
        if (!process.dead) this.ends.push(String(error))
      })
  }

  #kill(life: Life): void {
    life.process.kill()
    this.#lives = this.#lives.filter((one) => one !== life)
    this.#scheduler.after(DOWN_MS, () => this.#start(1))
  }

  #write(seed: number, durationMs: number): void {
    const common = { partitions: PARTITIONS, startMs: BEGIN_MS + 1000, durationMs, outcomeShare: 0.9, outcomeDelayMs: 3000, units: 600 }
    const { predictions, outcomes } = traffic({ seed, models: MODELS, perSecond: 60, ...common })
    for (const [topic, placed] of [['predictions', predictions] as const, ['outcomes', outcomes] as const]) {
      for (const { partition, record } of placed) {
        const dueMs = Math.ceil(record.timestampMs! / WRITE_EVERY_MS) * WRITE_EVERY_MS
        this.#scheduler.after(dueMs - BEGIN_MS, () => void this.cluster.broker.append(topic, partition, [record], null))
      }
    }
  }
}

const policyOf = (prefix: string): string => `version: 1
kafka: { prefix: "${prefix}" }
inputs:
  predictions: { topic: predictions, fields: { time: ts }, segments: { region: region } }
  outcomes: { topic: outcomes, fields: { time: ts } }
timing: { slice: 1s, settling: 2s, idleAfter: 8s, alignPatience: 5s, maxStratumAge: 8s }
limits: { stratumRequests: 60, maxEarly: 5s }
models:
${MODELS.map(
  ({ name }) => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    segments: { region: [eu, us] }
    outcomes: { click: { horizon: 4s, absent: 0 } }
    ladder: { steps: [10, 50, 100], dwell: 12s, minimumRows: 80 }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all, promote: { marginPoints: 25 } }
      - { kind: wrong-outcome, outcome: click, marginPoints: 10, promote: { marginPoints: 40 } }`,
).join('\n')}
`
