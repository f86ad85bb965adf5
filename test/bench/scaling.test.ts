import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cpuOfAPane, type Measured, scalingFigures } from '../../bench/lib/scaling-plan.ts'
import { withFigures } from '../../bench/statistics/figures.ts'

test('every figure of the scaling page follows from the constants that were measured', () => {
  const measured = JSON.parse(readFileSync('docs/scaling/measured.json', 'utf8')) as Measured
  const page = readFileSync('docs/scaling.md', 'utf8')
  assert.equal(withFigures(page, scalingFigures(measured)), page, 'else run npm run bench:scaling')
})

test('the plan by hand: strata close by requests or by panes, whichever is fewer, and cells are those of the plan', () => {
  const bytes = { bytesPending: 100, paneBytes: 1000, paneCells: 10, evidenceBytes: 500_000 }
  const { region } = scalingFigures({ jsonPerCore: 1, avroPerCore: 1, judgeUsPerStratum: 1000, judgeScopes: 10, paneCpuUs: 500, ...bytes })
  // 1,600 panes a second, half of them of exposures; 333 requests a second and model.
  assert.deepEqual([region.panesPerSecond, region.strataPerSecondAtDefault, region.strataPerSecond], [1600, 800, 83])
  const near = (found: number, expected: number) => assert.ok(Math.abs(found / expected - 1) < 0.001, `${found} for ${expected}`)
  near(region.judgeCoresAtDefault, 800 * 20 * 100e-6)
  near(region.judgeCores, (166_667 / 2000) * 20 * 100e-6)
  near(region.paneMBps, 1600 * 0.004)
  near(region.paneCores, 0.8)
  near(region.stateMBps, (1600 / 300) * 1)
  near(region.pendingMillionsPerPartition, (166_667 * 330) / 48 / 1e6)
})

test('the cost of a pane is what the panes of more models add to a stream', () => {
  const row = (models: number, steadyUsPerEvent: number, paneRecords: number) => ({ models, steadyUsPerEvent, paneRecords })
  assert.equal(cpuOfAPane(1_000_000, row(1, 1, 100), row(100, 3, 4100)), 500)
})
