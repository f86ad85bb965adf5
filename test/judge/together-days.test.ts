/** Random days in which everything meets: segments, cohorts, stages, people, thoughts, take-overs, and policies that change. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Command, OperatorRequest } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge } from '../../src/judge/state.ts'
import type { ModelLayout } from '../../src/policy/layout.ts'
import { segmentOf, segmentsProblem, weightsProblem } from '../../src/subscriber/route.ts'
import { REDUCTIONS } from './asked.ts'
import { REGIONS, SegmentWorld, segmentModel } from './segment-world.ts'
import { guardrail, type PlanChanges, requestOf, rolloutOf, SLICE_MS, type Written } from './world.ts'

const VERBS = [
  'rollback',
  'hold',
  'resume',
  'throttle',
  'promote',
  'abort',
  'freeze',
  'unfreeze',
  'release',
  'start',
  'approve',
  'quarantine',
] as const
const LOWERING: readonly string[] = ['rollback', 'throttle', 'step-down', 'isolate']
const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: SLICE_MS, minimumRows: 0, approval: false } as const
const SCOPES = ['__all__', ...REGIONS.map((region) => `region=${region}`), 'region=__other__']
const BASE: PlanChanges = { dwellMs: SLICE_MS, minimumRows: 1, calmAfterMs: SLICE_MS, maxBlindMs: 20_000, silentAfterMs: 10_000 }

function modelOf(ladder: readonly number[], cohorts: readonly string[], changes: PlanChanges = {}): ModelLayout {
  const harm = guardrail({ promotes: false, scopes: SCOPES })
  const slow = guardrail({ name: 'more', action: 'throttle', promotes: false })
  const plan = { ...BASE, ladder, guardrails: [harm, slow], ...changes }
  const rungs = rolloutOf(plan).rungs.map((rung, index) => ({ ...rung, cohort: cohorts[index] ?? '' }))
  return segmentModel({ ...plan, rollout: { rungs, ...changes.rollout } }, cohorts)
}

/** Every one of them with versions alike: the rollout goes on. */
const POLICIES: readonly ModelLayout[] = [
  modelOf([5, 25, 50, 100], []),
  modelOf([10, 10, 50, 100], ['region=eu']),
  modelOf([5, 25, 50, 100], ['region=eu', 'region=us'], { rollout: { shadow: SHADOW, guardMs: 2 * SLICE_MS } }),
  modelOf([40, 100], []),
  modelOf([1, 100], [], { mode: 'observe' }),
  modelOf([2, 3, 4, 5, 6, 100], ['region=asia'], { rollout: { isolate: '' } }),
]

type Action =
  | { readonly kind: 'ask'; readonly verb: OperatorRequest['verb']; readonly subject: string | null }
  | { readonly kind: 'slice'; readonly count: number }
  | { readonly kind: 'harm'; readonly region: string; readonly by: number }
  | { readonly kind: 'policy'; readonly index: number }
  | { readonly kind: 'quiet' | 'restart' }

const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...VERBS).map((verb): Action => ({ kind: 'ask', verb, subject: null })) },
  { weight: 1, arbitrary: fc.constantFrom('observe', 'enforce').map((subject): Action => ({ kind: 'ask', verb: 'mode', subject })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...REGIONS).map((region): Action => ({ kind: 'ask', verb: 'release', subject: `region=${region}` })),
  },
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 5 }).map((count): Action => ({ kind: 'slice', count })) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('harm' as const), region: fc.constantFrom(...REGIONS), by: fc.constantFrom(0, 0.5) }),
  },
  { weight: 2, arbitrary: fc.nat(POLICIES.length - 1).map((index): Action => ({ kind: 'policy', index })) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: 'quiet' }, { kind: 'restart' }) },
)

function exposureIn(region: string, weights: Written['weightsAfter'], segments: Written['segmentsAfter']): number {
  return (segmentOf(segments, { region })?.weights ?? weights)['v2'] ?? 0
}

/** A way down raises nobody, in whatever cohort. */
function raisesNobody(after: Command, before: Command, summary: string): void {
  for (const region of [...REGIONS, 'elsewhere']) {
    const [now, then] = [after, before].map(({ weights, segments }) => exposureIn(region, weights, segments)) as [number, number]
    assert.ok(now <= then, `${region} from ${then} % to ${now} %: ${summary}`)
  }
}

class Day {
  readonly world: SegmentWorld
  readonly kinds = new Set<string>()
  reductions = 0
  policies = 0
  #looked = 0

  constructor(policy: number, seed: number) {
    this.world = new SegmentWorld(POLICIES[policy]!, { requestsPerSlice: 90 }, seed)
  }

