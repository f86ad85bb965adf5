/**
 * Cuts one input partition into slice runs: consecutive offsets read while the partition's clock stood in one slice.
 *
 * A run ends where the clock enters another slice, or at an idle cut. Cuts are remembered, so a second reading makes the same runs.
 * Every record moves the clock, also one that cannot be used.
 */
import type { RecordBatch } from '../domain.ts'
import type { PendingRun } from '../join/pending.ts'
import { advanceClock, type ClockState, copyClock, newClock } from '../measure/partition-clock.ts'
import type { InputCheckpoint } from './source-checkpoint.ts'

export interface SliceRun {
  readonly from: number
  /** -1 while it is open. */
  to: number
  readonly startMs: number
  readonly endMs: number
  readonly clockAtStart: ClockState
  /** Its predictions in the join; null for inputs that are not joined. */
  pending: PendingRun | null
}

/** Rows as the ingest gives them: offsets ascending, a part of those in the record batch. */
interface UsedRows {
  readonly count: number
  readonly offset: Float64Array
}

/** What is done with runs and their rows. Rows come before their run closes. */
export interface SliceHandler {
  opened(run: SliceRun): void
  rows(run: SliceRun, from: number, to: number): void
  closed(run: SliceRun): void
}

interface SliceSettings {
  readonly sliceMs: number
  readonly maxClockSkewMs: number
}

export class SourceSlices {
  readonly clock: ClockState
  /** Offset after the last record read; -1: none. */
  position: number
  /** Runs not released, oldest first; the last may be open. */
  readonly runs: SliceRun[] = []
  /** Idle cuts, made or remembered, ascending. */
  cuts: number[]
  /** For each used row of the batch being read: the clock when it was read, and its row in the record batch. */
  clockMs = new Float64Array(1024)
  recordRow = new Int32Array(1024)
  private readonly settings: SliceSettings
  private open: SliceRun | null = null
  /** Where the next run begins; -1: at the first record. */
  private nextFrom: number
  /** The remembered cut that ends the open run; infinite when there is none. */
  private nextCut = Number.POSITIVE_INFINITY

  constructor(settings: SliceSettings, restored: InputCheckpoint | null) {
    this.settings = settings
    this.clock = restored === null ? newClock() : copyClock(restored.rewindClock)
    this.position = restored?.rewindOffset ?? -1
    this.nextFrom = this.position
    this.cuts = [...(restored?.cuts ?? [])]
  }

  read(records: RecordBatch, used: UsedRows, handler: SliceHandler): void {
    this.reserve(used.count)
    const { clock, clockMs, recordRow } = this
    const { maxClockSkewMs } = this.settings
    const { count, offset, timestampMs } = records
    let taken = 0
    let done = 0
    for (let row = 0; row < count; row++) {
      const at = offset[row]!
      const timeMs = timestampMs[row]!
      if (this.open !== null && at < this.nextCut && timeMs < this.open.endMs) advanceClock(clock, timeMs, maxClockSkewMs)
      else done = this.perhapsTurn(at, timeMs, done, taken, handler)
      if (taken < used.count && used.offset[taken] === at) {
        clockMs[taken] = clock.nowMs
        recordRow[taken++] = row
      }
    }
    if (count > 0) this.position = offset[count - 1]! + 1
    if (taken < used.count) throw new Error('ingest returned a row that is not in the record batch')
    if (this.open !== null && done < taken) handler.rows(this.open, done, taken)
    if (this.open !== null && this.position >= this.nextCut) this.close(this.nextCut, handler)
  }

  /** Closes the open run at the position reached, and remembers the cut. Null when none is open. */
  cut(handler: SliceHandler): number | null {
    if (this.open === null) return null
    this.cuts.push(this.position)
    this.close(this.position, handler)
    return this.position
  }

  /** Drops runs from the front; an open one stays. */
  release(isDone: (run: SliceRun) => boolean, released: (run: SliceRun) => void): void {
    while (this.runs.length > 0 && this.runs[0]!.to >= 0 && isDone(this.runs[0]!)) released(this.runs.shift()!)
    const { offset } = this.rewind()
    if (this.cuts.length > 0) this.cuts = this.cuts.filter((cut) => cut > offset)
  }

  /** Where a re-reading must begin, with the clock there. */
  rewind(): { offset: number; clock: ClockState } {
    const oldest = this.runs[0]
    return oldest === undefined
      ? { offset: this.position, clock: copyClock(this.clock) }
      : { offset: oldest.from, clock: copyClock(oldest.clockAtStart) }
  }

  /** A record that may end the open run or begin one. Returns how many used rows have been given to the handler. */
  private perhapsTurn(offset: number, timestampMs: number, done: number, taken: number, handler: SliceHandler): number {
    const { open } = this
    const atCut = offset >= this.nextCut
    const before = copyClock(this.clock)
    advanceClock(this.clock, timestampMs, this.settings.maxClockSkewMs)
    if (this.clock.nowMs < before.nowMs) throw new Error('a partition clock went backwards')
    if (open !== null && !atCut && this.clock.nowMs < open.endMs) return done
    if (open !== null) {
      if (done < taken) handler.rows(open, done, taken)
      this.close(atCut ? this.nextCut : offset, handler)
    }
    this.begin(offset, before, handler)
    return taken
  }

  private begin(offset: number, clockAtStart: ClockState, handler: SliceHandler): void {
    const { sliceMs } = this.settings
    const startMs = Math.floor(this.clock.nowMs / sliceMs) * sliceMs
    const from = this.nextFrom >= 0 ? this.nextFrom : offset
    this.open = { from, to: -1, startMs, endMs: startMs + sliceMs, clockAtStart, pending: null }
    this.runs.push(this.open)
    this.nextCut = this.cuts.find((cut) => cut > from) ?? Number.POSITIVE_INFINITY
    handler.opened(this.open)
  }

  private close(to: number, handler: SliceHandler): void {
    const run = this.open!
    run.to = to
    this.nextFrom = to
    this.open = null
    handler.closed(run)
  }

  private reserve(rows: number): void {
    if (rows <= this.clockMs.length) return
    this.clockMs = new Float64Array(rows * 2)
    this.recordRow = new Int32Array(rows * 2)
  }
}
