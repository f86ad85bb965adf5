/** Why something moved: what the versions are given, the candidate, a segment, or the world around both. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Factor } from '../../../src/domain.ts'
import {
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  environmentOf,
  factorsOf,
  harms,
  movedOnBoth,
  observePane,
} from '../../../src/judge/evidence/evidence.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE, type ModelLayout } from '../../../src/policy/layout.ts'
import { guardrailOf, modelOf, paneOf, SLICE_MS } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }
const PLATFORMS = ['web', 'ios', 'android']
const SCOPES = [ALL_SCOPE, ...PLATFORMS.map((platform) => `platform=${platform}`)]

/** Errors and missing values of two features, each judged on every platform. */
function layoutOf(missingAction: 'hold' | 'rollback' = 'hold'): ModelLayout {
  const base = modelOf({ regions: 0 })
  const features = ['feature:f0', 'feature:f1']
  const guardrails = [
    guardrailOf({ kind: 'error-rate', blocks: ['requests', 'errors'], margin: 0.005, scopes: SCOPES }),
    guardrailOf({ kind: 'missing', blocks: features, scopes: SCOPES, action: missingAction, class: 'signal', promotes: false }),
    guardrailOf({ kind: 'feature-drift', blocks: features, action: 'hold', class: 'signal', promotes: false }),
  ]
  const scopes = SCOPES.map((name, value) => ({ name, dimensionSlot: name === ALL_SCOPE ? -1 : 0, value: Math.max(0, value - 1) }))
  return { ...base, scopes, plan: { ...base.plan, guardrails } }
}

interface Rates {
  readonly errors: number
  /** Of feature f0. */
  readonly missing: number
  readonly shift: number
}

type World = (at: { readonly slice: number; readonly candidate: boolean; readonly platform: string }) => Partial<Rates>

const HEALTHY: Rates = { errors: 0.01, missing: 0.01, shift: 0 }

/** Slices of 600 requests, a quarter of them the candidate's. */
function judged(layout: ModelLayout, slices: number, world: World, seed = 11, from = 0, start = emptyEvidence(layout)): EvidenceState {
  const random = seededRandom(seed)
  let state = start
  for (let slice = from; slice < from + slices; slice++)
    state = observePane(state, pane(layout, slice, world, random), layout, CONTEXT).state
  return state
}

function pane(layout: ModelLayout, slice: number, world: World, random: Random) {
  const cells = new Map<string, Map<string, { counts: Float64Array; sums: Float64Array }>>()
  const add = (version: string, scope: string, id: string, slot: number) => {
    const key = `${version} ${scope}`
    const blocks = cells.get(key) ?? new Map()
    cells.set(key, blocks)
    const { countSlots, sumSlots } = layout.exposureBlocks.find((block) => block.id === id)!
    const numbers = blocks.get(id) ?? { counts: new Float64Array(countSlots), sums: new Float64Array(sumSlots) }
    blocks.set(id, numbers)
    numbers.counts[slot]++
  }
  for (let request = 0; request < 600; request++) {
    const candidate = random() < 0.25
    const platform = PLATFORMS[Math.floor(random() * PLATFORMS.length)]!
    const rates = { ...HEALTHY, ...world({ slice, candidate, platform }) }
    const failed = random() < rates.errors
    const bins = [0, 1].map((feature) => {
      if (random() < (feature === 0 ? rates.missing : HEALTHY.missing)) return 22
      return 1 + Math.min(19, Math.floor(20 * (random() * (1 - rates.shift) + rates.shift)))
    })
    for (const scope of [ALL_SCOPE, `platform=${platform}`]) {
      const version = candidate ? 'v2' : 'v1'
      add(version, scope, 'requests', 0)
      if (failed) add(version, scope, 'errors', 0)
      else for (const [feature, bin] of bins.entries()) add(version, scope, `feature:f${feature}`, bin)
    }
  }
  const list = [...cells].map(([key, blocks]) => {
    const [version, scope] = key.split(' ') as [string, string]
    return { version, scope, population: 'all' as const, blocks }
  })
  return paneOf({ from: slice * 600, to: (slice + 1) * 600, previousTo: slice * 600, cells: list }, slice, layout.exposureBlocks)
}

const kinds = (factors: readonly Factor[]) => factors.map(({ kind }) => kind)
/** So many slices are healthy first. */
const CALM = 60

test('one feature missing on one platform of the candidate is upstream, with feature, platform and share; errors that follow come after', () => {
  const layout = layoutOf()
  const state = judged(layout, CALM + 24, ({ slice, candidate, platform }) =>
    slice >= CALM && candidate && platform === 'ios' ? { missing: 0.6, errors: 0.2 } : {},
  )
  const { rollback } = harms(state, layout)
  assert.ok(rollback.some(({ guardrail }) => guardrail === 'error-rate'))
  const factors = factorsOf(state, layout, rollback)
  const [first] = factors
  assert.deepEqual([first?.kind, first?.feature, first?.scope, first?.guardrail], ['upstream', 'f0', 'platform=ios', 'missing'])
  assert.ok(first!.share > 0.9 && first!.share <= 1)
  assert.match(
    first!.words,
    /upstream, in what v2 is given: f0 is missing where platform=ios, [\d.]+ % for v2 against [\d.]+ % for v1; (9\d\.?\d*|100) % of the excess/,
  )
  assert.doesNotMatch(first!.words, /candidate/)
  assert.deepEqual(kinds(factors), ['upstream', 'candidate', 'segment'])
  assert.match(factors[1]!.words, /v2 itself: .*may follow from what it is given/)
  assert.equal(factors[2]!.scope, 'platform=ios')
})

