/** Guardrails without a control: a promoted version is watched alone, its panes counted once and only when decided. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane } from '../../../src/domain.ts'
import {
  causeOf,
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  forgetUndecided,
  harms,
  observePane,
  passSlices,
  readings,
  resetEvidence,
  startStage,
} from '../../../src/judge/evidence/evidence.ts'
import { ALL_SCOPE, type ModelLayout, type SteadyGuardrail } from '../../../src/policy/layout.ts'
import { guardrailOf, type Harm, modelOf, paneOf, SLICE_MS, traffic } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }
const CALM_MS = 600_000
const THIRTY_DAYS = (30 * 86_400_000) / SLICE_MS

const UNIFORM = {
  digest: 'uniform',
  rows: 10_000,
  counts: { 'feature:f0': profileCounts(), 'feature:f1': profileCounts() },
  hourOfWeek: [],
}

/** As the traffic draws it: uniform over twenty bins, one in a hundred missing. */
function profileCounts(): number[] {
  return [0, ...new Array<number>(20).fill(495), 0, 100, 0, 0]
}

function steady(given: Partial<SteadyGuardrail>): SteadyGuardrail {
  return {
    name: given.kind ?? '',
    kind: 'ceiling',
    class: 'signal',
    action: 'hold',
    counts: null,
    limit: 0,
    tolerance: 0.1,
    alpha: 0.01,
    runLength: THIRTY_DAYS,
    blocks: [],
    profile: null,
    reference: null,
    ...given,
  }
}

const ERRORS = steady({ name: 'ceiling:errors', limit: 0.05, counts: guardrailOf({ kind: 'error-rate', blocks: ['requests', 'errors'] }) })
const DRIFT = steady({ kind: 'baseline-drift', blocks: ['feature:f0', 'feature:f1'], reference: UNIFORM, runLength: 1 })

function model(...guardrails: readonly SteadyGuardrail[]): ModelLayout {
  return modelOf({
    regions: 1,
    guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'] }],
    plan: { steady: guardrails, calmAfterMs: CALM_MS },
  })
}

interface Stream {
  readonly seed: number
  readonly slices: number
  readonly share?: number
  readonly harm?: Harm
  /** First slice with the harm. */
  readonly from?: number
}

/** Panes of one source: healthy until `from`. */
function panesOf(layout: ModelLayout, { seed, slices, share = 1, harm, from = 0 }: Stream): { exposure: Pane; outcome: Pane }[] {
  const healthy = [...traffic(layout, slices, { seed, requests: 60, share })]
  if (harm === undefined) return healthy
  const harmed = [...traffic(layout, slices, { seed, requests: 60, share, harm })]
  return healthy.map((pair, slice) => (slice < from ? pair : harmed[slice]!))
}

const observe = (state: EvidenceState, pane: Pane, layout: ModelLayout) => observePane(state, pane, layout, CONTEXT).state

function after(layout: ModelLayout, stream: Stream, begun = startStage(emptyEvidence(layout), layout, 0)): EvidenceState {
  let state = begun
  for (const { exposure, outcome } of panesOf(layout, stream)) {
    state = observe(observe(state, exposure, layout), outcome, layout)
  }
  return state
}

const reading = (state: EvidenceState, layout: ModelLayout, name: string) => {
  const found = readings(state, layout).find((each) => each.guardrail === name)
  assert.ok(found, name)
  return found
}

test('a promoted version below its ceiling is silent, though no stratum ever closes', () => {
  const layout = model(ERRORS)
  const state = after(layout, { seed: 1, slices: 400 })
  assert.equal(state.chains['exposure']!.closed, 0)
  const { candidateRows, weight, logEvidence, logLimit, detail } = reading(state, layout, 'ceiling:errors')
  assert.ok(candidateRows > 20_000, 'decided panes are counted')
  assert.equal(weight, 0)
  assert.ok(logEvidence < logLimit)
  assert.match(detail, /^errors: \d.* % of recent requests, allowed 5 %$/)
  assert.deepEqual(harms(state, layout).hold, [])
})

