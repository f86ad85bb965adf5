/** The weights of the start mixture are a budget: all of them together, for ever, come to one and not more. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logAdd } from '../../detectors/math/log-sum-exp.ts'
import { advanceMixture, emptyMixture, logStartWeight } from '../../detectors/math/start-mixture.ts'

const STRATA = 1_000_000

/** What stands behind a stratum n is at most ∫ c/(x ln² x) from n + 1 on: c / ln(n + 1). */
function totalWeight(): { readonly low: number; readonly high: number } {
  let sum = 0
  for (let stratum = 0; stratum < STRATA; stratum += 1) sum += Math.exp(logStartWeight(stratum))
  const constant = Math.exp(logStartWeight(0)) * 2 * Math.log(2) ** 2
  return { low: sum + constant / Math.log(STRATA + 2), high: sum + constant / Math.log(STRATA + 1) }
}

test('the weights of all strata there will ever be sum to one', () => {
  const { low, high } = totalWeight()
  assert.ok(high <= 1 + 1e-6, `${high}`)
  assert.ok(low >= 1 - 1e-6, `${low}`)
})

test('without evidence the capital at work is what has been put in, and never more than one', () => {
  let capital = emptyMixture(1)
  let putIn = Number.NEGATIVE_INFINITY
  for (let stratum = 0; stratum < 5_000; stratum += 1) {
    capital = advanceMixture(capital, stratum, [0])
    putIn = logAdd(putIn, logStartWeight(stratum))
    assert.ok(Math.abs(capital[0]! - putIn) < 1e-9)
  }
  assert.ok(capital[0]! < 0)
})
