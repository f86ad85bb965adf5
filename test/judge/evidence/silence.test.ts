/** Silence without counts from the gateways: who answers seldom is not dead, who died is found, and a slow clock is not a late death. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { binomial } from '../../../detectors/math/random.ts'
import type { Pane } from '../../../src/domain.ts'
import { arrivalsAfterPane } from '../../../src/judge/arrivals.ts'
import { passedMs } from '../../../src/judge/evidence/chains.ts'
import {
  decodeEvidence,
  type EvidenceState,
  emptyEvidence,
  encodeEvidence,
  observePane,
  passSlices,
  silence,
} from '../../../src/judge/evidence/evidence.ts'
import { awaitingMute, heardNow, lagging, mute } from '../../../src/judge/sources.ts'
import { NO_ARRIVALS } from '../../../src/judge/state.ts'
import { seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE } from '../../../src/policy/layout.ts'
import { modelOf, paneOf, SLICE_MS } from './traffic.ts'

const MODEL = modelOf({ guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'] }] })
const SHARE = 0.02

function pane(slice: number, candidate: number, control: number, given: Partial<Pane> = {}): Pane {
  const cell = (version: string, requests: number) => {
    const blocks = new Map([['requests', { counts: Float64Array.of(requests), sums: new Float64Array(0) }]])
    return { version, scope: ALL_SCOPE, population: 'all' as const, blocks }
  }
  const offsets = { from: slice * 1_000, to: (slice + 1) * 1_000, previousTo: slice * 1_000 }
  return paneOf({ ...offsets, cells: [cell('v2', candidate), cell('v1', control)], ...given }, slice, MODEL.exposureBlocks)
}

function observe(state: EvidenceState, each: Pane): EvidenceState {
  return observePane(state, each, MODEL, { settlingUntilMs: 0, commandedShare: SHARE, maxStratumAgeMs: 60_000 }).state
}

/** Slices of 60 requests, the candidate's share of them as given; returns the slice at which it passed for silent, -1: never. */
function silentAfter(seed: number, slices: number, shareIn: (slice: number) => number): number {
  const random = seededRandom(seed)
  let state = emptyEvidence(MODEL)
  for (let slice = 0; slice < slices; slice += 1) {
    const candidate = binomial(random, 60, shareIn(slice))
    state = passSlices(observe(state, pane(slice, candidate, 60 - candidate)), MODEL, (slice + 1) * SLICE_MS)
    if (silence(state, MODEL).silent) return slice
  }
  return -1
}

test('a splitter that gives the candidate half of what was commanded has not silenced it', (t) => {
  const silenced = Array.from({ length: 200 }, (_, seed) => silentAfter(seed + 1, 500, () => SHARE / 2)).filter(
    (slice) => slice >= 0,
  ).length
  t.diagnostic(`${silenced} of 200`)
  // The level of a rollback, 1 %, and three standard errors.
  assert.ok(silenced <= 6, `${silenced} of 200`)
})

test('a candidate that stops answering is silent within three minutes, though it answered for half an hour', () => {
  const dies = 360
  for (let seed = 1; seed <= 20; seed += 1) {
    const at = silentAfter(seed, 460, (slice) => (slice < dies ? SHARE : 0))
    assert.ok(at >= dies && at <= dies + 36, `seed ${seed}: slice ${at}`)
  }
})

test('the quiet of a candidate ends when its pane comes, though a partition with few records stamped it long ago', () => {
  let state = emptyEvidence(MODEL)
  for (let slice = 0; slice < 40; slice += 1) state = observe(state, pane(slice, 0, 60))
  state = passSlices(state, MODEL, 40 * SLICE_MS)
  assert.equal(silence(state, MODEL).quietMs, 40 * SLICE_MS)
  state = observe(state, pane(2, 5, 0, { source: 'candidates/0' }))
  for (let slice = 40; slice < 44; slice += 1) state = observe(state, pane(slice, 0, 60))
  state = passSlices(state, MODEL, 44 * SLICE_MS)
  const { quietMs, quietRequests } = silence(state, MODEL)
  assert.deepEqual({ quietMs, quietRequests }, { quietMs: 4 * SLICE_MS, quietRequests: 240 })
})

test('an idle partition that nobody speaks for any more is waited for, and counts as behind; a take-over hears everybody anew', () => {
  const view = { clockMs: 100_000, ended: false, sliceRecords: 10, lagSlices: 0 }
  const sources = {
    'predictions/0': { ...view, clockMs: 200_000, idle: false, heardWallMs: 1_000_000 },
    'predictions/1': { ...view, idle: true, heardWallMs: 950_000 },
  }
  assert.deepEqual(mute(sources, 960_000, 20_000), [])
  assert.deepEqual(mute(sources, 1_000_000, 20_000), ['predictions/1'])
  assert.deepEqual(lagging(sources, 20_000), [])
  assert.deepEqual(lagging(awaitingMute(sources, 1_000_000, 20_000), 20_000), ['predictions/1'])
  assert.deepEqual(mute(heardNow(sources, 1_000_000), 1_000_000, 20_000), [])
  const stamp = { epoch: 1, sequence: 1 }
  const source = { epoch: 1, stamp, exposureClockMs: 0, outcomeClockMs: 0, describedClockMs: 0, ended: false, lagRecords: 0, chains: {} }
  const chains = {
    sources: {
      'predictions/0': { ...source, sliceEndMs: 200_000, idle: false },
      'predictions/1': { ...source, sliceEndMs: 100_000, idle: true },
    },
    overlaps: 0,
    stale: 0,
    gaps: 0,
  }
  assert.equal(passedMs(chains), 200_000)
  assert.equal(passedMs(chains, ['predictions/1']), 100_000)
})

test('what was routed while the predictions of both versions were lost accuses nobody when the control comes back first', () => {
  const silentAfterMs = 30_000
  const at = (sliceEndMs: number) => ({ nowMs: sliceEndMs, wallMs: sliceEndMs, silentAfterMs })
  const before = { ...NO_ARRIVALS, candidateSeenMs: 100_000, controlSeenMs: 100_000, routedSince: 250, routedEnoughAtMs: 150_000 }
  const back = arrivalsAfterPane(before, { candidate: 0, control: 40 }, 500_000, at(500_000))
  assert.deepEqual([back.routedSince, back.routedEnoughAtMs, back.controlSeenMs], [0, 0, 500_000])
  const flowing = { ...before, controlSeenMs: 495_000 }
  assert.equal(arrivalsAfterPane(flowing, { candidate: 0, control: 40 }, 500_000, at(500_000)).routedSince, 250)
})

test('a snapshot of a version that kept less about silence is read, and judging goes on from it', () => {
  const state = observe(emptyEvidence(MODEL), pane(0, 3, 57))
  const { heard: _heard, heardUntilMs: _until, ...gates } = state.gates
  const before = { ...state, gates } as EvidenceState
  const read = decodeEvidence(encodeEvidence(before), MODEL)
  const went = passSlices(observe(read, pane(1, 0, 60)), MODEL, 2 * SLICE_MS)
  assert.ok(Number.isFinite(silence(went, MODEL).logEvidence))
  assert.deepEqual(went.gates.heard, { arrived: 3, total: 120, quiet: 60 })
})
