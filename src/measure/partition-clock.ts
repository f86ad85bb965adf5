/**
 * The clock of one input partition: the running maximum of its records' timestamps.
 *
 * One record with a wrong time must not close every slice up to the year 2999. So a record further ahead than the allowed skew is held:
 * the clock goes there only when the next 16 records are just as far ahead, and then to the earliest of them.
 * The rule looks at nothing but the records in their order, so a second reading gives the same clock.
 * A time that no event has, such as the largest number a producer can write, moves it never: neither as the first, nor however many agree.
 */

/** How many further records must agree with one that is far ahead. */
const AGREEING_RECORDS = 16
/** Some way before the last time that a calendar has: no slice later than this could be written. */
const TIME_MS_MAX = 8e15

/** Plain data: it goes into checkpoints as it is. -1: nothing read yet. */
export interface ClockState {
  nowMs: number
  heldMinMs: number
  heldCount: number
  /** Records that were too far ahead, ever. */
  heldTotal: number
}

export function newClock(): ClockState {
  return { nowMs: -1, heldMinMs: 0, heldCount: 0, heldTotal: 0 }
}

export function copyClock(clock: Readonly<ClockState>): ClockState {
  return { nowMs: clock.nowMs, heldMinMs: clock.heldMinMs, heldCount: clock.heldCount, heldTotal: clock.heldTotal }
}

/** Reads one record's timestamp; records without one (-1) leave the clock as it is. */
export function advanceClock(clock: ClockState, timestampMs: number, maxSkewMs: number): void {
  if (timestampMs < 0) return
  if (timestampMs > TIME_MS_MAX) {
    clock.heldTotal++
    return
  }
  if (clock.nowMs >= 0 && timestampMs > clock.nowMs + maxSkewMs) {
    hold(clock, timestampMs)
    return
  }
  clock.heldCount = 0
  if (timestampMs > clock.nowMs) clock.nowMs = timestampMs
}

function hold(clock: ClockState, timestampMs: number): void {
  clock.heldMinMs = clock.heldCount === 0 ? timestampMs : Math.min(clock.heldMinMs, timestampMs)
  clock.heldCount++
  clock.heldTotal++
  if (clock.heldCount <= AGREEING_RECORDS) return
  clock.nowMs = clock.heldMinMs
  clock.heldCount = 0
}
