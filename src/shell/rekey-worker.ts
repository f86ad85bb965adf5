/**
 * Writes inputs that are not partitioned by prediction id anew, so that a prediction and its outcome share a partition.
 *
 * One owner in the whole group: only whoever sees all partitions can write in the order in which things happened. What it writes and how
 * far it has read go out in one transaction, so that every record stands exactly once among those that are committed; whoever takes over
 * fences the owner before and goes on from there. Records keep their bytes and their time; the key becomes the id's hash, and a header
 * says where the record came from. Records whose id cannot be read are passed on too: measure counts and buries them.
 */
import { randomUUID } from 'node:crypto'
import type { LogRecord, OutgoingRecord, RecordBatch } from '../domain.ts'
import { type Ingest, outcomeIngest, predictionIngest } from '../ingest/ingest.ts'
import type { EventLog, Membership, Reader, Source, Transactor } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import type { InputLayout, Layout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { BARRIER_KEY } from '../wire/keys.ts'
import { boundsOf } from './partition-bounds.ts'
import { PartitionTasks } from './partition-tasks.ts'
import { passesByItself } from './passing-trouble.ts'
import { type MergeInput, RekeyMerge } from './rekey-merge.ts'

export interface RekeyContext {
  readonly log: EventLog
  readonly layout: Layout
  readonly clock: Clock
  readonly emit: Emit
  readonly prefix: string
  /** Topic of one partition that keeps how far was read. */
  readonly positionsTopic: string
  /** Partitions of the topics written. */
  readonly partitions: number
}

interface IdColumns {
  readonly count: number
  readonly offset: Float64Array
  readonly id1: Int32Array
}

const ORIGIN_HEADER = 'flyball.origin'
const POSITIONS_KEY = 'positions'
const RECORDS_PER_TRANSACTION = 5000
const FETCH = { maxBytesPerPartition: 512 << 10, maxBytes: 4 << 20 }
const WAIT_MS = 50
const RETRY_MS = 300
const STEP_DEADLINE_MS = 20_000

/** `topic/partition` → next offset to read. */
type Positions = Readonly<Record<string, number>>

export class RekeyWorker {
  readonly #context: RekeyContext
  readonly #tasks: PartitionTasks
  #membership: Membership | null = null

  constructor(context: RekeyContext, onFailure: (error: unknown) => void) {
    this.#context = context
    this.#tasks = new PartitionTasks((_partition, alive) => this.#run(alive, null), onFailure)
  }

  start(onFatal: (error: Error) => void): void {
    const { log, prefix, positionsTopic } = this.#context
    const onAssigned = (now: readonly number[], kept: readonly number[]) => this.#tasks.assign(now, kept)
    this.#membership = log.join({ groupId: `${prefix}rekey`, topics: [positionsTopic], onAssigned, onFatal })
  }

  /** Writes everything up to these ends anew. `ends`: by `topic/partition`. */
  async drain(ends: ReadonlyMap<string, number>): Promise<void> {
    await this.#run(() => true, ends)
  }

  async stop(): Promise<void> {
    await this.#membership?.stop()
    await this.#tasks.stop()
  }

  /** After any trouble that passes, everything is taken over anew. */
  async #run(alive: () => boolean, ends: ReadonlyMap<string, number> | null): Promise<void> {
    while (alive()) {
      const session = new RekeySession(this.#context, alive, ends)
      try {
        return await session.run()
      } catch (error) {
        if (!passesByItself(error)) throw error
        this.#tell(error)
        await this.#context.clock.sleep(RETRY_MS)
      } finally {
        await session.close()
      }
    }
  }

  #tell(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (error instanceof FlyballError) this.#context.emit({ event: 'problem', code: error.code, message })
    else this.#context.emit({ event: 'client-trouble', level: 'warning', message })
  }
}

