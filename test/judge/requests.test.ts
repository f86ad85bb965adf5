/** What people may ask of the judge, what they get, and what nobody gets: exposure that rises under a freeze, a hold or a quarantine. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OperatorRequest, RolloutPhase } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import { guardrail, modelLayout, requestOf, rolloutOf, SLICE_MS, World, type Written } from './world.ts'

type Verb = OperatorRequest['verb']

/** Asks, and gives the one answer. */
function ask(world: World, verb: Verb, changes: Partial<OperatorRequest> = {}): Written {
  const id = changes.id ?? `${verb}-${world.decisions.length}`
  world.send({ kind: 'request', request: requestOf(verb, { ...changes, id }) })
  const answers = world.decisions.filter((decision) => decision.requestId === id)
  assert.equal(answers.length, 1, `${verb} is answered once`)
  return answers[0]!
}

function phase(world: World): RolloutPhase {
  return world.state.ladder.phase
}

/** A world in which nothing rises by itself: the dwell is longer than any test. Nothing else is far away. */
const WAITING = { dwellMs: 3_600_000, minimumRows: 50, guardrails: [guardrail({ promotes: false })] }
const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: 3_600_000, minimumRows: 50, approval: false } as const

const PHASES: Readonly<Record<RolloutPhase, () => World>> = {
  new: () => {
    const world = new World(modelLayout(WAITING), { lagRecords: 100_000 })
    world.slices(2)
    return world
  },
  climbing: () => {
    const world = new World(modelLayout(WAITING))
    world.slices(8)
    ask(world, 'promote')
    world.slices(3)
    return world
  },
  offline: () => {
    const world = new World(modelLayout({ ...WAITING, rollout: { offline: true, shadow: SHADOW, artifacts: { v2: 'sha256:1' } } }))
    world.slices(4)
    return world
  },
  shadow: () => {
    const world = new World(modelLayout({ ...WAITING, rollout: { shadow: SHADOW } }), { mirrored: 100 })
    world.slices(8)
    return world
  },
  guard: () => {
    const world = new World(modelLayout({ ladder: [50, 100], rollout: { guardMs: 3_600_000 } }))
    world.slices(40)
    return world
  },
  promoted: () => {
    const world = new World(modelLayout({ ladder: [50, 100] }))
    world.slices(40)
    return world
  },
  'rolled-back': () => {
    const world = new World(modelLayout(WAITING))
    world.slices(4)
    ask(world, 'rollback')
    world.slices(2)
    return world
  },
}

const RESTRAINTS = {
  free: () => undefined,
  frozen: (world: World) => void ask(world, 'freeze'),
  held: (world: World) => void ask(world, 'hold'),
  'frozen and held': (world: World) => {
    ask(world, 'freeze')
    ask(world, 'hold')
  },
} as const
type Restrained = keyof typeof RESTRAINTS

const REDUCTIONS = ['rollback', 'throttle', 'abort', 'hold', 'freeze'] as const

/** What each verb that may raise exposure comes to; every place that is not named is a refusal by this rule. */
const everywhere = (rule: string) => ({ free: rule, frozen: rule, held: rule, 'frozen and held': rule })

const RAISES: Readonly<
  Record<'promote' | 'release' | 'resume' | 'start', Readonly<Record<RolloutPhase, Readonly<Record<Restrained, string>>>>>
