import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logEvidenceDistribution } from '../../../detectors/distribution.ts'
import { EVEN_GRID } from '../../../detectors/two-arm.ts'
import type { Pane } from '../../../src/domain.ts'
import { acceptPane, emptyChains, settle } from '../../../src/judge/evidence/chains.ts'
import {
  causeOf,
  coverage,
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  forgetUndecided,
  harms,
  observePane,
  passSlices,
  proofs,
  readings,
  resetEvidence,
  sampleRatio,
  silence,
  stageRows,
  startStage,
} from '../../../src/judge/evidence/evidence.ts'
import type { ModelLayout } from '../../../src/policy/layout.ts'
import { type Harm, modelOf, SLICE_MS, traffic } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }

interface Run {
  readonly model: ModelLayout
  readonly seed: number
  readonly slices: number
  readonly requests?: number
  readonly share?: number
  readonly harm?: Harm
  readonly harmedRegion?: string
}

/** Feeds one source's panes and stops when something fires. */
function rollout({ model, seed, slices, requests = 100, share = 0.5, harm, harmedRegion }: Run): {
  state: EvidenceState
  fired: readonly string[]
  slice: number
} {
  let state = emptyEvidence(model)
  let slice = 0
  for (const { exposure, outcome } of traffic(model, slices, {
    seed,
    requests,
    share,
    ...(harm ? { harm } : {}),
    ...(harmedRegion ? { harmedRegion } : {}),
  })) {
    slice += 1
    for (const pane of [exposure, outcome]) {
      const observed = observePane(state, pane, model, CONTEXT)
      state = observed.state
      if (observed.closed.length === 0) continue
      const { rollback, throttle, hold } = harms(state, model)
      // A healthy retrain moves scores: what only holds ends a rollout here when nothing else is expected.
      const fired = harm ? [...rollback, ...throttle] : [...rollback, ...throttle, ...hold]
      if (fired.length > 0) return { state, fired: fired.map((reading) => reading.guardrail), slice }
    }
  }
  return { state, fired: [], slice }
}

const observe = (state: EvidenceState, pane: Pane, model: ModelLayout) => observePane(state, pane, model, CONTEXT).state

test('an equal candidate is rolled back in at most 1 % of small rollouts, and held for its scores in at most 5 %', () => {
  const model = modelOf({ features: 1, regions: 2 })
  let rollbacks = 0
  let holds = 0
  for (let seed = 1; seed <= 200; seed += 1) {
    const { fired } = rollout({ model, seed, slices: 16, requests: 120 })
    if (fired.some((guardrail) => guardrail !== 'score-drift')) rollbacks += 1
    else if (fired.length > 0) holds += 1
  }
  // The promise for 200 rollouts plus three standard errors.
  assert.ok(rollbacks <= 6, `${rollbacks} rollbacks`)
  assert.ok(holds <= 19, `${holds} holds`)
})

for (const [name, harm, guardrail] of [
  ['errors that double', { errorRate: 0.08 }, 'error-rate'],
  ['a latency half as long again', { latencyFactor: 1.5 }, 'latency'],
  ['features read in another unit', { shift: 0.15 }, 'feature-drift'],
  ['values that go missing', { missing: 0.1 }, 'missing'],
  ['probabilities that say less', { dulled: 0.6 }, 'log-score'],
] as const) {
  test(`${name} are found by the guardrail meant for them`, () => {
    const { fired } = rollout({ model: modelOf(), seed: 11, slices: 80, harm })
    assert.ok(fired.includes(guardrail), `fired: ${fired.join(', ')}`)
  })
}

test('the cause names the feature, where in it, and the figures of both arms', () => {
  const model = modelOf()
  const { state } = rollout({ model, seed: 11, slices: 80, harm: { shift: 0.15 } })
  const cause = causeOf(state, model, harms(state, model).rollback)
  assert.match(cause?.feature ?? '', /^f[01]$/)
  assert.match(cause?.words ?? '', /^f[01]: (more|fewer) (above|below|in|at or above) .*% against .*%/)
})

test('a cause that sits in one segment is named with its share of the excess', () => {
  const model = modelOf({
    guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'], scopes: ['__all__', 'region=eu', 'region=us'] }],
    regions: 2,
  })
  const { state } = rollout({ model, seed: 3, slices: 80, harm: { errorRate: 0.15 }, harmedRegion: 'eu' })
  const cause = causeOf(state, model, harms(state, model).rollback)
  assert.equal(cause?.segment, 'region=eu')
  assert.ok(cause.segmentShare > 0.8, `${cause.segmentShare}`)
  assert.match(cause.words, /of the excess lies in region=eu$/)
})