test('errors of the candidate alone are the candidate, with effect and interval, and the segment they come from', () => {
  const layout = layoutOf()
  const everywhere = judged(layout, CALM + 24, ({ slice, candidate }) => (slice >= CALM && candidate ? { errors: 0.08 } : {}))
  const factors = factorsOf(everywhere, layout, harms(everywhere, layout).rollback)
  assert.deepEqual(kinds(factors), ['candidate'])
  assert.match(factors[0]!.words, /^v2 itself: error-rate: errors, .* \(effect [\d.]+, between [\d.-]+ and [\d.]+ points\)$/)
  const onWeb = judged(layout, CALM + 24, ({ slice, candidate, platform }) =>
    slice >= CALM && candidate && platform === 'web' ? { errors: 0.2 } : {},
  )
  const ranked = factorsOf(onWeb, layout, harms(onWeb, layout).rollback)
  assert.deepEqual(kinds(ranked), ['candidate', 'segment'])
  assert.equal(ranked[1]!.scope, 'platform=web')
  assert.ok(ranked[1]!.share > 0.85)
})

test('errors that rise on both are the environment, with the rates of before and after, and call for nothing', () => {
  const layout = layoutOf('rollback')
  const state = judged(layout, CALM + 36, ({ slice }) => (slice >= CALM ? { errors: 0.06 } : {}))
  assert.deepEqual(harms(state, layout).rollback, [])
  assert.deepEqual(movedOnBoth(state), ['error-rate'])
  const [first, ...others] = environmentOf(state, layout)
  assert.deepEqual([first?.kind, first?.guardrail, others.length], ['environment', 'error-rate', 0])
  assert.match(
    first!.words,
    /^errors rose on both: control (0\.9|1|1\.)\S* % → [56]\S* %, candidate \S+ % → [567]\S* %, since 1970-01-01T00:0[4-6]/,
  )
})

test('a feature nulled for both versions is upstream of both: environment with the feature, and no harm', () => {
  const layout = layoutOf('rollback')
  const state = judged(layout, CALM + 36, ({ slice, platform }) => (slice >= CALM && platform === 'ios' ? { missing: 0.7 } : {}))
  assert.deepEqual(harms(state, layout).rollback, [])
  const missing = environmentOf(state, layout).find(({ guardrail }) => guardrail === 'missing')
  assert.deepEqual([missing?.kind, missing?.feature], ['environment', 'f0'])
  assert.match(missing!.words, /^upstream of both versions: missing values of f0 rose on both/)
})

test('inputs that shift on both are the environment, with the place where they went', () => {
  const layout = layoutOf()
  const state = judged(layout, CALM + 36, ({ slice }) => (slice >= CALM ? { shift: 0.4 } : {}))
  const drift = environmentOf(state, layout).find(({ guardrail }) => guardrail === 'feature-drift')
  assert.match(drift?.words ?? '', /^f[01] (in \[|at or above )\S.* (rose|fell) on both: control/)
})

test('over twenty worlds in which nothing moves, nothing is said to have moved', () => {
  const layout = layoutOf()
  for (let seed = 1; seed <= 20; seed++) {
    const state = judged(layout, 40, () => ({}), seed)
    assert.deepEqual([movedOnBoth(state), environmentOf(state, layout), factorsOf(state, layout, [])], [[], [], []], `seed ${seed}`)
  }
})

test('the memory is bounded, reaches back past the spans it keeps, and goes through a snapshot', () => {
  const layout = layoutOf()
  const state = judged(layout, 400, ({ slice }) => (slice >= 320 ? { errors: 0.06 } : {}))
  const { spans } = state.memory['exposure']!
  assert.ok(spans.length <= 8)
  assert.equal(spans[0]!.sinceMs, 0)
  const requests = spans.reduce((sum, { candidate, control }) => sum + candidate[0]! + control[0]!, 0)
  assert.equal(requests, 400 * 600)
  assert.deepEqual(movedOnBoth(state), ['error-rate'])
  const restored = decodeEvidence(encodeEvidence(state), layout)
  assert.deepEqual(restored.memory, state.memory)
  assert.ok(spans.at(-1)!.sinceMs - spans.at(-3)!.sinceMs <= 26 * SLICE_MS, 'what is new is told apart by the minute')
})

test('a snapshot from before there was a memory begins one now, and one of other blocks begins anew', () => {
  const layout = layoutOf()
  const state = judged(layout, CALM, () => ({}))
  const { memory: _none, ...earlier } = state
  const restored = decodeEvidence(encodeEvidence(earlier as EvidenceState), layout)
  assert.deepEqual(restored.memory, {})
  assert.deepEqual(restored.series, state.series)
  const goesOn = judged(layout, 40, ({ slice }) => (slice >= CALM + 20 ? { errors: 0.08 } : {}), 3, CALM, restored)
  assert.equal(goesOn.memory['exposure']!.spans[0]!.sinceMs, CALM * SLICE_MS)
  const exposureBlocks = layout.exposureBlocks.map((block) => (block.id === 'errors' ? { ...block, hash: 'another' } : block))
  assert.deepEqual(decodeEvidence(encodeEvidence(state), { ...layout, exposureBlocks }).memory, {})
})
