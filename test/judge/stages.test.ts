/** The stages of a plan: offline, shadow, rungs, guard, promoted. What leads from one to the next, what keeps it there, and what is commanded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorRequest, Pulse } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge, renewedFor } from '../../src/judge/state.ts'
import type { RolloutPlan, SteadyGuardrail } from '../../src/policy/layout.ts'
import { BEGIN_MS, guardrail, modelLayout, type PlanChanges, requestOf, SLICE_MS, type Traffic, World, type Written } from './world.ts'

const DIGEST = 'sha256:9f86d0'
const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 40_000, minimumRows: 300, approval: false } as const
const STAGED: Partial<RolloutPlan> = { offline: true, shadow: SHADOW, guardMs: 60_000, artifacts: { v2: DIGEST } }
const MIRRORED = { mirrored: 100 }

function staged(rollout: Partial<RolloutPlan> = {}, traffic: Partial<Traffic> = {}, plan: PlanChanges = {}): World {
  return new World(modelLayout({ ladder: [25, 100], ...plan, rollout: { ...STAGED, ...rollout } }), { ...MIRRORED, ...traffic })
}

function ask(world: World, verb: OperatorRequest['verb'], changes: Partial<OperatorRequest> = {}): Written {
  const id = changes.id ?? `${verb}-${world.decisions.length}`
  world.send({ kind: 'request', request: requestOf(verb, { ...changes, id }) })
  return world.decisions.find((decision) => decision.requestId === id)!
}

function gate(world: World, passed: boolean, changes: Partial<OperatorRequest> = {}): Written {
  return ask(world, 'gate', { body: JSON.stringify({ passed, report: passed ? 'all good' : 'recall fell', rows: 9 }), ...changes })
}

/** As a daemon that stops and begins again finds it. */
function restarted(world: World): void {
  const evidence = decodeEvidence(encodeEvidence(world.state.evidence), world.model)
  world.state = decodeJudge(encodeJudge(world.state), evidence, world.state.chains)
  world.send({ kind: 'taken-over', epoch: world.state.ladder.epoch + 1, adopted: world.commands.at(-1) ?? null })
}

const holds = (world: World, rule: string) => world.said('hold').filter(({ verdict }) => verdict.rule === rule)
const phase = (world: World) => world.state.ladder.phase

function untilGuard(world: World): void {
  for (let slice = 0; slice < 120 && phase(world) !== 'guard'; slice++) world.slice()
  assert.equal(phase(world), 'guard')
  world.slices(4)
}

test('a rollout goes offline, shadow, rungs, guard, promoted; the first rung is its first command, and a restart anywhere changes nothing', () => {
  const world = staged()
  for (let slice = 0; slice < 90; slice++) {
    world.slice()
    if (slice === 5) gate(world, true)
    if (slice % 7 === 3) restarted(world)
  }
  assert.deepEqual(world.moves(), ['start', 'advance', 'promote', 'promote', 'advance'])
  const told = world.decisions.filter(({ verdict }) => ['start', 'advance', 'promote'].includes(verdict.kind))
  assert.deepEqual(
    told.map(({ verdict, stage, phase, weightsAfter }) => [verdict.kind, verdict.rule, stage, phase, weightsAfter['v2']]),
    [
      ['start', 'start', 'offline', 'offline', 0],
      ['advance', 'offline', 'shadow', 'shadow', 0],
      ['promote', 'promote', '25 %', 'climbing', 25],
      ['promote', 'promote', 'guard', 'guard', 100],
      ['advance', 'guard', '', 'promoted', 100],
    ],
  )
  assert.deepEqual(
    world.commands.map(({ kind, weights }) => [kind, weights['v2']]),
    [
      ['promote', 25],
      ['promote', 100],
    ],
  )
  assert.match(told[0]!.summary, /^Started v2 in its stage offline, without exposure$/)
  assert.match(told[1]!.summary, /^v2 goes on from offline to shadow: its gate is passed$/)
  assert.match(told[2]!.summary, /^Promoted v2 from 0 % to 25 %: the proof asked for holds, dwell and rows reached, no open signal$/)
  assert.match(told[4]!.summary, /^v2 is promoted: watched at 100 % for 60 s, no open signal$/)
  assert.equal(phase(world), 'promoted')
})

