/**
 * Joins the outcomes of one source partition to its predictions.
 *
 * The rule looks at offsets and partition clocks only, so it does not matter how the two partitions are interleaved when read:
 *
 * - Outcome o fits prediction p when `fitsFrom(p) ≤ clock(o) < fitsUntil(p)`, with fitsUntil = end of p's slice + longest horizon, and
 *   fitsFrom = clock(p) - maxEarly, but not before an earlier prediction of the same id lets go. At most one prediction fits an outcome.
 * - Of the outcomes that fit a prediction, the one with the lowest offset counts; the others are duplicates, or contradict it.
 * - A prediction whose id is held by one that has not come to its fitsUntil is a duplicate.
 * - An outcome that fits nothing waits until the predictions clock has passed clock(o) + maxEarly.
 *
 * Entries are kept longer than any rule needs them; nothing depends on when they go.
 *
 * Where a plan has a shadow, control and candidate may answer the same request under the same id. Candidates then have a room of ids of
 * their own (`mirrors.ts`), and every outcome is looked up in both: it may count for two predictions, and its fate is told once.
 */
import type { MaturedBatch, OutcomeBatch, PairColumns, PredictionBatch } from '../domain.ts'
import type { Layout } from '../policy/layout.ts'
import { EarlyOutcomes } from './early.ts'
import { MaturedColumns } from './matured-columns.ts'
import { Mirrors, twinOf } from './mirrors.ts'
import { hasPairs, Pairs } from './pairs.ts'
import { type AddedRows, labelState, NO_LABEL, NO_OUTCOME, PendingPredictions, type PendingRun, SETTLED } from './pending.ts'
import { inSample, newSample, raiseLevel, relaxLevel, type SampleState } from './sample.ts'
import { FirstExposures, type UnitTable } from './units.ts'

/** What became of an outcome. */
export type OutcomeFate = 'used' | 'duplicate-outcome' | 'contradicting-outcome' | 'unmatched-outcome' | 'sampled-out'

/** Hears of each outcome when its fate is known. `predictionOffset` is -1 when it met none. */
export type OnOutcome = (fate: OutcomeFate, offset: number, clockMs: number, predictionOffset: number) => void

/**
 * What a restart must know about a prediction because the one before it with the same id is no longer re-read: a duplicate
 * (`fitsFromMs` null), or one that outcomes fit only from this time on.
 */
export interface IdException {
  readonly offset: number
  readonly fitsFromMs: number | null
}

/** Rows that are looked up before the first of them is settled: their tables' lines come from memory together. */
const ROWS_AHEAD = 512

export class Join {
  /** Of the rows last accepted: COUNTED or DUPLICATE as measure has them. */
  status = new Uint8Array(1024)
  first = new Uint8Array(1024)
  readonly sample: SampleState
  private readonly layout: Layout
  private readonly pending: PendingPredictions
  private readonly early = new EarlyOutcomes()
  private readonly firstExposures: FirstExposures
  private readonly hasUnits: boolean
  private readonly onOutcome: OnOutcome
  private readonly runs: PendingRun[] = []
  private readonly maturedColumns: MaturedColumns
  /** Duplicates and re-used ids of late: offset, offset of the one before, fitsFrom (-1: a duplicate). */
  private exceptions: { offset: number; earlierOffset: number; fitsFromMs: number }[] = []
  /** Restored exceptions by offset. */
  private readonly known: ReadonlyMap<number, number | null>
  private predictionsMs = -1
  private outcomesMs = -1
  /** Of the rows being accepted: those that got an entry. */
  private added: AddedRows = { rows: new Int32Array(1024), places: new Int32Array(1024), count: 0 }
  /** Of the outcomes being attached: the prediction each fits, -1: none. */
  private readonly fitting = new Int32Array(ROWS_AHEAD)
  /** Likewise of a mirrored candidate. */
  private readonly fittingTwin = new Int32Array(ROWS_AHEAD)
  private readonly twins = new Int32Array(ROWS_AHEAD)
  private readonly mirrors: Mirrors
  /** Null: no model compares answers to one request. */
  private readonly pairs: Pairs | null

