/** `flyball alerts review`: what had begun before the period and held in it counts, and is repeated in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { replay, type Said, saidSince } from '../../src/act/replay.ts'
import { reviewOf } from '../../src/act/review.ts'
import type { Decision } from '../../src/domain.ts'
import { alertOf, BEGIN_MS, HOUR, MINUTE, PAGED } from './told-world.ts'

const DAY = 24 * HOUR
const START_MS = BEGIN_MS + 30 * DAY
const END_MS = START_MS + DAY

const said = (
  cause: string,
  atMs: number,
  status: 'firing' | 'resolved' = 'firing',
  severity: 'critical' | 'warning' = 'critical',
): Said => ({
  alert: alertOf({ cause, status, severity, judgeTimeMs: atMs }),
  atMs,
})

test('an incident from before is reviewed when it held in the period, with its reminders in it, and not when it was over', () => {
  const all = [
    said('over', BEGIN_MS),
    said('over', BEGIN_MS + HOUR, 'resolved'),
    said('long', BEGIN_MS + DAY, 'firing', 'warning'),
    said('long', BEGIN_MS + 2 * DAY),
    said('ends', START_MS - HOUR),
    said('ends', START_MS + HOUR, 'resolved'),
    said('new', START_MS + 2 * HOUR),
  ]
  const since = saidSince(all, START_MS, END_MS)
  assert.deepEqual(
    since.map(({ alert }) => [alert.cause, alert.status, alert.severity]),
    [
      ['long', 'firing', 'critical'],
      ['ends', 'firing', 'critical'],
      ['ends', 'resolved', 'critical'],
      ['new', 'firing', 'critical'],
    ],
  )
  const sent = replay(since, new Map(), PAGED, END_MS).filter(({ atMs }) => atMs >= START_MS)
  const person = { model: 'fraud', judgeTimeMs: START_MS + 30 * MINUTE } as Decision
  const review = reviewOf(
    since.map(({ alert }) => alert),
    [person],
    sent,
    PAGED,
    { startMs: START_MS, endMs: END_MS },
  )
  assert.deepEqual([review.incidents, review.begunBefore, review.actedOn], [3, 2, 2])
  const team = review.sinks.find(({ sink }) => sink === 'team')!
  assert.ok(team.repeated >= 4, `${team.repeated} reminders of what holds for days`)
  assert.ok(replay(since, new Map(), PAGED, END_MS).length > sent.length, 'what was said before is not counted')
})

test('how long something has held does not make a review of it long', () => {
  const since = saidSince([said('old', BEGIN_MS)], BEGIN_MS + 1_000 * DAY, BEGIN_MS + 1_001 * DAY)
  assert.deepEqual(
    since.map(({ atMs }) => atMs),
    [BEGIN_MS + 999 * DAY],
  )
})
