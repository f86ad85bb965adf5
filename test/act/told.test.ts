import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Message } from '../../src/act/contract.ts'
import type { Alert } from '../../src/domain.ts'
import { alerting, alertOf, type Death, HOUR, MINUTE, PAGED, pagerDutySide, SECOND, silenceOf, ToldWorld } from './told-world.ts'

/** How often the same thing was said, one time after another. */
function runsOf(messages: readonly Message[]): readonly number[] {
  const said = messages.map(({ status, incidents }) =>
    [status, ...incidents.map(({ alert, endedMs }) => `${alert.incident} ${endedMs}`).sort()].join(),
  )
  return said
    .map((words, index) => said.slice(index).findIndex((other) => other !== words))
    .map((length, index) => (length < 0 ? said.length - index : length))
}
const causes = (alerts: readonly { readonly alert: Alert }[]) => alerts.map(({ alert }) => alert.cause)

test('a first message waits for company, and then there is one for all of it', () => {
  const world = new ToldWorld()
  world.raise(alertOf({ model: 'fraud', cause: 'not-effective' }))
  world.pass(20 * SECOND)
  world.raise(alertOf({ model: 'fraud', cause: 'target' }), alertOf({ model: 'churn', cause: 'not-effective' }))
  assert.equal(world.sent.length, 0)
  world.pass(MINUTE)
  assert.deepEqual(
    world.to('team').map(({ status, incidents }) => [status, causes(incidents).sort()]),
    [['firing', ['not-effective', 'not-effective', 'target']]],
  )
  assert.deepEqual(
    world.to('oncall').map(({ labels, incidents }) => [labels['model'], incidents.length]),
    [
      ['fraud', 2],
      ['churn', 1],
    ],
  )
  assert.equal(new Set(world.to('oncall').map(({ key }) => key)).size, 2)
})

test('what is over before anybody was told is never told, neither its end', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(10 * SECOND)
  world.end(alertOf())
  world.pass(HOUR)
  assert.deepEqual(world.sent, [])
})

test('the end is told to those who were told of the beginning, once, and a new beginning is another message', () => {
  const world = new ToldWorld()
  const rollback = alertOf()
  world.raise(rollback)
  world.pass(10 * MINUTE)
  world.end(rollback)
  world.pass(10 * MINUTE)
  world.raise(rollback)
  world.pass(MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ status, reference, repeated }) => [status, reference, repeated]),
    [
      ['firing', '', false],
      ['resolved', '', false],
      ['firing', '', false],
    ],
  )
  assert.equal(new Set(world.to('oncall').map(({ key }) => key)).size, 1)
})

test('the end says what was the matter, though the alert that ends it does not', () => {
  const world = new ToldWorld()
  const detail = { ...alertOf().detail, guardrail: 'error-rate', owner: 'ada' }
  world.raise(alertOf({ detail }))
  world.pass(MINUTE)
  world.end(alertOf())
  world.pass(10 * MINUTE)
  const [incident] = world.to('oncall').at(-1)!.incidents
  assert.equal(incident!.alert.detail.owner, 'ada')
  assert.notEqual(incident!.endedMs, null)
})

test('changes wait for the interval; what makes it graver waits for company only', () => {
  const world = new ToldWorld()
  world.raise(alertOf({ cause: 'signal', severity: 'warning' }))
  world.pass(MINUTE)
  world.raise(alertOf({ cause: 'assignment', severity: 'warning' }))
  world.pass(MINUTE)
  assert.equal(world.to('team').length, 1, 'one more of the same weight waits')
  world.raise(alertOf({ cause: 'not-effective' }))
  world.pass(35 * SECOND)
  const last = world.to('team').at(-1)!
  assert.deepEqual([world.to('team').length, last.severity, last.incidents[0]!.alert.cause], [2, 'critical', 'not-effective'])
  assert.equal(world.to('oncall').length, 1)
})

test('what still holds is said again, and is said to be a repetition', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(9 * HOUR)
  assert.deepEqual(
    world.to('oncall').map(({ repeated }) => repeated),
    [false, true, true],
  )
})

test('a rollback silences what its guardrails said, and the blind see no statistics', () => {
  const world = new ToldWorld()
  world.raise(alertOf(), alertOf({ cause: 'signal', severity: 'warning' }), alertOf({ cause: 'throttle', severity: 'warning' }))
  world.raise(
    alertOf({ model: 'churn', cause: 'blind', severity: 'warning' }),
    alertOf({ model: 'churn', cause: 'signal', severity: 'warning' }),
  )
  world.raise(alertOf({ model: 'flights', cause: 'signal', severity: 'warning' }))
  world.pass(MINUTE)
  const told = world.to('team')[0]!.incidents.map(({ alert }) => `${alert.model} ${alert.cause}`)
  assert.deepEqual(told.sort(), ['churn blind', 'flights signal', 'fraud rollback:error-rate'])
})

