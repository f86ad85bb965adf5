/**
 * A log in memory whose inputs lie as on a broker's disk: record batches in bytes, which the product's own source plans and decodes.
 *
 * Were the inputs kept as objects, every full collection would walk through millions of records that no daemon holds, the oftener the
 * more the daemon writes: a setting with many panes would pay for the bench's memory.
 */
import { setImmediate } from 'node:timers/promises'
import type { RecordBatch } from '../../src/domain.ts'
import type { EventLog, LogAdmin, Reader, Source } from '../../src/kafka/contract.ts'
import { crc32c } from '../../src/kafka/crc32c.ts'
import { PartitionSource } from '../../src/kafka/partition-source.ts'
import { Places } from '../../src/kafka/places.ts'

/** As the measuring loop asks a broker for them. */
const FETCH_BYTES = 512 << 10
const KEPT_BYTES = 16 << 20
const LIMITS = { maxBytesPerPartition: FETCH_BYTES, maxInflatedBytes: 64 << 20 }
const HEADER_BYTES = 61
/** Lengths and deltas before and behind key and value of a record. */
const RECORD_FRAME_BYTES = 32

export interface InputRecord {
  readonly key: string
  readonly value: string
  readonly timestampMs: number
}

/** One partition's record batches. */
export class InputPartition {
  readonly batches: { readonly bytes: Buffer; readonly base: number; readonly count: number }[] = []
  end = 0

  append(records: readonly InputRecord[]): void {
    this.batches.push({ bytes: batchOf(records, this.end), base: this.end, count: records.length })
    this.end += records.length
  }
}

export type Inputs = ReadonlyMap<string, readonly InputPartition[]>

/** `log` knows the topics too; `share`: how much of each partition there is, from its start, in whole batches. */
export function inputLog(log: EventLog, inputs: Inputs, share: number): EventLog {
  return {
    name: log.name,
    reader: (options) => new InputReader(log.reader(options), inputs, share),
    writer: () => log.writer(),
    transactor: (id) => log.transactor(id),
    join: (options) => log.join(options),
    admin: adminOf(log.admin, inputs, share),
    close: () => log.close(),
  }
}

function adminOf(admin: LogAdmin, inputs: Inputs, share: number): LogAdmin {
  return {
    topics: (asked) => admin.topics(asked),
    create: (specs) => admin.create(specs),
    delete: (topics) => admin.delete(topics),
    configs: (topic) => admin.configs(topic),
    offsets: async (topic) => {
      const partitions = inputs.get(topic)
      return partitions?.map((each, partition) => ({ partition, start: 0, end: endOf(each, share) })) ?? admin.offsets(topic)
    },
  }
}

/** Offset behind the last batch that begins within the share. */
export function endOf({ batches, end }: InputPartition, share: number): number {
  const last = batches.findLast(({ base }) => base < end * share)
  return last === undefined ? 0 : last.base + last.count
}

class InputReader implements Reader {
  readonly #reader: Reader
  readonly #inputs: Inputs
  readonly #share: number
  readonly #places = new Places(KEPT_BYTES)
  readonly #sources = new Set<InputSource>()

  constructor(reader: Reader, inputs: Inputs, share: number) {
    this.#reader = reader
    this.#inputs = inputs
    this.#share = share
  }