/** Reading and writing under one transactional id, from the take-over to the first error. */
class RekeySession {
  readonly #context: RekeyContext
  readonly #alive: () => boolean
  readonly #ends: ReadonlyMap<string, number> | null
  readonly #reader: Reader
  #transactor: Transactor | null = null

  constructor(context: RekeyContext, alive: () => boolean, ends: ReadonlyMap<string, number> | null) {
    this.#context = context
    this.#alive = alive
    this.#ends = ends
    this.#reader = context.log.reader(FETCH)
  }

  async close(): Promise<void> {
    await this.#transactor?.close().catch(() => undefined)
    await this.#reader.close().catch(() => undefined)
  }

  async run(): Promise<void> {
    const positions = await this.#takeOver()
    if (positions === null) return
    const inputs = await this.#open(positions)
    const merge = new RekeyMerge(inputs)
    let readAtMs = this.#context.clock.monotonicMs()
    while (this.#alive()) {
      const outgoing = new Outgoing(this.#context.partitions)
      const nowMs = this.#context.clock.monotonicMs()
      const impatient = this.#ends === null && nowMs - readAtMs > this.#context.layout.alignPatienceMs
      const read = merge.read(RECORDS_PER_TRANSACTION, impatient, (input, batch, row) => outgoing.add(input, batch, row))
      if (read > 0) {
        await this.#commit(outgoing, inputs)
        readAtMs = this.#context.clock.monotonicMs()
      } else if (this.#ends !== null && inputs.every((input) => input.atEnd())) return
      else await this.#wait(inputs)
    }
  }

  /** Waits for records, and for schemas that the next ones need. */
  async #wait(inputs: readonly RekeyInput[]): Promise<void> {
    for (const input of inputs) await input.prepared()
    await this.#reader.wait(WAIT_MS)
  }

  /** Fences who was here before; what is committed before our barrier is how far it came. */
  async #takeOver(): Promise<Positions | null> {
    const { log, prefix, positionsTopic } = this.#context
    this.#transactor = await log.transactor(`${prefix}rekey`)
    const nonce = randomUUID()
    const transaction = await this.#transactor.begin()
    await transaction.send(positionsTopic, 0, [{ key: BARRIER_KEY, value: Buffer.from(nonce) }])
    await transaction.commit()
    const { start } = await boundsOf(log, positionsTopic, 0)
    let found: Positions = {}
    const isOurs = (record: LogRecord) => record.key?.toString() === BARRIER_KEY && record.value?.toString() === nonce
    const keep = (record: LogRecord): void => {
      if (record.key?.toString() === POSITIONS_KEY) found = JSON.parse(record.value!.toString()) as Positions
    }
    const end = await this.#reader.readUntil(positionsTopic, 0, start, isOurs, keep, this.#alive, STEP_DEADLINE_MS)
    return end === null ? null : found
  }

  async #open(positions: Positions): Promise<RekeyInput[]> {
    const { layout, log } = this.#context
    const inputs: RekeyInput[] = []
    for (const input of [layout.predictions, layout.outcomes]) {
      if (input?.rekeyedFrom === undefined) continue
      for (const { partition, start } of await log.admin.offsets(input.rekeyedFrom)) {
        const name = `${input.rekeyedFrom}/${partition}`
        // What retention took before it was passed on is an error of the reader's: it is not skipped.
        const source = this.#reader.open(input.rekeyedFrom, partition, positions[name] ?? start)
        inputs.push(new RekeyInput(layout, input, source, this.#ends?.get(name) ?? null))
      }
    }
    return inputs
  }

  async #commit(outgoing: Outgoing, inputs: readonly RekeyInput[]): Promise<void> {
    const transaction = await this.#transactor!.begin()
    for (const [topic, partition, records] of outgoing.all()) await transaction.send(topic, partition, records)
    const positions = Object.fromEntries(inputs.map((input) => [input.name, input.passed]))
    await transaction.send(this.#context.positionsTopic, 0, [{ key: POSITIONS_KEY, value: Buffer.from(JSON.stringify(positions)) }])
    await transaction.commit()
  }
}

/** One partition that is written anew. */
class RekeyInput implements MergeInput {
  readonly name: string
  readonly topic: string
  /** Offset after the last record handed over. */
  passed: number
  readonly #source: Source
  readonly #until: number | null
  readonly #ingest: Ingest<IdColumns>
  /** A batch whose schemas were not known yet, and what loads them. */
  #held: RecordBatch | null = null
  #loading: Promise<void> | null = null
  #ids: IdColumns = { count: 0, offset: new Float64Array(0), id1: new Int32Array(0) }
  #id = 0

