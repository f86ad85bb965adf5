/** The cost benchmark runs through the product's own measure and judge and says all its figures. How large they are is no test's business. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cost } from '../../bench/statistics/cost-section.ts'

test('the cost section weighs every setting, prints one row for each, and every figure is a positive number', async () => {
  const { markdown, json } = await cost({ seed: 1, small: true, workers: 1, log: () => {} })
  const { settings, ...ratios } = json['cost'] as { settings: readonly Record<string, number | string>[] } & Record<string, number>
  assert.equal(settings.length, 5)
  assert.equal(markdown.split('\n').filter((line) => line.startsWith('| ')).length, settings.length + 2)
  const figures = [...Object.values(ratios), ...settings.flatMap((setting) => Object.values(setting))].filter(
    (each) => typeof each !== 'string',
  )
  for (const figure of figures) assert.ok(typeof figure === 'number' && figure > 0 && Number.isFinite(figure), JSON.stringify(json))
})
