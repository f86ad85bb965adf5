/** What the judge keeps of rehearsals: a record moves nothing, and a drill that failed or that nobody held is an alert until one passes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorRequest } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, emptyJudge, encodeJudge, renewedFor } from '../../src/judge/state.ts'
import { drillName } from '../../src/kit/drill-name.ts'
import type { DrillPlan, ModelLayout } from '../../src/policy/layout.ts'
import { BEGIN_MS, modelLayout, requestOf, SLICE_MS, World } from './world.ts'

const OBJECTIVE = { detectMs: 30_000, commandMs: 5_000, ackMs: 10_000, observedMs: 30_000 }
const PLAN: DrillPlan = { everyMs: 60_000, objective: OBJECTIVE, silentAfterMs: 30_000 }

function drilled(plan: Partial<DrillPlan> = {}): ModelLayout {
  return modelLayout({ drill: { ...PLAN, ...plan } })
}

/** A record of a drill; gives the one decision that answers it. */
function record(world: World, passed: boolean, changes: Partial<OperatorRequest> = {}) {
  const id = `drill-${world.decisions.length}`
  const body = JSON.stringify({ scenario: changes.subject ?? 'errors', passed })
  world.send({ kind: 'request', request: requestOf('drill', { id, subject: 'errors', body, atMs: world.wallMs, ...changes }) })
  const answers = world.decisions.filter(({ requestId }) => requestId === id)
  assert.equal(answers.length, 1)
  return answers[0]!
}

const told = (world: World, cause: string) => world.alerts.filter((alert) => alert.cause === cause).map(({ status }) => status)

test('a drill is recorded with its result, and neither weights nor stage nor command move by it', () => {
  const world = new World(drilled())
  world.slices(6)
  const before = world.state.ladder
  const commands = world.commands.length
  const recorded = record(world, true)
  assert.deepEqual([recorded.verdict.kind, recorded.verdict.rule], ['recorded', 'drill'])
  assert.deepEqual(JSON.parse(recorded.body), { scenario: 'errors', passed: true })
  assert.match(recorded.summary, /^Drill of flights, scenario errors: passed\. Recorded by ada: a drill$/)
  const {
    drills,
    decisionNumber: _number,
    requestsSeen: _seen,
    decidedAtMs: _at,
    lastVerdict: _key,
    judgedAtMs: _judged,
    ...rest
  } = world.state.ladder
  for (const [key, value] of Object.entries(rest)) assert.deepEqual(value, before[key as keyof typeof before], key)
  assert.equal(world.commands.length, commands)
  assert.deepEqual(drills.last, { errors: { atMs: world.wallMs, passed: true } })
})

test('a result from the future is recorded as of now', () => {
  const world = new World(drilled())
  world.slices(2)
  record(world, true, { atMs: world.wallMs + 1e12 })
  assert.equal(world.state.ladder.drills.passedAtMs, world.wallMs)
})

test('what is no result of a drill is refused, and so is any for a model that the policy does not drill', () => {
  const world = new World(drilled())
  world.slices(2)
  const refused: readonly Partial<OperatorRequest>[] = [
    { body: '' },
    { body: '{"passed": "yes"}' },
    { body: 'null' },
    { body: JSON.stringify({ passed: true, notes: 'x'.repeat(10_000) }) },
    { subject: null },
    { subject: 'No Such\nThing' },
  ]
  for (const changes of refused)
    assert.deepEqual([record(world, true, changes).verdict.kind, record(world, true, changes).verdict.rule], ['refused', 'no-drill'])
  assert.deepEqual(world.state.ladder.drills.last, {})
  const other = new World(modelLayout())
  other.slices(2)
  assert.match(record(other, true).summary, /the policy has no drill of flights/)
})

test('a failed drill is an alert until that scenario passes', () => {
  const world = new World(drilled())
  world.slices(2)
  record(world, false)
  record(world, true, { subject: 'silent' })
  world.slices(2)
  assert.deepEqual(told(world, 'drill-failed'), ['firing'])
  record(world, true)
  assert.deepEqual(told(world, 'drill-failed'), ['firing', 'resolved'])
})

test('nobody is told of a drill before its time; then once, until one passes, and again when that is too long ago', () => {
  const world = new World(drilled())
  const slices = PLAN.everyMs / SLICE_MS
  world.slices(slices)
  assert.deepEqual(told(world, 'drill-overdue'), [])
  world.slices(slices)
  assert.deepEqual(told(world, 'drill-overdue'), ['firing'])
  assert.match(world.said('recorded')[0]!.summary, /^No drill of flights has passed within 1 min: none has passed yet$/)
  record(world, false)
  assert.deepEqual(told(world, 'drill-overdue'), ['firing'], 'one that fails is none')
  record(world, true)
  assert.deepEqual(told(world, 'drill-overdue'), ['firing', 'resolved'])
  world.slices(slices + 2)
  assert.deepEqual(told(world, 'drill-overdue'), ['firing', 'resolved', 'firing'])
})

test('a drill that is overdue moves no weight and breaks no climb: the same decisions are taken as without', () => {
  const moves = (model: ModelLayout) => {
    const world = new World(model)
    world.slices(60)
    return world.commands.map(({ kind, weights, sequence }) => ({ kind, weights, sequence }))
  }
  assert.deepEqual(moves(drilled()), moves(modelLayout()))
})

test('a policy that asks for drills on demand never calls one overdue', () => {
  const world = new World(drilled({ everyMs: 0 }))
  world.slices(30)
  assert.deepEqual(told(world, 'drill-overdue'), [])
})

test('what is known of drills outlives a restart and the next candidate, for which it is said anew', () => {
  const world = new World(drilled())
  world.slices(30)
  record(world, true)
  const stored = decodeJudge(
    encodeJudge(world.state),
    decodeEvidence(encodeEvidence(world.state.evidence), world.model),
    world.state.chains,
  )
  assert.deepEqual(stored.ladder.drills, world.state.ladder.drills)
  const { passedAtMs } = renewedFor(stored, { ...drilled(), versions: ['v1', 'v3'] }).ladder.drills
  assert.equal(passedAtMs, world.wallMs)
})

test('a state of before knows of no drill, and is carried on with', () => {
  const text = encodeJudge(emptyJudge(drilled())).replace(/,"drills":\{.*?\{\}\}/, '')
  assert.ok(!text.includes('drills'))
  const { drills } = decodeJudge(text, emptyJudge(drilled()).evidence, emptyJudge(drilled()).chains).ladder
  assert.deepEqual(drills, { sinceMs: 0, passedAtMs: 0, overdue: false, last: {} })
})

test('a shadow begins when it is asked to, and its alerts wake nobody', () => {
  const plan = modelLayout()
  const shadow: ModelLayout = { ...modelLayout({ rollout: { ...plan.plan.rollout, start: 'request' } }), shadow: true }
  const world = new World(shadow, { candidateErrors: 0.3 })
  world.slices(4)
  assert.equal(world.commands.length, 0)
  world.send({ kind: 'request', request: requestOf('abort', { id: 'abort' }) })
  world.send({ kind: 'request', request: requestOf('resume', { id: 'resume' }) })
  assert.equal(world.commands.at(-1)!.weights['v2'], 5)
  world.slices(12)
  assert.equal(world.said('rollback').length, 1)
  assert.ok(world.alerts.length > 0 && world.alerts.every(({ severity }) => severity === 'info'))
  assert.ok(BEGIN_MS > 0 && drillName('flights') === 'flights.drill')
})
