/**
 * Three daemons, one of them killed every 20 s, beside one that nobody disturbs, live on the same input: per model they must write the
 * same panes and come to the same verdicts, weights and sequences (epochs and heartbeats apart). Sources may reach the judge in another
 * order after a kill, and then a decision may come a stratum earlier or later: what counts as explained says `same-decisions.ts`.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { FLYBALL } from '../../../scripts/lib/flyball.ts'
import { type RunningBroker, startBroker } from '../../../scripts/lib/kafka-broker.ts'
import { connectKafka } from '../../../src/kafka/connect.ts'
import type { EventLog } from '../../../src/kafka/contract.ts'
import { seededRandom } from '../../../src/kit/random.ts'
import { ownTopics } from '../../../src/kit/topics.ts'
import { parsePolicy } from '../../../src/policy/load.ts'
import { accountsOf, scrape } from '../../simulation/metrics.ts'
import { type Placed, type TrafficModel, traffic } from '../../simulation/traffic.ts'
import { temporaryFolder } from './folder.ts'
import { type Comparison, compareRuns } from './same-decisions.ts'
import { type Daemon, newDaemon } from './stage.ts'

export interface ThreeProcessesOptions {
  readonly seed: number
  readonly minutes: number
  readonly perSecond: number
  readonly tell: (line: string) => void
  readonly stopped?: () => boolean
  readonly keep?: boolean
}

export interface ThreeProcessesResult extends Comparison {
  readonly kills: number
  readonly records: number
}

const PARTITIONS = 3
const KILL_EVERY_MS = 20_000
const DOWN_MS = 1500
const WRITE_EVERY_MS = 100
const SETTLE_MAX_MS = 90_000
const QUIET_MS = 40_000
const PREFIXES = ['alone.', 'three.'] as const
const MODELS: readonly TrafficModel[] = [
  { name: 'churn', share: 0.4, errorsAdded: 0, shiftAdded: 0 },
  { name: 'search', share: 0.4, errorsAdded: 0.12, shiftAdded: 0 },
  { name: 'price', share: 0.4, errorsAdded: 0, shiftAdded: 0 },
]

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

const policyText = (prefix: string): string => `version: 1
kafka: { prefix: "${prefix}", partitions: 2 }
inputs:
  predictions: { topic: predictions, fields: { time: ts, unit: unit }, segments: { region: region } }
  outcomes: { topic: outcomes, fields: { time: ts } }
timing: { slice: 2s, settling: 5s, idleAfter: 25s, maxStratumAge: 20s }
models:
${MODELS.map(
  ({ name }) => `  ${name}:
    control: v1
    candidate: v2
    mode: enforce
    weights: recorded
    segments: { region: [eu, us] }
    outcomes: { click: { horizon: 10s, absent: 0 } }
    ladder: { steps: [10, 50, 100], dwell: 30s, minimumRows: 300 }
    guardrails:
      - { kind: error-rate, marginPoints: 1, segments: all, promote: { marginPoints: 8 } }
      - { kind: wrong-outcome, outcome: click, marginPoints: 10, promote: { marginPoints: 20 } }`,
).join('\n')}
`

export async function runThreeProcesses(options: ThreeProcessesOptions): Promise<ThreeProcessesResult> {
  const temporary = temporaryFolder('flyball-three-', options.keep ?? false)
  const folder = temporary.path
  const daemons: Daemon[] = []
  let broker: RunningBroker | null = null
  let log: EventLog | null = null
  try {
    broker = await startBroker({ brokers: 1, needsProcess: true })
    log = await connectKafka({ brokers: broker.bootstrap, clientId: 'chaos' })
    const input = (topic: string) => ({ topic, partitions: PARTITIONS, config: { 'retention.ms': '-1' } })
    await log.admin.create([input('predictions'), input('outcomes'), ...PREFIXES.flatMap((prefix) => ownTopics(prefix, 2, PARTITIONS))])
    for (const [prefix, name] of [['alone.', 'alone'], ...[1, 2, 3].map((index) => ['three.', `three-${index}`])] as [string, string][]) {
      const policyFile = join(folder, `${prefix}yaml`)
      writeFileSync(policyFile, policyText(prefix))
      daemons.push(newDaemon({ name, folder, program: FLYBALL, policyFile, bootstrap: broker.bootstrap, events: new Map() }))
    }
    for (const { service } of daemons) service.start()
    const { kills, records } = await live(options, log, daemons)
    await settled(log, daemons, options.tell)
    await Promise.all(daemons.map(({ service }) => service.end('SIGTERM')))
    const [alone, three] = PREFIXES.map((prefix) => parsePolicy(policyText(prefix), `${prefix}yaml`).layout)
    const comparison = await compareRuns(log, PREFIXES, [alone!, three!])
    return { kills, records, ...comparison }
  } finally {
    await Promise.all(daemons.map(({ service }) => service.close()))
    await log?.close()
    await broker?.stop()
    temporary.remove()
  }
}

/** Writes the input at its own pace and kills one of the three again and again. */
async function live(
  { seed, minutes, perSecond, tell, stopped }: ThreeProcessesOptions,
  log: EventLog,
  daemons: readonly Daemon[],
): Promise<{ kills: number; records: number }> {
  const durationMs = minutes * 60_000
  const startMs = Date.now() + 1000
  const common = { partitions: PARTITIONS, startMs, durationMs, outcomeShare: 0.9, outcomeDelayMs: 8000, units: 3000 }
  const { predictions, outcomes } = traffic({ seed, models: MODELS, perSecond, ...common })
  const random = seededRandom(seed)
  const writing = Promise.all([write(log, 'predictions', predictions), write(log, 'outcomes', outcomes)])
  let kills = 0
  let over = false
  void writing.finally(() => {
    over = true
  })
  for (let atMs = KILL_EVERY_MS; atMs < durationMs && !over && !stopped?.(); atMs += KILL_EVERY_MS) {
    await pause(Math.max(0, startMs + atMs - Date.now()))
    const { service } = daemons[1 + Math.floor(random() * 3)]!
    tell(`kill ${service.name}`)
    await service.end('SIGKILL')
    kills++
    await pause(DOWN_MS)
    service.start()
  }
  await writing
  return { kills, records: predictions.length + outcomes.length }
}