test('a silence keeps quiet until it ends, and then what still holds is told', () => {
  const world = new ToldWorld()
  world.silences.set('s-1', silenceOf({ match: { model: ['fra*'] }, endsAtMs: world.nowMs + HOUR }))
  world.raise(alertOf(), alertOf({ model: 'churn' }))
  world.pass(30 * MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ labels }) => labels['model']),
    ['churn'],
  )
  world.pass(31 * MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ labels }) => labels['model']),
    ['churn', 'fraud'],
  )
})

test('a silence that begins after the page closes no page; when the incident is over, its end is told', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(MINUTE)
  world.silences.set('s-1', silenceOf({ match: {} }))
  world.pass(HOUR)
  assert.equal(world.to('oncall').length, 1)
  world.end(alertOf())
  world.pass(10 * MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ status }) => status),
    ['firing', 'resolved'],
  )
})

test('what begins and ends all the time is one incident until it has been calm', () => {
  const world = new ToldWorld()
  for (let change = 0; change < 45; change++) {
    world.raise(alertOf())
    world.pass(2 * MINUTE)
    world.end(alertOf())
    world.pass(4 * MINUTE)
  }
  const during = world.to('oncall').filter(({ repeated }) => !repeated)
  assert.ok(during.length <= 5, `${during.length} messages in four hours`)
  assert.equal(world.to('team').at(-1)!.incidents[0]!.flapping, true)
  world.pass(30 * MINUTE)
  assert.equal(world.to('oncall').at(-1)!.status, 'resolved')
})

test('a storm of twenty models and twenty segments is a page a model and one message a channel', (context) => {
  const world = new ToldWorld()
  for (let model = 0; model < 20; model++) {
    const name = `model-${model}`
    for (let segment = 0; segment < 20; segment++) {
      world.raise(alertOf({ model: name, cause: `isolate:region=${segment}` }))
      world.pass(model % 7 === 0 && segment % 5 === 0 ? SECOND : 0)
    }
    world.raise(alertOf({ model: name }), alertOf({ model: name, cause: 'signal', severity: 'warning' }))
  }
  world.pass(3 * MINUTE)
  const pages = pagerDutySide(world.to('oncall'))
  context.diagnostic(`440 incidents: ${pages.size} pages, ${world.to('team').length} message to the channel`)
  assert.equal(pages.size, 20)
  assert.equal(world.to('oncall').length, 20)
  assert.equal(world.to('team').length, 1)
  assert.equal(world.to('team')[0]!.incidents.length, 20, 'the rollbacks; what led to them is inhibited')
})

test('a destination that fails is asked again, later each time, and not before it said; one that refuses, when there is something new to say', () => {
  const world = new ToldWorld()
  const asked: number[] = []
  world.answer = (_message, sink) => {
    if (sink === 'oncall') asked.push(world.nowMs)
    return { result: 'failed', problem: '503', retryAfterMs: asked.length === 3 ? 2 * MINUTE : null }
  }
  world.raise(alertOf())
  world.pass(20 * MINUTE)
  const gaps = asked.slice(1).map((atMs, index) => atMs - asked[index]!)
  assert.ok(gaps[0]! < gaps[1]! && gaps[2]! >= 2 * MINUTE, String(gaps))
  assert.ok(asked.length < 15, `${asked.length} attempts`)
  world.answer = () => ({ result: 'delivered', reference: 'ts-1' })
  world.pass(6 * MINUTE)
  assert.deepEqual(
    world.to('oncall').map(({ status }) => status),
    ['firing'],
  )

  const refusing = new ToldWorld()
  let refused = 0
  refusing.answer = () => {
    refused++
    return { result: 'refused', problem: '403' }
  }
  refusing.raise(alertOf())
  refusing.pass(8 * MINUTE)
  assert.equal(refused, 2, 'once a destination')
})

