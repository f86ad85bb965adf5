/**
 * What a rollout's budget promises, end to end through the evidence: strata cut from small panes, the margin of the policy, the limit
 * of the reading. `npm test -- --mutant NAME` breaks one of the things that the promise rests on, and these tests must notice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { binomial } from '../../../detectors/math/random.ts'
import type { PaneCell } from '../../../src/domain.ts'
import { emptyEvidence, harms, observePane } from '../../../src/judge/evidence/evidence.ts'
import { type Random, seededRandom } from '../../../src/kit/random.ts'
import { ALL_SCOPE, type ModelLayout } from '../../../src/policy/layout.ts'
import { modelOf, paneOf } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 3_600_000 }

interface Rollouts {
  readonly seed: number
  readonly rollouts: number
  readonly panes: number
  readonly requests: number
  readonly share: number
  readonly controlRate: number
  readonly candidateRate: number
  /** Margin of the guardrail, as a share of requests. */
  readonly margin: number
}

function countRollbacks(given: Rollouts): number {
  const { margin } = given
  const guardrails = [{ kind: 'error-rate', blocks: ['requests', 'errors'], margin }] as const
  const model = modelOf({ features: 0, guardrails, plan: { rollbackAlpha: 0.05 } })
  let rollbacks = 0
  for (let rollout = 0; rollout < given.rollouts; rollout += 1) {
    if (isRolledBack(model, given, seededRandom(given.seed * 100_003 + rollout))) rollbacks += 1
  }
  return rollbacks
}

/** Looks after every closed stratum, as the judge does. */
function isRolledBack(model: ModelLayout, given: Rollouts, random: Random): boolean {
  let state = emptyEvidence(model)
  for (let slice = 0; slice < given.panes; slice += 1) {
    const candidate = binomial(random, given.requests, given.share)
    const cells = [
      cellOf('v2', candidate, binomial(random, candidate, given.candidateRate)),
      cellOf('v1', given.requests - candidate, binomial(random, given.requests - candidate, given.controlRate)),
    ]
    const offsets = { from: slice * given.requests, to: (slice + 1) * given.requests, previousTo: slice * given.requests }
    const observed = observePane(state, paneOf({ ...offsets, cells }, slice, model.exposureBlocks), model, CONTEXT)
    state = observed.state
    if (observed.closed.length > 0 && harms(state, model).rollback.length > 0) return true
  }
  return false
}

function cellOf(version: string, requests: number, errors: number): PaneCell {
  const one = (count: number) => ({ counts: Float64Array.of(count), sums: new Float64Array(0) })
  const blocks = new Map([
    ['requests', one(requests)],
    ['errors', one(errors)],
  ])
  return { version, scope: ALL_SCOPE, population: 'all', blocks }
}

/** The promise for so many rollouts at 5 %, plus three standard errors. */
const allowed = (rollouts: number) => 0.05 * rollouts + 3 * Math.sqrt(0.05 * 0.95 * rollouts)

test('an equal candidate is rolled back in at most 5 % of rollouts at that level, though panes are small and looked at one by one', (t) => {
  const rollouts = 600
  const traffic = { panes: 300, requests: 20, share: 0.3, controlRate: 0.3, candidateRate: 0.3, margin: 0 }
  const rollbacks = countRollbacks({ seed: 11, rollouts, ...traffic })
  t.diagnostic(`${rollbacks} of ${rollouts}`)
  assert.ok(rollbacks <= allowed(rollouts), `${rollbacks} of ${rollouts}`)
})

test('a candidate that is worse by just the margin is rolled back in at most 5 % of rollouts at that level', (t) => {
  const rollouts = 300
  const traffic = { panes: 300, requests: 200, share: 0.3, controlRate: 0.1, candidateRate: 0.12, margin: 0.02 }
  const rollbacks = countRollbacks({ seed: 12, rollouts, ...traffic })
  t.diagnostic(`${rollbacks} of ${rollouts}`)
  assert.ok(rollbacks <= allowed(rollouts), `${rollbacks} of ${rollouts}`)
})

test('one that is worse by twice the margin is found in most', (t) => {
  const rollouts = 60
  const traffic = { panes: 300, requests: 200, share: 0.3, controlRate: 0.1, candidateRate: 0.14, margin: 0.02 }
  const rollbacks = countRollbacks({ seed: 13, rollouts, ...traffic })
  t.diagnostic(`${rollbacks} of ${rollouts}`)
  assert.ok(rollbacks >= 0.8 * rollouts, `${rollbacks} of ${rollouts}`)
})