async function write(log: EventLog, topic: string, placed: readonly Placed[]): Promise<void> {
  const writer = await log.writer()
  for (let at = 0; at < placed.length; ) {
    const nowMs = Date.now()
    const due: Placed[][] = Array.from({ length: PARTITIONS }, () => [])
    for (; at < placed.length && placed[at]!.record.timestampMs! <= nowMs; at++) due[placed[at]!.partition]!.push(placed[at]!)
    for (const [partition, part] of due.entries()) {
      if (part.length > 0)
        await writer.send(
          topic,
          partition,
          part.map(({ record }) => record),
        )
    }
    await pause(WRITE_EVERY_MS)
  }
  await writer.close()
}

/** Both have read everything, and the idle end has been judged. */
async function settled(log: EventLog, daemons: readonly Daemon[], tell: (line: string) => void): Promise<void> {
  const ends = await log.admin.offsets('predictions')
  const end = ends.reduce((sum, one) => sum + one.end, 0)
  const deadlineMs = performance.now() + SETTLE_MAX_MS
  const read = async (group: readonly Daemon[]): Promise<number> => {
    const pages = await Promise.all(group.map(({ metricsPort }) => scrape(metricsPort).catch(() => '')))
    return pages.reduce((sum, page) => sum + (accountsOf(page).get('predictions')?.read ?? 0), 0)
  }
  for (;;) {
    const found = [await read(daemons.slice(0, 1)), await read(daemons.slice(1))]
    if (found.every((count) => count === end)) break
    if (performance.now() > deadlineMs) throw new Error(`not everything is read: ${found.join(' and ')} of ${end}`)
    await pause(500)
  }
  tell('both have read everything')
  await pause(QUIET_MS)
}
