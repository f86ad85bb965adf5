import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane, Pulse, Stamp } from '../../../src/domain.ts'
import { acceptPane, acceptPulse, type ChainsState, emptyChains, passedMs, settle } from '../../../src/judge/evidence/chains.ts'
import { paneOf } from './traffic.ts'

const NONE: Stamp = { epoch: 0, sequence: 0 }
const stamp = (epoch: number, sequence: number): Stamp => ({ epoch, sequence })

/** Pane n covers offsets [100n, 100n + 100). */
function pane(n: number, at: Stamp, base = NONE, given: Partial<Pane> = {}): Pane {
  return paneOf({ from: n * 100, to: (n + 1) * 100, previousTo: n * 100, stamp: at, base, ...given }, n, [])
}

function pulse(given: Partial<Pulse>): Pulse {
  const clocks = { sliceEndMs: 5_000, exposureClockMs: 5_000, outcomeClockMs: 0, describedClockMs: 0 }
  const flags = { idle: false, ended: false, lagRecords: 0, models: [] }
  return { kind: 'pulse', source: 'predictions/0', stamp: stamp(1, 1), base: NONE, from: 0, to: 0, ...clocks, ...flags, ...given }
}

function take(state: ChainsState, panes: readonly Pane[]) {
  const taken: Pane[] = []
  for (const each of panes) {
    const accepted = acceptPane(state, each)
    state = accepted.state
    if (accepted.take) taken.push(each)
  }
  return { state, taken }
}

test('a pane published twice counts once', () => {
  const { state, taken } = take(emptyChains(), [pane(0, stamp(1, 1)), pane(1, stamp(1, 2)), pane(1, stamp(1, 3)), pane(2, stamp(1, 4))])
  assert.deepEqual(
    taken.map((each) => each.to),
    [100, 200, 300],
  )
  assert.equal(state.overlaps, 1)
})

test('a pane that is missing is noticed, and judging goes on behind it', () => {
  const { state } = take(emptyChains(), [pane(0, stamp(1, 1))])
  const accepted = acceptPane(state, pane(2, stamp(1, 3)))
  assert.equal(accepted.take, true)
  assert.deepEqual(accepted.gap, { through: 100, from: 200 })
  assert.equal(accepted.state.gaps, 1)
})

test('offsets without a pane of the model are no gap', () => {
  const { state } = take(emptyChains(), [pane(0, stamp(1, 1))])
  const accepted = acceptPane(state, pane(5, stamp(1, 2), NONE, { previousTo: 100 }))
  assert.equal(accepted.gap, null)
})

test('chains of one source are told apart', () => {
  const outcome = { chain: 'outcome:30000' }
  const { taken } = take(emptyChains(), [
    pane(0, stamp(1, 1)),
    pane(0, stamp(1, 2), NONE, outcome),
    pane(0, stamp(1, 3), NONE, { model: 'other' }),
  ])
  assert.equal(taken.length, 3)
})

test('a measure task that lost its partition and writes on changes nothing', () => {
  // The old task (epoch 1) checkpoints at 300 as (1, 3), writes pane 3 wrongly and stalls; the new one (epoch 2) resumes from 300.
  // What the old one writes lands before, between and after the panes of the new one. Wrong panes end in `to - 1`.
  const base = stamp(1, 3)
  const wrong = (n: number, sequence: number) => pane(n, stamp(1, sequence), NONE, { finalAtMs: -1 })
  const log = [
    pane(0, stamp(1, 1)),
    pane(1, stamp(1, 2)),
    pane(2, stamp(1, 3)),
    wrong(3, 4),
    pane(3, stamp(2, 1), base),
    wrong(3, 5),
    wrong(4, 6),
    pane(4, stamp(2, 2), base),
    wrong(4, 7),
    wrong(5, 8),
    wrong(6, 9),
    pane(5, stamp(2, 3), base),
  ]
  let chains = emptyChains()
  let counted: Pane[] = []
  for (const each of log) {
    const accepted = acceptPane(chains, each)
    chains = accepted.state
    const { rewind } = accepted
    if (rewind) counted = counted.filter((old) => old.to <= rewind.through['delays|exposure']!)
    if (accepted.take) counted.push(each)
  }
  assert.deepEqual(
    counted.map((each) => each.to),
    [100, 200, 300, 400, 500, 600],
  )
  assert.ok(counted.every((each) => each.finalAtMs !== -1))
  assert.equal(chains.stale, 5)
})

test('what was decided on stays decided when a higher epoch resumes from before it', () => {
  let { state } = take(emptyChains(), [pane(0, stamp(1, 1)), pane(1, stamp(1, 2)), pane(2, stamp(1, 3))])
  state = settle(state, 'delays', [{ source: 'predictions/0', chain: 'exposure', to: 200 }])
  const again = [1, 2, 3].map((n) => pane(n, stamp(2, n), stamp(1, 1)))
  const { taken, state: after } = take(state, again)
  assert.deepEqual(
    taken.map((each) => each.to),
    [300, 400],
  )
  assert.equal(after.overlaps, 1)
})

test('the pulse with which a new owner begins takes back undecided panes at once', () => {
  const { state } = take(emptyChains(), [pane(0, stamp(1, 1)), pane(1, stamp(1, 2))])
  const accepted = acceptPulse(state, pulse({ stamp: stamp(7, 1), base: stamp(1, 1) }))
  assert.equal(accepted.rewind?.through['delays|exposure'], 100)
  assert.equal(acceptPane(accepted.state, pane(1, stamp(1, 3))).refused, 'stale-epoch')
  assert.equal(acceptPulse(accepted.state, pulse({ stamp: stamp(1, 9) })).refused, 'stale-epoch')
  assert.equal(acceptPane(accepted.state, pane(1, stamp(7, 2), stamp(1, 1))).take, true)
})

test('a pulse that names a model without its pane says that one is behind', () => {
  const { state } = take(emptyChains(), [pane(0, stamp(1, 1))])
  assert.deepEqual(acceptPulse(state, pulse({ stamp: stamp(1, 2), to: 100, models: ['delays'] })).behind, [])
  assert.deepEqual(acceptPulse(state, pulse({ stamp: stamp(1, 2), to: 200, models: ['delays'] })).behind, ['delays'])
})

test('a slice is passed when every source that is not idle has passed it', () => {
  let state = acceptPulse(emptyChains(), pulse({})).state
  state = acceptPulse(state, pulse({ source: 'predictions/1', sliceEndMs: 20_000 })).state
  assert.equal(passedMs(state), 5_000)
  state = acceptPulse(state, pulse({ stamp: stamp(1, 2), idle: true })).state
  assert.equal(passedMs(state), 20_000)
})

test('the chains survive a snapshot as JSON', () => {
  const { state } = take(emptyChains(), [pane(0, stamp(1, 1)), pane(1, stamp(1, 2))])
  assert.deepEqual(JSON.parse(JSON.stringify(state)), state)
})
