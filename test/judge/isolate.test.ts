/** Keeping a candidate out of one segment, and trying it in one: the pure judge over seeded traffic. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence, readings } from '../../src/judge/evidence/evidence.ts'
import { populationNow, seenPane } from '../../src/judge/evidence/population.ts'
import { isThrottle } from '../../src/judge/segments.ts'
import { decodeJudge, emptyJudge, encodeJudge, type JudgeState, renewedFor } from '../../src/judge/state.ts'
import { SegmentWorld, segmentModel } from './segment-world.ts'
import { BEGIN_MS, requestOf } from './world.ts'

const APART = [{ segment: 'region=eu', weights: { v1: 100, v2: 0 } }]

test('a candidate that harms one region is kept out of it, and goes on to 100 % in the others', () => {
  const world = new SegmentWorld(segmentModel(), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  const isolation = world.decisions.find(({ verdict }) => verdict.kind === 'isolate')
  assert.ok(isolation, world.decisions.map(({ summary }) => summary).join('\n'))
  assert.equal(isolation.verdict.kind === 'isolate' && isolation.verdict.evidence[0]?.scope, 'region=eu')
  assert.match(isolation.summary, /^Kept v2 out of region=eu, at \d+ % without region=eu: errors in region=eu \(evidence/)
  assert.deepEqual(isolation.segmentsAfter, APART)
  const command = world.commands.find(({ rule }) => rule === 'isolate')!
  assert.deepEqual([command.kind, command.segments], ['throttle', APART])
  assert.deepEqual(command.weights, isolation.weightsBefore, 'the others keep what they had')
  const before = world.served['eu']
  world.slices(250)
  assert.equal(world.served['eu'], before, 'nobody in the region meets it any more')
  assert.equal(
    world.state.ladder.phase,
    'promoted',
    world.decisions
      .slice(-8)
      .map(({ summary }) => summary)
      .join('\n'),
  )
  assert.deepEqual(
    world.moves().filter((move) => move === 'rollback' || move === 'isolate'),
    ['isolate'],
  )
  assert.deepEqual(world.commands.at(-1)!.segments, APART, 'every later command says it too')
  const told = world.alerts.find(({ cause, status }) => cause === 'isolate:region=eu' && status === 'firing')
  assert.equal(told?.detail.override, "flyball rollout release flights --segment region=eu --reason '…'")
})

test('a region that is healthier than the others lends the control nothing once the candidate is kept out of it', () => {
  const errors = { eu: 0.001, us: 0.08, asia: 0.08 }
  const world = new SegmentWorld(segmentModel(), { errors, harm: { eu: 0.15 } }, 5)
  world.slices(200)
  assert.deepEqual(
    world.moves().filter((move) => move === 'rollback' || move === 'isolate'),
    ['isolate'],
  )
  assert.equal(world.state.ladder.phase, 'promoted')
})

test('harm everywhere rolls back, and the decision says why nobody was kept apart', () => {
  for (const seed of [1, 2, 3]) {
    const world = new SegmentWorld(segmentModel(), { harm: { eu: 0.1, us: 0.1, asia: 0.1 } }, seed)
    world.slices(60)
    assert.deepEqual(world.moves().slice(-1), ['rollback'])
    const rollback = world.decisions.find(({ verdict }) => verdict.kind === 'rollback')!
    assert.match(rollback.summary, /; not kept out of one segment alone: /)
    assert.deepEqual(rollback.segmentsAfter, [])
  }
})

test('two of three regions harmed are more than half: it is rolled back', () => {
  const world = new SegmentWorld(segmentModel(), { harm: { eu: 0.2, us: 0.2 } }, 4)
  world.slices(80)
  assert.equal(world.moves().at(-1), 'rollback')
  assert.equal(world.state.ladder.phase, 'rolled-back')
  assert.deepEqual(world.commands.at(-1)!.segments, [])
})

test('a second region that turns bad later is one too many', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  assert.deepEqual(world.state.ladder.isolated, ['region=eu'])
  world.traffic = { ...world.traffic, harm: { eu: 0.15, us: 0.2 } }
  world.slices(60)
  assert.equal(world.state.ladder.phase, 'rolled-back')
  assert.deepEqual(world.state.ladder.isolated, [], 'a rollback leaves nobody apart')
  assert.match(world.decisions.findLast(({ verdict }) => verdict.kind === 'rollback')!.summary, /at most/)
})

test('a gateway of before cannot keep anybody apart: it is rolled back as ever, and says so', () => {
  const world = new SegmentWorld(segmentModel(), { harm: { eu: 0.15 }, otherFeatures: [] }, 3)
  world.slices(40)
  assert.equal(world.moves().at(-1), 'rollback')
  const rollback = world.decisions.find(({ verdict }) => verdict.kind === 'rollback')!
  assert.match(rollback.summary, /gateway-2 cannot route by region/)
})

test('a gateway of before that joins later ends it: the candidate must not come back to where it does harm', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  assert.deepEqual(world.state.ladder.isolated, ['region=eu'])
  world.traffic = { ...world.traffic, otherFeatures: [] }
  world.slices(2)
  const rollback = world.decisions.find(({ verdict }) => verdict.kind === 'rollback')!
  assert.equal(rollback.verdict.rule, 'not-kept-out')
  assert.match(rollback.summary, /gateway-2 cannot route by region, and sends it region=eu too/)
  assert.equal(rollback.cause, rollback.summary.slice(rollback.summary.indexOf(': ') + 2))
  const [named] = rollback.factors
  assert.equal(named!.guardrail, 'not-kept-out')
  assert.match(named!.words, /^gateway-2 cannot route by region/, 'what was found, not that the candidate stopped answering')
})

test('a person lets a region back in, unless the model is frozen; what it shows then counts anew', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  world.send({ kind: 'request', request: requestOf('release', { id: 'wrong', subject: 'region=us' }) })
  assert.match(world.last().summary, /v2 is not kept out of region=us/)
  world.send({ kind: 'request', request: requestOf('freeze') })
  world.send({ kind: 'request', request: requestOf('release', { id: 'frozen', subject: 'region=eu' }) })
  assert.equal(world.last().verdict.rule, 'frozen')
  world.send({ kind: 'request', request: requestOf('unfreeze') })
  world.traffic = { ...world.traffic, harm: {} }
  world.send({ kind: 'request', request: requestOf('release', { id: 'right', subject: 'region=eu' }) })
  assert.match(world.last().summary, /^Let v2 into region=eu again by ada/)
  assert.deepEqual([world.commands.at(-1)!.kind, world.commands.at(-1)!.segments], ['override', []])
  assert.deepEqual(populationNow(world.state.evidence).without, ['region=eu'], 'until the gateways have it, the split is no fair one there')
  const before = world.served['eu']!
  world.slices(40)
  assert.ok(world.served['eu']! > before)
  assert.deepEqual(populationNow(world.state.evidence).without, [])
  assert.deepEqual(world.moves().slice(-1), ['override'])
})

test('while a region is kept out, scopes that hold its control are not judged, and say so', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(40)
  const detail = (scope: string) => world.last().readings.find((reading) => reading.scope === scope)?.detail
  world.send({ kind: 'request', request: requestOf('hold') })
  assert.match(detail('platform=web')!, /not judged while region=eu is kept out/)
  assert.match(detail('region=eu')!, /not judged/)
  assert.doesNotMatch(detail('region=us')!, /not judged/)
})

test('healthy rollouts with a dimension to isolate by keep the level', () => {
  const rollouts = 60
  let harmed = 0
  for (let seed = 1; seed <= rollouts; seed++) {
    const world = new SegmentWorld(segmentModel({ rollbackAlpha: 0.05 }), { errors: { eu: 0.01, us: 0.05, asia: 0.2 } }, seed)
    world.slices(60)
    if (world.moves().some((move) => move === 'rollback' || move === 'isolate')) harmed += 1
  }
  assert.ok(harmed <= 6, `${harmed} of ${rollouts} at 5 %`)
})

test('a cohort is tried alone: base weights stay with the control, and its evidence promotes', () => {
  const world = new SegmentWorld(segmentModel({ ladder: [20, 20, 100] }, ['region=eu']), {}, 7)
  world.slices(3)
  const start = world.commands[0]!
  assert.deepEqual(start.weights, { v1: 100, v2: 0 })
  assert.deepEqual(start.segments, [{ segment: 'region=eu', weights: { v1: 80, v2: 20 } }])
  assert.match(world.decisions[0]!.summary, /at 20 % of region=eu/)
  world.slices(20)
  assert.ok(
    world.decisions.some(({ verdict }) => verdict.kind === 'observed'),
    'the share is that of the cohort',
  )
  world.slices(200)
  assert.deepEqual(world.moves(), ['start', 'promote', 'promote'], world.decisions.map(({ summary }) => summary).join('\n'))
  assert.deepEqual(world.commands[1]!.segments, [])
})

test('harm in a cohort rolls back, whatever other regions look like', () => {
  const errors = { eu: 0.02, us: 0.2, asia: 0.2 }
  const world = new SegmentWorld(segmentModel({ ladder: [50, 100], dwellMs: 10_000_000 }, ['region=eu']), { errors, harm: { eu: 0.15 } }, 7)
  world.slices(60)
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  assert.match(world.decisions.find(({ verdict }) => verdict.kind === 'rollback')!.summary, /from 50 % of region=eu/)
})

test('a cohort waits for gateways that can route by it', () => {
  const world = new SegmentWorld(segmentModel({ ladder: [20, 100] }, ['region=eu']), { features: [] }, 7)
  world.slices(20)
  const hold = world.decisions.findLast(({ verdict }) => verdict.kind === 'hold')!
  assert.equal(hold.verdict.rule, 'cohort')
  assert.match(hold.summary, /gateway-1 cannot route by region, and the cohort is region=eu/)
})

test('what is kept apart survives a restart of the judge, a state of before has nobody apart, and a new rollout begins with everybody', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  const { state, model } = world
  const evidence = decodeEvidence(encodeEvidence(state.evidence), model)
  assert.deepEqual(decodeJudge(encodeJudge(state), evidence, state.chains), state)

  const { isolated: _isolated, cohort: _cohort, ...ladder } = state.ladder
  const { populations: _populations, rests: _rests, ...before } = state.evidence
  const old = decodeJudge(JSON.stringify({ ...state, ladder }), before as typeof state.evidence, state.chains)
  assert.deepEqual([old.ladder.isolated, old.ladder.cohort], [[], null])
  const fresh = emptyJudge(model).evidence
  assert.deepEqual(decodeEvidence(encodeEvidence(before as typeof state.evidence), model).rests, fresh.rests)

  const next = { ...model, versions: ['v2', 'v3'] }
  const renewed = renewedFor(state, next)
  assert.deepEqual(renewed.ladder.isolated, [])
  assert.deepEqual(populationNow(renewed.evidence).without, [])
})

test('what comes late of the time before an isolation is read without the segment, to the request', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  const requests = (pane: Pane, scope: string, version: string) =>
    pane.cells.find((cell) => cell.scope === scope && cell.version === version)?.blocks.get('requests')?.counts[0] ?? 0
  const early = world.panes[1]!
  const seen = seenPane(world.state.evidence, early, world.model)
  for (const version of ['v1', 'v2']) {
    const rest = requests(early, 'region=us', version) + requests(early, 'region=asia', version)
    assert.equal(requests(seen, '__all__', version), rest)
  }
  assert.deepEqual([...new Set(seen.cells.map(({ scope }) => scope))].sort(), ['__all__', 'region=asia', 'region=us'])
  const everybody = new SegmentWorld(segmentModel(), {}, 3)
  everybody.slices(2)
  assert.equal(seenPane(everybody.state.evidence, early, world.model), early, 'and as it is where nobody is kept out')
})

test('evidence of everybody else goes on as that of the whole population, and is not begun anew', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  const arms = (state: JudgeState, key: string, from: 'series' | 'rests') => {
    const series = (from === 'series' ? state.evidence.series : state.evidence.rests.series)[key]
    return series?.kind === 'events' ? series.events[0]!.whole : null
  }
  let before = world.state
  while (world.state.ladder.isolated.length === 0) {
    before = world.state
    world.slices(1)
  }
  const rest = arms(before, 'errors|not region=eu', 'rests')!
  const whole = arms(world.state, 'errors|__all__', 'series')!
  assert.ok(rest.controlRequests > 0 && whole.controlRequests >= rest.controlRequests)
  assert.ok(whole.controlRequests < arms(before, 'errors|__all__', 'series')!.controlRequests + 600)
  const harms = readings(world.state.evidence, world.model).filter(({ scope }) => scope === '__all__')
  assert.ok(harms.every(({ logEvidence, logLimit }) => logEvidence < logLimit))
})

test('a gateway that lets the candidate answer where it is kept out makes the command not effective', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.leaks = true
  world.slices(40)
  assert.ok(world.moves().includes('isolate'))
  assert.ok(
    world.decisions.some(({ verdict }) => verdict.kind === 'not-effective'),
    world.decisions.map(({ summary }) => summary).join('\n'),
  )
})

test('an isolation that is said again above a gateway that is ahead stays one, and is taken for no throttle', () => {
  const world = new SegmentWorld(segmentModel({ dwellMs: 10_000_000 }), { harm: { eu: 0.15 } }, 3)
  world.slices(30)
  assert.equal(world.commands.at(-1)!.rule, 'isolate')
  const { epoch, sequence } = world.state.ladder
  const said = { commandId: '', atMs: world.wallMs, leaseExpired: false, routed: {}, countersSinceMs: BEGIN_MS, features: ['segments'] }
  world.send({
    kind: 'ack',
    ack: { model: 'flights', gateway: 'gateway-1', kind: 'stale', epoch: epoch + 5, sequence: sequence + 9, ...said },
  })
  assert.deepEqual([world.last().verdict.kind, world.last().verdict.rule], ['adopt', 'gateway-ahead'])
  const again = world.commands.at(-1)!
  assert.deepEqual(
    [again.kind, again.rule, again.epoch, again.sequence, again.segments],
    ['throttle', 'isolate', epoch + 5, sequence + 10, APART],
  )
  assert.equal(isThrottle(again), false)
  assert.deepEqual([world.state.ladder.throttledRungs, world.state.ladder.liftsUsed], [0, 0])
})
