/** Data quality, pairs, values and calibration: each kind from its slots to the sentence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockCounts, Pane, PaneCell } from '../../../src/domain.ts'
import {
  causeOf,
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  harms,
  observePane,
  proofs,
  readings,
} from '../../../src/judge/evidence/evidence.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE, type Block, type Guardrail, type ModelLayout } from '../../../src/policy/layout.ts'
import { guardrailOf, modelOf, paneOf, traffic } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }
const LAMBDAS = [0.5, 1, 2, 4]
const BOUNDS = { low: 0, high: 200, worse: 'higher' } as const

const PLAIN = modelOf().exposureBlocks[0]!
const block = (given: Partial<Block> & Pick<Block, 'id' | 'kind' | 'countSlots'>, before?: Block): Block => ({
  ...PLAIN,
  hash: `h-${given.id}`,
  inSegments: false,
  sumSlots: 0,
  countOffset: before ? before.countOffset + before.countSlots : 0,
  sumOffset: before ? before.sumOffset + before.sumSlots : 0,
  ...given,
})

const REQUESTS = block({ id: 'requests', kind: 'requests', countSlots: 1 })
const STALE = block({ id: 'stale', kind: 'stale', countSlots: 1 }, REQUESTS)
const DUPLICATE = block({ id: 'duplicate', kind: 'duplicate', countSlots: 1 }, STALE)
const SCORE = block({ id: 'score', kind: 'score', countSlots: 12, sumSlots: 2, bins: 10 }, DUPLICATE)
const SIDE = (name: string) => ({ name, slot: 0, edges: [0, 10, 20, 30, 40, 50, 60, 70, 80], values: 0 })
const PAIR = block({ id: 'pair:age×income', kind: 'pair', countSlots: 65, pair: [SIDE('age'), SIDE('income')] }, SCORE)
const VALUE = block({ id: 'value:late', kind: 'value', countSlots: 2, sumSlots: 4 + LAMBDAS.length, lambdas: LAMBDAS, bounds: BOUNDS })
const PROBABILITY = block(
  { id: 'probability:late', kind: 'probability', countSlots: 20, sumSlots: 2 * (2 + LAMBDAS.length) + 11, bins: 10, lambdas: LAMBDAS },
  VALUE,
)

function model(given: Partial<Guardrail> & Pick<Guardrail, 'kind'>): ModelLayout {
  const base = modelOf()
  const isOutcome = given.kind === 'value' || given.kind === 'calibration'
  const guardrail = guardrailOf({ ...given, ...(isOutcome ? { chain: 'outcome:30000' } : {}) })
  const horizons = [{ ...base.horizons[0]!, blocks: [given.kind === 'value' ? VALUE : PROBABILITY] }]
  const exposureBlocks = [REQUESTS, STALE, DUPLICATE, SCORE, PAIR]
  return { ...base, scopes: base.scopes.slice(0, 1), exposureBlocks, horizons, plan: { ...base.plan, guardrails: [guardrail] } }
}

/** Adds one request to the slots of its arm. */
type Request = (
  add: (block: Block, slot: number) => void,
  sum: (block: Block, slot: number, by: number) => void,
  isCandidate: boolean,
  random: Random,
) => void

function run(layout: ModelLayout, request: Request, slices: number, seed = 5): EvidenceState {
  const random = seededRandom(seed)
  let state = emptyEvidence(layout)
  for (let slice = 0; slice < slices; slice++) state = observePane(state, paneFor(layout, request, slice, random), layout, CONTEXT).state
  return state
}

