/** The slice length is changed between two lives of the daemon: panes neither overlap nor leave a gap, and every request counts once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/load.ts'
import { panesIn } from './fill.ts'
import { MODEL, Stage } from './stage.ts'

const policy = (slice: string): string => `
version: 1
inputs:
  predictions: { topic: predictions }
  outcomes: { topic: outcomes }
timing: { slice: ${slice}, idleAfter: 10s, settling: 1s }
models:
  ${MODEL}:
    control: v1
    candidate: v2
    outcomes: { click: { horizon: 20s } }
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
      - { kind: wrong-outcome, marginPoints: 5 }
`

for (const [before, after] of [
  ['1s', '2s'],
  ['5s', '3s'],
  ['4s', '10s'],
] as const) {
  test(`slices of ${before} become slices of ${after}: no pane is refused, no chain has a gap`, async () => {
    const world = new Stage({ seed: 5, partitions: 2, policy: policy(before), outcomes: true })
    const first = await world.start()
    await world.run(47)
    await first.stop()
    world.layout = parsePolicy(policy(after), 'stage.yaml').layout
    const second = await world.start()
    await world.run(60)
    world.conduct.perSecond = 0
    await world.clock.advance(15_000, 100)
    await second.stop()
    const events = [...first.events, ...second.events].filter(({ event }) => event === 'pane-gap' || event === 'pane-refused')
    assert.deepEqual(events, [])
    const { panes, refused } = await panesIn(world.log, world.topics.panes)
    assert.deepEqual(refused, [])
    const cells = [...panes.values()]
      .filter(({ chain }) => chain === 'exposure')
      .flatMap((pane) => pane.cells.filter((cell) => cell.scope === '__all__' && cell.population === 'all'))
    const requests = cells.reduce((sum, cell) => sum + (cell.blocks.get('requests')?.counts[0] ?? 0), 0)
    const served = Object.values(world.served).reduce((sum, one) => sum + one, 0)
    assert.equal(requests, served)
  })
}
