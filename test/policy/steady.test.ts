/** Guardrails without a control: what the policy may say of them, what it may not and why, and what they compile to. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { PolicyFaults } from '../../src/policy/faults.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

const withGuardrails = (...lines: readonly string[]) =>
  `${policyText}    features:\n      age: { low: 0, high: 100, bins: 20 }\n    guardrails:\n${lines.map((line) => `      - ${line}\n`).join('')}`

const planOf = (...lines: readonly string[]) => parsePolicy(withGuardrails(...lines), 'folder/flyball.yaml').layout.models[0]!.plan

function faultsOf(...lines: readonly string[]): string[] {
  try {
    parsePolicy(withGuardrails(...lines), 'flyball.yaml')
  } catch (error) {
    assert.ok(error instanceof PolicyFaults, String(error))
    return error.faults.map((fault) => `${fault.path.replace('models.fraud.guardrails', '')}: ${fault.message}`)
  }
  throw new Error('the policy was taken')
}

test('a ceiling holds by default and counts what the guardrail of that kind counts', () => {
  const [errors, slow, wrong] = planOf(
    '{ kind: ceiling, of: errors, limitPoints: 5 }',
    '{ kind: ceiling, of: latency, limitPoints: 1, thresholdMs: 256, action: rollback }',
    '{ kind: ceiling, of: wrong-outcome, limitPoints: 20, class: info }',
  ).steady!
  assert.deepEqual([errors!.name, errors!.action, errors!.class, errors!.limit], ['ceiling:errors', 'hold', 'signal', 0.05])
  assert.deepEqual(errors!.counts?.blocks, ['requests', 'errors'])
  assert.deepEqual([slow!.action, slow!.class, slow!.counts?.thresholdsMs], ['rollback', 'critical', [256]])
  assert.deepEqual([wrong!.action, wrong!.counts?.chain], ['info', 'outcome:600000'])
})

test('all ceilings of a model share one false alarm: batches of a slice in that time, times the rates they watch', () => {
  const day = 86_400 / 5
  const [errors, gaps] = planOf(
    '{ kind: ceiling, of: errors, limitPoints: 5, falseAlarmEvery: 7d }',
    '{ kind: ceiling, of: missing, limitPoints: 5 }',
  ).steady!
  // One rate of errors; what is missing of the feature and of the score are two more.
  assert.deepEqual([errors!.runLength, gaps!.runLength], [7 * day * 3, 30 * day * 3])
  assert.equal(planOf('{ kind: volume }').steady![0]!.runLength, 30 * 288)
})

test('a profile lies beside the policy, and the defaults are those of the documents', () => {
  const [drift, volume] = planOf('{ kind: baseline-drift, profile: usual.json }', '{ kind: volume }').steady!
  assert.equal(drift!.profile, resolve('folder/usual.json'))
  assert.deepEqual([drift!.tolerance, drift!.alpha, drift!.blocks, drift!.action], [0.1, 0.01, ['feature:age'], 'hold'])
  assert.deepEqual([volume!.tolerance, volume!.profile, volume!.reference], [0.5, null, null])
})

test('they have no part in the budgets of the guardrails that compare, and a policy without them has no such key', () => {
  const plan = planOf('{ kind: error-rate }', '{ kind: ceiling, of: errors, limitPoints: 5, action: rollback }')
  assert.deepEqual(
    plan.guardrails.map((each) => each.name),
    ['error-rate'],
  )
  assert.ok(!('steady' in planOf('{ kind: error-rate }')))
})

test('a baseline and a forecast may hold or inform, and validation says why they may not roll back', () => {
  const why = 'may hold or inform: the world may move away from a record of the past without a fault of the version'
  assert.deepEqual(faultsOf('{ kind: baseline-drift, profile: usual.json, action: rollback }'), [`[0].action: baseline-drift ${why}`])
  assert.deepEqual(faultsOf('{ kind: volume, action: throttle }'), [`[0].action: volume ${why}`])
  assert.deepEqual(faultsOf('{ kind: volume, class: critical }'), [`[0].class: volume ${why}`])
})

test('what a kind needs and does not take is said with its place', () => {
  assert.deepEqual(faultsOf('{ kind: ceiling }'), [
    '[0]: ceiling needs limitPoints: the percentage points that are allowed',
    '[0]: ceiling needs of: errors | latency | missing | wrong-outcome | resource',
  ])
  assert.deepEqual(faultsOf('{ kind: ceiling, of: latency, limitPoints: 5 }'), ['[0]: a ceiling of latency needs thresholdMs'])
  assert.deepEqual(faultsOf('{ kind: ceiling, of: errors, limitPoints: 5, marginPoints: 1, segments: all }'), [
    '[0].marginPoints: ceiling takes no marginPoints',
    '[0].segments: ceiling takes no segments',
  ])
  assert.deepEqual(faultsOf('{ kind: baseline-drift, features: [height] }'), [
    '[0]: baseline-drift needs profile: a file that `flyball baseline` wrote',
    '[0].features: the model has no feature height',
  ])
  assert.deepEqual(faultsOf('{ kind: error-rate, limitPoints: 5 }'), ['[0].limitPoints: error-rate takes no limitPoints'])
  assert.deepEqual(faultsOf('{ kind: volume, falseAlarmEvery: 1h }'), [
    '[0].falseAlarmEvery: must be at least 500 minutes: a hundred looks',
  ])
  assert.deepEqual(faultsOf('{ kind: volume }', '{ kind: volume }'), ['[1]: another guardrail is named volume already: give it a name'])
  assert.deepEqual(faultsOf('{ kind: ceiling, of: errors, limitPoints: 5, class: signal, action: rollback }'), [
    '[0].action: class signal does not go with rollback',
  ])
})

test('a key is told once, by the name it has in the file', () => {
  assert.deepEqual(faultsOf('{ kind: ceiling, of: latency, limitPoints: 5, thresholdMs: 1000000000 }'), [
    '[0].thresholdMs: must lie within the latency bins, 0.25 to 13777 ms',
  ])
  assert.deepEqual(faultsOf('{ kind: ceiling, of: errors, limitPoints: 5, features: [age], outcome: chargeback }'), [
    '[0].features: is for a ceiling of missing',
    '[0].outcome: is for a ceiling of wrong-outcome',
  ])
})

test('a baseline of no feature would guard nothing, and one of a feature twice would pay for it twice', () => {
  assert.deepEqual(faultsOf('{ kind: baseline-drift, profile: p.json, features: [] }'), ['[0].features: must name at least one'])
  assert.deepEqual(faultsOf('{ kind: baseline-drift, profile: p.json, features: [age, age] }'), ['[0].features[1]: age is listed twice'])
})

test('a ceiling needs the fields that it counts', () => {
  const unmapped = withGuardrails('{ kind: ceiling, of: errors, limitPoints: 5 }').replace(
    'topic: predictions',
    'topic: predictions\n    fields: { error: null }',
  )
  assert.throws(() => parsePolicy(unmapped, 'flyball.yaml'), /needs the field error of the predictions, which is null/)
  const without = withGuardrails('{ kind: ceiling, of: wrong-outcome, limitPoints: 5 }').replace(/ {4}outcomes:\n.*\n.*\n/, '')
  assert.throws(() => parsePolicy(without, 'flyball.yaml'), /needs an outcome under the model/)
})
