import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command, OperatorRequest } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { type JudgeEffect, step } from '../../src/judge/judge.ts'
import { decodeJudge, emptyJudge, encodeJudge, type JudgeState } from '../../src/judge/state.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { guardrail, modelLayout, type PlanChanges, requestOf, SLICE_MS, type Traffic, World } from './world.ts'

function run(slices: number, plan: PlanChanges = {}, traffic: Partial<Traffic> = {}, seed = 1): World {
  const world = new World(modelLayout(plan), traffic, seed)
  world.slices(slices)
  return world
}

/** Slices until something has been said; fails when it is not said in 200. */
function until(world: World, kind: string, times = 1): void {
  for (let slices = 0; world.said(kind).length < times; slices++) {
    assert.ok(slices < 200, `no ${kind} in 200 slices`)
    world.slice()
  }
}

function request(verb: OperatorRequest['verb'], id: string = verb): OperatorRequest {
  return requestOf(verb, { id })
}

function commandAt(percent: number, changes: Partial<Command> = {}): Command {
  return {
    id: 'c0ffee',
    environment: 'test',
    model: 'flights',
    epoch: 40,
    sequence: 9,
    issuedAtMs: 1_700_000_000_000,
    kind: 'override',
    control: 'v1',
    candidate: 'v2',
    weights: { v1: 100 - percent, v2: percent },
    segments: [],
    leaseMs: 60_000,
    onSilence: 'keep',
    policyDigest: 'abcdef0123456789',
    rule: 'break-glass',
    reason: 'ada broke the glass',
    decisionId: '',
    ...changes,
  }
}

test('a good candidate climbs every rung to 100 %, each command acked and observed before the next', () => {
  const world = run(60)
  assert.deepEqual(world.moves(), ['start', 'promote', 'promote', 'promote'])
  assert.equal(world.state.ladder.phase, 'promoted')
  assert.deepEqual(
    world.commands.map((command) => [command.sequence, command.weights['v2']]),
    [
      [1, 5],
      [2, 25],
      [3, 50],
      [4, 100],
    ],
  )
  const loop = world.decisions.map((decision) => decision.verdict.kind).filter((kind) => kind !== 'hold')
  assert.deepEqual(loop, ['start', 'acked', 'observed', ...Array.from({ length: 3 }, () => ['promote', 'acked', 'observed']).flat()])
  assert.deepEqual(world.alerts, [])
})

