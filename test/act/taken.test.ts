/** Somebody has taken an incident: who is told of it, once, and what it is kept from. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../src/act/contract.ts'
import { acknowledge, sawPerson } from '../../src/act/taken.ts'
import type { Alert, Decision } from '../../src/domain.ts'
import { alerting, alertOf, type Death, HOUR, MINUTE, PAGED, pagerDutySide, SECOND, silenceOf, ToldWorld } from './told-world.ts'

const take = (world: ToldWorld, alert: Alert) =>
  acknowledge(world.taken, { incident: alert.incident, who: 'ada', reason: 'looking into it', atMs: world.nowMs })
const acks = (messages: readonly Message[]) => messages.filter(({ acknowledges }) => acknowledges)
const actions = (messages: readonly Message[]) => messages.map(({ acknowledges, status }) => (acknowledges ? 'acknowledged' : status))

/** Told, a minute ago. */
function told(...alerts: readonly Alert[]): ToldWorld {
  const world = new ToldWorld()
  world.raise(...alerts)
  world.pass(2 * MINUTE)
  assert.deepEqual(actions(world.to('oncall')), ['firing'])
  return world
}

test('whoever was told is told at once that somebody has taken it, by the same key, and never again', () => {
  const world = told(alertOf())
  take(world, alertOf())
  world.pass(SECOND)
  for (const sink of ['oncall', 'team']) {
    assert.deepEqual(actions(world.to(sink)), ['firing', 'acknowledged'], sink)
    const [first, second] = world.to(sink)
    assert.equal(second!.key, first!.key)
    assert.equal(second!.incidents[0]!.takenBy?.words, 'ada: looking into it')
    assert.deepEqual(second!.news, [])
  }
  world.pass(9 * HOUR)
  world.end(alertOf())
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged', 'firing', 'firing', 'resolved'])
  assert.deepEqual([...pagerDutySide(world.to('oncall')).values()], [{ opened: 1, closed: 1, isOpen: false }])
})

test('whose clock is ahead is told to have taken it at once all the same', () => {
  const world = told(alertOf())
  acknowledge(world.taken, { incident: alertOf().incident, who: 'ada', reason: 'looking into it', atMs: world.nowMs + 50 * SECOND })
  world.turn()
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged'])
})

test('nobody is told that a part is taken: the rest still rings', () => {
  const [one, other] = [alertOf(), alertOf({ cause: 'not-effective' })]
  const world = told(one, other)
  take(world, one)
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing'])
  take(world, other)
  world.pass(SECOND)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged'])
})

test('what is taken before anybody was told of it is told, and that it is taken right after', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * SECOND)
  take(world, alertOf())
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged'])
})

test('what begins anew is to be taken anew, and what was taken before it began is not', () => {
  const world = told(alertOf())
  take(world, alertOf())
  world.pass(MINUTE)
  world.end(alertOf())
  world.pass(HOUR)
  world.raise(alertOf())
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged', 'resolved', 'firing'])
  take(world, alertOf())
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('oncall')).slice(4), ['acknowledged'])
})

test('that it is taken puts off no change, and hides none', () => {
  const world = told(alertOf())
  const firstMs = world.sent.find(({ sink }) => sink === 'team')!.atMs
  take(world, alertOf())
  world.pass(10 * SECOND)
  const added = alertOf({ cause: 'target', severity: 'warning' })
  world.raise(added)
  world.pass(10 * MINUTE)
  const change = world.sent.filter(({ sink }) => sink === 'team')[2]!
  assert.equal(change.message.acknowledges, false)
  assert.ok(change.atMs - firstMs < 5 * MINUTE + 31 * SECOND, `after ${change.atMs - firstMs} ms`)
  assert.deepEqual(change.message.news, [added.incident])
  take(world, added)
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('team')), ['firing', 'acknowledged', 'firing', 'acknowledged'])
})

test('a destination that takes no such word is told of what is graver all the same, and of the end', () => {
  const world = told(alertOf())
  world.answer = ({ acknowledges }) =>
    acknowledges ? { result: 'refused', problem: 'answered 400' } : { result: 'delivered', reference: '' }
  take(world, alertOf())
  world.pass(MINUTE)
  world.raise(alertOf({ cause: 'not-effective' }))
  take(world, alertOf({ cause: 'not-effective' }))
  world.pass(6 * MINUTE)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'firing'])
  world.end(alertOf(), alertOf({ cause: 'not-effective' }))
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'firing', 'resolved'])
})

