/** The partition clock: forward only, and not led astray by one wrong timestamp. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { advanceClock, newClock } from '../../src/measure/partition-clock.ts'

function clockAfter(timestamps: readonly number[]): number {
  const clock = newClock()
  for (const timestampMs of timestamps) advanceClock(clock, timestampMs, 1000)
  return clock.nowMs
}

const times = (timestampMs: number, count: number) => new Array<number>(count).fill(timestampMs)

test('the clock is the running maximum of the timestamps, and records without one leave it alone', () => {
  assert.equal(clockAfter([5, 900, 7, -1, 800]), 900)
})

test('one record from the far future does not move the clock, and is counted', () => {
  const clock = newClock()
  for (const timestampMs of [100, 32_000_000, 200]) advanceClock(clock, timestampMs, 1000)
  assert.deepEqual(clock, { nowMs: 200, heldMinMs: 32_000_000, heldCount: 0, heldTotal: 1 })
})

test('after a real pause the clock follows once the next 16 records agree, to the earliest of them', () => {
  assert.equal(clockAfter([100, ...times(50_000, 16)]), 100)
  assert.equal(clockAfter([100, 90_000, ...times(50_000, 16)]), 50_000)
})

test('a record in time begins the count of those that agree anew', () => {
  assert.equal(clockAfter([100, ...times(50_000, 16), 150, ...times(50_000, 16)]), 150)
})

test('a time that no calendar has moves no clock: not as the first, not by many that agree', () => {
  const largestMs = 9_223_372_036_854_775_000
  const clock = newClock()
  for (const timestampMs of [largestMs, ...times(largestMs, 40), 500, ...times(largestMs, 40)]) advanceClock(clock, timestampMs, 1000)
  assert.deepEqual(clock, { nowMs: 500, heldMinMs: 0, heldCount: 0, heldTotal: 81 })
})
