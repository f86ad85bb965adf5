/**
 * One source partition: record batches in; final panes, slice closings, dead letters, counters and a checkpoint out.
 *
 * Synchronous and deterministic: what comes out depends on the records and on the idle cuts, not on how the batches of the inputs are
 * interleaved or divided, nor on restarts. A restart reads again from the checkpoint's rewind offsets through this same code; what was
 * counted or handed over before is recognised by its offsets and left out.
 */
import type { DeadLetter, DescribedOutcomeBatch, DropReason, OutcomeBatch, PredictionBatch, RecordBatch, Rejected } from '../domain.ts'
import type { Ingest } from '../ingest/ingest.ts'
import { Join, type OutcomeFate } from '../join/join.ts'
import { pairWindowMs } from '../join/pairs.ts'
import { FirstExposures, type UnitChunk, UnitTable } from '../join/units.ts'
import { ChainMeasure, type ModelCells } from '../measure/measure.ts'
import type { Layout } from '../policy/layout.ts'
import { type PackedPane, packCells } from '../wire/panes.ts'
import { forSliceLength, type InputCheckpoint, type SourceCheckpoint } from './source-checkpoint.ts'
import { InputCounters, type InputCounts } from './source-counters.ts'
import { OutcomeClock } from './source-outcomes.ts'
import { type SliceHandler, type SliceRun, SourceSlices } from './source-slices.ts'

/** The end of a slice run of the predictions partition, for the pulse. Clocks are -1 where nothing was read. */
export interface SliceClosing {
  readonly from: number
  readonly to: number
  readonly sliceEndMs: number
  readonly exposureClockMs: number
  readonly outcomeClockMs: number
  readonly describedClockMs: number
  /** Models with an exposure pane in the run. */
  readonly models: readonly string[]
}

export type InputName = 'predictions' | 'outcomes' | 'described'

/** Where an idle input's open slice was closed. */
export interface Cut {
  readonly input: 'predictions' | 'described'
  readonly offset: number
}

export interface SourceIngest {
  readonly predictions: Ingest<PredictionBatch>
  readonly outcomes: Ingest<OutcomeBatch> | null
  readonly described: Ingest<DescribedOutcomeBatch> | null
}

export interface SourcePipelineOptions {
  readonly layout: Layout
  /** `<predictions topic>/<partition>`. */
  readonly source: string
  readonly ingest: SourceIngest
  readonly restored: SourceCheckpoint | null
}

export interface Gauges {
  readonly pending: number
  readonly pendingBytes: number
  readonly unitBytes: number
  readonly countingBytes: number
  readonly clockHeld: number
  readonly units: number
  readonly sampleRate: number
}

interface HorizonMeasure {
  readonly horizonMs: number
  readonly chain: string
  readonly measure: ChainMeasure
  /** Runs matured, counted from the first run of this life. */
  runsDone: number
}

export class SourcePipeline {
  private readonly layout: Layout
  private readonly source: string
  private readonly ingest: SourceIngest
  private readonly restored: SourceCheckpoint | null
  private readonly exposures: SourceSlices
  private readonly outcomeClock: OutcomeClock
  private readonly describedSlices: SourceSlices
  private readonly units: UnitTable
  private readonly join: Join
  private readonly exposureMeasure: ChainMeasure
  private readonly describedMeasure: ChainMeasure
  private readonly describedFirst: FirstExposures
  private readonly horizons: readonly HorizonMeasure[]
  private readonly inputCounters: Readonly<Record<InputName, InputCounters>>
  private ended = false
  /** A run is kept until those that may hold the other answer to one of its requests are done with. */
  private readonly pairWindowMs: number
  /** What the re-reading after a restart brought has been handed over: from here on own checkpoints are whole. */
  private resumed: boolean
  /** Runs released since the start: number of the first one in `exposures.runs`. */
  private runsReleased = 0
  private panes: PackedPane[] = []
  private closings: SliceClosing[] = []
  private deadLetters: DeadLetter[] = []
  /** `to` of the last pane made, and of the last one handed over, by chain and model. */
  private readonly made: Map<string, number>
  private through: Readonly<Record<string, number>>
  private closedMade: number
  private closedThrough: number
  /** Records before this were read when dead letters were last handed over. */
  private handedTo: Readonly<Record<InputName, number>>

