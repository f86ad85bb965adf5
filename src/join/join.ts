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
 */
import type { MaturedBatch, OutcomeBatch, PredictionBatch } from '../domain.ts'
import { unitBucket } from '../kit/hash.ts'
import type { Layout } from '../policy/layout.ts'
import { FLAGS, IdRing } from './id-ring.ts'
import { MaturedColumns } from './matured-columns.ts'
import { inSample, newSample, raiseLevel, relaxLevel, type SampleState } from './sample.ts'
import { FirstExposures, type UnitTable } from './units.ts'

/** What became of an outcome. */
export type OutcomeFate = 'used' | 'duplicate-outcome' | 'contradicting-outcome' | 'unmatched-outcome' | 'sampled-out'

/** Hears of each outcome when its fate is known. `predictionOffset` is -1 when it met none. */
export type OnOutcome = (fate: OutcomeFate, offset: number, clockMs: number, predictionOffset: number) => void

/** The predictions of one slice run, by arrival number in the ring. */
export interface PendingRun {
  ringFrom: number
  /** -1 while the run is open. */
  ringTo: number
  sliceEndMs: number
  /** One id in 2^level is kept. */
  level: number
}

/**
 * What a restart must know about a prediction because the one before it with the same id is no longer re-read: a duplicate
 * (`fitsFromMs` null), or one that outcomes fit only from this time on.
 */
export interface IdException {
  readonly offset: number
  readonly fitsFromMs: number | null
}

// Words of a pending prediction. Doubles are counted in doubles.
const MODEL_VERSION = 3
const FITS_FROM = 2
const FITS_UNTIL = 3
const SCORE = 4
const VALUE = 5
const OUTCOME_CLOCK = 6
const OFFSET = 7
const DIMENSIONS = 16

// Bits of FLAGS: first exposure, decision (2 bits), label (2 bits), bucket of the unit + 1 (8 bits; 0: no unit).
const DECISION_SHIFT = 1
const LABEL_SHIFT = 3
const BUCKET_SHIFT = 5
const NO_OUTCOME = 0
const NEGATIVE = 1
const POSITIVE = 2
const NO_LABEL = 3

// Words of a waiting outcome: its label stands in FLAGS.
const EARLY_WORDS = 10
const EARLY_CLOCK = 2
const EARLY_VALUE = 3
const EARLY_OFFSET = 4

export class Join {
  /** Of the rows last accepted: COUNTED or DUPLICATE as measure has them. */
  status = new Uint8Array(1024)
  first = new Uint8Array(1024)
  readonly sample: SampleState
  private readonly layout: Layout
  private readonly pending: IdRing
  private readonly early: IdRing
  private readonly firstExposures: FirstExposures
  private readonly onOutcome: OnOutcome
  private readonly runs: PendingRun[] = []
  private readonly maturedColumns: MaturedColumns
  /** Duplicates and re-used ids of late: offset, offset of the one before, fitsFrom (-1: a duplicate). */
  private exceptions: { offset: number; earlierOffset: number; fitsFromMs: number }[] = []
  /** Restored exceptions by offset. */
  private readonly known: ReadonlyMap<number, number | null>
  private predictionsMs = -1
  private outcomesMs = -1

  constructor(layout: Layout, units: UnitTable, onOutcome: OnOutcome, known: readonly IdException[], sample: SampleState | null) {
    this.layout = layout
    const dimensions = layout.predictions.dimensions.length
    this.pending = new IdRing(DIMENSIONS + dimensions + (dimensions & 1))
    this.early = new IdRing(EARLY_WORDS)
    this.firstExposures = new FirstExposures(units, layout.models, 'exposure')
    this.onOutcome = onOutcome
    this.known = new Map(known.map((exception) => [exception.offset, exception.fitsFromMs]))
    this.sample = sample === null ? newSample() : { ...sample }
    this.maturedColumns = new MaturedColumns(dimensions)
  }

  /** Predictions held, matured or not. */
  get pendingCount(): number {
    return this.pending.size
  }

  openRun(sliceEndMs: number): PendingRun {
    const waiting = Math.max(this.pending.size, this.early.size)
    relaxLevel(this.sample, waiting, this.layout.maxPending, this.predictionsMs, this.outcomesMs, this.layout.maxEarlyMs)
    const run = { ringFrom: this.pending.next, ringTo: -1, sliceEndMs, level: this.sample.predictionLevel }
    this.runs.push(run)
    return run
  }

