/**
 * Reads a topic for a Watch and publishes what it says, as alerts and nothing else.
 *
 * What is on the log already is history: habits are learnt from it and nothing is published. Where it ends, the incidents that hold are
 * held against those that the alerts topic says hold, and the difference is published; from then on each change. So a restart neither
 * repeats an alert nor forgets to end one, and no state is kept elsewhere.
 */
import type { Alert, LogRecord } from '../domain.ts'
import type { EventLog, Reader, Source } from '../kafka/contract.ts'
import { recordsOf } from '../kafka/log-record.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import type { Watch } from '../watch/watch.ts'
import { alertRecord } from '../wire/alerts.ts'
import { readAlerts } from './topic-reads.ts'

export interface WatchPlan {
  readonly log: EventLog
  readonly watch: Watch
  readonly topic: string
  /** Gives one record to the watch. */
  readonly feed: (record: LogRecord, partition: number) => void
  /** A partition has reached its end, or has more to read. */
  readonly onCaughtUp: (partition: number, caughtUp: boolean) => void
  /** Null: nothing is published. */
  readonly alertsTopic: string | null
  /** True for incidents that this watch, and no other, may end. */
  readonly isOurs: (incident: Alert) => boolean
  /** At most so many of the newest records of each partition; 0: all. */
  readonly recordsMax: number
  /** No partition runs further ahead of the slowest than this, in record time, or points would pile up between them. */
  readonly aheadMsMax: number
  /** Stops where the topic ends now. */
  readonly untilEnd: boolean
  readonly clock: Clock
  readonly stopped: () => boolean
  readonly tell: (alert: Alert, phase: WatchPhase) => void
  /** What was on the log has been read, and it goes on. */
  readonly onLive?: () => void
}

/** `history`: it was so before this began; `standing`: it still was when history ended, `live`: it came since. */
export type WatchPhase = 'history' | 'standing' | 'live'

interface Lane {
  readonly partition: number
  readonly source: Source
  /** Where the topic ended when this began. */
  readonly historyEnd: number
  /** Time of the last record taken, by its own clock and by this process's. */
  clockMs: number
  busyAtMs: number
}

const WAIT_MS = 500
/** A partition that brought nothing for so long holds the others no longer: what it knows of its end may be one fetch old. */
const QUIET_MS = 2_000

export async function watchLog(plan: WatchPlan): Promise<void> {
  const reader = plan.log.reader()
  const outlet = plan.alertsTopic === null ? null : await openOutlet(plan, plan.alertsTopic)
  try {
    await follow(plan, reader, await openLanes(plan, reader), outlet)
  } finally {
    await reader.close()
    await outlet?.close()
  }
}

async function openLanes({ log, topic, recordsMax, onCaughtUp, clock }: WatchPlan, reader: Reader): Promise<readonly Lane[]> {
  const bounds = await log.admin.offsets(topic)
  return bounds.map(({ partition, start, end }) => {
    const from = recordsMax === 0 ? start : Math.max(start, end - recordsMax)
    onCaughtUp(partition, false)
    return {
      partition,
      source: reader.open(topic, partition, from),
      historyEnd: end,
      clockMs: Number.NEGATIVE_INFINITY,
      busyAtMs: clock.monotonicMs(),
    }
  })
}

async function follow(plan: WatchPlan, reader: Reader, lanes: readonly Lane[], outlet: Outlet | null): Promise<void> {
  const { watch, clock } = plan
  let lastRecordMs = clock.monotonicMs()
  let historyBusyAtMs = lastRecordMs
  let history = true
  while (!plan.stopped()) {
    const took = takeAll(plan, lanes)
    const nowMs = clock.monotonicMs()
    if (took) lastRecordMs = nowMs
    if (!lanes.every(isThroughHistory)) historyBusyAtMs = nowMs
    const alerts = watch.advance(history ? 0 : nowMs - lastRecordMs)
    for (const alert of alerts) plan.tell(alert, history ? 'history' : 'live')
    if (!history) await outlet?.publish(alerts)
    // Some time behind its end, so that what it leaves open has been closed as history and is not told as news.
    if (history && (plan.untilEnd ? lanes.every(isThroughHistory) : nowMs - historyBusyAtMs > 2 * QUIET_MS)) {
      history = false
      await endHistory(plan, outlet)
      if (plan.untilEnd) return
      plan.onLive?.()
    }
    await reader.wait(took ? 0 : WAIT_MS)
  }
}

async function endHistory({ watch, tell }: WatchPlan, outlet: Outlet | null): Promise<void> {
  const standing = [...watch.open.values()]
  for (const alert of standing) tell(alert, 'standing')
  await outlet?.reconcile(standing)
}

function isThroughHistory({ source, historyEnd }: Lane): boolean {
  return source.next >= historyEnd
}

/** What is buffered, a batch of each partition; false when nothing was. */
function takeAll(plan: WatchPlan, lanes: readonly Lane[]): boolean {
  const slowestMs = lanes
    .filter((lane) => !isThroughHistory(lane))
    .reduce((least, lane) => Math.min(least, lane.clockMs), Number.POSITIVE_INFINITY)
  const nowMs = plan.clock.monotonicMs()
  const allWereQuiet = lanes.every((lane) => isQuiet(lane, nowMs))
  let took = false
  for (const lane of lanes) {
    if (lane.clockMs > slowestMs + plan.aheadMsMax) continue
    const batch = lane.source.take()
    for (const record of batch === null ? [] : recordsOf(batch)) {
      lane.clockMs = Math.max(lane.clockMs, record.timestampMs)
      plan.feed(record, lane.partition)
    }
    took ||= batch !== null
    if (batch !== null || !lane.source.caughtUp) lane.busyAtMs = nowMs
  }
  for (const lane of lanes) {
    // Where records come in batches, the first partition to speak again must not close the points of the others.
    if (took && allWereQuiet) lane.busyAtMs = nowMs
    plan.onCaughtUp(lane.partition, plan.untilEnd ? isThroughHistory(lane) : isQuiet(lane, nowMs))
  }
  return took
}

function isQuiet(lane: Lane, nowMs: number): boolean {
  return nowMs - lane.busyAtMs > QUIET_MS
}

interface Outlet {
  /** Publishes what differs from what the topic says. */
  reconcile(open: readonly Alert[]): Promise<void>
  publish(alerts: readonly Alert[]): Promise<void>
  close(): Promise<void>
}

async function openOutlet({ log, isOurs }: WatchPlan, topic: string): Promise<Outlet> {
  const partitions = (await log.admin.topics([topic])).get(topic)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
  const known = new Map<string, Alert>()
  for (const alert of await readAlerts(log, topic)) {
    if (!isOurs(alert)) continue
    if (alert.status === 'firing') known.set(alert.incident, alert)
    else known.delete(alert.incident)
  }
  const writer = await log.writer()
  const publish = async (alerts: readonly Alert[]): Promise<void> => {
    for (const alert of alerts) {
      const record = alertRecord(alert)
      await writer.send(topic, partitionOf(Buffer.from(alert.incident), partitions), [record])
    }
  }
  const reconcile = async (open: readonly Alert[]): Promise<void> => {
    const holding = new Set(open.map(({ incident }) => incident))
    await publish(open.filter(({ incident }) => !known.has(incident)))
    const over = [...known.values()].filter(({ incident }) => !holding.has(incident))
    await publish(over.map((alert) => ({ ...alert, status: 'resolved' })))
  }
  return { reconcile, publish, close: () => writer.close() }
}