test('errors at twice the ceiling call for what the policy says, with the cause in words', () => {
  for (const action of ['hold', 'rollback', 'throttle'] as const) {
    const layout = model({ ...ERRORS, action })
    const state = after(layout, { seed: 2, slices: 220, harm: { errorRate: 0.1 }, from: 100 })
    const found = harms(state, layout)[action]
    assert.deepEqual(
      found.map((each) => each.guardrail),
      ['ceiling:errors'],
    )
    assert.match(causeOf(state, layout, found)!.words, /^errors: .* % of recent requests, allowed 5 %$/)
  }
})

test('an alarm after a long healthy time names the share that raised it, which is above the limit', () => {
  const layout = model(ERRORS)
  let state = startStage(emptyEvidence(layout), layout, 0)
  for (const { exposure } of panesOf(layout, { seed: 2, slices: 260, harm: { errorRate: 0.5 }, from: 200 })) {
    state = observe(state, exposure, layout)
    if (harms(state, layout).hold.length > 0) break
  }
  const { detail, estimate } = reading(state, layout, 'ceiling:errors')
  assert.ok(Number(/^errors: (\S+) %/.exec(detail)![1]) > 20, detail)
  assert.ok(estimate > 0.15, `${estimate}`)
})

test('panes are counted once each, and only when they are decided', () => {
  const layout = model(ERRORS)
  const state = after(layout, { seed: 3, slices: 100 })
  const { candidateRows } = reading(state, layout, 'ceiling:errors')
  const waiting = state.steady.pending.filter((pane) => pane.chain === 'exposure').length
  assert.equal(candidateRows + 60 * waiting, 6_000)
  assert.ok(waiting > 0)
})

test('an alarm ends when nothing has raised it again for the time of calm', () => {
  const layout = model(ERRORS)
  const harmed = after(layout, { seed: 4, slices: 120, harm: { errorRate: 0.3 } })
  assert.equal(harms(harmed, layout).hold.length, 1)
  let state = harmed
  for (const { exposure } of panesOf(layout, { seed: 5, slices: 400 })) {
    state = observe(state, later(exposure, 120), layout)
  }
  assert.deepEqual(harms(state, layout).hold, [])
})

/** The same pane, so many slices and offsets of 60 later. */
function later(pane: Pane, slices: number): Pane {
  const move = { from: pane.from + slices * 60, to: pane.to + slices * 60, previousTo: pane.previousTo + slices * 60 }
  return { ...pane, ...move, sliceStartMs: pane.sliceStartMs + slices * SLICE_MS, sliceEndMs: pane.sliceEndMs + slices * SLICE_MS }
}

test('ceilings of latency, missing values and wrong outcomes count what the guardrails of that kind count', () => {
  const latency = guardrailOf({ kind: 'latency', blocks: ['latency'], thresholdsMs: [128], quantiles: [] })
  const missing = guardrailOf({ kind: 'missing', blocks: ['feature:f0', 'feature:f1'] })
  const wrong = guardrailOf({ kind: 'wrong-outcome', blocks: ['outcome:late'] })
  const layout = model(
    steady({ name: 'slow', counts: latency, limit: 0.05 }),
    steady({ name: 'gaps', counts: missing, limit: 0.03 }),
    steady({ name: 'wrong', counts: wrong, limit: 0.35 }),
  )
  const named = (state: EvidenceState) => harms(state, layout).hold.map((each) => each.guardrail)
  assert.deepEqual(named(after(layout, { seed: 6, slices: 300 })), [])
  assert.deepEqual(named(after(layout, { seed: 6, slices: 150, harm: { latencyFactor: 4 } })), ['slow'])
  const gaps = after(layout, { seed: 6, slices: 150, harm: { missing: 0.08 } })
  assert.deepEqual(named(gaps), ['gaps'])
  assert.match(reading(gaps, layout, 'gaps').detail, /^f[01] missing: .* allowed 3 %$/)
  // A ceiling below the rate it always has: outcomes come on their own chain.
  const strict = model(steady({ name: 'wrong', counts: wrong, limit: 0.1 }))
  assert.equal(harms(after(strict, { seed: 6, slices: 150 }), strict).hold.length, 1)
})

