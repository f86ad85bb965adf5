/** Freeze windows: weekly ones in UTC, over midnight and over the end of the week, once ones, and what they let pass. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openWindow } from '../../src/judge/freeze-windows.ts'
import type { FreezeWindow } from '../../src/policy/layout.ts'
import { ask, by, outcome, stagedModel } from './asked.ts'
import { BEGIN_MS, World } from './world.ts'

const HOUR = 60
const DAY = 24 * HOUR

function weekly(name: string, beginMinutes: readonly number[], lengthMinutes: number): FreezeWindow {
  return { kind: 'weekly', name, beginMinutes, lengthMinutes }
}

function at(time: string): number {
  return Date.parse(time)
}

/** Name and end of what is open then; null: nothing. */
function open(windows: readonly FreezeWindow[], time: string): readonly [string, string] | null {
  const found = openWindow(windows, at(time))
  return found === null ? null : [found.name, new Date(found.endMs).toISOString()]
}

test('a weekly window is open from its begin, which belongs to it, to its end, which does not', () => {
  const friday = [weekly('friday', [4 * DAY + 16 * HOUR], 8 * HOUR)]
  assert.equal(open(friday, '2024-05-31T15:59:59.999Z'), null)
  assert.deepEqual(open(friday, '2024-05-31T16:00:00Z'), ['friday', '2024-06-01T00:00:00.000Z'])
  assert.deepEqual(open(friday, '2024-05-31T23:59:59.999Z'), ['friday', '2024-06-01T00:00:00.000Z'])
  assert.equal(open(friday, '2024-06-01T00:00:00Z'), null)
  assert.equal(open(friday, '2024-05-30T17:00:00Z'), null)
})

test('a window over midnight is open on both days, and only on the days on which it begins', () => {
  const night = [weekly('night', [0 * DAY + 22 * HOUR], 8 * HOUR)]
  assert.deepEqual(open(night, '2024-06-03T23:30:00Z'), ['night', '2024-06-04T06:00:00.000Z'])
  assert.deepEqual(open(night, '2024-06-04T05:59:00Z'), ['night', '2024-06-04T06:00:00.000Z'])
  assert.equal(open(night, '2024-06-04T23:30:00Z'), null)
})

test('a window over the end of the week goes on into Monday', () => {
  const sunday = [weekly('sunday', [6 * DAY + 20 * HOUR], 12 * HOUR)]
  assert.deepEqual(open(sunday, '2024-06-02T20:00:00Z'), ['sunday', '2024-06-03T08:00:00.000Z'])
  assert.deepEqual(open(sunday, '2024-06-03T07:59:59Z'), ['sunday', '2024-06-03T08:00:00.000Z'])
  assert.equal(open(sunday, '2024-06-03T08:00:00Z'), null)
})

test('a window of several days has one name, and of several open ones the longest is told', () => {
  const weekend = weekly('weekend', [5 * DAY, 6 * DAY], DAY)
  assert.deepEqual(open([weekend], '2024-06-01T12:00:00Z'), ['weekend', '2024-06-02T00:00:00.000Z'])
  assert.deepEqual(open([weekend], '2024-06-02T12:00:00Z'), ['weekend', '2024-06-03T00:00:00.000Z'])
  const sale: FreezeWindow = { kind: 'once', name: 'sale', beginMs: at('2024-06-01T00:00:00Z'), endMs: at('2024-06-09T00:00:00Z') }
  assert.deepEqual(open([weekend, sale], '2024-06-01T12:00:00Z'), ['sale', '2024-06-09T00:00:00.000Z'])
})

test('a window that happens once is open from its begin to before its end', () => {
  const once: FreezeWindow = { kind: 'once', name: 'sale', beginMs: 1_000, endMs: 2_000 }
  assert.deepEqual(
    [999, 1_000, 1_999, 2_000].map((ms) => openWindow([once], ms) !== null),
    [false, true, true, false],
  )
})

test('in a drain, which has no wall clock, no window is open', () => {
  assert.equal(openWindow([weekly('always', [0], 7 * DAY)], 0), null)
})

test('while a window is open nothing is raised, by nobody, and what takes exposure away passes', () => {
  const endMs = BEGIN_MS + 1_000_000
  const window: FreezeWindow = { kind: 'once', name: 'quarter end', beginMs: BEGIN_MS + 20_000, endMs }
  const world = new World(stagedModel({}, { freezeWindows: [window] }))
  world.slices(40)
  assert.equal(world.weight(), 5)
  assert.equal(by(world, 'frozen').length, 1)
  assert.match(
    by(world, 'frozen')[0]!.summary,
    /^Holding v2 at 5 % \(frozen\): freeze window quarter end is open until 2023-11-14T22:30:00/,
  )
  assert.match(ask(world, 'promote').summary, /^Refused to promote v2: freeze window quarter end is open until/)
  assert.equal(outcome(ask(world, 'hold')), 'done')
  assert.equal(outcome(ask(world, 'resume')), 'done')
  assert.equal(outcome(ask(world, 'rollback')), 'done')
  assert.equal(world.weight(), 0)
  for (const verb of ['resume', 'release'] as const) assert.equal(outcome(ask(world, verb)), 'frozen')
  while (world.wallMs < endMs) world.slice()
  assert.equal(world.weight(), 0)
  assert.equal(outcome(ask(world, 'resume', { id: 'after' })), 'done')
})

test('harm takes a candidate back inside a window, and a rollout does not begin in one but after it', () => {
  const world = new World(stagedModel({}, { freezeWindows: [{ kind: 'once', name: 'sale', beginMs: 0, endMs: BEGIN_MS + 100_000 }] }))
  world.slices(10)
  assert.deepEqual([world.state.ladder.phase, by(world, 'frozen').length, world.commands.length], ['new', 1, 0])
  world.slices(14)
  assert.equal(world.state.ladder.phase, 'climbing')

  const harmed = new World(
    stagedModel({}, { freezeWindows: [{ kind: 'once', name: 'sale', beginMs: BEGIN_MS + 20_000, endMs: BEGIN_MS + 1e9 }] }),
  )
  harmed.slices(8)
  harmed.traffic = { ...harmed.traffic, candidateErrors: 0.5 }
  harmed.slices(40)
  assert.deepEqual([harmed.moves().at(-1), harmed.weight()], ['rollback', 0])
})
