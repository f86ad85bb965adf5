/** Writes record batches byte by byte, independently of the decoder, for tests. */
export interface BuiltRecord {
  readonly key?: Buffer | null
  readonly value?: Buffer | null
  readonly deltaMs?: number
  readonly headers?: readonly (readonly [string, Buffer | null])[]
}

export interface BatchOptions {
  readonly baseOffset?: number
  readonly attributes?: number
  readonly firstTimestampMs?: number
  readonly maxTimestampMs?: number
  readonly producerId?: bigint
  /** Offset deltas of the records; 0, 1, 2, … when left out. */
  readonly deltas?: readonly number[]
  readonly lastOffsetDelta?: number
  readonly compress?: (records: Buffer) => Buffer
  readonly count?: number
}

export function varint(value: number | bigint): Buffer {
  let left = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
  const bytes: number[] = []
  do {
    bytes.push(Number(left & 127n) | (left > 127n ? 128 : 0))
    left >>= 7n
  } while (left > 0n)
  return Buffer.from(bytes)
}

const sized = (bytes: Buffer | null) => (bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]))

function recordBytes({ key = null, value = null, deltaMs = 0, headers = [] }: BuiltRecord, offsetDelta: number): Buffer {
  const parts = [Buffer.from([0]), varint(deltaMs), varint(offsetDelta), sized(key), sized(value), varint(headers.length)]
  for (const [name, header] of headers) parts.push(sized(Buffer.from(name)), sized(header))
  return sized(Buffer.concat(parts))
}

export function buildBatch(records: readonly BuiltRecord[], options: BatchOptions = {}): Buffer {
  const deltas = options.deltas ?? records.map((_, index) => index)
  const plain = Buffer.concat(records.map((record, index) => recordBytes(record, deltas[index]!)))
  const body = options.compress ? options.compress(plain) : plain
  const batch = Buffer.alloc(61 + body.length)
  batch.writeBigInt64BE(BigInt(options.baseOffset ?? 0), 0)
  batch.writeInt32BE(batch.length - 12, 8)
  batch[16] = 2
  batch.writeInt16BE(options.attributes ?? 0, 21)
  batch.writeInt32BE(options.lastOffsetDelta ?? deltas.at(-1) ?? 0, 23)
  batch.writeBigInt64BE(BigInt(options.firstTimestampMs ?? 1_000), 27)
  batch.writeBigInt64BE(BigInt(options.maxTimestampMs ?? 2_000), 35)
  batch.writeBigInt64BE(options.producerId ?? -1n, 43)
  batch.writeInt32BE(options.count ?? records.length, 57)
  body.copy(batch, 61)
  return sealed(batch)
}

/** An end-of-transaction marker: 0 abort, 1 commit. */
export function buildMarker(type: 0 | 1, baseOffset: number, producerId: bigint): Buffer {
  const key = Buffer.from([0, 0, 0, type])
  return buildBatch([{ key, value: Buffer.alloc(6) }], { baseOffset, producerId, attributes: 32 | 16 })
}

/** Writes the checksum anew. */
export function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(slowCrc32c(batch.subarray(21)), 17)
  return batch
}

/** Bit by bit, as the polynomial says. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
