/** `drill` in a policy: a shadow of the model, judged as the model is, and nothing else of the layout moves. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

const layoutOf = (text: string) => parsePolicy(text, 'flyball.yaml').layout
const GUARDED = `${policyText}    guardrails: [{ kind: error-rate }, { kind: wrong-outcome }, { kind: volume }, { kind: ceiling, of: errors, limitPoints: 5 }, { kind: latency, action: hold }]
    ladder: { profile: rapid, steps: [1, 100] }
`

test('a shadow has the guardrails of its model that read predictions, its budgets and its versions, and begins when it is asked to', () => {
  const layout = layoutOf(`${GUARDED}    drill: { every: 30d }\n`)
  const [model, shadow] = layout.models
  assert.deepEqual([shadow!.name, shadow!.index, shadow!.shadow, model!.shadow], ['fraud.drill', 1, true, undefined])
  assert.deepEqual(shadow!.versions, model!.versions)
  const { plan } = shadow!
  assert.deepEqual([plan.mode, plan.weights, plan.ladder, plan.settlingMs], ['enforce', 'flyball', [50, 100], 0])
  assert.deepEqual([plan.rollout.start, plan.rollout.preflight, plan.rollout.guardMs], ['request', [], 0])
  assert.deepEqual(
    plan.guardrails.map(({ name, action }) => [name, action]),
    [
      ['error-rate', 'rollback'],
      ['latency', 'hold'],
    ],
  )
  assert.deepEqual(
    plan.steady?.map(({ name }) => name),
    ['ceiling:errors'],
  )
  assert.equal(plan.rollbackAlpha, model!.plan.rollbackAlpha)
  assert.deepEqual(shadow!.horizons, [])
  assert.equal(plan.drill, undefined)
  assert.deepEqual(model!.plan.drill, {
    everyMs: 30 * 86_400_000,
    objective: { detectMs: 30_000, commandMs: 5_000, ackMs: 10_000, observedMs: 30_000 },
    silentAfterMs: 30_000,
  })
})

test('a model is laid out with a drill as it is without one', () => {
  const { drill: _drill, ...plan } = layoutOf(`${GUARDED}    drill: {}\n`).models[0]!.plan
  const without = layoutOf(GUARDED)
  assert.equal(without.models.length, 1)
  assert.deepEqual({ ...layoutOf(`${GUARDED}    drill: {}\n`).models[0]!, plan }, without.models[0])
})

test('a drill needs a name for its shadow, records that name their model, and times that can be kept', () => {
  const refused = (text: string, complaint: RegExp) => assert.throws(() => layoutOf(text), complaint)
  refused(
    `${policyText}    drill: {}\n  fraud.drill: { control: a, candidate: b }\n`,
    /fraud\.drill: needs the name fraud\.drill for itself|needs the name fraud\.drill/,
  )
  refused(
    `${policyText.replace('topic: predictions', 'topic: predictions\n    fields: { model: { value: fraud } }')}    drill: {}\n`,
    /needs records that name their model/,
  )
  refused(`${policyText}    drill: { every: 5s }\n`, /drill\.every: must be at least 1m/)
  refused(`${policyText}    drill: { objective: { ack: 0s } }\n`, /drill\.objective\.ack: must be above 0/)
  refused(`${policyText}    drill: { evry: 5s }\n`, /evry/)
})