function paneFor(layout: ModelLayout, request: Request, slice: number, random: Random): Pane {
  const chain = layout.plan.guardrails[0]!.chain
  const blocks = chain === 'exposure' ? layout.exposureBlocks : layout.horizons[0]!.blocks
  const arms = [0, 1].map(
    () =>
      new Map<string, BlockCounts>(
        blocks.map((each) => [each.id, { counts: new Float64Array(each.countSlots), sums: new Float64Array(each.sumSlots) }]),
      ),
  )
  for (let index = 0; index < 250; index++) {
    const arm = random() < 0.5 ? 0 : 1
    const numbers = arms[arm]!
    const add = (each: Block, slot: number) => void numbers.get(each.id)!.counts[slot]!++
    const sum = (each: Block, slot: number, by: number) => {
      numbers.get(each.id)!.sums[slot]! += by
    }
    if (chain === 'exposure') add(REQUESTS, 0)
    request(add, sum, arm === 0, random)
  }
  const cells = arms.map((held, arm): PaneCell => ({ version: arm === 0 ? 'v2' : 'v1', scope: ALL_SCOPE, population: 'all', blocks: held }))
  return paneOf({ chain, cells, from: slice * 250, to: (slice + 1) * 250, previousTo: slice * 250 }, slice, blocks)
}

test('more stale events on the candidate are found and named as upstream, fewer are not harm', () => {
  const layout = model({ kind: 'stale', blocks: ['requests', 'stale'] })
  const stale = (rate: number, control: number) =>
    run(
      layout,
      (add, _, isCandidate, random) => {
        if (random() < (isCandidate ? rate : control)) add(STALE, 0)
      },
      12,
    )
  const state = stale(0.2, 0.02)
  const { rollback } = harms(state, layout)
  assert.equal(rollback[0]?.guardrail, 'stale')
  assert.match(causeOf(state, layout, rollback)!.words, /^upstream: stale: stale events, .* % on the candidate against .* % on the control/)
  assert.equal(harms(stale(0.02, 0.2), layout).rollback.length, 0)
})

test('repeated ids are judged among all records, requests and repetitions', () => {
  const layout = model({ kind: 'duplicate', blocks: ['requests', 'duplicate'], action: 'hold', class: 'signal', promotes: false })
  const state = run(
    layout,
    (add, _, isCandidate, random) => {
      if (random() < (isCandidate ? 0.2 : 0.02)) add(DUPLICATE, 0)
    },
    12,
  )
  const { hold } = harms(state, layout)
  assert.equal(hold[0]?.guardrail, 'duplicate')
  assert.ok(hold[0]!.candidateRows + hold[0]!.controlRows > 12 * 250)
})

test('a score out of range is harm on the candidate, and no harm when it has become rarer', () => {
  const layout = model({ kind: 'unseen', blocks: ['score'] })
  const scores = (rate: number, control: number) =>
    run(layout, (add, _, isCandidate, random) => add(SCORE, random() < (isCandidate ? rate : control) ? 11 : 3), 12)
  assert.equal(harms(scores(0.15, 0.01), layout).rollback[0]?.guardrail, 'unseen')
  assert.equal(harms(scores(0.01, 0.15), layout).rollback.length, 0)
})

test('features that keep their shapes and go together otherwise are found by their pair, with the cell in words', () => {
  const layout = model({ kind: 'pair-drift', blocks: ['pair:age×income'] })
  const pairs: Request = (add, _, isCandidate, random) => {
    const age = Math.floor(random() * 8)
    const income = isCandidate ? Math.floor(random() * 8) : age
    add(PAIR, age * 8 + income)
  }
  const state = run(layout, pairs, 10)
  const { rollback } = harms(state, layout)
  assert.equal(rollback[0]?.guardrail, 'pair-drift')
  assert.match(rollback[0]!.detail, /^age×income: (more|fewer) where age is .* and income is .* \(.* % against .* %\)/)
  assert.equal(
    harms(
      run(layout, (add, _, __, random) => add(PAIR, Math.floor(random() * 64)), 40),
      layout,
    ).rollback.length,
    0,
  )
})