test('who asks for something about the model has taken what holds of it; a gate, a drill and what is refused take nothing', () => {
  const decision = (kind: string, requestId: string | null, model = 'fraud', environment = 'test') =>
    ({ environment, model, requestId, verdict: { kind, rule: 'operator', note: 'Held by ada: looking into it' } }) as unknown as Decision
  const world = told(alertOf(), alertOf({ cause: 'not-effective' }))
  sawPerson(world.taken, decision('override', 'r0'), world.nowMs - HOUR)
  sawPerson(world.taken, decision('override', 'r1', 'churn'), world.nowMs)
  sawPerson(world.taken, decision('override', 'r1', 'fraud', 'staging'), world.nowMs)
  sawPerson(world.taken, decision('recorded', 'r2'), world.nowMs)
  sawPerson(world.taken, decision('refused', 'r3'), world.nowMs)
  sawPerson(world.taken, decision('override', null), world.nowMs)
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('oncall')), ['firing'])
  sawPerson(world.taken, decision('override', 'r4'), world.nowMs)
  sawPerson(world.taken, decision('override', 'r0'), world.nowMs - HOUR)
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged'])
  assert.equal(acks(world.to('team'))[0]!.incidents[0]!.takenBy!.words, 'Held by ada: looking into it')
})

test('wherever senders die: it is acknowledged, one incident is opened and closed, and no channel is told so more than twice', () => {
  const deaths = fc.array(fc.constantFrom<Death>(null, null, 'before', 'intent', 'taken'), { maxLength: 24 })
  fc.assert(
    fc.property(deaths, fc.integer({ min: 0, max: 600 }), (dies, afterSeconds) => {
      const world = new ToldWorld()
      let count = 0
      world.dies = () => dies[count++] ?? null
      world.raise(alertOf())
      world.pass(afterSeconds * SECOND)
      take(world, alertOf())
      world.pass(HOUR)
      assert.ok(acks(world.to('oncall')).length >= 1)
      assert.ok(acks(world.to('team')).length <= 2)
      const last = world.sent.length
      world.pass(2 * HOUR)
      assert.equal(world.sent.length, last, 'and then it is quiet')
      world.end(alertOf())
      world.pass(HOUR)
      assert.deepEqual([...pagerDutySide(world.to('oncall')).values()], [{ opened: 1, closed: 1, isOpen: false }])
    }),
    { numRuns: 60, seed: 7 },
  )
})

test('what began again before anybody was told of its end rings anew, though the beginning before it was taken', () => {
  const world = told(alertOf())
  take(world, alertOf())
  world.pass(30 * SECOND)
  world.end(alertOf())
  world.pass(30 * SECOND)
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  const again = world.to('oncall').at(-1)!
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged', 'firing'])
  assert.deepEqual([again.repeated, again.news, again.incidents[0]!.takenBy], [false, [alertOf().incident], null])
  take(world, alertOf())
  world.pass(SECOND)
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged', 'firing', 'acknowledged'])
})

test('a watchdog that says again what it said to those before begins nothing anew', () => {
  const stalled = alertOf({ cause: 'judge-stalled', version: '', incident: 'test/fraud/judge-stalled' })
  const world = new ToldWorld()
  world.hearOnly(stalled)
  world.pass(2 * MINUTE)
  take(world, stalled)
  world.pass(MINUTE)
  world.restart()
  world.pass(MINUTE)
  world.hearOnly(stalled)
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged'])
})

test('what became graver is to be taken anew; what became less grave, and as grave again, is not', () => {
  const warning = alertOf({ severity: 'warning' })
  const world = new ToldWorld()
  world.raise(warning)
  world.pass(2 * MINUTE)
  take(world, warning)
  world.pass(MINUTE)
  assert.deepEqual(actions(world.to('team')), ['firing', 'acknowledged'])
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  assert.deepEqual(actions(world.to('team')), ['firing', 'acknowledged', 'firing'])
  assert.deepEqual(actions(world.to('oncall')), ['firing'])
  assert.equal(world.to('oncall')[0]!.incidents[0]!.takenBy, null)
  take(world, alertOf())
  world.pass(SECOND)
  world.raise(warning)
  world.pass(MINUTE)
  world.raise(alertOf())
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('team')), ['firing', 'acknowledged', 'firing', 'acknowledged', 'firing', 'firing'])
  for (const { incidents } of world.to('team').slice(3)) assert.equal(incidents[0]!.takenBy?.words, 'ada: looking into it')
})

