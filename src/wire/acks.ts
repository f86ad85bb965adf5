/** Acks and presence of gateways: `schemas/acks.avsc`. */
import type { Ack, OutgoingRecord } from '../domain.ts'
import { partitionOf } from '../kit/hash.ts'
import { type LengthsMax, withinLengths } from './lengths.ts'
import { plain } from './plain.ts'
import { avroCodec } from './schema.ts'
import { versionHeaders } from './versions.ts'

const VERSION = 2
const codec = avroCodec('acks', VERSION)

/** A gateway is remembered by its name. */
const LENGTHS_MAX: LengthsMax<Ack> = { gateway: 256 }

/** The bytes alone: to be sent they need the header that `ackRecord` puts beside them. */
export function encodeAck(ack: Ack): Buffer {
  return codec.encode(ack)
}

/** `version`: as `versionOf` reads it from the record's headers; absent: the newest. */
export function decodeAck(bytes: Uint8Array, version = VERSION): Ack {
  return withinLengths('acks', plain<Ack>(codec.decode(bytes, version)), LENGTHS_MAX)
}

export function ackRecord(ack: Ack): OutgoingRecord {
  return { key: ack.model, value: encodeAck(ack), headers: versionHeaders(VERSION) }
}

/** By the partition where the model's acks belong. */
export function ackRecords(acks: readonly Ack[], partitions: number): ReadonlyMap<number, readonly OutgoingRecord[]> {
  const grouped = new Map<number, OutgoingRecord[]>()
  for (const ack of acks) {
    const partition = partitionOf(Buffer.from(ack.model), partitions)
    const records = grouped.get(partition) ?? []
    records.push(ackRecord(ack))
    grouped.set(partition, records)
  }
  return grouped
}