  constructor(layout: Layout, units: UnitTable, onOutcome: OnOutcome, known: readonly IdException[], sample: SampleState | null) {
    this.layout = layout
    this.pending = new PendingPredictions(layout)
    this.firstExposures = new FirstExposures(units, layout.models, 'exposure')
    this.hasUnits = layout.models.some((model) => model.hasUnits)
    this.mirrors = new Mirrors(layout)
    this.pairs = hasPairs(layout) ? new Pairs(layout, this.pending) : null
    this.onOutcome = onOutcome
    this.known = new Map(known.map((exception) => [exception.offset, exception.fitsFromMs]))
    this.sample = sample === null ? newSample() : { ...sample }
    this.maturedColumns = new MaturedColumns(layout.predictions.dimensions.length, this.pairs !== null)
  }

  /** Of the rows last accepted: the pairs they complete; null where nobody compares them. */
  get pairColumns(): PairColumns | null {
    return this.pairs === null ? null : this.pairs.columns
  }

  /** Predictions held, matured or not. */
  get pendingCount(): number {
    return this.pending.size
  }

  /** What predictions and outcomes that wait take up in memory. */
  get bytes(): number {
    return this.pending.bytes + this.early.bytes
  }

  openRun(sliceEndMs: number): PendingRun {
    const waiting = Math.max(this.pending.size, this.early.size)
    relaxLevel(this.sample, waiting, this.layout.maxPending, this.predictionsMs, this.outcomesMs, this.layout.maxEarlyMs)
    const run = this.pending.openRun(sliceEndMs, this.sample.predictionLevel)
    this.runs.push(run)
    return run
  }

  closeRun(run: PendingRun): void {
    run.ringTo = this.pending.ring.next
  }

  /** Lets go of the oldest run: nothing can need it any more. */
  releaseRun(run: PendingRun): void {
    if (this.runs[0] !== run || run.ringTo < 0) throw new Error('runs must be released in order, after they are closed')
    this.runs.shift()
    this.pending.release(run)
  }

  /**
   * Rows [from, to) of the batch belong to this run; `clockMs` has the predictions clock when each was read. Returns how many are
   * duplicates.
   */
  accept(batch: PredictionBatch, from: number, to: number, clockMs: Float64Array, run: PendingRun): number {
    if (this.status.length < to) this.growRows(to)
    this.status.fill(0, from, to)
    this.first.fill(0, from, to)
    this.pairs?.begin(from, to)
    let duplicates = 0
    for (let row = from; row < to; ) {
      // As many rows as there is room for: places stand still meanwhile. Where there is none, a row at a time, each may thin out first.
      const room = Math.max(1, this.layout.maxPending - this.pending.size)
      const until = Math.min(to, row + room)
      duplicates += this.acceptRows(batch, row, until, clockMs, run)
      row = until
    }
    return duplicates
  }

  /**
   * Rows of the batch with the outcome clock when each was read. `countUsed`: hears how many were used, in place of `onOutcome` for each;
   * null: each is told.
   */
  attach(batch: OutcomeBatch, clockMs: Float64Array, countUsed: ((rows: number) => void) | null = null): void {
    const { ring } = this.pending
    const { id1, id2 } = batch
    for (let from = 0; from < batch.count; from += ROWS_AHEAD) {
      const to = Math.min(batch.count, from + ROWS_AHEAD)
      ring.touch(id1, from, to)
      ring.touchEntries(id1, from, to)
      this.pending.findFitting(id1, id2, clockMs, from, to, this.fitting)
      if (this.mirrors.some) this.attachMirrored(batch, from, to, clockMs)
      else this.attachRows(batch, from, to, clockMs, countUsed)
    }
    if (this.early.size >= this.layout.maxPending) this.thinOut()
  }