test('a plan without stages begins, climbs and ends as it ever did', () => {
  const world = new World(modelLayout({ ladder: [50, 100] }))
  world.slices(40)
  assert.deepEqual(world.moves(), ['start', 'promote'])
  assert.deepEqual([phase(world), world.decisions[0]!.stage, world.decisions.at(-1)!.stage], ['promoted', '50 %', ''])
})

test('offline waits for a passed gate of the very artifact, says so once, and a failed one holds with its words', () => {
  const world = staged()
  world.slices(20)
  assert.equal(phase(world), 'offline')
  assert.deepEqual(
    holds(world, 'gate').map(({ verdict }) => verdict.kind === 'hold' && [verdict.because, ...verdict.missing]),
    [['insufficient', `no gate is recorded of ${DIGEST}: flyball rollout gate flights --passed`]],
  )
  assert.equal(gate(world, true, { subject: 'sha256:another' }).verdict.kind, 'recorded')
  world.slices(2)
  assert.equal(phase(world), 'offline', 'a gate of another artifact is none')
  const failed = gate(world, false)
  assert.deepEqual([failed.verdict.kind, failed.verdict.rule, failed.phase], ['recorded', 'gate', 'offline'])
  assert.equal(failed.summary, `Recorded a failed gate of ${DIGEST} (recall fell) by ada: a drill`)
  assert.deepEqual(JSON.parse(failed.body), { passed: false, report: 'recall fell', rows: 9 })
  world.slices(3)
  const last = holds(world, 'gate').at(-1)!
  assert.match(last.summary, /the gate of sha256:9f86d0 failed \(recorded by ada 1970-.*\): recall fell/)
  assert.equal(holds(world, 'gate').length, 2)
  const passed = gate(world, true, { subject: DIGEST })
  assert.equal(passed.phase, 'offline')
  assert.equal(phase(world), 'shadow', 'what was waited for is there: it goes on at once')
  assert.deepEqual([world.commands.length, world.weight()], [0, 0])
})

test('gates are remembered by digest in every phase, for the next rollout too, and only so many; the last word about a digest counts', () => {
  const world = staged()
  gate(world, false)
  gate(world, true)
  for (let number = 0; number < 40; number++) gate(world, true, { subject: `sha256:${number}`, id: `n${number}` })
  const { gates } = world.state.ladder
  assert.equal(gates.length, 32)
  assert.deepEqual(
    [gates.filter(({ digest }) => digest === DIGEST).map(({ passed }) => passed), gates.at(-1)!.digest],
    [[true], 'sha256:39'],
  )
  const next = { ...world.model, versions: ['v2', 'v3'] }
  assert.deepEqual(renewedFor(world.state, next).ladder.gates, gates)
  world.slices(4)
  assert.equal(phase(world), 'shadow', 'recorded before the rollout began')
})

test('what is no gate is refused, and says why', () => {
  const world = staged({ artifacts: {} })
  world.slices(2)
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    '{"passed":"yes"}',
    '{"passed":true,"report":7}',
    `{"passed":true,"report":"${'x'.repeat(60_000)}"}`,
  ]) {
    const answer = ask(world, 'gate', { body, subject: DIGEST, id: `body ${body.slice(0, 40)}` })
    assert.deepEqual([answer.verdict.kind, answer.verdict.rule], ['refused', 'gate'], body.slice(0, 40))
  }
  assert.match(gate(world, true).summary, /it names no artifact, and the policy has none for v2/)
  assert.deepEqual(world.state.ladder.gates, [])
})

test('without a shadow a passed gate leads to the first rung', () => {
  const world = staged({ shadow: null })
  world.slices(4)
  gate(world, true)
  assert.deepEqual(world.moves(), ['start', 'promote'])
  assert.equal(
    world.decisions.find(({ verdict }) => verdict.kind === 'promote')!.summary,
    'Promoted v2 from 0 % to 25 %: its gate is passed',
  )
  assert.deepEqual([phase(world), world.commands.length, world.weight()], ['climbing', 1, 25])
})

