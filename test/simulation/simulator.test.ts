/**
 * The simulator: whole daemons under random faults, each run from one seed, and a checker that shares no code with them. Here a short
 * stretch of seeds; `npm run simulate` takes as many as one likes. And the checker is able to fail: bugs are planted, and caught.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checkpointPartition } from '../../src/shell/checkpoint-store.ts'
import { encodeCheckpoint } from '../../src/wire/checkpoints.ts'
import { claimKey } from '../../src/wire/keys.ts'
import { NO_PLANT, PLANTS, type Plant, SOURCE_PLANTS } from './simulator/plants.ts'
import { type RunResult, simulate } from './simulator/run.ts'
import type { SimWorld } from './simulator/world.ts'

const SEED = 1
const RUNS = 30
/** A planted bug shows in so many runs at the latest. */
const RUNS_TO_CATCH = 60

const said = ({ seed, violations }: RunResult): string[] =>
  violations.slice(0, 3).map(({ promise, where, what }) => `seed ${seed}: ${promise}: ${where}: ${what}`)

test(`${RUNS} worlds full of faults keep every promise`, async (t) => {
  const faults: Record<string, number> = {}
  let anchors = 0
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const result = await simulate(seed)
    assert.deepEqual(said(result), [])
    anchors += result.decisions.filter((hex) => Buffer.from(hex, 'hex').includes('"previous":null')).length
    for (const [kind, count] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + count
  }
  t.diagnostic(JSON.stringify(faults))
  assert.ok(anchors >= RUNS, `midnight came in every world, and ${anchors} chains were anchored`)
  for (const kind of ['daemon-killed', 'daemon-paused', 'commit-unknown-done', 'commit-unknown-left-open', 'member-thrown-out']) {
    assert.ok((faults[kind] ?? 0) > 0, `${kind} happened`)
  }
})

test('a seed is a run: twice the same one leaves the same bytes on the decisions topic, and the same number of steps', async () => {
  const [one, other] = [await simulate(7), await simulate(7)]
  assert.equal(one.steps, other.steps)
  assert.ok(one.decisions.length > 0)
  assert.deepEqual(one.decisions, other.decisions)
})

/** Seeds in which the checker once asked too soon, or took a rollback from `offline` for a leap past the shadow. */
for (const seed of [1, 7]) {
  test(`writes held up long after the trouble do not leave a world unsettled when the checker looks (seed ${seed})`, async () => {
    const result = await simulate(seed, NO_PLANT, false, ({ scheduler, cluster, daemons }) => {
      scheduler.after(46_000, () => {
        for (const { process } of daemons) process.slowWrites = 4
        for (const group of cluster.groups) group.throwOut()
      })
    })
    assert.deepEqual(said(result), [])
  })
}

/** Seeds in which panes of those who woke up lay across the next owner's, and offsets were lost. */
for (const seed of [300_002, 300_011, 300_012]) {
  test(`members that wake up behind the claim of one that died lose nothing, though they take their partitions for quiet (seed ${seed})`, async () => {
    const result = await simulate(seed, NO_PLANT, false, (world) => {
      for (let ms = 5000; ms < 34_000; ms += 6000) {
        world.scheduler.after(ms, () => sleepForALittle(world))
        world.scheduler.after(ms + 500, () => claimAll(world))
      }
    })
    assert.deepEqual(said(result), [])
  })
}

test('the simulator ends with 0 when no promise was broken', async () => {
  const { stdout, code } = await ended('--runs', '1', '--seed', '1')
  assert.equal(code, 0, stdout)
})

for (const [name, plant] of Object.entries(PLANTS)) {
  test(`caught when ${plant.breaks} (${name})`, async (t) => {
    const { caught, runs } = await firstCatch(plant)
    assert.notEqual(caught, null, `not in ${runs} runs`)
    t.diagnostic(`after ${runs} runs, ${said(caught!)[0]}`)
    // The same seed without the bug is in order.
    assert.deepEqual(said(await simulate(caught!.seed, NO_PLANT, true)), [])
  })
}

for (const [name, plant] of Object.entries(SOURCE_PLANTS)) {
  test(`caught when ${plant.breaks} (${name})`, async (t) => {
    const { stdout, code } = await ended('--plant', name, '--runs', '3', '--seed', String(plant.seed))
    const caught = stdout.split('\n').filter((line) => plant.caughtBy.some((promise) => line.startsWith(`  ${promise}: `)))
    t.diagnostic(caught[0] ?? '')
    assert.ok(caught.length > 0, stdout.slice(-2000))
    assert.equal(code, 1, 'a broken promise is told by the exit code too')
  })
}

/** Less than the group notices, and long enough for a partition to seem quiet. */
function sleepForALittle({ daemons, scheduler }: SimWorld): void {
  for (const { process } of daemons) {
    if (process.paused) continue
    process.pause()
    scheduler.after(4000 + scheduler.between(0, 900), () => process.resume())
  }
}

/** By a member that does no more than that. */
function claimAll({ cluster: { broker }, plan, scheduler, topics }: SimWorld): void {
  for (let partition = 0; partition < plan.inputPartitions; partition++) {
    const source = `predictions/${partition}`
    const value = encodeCheckpoint({ kind: 'claim', source, nonce: String(partition), atMs: scheduler.nowMs })
    const place = checkpointPartition(source, broker.topics.get(topics.checkpoints)!.length)
    broker.append(topics.checkpoints, place, [{ key: claimKey(source), value }], null)
  }
}

/** The command line: what it printed, and the code it ended with. */
async function ended(...args: string[]): Promise<{ readonly stdout: string; readonly code: number }> {
  const main = fileURLToPath(new URL('./simulator/main.ts', import.meta.url))
  const run = promisify(execFile)(process.execPath, ['--import', 'tsx', main, ...args], { maxBuffer: 1 << 26 })
  return run.then(
    ({ stdout }) => ({ stdout, code: 0 }),
    ({ stdout, code }: { stdout: string; code: number }) => ({ stdout, code }),
  )
}

async function firstCatch(plant: Plant): Promise<{ caught: RunResult | null; runs: number }> {
  for (let run = 1; run <= RUNS_TO_CATCH; run++) {
    const result = await simulate(plant.seed + run - 1, plant)
    // For what it is, not for something else.
    const violations = result.violations.filter(({ promise }) => plant.caughtBy.includes(promise))
    if (violations.length > 0) return { caught: { ...result, violations }, runs: run }
  }
  return { caught: null, runs: RUNS_TO_CATCH }
}