  closeRun(run: PendingRun): void {
    run.ringTo = this.pending.next
  }

  /** Lets go of the oldest run: nothing can need it any more. */
  releaseRun(run: PendingRun): void {
    if (this.runs[0] !== run || run.ringTo < 0) throw new Error('runs must be released in order, after they are closed')
    this.runs.shift()
    while (this.pending.oldest < run.ringTo) this.pending.dropOldest()
  }

  /** Rows [from, to) of the batch belong to this run; `clockMs` has the predictions clock when each was read. */
  accept(batch: PredictionBatch, from: number, to: number, clockMs: Float64Array, run: PendingRun): void {
    if (this.status.length < batch.count) this.growStatus(batch.count)
    for (let row = from; row < to; row++) {
      this.status[row] = 0
      this.first[row] = 0
      this.acceptRow(batch, row, clockMs[row]!, run)
    }
  }

  /** Rows of the batch with the outcome clock when each was read. */
  attach(batch: OutcomeBatch, clockMs: Float64Array): void {
    for (let row = 0; row < batch.count; row++) this.attachRow(batch, row, clockMs[row]!)
    if (this.early.size >= this.layout.maxPending) this.thinOut()
  }

  /** Tells the join how far predictions are read, and settles outcomes that no prediction can meet any more. */
  predictionsReached(clockMs: number): void {
    this.predictionsMs = clockMs
    const { early } = this
    while (early.size > 0) {
      const place = early.placeOf(early.oldest)
      const outcomeMs = early.doubles[(place >> 1) + EARLY_CLOCK]!
      if (early.isLinked(place)) {
        if (clockMs <= outcomeMs + this.layout.maxEarlyMs) return
        this.onOutcome('unmatched-outcome', early.doubles[(place >> 1) + EARLY_OFFSET]!, outcomeMs, -1)
      }
      early.dropOldest()
    }
  }

  outcomesReached(clockMs: number): void {
    this.outcomesMs = clockMs
  }

  /** The predictions of a closed run with what became of them within the horizon, in batches that are valid during the call only. */
  mature(run: PendingRun, horizonMs: number, each: (batch: MaturedBatch) => void): void {
    const columns = this.maturedColumns
    const beforeMs = run.sliceEndMs + horizonMs
    columns.batch.count = 0
    for (let arrival = run.ringFrom; arrival < run.ringTo; arrival++) {
      this.copyMatured(this.pending.placeOf(arrival), beforeMs, columns)
      if (columns.batch.count < columns.capacity && arrival + 1 < run.ringTo) continue
      each(columns.batch)
      columns.batch.count = 0
    }
  }

  /** Exceptions among the predictions from this offset on that a re-reading from there would not find by itself. Forgets older ones. */
  exceptionsFrom(offset: number): IdException[] {
    this.exceptions = this.exceptions.filter((exception) => exception.offset >= offset)
    return this.exceptions
      .filter((exception) => exception.earlierOffset < offset)
      .map(({ offset, fitsFromMs }) => ({ offset, fitsFromMs: fitsFromMs < 0 ? null : fitsFromMs }))
  }

  private acceptRow(batch: PredictionBatch, row: number, clockMs: number, run: PendingRun): void {
    const offset = batch.offset[row]!
    const fitsFromMs = this.fitsFrom(batch.id1[row]!, batch.id2[row]!, offset, clockMs)
    if (fitsFromMs < 0) {
      this.status[row] = 1
      return
    }
    const model = batch.model[row]!
    if (
      batch.unitHome[row] === 1 &&
      this.firstExposures.isFirst(model, batch.version[row]!, batch.unit1[row]!, batch.unit2[row]!, offset)
    ) {
      this.first[row] = 1
    }
    if (!inSample(batch.id2[row]!, run.level)) return
    if (this.pending.size >= this.layout.maxPending) this.thinOut()
    if (!inSample(batch.id2[row]!, run.level)) return
    const place = this.addPending(batch, row, fitsFromMs, run.sliceEndMs + this.layout.maxHorizonMs)
    if (this.early.size > 0) this.meetEarly(place)
  }