  do(one: Action): void {
    const { world } = this
    if (one.kind === 'ask') this.#ask(one.verb, one.subject)
    else if (one.kind === 'slice') world.slices(one.count)
    else if (one.kind === 'harm') world.traffic = { ...world.traffic, harm: { ...world.traffic.harm, [one.region]: one.by } }
    else if (one.kind === 'quiet') world.traffic = { ...world.traffic, requestsPerSlice: 90 - world.traffic.requestsPerSlice }
    else this.#begun(one.kind === 'policy' ? POLICIES[one.index]! : world.model)
    this.#look()
  }

  #begun(model: ModelLayout): void {
    const { world } = this
    this.policies++
    const { state } = world
    const before = state.ladder.weights['v2'] ?? 0
    world.state = decodeJudge(encodeJudge(state), decodeEvidence(encodeEvidence(state.evidence), model), state.chains)
    const digest = `policy ${POLICIES.indexOf(model)}`
    world.begin(model, digest, state.ladder.epoch + 1)
    assert.ok((world.state.ladder.weights['v2'] ?? 0) <= before, 'a policy alone raises nothing')
  }

  #ask(verb: OperatorRequest['verb'], subject: string | null): void {
    const { world } = this
    const id = `request-${world.decisions.length}`
    const before = world.commands.at(-1)
    world.send({ kind: 'request', request: requestOf(verb, { id, subject }) })
    const answers = world.decisions.filter(({ requestId }) => requestId === id)
    assert.equal(answers.length, 1)
    const [answer] = answers
    if (!REDUCTIONS.has(verb)) return
    this.reductions++
    assert.notEqual(answer!.verdict.kind, 'refused', answer!.summary)
    const command = world.commands.find(({ decisionId }) => decisionId === answer!.id)
    if (command === undefined || before === undefined || verb !== 'throttle') return
    raisesNobody(command, before, answer!.summary)
  }

  #look(): void {
    const { decisions, commands, model, state } = this.world
    for (const decision of decisions.slice(this.#looked)) {
      this.kinds.add(decision.verdict.kind)
      const index = commands.findIndex(({ decisionId }) => decisionId === decision.id)
      if (index > 0 && LOWERING.includes(decision.verdict.kind)) raisesNobody(commands[index]!, commands[index - 1]!, decision.summary)
      assert.equal(weightsProblem(decision.weightsAfter) + segmentsProblem(decision.segmentsAfter), '', decision.summary)
      if (decision.phase === 'rolled-back' || decision.phase === 'new' || decision.phase === 'shadow')
        for (const region of REGIONS) assert.equal(exposureIn(region, decision.weightsAfter, decision.segmentsAfter), 0, decision.summary)
    }
    this.#looked = decisions.length
    const { ladder } = state
    assert.ok(ladder.rung >= 0 && ladder.rung < model.plan.ladder.length, `rung ${ladder.rung}`)
    assert.ok(ladder.throttledRungs >= 0 && ladder.rung + ladder.throttledRungs < model.plan.ladder.length, 'lifts end with the ladder')
    const last = commands.at(-1)
    const inThought = ladder.people.observing !== null || model.plan.mode === 'observe'
    if (inThought || last === undefined || ladder.command === null) return
    for (const region of REGIONS) {
      const told = exposureIn(region, ladder.weights, decisions.at(-1)!.segmentsAfter)
      const held = exposureIn(region, last.weights, last.segments)
      assert.equal(told, held, `${region}: the ladder says ${told} %, gateways hold ${held} %`)
    }
  }

  atTheEnd(): void {
    for (const [index, { number }] of this.world.decisions.entries()) assert.equal(number, index + 1)
    for (const [index, { sequence }] of this.world.commands.entries()) assert.equal(sequence, index + 1)
  }
}

test('random days with segments, cohorts and changing policies: whole commands, no way down that raises anybody, gateways hold what the judge says', () => {
  let [reductions, policies] = [0, 0]
  const kinds = new Set<string>()
  const days = fc.tuple(fc.nat(POLICIES.length - 1), fc.nat(), fc.array(action, { minLength: 6, maxLength: 16 }))
  const run = ([policy, seed, actions]: readonly [number, number, readonly Action[]]): void => {
    const day = new Day(policy, seed + 1)
    for (const one of actions) day.do(one)
    day.atTheEnd()
    reductions += day.reductions
    policies += day.policies
    for (const kind of day.kinds) kinds.add(kind)
  }
  fc.assert(fc.property(days, run), { seed: 6, numRuns: 500 })
  for (const kind of [...LOWERING, 'promote', 'start', 'advance']) assert.ok(kinds.has(kind), `no ${kind} among ${[...kinds].join(', ')}`)
  assert.ok(reductions > 300 && policies > 300, `not idle: ${reductions} reductions, ${policies} policies`)
})
