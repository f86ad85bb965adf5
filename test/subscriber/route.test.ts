import assert from 'node:assert/strict'
import { test } from 'node:test'
import { unitPoint, versionAt, weightsProblem } from '../../src/subscriber/route.ts'

const UNITS = Array.from({ length: 20_000 }, (_, unit) => `customer-${unit}`)

function assigned(weights: Record<string, number>): string[] {
  return UNITS.map((unit) => versionAt(unitPoint('fraud', 'v2', unit), weights, 'v1', 'v2'))
}

test('the candidate is given its share of the units, within chance', () => {
  for (const share of [1, 10, 50]) {
    const got = assigned({ v1: 100 - share, v2: share }).filter((version) => version === 'v2').length / UNITS.length
    assert.ok(Math.abs(got - share / 100) < 4 * Math.sqrt(share / 100 / UNITS.length), `${share} %: ${got}`)
  }
  assert.ok(assigned({ v1: 100, v2: 0 }).every((version) => version === 'v1'))
  assert.ok(assigned({ v1: 0, v2: 100 }).every((version) => version === 'v2'))
})

test('while the candidate grows no unit leaves it, and while it shrinks none enters', () => {
  const ladder = [0, 1, 5, 10, 25, 50, 100].map((share) => assigned({ v1: 100 - share, v2: share }))
  for (let rung = 1; rung < ladder.length; rung++) {
    const [smaller, larger] = [ladder[rung - 1]!, ladder[rung]!]
    assert.ok(
      UNITS.every((_, unit) => smaller[unit] !== 'v2' || larger[unit] === 'v2'),
      `rung ${rung}`,
    )
  }
})

test('a third version keeps its units while control and candidate change places', () => {
  const before = assigned({ v0: 20, v1: 75, v2: 5 })
  const after = assigned({ v0: 20, v1: 30, v2: 50 })
  for (let unit = 0; unit < UNITS.length; unit++) {
    if (before[unit] === after[unit]) continue
    assert.deepEqual([before[unit], after[unit]], ['v1', 'v2'])
  }
})

test('the point of a unit is the one the wire document prints', () => {
  assert.equal(unitPoint('fraud', 'v2', 'customer-1').toFixed(6), '92.644601')
  assert.equal(unitPoint('fraud', 'v2', 'Zoë').toFixed(6), '34.294188')
})

test('weights that are negative, not numbers or do not sum to 100 are refused', () => {
  assert.equal(weightsProblem({ v1: 99.5, v2: 0.5 }), '')
  assert.notEqual(weightsProblem({ v1: 99, v2: 0 }), '')
  assert.notEqual(weightsProblem({ v1: 101, v2: -1 }), '')
  assert.notEqual(weightsProblem({ v1: Number.NaN, v2: 100 }), '')
  assert.notEqual(weightsProblem({}), '')
})
