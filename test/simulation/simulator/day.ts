/**
 * A day in the life of one daemon, time-accelerated: traffic, labels, gateways, rollouts begun and taken back every hour, retention and
 * compaction at work, and what is alive in the process every twenty minutes.
 */
import type { MemoryPartition, StoredRecord } from '../../../src/kafka/log/memory-broker.ts'
import { createMetrics } from '../../../src/telemetry/metrics.ts'
import { type Alive, alive } from './alive.ts'
import { drawPlan } from './plan.ts'
import type { Plant } from './plants.ts'
import { Scheduler, withVirtualTimers } from './scheduler.ts'
import { SimWorld } from './world.ts'

/** What is alive after so many minutes. */
export interface Sample extends Alive {
  readonly minute: number
  /** Timers that wait, but those of the traffic; readers and sources that are open; what the process holds open. */
  readonly handles: number
  /** Part of the above that is no part of the daemon: what the simulated broker holds. Flat too, since it deletes as brokers do. */
  readonly brokerBytes: number
  readonly decisions: number
}

const BEGIN_MS = 1_760_000_000_000
const MINUTE_MS = 60_000
const RETENTION_MS = 5 * MINUTE_MS
export const SAMPLES_PER_HOUR = 3

export async function simulateDay(seed: number, hours: number, plant: Plant, each: (sample: Sample) => void): Promise<void> {
  const scheduler = new Scheduler(BEGIN_MS, seed)
  await withVirtualTimers(scheduler, async () => {
    const world = new SimWorld(scheduler, plant, { ...drawPlan(scheduler, 2), daemons: 1, gateways: 2, perSecond: 16 })
    world.traffic.keeps = false
    world.keeps = false
    const metrics = createMetrics()
    world.watch = metrics.observe
    world.start()
    for (let minute = 1; minute <= hours * 60; minute++) {
      await passMinute(world, (minute - 1) % 60)
      if (minute % (60 / SAMPLES_PER_HOUR) === 0) each({ minute, ...(await alive()), ...countsOf(world) })
    }
    await world.stopDaemons()
  })
}

function countsOf(world: SimWorld): Omit<Sample, keyof Alive | 'minute'> {
  const { scheduler, cluster, topics, traffic } = world
  const handles = scheduler.waiting - traffic.onTheWay + cluster.opened + process.getActiveResourcesInfo().length
  const decisions = cluster.broker.topics.get(topics.decisions)!.reduce((sum, { end }) => sum + end, 0)
  return { handles, brokerBytes: sizeOf(world), decisions }
}

async function passMinute(world: SimWorld, minute: number): Promise<void> {
  const { scheduler, traffic } = world
  // A model is taken back and let go again every hour, so that rollouts never end.
  if (minute === 40) world.ask('rollback', 1)
  if (minute === 45) for (const { name } of world.plan.models) world.ask('resume', 1, name)
  for (let part = 0; part < 120; part++) {
    traffic.serve()
    await scheduler.advance(500)
  }
  keepHouse(world)
}

/** What a broker does in the background. */
function keepHouse({ cluster, topics, scheduler }: SimWorld): void {
  const compacted = new Set([topics.state, topics.control, topics.checkpoints])
  const limitMs = scheduler.nowMs - RETENTION_MS
  for (const [topic, partitions] of cluster.broker.topics) {
    for (const [index, partition] of partitions.entries()) {
      if (compacted.has(topic)) compact(partition)
      else if (partition.lastStable === partition.end) {
        const kept = partition.records.find((record) => record.timestampMs >= limitMs)
        cluster.broker.truncate(topic, index, kept?.offset ?? partition.end)
      }
    }
  }
}

/** Of each key only the newest record stays. */
function compact(partition: MemoryPartition): void {
  const newest = new Map<string, number>()
  const keyOf = ({ key }: StoredRecord): string => key?.toString() ?? ''
  const isSettled = ({ transaction }: StoredRecord): boolean => transaction?.state !== 'open'
  for (const record of partition.records) {
    if (!record.marker && isSettled(record) && record.transaction?.state !== 'aborted') newest.set(keyOf(record), record.offset)
  }
  partition.compact(
    (record) => isSettled(record) && (record.marker || record.value === null || newest.get(keyOf(record)) !== record.offset),
  )
}

function sizeOf({ cluster }: SimWorld): number {
  let bytes = 0
  for (const partitions of cluster.broker.topics.values()) {
    for (const { records } of partitions) for (const { key, value } of records) bytes += 200 + (key?.length ?? 0) + (value?.length ?? 0)
  }
  return bytes
}
