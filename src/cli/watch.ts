/**
 * `flyball watch`: anomalies in any numeric field of any topic, or in Flyball's own metrics (`--panes`). Alerts go to the alerts topic and to
 * stdout; traffic is never touched.
 */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Alert, LogRecord } from '../domain.ts'
import { type Clock, systemClock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { isoTime } from '../kit/iso-time.ts'
import { stepsOf, UNIT_SCALE } from '../policy/units.ts'
import { type WatchPhase, watchLog } from '../shell/watch-log.ts'
import { measuredInPane, type TakenThrough } from '../watch/pane-metrics.ts'
import { measuredIn, type RecordShape } from '../watch/record-fields.ts'
import { Watch } from '../watch/watch.ts'
import { decodePane } from '../wire/panes.ts'
import { duration, wholeNumber } from './arguments.ts'
import { type Connected, type ConnectionOptions, connected, withConnectionOptions } from './connected.ts'
import { printLine, tell } from './output.ts'

export interface WatchOptions extends ConnectionOptions {
  readonly topic?: string
  readonly field?: string
  readonly key?: string
  readonly time?: string
  readonly timeUnit: 's' | 'ms' | 'us' | 'ns'
  readonly aggregate: 'mean' | 'sum' | 'count'
  readonly panes?: true
  readonly every: number
  readonly noDataAfter?: number
  readonly maxSeries: number
  readonly last: number
  readonly untilEnd?: true
  readonly dryRun?: true
  readonly json?: true
}

/** What a test replaces. */
export interface WatchEdges {
  readonly clock: Clock
  readonly stopped: () => boolean
  readonly print: (line: string) => void
}

/** What is read, and how it becomes numbers. */
interface Input {
  readonly topic: string
  /** Beginnings of the names of the incidents that are ours. */
  readonly subjects: readonly string[]
  lanePatienceMs(everyMs: number): number
  feed(watch: Watch, record: LogRecord, partition: number): void
  caughtUp(watch: Watch, partition: number, caughtUp: boolean): void
}

const OUR_CAUSES: readonly string[] = ['series', 'no-data']
const NO_DATA_POINTS = 3
const AHEAD_POINTS_MAX = 60
const SOURCE_PATIENCE_MS = 3_600_000

export function register(program: Command): void {
  withConnectionOptions(program.command('watch'))
    .description('watch any numeric field, or Flyball’s own metrics, for anomalies; alerts only, traffic is never touched')
    .option('--topic <topic>', 'JSON records to watch')
    .option('--field <path>', 'the number, for example payload.amount; true and false count as 1 and 0')
    .option('--key <path>', 'a series for each value of this field')
    .option('--time <path>', "the record's own time (a number, or ISO 8601 text), instead of Kafka's timestamp")
    .addOption(new Option('--time-unit <unit>', 'of a number at --time').choices(['s', 'ms', 'us', 'ns']).default('ms'))
    .addOption(new Option('--aggregate <how>', 'how records become a point').choices(['mean', 'sum', 'count']).default('mean'))
    .option('--panes', 'volume of every model, error rate and latency of every version, from the panes Flyball writes')
    .addOption(new Option('--every <duration>', 'distance of the points').argParser(duration).default(300_000, '5m'))
    .option('--no-data-after <duration>', 'how long without data is too long; default: three points', duration)
    .option('--max-series <count>', 'at most so many series; records of the rest are counted', atLeastOne, 1000)
    .option('--last <records>', 'learn from at most so many of the newest records of each partition; 0: all', wholeNumber, 0)
    .option('--until-end', 'stop where the topic ends now')
    .option('--dry-run', 'publish nothing; tells what it would have told of the past, too')
    .option('--json', 'each alert as a line of JSON on stdout')
    .action(watchCommand)
}

async function watchCommand(options: WatchOptions): Promise<void> {
  requireSubject(options)
  let stopped = false
  const stop = (): void => {
    stopped = true
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    await connected(options, (connection) =>
      watchWith(connection, options, { clock: systemClock, stopped: () => stopped, print: printLine }),
    )
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop)
  }
}

export async function watchWith(connection: Connected, options: WatchOptions, edges: WatchEdges): Promise<Watch> {
  const { loaded, log, topics } = connection
  const { environment } = loaded.layout
  const input = inputOf(connection, options)
  const noDataAfterMs = options.noDataAfter ?? NO_DATA_POINTS * options.every
  const watch = new Watch({
    environment,
    subject: input.topic,
    everyMs: options.every,
    noDataAfterMs,
    seriesMax: options.maxSeries,
    lanePatienceMs: input.lanePatienceMs(options.every),
  })
  const tellsHistory = options.dryRun === true || options.untilEnd === true
  const mine = input.subjects.map((subject) => `${encodeURIComponent(environment)}/${subject}`)
  await watchLog({
    log,
    watch,
    topic: input.topic,
    feed: (record, partition) => input.feed(watch, record, partition),
    onCaughtUp: (partition, caughtUp) => input.caughtUp(watch, partition, caughtUp),
    alertsTopic: options.dryRun ? null : topics.alerts,
    isOurs: ({ incident, cause }) => OUR_CAUSES.includes(cause) && mine.some((beginning) => incident.startsWith(beginning)),
    recordsMax: options.last,
    aheadMsMax: AHEAD_POINTS_MAX * options.every,
    untilEnd: options.untilEnd ?? false,
    clock: edges.clock,
    stopped: edges.stopped,
    tell: (alert, phase) => {
      if (toldIn(phase, tellsHistory)) edges.print(options.json ? JSON.stringify(alert) : lineOf(alert))
    },
    // A field that is not there would else be silence without end.
    onLive: () => tell(`watching ${input.topic}; so far ${summaryOf(watch)}`),
  })
  tell(summaryOf(watch))
  return watch
}