  constructor(options: SourcePipelineOptions) {
    const { layout } = options
    const restored = options.restored && forSliceLength(options.restored, layout.sliceMs)
    this.layout = layout
    this.source = options.source
    this.ingest = options.ingest
    this.restored = restored
    this.resumed = restored === null
    this.exposures = new SourceSlices(layout, restored?.predictions ?? null)
    this.outcomeClock = new OutcomeClock(layout, restored?.outcomes ?? null)
    this.describedSlices = new SourceSlices(layout, restored?.described ?? null)
    this.pairWindowMs = pairWindowMs(layout)
    this.units = new UnitTable(restored?.unitEntries ?? 0)
    const settled = (fate: OutcomeFate, offset: number, clockMs: number, predictionOffset: number) =>
      this.outcomeSettled(fate, offset, clockMs, predictionOffset)
    this.join = new Join(layout, this.units, settled, restored?.exceptions ?? [], restored?.sample ?? null)
    this.join.predictionsReached(this.exposures.clock.nowMs)
    this.exposureMeasure = new ChainMeasure(layout.models, layout.predictions, 'exposure', (model) => model.exposureBlocks)
    this.describedMeasure = new ChainMeasure(
      layout.models,
      layout.described ?? layout.predictions,
      'described',
      (model) => model.describedBlocks,
    )
    this.describedFirst = new FirstExposures(this.units, layout.models, 'described')
    this.horizons = horizonMeasures(layout)
    this.inputCounters = {
      predictions: new InputCounters(restored?.predictions ?? null),
      outcomes: new InputCounters(restored?.outcomes ?? null),
      described: new InputCounters(restored?.described ?? null),
    }
    this.through = restored?.through ?? {}
    this.made = new Map(Object.entries(this.through))
    this.closedThrough = restored?.closedThrough ?? 0
    this.closedMade = this.closedThrough
    this.handedTo = {
      predictions: restored?.predictions.handedTo ?? -1,
      outcomes: restored?.outcomes.handedTo ?? -1,
      described: restored?.described.handedTo ?? -1,
    }
  }

  predictions(records: RecordBatch): void {
    const { batch, rejected } = this.ingest.predictions.read(records)
    this.beginBatch('predictions', records, rejected)
    this.exposures.read(records, batch, this.exposureHandler(batch, records))
    this.join.predictionsReached(this.exposures.clock.nowMs)
    this.matureReady()
  }

  outcomes(records: RecordBatch): void {
    const { ingest } = this
    if (ingest.outcomes === null) throw new Error('outcomes were read, but the policy joins none')
    const { batch, rejected } = ingest.outcomes.read(records)
    this.beginBatch('outcomes', records, rejected)
    this.outcomeClock.read(records, batch)
    const counters = this.inputCounters.outcomes
    // Of a first reading nothing was told before: then one number says what became of nearly all of a batch.
    const isFirstReading = batch.count > 0 && batch.offset[0]! >= counters.countedTo
    this.join.attach(batch, this.outcomeClock.clockMs, isFirstReading ? (used) => counters.addUsed(used) : null)
    this.join.outcomesReached(this.outcomeClock.clock.nowMs)
    this.matureReady()
  }

  described(records: RecordBatch): void {
    const { ingest } = this
    if (ingest.described === null) throw new Error('self-describing outcomes were read, but the policy has none')
    const { batch, rejected } = ingest.described.read(records)
    this.beginBatch('described', records, rejected)
    this.describedSlices.read(records, batch, this.describedHandler(batch))
  }

