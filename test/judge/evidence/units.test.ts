/** Users who come again: no false alarm from their likeness, no blindness once everybody has been seen, and a way up to 100 %. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_GRID, logEvidenceTwoArm } from '../../../detectors/two-arm.ts'
import {
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  harms,
  observePane,
  passSlices,
  proofs,
  readings,
  silence,
  stageRows,
  startStage,
} from '../../../src/judge/evidence/evidence.ts'
import { logEvidenceOf } from '../../../src/judge/evidence/series.ts'
import { placeboArms, ROWS_FOR_DESIGN_EFFECT, stageDesignEffect } from '../../../src/judge/evidence/units.ts'
import type { ModelLayout } from '../../../src/policy/layout.ts'
import { habitModel, judged, type Sticky, stickyModel, stickyPanes, withoutUnits } from './sticky.ts'

const ALPHA = 0.01
const KEY = 'error-rate|__all__'
const CONTEXT = { settlingUntilMs: 0, commandedShare: 0.5, maxStratumAgeMs: 60_000 }

function isRolledBack(model: ModelLayout, options: Sticky): boolean {
  for (const { state } of judged(model, options)) if (harms(state, model).rollback.length > 0) return true
  return false
}

function falseAlarms(model: ModelLayout, rollouts: number, options: Omit<Sticky, 'seed'>, seed: number): number {
  let alarms = 0
  for (let n = 0; n < rollouts; n += 1) if (isRolledBack(model, { ...options, seed: seed + n })) alarms += 1
  return alarms
}

function last<T>(states: Iterable<T>): T {
  let found: T | undefined
  for (const state of states) found = state
  return found!
}

/** Half of the users on either side, a few of them doing most of the requests. */
const HEAVY = { users: 2_000, panes: 300, requests: 200, shares: [0.5], activity: 1.5 }

test('users of unequal error rates who stay with their version accuse an equal candidate in one rollout in ten, if requests pass for independent', () => {
  const alarms = falseAlarms(withoutUnits(stickyModel(0)), 100, HEAVY, 5_000)
  assert.ok(alarms > 10, `${alarms} of 100`)
})

test('with units mapped the same users accuse an equal candidate in at most 1 % of rollouts, though they are heard again and again', () => {
  const alarms = falseAlarms(stickyModel(0), 100, HEAVY, 5_000)
  assert.ok(alarms <= 100 * ALPHA + 3 * Math.sqrt(100 * ALPHA * (1 - ALPHA)), `${alarms} of 100`)
})

test('and in at most 1 % over a ladder whose steps move users from one version to the other', () => {
  const ladder = { ...HEAVY, panes: 240, shares: [0.01, 0.05, 0.25, 0.5] }
  const alarms = falseAlarms(stickyModel(0), 60, ladder, 9_000)
  assert.ok(alarms <= 60 * ALPHA + 3 * Math.sqrt(60 * ALPHA * (1 - ALPHA)), `${alarms} of 60`)
})

test('and in at most 1 % when the users are so few that their likeness is hardly known', () => {
  const alarms = [4, 8, 32].map((users) => falseAlarms(stickyModel(0), 40, { ...HEAVY, panes: 200, users }, 7_000))
  assert.ok(alarms.reduce((sum, count) => sum + count, 0) <= 120 * ALPHA + 3 * Math.sqrt(120 * ALPHA * (1 - ALPHA)), `${alarms} of 40 each`)
})

test('what users always bring along, an age or a slow line, passes for harm every time if requests pass for independent, and never here', () => {
  const habits = { users: 2_000, panes: 120, requests: 200, shares: [0.5], activity: 1.2 }
  assert.ok(falseAlarms(withoutUnits(habitModel()), 8, habits, 77) >= 7)
  assert.equal(falseAlarms(habitModel(), 20, habits, 77), 0)
})

const LATE = { users: 500, panes: 400, requests: 200, shares: [0.25], activity: 1, harm: { fromPane: 200, added: 0.2 } }

test('harm that begins when every user has been seen is found; first exposures alone would never see it', () => {
  const model = stickyModel(0.5)
  const { unitBlocks: _, ...firstOnly } = model
  for (const seed of [101, 102, 103, 104]) {
    const seen = last(stickyPanes(model, { ...LATE, seed, panes: 200 })).pane
    const cell = seen.cells.find((each) => each.population === 'first')
    assert.equal(cell?.blocks.get('requests')?.counts[0] ?? 0, 0, 'nobody is new any more')
    assert.ok(isRolledBack(model, { ...LATE, seed }))
    assert.ok(!isRolledBack(firstOnly, { ...LATE, seed }))
  }
})

test('harm from the beginning is found by the first exposures, before anything is known of how alike requests are', () => {
  const model = stickyModel(0.5)
  const options: Sticky = {
    users: 50_000,
    panes: 20,
    requests: 400,
    shares: [0.9],
    activity: 0,
    harm: { fromPane: 0, added: 0.3 },
    seed: 5,
  }
  const found = [...judged(model, options)].find(({ state }) => harms(state, model).rollback.length > 0)
  assert.ok(found)
  const tempered = found.state.tempered[KEY]!
  assert.equal(logEvidenceOf(tempered, []), 0, 'with few control rows in buckets the tempered half has not betted')
})

