/**
 * The simulator: whole daemons under random faults, each run from one seed, and a checker that shares no code with them. Here a short
 * stretch of seeds; `npm run simulate` takes as many as one likes. And the checker is able to fail: bugs are planted, and caught.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { NO_PLANT, PLANTS, type Plant, SOURCE_PLANTS } from './simulator/plants.ts'
import { type RunResult, simulate } from './simulator/run.ts'

const SEED = 1
const RUNS = 30
/** A planted bug shows in so many runs at the latest. */
const RUNS_TO_CATCH = 60

const said = ({ seed, violations }: RunResult): string[] =>
  violations.slice(0, 3).map(({ promise, where, what }) => `seed ${seed}: ${promise}: ${where}: ${what}`)

test(`${RUNS} worlds full of faults keep every promise`, async (t) => {
  const faults: Record<string, number> = {}
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const result = await simulate(seed)
    assert.deepEqual(said(result), [])
    for (const [kind, count] of Object.entries(result.faults)) faults[kind] = (faults[kind] ?? 0) + count
  }
  t.diagnostic(JSON.stringify(faults))
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
    const main = fileURLToPath(new URL('./simulator/main.ts', import.meta.url))
    const args = ['--import', 'tsx', main, '--plant', name, '--runs', '10', '--seed', String(plant.seed)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 })
    const caught = stdout.split('\n').filter((line) => plant.caughtBy.some((promise) => line.startsWith(`  ${promise}: `)))
    t.diagnostic(caught[0] ?? '')
    assert.ok(caught.length > 0, stdout.slice(-2000))
  })
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