test('who may have been told of the beginning is told of the end: a sender died before it knew, and it was over before another came', () => {
  const world = new ToldWorld()
  let turn = 0
  world.dies = () => (turn++ === 0 ? 'taken' : null)
  world.raise(alertOf({ severity: 'critical' }))
  for (let left = 40; left > 0 && world.sent.length === 0; left--) world.pass(SECOND)
  world.end(alertOf())
  world.pass(10 * MINUTE)
  const first = world.sent[0]!.sink
  assert.deepEqual(
    world.to(first).map(({ status, incidents }) => [status, incidents[0]!.alert.incident]),
    ['firing', 'resolved'].map((status) => [status, alertOf().incident]),
  )
  const [other] = ['oncall', 'team'].filter((sink) => sink !== first)
  assert.deepEqual(world.to(other!), [], 'the other was told of nothing')
})

test('a message that is kept up to date goes on under the name that the far end gave it', () => {
  const world = new ToldWorld()
  world.answer = () => ({ result: 'delivered', reference: 'ts-1' })
  world.raise(alertOf())
  world.pass(MINUTE)
  world.raise(alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  world.end(alertOf(), alertOf({ cause: 'not-effective' }))
  world.pass(10 * MINUTE)
  const [first, second, third] = world.to('team')
  assert.deepEqual([first!.reference, second!.reference, third!.reference], ['', 'ts-1', 'ts-1'])
  assert.deepEqual(second!.news, [alertOf({ cause: 'not-effective' }).incident])
  assert.equal(third!.status, 'resolved')
})

test('what was told and is on no log any more is told to be over', () => {
  const world = new ToldWorld()
  world.raise(alertOf())
  world.pass(MINUTE)
  world.forgetAlerts()
  world.pass(5 * MINUTE)
  assert.equal(world.to('oncall').length, 1)
  world.pass(10 * MINUTE)
  assert.equal(world.to('oncall').at(-1)!.status, 'resolved')
})

test('routes take in order, and go on where they say so', () => {
  const world = new ToldWorld(
    alerting({
      sinks: { one: { kind: 'log' }, two: { kind: 'log' } },
      routes: [
        { name: 'fraud', match: { model: ['fraud', 'f*d'] }, sinks: ['one'], groupBy: ['cause'] },
        { name: 'rest', sinks: ['two'], groupWait: '1s' },
      ],
    }),
  )
  world.raise(alertOf(), alertOf({ model: 'churn' }), alertOf({ model: 'fjord' }), alertOf({ model: 'fraudulent' }))
  world.pass(MINUTE)
  assert.deepEqual(
    world.to('one').flatMap(({ incidents }) => incidents.map(({ alert }) => alert.model)),
    ['fraud', 'fjord'],
  )
  assert.deepEqual(
    world
      .to('two')[0]!
      .incidents.map(({ alert }) => alert.model)
      .sort(),
    ['churn', 'fraudulent'],
  )
})

test('whenever senders die, PagerDuty has each incident once, open or closed as it is, and others are told at most twice', () => {
  const step = fc.record({
    model: fc.constantFrom('fraud', 'churn'),
    cause: fc.constantFrom('rollback:error-rate', 'not-effective'),
    firing: fc.boolean(),
    waitMs: fc.integer({ min: 0, max: 12 * MINUTE }),
  })
  const deaths = fc.array(fc.constantFrom<Death>(null, null, 'before', 'intent', 'taken'), { maxLength: 30 })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), deaths, (steps, dying) => {
      const world = new ToldWorld()
      const calm = new ToldWorld()
      let death = 0
      world.dies = () => dying[death++] ?? null
      for (const { model, cause, firing, waitMs } of steps) {
        for (const each of [world, calm]) {
          if (firing) each.raise(alertOf({ model, cause }))
          else each.end(alertOf({ model, cause }))
          each.pass(Math.floor(waitMs / SECOND) * SECOND)
        }
      }
      for (const each of [world, calm]) each.pass(HOUR)
      const [mine, its] = [pagerDutySide(world.to('oncall')), pagerDutySide(calm.to('oncall'))]
      for (const [key, { opened, isOpen }] of its) {
        assert.equal(mine.get(key)?.isOpen ?? false, isOpen)
        assert.equal(mine.get(key)?.opened ?? 0, opened)
      }
      for (const run of runsOf(world.to('team').filter(({ repeated }) => !repeated))) assert.ok(run <= 2, `said ${run} times`)
    }),
    { seed: 7, numRuns: 150 },
  )
})

test('the routes of this suite are those that a policy file would give', () => {
  assert.deepEqual(PAGED.routes[0]!.targets, [{ sink: 'oncall', groupBy: ['environment', 'model'] }])
  assert.deepEqual(PAGED.routes[1]!.targets, [{ sink: 'team', groupBy: ['environment'] }])
})