test('what flaps is taken once, until it has been calm', () => {
  const world = told(alertOf())
  take(world, alertOf())
  for (let round = 0; round < 20; round++) {
    world.pass(4 * MINUTE)
    world.end(alertOf())
    world.pass(2 * MINUTE)
    world.raise(alertOf())
  }
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')), ['firing', 'acknowledged', 'resolved', 'firing', 'acknowledged'])
  world.end(alertOf())
  world.pass(HOUR)
  world.raise(alertOf())
  world.pass(HOUR)
  assert.deepEqual(actions(world.to('oncall')).slice(5), ['resolved', 'firing'])
})

// ── what is new ────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('an incident whose silence is over is news, and so is one that something graver hid', () => {
  const world = new ToldWorld()
  const hidden = alertOf({ cause: 'not-effective' })
  const inhibited = alertOf({ cause: 'signal', severity: 'warning' })
  world.silences.set('s-1', silenceOf({ match: { cause: ['not-effective'] }, endsAtMs: world.nowMs + 20 * MINUTE }))
  world.raise(alertOf(), hidden, inhibited, alertOf({ cause: 'blind-other', severity: 'warning' }))
  world.pass(21 * MINUTE)
  world.pass(10 * MINUTE)
  assert.deepEqual(
    world.to('team').map(({ news }) => news.length),
    [2, 1],
  )
  assert.deepEqual(world.to('team')[1]!.news, [hidden.incident])
  world.end(alertOf())
  world.pass(10 * MINUTE)
  assert.deepEqual(world.to('team').at(-1)!.news, [inhibited.incident])
  const other = alertOf({ cause: 'target', severity: 'warning' })
  world.raise(other)
  world.pass(10 * MINUTE)
  assert.deepEqual(world.to('team').at(-1)!.news, [other.incident], 'and it is so once')
})

test('what silences others is silenced by none of its kind, and so no news when one of these is over', () => {
  const kind = { severity: 'critical' }
  const world = new ToldWorld({
    ...PAGED,
    inhibitions: alerting({ inhibitions: [{ source: kind, target: kind, equal: ['model'] }] }).inhibitions,
  })
  const [one, other] = [alertOf(), alertOf({ cause: 'not-effective' })]
  world.raise(one, other)
  world.pass(10 * MINUTE)
  world.end(one)
  world.pass(10 * MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ news }) => news.length),
    [2, 0],
  )
})

test('a change that was refused and undone since was heard by nobody: nothing is told', () => {
  const world = told(alertOf())
  world.answer = () => ({ result: 'refused', problem: 'answered 400' })
  const passing = alertOf({ cause: 'target', severity: 'warning' })
  world.raise(passing)
  world.pass(10 * MINUTE)
  world.end(passing)
  world.answer = () => ({ result: 'delivered', reference: '' })
  const before = world.sent.length
  world.pass(HOUR)
  assert.equal(world.sent.length, before)
})

test('a change that may have been heard and was undone since is told anew, before the next repetition', () => {
  const world = told(alertOf())
  world.answer = () => ({ result: 'failed', problem: 'no answer', retryAfterMs: null })
  const passing = alertOf({ cause: 'target', severity: 'warning' })
  world.raise(passing)
  world.pass(5 * MINUTE)
  world.end(passing)
  world.pass(2 * MINUTE)
  world.answer = () => ({ result: 'delivered', reference: '' })
  const before = world.to('team').length
  world.pass(10 * MINUTE)
  const more = world.to('team').slice(before)
  assert.deepEqual(actions(more), ['firing'])
  assert.deepEqual(
    [more[0]!.repeated, more[0]!.incidents.map(({ alert, endedMs }) => [alert.cause, endedMs === null])],
    [
      false,
      [
        ['rollback:error-rate', true],
        ['target', false],
      ],
    ],
  )
  world.pass(HOUR)
  assert.equal(world.to('team').length, before + 1)
})