test('latency is not counted while caches are cold', () => {
  const latency = guardrailOf({ kind: 'latency', blocks: ['latency'], thresholdsMs: [128], quantiles: [] })
  const layout = model(steady({ name: 'slow', counts: latency, limit: 0.05 }))
  let state = startStage(emptyEvidence(layout), layout, 0)
  for (const { exposure } of panesOf(layout, { seed: 7, slices: 100, harm: { latencyFactor: 4 } })) {
    state = observePane(state, exposure, layout, { ...CONTEXT, settlingUntilMs: 1e9 }).state
  }
  assert.equal(reading(state, layout, 'slow').candidateRows, 0)
})

test('features that stay with the profile are silent, features that leave it are named', () => {
  const layout = model(DRIFT)
  const healthy = after(layout, { seed: 8, slices: 300 })
  assert.deepEqual(harms(healthy, layout).hold, [])
  assert.ok(reading(healthy, layout, 'baseline-drift').estimate < 0.03)
  const drifted = after(layout, { seed: 8, slices: 400, harm: { shift: 0.35 }, from: 200 })
  const [found] = harms(drifted, layout).hold
  assert.equal(found?.guardrail, 'baseline-drift')
  assert.match(found!.detail, /^f[01]: (below|present).* against .* in the profile$/)
  assert.ok(found!.intervalLow > 0.1 && found!.estimate > found!.intervalLow)
  assert.match(causeOf(drifted, layout, [found!])!.feature, /^f[01]$/)
})