  /**
   * Closes the open slice of a quiet, caught-up input at the offset reached; null when none is open.
   * Write `checkpoint()` now, before `take()`: it remembers the cut, and does not yet count the pane as sent.
   */
  cutIdle(input: Cut['input'] = 'predictions'): Cut | null {
    const offset =
      input === 'predictions' ? this.exposures.cut(this.exposureHandler(null, null)) : this.describedSlices.cut(this.describedHandler(null))
    if (offset === null) return null
    this.matureReady()
    return { input, offset }
  }

  /** Nothing more will come: closes all slices, matures all predictions, and settles the outcomes that wait. */
  end(): void {
    this.ended = true
    this.exposures.cut(this.exposureHandler(null, null))
    this.describedSlices.cut(this.describedHandler(null))
    this.join.predictionsReached(Number.POSITIVE_INFINITY)
    this.matureReady()
  }

  /** What has become final since the last call. Handing over advances `through`: acknowledge it before writing the next checkpoint. */
  take(): { panes: PackedPane[]; closings: SliceClosing[]; deadLetters: DeadLetter[] } {
    const { panes, closings, deadLetters } = this
    this.panes = []
    this.closings = []
    this.deadLetters = []
    this.through = Object.fromEntries(this.made)
    this.closedThrough = this.closedMade
    this.resumed ||= this.caughtUp()
    const { predictions, outcomes, described } = this.handedTo
    this.handedTo = {
      predictions: Math.max(predictions, this.exposures.position),
      outcomes: Math.max(outcomes, this.outcomeClock.position),
      described: Math.max(described, this.describedSlices.position),
    }
    this.release()
    return { panes, closings, deadLetters }
  }

  counters(): Readonly<Record<InputName, InputCounts>> {
    const { predictions, outcomes, described } = this.inputCounters
    return { predictions: predictions.counts(), outcomes: outcomes.counts(), described: described.counts() }
  }

  /** -1 where nothing was read. */
  clocks(): { readonly exposureMs: number; readonly outcomeMs: number; readonly describedMs: number } {
    return {
      exposureMs: this.exposures.clock.nowMs,
      outcomeMs: this.outcomeClock.clock.nowMs,
      describedMs: this.describedSlices.clock.nowMs,
    }
  }

  /** -1 where nothing was read. */
  clockMs(input: InputName): number {
    if (input === 'outcomes') return this.outcomeClock.clock.nowMs
    return input === 'predictions' ? this.exposures.clock.nowMs : this.describedSlices.clock.nowMs
  }

  /** Offsets after the last record read; -1 where nothing was read. */
  positions(): Readonly<Record<InputName, number>> {
    const { exposures, outcomeClock, describedSlices } = this
    return { predictions: exposures.position, outcomes: outcomeClock.position, described: describedSlices.position }
  }

  /** What is held in memory and the bytes it takes, records that ran too far ahead of their clock, and the share of ids joined. */
  gauges(): Gauges {
    const { exposures, outcomeClock, describedSlices, join, exposureMeasure, describedMeasure } = this
    const chains = [exposureMeasure, describedMeasure, ...this.horizons.map(({ measure }) => measure)]
    return {
      pending: join.pendingCount,
      pendingBytes: join.bytes,
      unitBytes: this.units.bytes,
      countingBytes: chains.reduce((sum, { bytes }) => sum + bytes, 0),
      clockHeld: exposures.clock.heldTotal + outcomeClock.clock.heldTotal + describedSlices.clock.heldTotal,
      units: this.units.size,
      sampleRate: 2 ** -join.sample.predictionLevel,
    }
  }

  /** True after a restart until every input has been read to where the checkpoint stood, and what that brought is handed over. */
  replaying(): boolean {
    return !this.resumed
  }

