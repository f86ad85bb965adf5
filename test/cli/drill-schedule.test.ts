/** Which models were drilled recently enough, as the audit log tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scheduleOf } from '../../src/cli/drill-schedule.ts'
import type { Decision } from '../../src/domain.ts'
import { missedWords, rowsOf, stepsOf } from '../../src/drill/report.ts'
import { modelLayout } from '../judge/world.ts'
import { decision } from '../wire/records.ts'

const DAY_MS = 86_400_000
const PLAN = {
  everyMs: 30 * DAY_MS,
  objective: { detectMs: 30_000, commandMs: 5_000, ackMs: 10_000, observedMs: 30_000 },
  silentAfterMs: 20_000,
}
const NOW_MS = 1_000 * DAY_MS
const model = modelLayout({ drill: PLAN })

function drilled(daysAgo: number, scenario: string, passed: boolean, rule = 'drill'): Decision {
  const wallTimes = { detected: NOW_MS - daysAgo * DAY_MS }
  return {
    ...decision,
    model: 'flights',
    verdict: { kind: 'recorded', rule, note: '' },
    body: JSON.stringify({ scenario, passed }),
    wallTimes,
  }
}

const states = (decisions: readonly Decision[]) => scheduleOf([model], decisions, NOW_MS).map(({ overdue, failed }) => [overdue, failed])

test('a model that was never drilled, or too long ago, or only in vain, is overdue', () => {
  assert.deepEqual(states([]), [[true, []]])
  assert.deepEqual(states([drilled(29, 'errors', true)]), [[false, []]])
  assert.deepEqual(states([drilled(31, 'errors', true)]), [[true, []]])
  assert.deepEqual(states([drilled(1, 'errors', false)]), [[true, ['errors']]])
  assert.deepEqual(states([drilled(1, 'errors', true, 'drill-overdue'), { ...drilled(1, 'errors', true), model: 'another' }]), [[true, []]])
})

test('a scenario counts as failed until it passes, whatever the others do', () => {
  assert.deepEqual(states([drilled(3, 'slow', false), drilled(2, 'errors', true)]), [[false, ['slow']]])
  assert.deepEqual(states([drilled(3, 'slow', false), drilled(2, 'slow', true)]), [[false, []]])
  assert.deepEqual(states([drilled(3, 'slow', true), { ...drilled(2, 'slow', true), body: 'no JSON' }]), [[false, ['unknown']]])
})

test('a model with drills on demand is never overdue, and one without is not listed', () => {
  assert.deepEqual(
    scheduleOf([modelLayout({ drill: { ...PLAN, everyMs: 0 } }), modelLayout()], [], NOW_MS).map(({ overdue }) => overdue),
    [false],
  )
})

test('a step is kept within its objective; one that never came is not, and silence is given the time that the policy waits', () => {
  const measured = { begin: 90_000, detect: 45_000, command: 5_000, ack: 10_001, restore: 100 }
  const steps = stepsOf(measured, PLAN, 'errors')
  assert.deepEqual(
    steps.map(({ ok }) => ok),
    [true, false, true, false, false, true],
  )
  assert.deepEqual(rowsOf(steps)[1], ['detect', '30.0 s', '45.0 s', 'NO'])
  assert.deepEqual(rowsOf(steps)[4], ['observed', '30.0 s', 'missing', 'NO'])
  assert.equal(missedWords(steps), 'detect took 45.0 s of 30.0 s, ack took 10.0 s of 10.0 s, observed never came')
  assert.equal(stepsOf(measured, PLAN, 'silent')[1]!.ok, true)
})
