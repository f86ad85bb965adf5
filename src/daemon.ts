/**
 * The composition root, in the order of the flow: predictions and outcomes → measure (ingest, join, panes) → judge → control topic.
 *
 * `runDaemon` returns when its signal says so, or when a drain has read both topics to their present ends. Everything that is not
 * pure comes in as a parameter: the log, the clock, where events go.
 */
import type { EventLog } from './kafka/contract.ts'
import type { Clock } from './kit/clock.ts'
import { FlyballError } from './kit/errors.ts'
import { ownTopics, topicNames } from './kit/topics.ts'
import { inputTopics, type Layout } from './policy/layout.ts'
import type { ActWorker } from './shell/act-worker.ts'
import { ChangeFeed } from './shell/change-feed.ts'
import type { JudgeContext } from './shell/judge-partition.ts'
import { JudgeWorker } from './shell/judge-worker.ts'
import type { MeasureContext } from './shell/measure-task.ts'
import { MeasureWorker } from './shell/measure-worker.ts'
import type { Measurer, Measuring } from './shell/measuring.ts'
import { originTopics, rekeyWorker } from './shell/rekey-start.ts'
import { signaturesOf } from './shell/signatures.ts'
import type { Emit, FlyballEvent } from './telemetry/events.ts'
import type { Health } from './telemetry/http.ts'

export interface DaemonOptions {
  readonly log: EventLog
  readonly layout: Layout
  readonly prefix: string
  /** Partitions of the topics keyed by model, when they are created. */
  readonly judgePartitions: number
  readonly clock: Clock
  readonly emit: Emit
  /** Create Flyball's own topics where they are missing. Never done silently in production: `flyball topics --create`. */
  readonly createTopics: boolean
  /** Read both topics to their present ends, then return. */
  readonly drain: boolean
  readonly version: string
  /** Who measures; left out: one worker in this thread. */
  readonly measurer?: Measurer
  /** Where destinations of alerts that are logs write; left out: nobody is told of alerts here. A drain tells nobody. */
  readonly writeAlert?: (line: Readonly<Record<string, unknown>>) => void
}

export interface Daemon {
  readonly health: Health
  /** Settles when the daemon has stopped; rejects with what ended it. */
  readonly done: Promise<void>
  stop(): Promise<void>
}

const STALLED_AFTER_MS = 30_000

export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  const ending = endingPromise()
  options.emit(policyLoaded(options.layout))
  const rekey = await rekeyWorker(options, ending.fail)
  if (options.drain) await rekey?.drain(await endsOf(options.log, originTopics(options.layout)))
  const contexts = await prepare(options)
  const measurer: Measurer = options.measurer ?? ((context, onFailure) => new MeasureWorker(context, onFailure))
  const measure = measurer(contexts.measure, ending.fail)
  const measured = options.drain ? measure.drain() : null
  const changes = changeFeed(options)
  const judge = new JudgeWorker({ ...contexts.judge, changes, measured }, ending.fail)
  const act = await actingOf(options, ending.fail)
  options.emit({ event: 'started', version: options.version, policyDigest: options.layout.policyDigest })
  if (measured === null) {
    rekey?.start(ending.fail)
    measure.start(ending.fail)
    judge.start(ending.fail)
    act?.start(ending.fail)
  } else {
    // The judge of a drain waits for measure to end: what measure fails with must not be waited for.
    measured.catch(ending.fail)
    judge.drain().then(ending.end, ending.fail)
  }
  const stop = async (reason: string): Promise<void> => {
    await act?.stop()
    await changes?.stop()
    await judge.stop()
    await measure.stop()
    await rekey?.stop()
    options.emit({ event: 'stopped', reason })
  }
  const done = ending.promise.then(
    () => stop('done'),
    async (error: unknown) => {
      await stop('failed').catch(() => undefined)
      throw error
    },
  )
  return { health: healthOf(options.clock, measure, judge, act), done, stop: async () => ending.end() }
}

function policyLoaded(layout: Layout): FlyballEvent {
  const { policyDigest, environment, models, alerting } = layout
  return {
    event: 'policy-loaded',
    policyDigest,
    environment,
    topics: inputTopics(layout),
    models: models.map(({ name, versions }) => ({ name, versions })),
    sinks: Object.entries(alerting?.sinks ?? {}).map(([name, { kind }]) => ({ name, kind })),
  }
}