  /**
   * Until the re-reading after a restart is over and handed over, the restored checkpoint still holds, with the cuts made since.
   * Store unit chunks first: it says how many there are.
   */
  checkpoint(): SourceCheckpoint {
    const { restored } = this
    if (restored !== null && !this.resumed) return this.withCuts(restored)
    const { exposures, outcomeClock, describedSlices } = this
    const exposureRewind = exposures.rewind()
    const outcomeRewind = outcomeClock.rewind(this.outcomesNeededMs(), this.handedTo.outcomes)
    return {
      version: 1,
      source: this.source,
      policyDigest: this.layout.policyDigest,
      sliceMs: this.layout.sliceMs,
      predictions: this.inputCheckpoint('predictions', exposures, exposureRewind, exposures.cuts),
      outcomes: this.inputCheckpoint('outcomes', outcomeClock, outcomeRewind, []),
      described: this.inputCheckpoint('described', describedSlices, describedSlices.rewind(), describedSlices.cuts),
      through: this.through,
      closedThrough: this.closedThrough,
      exceptions: this.join.exceptionsFrom(exposureRewind.offset),
      sample: { ...this.join.sample },
      unitEntries: this.units.storedEntries,
      ended: this.ended || (restored?.ended === true && this.nothingReadSince(restored)),
    }
  }

  /** Chunks of the unit table that have not gone out; store them before the checkpoint that follows. */
  unitChunks(): UnitChunk[] {
    return this.units.takeChunks()
  }

  /** A stored chunk, before anything is read: all with `from` below the checkpoint's `unitEntries`, in their order. */
  loadUnits(chunk: UnitChunk): void {
    this.units.load(chunk)
  }

  private exposureHandler(batch: PredictionBatch | null, records: RecordBatch | null): SliceHandler {
    return {
      opened: (run) => {
        run.pending = this.join.openRun(run.endMs)
      },
      rows: (run, from, to) => this.expose(batch!, records!, run, from, to),
      closed: (run) => this.closeExposures(run),
    }
  }

  private describedHandler(batch: DescribedOutcomeBatch | null): SliceHandler {
    return {
      opened: () => {},
      rows: (_run, from, to) => this.describe(batch!, from, to),
      closed: (run) => {
        this.describedMeasure.takeEach((cells) => this.emit(cells, 'described', run, run.endMs, 1))
      },
    }
  }

  private expose(batch: PredictionBatch, records: RecordBatch, run: SliceRun, from: number, to: number): void {
    const { join, exposures } = this
    const duplicates = join.accept(batch, from, to, exposures.clockMs, run.pending!)
    this.exposureMeasure.predictions(batch, from, to, join.status, join.first, join.pairColumns)
    const counters = this.inputCounters.predictions
    counters.addUsed(counters.freshRows(batch.offset, from, to))
    if (duplicates > 0) this.dropDuplicates(batch, records, from, to)
  }

  private dropDuplicates(batch: PredictionBatch, records: RecordBatch, from: number, to: number): void {
    const counters = this.inputCounters.predictions
    for (let row = from; row < to; row++) {
      if (this.join.status[row] === 0) continue
      if (batch.offset[row]! >= counters.countedTo) {
        counters.addUsed(-1)
        counters.addDropped('duplicate-id')
      }
      this.bury('predictions', records, this.exposures.recordRow[row]!, 'duplicate-id', 'id seen before within the longest horizon')
    }
  }

  private describe(batch: DescribedOutcomeBatch, from: number, to: number): void {
    const status = new Uint8Array(to)
    const first = new Uint8Array(to)
    const counters = this.inputCounters.described
    for (let row = from; row < to; row++) {
      const offset = batch.offset[row]!
      if (offset >= counters.countedTo) counters.addUsed()
      if (batch.unitHome[row] !== 1) continue
      if (this.describedFirst.isFirst(batch.model[row]!, batch.version[row]!, batch.unit1[row]!, batch.unit2[row]!, offset)) first[row] = 1
    }
    this.describedMeasure.described(batch, from, to, status, first)
  }

  private closeExposures(run: SliceRun): void {
    this.join.closeRun(run.pending!)
    const models: string[] = []
    this.exposureMeasure.takeEach((cells) => {
      models.push(cells.model)
      this.emit(cells, 'exposure', run, run.endMs, 1)
    })
    if (run.to <= this.closedMade) return
    this.closedMade = run.to
    const clocks = this.clocks()
    this.closings.push({
      from: run.from,
      to: run.to,
      sliceEndMs: run.endMs,
      exposureClockMs: clocks.exposureMs,
      outcomeClockMs: clocks.outcomeMs,
      describedClockMs: clocks.describedMs,
      models,
    })
  }