test('a shadow waits for its own dwell, rows and proofs, whatever share is mirrored, and no alarm is raised about the split', () => {
  const world = staged({ offline: false }, { mirrored: 300 })
  world.slices(40)
  const begun = world.said('start')[0]!
  const first = world.said('promote')[0]!
  assert.ok(first.judgeTimeMs - begun.judgeTimeMs >= SHADOW.dwellMs)
  assert.deepEqual([holds(world, 'sample-ratio').length, world.said('not-effective').length], [0, 0])
  assert.ok(first.verdict.kind === 'promote' && first.verdict.proofs.every(({ holds: isProven }) => isProven))

  const few = staged({ offline: false, shadow: { ...SHADOW, minimumRows: 100_000 } })
  few.slices(40)
  assert.equal(phase(few), 'shadow')
  assert.match(holds(few, 'insufficient').at(-1)!.summary, /\d+ of 100000 candidate rows seen/)
  const none = staged({ offline: false }, { mirrored: 0 })
  none.slices(60)
  assert.deepEqual(
    [phase(none), none.commands.length, none.said('rollback').length],
    ['shadow', 0, 0],
    'a mirror that is off is no silence',
  )
})

test('harm in the shadow quarantines the candidate without a command, warns and pages nobody', () => {
  const world = staged({ offline: false }, { candidateErrors: 0.3 })
  world.slices(30)
  assert.deepEqual(world.moves(), ['start', 'rollback'])
  const rollback = world.said('rollback')[0]!
  assert.deepEqual([rollback.phase, rollback.stage, rollback.weightsAfter['v2'], world.commands.length], ['rolled-back', '', 0, 0])
  assert.equal(world.alerts.find(({ cause }) => cause === 'rollback:errors')!.severity, 'warning')
  restarted(world)
  world.slices(20)
  assert.deepEqual([phase(world), world.weight()], ['rolled-back', 0])
})

test('a throttle has nowhere to go in a shadow: the signal holds it there', () => {
  const world = staged({ offline: false }, { candidateErrors: 0.3 }, { guardrails: [guardrail({ action: 'throttle' })] })
  world.slices(40)
  assert.deepEqual([phase(world), holds(world, 'throttle-at-lowest').length, world.commands.length], ['shadow', 1, 0])
})

test('what was rolled back begins anew at the first stage, through every gate, and a mirrored answer is not taken for a routed one', () => {
  const world = staged()
  gate(world, true)
  world.slices(22)
  assert.equal(phase(world), 'climbing')
  ask(world, 'rollback')
  world.slices(1)
  assert.equal(world.commands.at(-1)!.weights['v2'], 0)
  const commands = world.commands.length
  assert.equal(ask(world, 'release').phase, 'offline')
  assert.deepEqual([phase(world), world.weight(), world.commands.length], ['shadow', 0, commands])
  world.slices(30)
  assert.deepEqual([world.said('not-effective').length, world.weight() > 0], [0, true])
})

test('a gate that is taken back during the shadow keeps the candidate from its first user', () => {
  const world = staged()
  gate(world, true)
  world.slices(4)
  assert.equal(phase(world), 'shadow')
  gate(world, false)
  world.slices(40)
  assert.deepEqual([phase(world), world.weight()], ['shadow', 0])
  assert.match(holds(world, 'gate').at(-1)!.summary, /failed .*: recall fell/)
  assert.equal(ask(world, 'promote').verdict.rule, 'gate')
  gate(world, true)
  assert.equal(world.weight(), 25)
})

test('every stage has its own dwell and its own rows', () => {
  const rung = (percent: number, dwellMs: number, minimumRows: number) => ({
    ...SHADOW,
    name: `${percent} %`,
    kind: 'weight' as const,
    percent,
    dwellMs,
    minimumRows,
  })
  const rungs = [rung(25, 100_000, 10), rung(50, 10_000, 1_000), rung(100, 0, 1)]
  const world = new World(modelLayout({ ladder: [25, 50, 100], guardrails: [guardrail({ promotes: false })], rollout: { rungs } }))
  world.slices(80)
  const [first, second] = world.said('promote')
  const observed = world.said('observed').map(({ judgeTimeMs }) => judgeTimeMs)
  assert.ok(first!.judgeTimeMs - observed[0]! >= 100_000)
  assert.ok(second!.judgeTimeMs - observed[1]! >= 10_000)
  assert.ok(second!.judgeTimeMs - observed[1]! < 100_000, 'the dwell of the first rung is not that of the second')
  assert.match(
    holds(world, 'insufficient')
      .map(({ summary }) => summary)
      .join('\n'),
    /of 1000 candidate rows seen/,
  )
})