/** Asks for the next rung at every stratum, as the judge does. Returns the share reached, or -1 when it was rolled back. */
function climb(model: ModelLayout, options: Omit<Sticky, 'shares'>): number {
  const shares = [0.01, 0.05, 0.25, 0.5, 1]
  let stage = 0
  for (const { state } of judged(model, { ...options, shares }, () => stage)) {
    if (harms(state, model).rollback.length > 0) return -1
    if (stage === shares.length - 1) break
    const isProved = proofs(state, model, shares[stage + 1]! * 100).every((proof) => proof.holds)
    if (isProved && stageRows(state).candidate >= model.plan.minimumRows) stage += 1
  }
  return shares[stage]!
}

test('an equal candidate with units climbs to 100 %, though most users are seen for the first time at the first rung', () => {
  const model = stickyModel(0.5)
  const reached = [1, 2, 3, 4].map((seed) => climb(model, { seed, users: 20_000, panes: 900, requests: 200, activity: 1 }))
  assert.deepEqual(reached, [1, 1, 1, 1])
})

test('a candidate that fails three points more often never reaches 100 %', () => {
  const model = stickyModel(0.5)
  const harm = { fromPane: 0, added: 0.03 }
  for (const seed of [1, 2, 3, 4]) assert.ok(climb(model, { seed, users: 5_000, panes: 600, requests: 200, activity: 1, harm }) < 1)
})

test('the interval that a promotion rests on leaves out no difference at 5 % of looks, where that of independent requests does in one rollout in four', () => {
  const model = stickyModel(0)
  const plain = withoutUnits(model)
  const isOut = (each: ModelLayout, seed: number) => {
    for (const { state } of judged(each, { ...HEAVY, seed, panes: 200 })) {
      const { intervalLow, intervalHigh } = readings(state, each)[0]!
      if (intervalLow > 0 || intervalHigh < 0) return true
    }
    return false
  }
  const seeds = Array.from({ length: 60 }, (_, n) => 300 + n)
  const outs = (each: ModelLayout) => seeds.filter((seed) => isOut(each, seed)).length
  const [shipped, independent] = [outs(model), outs(plain)]
  assert.ok(shipped <= 60 * 0.05 + 3 * Math.sqrt(60 * 0.05 * 0.95), `${shipped} of 60`)
  assert.ok(independent > 15, `${independent} of 60`)
})

const CALM: Sticky = { users: 5_000, panes: 60, requests: 200, shares: [0.5], activity: 1, seed: 8 }

test('rows count all requests, first exposures only once each; evidence is the mean of the two', () => {
  const model = stickyModel(0)
  const { state } = last(judged(model, CALM))
  const { candidate, control } = stageRows(state)
  assert.equal(candidate + control, 60 * 200)
  const [plain, tempered] = [state.series[KEY]!, state.tempered[KEY]!]
  assert.ok(plain.kind === 'events' && tempered.kind === 'events')
  const rows = (series: typeof plain) => series.events[0]!.whole.candidateRequests + series.events[0]!.whole.controlRequests
  assert.equal(rows(tempered), 60 * 200)
  assert.ok(rows(plain) <= 5_000)
  const mean = Math.log((Math.exp(logEvidenceOf(plain, [])) + Math.exp(logEvidenceOf(tempered, []))) / 2)
  const [reading] = readings(state, model)
  assert.ok(Math.abs(reading!.logEvidence - mean) < 1e-9)
  assert.equal(reading!.candidateRows + reading!.controlRows, 60 * 200)
})

test('before a thousand control rows are in buckets nothing is betted on repeated requests, and no interval is given', () => {
  const model = stickyModel(0)
  const guardrail = model.plan.guardrails[0]!
  let isKnown = false
  for (const { state } of judged(model, { ...CALM, panes: 30 })) {
    const controlRows = (state.units['exposure']!.whole[unitKey(model)]!.rows as Float64Array).reduce((sum, rows) => sum + rows, 0)
    const betted = logEvidenceOf(state.tempered[KEY]!, []) !== 0
    assert.equal(Number.isFinite(stageDesignEffect(guardrail, 'errors', state, model)), controlRows >= ROWS_FOR_DESIGN_EFFECT)
    // The stratum that brings the thousandth row is itself judged by what was known before it.
    if (controlRows < ROWS_FOR_DESIGN_EFFECT) {
      assert.ok(!betted)
      assert.equal(readings(state, model)[0]!.intervalHigh, Number.POSITIVE_INFINITY)
    }
    isKnown ||= betted
  }
  assert.ok(isKnown)
})

test('where records do not tell their unit, a promotion says that it waits for units, not for a row more', () => {
  const model = stickyModel(0.5)
  let state = emptyEvidence(model)
  for (const { pane } of stickyPanes(model, { ...CALM, panes: 30 })) {
    const cells = pane.cells.filter((cell) => cell.population === 'all')
    state = observePane(state, { ...pane, cells }, model, CONTEXT).state
  }
  const [proof] = proofs(state, model, 100)
  assert.equal(proof!.missing, 'error-rate waits for rows of the control that tell their unit, at least 1,000 of several units')
})

