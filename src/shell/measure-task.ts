/**
 * One source partition, owned by this process: its pipeline, its inputs, and what it has yet to write.
 *
 * Life: claim → restore → live. Everything it writes bears its epoch, so that an owner thrown out does no harm.
 */
import type { DeadLetter, OutgoingRecord, Pulse, RecordBatch, Stamp } from '../domain.ts'
import { describedIngest, type Ingest, outcomeIngest, predictionIngest } from '../ingest/ingest.ts'
import { keyedUnits, type UnitColumns } from '../ingest/keyed-units.ts'
import type { EventLog, Reader, Source, Writer } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { partitionOf } from '../kit/hash.ts'
import type { TopicNames } from '../kit/topics.ts'
import { isSampled } from '../kit/traceparent.ts'
import type { Layout } from '../policy/layout.ts'
import type { Emit } from '../telemetry/events.ts'
import { batchSpanName } from '../telemetry/spans.ts'
import { deadLetterRecords } from '../wire/deadletter.ts'
import { modelKey, pulseKey } from '../wire/keys.ts'
import { encodePacked, encodePulse, type PackedPane } from '../wire/panes.ts'
import type { AlignedInput } from './alignment.ts'
import {
  type CheckpointPlace,
  checkpointPartition,
  checkpointRecord,
  claim,
  type Resumed,
  tombstone,
  unitChunkRecord,
} from './checkpoint-store.ts'
import { Outbox } from './outbox.ts'
import { boundsOf } from './partition-bounds.ts'
import type { SourceCheckpoint } from './source-checkpoint.ts'
import { type InputName, type SliceClosing, SourcePipeline, type SourcePipelineOptions } from './source-pipeline.ts'

export interface MeasureContext {
  readonly log: EventLog
  readonly layout: Layout
  readonly topics: TopicNames
  readonly prefix: string
  readonly clock: Clock
  readonly emit: Emit
  readonly judgePartitions: number
  readonly checkpointPartitions: number
  readonly inputPartitions: number
  readonly deadLetterPartitions: number
  /** A drain: read to these ends, by `topic/partition`; null: read for ever. */
  readonly ends: ReadonlyMap<string, number> | null
  /** In a drain: every `of`-th partition, from `index` on, is this worker's. */
  readonly share: { readonly index: number; readonly of: number }
}

/** One input partition of a task. */
export interface TaskInput extends AlignedInput {
  readonly name: InputName
  readonly source: Source
  /** Loads what reading this batch needs; null when nothing is missing. */
  prepare(records: RecordBatch): Promise<void> | null
  /** Next batch, or null when nothing is buffered; valid until the next call. */
  take(): RecordBatch | null
  read(records: RecordBatch): void
}

type SourceIngest = SourcePipelineOptions['ingest']

const CHECKPOINT_EVERY_MS = 3000
/** In a drain a second of work is hundreds of thousands of records: not much of it should be done twice. */
const DRAIN_CHECKPOINT_EVERY_MS = 1000
/** Offsets of checkpoints are never below 0. */
const NO_CUT = -1

export class MeasureTask {
  readonly source: string
  readonly pipeline: SourcePipeline
  readonly inputs: readonly TaskInput[]
  readonly #context: MeasureContext
  readonly #partition: number
  readonly #outbox: Outbox
  readonly #deadLetterRecord: (letter: DeadLetter) => OutgoingRecord
  readonly #writer: Writer
  readonly #place: CheckpointPlace
  readonly #epoch: number
  readonly #base: Stamp
  readonly #startedAt: StartOffsets
  #sequence = 0
  #flushing: Promise<void> | null = null
  #failure: { readonly error: unknown } | null = null
  #checkpointAtMs: number
  #readAtMs: number
  #pulsedAtMs = 0
  #idle = false
  /** Offset of the checkpoint that tells of an idle cut; infinite until it is acknowledged. What the cut closed waits for it. */
  #cutToldAt = NO_CUT
  #older: number