test('harm under guard rolls back; a signal keeps the guard open, and an end without one promotes', () => {
  const harmful = staged({ offline: false, shadow: null, guardMs: 3_600_000 })
  untilGuard(harmful)
  // A trickle goes on to the previous version, and is what the candidate is compared with.
  harmful.traffic = { ...harmful.traffic, fixedShare: 0.9, candidateErrors: 0.4 }
  harmful.slices(30)
  assert.deepEqual([harmful.moves().at(-1), phase(harmful), harmful.weight()], ['rollback', 'rolled-back', 0])

  const signalled = staged({ offline: false, shadow: null }, {}, { guardrails: [guardrail({ class: 'signal', action: 'hold' })] })
  untilGuard(signalled)
  signalled.traffic = { ...signalled.traffic, fixedShare: 0.9, candidateErrors: 0.4 }
  signalled.slices(60)
  assert.equal(phase(signalled), 'guard')
  assert.ok(holds(signalled, 'signal').length > 0)
})

test('a throttle under guard takes a rung away, and its lift leads into the guard again', () => {
  const world = staged({ offline: false, shadow: null, guardMs: 3_600_000 }, {}, { guardrails: [guardrail({ action: 'throttle' })] })
  untilGuard(world)
  world.traffic = { ...world.traffic, fixedShare: 0.9, candidateErrors: 0.4 }
  for (let slice = 0; slice < 30 && phase(world) === 'guard'; slice++) world.slice()
  assert.deepEqual([phase(world), world.weight()], ['climbing', 25])
  world.traffic = { ...world.traffic, fixedShare: null, candidateErrors: 0.02 }
  world.slices(40)
  assert.deepEqual([world.moves().slice(-2), phase(world)], [['throttle', 'lift'], 'guard'])
})

test('a command found in force lands where the plan says: under guard at 100 %, rolled back at nothing, else on its rung', () => {
  const donor = staged({ offline: false, shadow: null })
  donor.slices(2)
  const command = donor.commands[0]!
  for (const [percent, expected] of [
    [100, 'guard'],
    [25, 'climbing'],
    [0, 'rolled-back'],
  ] as const) {
    const world = staged()
    world.slices(2)
    const found = { ...command, epoch: 90, sequence: 9, weights: { v1: 100 - percent, v2: percent } }
    world.send({ kind: 'taken-over', epoch: 91, adopted: found })
    assert.deepEqual([phase(world), world.weight()], [expected, percent])
  }
  const plain = new World(modelLayout())
  plain.send({ kind: 'taken-over', epoch: 91, adopted: { ...command, epoch: 90, weights: { v1: 0, v2: 100 } } })
  assert.equal(phase(plain), 'promoted')
})

// ── beginning ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

test('a plan that asks for a start begins when a person says so, and not before', () => {
  const world = staged({ start: 'request', offline: false })
  world.slices(10)
  assert.deepEqual([phase(world), holds(world, 'start-request').length], ['new', 1])
  assert.match(world.decisions[0]!.summary, /a person starts it: flyball rollout start flights/)
  ask(world, 'freeze')
  assert.equal(ask(world, 'start').verdict.rule, 'frozen')
  ask(world, 'hold')
  assert.equal(ask(world, 'start').verdict.rule, 'human')
  ask(world, 'unfreeze')
  ask(world, 'resume')
  restarted(world)
  const answer = ask(world, 'start')
  assert.deepEqual([answer.verdict.kind, answer.phase, answer.stage, world.commands.length], ['override', 'shadow', 'shadow', 0])
  assert.equal(answer.summary, 'Started v2 in its stage shadow, without exposure, by ada: a drill')
  assert.equal(ask(world, 'start').verdict.rule, 'begun')
  ask(world, 'rollback')
  assert.equal(ask(world, 'start').verdict.rule, 'quarantined')

  const plain = new World(modelLayout({ rollout: { start: 'request' } }))
  assert.equal(ask(plain, 'start').verdict.rule, 'catching-up', 'nothing has been read yet')
  plain.slices(3)
  assert.equal(ask(plain, 'start').summary, 'Started v2 at 5 %, by ada: a drill')
  assert.deepEqual([plain.commands.map(({ kind }) => kind), plain.weight()], [['override'], 5])
})