  /** From when on outcomes fit this prediction; -1 when it is a duplicate. */
  private fitsFrom(id1: number, id2: number, offset: number, clockMs: number): number {
    const { pending } = this
    let fitsFromMs = Math.max(0, clockMs - this.layout.maxEarlyMs)
    let position = pending.seek(id1, id2, pending.start(id1))
    if (position < 0 && this.known.size === 0) return fitsFromMs
    for (; position >= 0; position = pending.seek(id1, id2, pending.after(position))) {
      const at = pending.placeAt(position) >> 1
      const earlierUntilMs = pending.doubles[at + FITS_UNTIL]!
      if (clockMs < earlierUntilMs) {
        this.exceptions.push({ offset, earlierOffset: pending.doubles[at + OFFSET]!, fitsFromMs: -1 })
        return -1
      }
      if (earlierUntilMs <= fitsFromMs) continue
      fitsFromMs = earlierUntilMs
      this.exceptions.push({ offset, earlierOffset: pending.doubles[at + OFFSET]!, fitsFromMs })
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

  private addPending(batch: PredictionBatch, row: number, fitsFromMs: number, fitsUntilMs: number): number {
    const { pending } = this
    const place = pending.add(batch.id1[row]!, batch.id2[row]!)
    const { words, doubles } = pending
    const bucket = unitBucket(batch.unit1[row]!, batch.unit2[row]!) + 1
    words[place + FLAGS] = this.first[row]! | (batch.decision[row]! << DECISION_SHIFT) | (bucket << BUCKET_SHIFT)
    words[place + MODEL_VERSION] = (batch.model[row]! << 16) | batch.version[row]!
    const at = place >> 1
    doubles[at + FITS_FROM] = fitsFromMs
    doubles[at + FITS_UNTIL] = fitsUntilMs
    doubles[at + SCORE] = batch.score[row]!
    doubles[at + VALUE] = Number.NaN
    doubles[at + OFFSET] = batch.offset[row]!
    for (let k = 0; k < batch.dimensions.length; k++) words[place + DIMENSIONS + k] = batch.dimensions[k]![row]!
    return place
  }

  private attachRow(batch: OutcomeBatch, row: number, clockMs: number): void {
    const id1 = batch.id1[row]!
    const id2 = batch.id2[row]!
    const offset = batch.offset[row]!
    const label = labelState(batch.label[row]!)
    const place = this.findFitting(id1, id2, clockMs)
    if (place >= 0) this.settle(place, offset, clockMs, label, batch.value[row]!)
    else if (!inSample(id2, this.sample.outcomeLevel)) this.onOutcome('sampled-out', offset, clockMs, -1)
    else if (clockMs + this.layout.maxEarlyMs < this.predictionsMs) this.onOutcome('unmatched-outcome', offset, clockMs, -1)
    else this.addEarly(id1, id2, offset, clockMs, label, batch.value[row]!)
  }

  private findFitting(id1: number, id2: number, clockMs: number): number {
    const { pending } = this
    let position = pending.seek(id1, id2, pending.start(id1))
    for (; position >= 0; position = pending.seek(id1, id2, pending.after(position))) {
      const place = pending.placeAt(position)
      const at = place >> 1
      if (clockMs >= pending.doubles[at + FITS_FROM]! && clockMs < pending.doubles[at + FITS_UNTIL]!) return place
    }
    return -1
  }

  /** An outcome met the prediction it fits. Outcomes come in the order of their offsets, so the first to come is the one that counts. */
  private settle(place: number, offset: number, clockMs: number, label: number, value: number): void {
    const { words, doubles } = this.pending
    const at = place >> 1
    const held = (words[place + FLAGS]! >> LABEL_SHIFT) & 3
    const predictionOffset = doubles[at + OFFSET]!
    if (held === NO_OUTCOME) {
      words[place + FLAGS]! |= label << LABEL_SHIFT
      doubles[at + VALUE] = value
      doubles[at + OUTCOME_CLOCK] = clockMs
      this.onOutcome('used', offset, clockMs, predictionOffset)
    } else {
      const contradicts = held !== label && held !== NO_LABEL && label !== NO_LABEL
      this.onOutcome(contradicts ? 'contradicting-outcome' : 'duplicate-outcome', offset, clockMs, predictionOffset)
    }
  }

  private addEarly(id1: number, id2: number, offset: number, clockMs: number, label: number, value: number): void {
    const { early } = this
    const place = early.add(id1, id2)
    early.words[place + FLAGS] = label
    early.doubles[(place >> 1) + EARLY_CLOCK] = clockMs
    early.doubles[(place >> 1) + EARLY_VALUE] = value
    early.doubles[(place >> 1) + EARLY_OFFSET] = offset
  }

  /** Outcomes that came before this prediction, the lowest offset first. */
  private meetEarly(place: number): void {
    const id1 = this.pending.words[place]!
    const id2 = this.pending.words[place + 1]!
    const { early } = this
    for (let met = this.lowestEarly(id1, id2, place); met >= 0; met = this.lowestEarly(id1, id2, place)) {
      const at = met >> 1
      const { doubles } = early
      this.settle(place, doubles[at + EARLY_OFFSET]!, doubles[at + EARLY_CLOCK]!, early.words[met + FLAGS]!, doubles[at + EARLY_VALUE]!)
      early.unlink(met)
    }
  }

  private lowestEarly(id1: number, id2: number, place: number): number {
    const { early, pending } = this
    const fitsFromMs = pending.doubles[(place >> 1) + FITS_FROM]!
    const fitsUntilMs = pending.doubles[(place >> 1) + FITS_UNTIL]!
    let lowest = -1
    let position = early.seek(id1, id2, early.start(id1))
    for (; position >= 0; position = early.seek(id1, id2, early.after(position))) {
      const found = early.placeAt(position)
      const clockMs = early.doubles[(found >> 1) + EARLY_CLOCK]!
      if (clockMs < fitsFromMs || clockMs >= fitsUntilMs) continue
      if (lowest < 0 || early.doubles[(found >> 1) + EARLY_OFFSET]! < early.doubles[(lowest >> 1) + EARLY_OFFSET]!) lowest = found
    }
    return lowest
  }

  private copyMatured(place: number, beforeMs: number, columns: MaturedColumns): void {
    const { words, doubles } = this.pending
    const { batch } = columns
    const row = batch.count++
    const at = place >> 1
    const flags = words[place + FLAGS]!
    const label = (flags >> LABEL_SHIFT) & 3
    const inTime = label !== NO_OUTCOME && doubles[at + OUTCOME_CLOCK]! < beforeMs
    batch.model[row] = words[place + MODEL_VERSION]! >> 16
    batch.version[row] = words[place + MODEL_VERSION]! & 0xffff
    for (let k = 0; k < batch.dimensions.length; k++) batch.dimensions[k]![row] = words[place + DIMENSIONS + k]!
    batch.first[row] = flags & 1
    batch.unitBucket[row] = ((flags >> BUCKET_SHIFT) & 0xff) - 1
    batch.score[row] = doubles[at + SCORE]!
    batch.decision[row] = (flags >> DECISION_SHIFT) & 3
    batch.label[row] = inTime && label !== NO_LABEL ? label - NEGATIVE : Number.NaN
    batch.value[row] = inTime ? doubles[at + VALUE]! : Number.NaN
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
    const { pending, runs } = this
    const moves = runs.map((run) => ({ run, from: run.ringFrom, to: run.ringTo }))
    let fromIndex = 0
    let toIndex = 0
    pending.compact(
      (place) => inSample(pending.words[place + 1]!, level),
      (arrival, kept) => {
        while (fromIndex < moves.length && moves[fromIndex]!.from === arrival) moves[fromIndex++]!.run.ringFrom = kept
        while (toIndex < moves.length && moves[toIndex]!.to === arrival) moves[toIndex++]!.run.ringTo = kept
      },
    )
    for (const run of runs) run.level = level
  }

  private thinEarly(level: number): void {
    const { early } = this
    for (let arrival = early.oldest; arrival < early.next; arrival++) {
      const place = early.placeOf(arrival)
      if (!early.isLinked(place) || inSample(early.words[place + 1]!, level)) continue
      const at = place >> 1
      this.onOutcome('sampled-out', early.doubles[at + EARLY_OFFSET]!, early.doubles[at + EARLY_CLOCK]!, -1)
      early.unlink(place)
    }
    early.compact(
      () => true,
      () => {},
    )
  }

  private growStatus(rows: number): void {
    this.status = grown(this.status, rows)
    this.first = grown(this.first, rows)
  }
}

/** A larger column with the same beginning: rows of this batch may have been accepted already. */
function grown(column: Uint8Array<ArrayBuffer>, rows: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(rows, column.length * 2))
  larger.set(column)
  return larger
}

function labelState(label: number): number {
  if (Number.isNaN(label)) return NO_LABEL
  return label === 1 ? POSITIVE : NEGATIVE
}