  private constructor(
    context: MeasureContext,
    reader: Reader,
    writer: Writer,
    partition: number,
    place: CheckpointPlace,
    resumed: Resumed,
    starts: StartOffsets,
  ) {
    this.#context = context
    this.#partition = partition
    this.source = place.source
    this.#place = place
    this.#writer = writer
    this.#outbox = new Outbox(writer)
    this.#epoch = resumed.epoch
    this.#base = resumed.base
    this.#older = resumed.base.epoch
    this.#checkpointAtMs = this.#readAtMs = context.clock.monotonicMs()
    this.#deadLetterRecord = deadLetterRecords(context.layout.privacy)
    const ingest = sourceIngest(context)
    const restored = resumed.body === null ? null : (JSON.parse(resumed.body.toString()) as SourceCheckpoint)
    this.pipeline = new SourcePipeline({ layout: context.layout, source: place.source, ingest, restored })
    for (const { chunk, bytes } of resumed.unitChunks) {
      if (restored !== null && chunk < restored.unitEntries) this.pipeline.loadUnits({ from: chunk, bytes })
    }
    this.#startedAt = startOf(restored, starts)
    this.inputs = this.#open(reader, ingest)
  }

  /** Claims the source, reads its checkpoint back and opens its inputs. Null when `alive` said no. */
  static async start(
    context: MeasureContext,
    reader: Reader,
    writer: Writer,
    partition: number,
    alive: () => boolean,
  ): Promise<MeasureTask | null> {
    const source = `${context.layout.predictions.topic}/${partition}`
    const place = { topic: context.topics.checkpoints, partition: checkpointPartition(source, context.checkpointPartitions), source }
    const resumed = await claim(context.log, reader, writer, place, context.clock, alive)
    const starts = resumed && (await startOffsets(context, partition))
    if (resumed === null || starts === null || !alive()) return null
    const task = new MeasureTask(context, reader, writer, partition, place, resumed, starts)
    context.emit({ event: 'source-started', source, epoch: resumed.epoch, rewoundTo: task.#startedAt.predictions })
    task.#pulse(null)
    return task
  }

  #open(reader: Reader, ingest: SourceIngest): TaskInput[] {
    const { layout } = this.#context
    const at = this.#startedAt
    const open = (name: InputName, topic: string, follows: TaskInput | null) =>
      this.#input(name, reader.open(topic, this.#partition, at[name]), ingest, follows)
    const predictions = open('predictions', layout.predictions.topic, null)
    const inputs = [predictions]
    if (layout.outcomes) inputs.push(open('outcomes', layout.outcomes.topic, predictions))
    if (layout.described) inputs.push(open('described', layout.described.topic, null))
    return inputs
  }

  #input(name: InputName, source: Source, ingest: SourceIngest, follows: TaskInput | null): TaskInput {
    const until = this.#context.ends?.get(`${source.topic}/${source.partition}`) ?? null
    const clockMs = (): number => this.pipeline.clockMs(name)
    const ahead = new LookAhead(source)
    // Outcomes after the predictions they may belong to: what comes early has to wait in memory.
    const orderMs = follows === null ? clockMs : () => Math.max(clockMs(), ahead.lastTimeMs())
    return {
      name,
      source,
      take: () => ahead.take(),
      isBuffered: () => ahead.look() !== null,
      clockMs,
      orderMs,
      follows,
      prepare: (records) => ingest[name]?.prepare(records) ?? null,
      read: (records) => {
        this.#readAtMs = this.#context.clock.monotonicMs()
        this.#idle = false
        const beganMs = this.#context.clock.nowMs()
        this.pipeline[name](records)
        this.#tellTraced(records, beganMs)
      },
      atEnd: () => ahead.empty && (until === null ? source.caughtUp : source.next >= until),
    }
  }

