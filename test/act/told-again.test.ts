/** Who is told, where what a destination was told is in doubt, or only in part over: answers that were lost, mates that are silenced, clocks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alertOf, HOUR, MINUTE, pagerDutySide, SECOND, silenceOf, ToldWorld } from './told-world.ts'

const statuses = (world: ToldWorld) => world.to('oncall').map(({ status }) => status)

for (const failures of [1, 3]) {
  test(`an end whose answer was lost may have been heard: what begins again is told at once, though ${failures} answers are lost`, () => {
    const world = new ToldWorld()
    world.raise(alertOf())
    world.pass(10 * MINUTE)
    let lost = failures
    world.answer = () =>
      lost-- > 0 ? { result: 'failed', problem: 'no answer', retryAfterMs: 2 * MINUTE } : { result: 'delivered', reference: '' }
    world.end(alertOf())
    world.pass(2 * SECOND)
    world.raise(alertOf())
    world.pass(15 * MINUTE)
    assert.deepEqual(statuses(world), ['firing', 'firing'])
    assert.equal(world.to('oncall').at(-1)!.repeated, false)
  })
}

test('an end is told though another incident of the group is silenced, of which nobody was told', () => {
  const world = new ToldWorld()
  world.silences.set('s-1', silenceOf({ match: { cause: ['series:*'] } }))
  world.raise(alertOf({ cause: 'series:load' }))
  world.pass(MINUTE)
  world.raise(alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  world.end(alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  assert.deepEqual(statuses(world), ['firing', 'resolved'])
})

test('a silence of one of two that were told closes no page when the other is over', () => {
  const world = new ToldWorld()
  world.raise(alertOf({ cause: 'series:load' }), alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  world.silences.set('s-1', silenceOf({ match: { cause: ['series:*'] } }))
  world.end(alertOf({ cause: 'not-effective' }))
  world.pass(HOUR)
  assert.ok(!statuses(world).includes('resolved'))
  world.end(alertOf({ cause: 'series:load' }))
  world.pass(10 * MINUTE)
  assert.equal(statuses(world).at(-1), 'resolved')
})

test('what was told before it was silenced is no news when the silence is over: it is repeated', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  world.silences.set('s-1', silenceOf({ beginsAtMs: world.nowMs, endsAtMs: world.nowMs + 10 * MINUTE }))
  world.pass(5 * HOUR)
  assert.deepEqual(
    world.to('oncall').map(({ repeated, news }) => [repeated, news]),
    [
      [false, [alertOf().incident]],
      [true, []],
    ],
  )
})

test('whoever takes over waits for what watchdogs say before it tells that it is over, though others of its group ended long ago', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  world.end(alertOf())
  world.pass(HOUR)
  const stalled = alertOf({ cause: 'judge-stalled', version: '' })
  world.hearOnly(stalled)
  world.pass(10 * MINUTE)
  world.restart()
  world.pass(MINUTE)
  world.hearOnly(stalled)
  world.pass(10 * MINUTE)
  assert.deepEqual(
    [...pagerDutySide(world.to('oncall')).values()].map(({ opened, isOpen }) => [opened, isOpen]),
    [[2, true]],
  )
  world.restart()
  world.pass(20 * MINUTE)
  assert.equal(statuses(world).at(-1), 'resolved', 'nobody says it again')
})

test('a clock that is set back by a day delays nothing by a day', () => {
  const world = new ToldWorld()
  world.raise(alertOf({ severity: 'warning' }))
  world.pass(10 * MINUTE)
  world.raise(alertOf({ cause: 'not-effective' }))
  world.nowMs -= 24 * HOUR
  world.pass(MINUTE)
  assert.deepEqual(statuses(world), ['firing'], 'what began after now')
  world.end(alertOf(), alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  assert.deepEqual(
    world.to('team').map(({ status }) => status),
    ['firing', 'firing', 'resolved'],
  )
  assert.deepEqual(statuses(world), ['firing', 'resolved'])
})

test('the end is told soon after the clock was set back', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  world.nowMs -= 24 * HOUR
  world.end(alertOf())
  world.pass(10 * MINUTE)
  assert.deepEqual(statuses(world), ['firing', 'resolved'])
})

test('an end whose answer was lost is told again soon after the clock was set back', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * MINUTE)
  world.answer = () => ({ result: 'failed', problem: 'no answer', retryAfterMs: null })
  world.end(alertOf())
  world.pass(MINUTE)
  world.nowMs -= 24 * HOUR
  world.answer = () => ({ result: 'delivered', reference: '' })
  world.pass(10 * MINUTE)
  assert.deepEqual(statuses(world), ['firing', 'resolved'])
})

test('what is critical and a warning in turn is one page until it has been calm', () => {
  const world = new ToldWorld()
  const [critical, warning] = [alertOf({ cause: 'gateway-missing' }), alertOf({ cause: 'gateway-missing', severity: 'warning' })]
  for (let change = 0; change < 20; change++) {
    world.raise(critical)
    world.pass(3 * MINUTE)
    world.raise(warning)
    world.pass(3 * MINUTE)
  }
  const [page] = pagerDutySide(world.to('oncall')).values()
  assert.ok(page!.opened <= 4 && page!.isOpen, `${page!.opened} pages`)
  world.pass(30 * MINUTE)
  assert.equal(statuses(world).at(-1), 'resolved')
  assert.equal(world.to('team').at(-1)!.severity, 'warning')
})
