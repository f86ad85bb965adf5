/** Which slices the share commanded is compared with: those that lie wholly under one command, however late the judge hears of the stream. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyChains } from '../../src/judge/evidence/chains.ts'
import { emptyEvidence } from '../../src/judge/evidence/evidence.ts'
import { issuedLoop } from '../../src/judge/loop.ts'
import { isWhollyUnder, splitSince } from '../../src/judge/split-since.ts'
import { decodeJudge, encodeJudge, type SourceView } from '../../src/judge/state.ts'
import { BEGIN_MS, layoutOf, modelLayout, requestOf, SLICE_MS, World } from './world.ts'

const SOURCES = 4
const REQUESTS = 1000
/** A fifth of a slice under 25 %, the rest under 10 %. */
const MIXED_SHARE = 0.2 * 0.25 + 0.8 * 0.1

/** Slices of which the judge hears at different times. */
class LateWorld extends World {
  heard(source: number, startMs: number, share: number): void {
    const at = this.at[source]!
    const candidate = Array.from({ length: REQUESTS }, () => this.random() < share).filter(Boolean).length
    const from = at.offset
    at.offset += REQUESTS
    at.clockMs = startMs + SLICE_MS
    this.gateway.routed['v2']! += candidate
    this.gateway.routed['v1']! += REQUESTS - candidate
    this.send({ kind: 'pane', pane: this.pane(source, startMs, from, candidate, REQUESTS - candidate) })
    this.pulse(source, from)
  }
}

function onQuarter(seed: number): LateWorld {
  const model = modelLayout({ ladder: [10, 25, 100], dwellMs: 3_600_000, minimumRows: 0, calmAfterMs: 900_000 })
  const world = new LateWorld(model, { sources: SOURCES, requestsPerSlice: REQUESTS }, seed)
  world.slices(4)
  world.send({ kind: 'request', request: requestOf('promote') })
  world.slices(4)
  assert.equal(world.weight(), 25)
  return world
}

/**
 * A person throttles just after a slice has ended; of the four partitions one has told so. The gateway has the command a second later, and
 * the words of the others come after its ack.
 */
function throttledBetweenPulses(world: LateWorld): void {
  const startMs = world.wallMs
  const endMs = startMs + SLICE_MS
  world.wallMs = endMs + 100
  world.heard(0, startMs, 0.25)
  world.traffic = { ...world.traffic, gatewayObeys: false }
  world.send({ kind: 'request', request: requestOf('throttle') })
  world.wallMs = endMs + SLICE_MS / 5
  world.gateway.command = world.commands.at(-1)!
  world.send({ kind: 'ack', ack: world.ack('applied') })
  world.wallMs += 500
  for (let source = 1; source < SOURCES; source++) world.heard(source, startMs, 0.25)
  world.wallMs = endMs
  world.traffic = { ...world.traffic, gatewayObeys: true }
  assert.equal(world.weight(), 10)
}

function mixedSlice(world: LateWorld): void {
  world.traffic = { ...world.traffic, fixedShare: MIXED_SHARE }
  world.slice()
  world.traffic = { ...world.traffic, fixedShare: null }
}

const mismatches = (world: World) => world.said('hold').filter(({ verdict }) => verdict.rule === 'sample-ratio')

for (const seed of [1, 2, 3]) {
  test(`a slice that began under the command before accuses no gateway, though its partitions tell of it late (seed ${seed})`, () => {
    const world = onQuarter(seed)
    throttledBetweenPulses(world)
    mixedSlice(world)
    assert.match(world.said('observed').at(-1)!.summary, /^Command 3 observed/, 'the share was near enough to be seen')
    world.slices(20)
    assert.deepEqual(
      mismatches(world).map(({ summary }) => summary),
      [],
    )
  })

  test(`requests that were routed before the ack and are logged after it accuse no gateway (seed ${seed})`, () => {
    const world = onQuarter(seed)
    world.send({ kind: 'request', request: requestOf('throttle') })
    world.send({ kind: 'ack', ack: world.ack('applied') })
    mixedSlice(world)
    world.slices(20)
    assert.deepEqual(
      mismatches(world).map(({ summary }) => summary),
      [],
    )
  })

  test(`a gateway that gives as much as that for good holds the rollout, however late the ack was heard (seed ${seed})`, () => {
    const world = onQuarter(seed)
    throttledBetweenPulses(world)
    world.traffic = { ...world.traffic, fixedShare: MIXED_SHARE }
    world.slices(6)
    assert.equal(mismatches(world).length, 1)
  })
}

