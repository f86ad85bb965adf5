/** Thousands of random days of people who ask for things, against what was promised to all of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OperatorRequest } from '../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../src/judge/evidence/evidence.ts'
import { decodeJudge, encodeJudge, type JudgeState } from '../../src/judge/state.ts'
import { REDUCTIONS } from './asked.ts'
import { guardrail, modelLayout, requestOf, rolloutOf, SLICE_MS, World, type Written } from './world.ts'

type Verb = OperatorRequest['verb']

const VERBS: readonly Verb[] = [
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
  'gate',
  'approve',
  'approve',
  'quarantine',
  'mode',
  'key',
]
const LATE: ReadonlySet<string> = new Set(['expired', 'if-sequence'])

interface Asking {
  readonly verb: Verb
  readonly who: string
  readonly mode: string
  /** Few ids, so that some come twice. */
  readonly id: number
  readonly lastsSlices: number | null
  /** Of the command in force, of the one before it, or of whatever is there. */
  readonly ifSequence: 'none' | 'now' | 'before'
  readonly expired: boolean
  /** gate: what it says. */
  readonly passed: boolean
}
type Action = { readonly kind: 'ask'; readonly asking: Asking } | { readonly kind: 'slice' | 'tick' | 'take-over' | 'restart' }

const asking: fc.Arbitrary<Asking> = fc.record({
  verb: fc.constantFrom(...VERBS),
  who: fc.constantFrom('ada', 'bob'),
  mode: fc.constantFrom('observe', 'enforce'),
  id: fc.nat(40),
  lastsSlices: fc.option(fc.integer({ min: -1, max: 4 })),
  ifSequence: fc.constantFrom('none', 'none', 'none', 'now', 'before'),
  expired: fc.constant(false),
  passed: fc.boolean(),
})
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: asking.map((one): Action => ({ kind: 'ask', asking: one })) },
  { weight: 1, arbitrary: asking.map((one): Action => ({ kind: 'ask', asking: { ...one, expired: true } })) },
  { weight: 5, arbitrary: fc.constant<Action>({ kind: 'slice' }) },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: 'tick' }, { kind: 'take-over' }, { kind: 'restart' }) },
)

/** Without proofs and nearly without rows, so that exposure rises whenever it may. */
const PLAN = { dwellMs: SLICE_MS, minimumRows: 1, calmAfterMs: SLICE_MS, guardrails: [guardrail({ promotes: false })] }
const APPROVED_PERCENT = 25
const ARTIFACT = 'sha256:1'
const rungs = rolloutOf(PLAN).rungs.map((rung) => ({ ...rung, approval: rung.percent === APPROVED_PERCENT }))
const PEOPLE = { rungs, fourEyes: true, artifacts: { v2: ARTIFACT } }
const MODEL = modelLayout({ ...PLAN, rollout: PEOPLE })
const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: SLICE_MS, minimumRows: 1, approval: false } as const
const STAGED = { ...PEOPLE, offline: true, shadow: SHADOW, guardMs: 4 * SLICE_MS }
const TRAFFIC = { sources: 1, requestsPerSlice: 24, mirrored: 12 }

/** Worlds to begin in, made once. */
const LADDERS = [0, 2, 5, 30].map((slices) => {
  const world = new World(MODEL, TRAFFIC)
  world.slices(slices)
  return world
})

/** The same with stages: before it begins, offline, in the shadow, and on the way. */
const STAGES = [0, 3, 6, 12, 20].map((slices) => {
  const start = slices === 0 ? 'request' : 'automatic'
  const world = new World(modelLayout({ ...PLAN, rollout: { ...STAGED, start } }), TRAFFIC)
  world.slices(Math.min(slices, 3))
  if (slices > 3) world.send({ kind: 'request', request: requestOf('gate', { body: '{"passed":true}', id: 'before' }) })
  world.slices(slices - 3)
  return world
})
const BEGINNINGS = [...LADDERS, ...STAGES]