  /** Tells the join how far predictions are read, and settles outcomes that no prediction can meet any more. */
  predictionsReached(clockMs: number): void {
    this.predictionsMs = clockMs
    const { early } = this
    const { ring } = early
    let arrival = ring.oldest
    for (; arrival < ring.next; arrival++) {
      const place = ring.placeOf(arrival)
      if (!ring.isLinked(place)) continue
      const outcomeMs = early.clockMs(place)
      if (clockMs <= outcomeMs + this.layout.maxEarlyMs) break
      if (!early.isQuiet(place)) this.onOutcome('unmatched-outcome', early.offset(place), outcomeMs, -1)
    }
    if (arrival > ring.oldest) ring.dropUntil(arrival)
  }

  outcomesReached(clockMs: number): void {
    this.outcomesMs = clockMs
  }

  /** The predictions of a closed run with what became of them within the horizon, in batches that are valid during the call only. */
  mature(run: PendingRun, horizonMs: number, each: (batch: MaturedBatch) => void): void {
    const { batch, capacity } = this.maturedColumns
    for (let from = run.ringFrom; from < run.ringTo; from += capacity) {
      const to = Math.min(run.ringTo, from + capacity)
      this.pending.matured(from, to, horizonMs, batch)
      this.pairs?.mature(from, to, batch.pairs!, horizonMs)
      each(batch)
    }
  }

  /** Exceptions among the predictions from this offset on that a re-reading from there would not find by itself. Forgets older ones. */
  exceptionsFrom(offset: number): IdException[] {
    this.exceptions = this.exceptions.filter((exception) => exception.offset >= offset)
    return this.exceptions
      .filter((exception) => exception.earlierOffset < offset)
      .map(({ offset, fitsFromMs }) => ({ offset, fitsFromMs: fitsFromMs < 0 ? null : fitsFromMs }))
  }

  /** Looks up all rows, then writes them, a column at a time: looking waits for memory, writing does not. */
  private acceptRows(batch: PredictionBatch, from: number, to: number, clockMs: Float64Array, run: PendingRun): number {
    const { pending, added } = this
    pending.ring.reserve(to - from)
    const id1 = this.mirrors.idsOf(batch, from, to)
    pending.ring.touch(id1, from, to)
    added.count = 0
    const duplicates = this.addRows(batch, id1, from, to, clockMs, run)
    if (this.hasUnits) this.markFirst(batch, from, to)
    pending.fill(batch, this.first, added)
    this.pairs?.expose(added)
    if (this.early.size > 0) this.meetAllEarly(id1, batch.id2, from, to)
    return duplicates
  }

  private addRows(batch: PredictionBatch, id1: Int32Array, from: number, to: number, clockMs: Float64Array, run: PendingRun): number {
    const { pending, added } = this
    const { ring } = pending
    const { maxEarlyMs } = this.layout
    const { id2, offset } = batch
    const isFirstReading = this.known.size === 0
    let duplicates = 0
    for (let row = from; row < to; row++) {
      let fitsFromMs = Math.max(0, clockMs[row]! - maxEarlyMs)
      // An id that is not here, as nearly all are: nothing stands in its way.
      if (!isFirstReading || ring.seek(id1[row]!, id2[row]!, ring.start(id1[row]!)) >= 0) {
        fitsFromMs = this.fitsFrom(id1[row]!, id2[row]!, offset[row]!, clockMs[row]!)
      }
      if (fitsFromMs < 0) {
        this.status[row] = 1
        duplicates++
        continue
      }
      if (!inSample(id2[row]!, run.level)) continue
      if (pending.size >= this.layout.maxPending) this.thinOut()
      if (!inSample(id2[row]!, run.level)) continue
      added.rows[added.count] = row
      added.places[added.count++] = pending.add(run, id1[row]!, id2[row]!, offset[row]!, fitsFromMs)
    }
    return duplicates
  }

  private markFirst(batch: PredictionBatch, from: number, to: number): void {
    const { model, version, unit1, unit2, unitHome, offset } = batch
    for (let row = from; row < to; row++) {
      if (this.status[row] !== 0 || unitHome[row] !== 1) continue
      if (this.firstExposures.isFirst(model[row]!, version[row]!, unit1[row]!, unit2[row]!, offset[row]!)) this.first[row] = 1
    }
  }

