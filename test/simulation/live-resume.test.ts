/**
 * A quiet partition's open slice is closed by the wall clock in mid-slice; then the daemon is killed, and started again, and traffic
 * resumes within the same slice. Whenever the kill comes, every offset is in exactly one pane, and the judge counts each request once.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pane } from '../../src/domain.ts'
import { panesIn } from './fill.ts'
import { type Life, MODEL, Stage } from './stage.ts'

const PARTITIONS = 2
const POLICY = `
version: 1
inputs:
  predictions: { topic: predictions }
  outcomes: { topic: outcomes }
timing: { slice: 60s, idleAfter: 10s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    outcomes: { click: { horizon: 20s } }
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
      - { kind: wrong-outcome, marginPoints: 5 }
`

const QUIET_MS = [9_000, 9_900, 10_000, 10_100, 10_200, 10_400, 11_000, 14_000]

for (const quietMs of QUIET_MS) {
  test(`killed after ${quietMs} ms of quiet in mid-slice: no offset is lost or counted twice`, async () => {
    const world = new Stage({ seed: quietMs, partitions: PARTITIONS, policy: POLICY, outcomes: true })
    const first = await world.start()
    await world.run(80)
    world.conduct.perSecond = 0
    await world.clock.advance(quietMs)
    await first.kill()
    const second = await world.start()
    await world.clock.advance(1000)
    world.conduct.perSecond = 60
    await world.run(7)
    await second.kill()
    const third = await world.start()
    await world.run(150)
    await third.stop()
    const splits = await check(world, [first, second, third])
    if (quietMs >= 10_400) assert.equal(splits, PARTITIONS, 'each partition had its slice closed in the middle')
  })
}

async function check(world: Stage, lives: readonly Life[]): Promise<number> {
  const { panes, refused } = await panesIn(world.log, world.topics.panes)
  assert.deepEqual(refused, [], 'a pane written again is the pane written before')
  for (const { events } of lives)
    assert.deepEqual(
      events.filter(({ event }) => event === 'pane-gap'),
      [],
    )
  const all = [...panes.values()]
  let requests = 0
  let splits = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const exposures = chainOf(all, `predictions/${partition}`, 'exposure')
    const outcomes = chainOf(all, `predictions/${partition}`, 'outcome:20000')
    assert.ok(exposures.length >= 4, `${exposures.length} panes`)
    const end = exposures.at(-1)!.to
    assert.equal(sum(exposures, 'requests', 0), end, 'every offset up to the last pane is one request')
    assert.equal(sum(outcomes, 'outcome:click', 1), outcomes.at(-1)!.to, 'and has its label')
    requests += end
    splits += exposures.length - new Set(exposures.map(({ sliceStartMs }) => sliceStartMs)).size
  }
  assert.ok(requests > 60 * 200)
  return splits
}

/** Panes of a chain in order; each begins where the one before it ended. */
function chainOf(panes: readonly Pane[], source: string, chain: string): Pane[] {
  const found = panes.filter((pane) => pane.source === source && pane.chain === chain).sort((a, b) => a.from - b.from)
  let through = 0
  for (const pane of found) {
    assert.equal(pane.from, through, `${source} ${chain}: a pane begins where the one before ended`)
    assert.equal(pane.previousTo, through)
    through = pane.to
  }
  return found
}

function sum(panes: readonly Pane[], block: string, slot: number): number {
  let total = 0
  for (const { cells } of panes) {
    for (const cell of cells) if (cell.scope === '__all__' && cell.population === 'all') total += cell.blocks.get(block)?.counts[slot] ?? 0
  }
  return total
}
