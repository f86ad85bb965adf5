/**
 * A day in the life of one daemon, time-accelerated: traffic, labels, gateways, rollouts begun and taken back every hour, retention and
 * compaction at work, and the memory of the process after each hour, with everything collected that can be.
 */
import type { MemoryPartition, StoredRecord } from '../../../src/kafka/log/memory-broker.ts'
import { drawPlan } from './plan.ts'
import { NO_PLANT } from './plants.ts'
import { Scheduler, withVirtualTimers } from './scheduler.ts'
import { SimWorld } from './world.ts'

export interface Hour {
  readonly hour: number
  /** Without the slots in which the simulated broker keeps its records, holes included. */
  readonly heapBytes: number
  /** Outside the heap: buffers. */
  readonly externalBytes: number
  /** What the simulated broker holds: it is no part of the daemon. */
  readonly brokerBytes: number
  readonly decisions: number
}

export interface Slope {
  readonly bytesPerHour: number
  readonly standardError: number
}

const BEGIN_MS = 1_760_000_000_000
const MINUTE_MS = 60_000
const RETENTION_MS = 5 * MINUTE_MS

export async function simulateDay(seed: number, hours: number, each: (hour: Hour) => void): Promise<void> {
  const { gc } = globalThis
  if (gc === undefined) throw new Error('start node with --expose-gc')
  const scheduler = new Scheduler(BEGIN_MS, seed)
  await withVirtualTimers(scheduler, async () => {
    const world = new SimWorld(scheduler, NO_PLANT, { ...drawPlan(scheduler, 2), daemons: 1, gateways: 2, perSecond: 16 })
    world.traffic.keeps = false
    world.keeps = false
    world.start()
    for (let hour = 1; hour <= hours; hour++) {
      for (let minute = 0; minute < 60; minute++) await passMinute(world, minute)
      await gc()
      const { heapUsed, external } = process.memoryUsage()
      const decisions = world.cluster.broker.topics.get(world.topics.decisions)!.reduce((sum, { end }) => sum + end, 0)
      each({ hour, heapBytes: heapUsed - slotBytes(world), externalBytes: external, brokerBytes: sizeOf(world), decisions })
    }
    await world.stopDaemons()
  })
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
  for (const [topic, partitions] of cluster.broker.topics) {
    for (const [index, partition] of partitions.entries()) {
      if (compacted.has(topic)) compact(partition)
      const limitMs = scheduler.nowMs - RETENTION_MS
      const isGone = (record: StoredRecord) => (compacted.has(topic) ? record.marker : record.timestampMs < limitMs)
      const kept = partition.records.findIndex((record) => !isGone(record))
      if (kept > 0 && partition.lastStable === partition.end) cluster.broker.truncate(topic, index, partition.start + kept)
    }
  }
}

/** Where a record was, and the same for all: the broker's own holes must not look like the daemon's memory. */
const HOLE: StoredRecord = { offset: -1, timestampMs: 0, key: null, value: null, headers: [], transaction: null, marker: true }

/** Of each key only the newest record stays. */
function compact(partition: MemoryPartition): void {
  const seen = new Set<string>()
  for (let at = partition.records.length - 1; at >= 0; at--) {
    const record = partition.records[at]!
    if (record.transaction?.state === 'open') continue
    if (record.marker) {
      partition.records[at] = HOLE
      continue
    }
    const key = record.key?.toString() ?? ''
    const isOld = seen.has(key) || record.transaction?.state === 'aborted' || record.value === null
    seen.add(key)
    if (isOld) partition.records[at] = HOLE
  }
}

function slotBytes({ cluster }: SimWorld): number {
  return [...cluster.broker.topics.values()].flat().reduce((sum, { records }) => sum + 8 * records.length, 0)
}

function sizeOf({ cluster }: SimWorld): number {
  let bytes = 0
  for (const partitions of cluster.broker.topics.values()) {
    for (const { records } of partitions) for (const { key, value } of records) bytes += 200 + (key?.length ?? 0) + (value?.length ?? 0)
  }
  return bytes
}

/** Least squares of bytes over hours. */
export function slopeOf(hours: readonly { readonly hour: number; readonly bytes: number }[]): Slope {
  const count = hours.length
  const middle = hours.reduce((sum, { hour }) => sum + hour, 0) / count
  const mean = hours.reduce((sum, { bytes }) => sum + bytes, 0) / count
  const spread = hours.reduce((sum, { hour }) => sum + (hour - middle) ** 2, 0)
  const bytesPerHour = hours.reduce((sum, { hour, bytes }) => sum + (hour - middle) * (bytes - mean), 0) / spread
  const rest = hours.reduce((sum, { hour, bytes }) => sum + (bytes - mean - bytesPerHour * (hour - middle)) ** 2, 0)
  return { bytesPerHour, standardError: Math.sqrt(rest / (count - 2) / spread) }
}
