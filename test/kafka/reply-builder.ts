/** Writes Fetch v11 replies byte by byte, independently of the reader, for tests. */
export interface BuiltPartition {
  readonly partition: number
  readonly errorCode?: number
  readonly lastStable?: number
  readonly aborted?: readonly { readonly producerId: number; readonly firstOffset: number }[] | null
  readonly records?: Buffer | null
}

export interface BuiltReply {
  readonly correlationId?: number
  readonly errorCode?: number
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly BuiltPartition[] }[]
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

export function int64(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}

export function buildReply({ correlationId = 0, errorCode = 0, topics }: BuiltReply): Buffer {
  const parts = [int32(correlationId), int32(0), int16(errorCode), int32(0), int32(topics.length)]
  for (const { topic, partitions } of topics) {
    parts.push(int16(Buffer.byteLength(topic)), Buffer.from(topic), int32(partitions.length), ...partitions.map(partitionBytes))
  }
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}

function partitionBytes({ partition, errorCode = 0, lastStable = 0, aborted = [], records = Buffer.alloc(0) }: BuiltPartition): Buffer {
  return Buffer.concat([
    ...[int32(partition), int16(errorCode), int64(lastStable + 5), int64(lastStable), int64(1), int32(aborted?.length ?? -1)],
    ...(aborted ?? []).flatMap(({ producerId, firstOffset }) => [int64(producerId), int64(firstOffset)]),
    int32(-1),
    int32(records?.length ?? -1),
    records ?? Buffer.alloc(0),
  ])
}