const valued =
  (candidate: number, control: number): Request =>
  (add, sum, isCandidate, random) => {
    const value = (isCandidate ? candidate : control) + 40 * random()
    const u = Math.min(200, Math.max(0, value)) / 200
    add(VALUE, 0)
    if (value > 200) add(VALUE, 1)
    const terms = [value, value ** 2, u, u * u, ...LAMBDAS.map((lambda) => Math.exp(lambda * u))]
    for (const [slot, term] of terms.entries()) sum(VALUE, slot, term)
  }

test("a costlier candidate is found by its value, with the effect in the value's own unit", () => {
  const layout = model({ kind: 'value', blocks: ['value:late'], margin: 4, promotionMargin: 4 })
  const state = run(layout, valued(70, 40), 30)
  const { rollback } = harms(state, layout)
  assert.equal(rollback[0]?.guardrail, 'value')
  assert.ok(Math.abs(rollback[0]!.estimate - 30) < 2, `${rollback[0]!.estimate}`)
  assert.match(causeOf(state, layout, rollback)!.words, /^value: the candidate's value is worse by \d/)
  assert.equal(proofs(state, layout, 25)[0]!.holds, false)
})

test('an equal candidate proves that its value is within the margin, and values outside the bounds are counted and said', () => {
  const layout = model({ kind: 'value', blocks: ['value:late'], margin: 4, promotionMargin: 4 })
  const state = run(layout, valued(165, 165), 60)
  assert.equal(harms(state, layout).rollback.length, 0)
  assert.equal(proofs(state, layout, 25)[0]!.holds, true, proofs(state, layout, 25)[0]!.missing)
  assert.match(readings(state, layout)[0]!.detail, /^\d+ of 15000 values outside the bounds, clipped to them$/)
})

const scored =
  (bias: number): Request =>
  (add, sum, isCandidate, random) => {
    const score = 0.1 + 0.6 * random()
    const bin = Math.floor(score * 10)
    add(PROBABILITY, bin)
    if (random() < score + (isCandidate ? bias : 0)) add(PROBABILITY, 10 + bin)
    sum(PROBABILITY, PROBABILITY.sumSlots - 10 + bin, score)
  }

test('probabilities that are off hold the rollout, with what was said and what happened; within the margin they do not', () => {
  const layout = model({
    kind: 'calibration',
    blocks: ['probability:late'],
    action: 'hold',
    class: 'signal',
    margin: 0.05,
    promotes: false,
  })
  const state = run(layout, scored(0.2), 40)
  const { hold } = harms(state, layout)
  assert.equal(hold[0]?.guardrail, 'calibration')
  assert.match(hold[0]!.detail, /^(all scores|scores in \[.*\)): .* % happened, .* % was said$/)
  assert.match(causeOf(state, layout, hold)!.words, /probabilities are off/)
  assert.deepEqual(harms(run(layout, scored(0.04), 60), layout).hold, [])
  assert.deepEqual(readings(decodeEvidence(encodeEvidence(state), layout), layout), readings(state, layout))
})

test('several broken features are named together, the largest effect first, as upstream of what else fired', () => {
  const layout = modelOf({ features: 3 })
  let state = emptyEvidence(layout)
  for (const { exposure } of traffic(layout, 20, { seed: 4, requests: 200, share: 0.5, harm: { missing: 0.2, errorRate: 0.2 } })) {
    state = observePane(state, exposure, layout, CONTEXT).state
  }
  const { rollback } = harms(state, layout)
  assert.ok(rollback.some(({ guardrail }) => guardrail === 'error-rate'))
  const cause = causeOf(state, layout, rollback)!
  assert.match(cause.words, /^upstream: f\d: missing values, .* % on the candidate against .* % on the control, also f\d and f\d/)
  const onlyErrors = causeOf(
    state,
    layout,
    rollback.filter(({ guardrail }) => guardrail === 'error-rate'),
  )!
  assert.match(onlyErrors.words, /^upstream: /, 'broken input explains errors even where it was not asked')
})
