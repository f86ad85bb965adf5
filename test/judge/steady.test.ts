/** After the last rung: a ceiling may still take the candidate back, and what may only hold tells people and says when it is over. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SteadyGuardrail } from '../../src/policy/layout.ts'
import { guardrail, modelLayout, type PlanChanges, SLICE_MS, World } from './world.ts'

function ceiling(changes: Partial<SteadyGuardrail> = {}): SteadyGuardrail {
  return {
    name: 'ceiling:errors',
    kind: 'ceiling',
    class: 'critical',
    action: 'rollback',
    counts: guardrail(),
    limit: 0.05,
    tolerance: 0,
    alpha: 0.01,
    runLength: (30 * 86_400_000) / SLICE_MS,
    blocks: [],
    profile: null,
    reference: null,
    ...changes,
  }
}

function promoted(plan: PlanChanges): World {
  const world = new World(modelLayout(plan), {}, 1)
  world.slices(80)
  assert.equal(world.state.ladder.phase, 'promoted')
  return world
}

test('a promoted version that stays below its ceiling stays, without a word', () => {
  const world = promoted({ steady: [ceiling()] })
  const said = world.decisions.length
  world.slices(200)
  assert.equal(world.weight(), 100)
  assert.equal(world.decisions.length, said)
})

test('a promoted version that crosses a ceiling with action rollback is taken back, with numbers in the sentence', () => {
  const world = promoted({ steady: [ceiling()] })
  world.traffic = { ...world.traffic, candidateErrors: 0.12 }
  world.slices(80)
  assert.equal(world.moves().at(-1), 'rollback')
  assert.equal(world.weight(), 0)
  const decision = world.said('rollback')[0]!
  assert.match(decision.summary, /^Rolled back v2 from 100 %: ceiling:errors on errors: .* % of recent requests, allowed 5 %/)
  assert.match(decision.cause, /^errors: /)
  assert.equal(world.alerts.at(-1)!.cause, 'rollback:ceiling:errors')
})

test('with action hold it is told once, as an incident that ends by itself', () => {
  const world = promoted({ steady: [ceiling({ class: 'signal', action: 'hold' })] })
  world.traffic = { ...world.traffic, candidateErrors: 0.12 }
  world.slices(80)
  assert.equal(world.weight(), 100)
  const told = () => world.alerts.filter((alert) => alert.cause === 'steady').map((alert) => alert.status)
  assert.deepEqual(told(), ['firing'])
  assert.match(world.said('hold').at(-1)!.summary, /^Holding v2 at 100 % \(signal\): ceiling:errors: errors: /)
  world.traffic = { ...world.traffic, candidateErrors: 0.02 }
  world.slices(120)
  assert.deepEqual(told(), ['firing', 'resolved'])
  assert.equal(world.state.ladder.phase, 'promoted')
})

test('one that joins another which speaks already is in the record too, and the incident stays one', () => {
  const hold = { class: 'signal', action: 'hold' } as const
  const world = promoted({ steady: [ceiling(hold), ceiling({ ...hold, name: 'far', limit: 0.3 })] })
  world.traffic = { ...world.traffic, candidateErrors: 0.12 }
  world.slices(60)
  assert.doesNotMatch(world.said('hold').at(-1)!.summary, /far/)
  world.traffic = { ...world.traffic, candidateErrors: 0.6 }
  world.slices(60)
  assert.match(world.said('hold').at(-1)!.summary, /ceiling:errors: .*; far: /)
  assert.equal(world.alerts.filter((alert) => alert.cause === 'steady').length, 1)
})

test('with action info it is only in the record', () => {
  const world = promoted({ steady: [ceiling({ class: 'info', action: 'info' })] })
  const said = world.decisions.length
  world.traffic = { ...world.traffic, candidateErrors: 0.12 }
  world.slices(80)
  assert.equal(world.decisions.length, said)
})

test('while the rollout climbs a ceiling that holds keeps it on its rung', () => {
  const world = new World(modelLayout({ guardrails: [], steady: [ceiling({ class: 'signal', action: 'hold', limit: 0.005 })] }), {}, 3)
  world.slices(120)
  assert.ok(world.weight() < 100)
  assert.ok(world.said('hold').some((decision) => decision.summary.includes('ceiling:errors: environment: both versions moved together')))
})

test('when every source falls silent the volume says no data, by the clock of the judge', () => {
  const hours = { digest: 'hours', rows: 1, counts: {}, hourOfWeek: new Array<number>(168).fill(288_000) }
  const volume = ceiling({
    name: 'volume',
    kind: 'volume',
    class: 'signal',
    action: 'hold',
    counts: null,
    tolerance: 0.5,
    reference: hours,
  })
  const world = promoted({ steady: [{ ...volume, runLength: 8_640 }] })
  world.slices(60)
  const idle = () => {
    world.wallMs += SLICE_MS
    for (const source of [0, 1]) world.pulse(source, world.at[source]!.offset, { idle: true })
    world.tick()
  }
  for (let slice = 0; slice < 300; slice += 1) idle()
  assert.equal(world.alerts.at(-1)!.cause, 'steady')
  assert.match(world.alerts.at(-1)!.summary, /volume: no data for 15 minutes/)
})
