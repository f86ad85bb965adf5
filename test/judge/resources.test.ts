/** What requests use, through the judge's own step: its false alarms, what it finds, what it asks of a promotion, and what it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEvidence, encodeEvidence, observePane, readings } from '../../src/judge/evidence/evidence.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { dearer, erratic, MeteredWorld, meteredModel, type Use, usual } from './metered.ts'
import type { Traffic, Written } from './world.ts'

const MEAN = 'kind: resource, marginPercent: 8, action: rollback'
const TAIL = 'kind: resource-tail, action: rollback'
const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }
const SMALL: Partial<Traffic> = { sources: 1, requestsPerSlice: 100 }

/** Goes on until it is over, at most so many slices. */
function released(model: ModelLayout, seed: number, use: Use, slices: number, traffic: Partial<Traffic> = {}, onlyIn = ''): MeteredWorld {
  const world = new MeteredWorld(model, seed, use, traffic)
  world.onlyIn = onlyIn
  for (let slice = 0; slice < slices && world.weight() < 100 && !world.moves().includes('rollback'); slice++) world.slice()
  return world
}

const firedIn = ({ verdict }: Written) => (verdict.kind === 'rollback' && verdict.rule === 'harm' ? verdict.evidence : [])
const rollbackOf = (world: MeteredWorld) => world.said('rollback')[0] ?? assert.fail(world.moves().join(' '))
const readingOf = (world: MeteredWorld, guardrail: string) =>
  world.decisions.at(-1)!.readings.find((reading) => reading.guardrail === guardrail && reading.scope === '__all__')!

test('a candidate that uses as much is rolled back in at most 1 % of releases, mean and tail and segments together', () => {
  const model = meteredModel([`${MEAN}, segments: [region]`, `${TAIL}, segments: [region]`])
  let rollbacks = 0
  for (let seed = 1; seed <= 200; seed++) if (released(model, seed, usual, 40, SMALL).moves().includes('rollback')) rollbacks++
  // The promise for 200 releases plus three standard errors.
  assert.ok(rollbacks <= 6, `${rollbacks} rollbacks`)
})

test('a candidate that costs a third more on average is rolled back on the first rung, by the mean, in the unit', () => {
  const world = released(meteredModel([MEAN, TAIL]), 3, dearer, 60)
  const decision = rollbackOf(world)
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  const [fired] = firedIn(decision)
  assert.deepEqual([fired!.guardrail, fired!.unit], ['resource', 'gpuMs'])
  // The control uses 45 ms on average: a third of it is 13.6, the margin 3.6.
  assert.ok(
    fired!.intervalLow > 0 && fired!.intervalLow < 13.6 && fired!.intervalHigh > 13.6,
    `${fired!.intervalLow} … ${fired!.intervalHigh}`,
  )
  assert.ok(Math.abs(fired!.margin - 3.6) < 0.2, String(fired!.margin))
  assert.match(decision.cause, /resource: a request of the candidate uses more gpuMs on average by \d+(\.\d+)? gpuMs over \d+ of its rows/)
  assert.match(world.alerts.find(({ cause }) => cause === 'rollback:resource')?.summary ?? '', /docs\/runbooks\/rollback\.md/)
})