function changeFeed({ log, layout, clock, emit, drain }: DaemonOptions): ChangeFeed | null {
  return layout.changesTopic === undefined ? null : new ChangeFeed({ log, topic: layout.changesTopic, clock, emit }, !drain)
}

/** Null: nobody is told here. */
async function actingOf(options: DaemonOptions, onFailure: (error: unknown) => void): Promise<ActWorker | null> {
  const { log, layout, prefix, clock, emit, writeAlert } = options
  if (options.drain || writeAlert === undefined || layout.alerting === undefined) return null
  const topics = topicNames(prefix)
  if (!(await log.admin.topics([topics.deliveries])).has(topics.deliveries)) missing(topics.deliveries)
  // Sinks and what they need are loaded by whoever tells.
  const { actWorkerOf } = await import('./shell/act-start.ts')
  return actWorkerOf({ log, layout, topics, prefix, clock, emit, write: writeAlert }, onFailure)
}

/** A promise that the first word settles. */
function endingPromise(): { promise: Promise<void>; end: () => void; fail: (error: unknown) => void } {
  let end: () => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const promise = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  return { promise, end, fail }
}

function healthOf(clock: Clock, measure: Measuring, judge: JudgeWorker, act: ActWorker | null): Health {
  return {
    stalled: () => [measure, judge, act].flatMap((part) => part?.stalled(clock.monotonicMs(), STALLED_AFTER_MS) ?? []),
    notReady: () => [
      ...(measure.owned > 0 ? [] : ['measure owns no partition yet']),
      ...(judge.owned > 0 ? [] : ['judge owns no partition yet']),
      ...(act?.isCatchingUp ? ['whoever tells people of alerts has not read what stands on the log yet'] : []),
    ],
  }
}

/** Topics are there, counts are known. */
async function prepare(options: DaemonOptions): Promise<{ measure: MeasureContext; judge: Omit<JudgeContext, 'measured' | 'changes'> }> {
  const { log, layout, prefix, clock, emit } = options
  const inputs = inputTopics(layout)
  const inputPartitions = coPartitioned(await log.admin.topics(inputs), inputs)
  if (options.createTopics) await log.admin.create(ownTopics(prefix, options.judgePartitions, inputPartitions))
  const topics = topicNames(prefix)
  // Of no concern to a daemon: it need not be allowed to see them.
  const { deliveries: _act, versions: _lineage, ...ours } = topics
  const existing = await log.admin.topics(Object.values(ours))
  const count = (topic: string): number => existing.get(topic) ?? missing(topic)
  const judgePartitions = count(topics.panes)
  for (const topic of [topics.state, topics.control, topics.decisions, topics.alerts, topics.acks, topics.requests]) {
    if (count(topic) !== judgePartitions)
      throw new FlyballError('FLY-KAFKA-007', { what: `${topics.panes}=${judgePartitions} ${topic}=${count(topic)}` })
  }
  const shared = { log, layout, topics, clock, emit, prefix }
  const ends = options.drain ? await endsOf(log, inputs) : null
  return {
    measure: {
      ...shared,
      judgePartitions,
      checkpointPartitions: count(topics.checkpoints),
      inputPartitions,
      deadLetterPartitions: count(topics.deadletter),
      ends,
      share: { index: 0, of: 1 },
    },
    judge: { ...shared, signatures: signaturesOf(layout), partitions: judgePartitions, sources: sourceNames(layout, inputPartitions) },
  }
}

export function sourceNames(layout: Layout, partitions: number): readonly string[] {
  return Array.from({ length: partitions }, (_, partition) => `${layout.predictions.topic}/${partition}`)
}

function coPartitioned(existing: ReadonlyMap<string, number>, inputs: readonly string[]): number {
  const counts = inputs.map((topic) => existing.get(topic) ?? missing(topic))
  if (counts.some((count) => count !== counts[0])) {
    throw new FlyballError('FLY-KAFKA-007', { what: inputs.map((topic, index) => `${topic}=${counts[index]}`).join(' ') })
  }
  return counts[0]!
}

function missing(topic: string): never {
  throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
}

/** Where each input partition ends now. */
async function endsOf(log: EventLog, inputs: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const ends = new Map<string, number>()
  for (const topic of inputs) for (const { partition, end } of await log.admin.offsets(topic)) ends.set(`${topic}/${partition}`, end)
  return ends
}
