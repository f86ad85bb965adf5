/**
 * The clock of the outcomes partition, and marks to find the way back by: for each slice of its clock the offset where it began.
 */
import type { RecordBatch } from '../domain.ts'
import { advanceClock, type ClockState, copyClock, newClock } from '../measure/partition-clock.ts'
import type { InputCheckpoint } from './source-checkpoint.ts'

interface Mark {
  readonly offset: number
  /** The clock before and after the record at `offset`. All records before it have a lower clock than `nowMs`. */
  readonly before: ClockState
  readonly nowMs: number
}

export class OutcomeClock {
  readonly clock: ClockState
  /** Offset after the last record read; -1: none. */
  position: number
  /** For each used row of the batch last read: the clock when it was read. */
  clockMs = new Float64Array(1024)
  private marks: Mark[] = []
  private nextMarkMs = Number.NEGATIVE_INFINITY
  private readonly sliceMs: number
  private readonly maxClockSkewMs: number

  constructor(settings: { readonly sliceMs: number; readonly maxClockSkewMs: number }, restored: InputCheckpoint | null) {
    this.sliceMs = settings.sliceMs
    this.maxClockSkewMs = settings.maxClockSkewMs
    this.clock = restored === null ? newClock() : copyClock(restored.rewindClock)
    this.position = restored?.rewindOffset ?? -1
  }

  read(records: RecordBatch, used: { readonly count: number; readonly offset: Float64Array }): void {
    if (used.count > this.clockMs.length) this.clockMs = new Float64Array(used.count * 2)
    const { clock, clockMs } = this
    const { count, offset, timestampMs } = records
    let taken = 0
    for (let row = 0; row < count; row++) {
      const at = offset[row]!
      const timeMs = timestampMs[row]!
      if (timeMs < this.nextMarkMs) advanceClock(clock, timeMs, this.maxClockSkewMs)
      else this.turn(at, timeMs)
      if (taken < used.count && used.offset[taken] === at) clockMs[taken++] = clock.nowMs
    }
    if (count > 0) this.position = offset[count - 1]! + 1
    if (taken < used.count) throw new Error('ingest returned a row that is not in the record batch')
  }

  /** Where to read again from so that every outcome with a clock of `neededMs` or later is met, but not after `offsetMax`. */
  rewind(neededMs: number, offsetMax: number): { offset: number; clock: ClockState } {
    const mark = this.markFor(neededMs, offsetMax)
    return mark === undefined
      ? { offset: this.position, clock: copyClock(this.clock) }
      : { offset: mark.offset, clock: copyClock(mark.before) }
  }

  /** Forgets marks that no later rewind can ask for. */
  forget(neededMs: number, offsetMax: number): void {
    const mark = this.markFor(neededMs, offsetMax)
    if (mark !== undefined) this.marks = this.marks.slice(this.marks.indexOf(mark))
  }

  private markFor(neededMs: number, offsetMax: number): Mark | undefined {
    return this.marks.findLast((mark) => mark.nowMs <= neededMs && mark.offset <= offsetMax) ?? this.marks[0]
  }

  /** A record with which another slice of the clock may begin. */
  private turn(offset: number, timestampMs: number): void {
    const before = copyClock(this.clock)
    advanceClock(this.clock, timestampMs, this.maxClockSkewMs)
    const { nowMs } = this.clock
    if (nowMs < this.nextMarkMs) return
    this.marks.push({ offset, before, nowMs })
    this.nextMarkMs = (Math.floor(nowMs / this.sliceMs) + 1) * this.sliceMs
  }
}
