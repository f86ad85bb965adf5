import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane } from '../../../src/domain.ts'
import {
  type EvidenceState,
  emptyEvidence,
  forgetUndecided,
  type ObserveContext,
  observePane,
  stageRows,
  startStage,
} from '../../../src/judge/evidence/evidence.ts'
import { ALL_SCOPE } from '../../../src/policy/layout.ts'
import { modelOf, paneOf, SLICE_MS } from './traffic.ts'

const MODEL = modelOf({ guardrails: [{ kind: 'error-rate', blocks: ['requests', 'errors'] }] })
const CONTEXT: ObserveContext = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }

/** A pane that holds requests and nothing else. */
function pane(slice: number, candidate: number, control: number, given: Partial<Pane> = {}): Pane {
  const cell = (version: string, requests: number) => {
    const blocks = new Map([['requests', { counts: Float64Array.of(requests), sums: new Float64Array(0) }]])
    return { version, scope: ALL_SCOPE, population: 'all' as const, blocks }
  }
  const cells = [cell('v2', candidate), cell('v1', control)]
  return paneOf({ cells, from: slice * 100, to: (slice + 1) * 100, previousTo: slice * 100, ...given }, slice, MODEL.exposureBlocks)
}

function feed(panes: readonly Pane[], start: EvidenceState = emptyEvidence(MODEL)) {
  const closed: number[] = []
  let state = start
  panes.forEach((each, index) => {
    const observed = observePane(state, each, MODEL, CONTEXT)
    state = observed.state
    if (observed.closed.length > 0) closed.push(index)
  })
  return { state, closed }
}

test('a stratum closes at 200 requests, whatever they show', () => {
  const { closed } = feed([pane(0, 30, 70), pane(1, 30, 60), pane(2, 5, 5), pane(3, 10, 189), pane(4, 1, 0)])
  assert.deepEqual(closed, [2, 4])
})

test('a stratum waits for both arms', () => {
  const { closed, state } = feed([pane(0, 0, 500), pane(1, 0, 500), pane(2, 1, 0)])
  assert.deepEqual(closed, [2])
  assert.deepEqual(stageRows(state), { candidate: 1, control: 1_000, panes: 3 })
})

test('each source fills a stratum of its own', () => {
  const other = { source: 'predictions/1' }
  const { closed } = feed([pane(0, 50, 100), pane(0, 50, 100, other), pane(1, 10, 40), pane(1, 10, 40, other)])
  assert.deepEqual(closed, [2, 3])
})

test('sources too thin to fill a stratum in time share one', () => {
  const sources = ['predictions/0', 'predictions/1', 'predictions/2']
  const panes = Array.from({ length: 12 }, (_, slice) => sources.map((source) => pane(slice, 3, 3, { source }))).flat()
  const { state, closed } = feed(panes)
  // Twelve slices of 6 are 72 requests a source in 60 s: only the three together are enough.
  assert.deepEqual(closed, [35])
  assert.equal(stageRows(state).panes, 36)
})

test('a topic for each version is judged in strata shared by both', () => {
  const panes = Array.from({ length: 12 }, (_, slice) => [pane(slice, 0, 90), pane(slice, 10, 0, { source: 'candidates/0' })]).flat()
  const { state, closed } = feed(panes)
  assert.deepEqual(closed, [23])
  assert.deepEqual(stageRows(state), { candidate: 120, control: 1_080, panes: 24 })
})

test('a stratum never spans a change of command', () => {
  const before = feed([pane(0, 50, 50)]).state
  const staged = startStage(before, MODEL, 2 * SLICE_MS)
  const { state, closed } = feed([pane(1, 20, 20), pane(2, 50, 50), pane(3, 40, 40), pane(4, 10, 10)], staged)
  // 140 requests before the command, 180 after it until slice 4 brings 20 more.
  assert.deepEqual(closed, [3])
  assert.deepEqual(stageRows(state), { candidate: 100, control: 100, panes: 3 })
})

