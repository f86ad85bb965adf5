/** The yardstick of the delay tables: the oracle's promise, the judge's own strata, and figures that do not hide what was not found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { typical } from '../../bench/statistics/delay.ts'
import {
  type DelaySetting,
  delayRun,
  delayRuns,
  manyScopes,
  ONE_SCOPE,
  STRATUM_REQUESTS,
  Stratum,
} from '../../bench/statistics/delay-runs.ts'
import { oracleBets } from '../../bench/statistics/peers/oracle.ts'
import type { OpenPane } from '../../src/judge/evidence/state.ts'
import { EMPTY_STRATA, fill } from '../../src/judge/evidence/strata.ts'
import { seededRandom } from '../../src/kit/random.ts'

const SETTING: DelaySetting = {
  baseRate: 0.1,
  odds: 3,
  requestsPerPane: 2,
  candidateShare: 0.1,
  onsetStrata: 0,
  strataMax: 5_000,
  alpha: 0.01,
  budget: ONE_SCOPE,
}

test('the oracle’s bet is fair at every rate that both arms share, and grows when the harm is there', () => {
  const share = 0.1
  const bets = oracleBets(0.02, 0.06, share)
  for (const rate of [0.001, 0.02, 0.024, 0.3, 0.9]) {
    const mean =
      share * (rate * Math.exp(bets.candidateEvent) + (1 - rate) * Math.exp(bets.candidateNone)) +
      (1 - share) * (rate * Math.exp(bets.controlEvent) + (1 - rate) * Math.exp(bets.controlNone))
    assert.ok(Math.abs(mean - 1) < 1e-12)
  }
  assert.ok(bets.growth > 0)
})

for (const requestsPerPane of [200, 2, 0.1]) {
  test(`strata of the delay bench are the judge’s own at ${requestsPerPane} requests a pane`, () => {
    const stratum = new Stratum({ ...SETTING, requestsPerPane, candidateShare: 0.004 }, seededRandom(3))
    const rule = { requests: STRATUM_REQUESTS, maxAgeMs: Number.POSITIVE_INFINITY, currentStage: 0 }
    let strata = EMPTY_STRATA
    for (let index = 0; index < 20; index += 1) {
      stratum.fill(3)
      const panes = panesOf(stratum)
      for (const [at, pane] of panes.entries()) {
        const filled = fill(strata, pane, 0, 'exposure', rule)
        strata = filled.strata
        const isLast = at === panes.length - 1
        assert.equal(filled.closed.length, isLast ? 1 : 0)
        if (!isLast) continue
        assert.deepEqual([filled.closed[0]!.candidate, filled.closed[0]!.control], [stratum.candidate, stratum.control])
      }
    }
  })
}

/** Panes with at least one request; empty ones change nothing. */
function panesOf(stratum: Stratum): OpenPane[] {
  const arms = new Map<number, { candidate: number; control: number }>()
  for (let index = 0; index < stratum.requests; index += 1) {
    const pane = arms.get(stratum.pane[index]!) ?? { candidate: 0, control: 0 }
    if ((stratum.bits[index]! & 2) === 2) pane.candidate += 1
    else pane.control += 1
    arms.set(stratum.pane[index]!, pane)
  }
  return [...arms].map(([at, pane]) => ({ source: 's', to: at, sliceStartMs: at, sliceEndMs: at + 1, cells: [], ...pane }))
}

test('panes hold as many requests on average as they should', () => {
  for (const requestsPerPane of [200, 2, 0.1]) {
    const stratum = new Stratum({ ...SETTING, requestsPerPane }, seededRandom(11))
    let requests = 0
    let panes = 0
    for (let index = 0; index < 400; index += 1) {
      stratum.fill(1)
      requests += stratum.requests
      panes += stratum.panes
    }
    // Three standard errors, and what a stratum that ends on a filled pane adds: less than one request each.
    const error = (3 * Math.sqrt(requests / 400)) / Math.sqrt(400)
    assert.ok(Math.abs(requests / panes / requestsPerPane - 1) < (error + 1) / (requests / 400) + 0.01)
  }
})

test('420 scopes spend the whole budget and no more, a quarter of it on the harmed event in everyone', () => {
  const budget = manyScopes()
  const scopes = (1 + budget.segments) * (1 + budget.others)
  const spent =
    budget.wholeWeight +
    budget.segments * budget.segmentWeight +
    budget.others * (budget.otherWholeWeight + budget.segments * budget.otherSegmentWeight)
  assert.equal(scopes, 420)
  assert.ok(Math.abs(spent - 1) < 1e-9)
  assert.equal(budget.wholeWeight, 0.25)
})

test('a harm is found within twice the oracle’s requests, and the oracle within what its growth says', () => {
  const runs = delayRuns({ seed: 5, settings: [{ name: 'test', rollouts: 100, setting: SETTING }], parts: 1 }, 0)
  const mean = (of: (run: (typeof runs)[number]) => number) => runs.reduce((sum, run) => sum + of(run), 0) / runs.length
  const growth = oracleBets(0.1, 0.25, 0.1).growth
  const wald = Math.log(100) / growth
  const oracle = mean((run) => run.oracleRequests)
  assert.ok(oracle > 0.8 * wald && oracle < 1.6 * wald, `${oracle} requests beside Wald's ${wald}`)
  assert.ok(mean((run) => run.requests) < 2 * mean((run) => run.oracleReadRequests))
})

test('an equal candidate is found harmful in no more rollouts than α allows', () => {
  const healthy = { ...SETTING, odds: 1.0001, strataMax: 60 }
  const alarms = Array.from({ length: 400 }, (_, seed) => delayRun(healthy, seededRandom(seed))).filter((run) =>
    Number.isFinite(run.strata),
  )
  assert.ok(alarms.length <= 4 + 3 * Math.sqrt(4))
})

test('a figure is the mean when all were found, the median when most were, and no number otherwise', () => {
  assert.equal(typical([1, 2, 6]), 3)
  assert.equal(typical([1, 2, null]), 2)
  assert.equal(typical([1, null, null]), Number.NaN)
  assert.equal(typical([1, 3, 5, Number.POSITIVE_INFINITY]), 4)
})