/** What must hold, kept by the requests and the clock alone and not by the judge's state. */
class Promises {
  readonly #world: World
  readonly #asked = new Map<string, OperatorRequest>()
  #frozenUntilMs = Number.NEGATIVE_INFINITY
  #heldUntilMs = Number.NEGATIVE_INFINITY
  #looked = 0
  #rolledBack: boolean
  /** What the last record of a gate said; null: none. */
  #passed: boolean | null
  /** By a person: only a release ends it. */
  #quarantined = false
  #requester = ''
  #observing = false
  #written = 0
  raised = 0
  approvals = 0

  constructor(world: World) {
    this.#world = world
    this.#rolledBack = world.state.ladder.phase === 'rolled-back'
    this.#passed = world.state.ladder.gates[0]?.passed ?? null
    this.#written = world.commands.length + world.republished.length
  }

  ask({ verb, who, mode, id, lastsSlices, ifSequence, expired, passed }: Asking): void {
    const { sequence } = this.#world.state.ladder
    const { wallMs } = this.#world
    const request = requestOf(verb, {
      id: `r${id}`,
      who,
      subject: verb === 'mode' ? mode : null,
      untilMs: lastsSlices === null ? null : wallMs + lastsSlices * SLICE_MS,
      ifSequence: ifSequence === 'none' ? null : ifSequence === 'now' ? sequence : sequence - 1,
      expiresAtMs: expired ? wallMs - 1 : null,
      ...(verb === 'gate' ? { subject: ARTIFACT, body: JSON.stringify({ passed }) } : {}),
    })
    if (!this.#asked.has(request.id)) this.#asked.set(request.id, request)
    this.#world.send({ kind: 'request', request })
  }

  look(): void {
    for (const decision of this.#world.decisions.slice(this.#looked)) this.#hold(decision)
    this.#looked = this.#world.decisions.length
    const written = this.#world.commands.length + this.#world.republished.length
    const observing = this.#world.state.ladder.people.observing !== null
    // Whoever ends it is obeyed at once: what was only thought of is commanded then.
    if (this.#observing && observing) assert.equal(written, this.#written, 'mode observe never writes a command')
    this.#written = written
    this.#observing = observing
  }

  #hold(decision: Written): void {
    const request = decision.requestId === null ? undefined : this.#asked.get(decision.requestId)
    const { kind, rule } = decision.verdict
    const isDone = kind === 'override' || (kind === 'recorded' && request !== undefined)
    if (isDone) this.#note(request, decision)
    if (kind === 'recorded' && rule === 'gate') this.#passed = (JSON.parse(decision.body) as { passed: boolean }).passed
    const rises = (decision.weightsAfter['v2'] ?? 0) > (decision.weightsBefore['v2'] ?? 0)
    const { wallMs } = this.#world
    if (rises) {
      this.raised++
      assert.ok(wallMs >= this.#frozenUntilMs, `raised under a freeze: ${decision.summary}`)
      assert.ok(wallMs >= this.#heldUntilMs, `raised under a hold: ${decision.summary}`)
      const { offline } = this.#world.model.plan.rollout
      assert.ok(!offline || this.#passed === true, `raised without a gate: ${decision.summary}`)
      assert.ok(!this.#rolledBack || request?.verb === 'resume' || request?.verb === 'release', `raised in quarantine: ${decision.summary}`)
      assert.ok(!this.#quarantined, `raised what a person has quarantined: ${decision.summary}`)
      if (decision.weightsBefore['v2'] === APPROVED_PERCENT) this.#approved(decision, request)
    }
    if (request !== undefined && !isDone && REDUCTIONS.has(request.verb)) assert.ok(LATE.has(decision.verdict.rule), decision.summary)
    if (decision.phase === 'offline' || decision.phase === 'shadow') assert.equal(decision.weightsAfter['v2'], 0, decision.summary)
    this.#rolledBack = decision.phase === 'rolled-back'
  }

  /** Out of a stage that asks for it: agreed to, and not by whoever asked for the rollout. */
  #approved({ approvals, summary }: Written, request: OperatorRequest | undefined): void {
    this.approvals++
    if (request?.verb === 'promote')
      assert.ok(
        approvals.some(({ who }) => who !== request.who),
        `approved and promoted by one person: ${summary}`,
      )
    assert.ok(approvals.length > 0, `raised without the approval asked for: ${summary}`)
    assert.ok(
      approvals.every(({ who, stage }) => who !== this.#requester && stage === `${APPROVED_PERCENT} %`),
      summary,
    )
  }

  #note(request: OperatorRequest | undefined, { phase }: Written): void {
    if (request?.verb === 'quarantine') this.#quarantined = true
    if (request?.verb === 'release') this.#quarantined = false
    const beginsAnew = this.#rolledBack && phase !== 'rolled-back'
    if (request !== undefined && (request.verb === 'start' || beginsAnew)) this.#requester = request.who
    if (request?.verb === 'freeze') this.#frozenUntilMs = request.untilMs ?? Number.POSITIVE_INFINITY
    if (request?.verb === 'unfreeze') this.#frozenUntilMs = Number.NEGATIVE_INFINITY
    if (request?.verb === 'hold') this.#heldUntilMs = request.untilMs ?? Number.POSITIVE_INFINITY
    if (request?.verb === 'resume') this.#heldUntilMs = Number.NEGATIVE_INFINITY
  }

  atTheEnd(numberBefore: number, sequenceBefore: number): void {
    const { decisions, commands } = this.#world
    const answered = decisions.flatMap((decision) => (decision.requestId === null ? [] : [decision.requestId]))
    assert.deepEqual(answered.sort(), [...this.#asked.keys()].sort(), 'every request is answered once')
    const following = (first: number) => (_: unknown, index: number) => first + index + 1
    assert.deepEqual(
      decisions.map((decision) => decision.number),
      decisions.map(following(numberBefore)),
    )
    assert.deepEqual(
      commands.map((command) => command.sequence),
      commands.map(following(sequenceBefore)),
    )
  }
}

/** As by a process that died and the one after it. */
function storedAndRead({ state, model }: World): JudgeState {
  return decodeJudge(encodeJudge(state), decodeEvidence(encodeEvidence(state.evidence), model), state.chains)
}

test('10,000 random sequences: nothing rises under a freeze, a hold, in quarantine or without the approval asked for, observe commands nothing, reductions pass, each request is answered once, no gap', () => {
  let raised = 0
  let refused = 0
  let approvals = 0
  const days = fc.tuple(fc.nat(BEGINNINGS.length - 1), fc.nat(), fc.array(action, { minLength: 4, maxLength: 14 }))
  const day = ([beginning, seed, actions]: readonly [number, number, readonly Action[]]): void => {
    const world = BEGINNINGS[beginning]!.forked(seed + 1)
    const { decisionNumber, sequence, epoch } = world.state.ladder
    const promises = new Promises(world)
    for (const [index, one] of actions.entries()) {
      if (one.kind === 'ask') promises.ask(one.asking)
      else if (one.kind === 'slice') world.slice()
      else if (one.kind === 'tick') world.tick()
      else if (one.kind === 'restart') world.state = storedAndRead(world)
      else world.send({ kind: 'taken-over', epoch: epoch + index + 1, adopted: world.state.ladder.command })
      promises.look()
    }
    promises.atTheEnd(decisionNumber, sequence)
    raised += promises.raised
    approvals += promises.approvals
    refused += world.said('refused').length
  }
  fc.assert(fc.property(days, day), { seed: 6, numRuns: 10_000 })
  assert.ok(raised > 1_500 && refused > 5_000 && approvals > 100, `not idle: ${raised} rises, ${refused} refusals, ${approvals} approved`)
})
