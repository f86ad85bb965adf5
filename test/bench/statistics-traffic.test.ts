/** What the statistics benchmark stands on: its chance is what it says, and a rollout is the same wherever it is simulated. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { beta, binomial, chanceOf, sampler } from '../../bench/statistics/draws.ts'
import { spread } from '../../bench/statistics/pool.ts'
import type { RolloutResult } from '../../bench/statistics/rollout.ts'
import { healthyPairs, type RolloutTask, rolloutOf } from '../../bench/statistics/settings.ts'

const SEED = 5

test('binomial draws have the mean and the variance of the law, rare, common and more than half', () => {
  const random = chanceOf(SEED, 'binomial', 0)
  for (const [trials, rate] of [
    [200, 0.02],
    [200, 0.3],
    [50, 0.9],
  ] as const) {
    const draws = Array.from({ length: 20_000 }, () => binomial(random, trials, rate))
    const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length
    const variance = draws.reduce((sum, draw) => sum + (draw - mean) ** 2, 0) / draws.length
    const expected = trials * rate * (1 - rate)
    assert.ok(Math.abs(mean - trials * rate) < 4 * Math.sqrt(expected / draws.length), `mean ${mean} at ${rate}`)
    assert.ok(Math.abs(variance / expected - 1) < 0.06, `variance ${variance} at ${rate}`)
    assert.ok(draws.every((draw) => draw >= 0 && draw <= trials))
  }
})

test('beta draws and weighted draws have the means they should have', () => {
  const random = chanceOf(SEED, 'beta', 0)
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  assert.ok(Math.abs(mean(Array.from({ length: 20_000 }, () => beta(random, 0.5, 9.5))) - 0.05) < 0.002)
  const draw = sampler([1, 0, 3])
  assert.ok(Math.abs(mean(Array.from({ length: 20_000 }, () => draw(random))) - 1.5) < 0.03)
})

test('streams of different seeds, settings and rollouts differ, and the same one repeats', () => {
  const first = (seed: number, name: string, index: number) => chanceOf(seed, name, index)()
  const all = [first(1, 'plain', 0), first(2, 'plain', 0), first(1, 'storm', 0), first(1, 'plain', 1)]
  assert.equal(new Set(all).size, all.length)
  assert.equal(first(1, 'plain', 0), all[0])
})

test('a rollout is the same whichever process simulates it', async () => {
  const task: RolloutTask = { seed: SEED, setting: 'plain' }
  const module = new URL('../../bench/statistics/settings.ts', import.meta.url).href
  const spreadOut = await spread<RolloutResult>({ module, task: 'rolloutOf', argument: task, count: 3, workers: 2, chunk: 1 })
  assert.deepEqual(
    spreadOut,
    [0, 1, 2].map((index) => rolloutOf(task, index)),
  )
})

test('a task that fails ends the pool with its reason', async () => {
  const module = new URL('../../bench/statistics/settings.ts', import.meta.url).href
  const argument: RolloutTask = { seed: SEED, setting: 'nothing of the kind' }
  await assert.rejects(spread({ module, task: 'rolloutOf', argument, count: 2, workers: 1 }), /no setting is called nothing of the kind/)
})

test('peers are shown both arms of the same traffic at the shares of the ladder', () => {
  const pairs = [...healthyPairs(SEED, 'plain', 0, 80)]
  assert.equal(pairs.length, 80)
  assert.deepEqual([...new Set(pairs.map((pair) => pair.share))], [0.01, 0.05, 0.25, 0.5])
  const last = pairs.slice(60)
  const sum = (count: (pair: (typeof last)[number]) => number) => last.reduce((total, pair) => total + count(pair), 0)
  const share = sum((pair) => pair.candidate.requests) / sum((pair) => pair.candidate.requests + pair.control.requests)
  assert.ok(Math.abs(share - 0.5) < 0.05)
  assert.ok(sum((pair) => pair.control.known) > 0)
})
