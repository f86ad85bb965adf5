import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pulse } from '../../src/domain.ts'
import { emptyJudgeTime, type JudgeTime, passPulse, passWall } from '../../src/judge/judge-time.ts'

const LAST_YEAR = 1_650_000_000_000
const TODAY = 1_700_000_000_000
const PATIENCE = 10_000

function pulse(source: string, clockMs: number, changes: Partial<Pulse> = {}): Pulse {
  return {
    kind: 'pulse',
    source,
    stamp: { epoch: 1, sequence: 1 },
    base: { epoch: 0, sequence: 0 },
    from: 0,
    to: 0,
    sliceEndMs: clockMs,
    exposureClockMs: clockMs,
    outcomeClockMs: -1,
    describedClockMs: -1,
    idle: false,
    ended: false,
    lagRecords: 0,
    models: [],
    ...changes,
  }
}

function after(steps: readonly ((time: JudgeTime) => JudgeTime)[]): JudgeTime {
  return steps.reduce((time, next) => next(time), emptyJudgeTime())
}

test('judge time is unknown until a record clock is known, whatever the wall clock says', () => {
  const time = after([(t) => passWall(t, TODAY, PATIENCE), (t) => passWall(t, TODAY + 60_000, PATIENCE)])
  assert.equal(time.nowMs, 0)
  assert.equal(passPulse(time, pulse('p/0', -1, { idle: true }), TODAY).nowMs, 0)
})

test('a topic filled last year is judged on its own clock, and at its end time goes on in steps of the wall clock', () => {
  const filled = after([
    (t) => passPulse(t, pulse('p/0', LAST_YEAR), TODAY),
    (t) => passPulse(t, pulse('p/0', LAST_YEAR + 3_600_000), TODAY + 2_000),
    (t) => passPulse(t, pulse('p/0', LAST_YEAR + 3_600_000, { idle: true }), TODAY + 3_000),
    (t) => passWall(t, TODAY + 3_000, PATIENCE),
  ])
  const before = filled.nowMs
  assert.ok(before >= LAST_YEAR + 3_600_000 && before < LAST_YEAR + 3_602_000)
  assert.equal(passWall(filled, TODAY + 8_000, PATIENCE).nowMs, before + 5_000)
})

test('the slowest source that is not idle sets the time; an idle one and one at its end do not', () => {
  const two = after([(t) => passPulse(t, pulse('p/0', TODAY), TODAY), (t) => passPulse(t, pulse('p/1', TODAY - 50_000), TODAY)])
  const forward = passPulse(two, pulse('p/0', TODAY + 20_000), TODAY)
  assert.equal(forward.nowMs, TODAY, 'it does not run ahead of p/1')
  assert.equal(passPulse(forward, pulse('p/1', TODAY - 50_000, { idle: true }), TODAY).nowMs, TODAY + 20_000)
  assert.equal(passPulse(forward, pulse('p/1', TODAY - 50_000, { ended: true }), TODAY).nowMs, TODAY + 20_000)
})

test('judge time never runs backwards when a source with an older clock appears', () => {
  const one = passPulse(emptyJudgeTime(), pulse('p/0', TODAY), TODAY)
  assert.equal(passPulse(one, pulse('p/1', LAST_YEAR), TODAY).nowMs, TODAY)
})

test('a stuck partition holds time for as long as patience lasts, then the timers go on by wall clock', () => {
  const stuck = after([
    (t) => passPulse(t, pulse('p/0', TODAY), TODAY),
    (t) => passPulse(t, pulse('p/1', TODAY), TODAY),
    (t) => passWall(t, TODAY, PATIENCE),
    (t) => passPulse(t, pulse('p/0', TODAY + 5_000), TODAY + 5_000),
    (t) => passWall(t, TODAY + 9_000, PATIENCE),
  ])
  assert.equal(stuck.nowMs, TODAY)
  const later = passWall(passWall(stuck, TODAY + 11_000, PATIENCE), TODAY + 21_000, PATIENCE)
  assert.ok(later.nowMs >= TODAY + 10_000)
})

test('a drain passes no wall clock: the same pulses give the same time', () => {
  const run = () =>
    after([(t) => passPulse(t, pulse('p/0', TODAY), 0), (t) => passPulse(t, pulse('p/0', TODAY + 5_000, { ended: true }), 0)])
  assert.equal(run().nowMs, TODAY + 5_000)
  assert.deepEqual(run(), run())
})

test('after a quiet night the hours counted by wall clock are not counted again by the records of the morning', () => {
  const night = after([
    (t) => passPulse(t, pulse('p/0', TODAY), TODAY),
    (t) => passPulse(t, pulse('p/0', TODAY, { idle: true }), TODAY),
    (t) => passWall(t, TODAY + 8 * 3_600_000, PATIENCE),
  ])
  const morning = passPulse(night, pulse('p/0', TODAY + 8 * 3_600_000 + 5_000), TODAY + 8 * 3_600_000 + 5_000)
  assert.equal(morning.nowMs, TODAY + 8 * 3_600_000 + 5_000)
})

test('while all is quiet judge time goes in whole milliseconds, whatever the monotonic clock counts, and none is lost over a night', () => {
  const night = after([
    (t) => passPulse(t, pulse('p/0', TODAY), 2_000.035),
    (t) => passPulse(t, pulse('p/0', TODAY, { idle: true }), 2_000.035),
  ])
  const looks = Array.from({ length: 1000 }, (_, look) => 2_000.035 + (look + 1) * 1000.7)
  const seen: number[] = []
  const morning = looks.reduce((time, wallMs) => {
    const next = passWall(time, wallMs, PATIENCE)
    seen.push(next.nowMs)
    return next
  }, night)
  assert.deepEqual(
    seen.filter((ms) => !Number.isInteger(ms)),
    [],
  )
  assert.ok(Math.abs(morning.nowMs - (TODAY + 1_000_700)) <= 1)
})

test('a judge that has just taken over in a process that has long been up waits for the stream as patiently as any', () => {
  const stored = { ...after([(t) => passPulse(t, pulse('p/0', TODAY), 0)]), wallMs: 0, movedAtWallMs: 0 }
  const first = passWall(stored, 3_600_000, PATIENCE)
  const patient = passWall(first, 3_600_000 + PATIENCE, PATIENCE)
  assert.equal(patient.nowMs, TODAY)
  assert.equal(passWall(patient, 3_600_000 + PATIENCE + 500, PATIENCE).nowMs, TODAY + 500)
})