function unitKey(model: ModelLayout): string {
  const block = model.unitBlocks!['exposure']!.find((each) => each.id === 'units:errors')!
  return `${block.id}@${block.hash}`
}

/** Half of all users, by bucket, run into something of their own after a quiet while. */
const STORM: Sticky = {
  users: 5_000,
  panes: 160,
  requests: 200,
  shares: [0.5],
  activity: 1,
  seed: 3,
  rateOf: () => 0.02,
  storm: { fromPane: 80, buckets: 64, added: 0.4 },
}

test('when part of the control is convicted beside the rest of it, all requests say nothing any more, and the reading says why', () => {
  const model = stickyModel(0)
  let firedAt = -1
  let frozen: EvidenceState['tempered'] = {}
  for (const { state, pane } of judged(model, STORM)) {
    const reading = readings(state, model)[0]!
    const hasFired = state.units['exposure']!.fired !== null
    assert.equal(reading.detail.includes('placebo fired: repeated requests of the same users explain this'), hasFired)
    if (!hasFired) continue
    if (firedAt < 0) {
      firedAt = pane
      frozen = state.tempered
    }
    assert.equal(logEvidenceOf(state.tempered[KEY]!, []), logEvidenceOf(frozen[KEY]!, []), 'no more bets')
    assert.ok(Math.abs(reading.logEvidence - (logEvidenceOf(state.series[KEY]!, []) - Math.LN2)) < 1e-9)
    assert.equal(state.units['exposure']!.fired, 'error-rate')
  }
  assert.ok(firedAt >= 80 && firedAt < 160, `${firedAt}`)
})

test('a split by units gives few users to a candidate: while they pause it is not silent', () => {
  const model = stickyModel(0.5)
  const isSilent = (seed: number) => {
    const options = { users: 300, panes: 150, requests: 50, shares: [0.01], activity: 0, seed }
    let state = startStage(emptyEvidence(model), model, 0)
    for (const { pane } of stickyPanes(model, options)) {
      state = passSlices(observePane(state, pane, model, { ...CONTEXT, commandedShare: 0.01 }).state, model, pane.sliceEndMs)
      if (silence(state, model).silent) return true
    }
    return false
  }
  assert.deepEqual(Array.from({ length: 20 }, (_, n) => 60 + n).filter(isSilent), [])
})

test("a placebo takes as many of the control's buckets as the candidate has share, at least one and never all", () => {
  const buckets = { rows: new Float64Array(128).fill(10), sums: new Float64Array(128).fill(1), squares: 128 }
  const chosen = (share: number) => placeboArms(buckets, share).candidateRequests / 10
  assert.deepEqual([0, 0.001, 0.01, 0.05, 0.5, 0.999, 1].map(chosen), [1, 1, 2, 7, 64, 127, 127])
  assert.deepEqual(placeboArms(buckets, 0.5), { candidateRequests: 640, controlRequests: 640, candidateEvents: 64, controlEvents: 64 })
})

test('a snapshot keeps first exposures, all requests, buckets and placebo, to the last bit, and what follows is the same', () => {
  const model = stickyModel(0.5)
  const panes = [...stickyPanes(model, { ...CALM, panes: 40 })].map(({ pane }) => pane)
  let straight = emptyEvidence(model)
  let stored = emptyEvidence(model)
  for (const pane of panes) {
    straight = observePane(straight, pane, model, CONTEXT).state
    stored = decodeEvidence(encodeEvidence(observePane(stored, pane, model, CONTEXT).state), model)
  }
  assert.deepEqual(stored, straight)
  assert.ok(encodeEvidence(stored).equals(encodeEvidence(straight)))
  const series = straight.tempered[KEY]!
  assert.ok(series.kind === 'events' && logEvidenceTwoArm(series.events[0]!.more, DEFAULT_GRID) !== 0)
})

test('a shadow mirrored by user accuses an equal candidate in at most 1 % of rollouts, and a harmful one is found, whoever was seen first', () => {
  const mirrored = { ...HEAVY, panes: 150, mirrored: true }
  const alarms = falseAlarms(stickyModel(0), 40, mirrored, 5_000)
  assert.ok(alarms <= 40 * ALPHA + 3 * Math.sqrt(40 * ALPHA * (1 - ALPHA)), `${alarms} of 40`)
  const harm = { fromPane: 0, added: 0.2 }
  for (const seed of [1, 2, 3]) assert.ok(isRolledBack(stickyModel(0.5), { ...mirrored, harm, seed }), `seed ${seed}`)
})

test('of a shadow all requests are judged: each arm has the rows of the stage, and not those of users seen for the first time', () => {
  const { state } = last(judged(stickyModel(0), { ...HEAVY, panes: 60, mirrored: true, seed: 4 }))
  const series = state.series[KEY]!
  assert.ok(series.kind === 'events')
  assert.equal(series.events[0]!.stage.candidateRequests, state.stageRows.candidate)
})