> = {
  promote: {
    new: { free: 'not-started', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
    climbing: { free: 'done', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
    offline: { free: 'gate', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
    shadow: { free: 'done', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
    guard: everywhere('highest-rung'),
    promoted: everywhere('highest-rung'),
    'rolled-back': everywhere('quarantined'),
  },
  release: {
    new: everywhere('not-quarantined'),
    offline: everywhere('not-quarantined'),
    shadow: everywhere('not-quarantined'),
    climbing: everywhere('not-quarantined'),
    guard: everywhere('not-quarantined'),
    promoted: everywhere('not-quarantined'),
    'rolled-back': { free: 'done', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
  },
  resume: {
    new: everywhere('done'),
    offline: everywhere('done'),
    shadow: everywhere('done'),
    climbing: everywhere('done'),
    guard: everywhere('done'),
    promoted: everywhere('done'),
    // Resuming ends a hold, and a freeze is another's word.
    'rolled-back': { free: 'done', frozen: 'frozen', held: 'done', 'frozen and held': 'frozen' },
  },
  start: {
    new: { free: 'catching-up', frozen: 'frozen', held: 'human', 'frozen and held': 'human' },
    offline: everywhere('begun'),
    shadow: everywhere('begun'),
    climbing: everywhere('begun'),
    guard: everywhere('begun'),
    promoted: everywhere('begun'),
    'rolled-back': everywhere('quarantined'),
  },
}

for (const [name, make] of Object.entries(PHASES) as [RolloutPhase, () => World][]) {
  const begun = make()
  const prepared = (restrained: Restrained): World => {
    const world = begun.forked(1)
    assert.equal(phase(world), name)
    RESTRAINTS[restrained](world)
    return world
  }

  for (const restrained of Object.keys(RESTRAINTS) as Restrained[]) {
    test(`${name}, ${restrained}: what reduces exposure is done, or there was nothing to reduce; never refused, and never raises`, () => {
      for (const verb of REDUCTIONS) {
        const world = prepared(restrained)
        const before = world.weight()
        const commands = world.commands.length
        const answer = ask(world, verb)
        assert.equal(answer.verdict.kind, 'override', `${verb}: ${answer.summary}`)
        if (name === 'offline' || name === 'shadow')
          assert.equal(world.commands.length, commands, 'nobody is exposed: nothing is commanded')
        assert.ok((answer.weightsAfter['v2'] ?? 0) <= before)
        if (verb === 'rollback' || verb === 'abort') assert.equal(world.weight(), 0)
        if (verb === 'throttle' && before > 5) assert.ok(world.weight() < before)
      }
    })

    test(`${name}, ${restrained}: what raises exposure obeys freeze, hold and quarantine, and says which`, () => {
      for (const verb of ['promote', 'release', 'resume', 'start'] as const) {
        const world = prepared(restrained)
        const before = world.weight()
        const answer = ask(world, verb)
        const expected = RAISES[verb][name][restrained]
        assert.equal(answer.verdict.kind === 'refused' ? answer.verdict.rule : 'done', expected, answer.summary)
        if (expected !== 'done') assert.equal(world.weight(), before)
        if (answer.verdict.kind === 'refused') assert.match(answer.summary, new RegExp(`^Refused to ${verb} v2: .+ by ada: a drill$`))
      }
    })
  }
}

test('a person promotes one rung without the dwell; the next one waits until that is in force', () => {
  const world = new World(modelLayout(WAITING))
  world.slices(8)
  assert.match(ask(world, 'promote').summary, /^Promoted v2 from 5 % to 25 % without waiting for the dwell by ada: a drill$/)
  assert.deepEqual([world.commands.at(-1)!.kind, world.commands.at(-1)!.weights['v2']], ['override', 25])
  const early = ask(world, 'promote')
  assert.equal(early.verdict.kind, 'refused')
  assert.equal(early.verdict.rule, 'not-in-force')
  world.slices(3)
  assert.equal(ask(world, 'promote').weightsAfter['v2'], 50)
})

test('a promotion asked for without rows and proofs is refused, and says what is missing', () => {
  const world = new World(modelLayout({ ...WAITING, minimumRows: 1_000_000, guardrails: [guardrail()] }))
  world.slices(8)
  const answer = ask(world, 'promote')
  assert.equal(answer.verdict.rule, 'insufficient')
  assert.match(answer.summary, /\d+ of 1000000 candidate rows seen; errors needs about/)
  assert.doesNotMatch(answer.summary, /dwell/)
})

test('a promotion is refused while a guardrail speaks, while inputs are blind and while a throttle is under way', () => {
  const speaking = new World(modelLayout({ ...WAITING, guardrails: [guardrail({ class: 'signal', action: 'hold' })] }), {
    candidateErrors: 0.3,
  })
  speaking.slices(20)
  assert.equal(ask(speaking, 'promote').verdict.rule, 'signal')
  const blind = new World(modelLayout({ ...WAITING, silentAfterMs: 10_000 }), { sources: 2 })
  blind.slices(8)
  blind.traffic = { ...blind.traffic, stuck: [1] }
  blind.slices(6)
  assert.equal(ask(blind, 'promote').verdict.rule, 'blind')
})

test('what a person throttled is earned again and not lifted by itself', () => {
  const world = PHASES.climbing()
  assert.equal(world.weight(), 25)
  assert.match(ask(world, 'throttle').summary, /^Throttled v2 from 25 % to 5 % by ada/)
  world.slices(40)
  assert.deepEqual([world.weight(), world.said('lift').length], [5, 0])
  assert.match(ask(world, 'throttle').summary, /^Nothing to throttle, v2 is on its lowest rung, 5 %: asked by ada/)
  assert.equal(world.weight(), 5)
})

test('a frozen model is not raised by any rule until it is unfrozen, and harm still takes it back', () => {
  const world = new World(modelLayout())
  world.slices(4)
  ask(world, 'freeze', { who: 'ada', knownBy: 'osUser', reason: 'quarter end' })
  world.slices(40)
  assert.equal(world.weight(), 5)
  assert.deepEqual(world.said('hold').filter(({ verdict }) => verdict.rule === 'frozen').length, 0, 'the freeze itself is the record')
  assert.deepEqual(world.decisions.at(-1)!.restraints, [{ kind: 'freeze', who: 'ada (OS user)', reason: 'quarter end', untilMs: null }])
  assert.match(ask(world, 'promote').summary, /frozen by ada \(OS user\): quarter end\. Asked by ada: a drill$/)
  ask(world, 'unfreeze')
  world.slices(6)
  assert.ok(world.weight() > 5)
  ask(world, 'freeze', { id: 'again' })
  world.traffic = { ...world.traffic, candidateErrors: 0.4 }
  world.slices(30)
  assert.equal(world.moves().at(-1), 'rollback')
})

test('a freeze or a hold with an end is over by itself, and that is written down', () => {
  for (const [verb, what] of [
    ['freeze', 'freeze'],
    ['hold', 'hold'],
  ] as const) {
    const world = new World(modelLayout())
    world.slices(3)
    ask(world, verb, { untilMs: world.wallMs + 10 * SLICE_MS })
    world.slices(9)
    assert.equal(world.weight(), 5, 'as long as it lasts')
    world.slices(40)
    assert.equal(world.weight(), 100)
    const over = world.decisions.filter(({ verdict }) => verdict.kind === 'override' && verdict.rule === 'until')
    assert.equal(over.length, 1)
    assert.match(over[0]!.summary, new RegExp(`^The ${what} of flights is over: it was asked for until 20\\d\\d-.* by ada: a drill$`))
    assert.deepEqual([over[0]!.requestId, over[0]!.restraints], [null, []])
  }
})

test('a freeze outlives a restart, and the next rollout of the model; a judge state of before knows none', () => {
  const world = PHASES.climbing()
  ask(world, 'freeze')
  const evidence = decodeEvidence(encodeEvidence(world.state.evidence), world.model)
  const again = decodeJudge(encodeJudge(world.state), evidence, world.state.chains)
  assert.deepEqual(again.ladder, world.state.ladder)
  world.state = again
  world.send({ kind: 'taken-over', epoch: 9, adopted: world.commands.at(-1)! })
  world.slices(3)
  assert.equal(ask(world, 'promote').verdict.rule, 'frozen')

  const { frozen: _frozen, aborted: _aborted, commandNumber: _number, ...old } = PHASES.climbing().state.ladder
  const before = new World(modelLayout())
  before.slices(3)
  const stored = JSON.parse(encodeJudge(before.state)) as object
  const text = JSON.stringify({ ...stored, ladder: { ...old, humanHold: { who: 'ada', reason: 'of before' } } })
  before.state = decodeJudge(text, before.state.evidence, before.state.chains)
  assert.deepEqual(ask(before, 'freeze').restraints, [
    { kind: 'hold', who: 'ada', reason: 'of before', untilMs: null },
    { kind: 'freeze', who: 'ada', reason: 'a drill', untilMs: null },
  ])
})

test('an aborted rollout is over and not quarantined: it is not released, and a person may resume it', () => {
  const world = PHASES.climbing()
  const answer = ask(world, 'abort', { reason: 'another plan' })
  assert.match(answer.summary, /^Aborted the rollout of v2 by ada: another plan$/)
  assert.deepEqual([answer.phase, world.weight(), world.commands.at(-1)!.weights['v2']], ['rolled-back', 0, 0])
  world.slices(5)
  assert.equal(world.weight(), 0)
  const release = ask(world, 'release')
  assert.equal(release.verdict.rule, 'not-quarantined')
  assert.equal(ask(world, 'promote').verdict.rule, 'aborted')
  assert.equal(ask(world, 'resume').weightsAfter['v2'], 5)
  ask(world, 'abort', { id: 'second' })
  ask(world, 'rollback', { id: 'third' })
  assert.equal(ask(world, 'promote', { id: 'fourth' }).verdict.rule, 'quarantined', 'a rollback after an abort quarantines')
})

test('an abort of what is quarantined leaves it quarantined', () => {
  const world = PHASES['rolled-back']()
  assert.match(ask(world, 'abort').summary, /^Nothing to abort/)
  assert.deepEqual(world.decisions.at(-1)!.restraints, [])
  assert.equal(ask(world, 'release').weightsAfter['v2'], 5)
})

test('the same request twice has one effect and one answer, refused or done', () => {
  const world = PHASES.climbing()
  for (const verb of ['promote', 'throttle', 'freeze', 'release'] as const) {
    ask(world, verb, { id: verb })
    const { decisionNumber, sequence } = world.state.ladder
    ask(world, verb, { id: verb, reason: 'sent again' })
    ask(world, 'rollback', { id: verb })
    assert.deepEqual([world.state.ladder.decisionNumber, world.state.ladder.sequence], [decisionNumber, sequence])
  }
})

test('a request made of another command than the one in force is refused, reductions too, and says what is in force since when', () => {
  const world = PHASES.climbing()
  const { sequence } = world.state.ladder
  const issued = world.decisions.find((decision) => decision.id === world.commands.at(-1)!.decisionId)!
  for (const verb of [...REDUCTIONS, 'promote', 'resume'] as const) {
    const answer = ask(world, verb, { id: `stale ${verb}`, ifSequence: sequence - 1 })
    assert.deepEqual([answer.verdict.kind, answer.verdict.rule], ['refused', 'if-sequence'])
    const changed = `it was asked of command ${sequence - 1}, and ${sequence} is in force \\(override, rule operator, v2 at 25 %\\) since decision #${issued.number}`
    assert.match(answer.summary, new RegExp(changed))
  }
  assert.equal(ask(world, 'rollback', { ifSequence: sequence }).verdict.kind, 'override')
  const none = ask(PHASES.new(), 'hold', { ifSequence: 3 })
  assert.match(none.summary, /it was asked of command 3, and none is in force/)
})

test('a request that has expired is refused by the wall clock, and so is a freeze that would be over at once', () => {
  const world = PHASES.climbing()
  const late = ask(world, 'rollback', { expiresAtMs: world.wallMs - 1 })
  assert.deepEqual([late.verdict.kind, late.verdict.rule], ['refused', 'expired'])
  assert.match(late.summary, /it expired at 20\d\d-/)
  assert.equal(ask(world, 'freeze', { untilMs: world.wallMs }).verdict.rule, 'expired')
  assert.deepEqual(world.decisions.at(-1)!.restraints, [])
  assert.equal(ask(world, 'rollback', { expiresAtMs: world.wallMs, id: 'in time' }).verdict.kind, 'override')
})

test('times that no calendar has stop nobody', () => {
  const world = PHASES.climbing()
  const far = 2 ** 53 - 1
  assert.equal(ask(world, 'freeze', { untilMs: far }).verdict.kind, 'override')
  assert.equal(ask(world, 'promote').verdict.rule, 'frozen')
  assert.equal(ask(world, 'hold', { expiresAtMs: -far }).verdict.rule, 'expired')
  world.slices(3)
})

test('in mode observe a request moves the ladder in thought: no command, and words that claim no deed', () => {
  const world = new World(modelLayout({ ...WAITING, mode: 'observe' }), { fixedShare: 0.25 })
  world.slices(8)
  assert.match(ask(world, 'promote').summary, /^Would promote v2 from 5 % to 25 %/)
  assert.match(ask(world, 'throttle').summary, /^Would throttle v2 from 25 % to 5 %/)
  assert.match(ask(world, 'rollback').summary, /^Would roll back v2/)
  assert.deepEqual([world.weight(), world.commands.length, world.state.ladder.sequence], [0, 0, 0])
})

test('a refusal ends no incident', () => {
  const world = new World(modelLayout(), { candidateErrors: 0.3 })
  world.slices(20)
  const firing = Object.keys(world.state.ladder.open)
  assert.ok(firing.length > 0)
  ask(world, 'promote')
  assert.deepEqual(Object.keys(world.state.ladder.open), firing)
})

test('a refusal says what was asked for as a sentence would, and not by the word of the command line', () => {
  const world = new World(modelLayout({ mode: 'observe' }))
  world.slices(2)
  const late = { expiresAtMs: world.wallMs - 1 }
  const cases: readonly (readonly [OperatorRequest['verb'], Partial<OperatorRequest>, string])[] = [
    ['rollback', late, 'roll back v2'],
    ['throttle', late, 'throttle v2'],
    ['freeze', late, 'freeze flights'],
    ['unfreeze', late, 'unfreeze flights'],
    ['quarantine', { ...late, subject: 'sha256:1' }, 'quarantine sha256:1'],
    ['release', { subject: 'region=eu' }, 'release region=eu'],
    ['release', { subject: 'sha256:1' }, 'release sha256:1'],
    ['mode', { subject: 'enforce' }, 'set the mode of flights'],
    ['gate', { subject: 'not a digest', body: '{"passed":true}' }, 'record a gate of not a digest'],
    ['drill', {}, 'record a drill of flights'],
    ['key', late, 'record a change of a key'],
  ]
  for (const [verb, changes, words] of cases) {
    const answer = ask(world, verb, { ...changes, id: words })
    assert.equal(answer.verdict.kind, 'refused', words)
    assert.ok(answer.summary.startsWith(`Refused to ${words}: `), answer.summary)
  }
})

test('a rollout that begins in a cohort says whose percent it is', () => {
  const rungs = rolloutOf({}).rungs.map((rung, index) => (index === 0 ? { ...rung, cohort: 'region=eu' } : rung))
  const world = new World(modelLayout({ rollout: { start: 'request', rungs } }))
  world.slices(3)
  assert.equal(ask(world, 'start').summary, 'Started v2 at 5 % of region=eu, by ada: a drill')
})