  open(topic: string, partition: number, from: number): Source {
    const stored = this.#inputs.get(topic)?.[partition]
    if (stored === undefined) return this.#reader.open(topic, partition, from)
    const source = new InputSource(topic, partition, from, stored, endOf(stored, this.#share), this.#places)
    this.#sources.add(source)
    return source
  }

  async wait(maxWaitMs: number): Promise<void> {
    if ([...this.#sources].some((source) => !source.caughtUp)) await setImmediate()
    else await this.#reader.wait(maxWaitMs)
  }

  readRange(...given: Parameters<Reader['readRange']>): Promise<number | null> {
    return this.#reader.readRange(...given)
  }

  readUntil(...given: Parameters<Reader['readUntil']>): Promise<number | null> {
    return this.#reader.readUntil(...given)
  }

  close(): Promise<void> {
    return this.#reader.close()
  }
}

/** A broker that answers at once. */
class InputSource implements Source {
  readonly topic: string
  readonly partition: number
  readonly end: number
  readonly #source: PartitionSource
  readonly #batches: InputPartition['batches']
  /** Of the batches. */
  #fed: number

  constructor(topic: string, partition: number, from: number, stored: InputPartition, end: number, places: Places) {
    this.topic = topic
    this.partition = partition
    this.#batches = stored.batches
    this.end = end
    this.#source = new PartitionSource(topic, partition, from, LIMITS, places, () => {})
    const first = stored.batches.findIndex(({ base, count }) => base + count > from)
    this.#fed = first < 0 ? stored.batches.length : first
    this.#feed()
  }

  get next(): number {
    return this.#source.next
  }

  get caughtUp(): boolean {
    return this.next >= this.end
  }

  take(): RecordBatch | null {
    this.#feed()
    return this.#source.take()
  }

  close(): void {
    this.#source.close()
  }

  #feed(): void {
    const batches = this.#batches
    const isThere = () => this.#fed < batches.length && batches[this.#fed]!.base < this.end
    while (this.#source.hasRoom && isThere()) {
      const set = [batches[this.#fed++]!.bytes]
      let length = set[0]!.length
      for (; isThere() && length + batches[this.#fed]!.bytes.length <= FETCH_BYTES; this.#fed++) {
        set.push(batches[this.#fed]!.bytes)
        length += batches[this.#fed]!.bytes.length
      }
      const want = this.#source.want()
      const place = want.place(length)!
      set.reduce((at, bytes) => at + bytes.copy(place.bytes, at), 0)
      this.#source.put({ want, errorCode: 0, lastStable: this.end, aborted: [], length, place })
    }
  }
}

// ── record batches ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function batchOf(records: readonly InputRecord[], baseOffset: number): Buffer {
  const room = records.reduce((sum, { key, value }) => sum + key.length + value.length + RECORD_FRAME_BYTES, HEADER_BYTES)
  const bytes = Buffer.alloc(room)
  const firstMs = records[0]!.timestampMs
  let at = HEADER_BYTES
  records.forEach((record, index) => {
    at = writeRecord(bytes, at, record, record.timestampMs - firstMs, index)
  })
  bytes.writeBigInt64BE(BigInt(baseOffset), 0)
  bytes.writeInt32BE(at - 12, 8)
  bytes[16] = 2
  bytes.writeInt32BE(records.length - 1, 23)
  bytes.writeBigInt64BE(BigInt(firstMs), 27)
  bytes.writeBigInt64BE(BigInt(records.at(-1)!.timestampMs), 35)
  bytes.writeBigInt64BE(-1n, 43)
  bytes.writeInt32BE(records.length, 57)
  bytes.writeUInt32BE(crc32c(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 21, at), 17)
  const batch = Buffer.allocUnsafeSlow(at)
  bytes.copy(batch, 0, 0, at)
  return batch
}

/** ASCII keys and values, no headers. */
function writeRecord(bytes: Buffer, from: number, { key, value }: InputRecord, deltaMs: number, index: number): number {
  const head = [...varint(deltaMs), ...varint(index), ...varint(key.length)]
  const middle = varint(value.length)
  const length = 1 + head.length + key.length + middle.length + value.length + 1
  const write = (numbers: readonly number[], place: number): number => {
    numbers.forEach((each, offset) => {
      bytes[place + offset] = each
    })
    return place + numbers.length
  }
  let at = write([...varint(length), 0, ...head], from)
  at += bytes.write(key, at, 'latin1')
  at = write(middle, at)
  at += bytes.write(value, at, 'latin1')
  return write([0], at)
}

/** Zigzag. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let left = value * 2
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left & 127) | 128)
  return [...bytes, left]
}
