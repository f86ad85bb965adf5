/**
 * A day in the life of one daemon, time-accelerated: traffic, labels, gateways, rollouts begun and taken back every hour, retention and
 * compaction at work, and what is alive in the process every twenty minutes.
 */
import type { MemoryBroker, MemoryPartition, StoredRecord } from '../../../src/kafka/log/memory-broker.ts'
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
  /** No part of the daemon: what the simulated broker's records are in the heap. Flat too, since it deletes as brokers do. */
  readonly brokerObjects: number
  /** The buffers that they lie in. */
  readonly brokerBufferBytes: number
  readonly decisions: number
}

const BEGIN_MS = 1_760_000_000_000
const MINUTE_MS = 60_000
const RETENTION_MS = 5 * MINUTE_MS
export const SAMPLES_PER_HOUR = 3

export async function simulateDay(seed: number, hours: number, plant: Plant, each: (sample: Sample) => Promise<void>): Promise<void> {
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
      if (minute % (60 / SAMPLES_PER_HOUR) === 0) await each({ minute, ...(await alive()), ...countsOf(world) })
    }
    await world.stopDaemons()
  })
}

function countsOf(world: SimWorld): Omit<Sample, keyof Alive | 'minute'> {
  const { scheduler, cluster, topics, traffic } = world
  const handles = scheduler.waiting - traffic.onTheWay + cluster.opened + process.getActiveResourcesInfo().length
  const decisions = cluster.broker.topics.get(topics.decisions)!.reduce((sum, { end }) => sum + end, 0)
  const { objects, bufferBytes } = heldBy(cluster.broker)
  return { handles, brokerObjects: objects, brokerBufferBytes: bufferBytes, decisions }
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

interface Held {
  readonly objects: number
  readonly bufferBytes: number
}

/**
 * What a broker's records are in the heap: one object each, one for each buffer, two for each header; and the memory that the buffers lie
 * in, each stretch once. Small ones share stretches of 8 KiB, and one record that stays holds a whole stretch: how much that is depends on
 * what was made beside the records, and is several times what stands in them.
 */
export function heldBy({ topics }: Pick<MemoryBroker, 'topics'>): Held {
  const stretches = new Set<ArrayBufferLike>()
  let objects = 0
  const add = (bytes: Buffer | null): void => {
    if (bytes === null) return
    objects++
    stretches.add(bytes.buffer)
  }
  for (const partitions of topics.values()) {
    for (const { records } of partitions) {
      for (const { key, value, headers } of records) {
        objects += 1 + headers.length
        add(key)
        add(value)
        for (const [, header] of headers) add(header)
      }
    }
  }
  return { objects, bufferBytes: [...stretches].reduce((sum, { byteLength }) => sum + byteLength, 0) }
}