test('a candidate with three times the errors is rolled back, with numbers in the sentence, and gets no command after that', () => {
  const world = run(80, {}, { candidateErrors: 0.06 })
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  const rollback = world.said('rollback')[0]!
  assert.match(rollback.summary, /^Rolled back v2 from 5 %: errors \(evidence e\^\d/)
  assert.ok(rollback.cause.length > 0)
  assert.ok(rollback.readings.length > 0)
  assert.equal(world.state.ladder.phase, 'rolled-back')
  assert.equal(world.commands.length, 2)
  assert.equal(world.decisions.at(-1)!.verdict.kind, 'observed', 'the rollback was seen in the traffic')
  assert.deepEqual(
    world.alerts.map((alert) => [alert.incident, alert.severity, alert.status]),
    [['test/flights/v2/rollback:errors', 'critical', 'firing']],
  )
})

test('harm that begins late, above the first rung, is rolled back too', () => {
  const world = run(20)
  assert.ok(world.weight() >= 25)
  world.traffic = { ...world.traffic, candidateErrors: 0.1 }
  world.slices(30)
  assert.equal(world.moves().at(-1), 'rollback')
  assert.equal(world.weight(), 0)
})

test('a candidate that is sent requests and never answers is rolled back as candidate-silent while control flows', () => {
  const world = run(15)
  world.traffic = { ...world.traffic, candidateArrives: 0 }
  world.slices(12)
  const rollback = world.said('rollback')[0]!
  assert.equal(rollback.verdict.rule, 'candidate-silent')
  assert.match(rollback.summary, /the gateways sent it \d+ requests/)
})

test('without counts from the gateways silence is found by evidence against the commanded share', () => {
  const world = run(15, {}, { routedCounts: false })
  world.traffic = { ...world.traffic, candidateArrives: 0 }
  world.slices(14)
  const rollback = world.said('rollback')[0]!
  assert.equal(rollback.verdict.rule, 'candidate-silent')
  assert.match(rollback.summary, /no prediction of it for \d+ s among \d+ requests \(evidence/)
})

test('a slow trickle of the candidate is not silence', () => {
  const world = run(15)
  world.traffic = { ...world.traffic, candidateArrives: 0.05 }
  world.slices(40)
  assert.equal(world.said('rollback').length, 0)
})

test('a partition that holds only the candidate and is not read for five minutes is blindness, not silence', () => {
  const world = run(15, { maxBlindMs: 3_600_000 }, { armPerSource: true })
  const weight = world.weight()
  assert.ok(weight > 0)
  world.traffic = { ...world.traffic, stuck: [1] }
  world.slices(60)
  assert.equal(world.said('rollback').length, 0)
  assert.equal(world.weight(), weight, 'nothing is promoted either')
  const last = world.said('hold').at(-1)!.verdict
  assert.equal(last.kind === 'hold' && last.because, 'blind')
})

test('a stuck partition does not disarm the guard on the others', () => {
  const world = run(4)
  world.traffic = { ...world.traffic, stuck: [1], candidateErrors: 0.3 }
  world.slices(40)
  assert.deepEqual(world.moves(), ['start', 'rollback'])
})

test('promotion waits for a stuck partition and goes on when it is read again', () => {
  const world = run(4)
  world.traffic = { ...world.traffic, stuck: [1] }
  world.slices(40)
  assert.deepEqual(world.moves(), ['start'])
  world.traffic = { ...world.traffic, stuck: [] }
  world.slices(20)
  assert.ok(world.moves().includes('promote'))
})

test('when both arms fall silent the judge holds and says blind; it steps down a rung for each maxBlind and never rolls back', () => {
  const world = run(18, { maxBlindMs: 120_000 })
  assert.equal(world.weight(), 50)
  world.traffic = { ...world.traffic, candidateArrives: 0, controlArrives: 0 }
  world.slices(20)
  const hold = world.said('hold').at(-1)!.verdict
  assert.equal(hold.kind === 'hold' && hold.because, 'blind')
  assert.equal(world.weight(), 50)
  world.slices(100)
  assert.equal(world.said('rollback').length, 0)
  assert.equal(world.said('step-down').length, 2)
  assert.equal(world.weight(), 5, 'it stays on the first rung')
  assert.ok(world.alerts.some((alert) => alert.cause === 'blind' && alert.severity === 'critical'))
})

test('a share that is not the one commanded holds as assignment', () => {
  const world = run(3, { dwellMs: 3_600_000 })
  world.traffic = { ...world.traffic, fixedShare: 0.15 }
  world.slices(20)
  const hold = world.said('hold').at(-1)!.verdict
  assert.equal(hold.kind === 'hold' && hold.because, 'assignment')
  const { done } = world.alerts.find((alert) => alert.cause === 'assignment')!.detail
  assert.match(done, /^nothing was changed: v2 stays at (1|5|25|50) %$/)
})

test('a hold for a wrong split says what was counted and when it ends, and then it does', () => {
  const world = run(12, { dwellMs: 30_000, calmAfterMs: 120_000 })
  world.traffic = { ...world.traffic, fixedShare: 0.4 }
  world.slices(3)
  world.traffic = { ...world.traffic, fixedShare: null }
  const { verdict, judgeTimeMs } = world.said('hold').find(({ verdict: { rule } }) => rule === 'sample-ratio')!
  const missing = verdict.kind === 'hold' ? verdict.missing[0]! : ''
  const said =
    /^the candidate's share is \d\d\.\d\d % of \d+ requests, for no unit is mapped, commanded \d+\.00 %; over at (\S+) at the earliest/
  const endsMs = Date.parse(said.exec(missing)?.[1] ?? missing)
  assert.ok(endsMs > judgeTimeMs + 100_000 && endsMs <= judgeTimeMs + 120_000, missing)
  const [weight, raised] = [world.weight(), world.moves().length]
  while (world.time.nowMs < endsMs - SLICE_MS) world.slice()
  assert.deepEqual([world.weight(), world.moves().length], [weight, raised])
  world.slices(12)
  assert.equal(world.moves()[raised], 'promote')
})

test('a gateway that acks and does not obey: one critical not-effective alert, no promotion, resolved when the split is seen', () => {
  const world = run(60, {}, { fixedShare: 0.4 })
  assert.deepEqual(world.moves(), ['start'])
  assert.equal(world.said('acked').length, 1)
  assert.equal(world.said('not-effective').length, 1)
  assert.match(world.said('not-effective')[0]!.summary, /Command 1 \(start to 5 %\) is not effective: the traffic shows/)
  const fired = world.alerts.filter((alert) => alert.cause === 'not-effective')
  assert.deepEqual(
    fired.map((alert) => [alert.severity, alert.status]),
    [['critical', 'firing']],
  )
  world.traffic = { ...world.traffic, fixedShare: null }
  until(world, 'observed')
  assert.equal(world.alerts.filter((alert) => alert.cause === 'not-effective').at(-1)!.status, 'resolved')
})

test('judge time never steps back in the log of decisions: not after one that was written between two looks of the rules', () => {
  const world = new World(modelLayout(), { fixedShare: 0.4 }, 1)
  until(world, 'not-effective')
  const lastMs = world.decisions.at(-1)!.judgeTimeMs
  const { ladder } = world.state
  const between = {
    ...world.state,
    ladder: { ...ladder, judgedAtMs: lastMs - 4000, loop: { ...ladder.loop!, observedAtMs: 0, ackedAtMs: 0 } },
  }
  const now = { judgeTimeMs: lastMs - 3000, wallMs: world.wallMs }
  const { effects } = step(between, { kind: 'request', request: request('hold') }, now, world.model, world.layout)
  const decided = effects.flatMap((effect) => (effect.kind === 'decide' ? [effect.decision.judgeTimeMs] : []))
  assert.ok(decided.length > 0)
  assert.ok(decided.every((atMs) => atMs >= lastMs))
})

test('a command that no gateway acks is not effective', () => {
  const world = run(12, {}, { gatewayObeys: false })
  assert.match(world.said('not-effective')[0]!.summary, /only 0 of 0 gateways have acked it/)
  assert.equal(world.said('promote').length, 0)
})

test('panes that lay waiting while no judge ran take no time: gateways have as long as ever to ack what is commanded meanwhile', () => {
  const { state, time, wallMs, model, layout } = run(3, {}, { gatewayObeys: false })
  const { loop } = state.ladder
  assert.ok(loop !== null && loop.ackedAtMs === 0)
  const issued = {
    ...state,
    ladder: { ...state.ladder, loop: { ...loop, issuedAtMs: time.nowMs, issuedWallMs: wallMs, notEffective: false } },
  }
  const said = (passedMs: number, wallPassedMs: number) => {
    const now = { judgeTimeMs: time.nowMs + passedMs, wallMs: wallMs + wallPassedMs }
    const { effects } = step(issued, { kind: 'tick' }, now, model, layout)
    return effects.some((effect) => effect.kind === 'decide' && effect.decision.verdict.kind === 'not-effective')
  }
  assert.equal(said(60_000, 50), false)
  assert.equal(said(60_000, 60_000), true)
  assert.equal(said(60_000, -3_600_000), true, 'a wall clock set back keeps nothing waiting')
})

test('a state that was stored between two milliseconds is decided on in whole ones', () => {
  const { state, time, wallMs, model, layout } = run(3)
  const between = { ...state, ladder: { ...state.ladder, judgedAtMs: time.nowMs + 1000.375 } }
  const now = { judgeTimeMs: time.nowMs, wallMs }
  const { effects } = step(between, { kind: 'request', request: request('hold') }, now, model, layout)
  const decided = effects.flatMap((effect) => (effect.kind === 'decide' ? [effect.decision.judgeTimeMs] : []))
  assert.deepEqual(decided, [time.nowMs + 1001])
})

test('mode observe commands nothing, walks a virtual ladder, and alerts each would-be decision once', () => {
  const good = run(80, { mode: 'observe' }, { fixedShare: 0.2 })
  assert.deepEqual(good.moves(), ['start', 'promote', 'promote', 'promote'])
  assert.equal(good.commands.length + good.republished.length, 0)
  assert.match(good.said('promote')[0]!.summary, /^Would promote v2 from 5 % to 25 %/)
  assert.equal(good.alerts.filter((alert) => alert.cause === 'would-promote').length, 3)
  const bad = run(80, { mode: 'observe' }, { fixedShare: 0.2, candidateErrors: 0.08 })
  assert.equal(bad.commands.length, 0)
  assert.equal(bad.said('rollback').length, 1)
  assert.equal(bad.alerts.filter((alert) => alert.cause === 'rollback:errors').length, 1)
})

test('external weights: judged by the observed split, says what it would do, commands nothing', () => {
  const world = run(80, { weights: 'external' }, { fixedShare: 0.3, candidateErrors: 0.08 })
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  assert.equal(world.commands.length, 0)
  assert.match(world.said('rollback')[0]!.summary, /^Would roll back/)
})

test('recorded weights: verdict commands are published though nobody obeys, and no ack is waited for', () => {
  const world = run(80, { weights: 'recorded' }, { fixedShare: 0.3, gatewayObeys: false })
  assert.deepEqual(
    world.commands.map((command) => command.kind),
    ['start', 'promote', 'promote', 'promote'],
  )
  assert.deepEqual([world.said('acked').length, world.said('not-effective').length], [0, 0])
})

const THROTTLING: PlanChanges = {
  guardrails: [guardrail({ action: 'throttle', class: 'signal', margin: 0.002 })],
  calmAfterMs: 60_000,
  maxLifts: 1,
}

test('a throttle takes one rung, lifts by itself after calm, and not more often than maxLifts', () => {
  const world = run(18, THROTTLING)
  const before = world.weight()
  assert.ok(before >= 25)
  const burst = (throttles: number) => {
    world.traffic = { ...world.traffic, candidateErrors: 0.3 }
    until(world, 'throttle', throttles)
    world.traffic = { ...world.traffic, candidateErrors: 0.02 }
  }
  burst(1)
  assert.ok(world.weight() < before)
  until(world, 'lift')
  assert.equal(world.state.ladder.liftsUsed, 1)
  assert.equal(world.alerts.filter((alert) => alert.cause === 'throttle').at(-1)!.status, 'resolved')
  burst(2)
  world.slices(60)
  assert.equal(world.said('throttle').length, 2, 'one rung at a time')
  assert.equal(world.said('lift').length, 1)
  const hold = world.said('hold').at(-1)!.verdict
  assert.equal(hold.kind === 'hold' && hold.because, 'flapping')
})

test('on the lowest rung a throttle becomes a hold with a critical alert', () => {
  const world = run(60, { ...THROTTLING, dwellMs: 3_600_000 }, { candidateErrors: 0.3 })
  assert.deepEqual(world.moves(), ['start'])
  const hold = world.said('hold').at(-1)!.verdict
  assert.equal(hold.rule, 'throttle-at-lowest')
  assert.ok(world.alerts.some((alert) => alert.cause === 'throttle-at-lowest' && alert.severity === 'critical'))
})

test('a person rolls back, holds and resumes; the same request twice is one', () => {
  const world = run(6)
  world.send({ kind: 'request', request: request('hold') })
  world.slices(20)
  assert.deepEqual(world.moves(), ['start', 'override'])
  assert.equal(world.commands.length, 1, 'a hold moves no traffic')
  world.send({ kind: 'request', request: request('rollback') })
  world.send({ kind: 'request', request: request('rollback') })
  assert.equal(world.weight(), 0)
  assert.equal(world.commands.at(-1)!.kind, 'override')
  assert.equal(world.commands.length, 2)
  world.slices(10)
  assert.equal(world.state.ladder.phase, 'rolled-back')
  world.send({ kind: 'request', request: request('resume') })
  assert.equal(world.weight(), 5)
  world.slices(100)
  assert.equal(world.weight(), 100)
})

test('the command in force is published again every heartbeat with the same id, epoch and sequence', () => {
  const world = run(3, { dwellMs: 3_600_000 })
  world.slices(6)
  assert.ok(world.republished.length >= 3)
  for (const command of world.republished) assert.deepEqual(command, world.commands[0])
})

test('at a take-over the known command is published again, and the next one ranks above all before', () => {
  const world = run(3)
  const known = world.commands[0]!
  world.send({ kind: 'taken-over', epoch: 7, adopted: known })
  assert.deepEqual(world.republished.at(-1), known)
  assert.equal(world.said('adopt').length, 0)
  world.slices(20)
  assert.ok(world.commands[1]!.epoch >= 7 && world.commands[1]!.sequence === known.sequence + 1)
})

test('with its state lost the judge adopts the command found on control and publishes none of its own', () => {
  const world = new World(modelLayout())
  world.gateway.command = commandAt(25)
  world.send({ kind: 'taken-over', epoch: 3, adopted: commandAt(25) })
  world.slices(3)
  assert.deepEqual(world.moves(), ['adopt'])
  assert.equal(world.weight(), 25)
  assert.equal(world.commands.length, 0)
  world.slices(30)
  const next = world.commands[0]!
  assert.equal(next.weights['v2'], 50)
  assert.ok(next.epoch > 40 && next.sequence === 10)
})

test('a rollback by break-glass is adopted: the candidate stays at 0 until a person resumes', () => {
  const world = run(10)
  const glass = commandAt(0, { epoch: 500, sequence: world.commands.at(-1)!.sequence + 1 })
  world.gateway.command = glass
  world.send({ kind: 'taken-over', epoch: 600, adopted: glass })
  world.slices(30)
  assert.equal(world.moves().at(-1), 'adopt')
  assert.equal(world.state.ladder.phase, 'rolled-back')
  assert.equal(world.weight(), 0)
})

test('a judge that lost its numbers learns them from a gateway that refuses, and issues again above', () => {
  const world = run(2)
  world.send({ kind: 'ack', ack: { ...world.ack('stale'), epoch: 90, sequence: 33 } })
  const again = world.commands.at(-1)!
  assert.deepEqual([again.epoch, again.sequence, again.weights['v2']], [90, 34, 5])
  assert.equal(world.said('adopt')[0]!.verdict.rule, 'gateway-ahead')
})

test('while a backlog is read no rollout starts, and nothing times out', () => {
  const world = run(10, {}, { lagRecords: 100_000 })
  assert.deepEqual(world.moves(), [])
  world.traffic = { ...world.traffic, lagRecords: 0 }
  world.slices(3)
  assert.deepEqual(world.moves(), ['start'])
  world.traffic = { ...world.traffic, lagRecords: 100_000, fixedShare: 0 }
  world.slices(40)
  assert.deepEqual([world.said('not-effective').length, world.said('rollback').length, world.said('step-down').length], [0, 0, 0])
})

test('a policy that names another candidate begins a new rollout; numbers and hash chain go on', () => {
  const world = run(60)
  const { decisionNumber, sequence } = world.state.ladder
  const next: ModelLayout = { ...world.model, versions: ['v2', 'v3'] }
  const now = { judgeTimeMs: world.time.nowMs, wallMs: world.wallMs }
  const over = step(world.state, { kind: 'taken-over', epoch: 9, adopted: world.commands.at(-1)! }, now, next, world.layout)
  const after = step(over.state, { kind: 'tick' }, { ...now, judgeTimeMs: now.judgeTimeMs + SLICE_MS }, next, world.layout)
  const decided = after.effects.find((effect): effect is Extract<JudgeEffect, { kind: 'decide' }> => effect.kind === 'decide')!
  assert.equal(decided.decision.verdict.kind, 'start')
  assert.equal(decided.decision.number, decisionNumber + 1)
  assert.deepEqual(decided.command!.weights, { v2: 95, v3: 5 })
  assert.equal(decided.command!.sequence, sequence + 1)
})

function reborn(state: JudgeState, model: ModelLayout): JudgeState {
  const chains = JSON.parse(JSON.stringify(state.chains)) as JudgeState['chains']
  return decodeJudge(encodeJudge(state), decodeEvidence(encodeEvidence(state.evidence), model), chains)
}

/** Feeds a world's events to a fresh judge, stored and read back before every n-th. */
function rerun(world: World, every: number): readonly JudgeEffect[] {
  let state = emptyJudge(world.model)
  const effects: JudgeEffect[] = []
  for (const [index, { event, ...now }] of world.events.entries()) {
    if (index % every === every - 1) state = reborn(state, world.model)
    const next = step(state, event, now, world.model, world.layout)
    state = next.state
    effects.push(...next.effects)
  }
  return effects
}

test('a judge that is stored and read back again and again decides the same, with the same ids', () => {
  for (const traffic of [{}, { candidateErrors: 0.06 }]) {
    const world = run(60, {}, traffic)
    const decided = (effects: readonly JudgeEffect[]) => effects.filter((effect) => effect.kind === 'decide')
    const whole = decided(rerun(world, Number.POSITIVE_INFINITY))
    assert.ok(whole.length > 5)
    assert.deepEqual(decided(rerun(world, 7)), whole)
  }
})

test('no decision id and no command id occurs twice, and numbers have no gap', () => {
  const world = run(60)
  const ids = world.decisions.map((decision) => decision.id)
  assert.equal(new Set(ids).size, ids.length)
  assert.deepEqual(
    world.decisions.map((decision) => decision.number),
    ids.map((_, index) => index + 1),
  )
  assert.equal(new Set(world.commands.map((command) => command.id)).size, world.commands.length)
})

test('before any record clock is known nothing is decided', () => {
  const world = new World(modelLayout())
  for (let index = 0; index < 5; index++) world.tick()
  assert.deepEqual(world.decisions, [])
})

test('a pane that comes twice is counted once', () => {
  const world = run(3)
  const { rows } = world.state.ladder
  const last = world.events.findLast(({ event }) => event.kind === 'pane')!
  const again = step(world.state, last.event, { judgeTimeMs: world.time.nowMs, wallMs: world.wallMs }, world.model, world.layout)
  assert.equal(again.state.ladder.rows, rows)
  assert.deepEqual(
    again.effects.map((effect) => effect.kind === 'event' && effect.event.event),
    ['pane-refused'],
  )
})
