/** `flyball run`: the daemon; with `--drain` it reads both topics to their present ends, prints what it decided, and exits. */
import { constants } from 'node:os'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Daemon, type DaemonOptions, startDaemon } from '../daemon.ts'
import type { Decision } from '../domain.ts'
import type { EventLog } from '../kafka/contract.ts'
import { systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { topicNames } from '../kit/topics.ts'
import { exposedFile } from '../policy/connection.ts'
import type { LoadedPolicy } from '../policy/load.ts'
import type { Policy } from '../policy/policy.ts'
import type { Measurer } from '../shell/measuring.ts'
import { readDecisions } from '../shell/topic-reads.ts'
import type { TraceSender } from '../shell/traces.ts'
import type { Emit, FlyballEvent } from '../telemetry/events.ts'
import type { Health, TelemetryDoor, TelemetryServer } from '../telemetry/http.ts'
import { createLogger, logLines, standardError } from '../telemetry/log-lines.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type ConnectionOptions, loadedPolicy, openLog, withConnectionOptions } from './connected.ts'
import { setEngine } from './engine.ts'
import { type MetricsOptions, metricsDoor } from './metrics-door.ts'
import { printJson, printLine, table, tell } from './output.ts'
import { packageVersion } from './version.ts'

const WORKERS_MAX = 64

interface Options extends ConnectionOptions, MetricsOptions {
  readonly drain?: true
  readonly json?: true
  readonly createTopics?: true
  readonly logLevel: string
  readonly workers: number
}

export function register(program: Command): void {
  withConnectionOptions(program.command('run'))
    .description('judge rollouts until stopped; --drain: read both topics to their present ends and exit')
    .option('--drain', 'read to the present ends at full speed, print a summary, exit')
    .option('--json', 'with --drain: the summary as JSON on stdout')
    .option('--create-topics', "create Flyball's own topics where they are missing")
    .option('--metrics-port <port>', 'port of /metrics, /livez and /readyz on loopback; 0: any free one', portNumber, 9464)
    .option('--metrics-host <address>', 'another address to listen on; needs --metrics-token-file')
    .option('--metrics-token-file <file>', 'the token that whoever asks for /metrics must show')
    .option('--workers <n>', 'threads that measure; 1: none of its own', workerCount, 1)
    .addOption(
      new Option('--log-level <level>', 'how much is logged').choices(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    )
    .action(runCommand)
}

/**
 * Until the daemon stands there is nothing to end in order. Said aloud, since the first process of a container is not ended by a signal
 * that it does not handle.
 */
const leave = (signal: NodeJS.Signals): never => process.exit(128 + constants.signals[signal])

async function runCommand(options: Options): Promise<void> {
  setEngine()
  process.on('SIGINT', leave).on('SIGTERM', leave)
  const loaded = loadedPolicy(options)
  // Nobody asks a drain for its metrics: its summary says it all.
  const metrics = options.drain ? null : await processMetrics()
  const seen: Seen = { accounts: new Map(), decided: new Map() }
  const logger = createLogger(options.logLevel, standardError())
  const tellLog = logLines(logger)
  let traces: TraceSender | null = null
  const emit: Emit = (event) => {
    metrics?.observe(event)
    traces?.observe(event)
    tellLog(event)
    if (event.event === 'records-accounted') seen.accounts.set(event.topic, event)
    if (event.event === 'decided') seen.decided.set(event.model, event.number)
  }
  traces = options.drain ? null : await traceSender(loaded, emit)
  const door = await openDoor(metrics === null ? null : metricsDoor(loaded.policy, options), metrics, emit)
  try {
    const log = await openLog(loaded, options, (level, message) => emit({ event: 'client-trouble', level, message }))
    try {
      await serve(loaded, options, log, emit, (line) => logger.warn(line, 'alert'), door)
      if (options.drain) await summarize(log, loaded, seen, options)
    } finally {
      await log.close()
    }
  } finally {
    await traces?.close()
    await door.close()
  }
}

/** Null: the policy asks for no spans. */
async function traceSender({ layout }: LoadedPolicy, emit: Emit): Promise<TraceSender | null> {
  const { traces } = layout
  if (traces === undefined) return null
  if (traces.headersFile !== null) for (const exposed of exposedFile(traces.headersFile)) tell(`warning ${exposed}`)
  const { TraceSender } = await import('../shell/traces.ts')
  return new TraceSender({ layout, traces, clock: systemClock, version: packageVersion(), emit })
}

async function processMetrics(): Promise<Metrics> {
  const { createMetrics } = await import('../telemetry/metrics.ts')
  const { collectProcessMetrics } = await import('../telemetry/process-metrics.ts')
  const metrics = createMetrics()
  collectProcessMetrics(metrics.registry)
  return metrics
}

/** `/metrics` and the probes. They answer from the start on; the daemon comes to stand behind them. */
interface Door {
  behind(daemon: Daemon): void
  close(): Promise<void>
}

/** Before anything else: a process without its port must not join a group and take partitions from one that works. */
async function openDoor(at: TelemetryDoor | null, metrics: Metrics | null, emit: Emit): Promise<Door> {
  if (at === null || metrics === null) return { behind: () => undefined, close: async () => undefined }
  let daemon: Daemon | null = null
  const health: Health = {
    stalled: () => daemon?.health.stalled() ?? [],
    notReady: () => daemon?.health.notReady() ?? ['the daemon is starting'],
  }
  const server = await telemetry(at, metrics, health)
  emit({ event: 'listening', port: server.port })
  return {
    behind: (started) => {
      daemon = started
    },
    close: () => server.close(),
  }
}

async function telemetry(at: TelemetryDoor, metrics: Metrics, health: Health): Promise<TelemetryServer> {
  const { serveTelemetry } = await import('../telemetry/http.ts')
  try {
    return await serveTelemetry(at, metrics.registry, health)
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    throw new FlyballError('FLY-CLI-008', { port: at.port, problem }, { cause: error })
  }
}

async function serve(
  { policy, layout }: LoadedPolicy,
  options: Options,
  log: EventLog,
  emit: Emit,
  writeAlert: NonNullable<DaemonOptions['writeAlert']>,
  door: Door,
): Promise<void> {
  const daemon = await startDaemon({
    log,
    layout,
    prefix: policy.kafka.prefix,
    judgePartitions: policy.kafka.partitions,
    clock: systemClock,
    emit,
    createTopics: options.createTopics ?? false,
    drain: options.drain ?? false,
    version: packageVersion(),
    writeAlert,
    ...(await measurerOf(policy, options)),
  })
  let isStopped = false
  const stop = (): void => {
    isStopped = true
    void daemon.stop()
  }
  process.off('SIGINT', leave).off('SIGTERM', leave)
  process.once('SIGINT', stop).once('SIGTERM', stop)
  door.behind(daemon)
  try {
    await daemon.done
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
  // Half a drain must not be taken for a whole one.
  if (isStopped && options.drain) throw new FlyballError('FLY-CLI-014', {})
}

/** With several workers each has a thread, which opens a connection of its own. */
async function measurerOf(policy: Policy, options: Options): Promise<{ measurer?: Measurer }> {
  if (options.workers === 1) return {}
  const { MeasureThreads } = await import('../shell/measure-threads.ts')
  const connect = { policy, policyFile: options.policy, brokers: options.brokers }
  return { measurer: (context, onFailure) => new MeasureThreads(options.workers, connect, context, onFailure) }
}

/** What the events of a drain leave for its summary. */
interface Seen {
  readonly accounts: Map<string, FlyballEvent & { event: 'records-accounted' }>
  /** Number of the last decision, by model. */
  readonly decided: Map<string, number>
}

/** A commit is acknowledged before its marker stands in the log: reads again until the last decision taken can be seen. */
async function settledDecisions(log: EventLog, topic: string, taken: ReadonlyMap<string, number>): Promise<readonly Decision[]> {
  for (let attempt = 0; ; attempt++) {
    const decisions = (await readDecisions(log, topic)).map(({ decision }) => decision)
    const whole = [...taken].every(([model, number]) => decisions.some((one) => one.model === model && one.number === number))
    if (whole || attempt === 50) return decisions
    await systemClock.sleep(100)
  }
}

async function summarize(log: EventLog, { policy }: LoadedPolicy, seen: Seen, options: Options): Promise<void> {
  const decisions = await settledDecisions(log, topicNames(policy.kafka.prefix).decisions, seen.decided)
  const models = Object.keys(policy.models).map((model) => ({
    model,
    decisions: decisions.filter((decision) => decision.model === model).map(summaryOf),
  }))
  const topics = [...seen.accounts.values()].map(({ topic, read, used, waiting, dropped }) => ({ topic, read, used, waiting, dropped }))
  if (options.json) return printJson({ models, topics })
  const rows = models.flatMap(({ model, decisions: list }) =>
    list.map((one) => [
      model,
      String(one.number),
      one.recordTime,
      one.verdict,
      one.rule,
      String(one.rows),
      one.evidence.toFixed(1),
      one.summary,
    ]),
  )
  printLine(table(['MODEL', 'NO', 'RECORD TIME', 'VERDICT', 'RULE', 'ROWS', 'LN E', 'SUMMARY'], rows))
  for (const { topic, read, used, waiting, dropped } of topics) {
    const lost = Object.entries(dropped).map(([reason, count]) => `${count} ${reason}`)
    tell(`${topic}: ${read} read, ${used} used, ${waiting} waiting${lost.length > 0 ? `, dropped: ${lost.join(', ')}` : ''}`)
  }
}

function summaryOf(decision: Decision) {
  const { number, id, verdict, judgeTimeMs, sequence, rows, readings, weightsAfter, summary } = decision
  const evidence = Math.max(0, ...readings.map((reading) => reading.logEvidence))
  const recordTime = new Date(judgeTimeMs).toISOString()
  return { number, id, verdict: verdict.kind, rule: verdict.rule, recordTime, sequence, rows, evidence, weights: weightsAfter, summary }
}

function portNumber(text: string): number {
  const port = Number(text)
  if (text.trim() === '' || !Number.isInteger(port) || port < 0 || port > 65_535) throw new InvalidArgumentError('must be a port number.')
  return port
}

function workerCount(text: string): number {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1 || count > WORKERS_MAX)
    throw new InvalidArgumentError(`must be a whole number from 1 to ${WORKERS_MAX}.`)
  return count
}