  private matureReady(): void {
    const reachedMs = this.ended ? Number.POSITIVE_INFINITY : this.outcomeClock.clock.nowMs
    const { runs } = this.exposures
    for (const horizon of this.horizons) {
      for (;;) {
        const run = runs[horizon.runsDone - this.runsReleased]
        if (run === undefined || run.to < 0 || reachedMs < run.endMs + horizon.horizonMs) break
        this.mature(run, horizon)
        horizon.runsDone++
      }
    }
  }

  private mature(run: SliceRun, horizon: HorizonMeasure): void {
    const pending = run.pending!
    this.join.mature(pending, horizon.horizonMs, (batch) => horizon.measure.matured(batch))
    const finalAtMs = run.endMs + horizon.horizonMs
    horizon.measure.takeEach((cells) => this.emit(cells, horizon.chain, run, finalAtMs, 2 ** -pending.level))
  }

  private emit(cells: ModelCells, chain: string, run: SliceRun, finalAtMs: number, sampleRate: number): void {
    const key = `${chain}|${cells.model}`
    const previousTo = this.made.get(key) ?? 0
    if (run.to <= previousTo) return
    this.made.set(key, run.to)
    this.panes.push({
      kind: 'pane',
      model: cells.model,
      source: this.source,
      chain,
      from: run.from,
      to: run.to,
      previousTo,
      sliceStartMs: run.startMs,
      sliceEndMs: run.endMs,
      finalAtMs,
      sampleRate,
      packed: packCells(cells.cells, cells.blockHashes),
    })
  }

  private caughtUp(): boolean {
    const { restored } = this
    if (restored === null) return true
    const { predictions, outcomes, described } = this.positions()
    return (
      predictions >= restored.predictions.position && outcomes >= restored.outcomes.position && described >= restored.described.position
    )
  }

  /** Lets go of runs that nothing can need again, be it for panes, for duplicates, for pairs or for outcomes on a second reading. */
  private release(): void {
    const { layout, exposures, horizons } = this
    const outcomeMs = this.ingest.outcomes === null ? Number.POSITIVE_INFINITY : this.outcomeClock.clock.nowMs
    exposures.release(
      (run) => {
        const untilMs = run.endMs + layout.maxHorizonMs + this.pairWindowMs
        const matured = horizons.every((horizon) => horizon.runsDone > this.runsReleased)
        return matured && outcomeMs >= untilMs && exposures.clock.nowMs > untilMs + layout.maxEarlyMs
      },
      (run) => {
        this.join.releaseRun(run.pending!)
        this.runsReleased++
      },
    )
    this.describedSlices.release(
      () => true,
      () => {},
    )
    this.outcomeClock.forget(this.outcomesNeededMs(), this.handedTo.outcomes)
  }

  /** No outcome with a lower clock can matter any more. */
  private outcomesNeededMs(): number {
    return this.exposures.rewind().clock.nowMs - this.layout.maxEarlyMs
  }

  private beginBatch(input: InputName, records: RecordBatch, rejected: readonly Rejected[]): void {
    const counters = this.inputCounters[input]
    counters.addRead(records.offset, records.count)
    for (const { row, reason, detail } of rejected) {
      if (records.offset[row]! >= counters.countedTo) counters.addDropped(reason)
      this.bury(input, records, row, reason, detail)
    }
  }

  private bury(input: InputName, records: RecordBatch, row: number, reason: DropReason, detail: string): void {
    const offset = records.offset[row]!
    if (offset < (this.restored?.[input].handedTo ?? -1)) return
    const key = bytesOf(records.bytes, records.keyStart[row]!, records.keyEnd[row]!)
    const value = reason === 'oversized' ? null : bytesOf(records.bytes, records.valueStart[row]!, records.valueEnd[row]!)
    this.deadLetters.push({ reason, detail, topic: records.topic, partition: records.partition, offset, key, value })
  }