test('a candidate that costs as much on average and ruins now and then is found by the tail alone', () => {
  const world = released(meteredModel([MEAN, TAIL]), 3, erratic, 80)
  const decision = rollbackOf(world)
  assert.deepEqual(
    firedIn(decision).map(({ guardrail }) => guardrail),
    ['resource-tail'],
  )
  assert.match(
    decision.cause,
    /resource-tail: gpuMs over \d+ \(control's p9[59]\), [\d.]+ % on the candidate against [\d.]+ % on the control/,
  )
  const mean = decision.readings.find(({ guardrail }) => guardrail === 'resource')!
  assert.ok(mean.logEvidence < 0, String(mean.logEvidence))
})

test('cheaper is no harm: a candidate that uses half goes up to the last rung', () => {
  const world = released(meteredModel([MEAN, TAIL]), 5, (random) => usual(random) / 2, 80)
  assert.deepEqual(world.moves(), ['start', 'promote', 'promote', 'promote'])
})

test('a promotion asks for both proofs, the mean one in the unit and within a share of what the control uses', () => {
  const world = released(meteredModel([MEAN, TAIL]), 7, usual, 120)
  const last = world.said('promote').at(-1)!.verdict
  assert.ok(last.kind === 'promote')
  assert.deepEqual(
    last.proofs.map(({ guardrail, holds }) => [guardrail, holds]),
    [
      ['resource', true],
      ['resource-tail', true],
    ],
  )
  const [mean] = last.proofs
  assert.ok(mean!.upperEnd > 0 && mean!.upperEnd <= mean!.allowed && Math.abs(mean!.allowed - 3.6) < 0.3, JSON.stringify(mean))
})

test('when the policy names no guardrails a dearer candidate is held and never taken back: nobody is served worse by it', () => {
  const model = meteredModel([])
  const world = released(model, 3, dearer, 60)
  assert.deepEqual(
    model.plan.guardrails
      .filter(({ kind }) => kind.startsWith('resource'))
      .map(({ name, action, promotes, implied }) => [name, action, promotes, implied]),
    [
      ['resource', 'hold', true, true],
      ['resource-tail', 'hold', true, true],
    ],
  )
  assert.deepEqual(world.moves(), ['start'])
  assert.ok(world.said('hold').some(({ verdict }) => verdict.kind === 'hold' && verdict.because === 'signal'))
})

test('a margin in the unit is taken as it is', () => {
  const tolerant = released(meteredModel(['kind: resource, margin: 60, action: rollback']), 3, dearer, 60)
  assert.equal(tolerant.moves().includes('rollback'), false)
  assert.equal(readingOf(tolerant, 'resource').margin, 60)
  const strict = released(meteredModel(['kind: resource, margin: 3, action: rollback']), 3, dearer, 60)
  assert.equal(rollbackOf(strict).readings[0]!.margin, 3)
})

test('harm in one segment is found there', () => {
  const model = meteredModel([`${MEAN}, segments: [region]`, `${TAIL}, segments: [region]`])
  const world = released(model, 4, (random) => 3 * usual(random), 80, {}, 'us')
  const scopes = firedIn(rollbackOf(world)).map(({ scope }) => scope)
  assert.ok(scopes.includes('region=us') && !scopes.includes('region=eu'), scopes.join(' '))
})

test('while caches are cold nothing is said of what requests use', () => {
  const model = meteredModel([MEAN, TAIL])
  const cold = { ...model, plan: { ...model.plan, settlingMs: 3_600_000 } }
  const world = released(cold, 3, dearer, 60)
  assert.deepEqual(world.moves(), ['start'])
  assert.equal(readingOf(world, 'resource').strata, 0)
})

test('no promotion waits for a resource that nobody tells, unless the policy names its guardrail', () => {
  const silent: Use = () => Number.NaN
  const tellsNothing = (model: ModelLayout) => {
    const world = new MeteredWorld(model, 9, silent)
    world.use.control = silent
    world.slices(60)
    return world.moves()
  }
  assert.ok(tellsNothing(meteredModel([])).includes('promote'))
  assert.deepEqual(tellsNothing(meteredModel(['kind: error-rate, marginPoints: 3', MEAN])), ['start'])
})

test('after the promotion a ceiling still takes back a version that turns ruinous', () => {
  const ceiling = 'kind: ceiling, of: resource, threshold: 250, limitPoints: 2, action: rollback'
  const world = released(meteredModel(['kind: error-rate, marginPoints: 3', ceiling]), 6, usual, 120)
  assert.equal(world.weight(), 100)
  world.slices(20)
  assert.equal(world.moves().includes('rollback'), false)
  world.use.candidate = erratic
  for (let slice = 0; slice < 120 && !world.moves().includes('rollback'); slice++) world.slice()
  const decision = rollbackOf(world)
  assert.deepEqual(
    firedIn(decision).map(({ guardrail }) => guardrail),
    ['ceiling:resource'],
  )
  assert.match(decision.cause, /gpuMs over 250 \(limit 250\)/)
})

test('what was learnt of the control outlives a snapshot, and another form of the margin begins anew', () => {
  const model = meteredModel([MEAN, TAIL])
  const { evidence } = released(model, 7, usual, 8).state
  const bytes = encodeEvidence(evidence)
  const kept = decodeEvidence(bytes, model)
  assert.deepEqual(kept.series, evidence.series)
  assert.deepEqual(kept.controlLatency, evidence.controlLatency)
  const mean = evidence.series['resource|__all__']!
  assert.ok(mean.kind === 'score' && mean.before !== undefined && mean.before.rows > 1_000)
  const other = meteredModel(['kind: resource, margin: 0.08, action: rollback', TAIL])
  const again = decodeEvidence(bytes, other)
  assert.equal(again.series['resource|__all__']!.strata, 0)
  assert.deepEqual(again.series['resource-tail|__all__'], evidence.series['resource-tail|__all__'])
})

/** Two resources with a tail each: of the first in every region, of the second where it says. */
function twoTails(second: string): ModelLayout {
  const text = `version: 1
inputs: { predictions: { topic: predictions, fields: { score: null, latency: null } } }
timing: { settling: 0s }
models:
  flights:
    control: v1
    candidate: v2
    mode: enforce
    segments: { region: [eu, us] }
    resources: { cpuMs: { bounds: { high: 500 } }, gpuMs: { bounds: { high: 500 } } }
    ladder: { steps: [5, 100], dwell: 30d, minimumRows: 200 }
    guardrails: [{ ${TAIL}, resource: cpuMs, segments: [region] }, { ${TAIL}, resource: gpuMs${second} }]
`
  return parsePolicy(text, 'two.yaml').layout.models[0]!
}

for (const [before, after] of [
  ['', ', segments: [region]'],
  [', segments: [region]', ''],
] as const) {
  test(`a policy that judges a second tail in ${after === '' ? 'no region any more, and then' : 'the regions of the first'} again, goes on`, () => {
    const world = new MeteredWorld(twoTails(before), 3, usual, SMALL)
    world.slices(12)
    const panes = world.events.flatMap(({ event }) => (event.kind === 'pane' ? [event.pane] : []))
    let evidence = world.state.evidence
    for (const model of [twoTails(after), twoTails(', segments: [region]')]) {
      evidence = decodeEvidence(encodeEvidence(evidence), model)
      for (const pane of panes) evidence = observePane(evidence, pane, model, CONTEXT).state
      for (const { guardrail, scope, logEvidence } of readings(evidence, model)) {
        assert.ok(Number.isFinite(logEvidence), `${guardrail} in ${scope}`)
      }
    }
    assert.ok(evidence.series['resource-tail:gpuMs|region=eu']!.strata > 0)
  })
}