  #tellTraced({ topic, partition, count, offset }: RecordBatch, beganMs: number): void {
    const { layout, clock, emit } = this.#context
    if (layout.traces === undefined || count === 0) return
    const from = offset[0]!
    const { source } = this
    const at = { source, topic, partition, from, to: offset[count - 1]! + 1, records: count, beganMs }
    if (!isSampled(batchSpanName(layout.environment, topic, partition, from, beganMs), layout.traces.sampling)) return
    emit({ event: 'batch-read', ...at, tookMs: clock.monotonicMs() - this.#readAtMs })
  }

  /** Offset of its claim. */
  get epoch(): number {
    return this.#epoch
  }

  get checkpointPartition(): number {
    return this.#place.partition
  }

  /** Bytes waiting to be acknowledged: the owner stops reading while there are too many. */
  get waitingBytes(): number {
    return this.#outbox.bytes
  }

  get lagRecords(): number {
    return this.inputs.reduce((sum, { source }) => sum + Math.max(0, source.end - source.next), 0)
  }

  /**
   * Between reads: hands over what became final, notices idleness, writes a checkpoint when one is due.
   * `claimsReadTo`: no newer claim on this source lies below this offset of its checkpoints partition.
   */
  housekeep(claimsReadTo: number): void {
    this.#throwFailure()
    const nowMs = this.#context.clock.monotonicMs()
    if (this.#cutToldAt === NO_CUT) this.#collect()
    else if (this.#cutToldAt < claimsReadTo) this.#handOverCut()
    if (this.#context.ends === null && this.#cutToldAt === NO_CUT) this.#watchIdle(nowMs)
    const everyMs = this.#context.ends === null ? CHECKPOINT_EVERY_MS : DRAIN_CHECKPOINT_EVERY_MS
    if (nowMs - this.#checkpointAtMs >= everyMs) this.checkpoint()
    this.#flush()
  }

  /** The input has been read to the end a drain was asked for. */
  end(): void {
    this.#collect()
    this.pipeline.end()
    this.checkpoint()
    this.#collect()
    this.checkpoint()
  }

  /** Everything handed over so far is acknowledged. Rejects with what went wrong on the way. */
  async flushed(): Promise<void> {
    while (this.#failure === null && (this.#flushing !== null || !this.#outbox.empty)) {
      this.#flush()
      await this.#flushing
    }
    this.#throwFailure()
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure.error
  }

  close(): void {
    for (const { source } of this.inputs) source.close()
    this.#outbox.drop()
    this.#context.emit({ event: 'source-stopped', source: this.source, reason: 'released' })
  }

  #watchIdle(nowMs: number): void {
    const { idleAfterMs, sliceMs } = this.#context.layout
    const quiet = this.inputs[0]!.atEnd() && nowMs - this.#readAtMs >= idleAfterMs
    if (!quiet) return
    if (this.#idle) {
      if (nowMs - this.#pulsedAtMs >= sliceMs) this.#pulse(null)
      return
    }
    this.#idle = true
    if (this.pipeline.cutIdle() === null) return this.#pulse(null)
    this.#cutToldAt = Number.POSITIVE_INFINITY
    this.checkpoint((offset) => {
      this.#cutToldAt = offset
    })
  }

  /**
   * The cut stands in a checkpoint, and no newer claim before that: every later owner reads it and cuts at the same offset. Behind a newer
   * claim it would be passed over; that owner's pane would lie across ours, and be refused whole where ours was decided on.
   */
  #handOverCut(): void {
    this.#cutToldAt = NO_CUT
    this.#collect()
    this.#pulse(null)
  }

  checkpoint(written: (offset: number) => void = () => undefined): void {
    this.#checkpointAtMs = this.#context.clock.monotonicMs()
    // Chunks first: the checkpoint says how many entries they hold.
    const chunks = this.pipeline.unitChunks().map(({ from, bytes }) => unitChunkRecord(this.source, this.#epoch, from, bytes))
    const body = Buffer.from(JSON.stringify(this.pipeline.checkpoint()))
    const stamp = this.#stamp()
    this.#outbox.afterAll(async () => {
      const { topic, partition } = this.#place
      if (chunks.length > 0) await this.#writer.send(topic, partition, chunks)
      const records = [checkpointRecord(this.source, stamp, body), ...this.#forgetOlder()]
      written((await this.#writer.send(topic, partition, records)).baseOffset)
      this.#context.emit({ event: 'checkpoint-written', source: this.source, sequence: stamp.sequence })
    })
  }

  #forgetOlder(): ReturnType<typeof tombstone>[] {
    if (this.#older < 0) return []
    const older = this.#older
    this.#older = -1
    return [tombstone(this.source, older)]
  }

  /** One flush at a time; what is added meanwhile goes with the next. A failure is kept and thrown by `housekeep`. */
  #flush(): void {
    if (this.#flushing !== null || this.#outbox.empty) return
    this.#flushing = this.#outbox
      .flush()
      .catch((error: unknown) => {
        this.#failure = { error }
      })
      .finally(() => {
        this.#flushing = null
      })
  }

  #collect(): void {
    const { panes, closings, deadLetters } = this.pipeline.take()
    for (const pane of panes) this.#sendPane(pane)
    for (const closing of closings) this.#pulse(closing)
    if (panes.length > 0 && closings.length === 0) this.#pulse(null)
    for (const letter of deadLetters) this.#sendDeadLetter(letter)
  }

  #stamp(): Stamp {
    return { epoch: this.#epoch, sequence: this.#sequence++ }
  }

  #sendPane(pane: PackedPane): void {
    const value = encodePacked(pane, this.#stamp(), this.#base)
    const partition = partitionOf(Buffer.from(pane.model), this.#context.judgePartitions)
    this.#outbox.add({ topic: this.#context.topics.panes, partition, record: { key: modelKey(pane.model), value } })
    this.#context.emit({ event: 'panes-written', source: this.source, count: 1, bytes: value.length })
  }

  /** To every judge partition; `closing` null: a heartbeat that only tells the clocks. */
  #pulse(closing: SliceClosing | null): void {
    this.#pulsedAtMs = this.#context.clock.monotonicMs()
    const clocks = this.pipeline.clocks()
    const pulse: Pulse = {
      kind: 'pulse',
      source: this.source,
      stamp: this.#stamp(),
      base: this.#base,
      from: closing?.from ?? 0,
      to: closing?.to ?? 0,
      sliceEndMs: closing?.sliceEndMs ?? 0,
      exposureClockMs: clocks.exposureMs,
      outcomeClockMs: clocks.outcomeMs,
      describedClockMs: clocks.describedMs,
      idle: this.#idle,
      ended: false,
      lagRecords: this.lagRecords,
      models: closing?.models ?? [],
    }
    const value = encodePulse(pulse)
    for (let partition = 0; partition < this.#context.judgePartitions; partition++) {
      this.#outbox.add({ topic: this.#context.topics.panes, partition, record: { key: pulseKey(this.source), value } })
    }
  }

  #sendDeadLetter(letter: DeadLetter): void {
    const partition = letter.partition % this.#context.deadLetterPartitions
    this.#outbox.add({ topic: this.#context.topics.deadletter, partition, record: this.#deadLetterRecord(letter) })
  }
}

/** A source of which the next batch can be looked at before it is read. */
class LookAhead {
  readonly #source: Source
  #next: RecordBatch | null = null

  constructor(source: Source) {
    this.#source = source
  }

  get empty(): boolean {
    return this.#next === null
  }

  take(): RecordBatch | null {
    const taken = this.#next ?? this.#source.take()
    this.#next = null
    return taken
  }

  look(): RecordBatch | null {
    this.#next ??= this.#source.take()
    return this.#next
  }

  /** Time of the last record of the next batch; -1 when nothing is buffered. */
  lastTimeMs(): number {
    const next = this.look()
    return next === null || next.count === 0 ? -1 : next.timestampMs[next.count - 1]!
  }
}

function sourceIngest({ layout, inputPartitions }: MeasureContext): SourceIngest {
  const { units, keyFile } = layout.privacy ?? { units: 'plain', keyFile: null }
  const keyed = <B extends UnitColumns>(ingest: Ingest<B>): Ingest<B> =>
    units === 'hash' && keyFile !== null ? keyedUnits(ingest, keyFile) : ingest
  return {
    predictions: keyed(predictionIngest(layout, inputPartitions)),
    outcomes: layout.outcomes === null ? null : outcomeIngest(layout),
    described: layout.described === null ? null : keyed(describedIngest(layout, inputPartitions)),
  }
}

export interface StartOffsets {
  readonly predictions: number
  readonly outcomes: number
  readonly described: number
}

/** The checkpoint's rewind offsets; the start of the log for an input of which nothing was read. */
function startOf(restored: SourceCheckpoint | null, starts: StartOffsets): StartOffsets {
  const from = (name: InputName): number => {
    const rewind = restored?.[name].rewindOffset ?? -1
    return rewind < 0 ? starts[name] : rewind
  }
  return { predictions: from('predictions'), outcomes: from('outcomes'), described: from('described') }
}

/** Where a source without a checkpoint begins: at the start of the log. */
async function startOffsets({ log, layout }: MeasureContext, partition: number): Promise<StartOffsets> {
  const start = async (topic: string | undefined): Promise<number> => {
    return topic === undefined ? 0 : (await boundsOf(log, topic, partition)).start
  }
  return {
    predictions: await start(layout.predictions.topic),
    outcomes: await start(layout.outcomes?.topic),
    described: await start(layout.described?.topic),
  }
}