/** Incidents that stand when history ends are told once: then, or as they came up in history. */
function toldIn(phase: WatchPhase, tellsHistory: boolean): boolean {
  return phase === 'live' || (phase === 'history') === tellsHistory
}

function requireSubject({ panes, topic, field, aggregate }: WatchOptions): void {
  const fault = (problem: string): FlyballError => new FlyballError('FLY-CLI-009', { problem })
  if (panes && topic !== undefined) throw fault('--panes and --topic exclude each other')
  if (!panes && topic === undefined) throw fault('neither --topic nor --panes is given')
  if (!panes && field === undefined && aggregate !== 'count') throw fault(`--aggregate ${aggregate} needs --field`)
}

function inputOf({ loaded, topics }: Connected, options: WatchOptions): Input {
  const { topic, field, key, time } = options
  if (topic === undefined) {
    const models = loaded.layout.models.map(({ name }) => `${encodeURIComponent(name)}/`)
    return paneInput(topics.panes, [...models, `${encodeURIComponent(topics.panes)}/no-data`])
  }
  return recordInput({
    topic,
    aggregate: options.aggregate,
    field: field === undefined || options.aggregate === 'count' ? null : stepsOf(field),
    key: key === undefined ? null : stepsOf(key),
    time: time === undefined ? null : stepsOf(time),
    timeScale: UNIT_SCALE[options.timeUnit],
  })
}

function recordInput(shape: RecordShape): Input {
  const topic = encodeURIComponent(shape.topic)
  const metric = shape.aggregate === 'count' ? 'count' : (shape.field ?? []).join('.')
  return {
    topic: shape.topic,
    subjects: [`${topic}/${encodeURIComponent(metric)}/`, `${topic}/no-data`],
    // Whether a partition has more to say is known from its end.
    lanePatienceMs: () => Number.POSITIVE_INFINITY,
    feed: (watch, record, partition) => {
      const measured = measuredIn(record, shape)
      watch.counts.records += 1
      if (typeof measured !== 'string') return watch.take(String(partition), measured)
      watch.refuse(measured)
      // A partition that brings nothing of use must not hold the others back.
      if (shape.time === null) watch.passTime(String(partition), record.timestampMs)
    },
    caughtUp: (watch, partition, caughtUp) => watch.setActive(String(partition), !caughtUp),
  }
}

/** A lane is a source in one partition of the panes topic: a slow source holds the others until it is idle or has ended. */
function paneInput(topic: string, subjects: readonly string[]): Input {
  const taken: TakenThrough = new Map()
  const lanes = new Set<string>()
  return {
    topic,
    subjects,
    // A source that has gone writes no pulse that would say so.
    lanePatienceMs: (everyMs) => SOURCE_PATIENCE_MS + 10 * everyMs,
    feed: (watch, record, partition) => {
      watch.counts.records += 1
      const pane = record.value === null ? null : readPane(record.value)
      if (pane === null) return watch.refuse(record.value === null ? 'tombstone' : 'undecodable')
      const lane = `${pane.source} ${partition}`
      lanes.add(lane)
      if (pane.kind === 'pulse') {
        watch.setActive(lane, !pane.idle && !pane.ended)
        return watch.passTime(lane, pane.sliceEndMs)
      }
      for (const measured of measuredInPane(pane, taken)) watch.take(lane, measured)
    },
    caughtUp: (watch, partition, caughtUp) =>
      watch.setActive(`partition ${partition}`, !caughtUp && ![...lanes].some((lane) => lane.endsWith(` ${partition}`))),
  }
}

/** Null for bytes that are no pane: one broken record must not blind the watch. */
function readPane(value: Buffer): ReturnType<typeof decodePane> | null {
  try {
    return decodePane(value)
  } catch (error) {
    if (error instanceof FlyballError) return null
    throw error
  }
}

function lineOf({ judgeTimeMs, status, severity, summary }: Alert): string {
  return `${isoTime(judgeTimeMs)}  ${status === 'firing' ? severity : status}  ${summary}`
}

function summaryOf(watch: Watch): string {
  const { records, points, late, ahead, unwatched, unusable } = watch.counts
  const left = Object.entries({ ...unusable, late, ahead, unwatched }).filter(([, count]) => count > 0)
  const leftText = left.length === 0 ? '' : `; left out: ${left.map(([reason, count]) => `${count} ${reason}`).join(', ')}`
  return `${records} records, ${points} points of ${watch.seriesCount} series, ${watch.open.size} incidents open${leftText}`
}

function atLeastOne(text: string): number {
  if (wholeNumber(text) < 1) throw new InvalidArgumentError('must be a whole number above 0.')
  return Number(text)
}