  /** From when on outcomes fit this prediction; -1 when it is a duplicate. */
  private fitsFrom(id1: number, id2: number, offset: number, clockMs: number): number {
    const { pending } = this
    const { ring } = pending
    let fitsFromMs = Math.max(0, clockMs - this.layout.maxEarlyMs)
    let position = ring.seek(id1, id2, ring.start(id1))
    for (; position >= 0; position = ring.seek(id1, id2, ring.after(position))) {
      const place = ring.placeAt(position)
      const earlierUntilMs = pending.fitsUntilMs(place)
      if (clockMs < earlierUntilMs) {
        this.exceptions.push({ offset, earlierOffset: pending.offset(place), fitsFromMs: -1 })
        return -1
      }
      if (earlierUntilMs <= fitsFromMs) continue
      fitsFromMs = earlierUntilMs
      this.exceptions.push({ offset, earlierOffset: pending.offset(place), fitsFromMs })
    }
    return this.corrected(offset, fitsFromMs)
  }

  /** After a restart: what is known about this prediction from the reading before. */
  private corrected(offset: number, fitsFromMs: number): number {
    const known = this.known.get(offset)
    if (known === undefined) return fitsFromMs
    this.exceptions.push({ offset, earlierOffset: -1, fitsFromMs: known ?? -1 })
    return known === null ? -1 : Math.max(known, fitsFromMs)
  }

  /** Nearly all outcomes are the first that fits their prediction: those are settled in one go, and the others row by row. */
  private attachRows(
    batch: OutcomeBatch,
    from: number,
    to: number,
    clockMs: Float64Array,
    countUsed: ((rows: number) => void) | null,
  ): void {
    const { fitting } = this
    const used = countUsed === null ? 0 : this.pending.settleFirst(batch, from, to, clockMs, fitting)
    if (used > 0) countUsed!(used)
    if (used === to - from) return
    for (let row = from; row < to; row++) {
      if (fitting[row - from] !== SETTLED) this.attachRow(batch, row, clockMs[row]!, fitting[row - from]!, -1)
    }
  }

  private attachMirrored(batch: OutcomeBatch, from: number, to: number, clockMs: Float64Array): void {
    const { fitting, fittingTwin, pending } = this
    const { id1, id2 } = batch
    for (let row = from; row < to; row++) this.twins[row - from] = twinOf(id1[row]!)
    pending.findFitting(this.twins, id2.subarray(from), clockMs.subarray(from), 0, to - from, fittingTwin)
    for (let row = from; row < to; row++) this.attachRow(batch, row, clockMs[row]!, fitting[row - from]!, fittingTwin[row - from]!)
  }

  private attachRow(batch: OutcomeBatch, row: number, clockMs: number, place: number, twin: number): void {
    const offset = batch.offset[row]!
    const id1 = batch.id1[row]!
    const id2 = batch.id2[row]!
    const value = batch.value[row]!
    const label = labelState(batch.label[row]!)
    if (place >= 0) this.settle(place, offset, clockMs, label, value, true)
    if (twin >= 0) this.settle(twin, offset, clockMs, label, value, place < 0)
    const isTold = place >= 0 || twin >= 0
    const fate = this.fateOfWaiting(id2, clockMs)
    if (fate !== null) {
      if (!isTold) this.onOutcome(fate, offset, clockMs, -1)
      return
    }
    if (place < 0) this.early.add(id1, id2, offset, clockMs, label, value, isTold)
    if (twin < 0 && this.mirrors.some) this.early.add(twinOf(id1), id2, offset, clockMs, label, value, true)
  }

  /** Why an outcome need not wait for a prediction; null: one may still come. */
  private fateOfWaiting(id2: number, clockMs: number): OutcomeFate | null {
    if (!inSample(id2, this.sample.outcomeLevel)) return 'sampled-out'
    return clockMs + this.layout.maxEarlyMs < this.predictionsMs ? 'unmatched-outcome' : null
  }