test('a segment in which everybody is, or with no more of the excess than of the requests, is no cause', () => {
  for (const regions of [1, 2]) {
    const scopes = ['__all__', ...['region=eu', 'region=us'].slice(0, regions)]
    const model = modelOf({ guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'], scopes }], regions })
    const { state } = rollout({ model, seed: 3, slices: 80, harm: { errorRate: 0.1 } })
    const cause = causeOf(state, model, harms(state, model).rollback)
    assert.deepEqual([cause?.segment, cause?.segmentShare], ['', Number.NaN])
    assert.doesNotMatch(cause!.words, /excess/)
  }
})

test('latency is not judged while caches are cold, nor before the control has shown its quantiles', () => {
  const model = modelOf({ guardrails: [{ kind: 'latency', blocks: ['latency'] }] })
  const settling = { ...CONTEXT, settlingUntilMs: 100 * SLICE_MS }
  let state = emptyEvidence(model)
  for (const { exposure } of traffic(model, 40, { seed: 5, requests: 100, share: 0.5, harm: { latencyFactor: 3 } })) {
    state = observePane(state, exposure, model, settling).state
  }
  assert.equal(readings(state, model)[0]!.strata, 0)
  const [first] = traffic(model, 1, { seed: 5, requests: 400, share: 0.5 })
  assert.equal(readings(observe(emptyEvidence(model), first!.exposure, model), model)[0]!.strata, 0)
})

test('a proof of safety holds for an equal candidate once there are rows enough, and says before how many are missing', () => {
  const model = modelOf()
  const early = startStage(rollout({ model, seed: 2, slices: 4 }).state, model, 20 * SLICE_MS)
  const none = proofs(early, model, 25)
  assert.ok(none.every((proof) => !proof.holds && proof.missing !== ''))
  assert.match(none[0]!.missing, /needs about 100 more rows on the candidate/)
  const { state } = rollout({ model, seed: 2, slices: 60 })
  assert.deepEqual(
    proofs(state, model, 10)
      .filter((proof) => !proof.holds)
      .map((proof) => proof.missing),
    [],
  )
  const strict = modelOf({ guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'], margin: 0.005, promotionMargin: 0.001 }] })
  const [proof] = proofs(rollout({ model: strict, seed: 2, slices: 40 }).state, strict, 100)
  assert.match(proof!.missing, /error-rate needs about [\d,]+ more rows|the estimate itself/)
})

test('a worse candidate does not get its proof', () => {
  const model = modelOf({ guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'], margin: 0.05, promotionMargin: 0.02 }] })
  const { state } = rollout({ model, seed: 9, slices: 100, harm: { errorRate: 0.06 } })
  assert.equal(proofs(state, model, 100)[0]!.holds, false)
  assert.ok(readings(state, model)[0]!.intervalLow > 0.01)
})

test('a change of command starts the stage anew and keeps the evidence of harm', () => {
  const model = modelOf()
  const { state } = rollout({ model, seed: 4, slices: 20 })
  const next = startStage(state, model, 20 * SLICE_MS)
  assert.deepEqual(stageRows(next), { candidate: 0, control: 0, panes: 0 })
  const logs = (each: EvidenceState) => readings(each, model).map((reading) => reading.logEvidence)
  assert.deepEqual(logs(next), logs(state))
})

test('after a throttle is lifted its guardrails begin anew and the others go on', () => {
  const guardrails = [
    { kind: 'error-rate', blocks: ['requests', 'errors'], action: 'throttle' },
    { kind: 'feature-drift', blocks: ['feature:f0'] },
  ] as const
  const model = modelOf({ guardrails })
  const { state } = rollout({ model, seed: 4, slices: 20 })
  const [errors, drift] = readings(resetEvidence(state, model), model)
  assert.equal(errors!.logEvidence, 0)
  assert.equal(drift!.logEvidence, readings(state, model)[1]!.logEvidence)
  assert.equal(readings(resetEvidence(state, model, ['feature-drift']), model)[1]!.logEvidence, 0)
})

test('blocks of another definition are another series and are left out', () => {
  const model = modelOf()
  let state = emptyEvidence(model)
  const hashes = (block: { id: string; hash: string }) => (block.id === 'errors' ? 'older' : block.hash)
  for (const { exposure } of traffic(model, 10, { seed: 1, requests: 200, share: 0.5, hashes })) state = observe(state, exposure, model)
  const reading = readings(state, model)[0]!
  assert.equal(reading.candidateEvents + reading.controlEvents, 0)
})

test('with units, rows count all requests, and evidence counts first exposures; all requests speak only where unit buckets come with them', () => {
  const model = modelOf({ hasUnits: true })
  const harm = { errorRate: 0.3 }
  const fed = (population: 'all' | 'first') => {
    let state = emptyEvidence(model)
    for (const { exposure } of traffic(model, 10, { seed: 1, requests: 200, share: 0.5, harm })) {
      const twin = { ...exposure, cells: exposure.cells.map((cell) => ({ ...cell, population })) }
      const cells = population === 'all' ? exposure.cells : [...exposure.cells, ...twin.cells]
      state = observe(state, { ...exposure, cells }, model)
    }
    return state
  }
  for (const state of [fed('all'), fed('first')]) {
    const { candidate, control } = stageRows(state)
    assert.equal(candidate + control, 2_000)
  }
  assert.equal(harms(fed('all'), model).rollback.length, 0)
  assert.equal(harms(fed('first'), model).rollback[0]?.guardrail, 'error-rate')
})

test('the same panes in the same order give the same bits', () => {
  const model = modelOf()
  const run = () => encodeEvidence(rollout({ model, seed: 21, slices: 30 }).state)
  assert.ok(run().equals(run()))
})

test('a snapshot in the middle of a stratum changes nothing that follows', () => {
  const model = modelOf()
  const context = { ...CONTEXT, commandedShare: 0.3 }
  let through = emptyEvidence(model)
  let stored = emptyEvidence(model)
  for (const { exposure, outcome } of traffic(model, 25, { seed: 8, requests: 70, share: 0.3 })) {
    for (const pane of [exposure, outcome]) {
      through = observePane(through, pane, model, context).state
      stored = decodeEvidence(encodeEvidence(observePane(stored, pane, model, context).state), model)
    }
    through = passSlices(through, model, exposure.sliceEndMs - SLICE_MS)
    stored = passSlices(stored, model, exposure.sliceEndMs - SLICE_MS)
  }
  assert.deepEqual(stored, through)
  assert.ok(encodeEvidence(stored).equals(encodeEvidence(through)))
})

test('after a policy edit only the evidence of the guardrail it touches begins anew', () => {
  const model = modelOf()
  const { state } = rollout({ model, seed: 8, slices: 21 })
  const edited = modelOf()
  const exposureBlocks = edited.exposureBlocks.map((block) => (block.id === 'errors' ? { ...block, hash: 'other' } : block))
  const next = decodeEvidence(encodeEvidence(state), { ...edited, exposureBlocks })
  const strata = (of: EvidenceState, guardrail: string) => readings(of, model).find((reading) => reading.guardrail === guardrail)!.strata
  assert.equal(strata(next, 'error-rate'), 0)
  assert.equal(strata(next, 'feature-drift'), strata(state, 'feature-drift'))
})

test('after a crash of measure the judge holds the same evidence, bit for bit, as without one', () => {
  const model = modelOf()
  const panes = [...traffic(model, 30, { seed: 12, requests: 70, share: 0.4 })].map(({ exposure }) => exposure)
  const base = { epoch: 1, sequence: 15 }
  // Panes 15 to 17 were written by the old owner after the checkpoint; the new one writes them again and goes on.
  const again = panes.slice(15).map((pane) => ({ ...pane, stamp: { epoch: 9, sequence: pane.stamp.sequence - 15 }, base }))
  assert.ok(judged(model, [...panes.slice(0, 18), ...again]).equals(judged(model, panes)))
})

/** The judge's intake, as the rules of chains.ts ask for it. */
function judged(model: ModelLayout, panes: readonly Pane[]): Buffer {
  let chains = emptyChains()
  let state = emptyEvidence(model)
  for (const pane of panes) {
    const accepted = acceptPane(chains, pane)
    chains = accepted.state
    if (accepted.rewind) state = forgetUndecided(state, accepted.rewind)
    if (!accepted.take) continue
    const observed = observePane(state, pane, model, { ...CONTEXT, commandedShare: 0.4 })
    state = observed.state
    chains = settle(chains, model.name, observed.decided)
  }
  return encodeEvidence(state)
}

test('no array of an earlier state is written again', () => {
  const model = modelOf()
  const { state } = rollout({ model, seed: 8, slices: 10 })
  const before = encodeEvidence(state)
  let next = state
  for (const { exposure } of traffic(model, 10, { seed: 3, requests: 200, share: 0.5 })) next = observe(next, exposure, model)
  next = resetEvidence(startStage(next, model, 0), model)
  assert.notEqual(next, state)
  assert.ok(encodeEvidence(state).equals(before))
})

test('a split other than the one commanded is noticed, over slices that every source has passed', () => {
  const model = modelOf()
  const feed = (share: number) => {
    let state = startStage(emptyEvidence(model), model, 0)
    for (const { exposure } of traffic(model, 20, { seed: 6, requests: 200, share })) {
      state = observePane(state, exposure, model, { ...CONTEXT, commandedShare: 0.25 }).state
    }
    return state
  }
  const unpassed = sampleRatio(feed(0.35), model)
  assert.equal(unpassed.total, 0)
  const wrong = sampleRatio(passSlices(feed(0.35), model, 20 * SLICE_MS), model)
  assert.ok(wrong.logEvidence > wrong.logLimit)
  assert.ok(wrong.total > 0 && wrong.total <= 4_000)
  assert.ok(Math.abs(wrong.candidate / wrong.total - 0.35) < 0.08, `${wrong.candidate} of ${wrong.total}`)
  const right = sampleRatio(passSlices(feed(0.25), model, 20 * SLICE_MS), model)
  assert.ok(right.logEvidence < right.logLimit)
})

test('a split that is right again is no mismatch for ever: it is over when nothing has proved another for calmAfter', () => {
  const calmAfterMs = 60_000
  const model = { ...modelOf(), plan: { ...modelOf().plan, calmAfterMs } }
  const slicesCalm = calmAfterMs / SLICE_MS
  let state = startStage(emptyEvidence(model), model, 0)
  const wrongSlices = 20
  const slices = wrongSlices + slicesCalm + 5
  const panes = (share: number) => [...traffic(model, slices, { seed: 6, requests: 200, share })].map(({ exposure }) => exposure)
  const [wrong, right] = [panes(0.35), panes(0.25)]
  const mismatches = wrong.map((_, slice) => {
    const exposure = (slice < wrongSlices ? wrong : right)[slice]!
    state = observePane(state, exposure, model, { ...CONTEXT, commandedShare: 0.25 }).state
    state = passSlices(state, model, (slice + 1) * SLICE_MS)
    const ratio = sampleRatio(state, model)
    return ratio.logEvidence >= ratio.logLimit
  })
  assert.equal(mismatches[wrongSlices - 1], true, 'proved while it lasts')
  assert.equal(mismatches[wrongSlices + 2], true, 'and not forgotten at once')
  assert.equal(mismatches.at(-1), false, 'but over in the end')
})

test('a candidate that no longer answers is silent, and one that only lags is not', () => {
  const model = modelOf()
  const feed = (share: number) => {
    let state = startStage(emptyEvidence(model), model, 0)
    for (const { exposure } of traffic(model, 10, { seed: 6, requests: 200, share })) {
      state = observePane(state, exposure, model, { ...CONTEXT, commandedShare: 0.05 }).state
    }
    return state
  }
  assert.equal(silence(passSlices(feed(0), model, 10 * SLICE_MS), model).silent, true)
  assert.equal(silence(passSlices(feed(0.05), model, 10 * SLICE_MS), model).silent, false)
  assert.equal(silence(feed(0), model).silent, false)
})

test('the evidence kept with a distribution is the one its detector tells', () => {
  const { state } = rollout({ model: modelOf(), seed: 11, slices: 12, harm: { shift: 0.05 } })
  const series = state.series['feature-drift|__all__']
  assert.ok(series?.kind === 'shape')
  for (const shape of series.blocks) {
    const told = logEvidenceDistribution(shape.evidence, EVEN_GRID)
    assert.ok(Math.abs(shape.logEvidence - told) < 1e-12 * (1 + Math.abs(told)))
  }
})

test('outcome coverage is known per arm', () => {
  const model = modelOf()
  const { state } = rollout({ model, seed: 8, slices: 10 })
  const [late] = coverage(state, model)
  assert.equal(late!.outcome, 'late')
  assert.equal(late!.candidate, 1)
  assert.equal(late!.control, 1)
})