test('what is read as a backlog after the ack lies before the command, whenever the rest of it is heard of', () => {
  const world = onQuarter(1)
  world.send({ kind: 'request', request: requestOf('throttle') })
  world.send({ kind: 'ack', ack: world.ack('applied') })
  world.traffic = { ...world.traffic, lagRecords: 100_000, fixedShare: 0.25 }
  world.slices(5)
  const { nowMs } = world.time
  const { loop } = world.state.ladder
  assert.deepEqual([loop!.ackedAtMs > 0, loop!.observedAtMs], [true, 0])
  assert.ok(!isWhollyUnder({ ...loop!, observedAtMs: nowMs }, 'predictions/0', nowMs - SLICE_MS, SLICE_MS))
})

const view = (changes: Partial<SourceView>): SourceView => ({
  ...{ clockMs: BEGIN_MS, idle: false, ended: false, sliceRecords: 100, lagSlices: 0, heardWallMs: BEGIN_MS },
  ...changes,
})
const model = modelLayout()
const setting = (changes: { nowMs: number; wallMs: number }) => ({ ...changes, model, layout: layoutOf(model) })

test('a live stream has come as far as the wall clock when a command is acked', () => {
  const since = splitSince({ a: view({ clockMs: BEGIN_MS - 400 }) }, setting({ nowMs: BEGIN_MS - 5000, wallMs: BEGIN_MS + 700 }))
  assert.deepEqual(since, { splitSinceMs: BEGIN_MS + 700, splitSinceBySource: {} })
})

test('a partition whose producers run ahead has its own time, and the others do not wait for it', () => {
  const ahead = view({ clockMs: BEGIN_MS + 3_600_000 })
  const since = splitSince({ a: view({}), b: ahead }, setting({ nowMs: BEGIN_MS, wallMs: BEGIN_MS + 700 }))
  assert.deepEqual(since, { splitSinceMs: BEGIN_MS + 700, splitSinceBySource: { b: BEGIN_MS + 3_600_700 } })
})

test('records of last year are compared a minute later, and not next year', () => {
  const old = view({ clockMs: BEGIN_MS })
  const since = splitSince({ a: old }, setting({ nowMs: BEGIN_MS, wallMs: BEGIN_MS + 31_536_000_000 }))
  assert.equal(since.splitSinceMs, BEGIN_MS + model.plan.observeWithinMs)
  const alone = splitSince({ a: view({ heardWallMs: 0 }) }, setting({ nowMs: BEGIN_MS, wallMs: 0 }))
  assert.deepEqual(alone, { splitSinceMs: BEGIN_MS, splitSinceBySource: {} }, 'a drain knows no wall clock')
})

test('a partition that nobody reads for a while stands where the wall clock has come to, not where it was last heard', () => {
  const stuck = view({ clockMs: BEGIN_MS - 60_000, heardWallMs: BEGIN_MS - 60_000 })
  const since = splitSince({ a: stuck, b: view({}) }, setting({ nowMs: BEGIN_MS - 60_000, wallMs: BEGIN_MS + 200 }))
  const loop = { ...issuedLoop(BEGIN_MS, BEGIN_MS), ackedAtMs: BEGIN_MS, observedAtMs: BEGIN_MS, ...since }
  for (const source of ['a', 'b']) {
    assert.ok(!isWhollyUnder(loop, source, BEGIN_MS + SLICE_MS, SLICE_MS))
    assert.ok(isWhollyUnder(loop, source, BEGIN_MS + 2 * SLICE_MS, SLICE_MS))
  }
})

test('what an earlier version has stored of a command goes on with the time of its ack', () => {
  const { state } = onQuarter(1)
  const { splitSinceMs: _one, splitSinceBySource: _other, ...before } = state.ladder.loop!
  const stored = { ...state, ladder: { ...state.ladder, loop: before as typeof state.ladder.loop } }
  const { ladder } = decodeJudge(encodeJudge(stored), emptyEvidence(model), emptyChains())
  assert.deepEqual([ladder.loop!.splitSinceMs, ladder.loop!.splitSinceBySource], [before.ackedAtMs, {}])
})
