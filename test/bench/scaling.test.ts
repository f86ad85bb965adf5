import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type Measured, scalingFigures } from '../../bench/lib/scaling-plan.ts'
import { withFigures } from '../../bench/statistics/figures.ts'

test('every figure of the scaling page follows from the constants that were measured', () => {
  const measured = JSON.parse(readFileSync('docs/scaling/measured.json', 'utf8')) as Measured
  const page = readFileSync('docs/scaling.md', 'utf8')
  assert.equal(withFigures(page, scalingFigures(measured)), page, 'else run npm run bench:scaling')
})