test('when control and candidate leave the profile or cross a ceiling together the environment is named', () => {
  const strict = model({ ...ERRORS, limit: 0.004 })
  const both = after(strict, { seed: 9, slices: 200, share: 0.5 })
  const [crossed] = harms(both, strict).hold
  assert.match(crossed!.detail, /^environment: both versions moved together \(errors: /)
  assert.match(causeOf(both, strict, [crossed!])!.words, /^environment: both versions moved together/)
  const alone = model(ERRORS)
  const one = after(alone, { seed: 9, slices: 200, share: 0.5, harm: { errorRate: 0.2 } })
  assert.doesNotMatch(harms(one, alone).hold[0]!.detail, /environment/)
})

test('a limit grows with the sources that bring batches', () => {
  const layout = model(ERRORS)
  let state = startStage(emptyEvidence(layout), layout, 0)
  for (let source = 0; source < 6; source += 1) {
    state = observe(state, paneOf({ source: `predictions/${source}` }, 0, layout.exposureBlocks), layout)
  }
  assert.equal(reading(state, layout, 'ceiling:errors').logLimit, Math.log(6 * THIRTY_DAYS))
})

test('what a higher epoch does not know is taken back before it counts', () => {
  const layout = model(ERRORS)
  const before = after(layout, { seed: 10, slices: 30 })
  assert.equal(before.steady.pending.filter((pane) => pane.chain === 'exposure').length, 30)
  const rewind = {
    source: 'predictions/0',
    base: { epoch: 1, sequence: 10 },
    through: { 'delays|exposure': 600, 'delays|outcome:30000': 600 },
  }
  const kept = forgetUndecided(before, rewind).steady
  assert.equal(kept.pending.filter((pane) => pane.chain === 'exposure').length, 10)
})

test('a snapshot in the middle changes nothing; another limit, another profile or an old snapshot begin anew', () => {
  const layout = model(ERRORS, DRIFT)
  const whole = after(layout, { seed: 11, slices: 120, harm: { errorRate: 0.07 } })
  const restored = decodeEvidence(encodeEvidence(whole), layout)
  assert.deepEqual(restored.steady, whole.steady)
  const strict = model({ ...ERRORS, limit: 0.06 }, { ...DRIFT, reference: { ...UNIFORM, digest: 'another' } })
  const anew = decodeEvidence(encodeEvidence(whole), strict)
  assert.deepEqual(anew.steady.watches, emptyEvidence(strict).steady.watches)
  assert.deepEqual(Object.keys(anew.steady.pending[0]!.tallies), [])
  const { steady: _steady, ...old } = whole
  assert.deepEqual(decodeEvidence(encodeEvidence(old as EvidenceState), layout).steady, emptyEvidence(layout).steady)
})

test('evidence that throttled begins anew with the lift, like that of the others', () => {
  const layout = model({ ...ERRORS, action: 'throttle' })
  const state = after(layout, { seed: 12, slices: 150, harm: { errorRate: 0.3 } })
  assert.equal(harms(state, layout).throttle.length, 1)
  assert.deepEqual(harms(resetEvidence(state, layout), layout).throttle, [])
})

// ── volume ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const BUCKET_MS = 300_000
const VOLUME = steady({ kind: 'volume', tolerance: 0.3, runLength: (30 * 86_400_000) / BUCKET_MS })

/** One pane a minute, each of 100 requests or as many as `requests` says, then a pulse. */
function minutes(layout: ModelLayout, count: number, requests: (minute: number) => number): { state: EvidenceState; said: string[] } {
  let state = startStage(emptyEvidence(layout), layout, 0)
  let to = 0
  const said: string[] = []
  for (let minute = 0; minute < count; minute += 1) {
    const rows = requests(minute)
    const times = { sliceStartMs: minute * 60_000, sliceEndMs: (minute + 1) * 60_000, finalAtMs: (minute + 1) * 60_000 }
    const cell = { counts: Float64Array.of(rows), sums: new Float64Array(0) }
    const cells = [{ version: 'v2', scope: ALL_SCOPE, population: 'all' as const, blocks: new Map([['requests', cell]]) }]
    if (rows > 0)
      state = observe(state, paneOf({ from: to, to: to + rows, previousTo: to, cells, ...times }, 0, layout.exposureBlocks), layout)
    to += rows
    state = passSlices(state, layout, times.sliceEndMs)
    said.push(harms(state, layout).hold[0]?.detail ?? '')
  }
  return { state, said }
}

const weekly = { digest: 'hours', rows: 1, counts: {}, hourOfWeek: new Array<number>(168).fill(6_000) }

test('usual traffic is silent; half of it, none of it and twice of it are told apart', () => {
  const layout = model({ ...VOLUME, reference: weekly })
  const usual = (minute: number) => 95 + (minute % 11)
  assert.ok(minutes(layout, 300, usual).said.every((words) => words === ''))
  const half = minutes(layout, 60, (minute) => (minute < 30 ? 100 : 45)).said
  assert.equal(
    half.findIndex((words) => words !== ''),
    34,
    'with the first whole bucket',
  )
  assert.match(half.at(-1)!, /^too few requests: 225 in 5 minutes, where about 500 are usual$/)
  assert.match(minutes(layout, 60, (minute) => (minute < 30 ? 100 : 200)).said.at(-1)!, /^too many requests/)
  const none = minutes(layout, 60, (minute) => (minute < 30 ? 100 : 0)).said
  assert.equal(
    none.findIndex((words) => words !== ''),
    44,
    'after three empty buckets',
  )
  assert.match(none.at(-1)!, /^no data for 30 minutes, where about 3,000 requests are usual$/)
})

test('no data ends with the first bucket that has some', () => {
  const layout = model({ ...VOLUME, reference: weekly })
  const { said } = minutes(layout, 80, (minute) => (minute < 30 || minute >= 60 ? 100 : 0))
  assert.notEqual(said[59], '')
  assert.equal(said[64], '')
})

test('without a profile the same hour of earlier days is the forecast, and before three of them nothing is judged', () => {
  const layout = model(VOLUME)
  const { said, state } = minutes(layout, 4 * 1_440 + 600, (minute) => (minute < 4 * 1_440 + 300 ? 100 + (((minute / 60) % 24) | 0) : 10))
  const first = said.findIndex((words) => words !== '')
  assert.ok(first >= 4 * 1_440 + 300 && first < 4 * 1_440 + 311, `minute ${first}`)
  assert.ok(state.steady.traffic.season.hours.length > 90)
  assert.deepEqual(decodeEvidence(encodeEvidence(state), layout).steady, state.steady)
})