  private outcomeSettled(fate: OutcomeFate, offset: number, clockMs: number, predictionOffset: number): void {
    const counters = this.inputCounters.outcomes
    if (offset >= counters.countedTo || !this.settledBefore(fate, clockMs, predictionOffset)) {
      if (fate === 'used') counters.addUsed()
      else counters.addDropped(fate)
    }
    if (fate === 'contradicting-outcome') this.buryContradiction(offset, predictionOffset)
  }

  /** Of an outcome read before the restart: whether it had met its fate by then, or was still waiting. */
  private settledBefore(fate: OutcomeFate, clockMs: number, predictionOffset: number): boolean {
    const { predictions, ended } = this.restored!
    if (ended || fate === 'sampled-out') return true
    if (predictionOffset >= 0) return predictionOffset < predictions.position
    return clockMs + this.layout.maxEarlyMs < predictions.clockMs
  }

  /** Its bytes are not kept: whether they were still at hand would depend on which partition was read first. */
  private buryContradiction(offset: number, predictionOffset: number): void {
    const { restored, layout } = this
    if (restored !== null && offset < restored.outcomes.handedTo && predictionOffset < restored.predictions.handedTo) return
    const partition = Number(this.source.slice(this.source.lastIndexOf('/') + 1))
    const detail = `another label than the outcome that counts, for the prediction at offset ${predictionOffset}`
    const topic = layout.outcomes?.topic ?? ''
    this.deadLetters.push({ reason: 'contradicting-outcome', detail, topic, partition, offset, key: null, value: null })
  }

  private inputCheckpoint(
    input: InputName,
    reader: { readonly position: number; readonly clock: { readonly nowMs: number } },
    rewind: { readonly offset: number; readonly clock: InputCheckpoint['rewindClock'] },
    cuts: readonly number[],
  ): InputCheckpoint {
    return {
      rewindOffset: rewind.offset,
      rewindClock: rewind.clock,
      position: reader.position,
      clockMs: reader.clock.nowMs,
      cuts: cuts.filter((cut) => cut > rewind.offset),
      counters: this.inputCounters[input].state(),
      handedTo: this.handedTo[input],
    }
  }

  private withCuts(restored: SourceCheckpoint): SourceCheckpoint {
    return {
      ...restored,
      predictions: { ...restored.predictions, cuts: cutsAfter(restored.predictions, this.exposures.cuts) },
      described: { ...restored.described, cuts: cutsAfter(restored.described, this.describedSlices.cuts) },
      unitEntries: this.units.storedEntries,
    }
  }

  private nothingReadSince(restored: SourceCheckpoint): boolean {
    const { predictions, outcomes, described } = this.positions()
    return (
      predictions === restored.predictions.position && outcomes === restored.outcomes.position && described === restored.described.position
    )
  }
}

function cutsAfter(restored: InputCheckpoint, cuts: readonly number[]): number[] {
  return [...new Set([...restored.cuts, ...cuts])].filter((cut) => cut > restored.rewindOffset).sort((a, b) => a - b)
}

function horizonMeasures(layout: Layout): HorizonMeasure[] {
  const horizonsMs = new Set(layout.models.flatMap((model) => model.horizons.map((horizon) => horizon.horizonMs)))
  return [...horizonsMs]
    .sort((a, b) => a - b)
    .map((horizonMs) => ({
      horizonMs,
      chain: `outcome:${horizonMs}`,
      measure: new ChainMeasure(
        layout.models,
        layout.predictions,
        `outcome:${horizonMs}`,
        (model) => model.horizons.find((horizon) => horizon.horizonMs === horizonMs)?.blocks ?? [],
      ),
      runsDone: 0,
    }))
}

function bytesOf(bytes: Buffer, start: number, end: number): Buffer | null {
  return start < 0 ? null : Buffer.from(bytes.subarray(start, end))
}
