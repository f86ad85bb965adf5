import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeEvidence, emptyEvidence, encodeEvidence, startStage } from '../../../src/judge/evidence/evidence.ts'
import { parsePolicy } from '../../../src/policy/load.ts'

const segments = Array.from({ length: 64 }, (_, index) => `s${index}`)
const { layout } = parsePolicy(
  JSON.stringify({
    version: 1,
    inputs: { predictions: { topic: 'predictions', fields: { unit: 'user' }, segments: { region: 'region' } } },
    models: { m: { control: 'v1', candidate: 'v2', weights: 'recorded', segments: { region: segments } } },
  }),
  'segments.yaml',
)
const [model] = layout.models

test('a series that has seen nothing takes no room in the state, and is there again after a restart', () => {
  const empty = startStage(emptyEvidence(model!), model!, 1000)
  assert.deepEqual(decodeEvidence(encodeEvidence(empty), model!), empty)
  const touched = (all: typeof empty.series) =>
    Object.fromEntries(Object.entries(all).map(([key, series]) => [key, { ...series, strata: 1 }]))
  assert.ok(Object.keys(empty.tempered).length > 0)
  const whole = { ...empty, series: touched(empty.series), tempered: touched(empty.tempered) }
  assert.deepEqual(decodeEvidence(encodeEvidence(whole), model!), whole)
  assert.ok(encodeEvidence(empty).length < encodeEvidence(whole).length / 2)
})

test('a threshold that was fixed before anything was judged by it is there again after a restart', () => {
  const empty = emptyEvidence(model!)
  const fixed = { ...empty, thresholdBins: { latency: [3, 5] } }
  assert.deepEqual(decodeEvidence(encodeEvidence(fixed), model!), fixed)
})
