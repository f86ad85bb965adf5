/** Thousands of random days of people who ask for things, against what was promised to all of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { OperatorRequest } from '../../src/domain.ts'
import { guardrail, modelLayout, requestOf, SLICE_MS, World, type Written } from './world.ts'

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
]
const REDUCTIONS: ReadonlySet<Verb> = new Set(['rollback', 'throttle', 'abort', 'hold', 'freeze'])
const LATE: ReadonlySet<string> = new Set(['expired', 'if-sequence'])

interface Asking {
  readonly verb: Verb
  /** Few ids, so that some come twice. */
  readonly id: number
  readonly lastsSlices: number | null
  /** Of the command in force, of the one before it, or of whatever is there. */
  readonly ifSequence: 'none' | 'now' | 'before'
  readonly expired: boolean
  /** gate: what it says. */
  readonly passed: boolean
}
type Action = { readonly kind: 'ask'; readonly asking: Asking } | { readonly kind: 'slice' | 'tick' | 'take-over' }

const asking: fc.Arbitrary<Asking> = fc.record({
  verb: fc.constantFrom(...VERBS),
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
  { weight: 1, arbitrary: fc.constantFrom<Action>({ kind: 'tick' }, { kind: 'take-over' }) },
)

/** Without proofs and nearly without rows, so that exposure rises whenever it may. */
const MODEL = modelLayout({ dwellMs: SLICE_MS, minimumRows: 1, calmAfterMs: SLICE_MS, guardrails: [guardrail({ promotes: false })] })
const SHADOW = { name: 'shadow', kind: 'shadow', percent: 0, cohort: '', dwellMs: SLICE_MS, minimumRows: 1, approval: false } as const
const STAGED = { offline: true, shadow: SHADOW, guardMs: 4 * SLICE_MS, artifacts: { v2: 'sha256:1' } }
const TRAFFIC = { sources: 1, requestsPerSlice: 24, mirrored: 12 }

/** Worlds to begin in, made once. */
const LADDERS = [0, 2, 5, 30].map((slices) => {
  const world = new World(MODEL, TRAFFIC)
  world.slices(slices)
  return world
})

/** The same with stages: before it begins, offline, in the shadow, and on the way. */
const STAGES = [0, 3, 6, 12, 20].map((slices) => {
  const quick = { dwellMs: SLICE_MS, minimumRows: 1, calmAfterMs: SLICE_MS, guardrails: [guardrail({ promotes: false })] }
  const start = slices === 0 ? 'request' : 'automatic'
  const world = new World(modelLayout({ ...quick, rollout: { ...STAGED, start } }), TRAFFIC)
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
  raised = 0

  constructor(world: World) {
    this.#world = world
    this.#rolledBack = world.state.ladder.phase === 'rolled-back'
    this.#passed = world.state.ladder.gates[0]?.passed ?? null
  }

  ask({ verb, id, lastsSlices, ifSequence, expired, passed }: Asking): void {
    const { sequence } = this.#world.state.ladder
    const { wallMs } = this.#world
    const request = requestOf(verb, {
      id: `r${id}`,
      untilMs: lastsSlices === null ? null : wallMs + lastsSlices * SLICE_MS,
      ifSequence: ifSequence === 'none' ? null : ifSequence === 'now' ? sequence : sequence - 1,
      expiresAtMs: expired ? wallMs - 1 : null,
      ...(verb === 'gate' ? { subject: 'sha256:1', body: JSON.stringify({ passed }) } : {}),
    })
    if (!this.#asked.has(request.id)) this.#asked.set(request.id, request)
    this.#world.send({ kind: 'request', request })
  }

  look(): void {
    for (const decision of this.#world.decisions.slice(this.#looked)) this.#hold(decision)
    this.#looked = this.#world.decisions.length
  }

  #hold(decision: Written): void {
    const request = decision.requestId === null ? undefined : this.#asked.get(decision.requestId)
    const isDone = decision.verdict.kind === 'override'
    if (isDone) this.#note(request)
    if (decision.verdict.kind === 'recorded') this.#passed = (JSON.parse(decision.body) as { passed: boolean }).passed
    const rises = (decision.weightsAfter['v2'] ?? 0) > (decision.weightsBefore['v2'] ?? 0)
    const { wallMs } = this.#world
    if (rises) {
      this.raised++
      assert.ok(wallMs >= this.#frozenUntilMs, `raised under a freeze: ${decision.summary}`)
      assert.ok(wallMs >= this.#heldUntilMs, `raised under a hold: ${decision.summary}`)
      const { offline } = this.#world.model.plan.rollout
      const isFirst = (decision.weightsBefore['v2'] ?? 0) === 0
      assert.ok(!offline || !isFirst || this.#passed === true, `exposed without a gate: ${decision.summary}`)
      assert.ok(!this.#rolledBack || request?.verb === 'resume' || request?.verb === 'release', `raised in quarantine: ${decision.summary}`)
    }
    if (request !== undefined && !isDone && REDUCTIONS.has(request.verb)) assert.ok(LATE.has(decision.verdict.rule), decision.summary)
    if (decision.phase === 'offline' || decision.phase === 'shadow') assert.equal(decision.weightsAfter['v2'], 0, decision.summary)
    this.#rolledBack = decision.phase === 'rolled-back'
  }

  #note(request: OperatorRequest | undefined): void {
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

test('2,000 random sequences: nothing rises under a freeze, a hold or in quarantine, reductions pass, each request is answered once, no gap', () => {
  let raised = 0
  let refused = 0
  const days = fc.tuple(fc.nat(BEGINNINGS.length - 1), fc.nat(), fc.array(action, { minLength: 4, maxLength: 14 }))
  const day = ([beginning, seed, actions]: readonly [number, number, readonly Action[]]): void => {
    const world = BEGINNINGS[beginning]!.forked(seed + 1)
    const { decisionNumber, sequence, epoch } = world.state.ladder
    const promises = new Promises(world)
    for (const [index, one] of actions.entries()) {
      if (one.kind === 'ask') promises.ask(one.asking)
      else if (one.kind === 'slice') world.slice()
      else if (one.kind === 'tick') world.tick()
      else world.send({ kind: 'taken-over', epoch: epoch + index + 1, adopted: world.state.ladder.command })
      promises.look()
    }
    promises.atTheEnd(decisionNumber, sequence)
    raised += promises.raised
    refused += world.said('refused').length
  }
  fc.assert(fc.property(days, day), { seed: 6, numRuns: 2_000 })
  assert.ok(raised > 300 && refused > 1_000, `the days are not idle: ${raised} rises, ${refused} refusals`)
})
