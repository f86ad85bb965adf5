/**
 * Claims, checkpoints and unit chunks of one source partition on the `checkpoints` topic.
 *
 * The offset of the claim is the epoch of all this owner writes; what stands before it is what it resumes from. A checkpoint is keyed
 * by source AND epoch, so that an owner thrown out of its group, who can still write, never replaces a newer owner's; and one that lies
 * behind the claim of a newer owner is not resumed from, even when that newer owner left none.
 */
import { randomUUID } from 'node:crypto'
import type { LogRecord, OutgoingRecord, Stamp } from '../domain.ts'
import type { EventLog, Reader, Writer } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { partitionOf } from '../kit/hash.ts'
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type UnitChunk } from '../wire/checkpoints.ts'
import { checkpointKey, claimKey, unitChunkKey } from '../wire/keys.ts'
import { boundsOf } from './partition-bounds.ts'

export interface Resumed {
  readonly epoch: number
  /** Stamp of the checkpoint resumed from; epoch and sequence -1 when there is none. */
  readonly base: Stamp
  readonly body: Buffer | null
  readonly unitChunks: readonly UnitChunk[]
}

/** Where a source's checkpoints lie. */
export interface CheckpointPlace {
  readonly topic: string
  readonly partition: number
  readonly source: string
}

export function checkpointPartition(source: string, partitions: number): number {
  return partitionOf(Buffer.from(source), partitions)
}

/** Writes a claim and reads back what it finds. Null when `alive` said no on the way. */
export async function claim(
  log: EventLog,
  reader: Reader,
  writer: Writer,
  place: CheckpointPlace,
  clock: Clock,
  alive: () => boolean,
): Promise<Resumed | null> {
  const value = encodeCheckpoint({ kind: 'claim', source: place.source, nonce: randomUUID(), atMs: clock.nowMs() })
  const { baseOffset } = await writer.send(place.topic, place.partition, [{ key: claimKey(place.source), value }])
  const { start } = await boundsOf(log, place.topic, place.partition)
  const found = collector(place.source)
  const end = await reader.readRange(place.topic, place.partition, start, baseOffset, found.take, alive)
  return end === null ? null : found.resumed(baseOffset)
}

function collector(source: string): { take: (record: LogRecord) => void; resumed: (epoch: number) => Resumed } {
  let best: Checkpoint | null = null
  let lastClaim = -1
  const chunks = new Map<string, UnitChunk>()
  return {
    take: (record) => {
      if (record.value === null) return
      const found = decodeCheckpoint(record.value)
      if (found.source !== source) return
      if (found.kind === 'claim') lastClaim = record.offset
      else if (found.kind === 'units') chunks.set(String(record.key), found)
      // Behind a newer owner's claim an older one's panes are refused: what it says of them there is not true for the judge.
      else if (found.epoch >= lastClaim && (best === null || later(found, best))) best = found
    },
    resumed: (epoch) => ({
      epoch,
      base: best === null ? { epoch: -1, sequence: -1 } : { epoch: best.epoch, sequence: best.sequence },
      body: best?.body ?? null,
      unitChunks: [...chunks.values()].sort((a, b) => a.chunk - b.chunk),
    }),
  }
}

const later = (a: Stamp, b: Stamp): boolean => a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence)

export function checkpointRecord(source: string, stamp: Stamp, body: Buffer): OutgoingRecord {
  return { key: checkpointKey(source, stamp.epoch), value: encodeCheckpoint({ kind: 'checkpoint', source, ...stamp, body }) }
}

/** The checkpoint of an epoch that is over: gone once a newer owner has written its own. */
export function tombstone(source: string, epoch: number): OutgoingRecord {
  return { key: checkpointKey(source, epoch), value: null }
}

/** Keyed by epoch too: an owner that is out and behind would otherwise replace a chunk by a shorter one. */
export function unitChunkRecord(source: string, epoch: number, chunk: number, bytes: Buffer): OutgoingRecord {
  return { key: unitChunkKey(source, epoch, chunk), value: encodeCheckpoint({ kind: 'units', source, chunk, bytes }) }
}