test('panes from before a command count for harm but not for the proof of the stage', () => {
  const staged = startStage(emptyEvidence(MODEL), MODEL, 10 * SLICE_MS)
  const { state, closed } = feed([pane(8, 100, 100), pane(9, 100, 100)], staged)
  assert.deepEqual(closed, [0, 1])
  assert.equal(stageRows(state).panes, 0)
})

test('what sources had left of the stage before is judged together on its own side', () => {
  const other = { source: 'predictions/1' }
  const open = feed([pane(0, 60, 60), pane(0, 60, 60, other)]).state
  const staged = startStage(open, MODEL, SLICE_MS)
  const { state, closed } = feed([pane(1, 10, 10), pane(1, 10, 10, other)], staged)
  assert.deepEqual(closed, [1])
  assert.equal(stageRows(state).panes, 0)
})

test('a candidate that gets no traffic lets nothing pile up', () => {
  const { state } = feed(Array.from({ length: 500 }, (_, slice) => pane(slice, 0, 100)))
  const { open, pools } = state.chains['exposure']!
  const kept = [...Object.values(open), ...pools].flatMap((stratum) => stratum.panes)
  assert.ok(kept.length <= 48, `${kept.length} panes kept`)
})

test('undecided panes can be taken back, decided ones stay', () => {
  const { state } = feed([pane(0, 100, 100), pane(1, 20, 20), pane(2, 20, 20)])
  const rewind = { source: 'predictions/0', base: { epoch: 1, sequence: 2 }, through: { 'delays|exposure': 200 } }
  const back = forgetUndecided(state, rewind)
  const { state: again } = feed([pane(2, 20, 20)], back)
  assert.deepEqual(again, state)
  assert.equal(stageRows(back).panes, 1)
})

const THIN = { source: 'candidates/0' }
/** One minute of a version that has a partition of its own. */
const minuteOf = (minute: number, candidate: number, control: number, given: Partial<Pane>) =>
  Array.from({ length: 12 }, (_, index) => pane(minute * 12 + index, candidate, control, given))

test('where each version has a partition of its own, only what happened together is judged together, however late one of them is read', () => {
  const control = minuteOf(0, 0, 90, {})
  const early = feed([...control, ...minuteOf(0, 10, 0, THIN), ...minuteOf(1, 0, 90, {}), ...minuteOf(2, 0, 90, {})])
  assert.deepEqual(stageRows(early.state), { candidate: 120, control: 1_080, panes: 24 })
  // The second minute of the candidate comes when the control has its third: it meets the control's second, and no more.
  const late = feed(minuteOf(1, 10, 0, THIN), early.state)
  assert.deepEqual(stageRows(late.state), { candidate: 240, control: 2_160, panes: 48 })
})

test('what waited too long for a partition that is not read is let go, and so is what that partition brings of the time', () => {
  const paired = [...minuteOf(0, 0, 90, {}), ...minuteOf(0, 10, 0, THIN)]
  const stuck = feed([...paired, ...[1, 2, 3, 4, 5].flatMap((minute) => minuteOf(minute, 0, 90, {}))])
  assert.equal(stageRows(stuck.state).control, 1_080, 'nothing is judged meanwhile')
  const { open, pools } = stuck.state.chains['exposure']!
  const kept = [...Object.values(open), ...pools].flatMap((stratum) => stratum.panes)
  assert.ok(kept.length <= 48, `${kept.length} panes kept`)
  const back = feed(
    [1, 2].flatMap((minute) => minuteOf(minute, 10, 0, THIN)),
    stuck.state,
  )
  assert.equal(stageRows(back.state).candidate, 120, 'its partners are gone')
  const together = feed([...minuteOf(5, 10, 0, THIN), ...minuteOf(6, 0, 90, {}), ...minuteOf(6, 10, 0, THIN)], back.state)
  assert.ok(stageRows(together.state).candidate > 120)
})
