import assert from 'node:assert/strict'
import { test } from 'node:test'
import { adjustLatched, combine } from '../../detectors/budget.ts'

test('the budget acts on the weighted mean of all scopes and names those that pass by themselves', () => {
  const scopes = [
    { logEvidence: Math.log(300), weight: 0.5 },
    { logEvidence: Math.log(50), weight: 0.25 },
    { logEvidence: Number.NEGATIVE_INFINITY, weight: 0.25 },
  ]
  const { logEvidence, named } = combine(scopes, 0.01)
  assert.ok(Math.abs(logEvidence - Math.log(162.5)) < 1e-12)
  assert.deepEqual(named, [0])
})

test('scopes without weight say nothing; weights above one and evidence that is no number are refused', () => {
  assert.deepEqual(combine([{ logEvidence: 900, weight: 0 }], 0.01), { logEvidence: Number.NEGATIVE_INFINITY, named: [] })
  assert.throws(
    () =>
      combine(
        [
          { logEvidence: 0, weight: 0.7 },
          { logEvidence: 0, weight: 0.4 },
        ],
        0.01,
      ),
    /weights/,
  )
  assert.throws(() => combine([{ logEvidence: Number.NaN, weight: 1 }], 0.01), /logEvidence/)
  assert.throws(() => combine([{ logEvidence: 0, weight: Number.NaN }], 0.01), /weight/)
})

test('a latched highest value is discounted before it counts as evidence', () => {
  for (const x of [1.5, 20, 1e4])
    assert.ok(Math.abs(Math.exp(adjustLatched(Math.log(x))) - (x - 1 - Math.log(x)) / Math.log(x) ** 2) < 1e-9 * x)
  assert.ok(Math.abs(adjustLatched(0) - Math.log(0.5)) < 1e-12)
  assert.ok(Math.abs(adjustLatched(0.00999) - adjustLatched(0.01001)) < 1e-5)
  assert.ok(adjustLatched(2000) < 2000 && Number.isFinite(adjustLatched(2000)))
})