  constructor(layout: Layout, input: InputLayout, source: Source, until: number | null) {
    this.topic = input.topic
    this.name = `${source.topic}/${source.partition}`
    this.passed = source.next
    this.#source = source
    this.#until = until
    this.#ingest = input === layout.predictions ? predictionIngest(layout, 1) : outcomeIngest(layout)
  }

  atEnd(): boolean {
    if (this.#held !== null) return false
    return this.#until === null ? this.#source.caughtUp : this.#source.next >= this.#until
  }

  take(): RecordBatch | null {
    if (this.#loading !== null) return null
    const batch = this.#held ?? this.#source.take()
    if (batch === null) return null
    const loading = this.#held === null ? this.#ingest.prepare(batch) : null
    if (loading !== null) {
      this.#held = batch
      this.#loading = loading
      // `prepared` tells; until it is asked, a registry that fails must not end the process.
      loading.catch(() => undefined)
      return null
    }
    this.#held = null
    this.#ids = this.#ingest.read(batch).batch
    this.#id = 0
    return batch
  }

  async prepared(): Promise<void> {
    await this.#loading
    this.#loading = null
  }

  get partition(): number {
    return this.#source.partition
  }

  /** First lane of the record's id; null when it has none that can be read. Rows are asked for in order. */
  idOf(batch: RecordBatch, row: number): number | null {
    const offset = batch.offset[row]!
    this.passed = offset + 1
    const { count, offset: offsets, id1 } = this.#ids
    while (this.#id < count && offsets[this.#id]! < offset) this.#id++
    return this.#id < count && offsets[this.#id] === offset ? id1[this.#id]! : null
  }
}

/** Records of one transaction, by where they go. */
class Outgoing {
  readonly #partitions: number
  readonly #records = new Map<string, OutgoingRecord[][]>()

  constructor(partitions: number) {
    this.#partitions = partitions
  }

  add(input: RekeyInput, batch: RecordBatch, row: number): void {
    const id = input.idOf(batch, row)
    const partition = (id === null ? input.partition : id >>> 0) % this.#partitions
    let byPartition = this.#records.get(input.topic)
    if (byPartition === undefined) {
      byPartition = Array.from({ length: this.#partitions }, () => [])
      this.#records.set(input.topic, byPartition)
    }
    byPartition[partition]!.push(rekeyed(input, batch, row, id))
  }

  *all(): Iterable<readonly [topic: string, partition: number, records: readonly OutgoingRecord[]]> {
    for (const [topic, byPartition] of this.#records) {
      for (const [partition, records] of byPartition.entries()) if (records.length > 0) yield [topic, partition, records]
    }
  }
}

function rekeyed(input: RekeyInput, batch: RecordBatch, row: number, id: number | null): OutgoingRecord {
  const timestampMs = batch.timestampMs[row]!
  const value = batch.valueStart[row]! < 0 ? null : Buffer.from(batch.bytes.subarray(batch.valueStart[row]!, batch.valueEnd[row]!))
  return {
    key: id === null ? null : (id >>> 0).toString(16).padStart(8, '0'),
    value,
    headers: { [ORIGIN_HEADER]: `${input.name}/${batch.offset[row]}` },
    ...(timestampMs < 0 ? {} : { timestampMs }),
  }
}