const DRIFT: SteadyGuardrail = {
  name: 'drift',
  kind: 'baseline-drift',
  class: 'signal',
  action: 'hold',
  counts: null,
  limit: 0,
  tolerance: 0.1,
  alpha: 0.01,
  runLength: 0,
  blocks: [],
  profile: '/nowhere',
  reference: null,
}

test('pre-flight: no gateway, no control, no outcomes, no baseline; the rollout waits with reasons and refuses a start with the same', () => {
  const rollout: Partial<RolloutPlan> = { preflight: ['gateways', 'control-warm', 'outcomes', 'baseline'] }
  const horizon = { horizonMs: 10_000, chain: 'outcome:10000', blocks: [] }
  const lacking = { ...modelLayout({ rollout, maxBlindMs: 50_000 }), horizons: [horizon] }
  const world = new World({ ...lacking, plan: { ...lacking.plan, steady: [DRIFT] } }, { gatewayObeys: false, controlArrives: 0 })
  world.slices(2)
  const told = holds(world, 'preflight')
  assert.equal(told.length, 1)
  const words = told[0]!.verdict.kind === 'hold' ? told[0]!.verdict.missing : []
  assert.deepEqual(
    words.map((each) => each.split(':')[0]),
    ['no gateway has made itself known', 'no predictions of the control v1 for 30 s', 'no profile is loaded for drift'],
  )
  const answer = ask(world, 'start')
  assert.deepEqual([answer.verdict.kind, answer.verdict.rule, answer.summary.includes(words.join('; '))], ['refused', 'preflight', true])
})

test('pre-flight passes, and the rollout begins by itself, once gateways, control and outcomes are there', () => {
  const rollout: Partial<RolloutPlan> = { preflight: ['gateways', 'control-warm', 'outcomes'] }
  const world = new World({ ...modelLayout({ rollout }), horizons: [{ horizonMs: 10_000, chain: 'outcome:10000', blocks: [] }] })
  world.slices(4)
  assert.deepEqual(world.moves(), ['start'])
})

test('outcomes that stopped longer ago than the horizon and the blindness the plan bears keep a rollout from beginning', () => {
  const rollout: Partial<RolloutPlan> = { preflight: ['outcomes'], start: 'request' }
  const world = new World({
    ...modelLayout({ rollout, maxBlindMs: 20_000 }),
    horizons: [{ horizonMs: 10_000, chain: 'outcome:10000', blocks: [] }],
  })
  const stopped: Partial<Pulse> = { outcomeClockMs: BEGIN_MS + SLICE_MS }
  const slice = () => {
    world.wallMs += SLICE_MS
    world.at[0] = { offset: 0, sequence: world.at[0]?.sequence ?? 0, clockMs: world.wallMs }
    world.pulse(0, 0, stopped)
    world.tick()
  }
  for (let count = 0; count < 5; count++) slice()
  assert.equal(ask(world.forked(1), 'start').verdict.kind, 'override')
  for (let count = 0; count < 5; count++) slice()
  assert.match(ask(world, 'start').summary, /no outcome for \d+ s: what the candidate does would be known of late, or never/)
})

test('a judge state of before there were stages goes on where it stands', () => {
  const world = new World(modelLayout({ ladder: [25, 100] }))
  world.slices(6)
  const { gates: _gates, ...ladder } = world.state.ladder
  const stored = { ...(JSON.parse(encodeJudge(world.state)) as object), ladder }
  const sources = Object.fromEntries(Object.entries(world.state.sources).map(([name, { outcomesMs: _new, ...old }]) => [name, old]))
  const later = staged()
  Object.assign(later, { time: world.time, wallMs: world.wallMs, gateway: structuredClone(world.gateway) })
  later.at.push(...structuredClone(world.at))
  later.state = decodeJudge(JSON.stringify({ ...stored, sources }), world.state.evidence, world.state.chains)
  assert.deepEqual([phase(later), later.state.ladder.gates], ['climbing', []])
  gate(later, true)
  later.slices(60)
  assert.deepEqual([later.moves(), phase(later)], [['promote', 'advance'], 'promoted'])
})

test('in mode observe the stages are walked in thought, and nothing is ever commanded', () => {
  const world = staged({}, { fixedShare: 0.3 }, { mode: 'observe' })
  gate(world, true)
  world.slices(60)
  assert.deepEqual([world.moves(), world.commands.length], [['start', 'advance', 'promote', 'promote', 'advance'], 0])
})