  /** An outcome met the prediction it fits. Outcomes come in the order of their offsets, so the first to come is the one that counts. */
  private settle(place: number, offset: number, clockMs: number, label: number, value: number, isToBeTold: boolean): void {
    const { pending } = this
    const held = pending.label(place)
    if (held === NO_OUTCOME) pending.settle(place, clockMs, label, value)
    if (!isToBeTold) return
    if (held === NO_OUTCOME) this.onOutcome('used', offset, clockMs, pending.offset(place))
    else {
      const contradicts = held !== label && held !== NO_LABEL && label !== NO_LABEL
      this.onOutcome(contradicts ? 'contradicting-outcome' : 'duplicate-outcome', offset, clockMs, pending.offset(place))
    }
  }

  /** Of the predictions just added, those whose outcome was here before them. Most have none: a look at the table says so. */
  private meetAllEarly(id1: Int32Array, id2: Int32Array, from: number, to: number): void {
    const { added, early } = this
    const { ring } = early
    ring.touch(id1, from, to)
    for (let k = 0; k < added.count; k++) {
      const row = added.rows[k]!
      const lane = id1[row]!
      if (ring.seek(lane, id2[row]!, ring.start(lane)) >= 0) this.meetEarly(added.places[k]!)
    }
  }

  /** Outcomes that came before this prediction, the lowest offset first. */
  private meetEarly(place: number): void {
    const { early, pending } = this
    const id1 = pending.ring.words[place]!
    const id2 = pending.ring.words[place + 1]!
    for (;;) {
      const met = early.lowest(id1, id2, pending.fitsFromMs(place), pending.fitsUntilMs(place))
      if (met < 0) return
      this.settle(place, early.offset(met), early.clockMs(met), early.label(met), early.value(met), this.isToBeTold(met, id1, id2))
      early.ring.unlink(met)
    }
  }

  /** Of an outcome that waits in both rooms the one that is met first is told, and the other hushed. */
  private isToBeTold(met: number, id1: number, id2: number): boolean {
    const { early } = this
    if (!early.isQuiet(met)) return true
    const other = early.at(twinOf(id1), id2, early.offset(met))
    if (other < 0 || early.isQuiet(other)) return false
    early.hush(other)
    return true
  }

  /** Halves what waits until it is below the limit; every run not yet matured is thinned out alike. */
  private thinOut(): void {
    const limit = this.layout.maxPending
    while (this.pending.size >= limit || this.early.size >= limit) {
      const before = this.sample.predictionLevel
      raiseLevel(this.sample)
      if (this.sample.predictionLevel === before) return
      this.thinPending(this.sample.predictionLevel)
      this.thinEarly(this.sample.outcomeLevel)
    }
  }

  private thinPending(level: number): void {
    const { runs } = this
    const { ring } = this.pending
    const moves = runs.map((run) => ({ run, from: run.ringFrom, to: run.ringTo }))
    let fromIndex = 0
    let toIndex = 0
    ring.compact(
      (place) => inSample(ring.words[place + 1]!, level),
      (arrival, kept) => {
        while (fromIndex < moves.length && moves[fromIndex]!.from === arrival) moves[fromIndex++]!.run.ringFrom = kept
        while (toIndex < moves.length && moves[toIndex]!.to === arrival) moves[toIndex++]!.run.ringTo = kept
      },
    )
    for (const run of runs) run.level = level
  }

  private thinEarly(level: number): void {
    const { early } = this
    const { ring } = early
    for (let arrival = ring.oldest; arrival < ring.next; arrival++) {
      const place = ring.placeOf(arrival)
      if (!ring.isLinked(place) || inSample(ring.words[place + 1]!, level)) continue
      if (!early.isQuiet(place)) this.onOutcome('sampled-out', early.offset(place), early.clockMs(place), -1)
      ring.unlink(place)
    }
    ring.compact(
      () => true,
      () => {},
    )
  }

  private growRows(rows: number): void {
    this.status = grown(this.status, rows)
    this.first = grown(this.first, rows)
    const { length } = this.status
    this.added = { rows: new Int32Array(length), places: new Int32Array(length), count: 0 }
  }
}

/** A larger column with the same beginning: rows of this batch may have been accepted already. */
function grown(column: Uint8Array<ArrayBuffer>, rows: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(rows, column.length * 2))
  larger.set(column)
  return larger
}
