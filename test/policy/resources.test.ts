/** Resources in a policy: what they compile to, what stands there by default, and what is refused with its place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PolicyFaults } from '../../src/policy/faults.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

const RESOURCES = '    resources: { gpuMs: { bounds: { high: 512 } }, costUsd: { bounds: { low: 0.001, high: 0.02 } } }\n'
const ONE = '    resources: { gpuMs: { bounds: { high: 512 } } }\n'

const guardrails = (...lines: readonly string[]) => `    guardrails:\n${lines.map((line) => `      - ${line}\n`).join('')}`
const load = (text: string) => parsePolicy(text, 'flyball.yaml')
const modelOf = (text: string) => load(policyText + text).layout.models[0]!

function faultsOf(text: string): string[] {
  try {
    parsePolicy(text, 'flyball.yaml')
  } catch (error) {
    assert.ok(error instanceof PolicyFaults, String(error))
    return error.faults.map((fault) => `${fault.path}: ${fault.message}`)
  }
  throw new Error('the policy was taken')
}

test('each resource is a mean within bounds and a tail, read from one slot behind the features', () => {
  const text = `${policyText}    features: { age: { low: 0, high: 9 } }\n${RESOURCES}`
  const { predictions, models } = load(text).layout
  assert.deepEqual(
    predictions.numbers.map(({ name, path, resource }) => [name, path.path.join('.'), resource]),
    [
      ['age', 'features.age', undefined],
      ['gpuMs', 'resources.gpuMs', true],
      ['costUsd', 'resources.costUsd', true],
    ],
  )
  const blocks = models[0]!.exposureBlocks.filter(({ id }) => /^(resource|tail):/.test(id))
  assert.deepEqual(
    blocks.map(({ id, kind, slot, bounds, countSlots }) => [id, kind, slot, bounds?.low, bounds?.high, countSlots]),
    [
      ['resource:gpuMs', 'value', 1, 0, 512, 2],
      ['tail:gpuMs', 'tail', 1, undefined, undefined, 65],
      ['resource:costUsd', 'value', 2, 0.001, 0.02, 2],
      ['tail:costUsd', 'tail', 2, undefined, undefined, 65],
    ],
  )
  const [, tail] = blocks
  assert.equal(tail!.firstMs * 2 ** ((tail!.bins - 1) / tail!.perOctave), 512)
})

test('without resources nothing is another: blocks, guardrails and the digest of the policy', () => {
  const { policyDigest, models } = load(policyText).layout
  assert.deepEqual(
    models[0]!.plan.guardrails.filter(({ kind }) => kind.startsWith('resource')),
    [],
  )
  const withEmpty = load(`${policyText}    resources: {}\n`).layout
  assert.deepEqual(withEmpty.models[0]!.exposureBlocks, models[0]!.exposureBlocks)
  assert.notEqual(withEmpty.policyDigest, policyDigest)
})

test('a resource touches no other block, and its bounds and its path are its meaning', () => {
  const hashes = (text: string) => new Map(load(text).layout.models[0]!.exposureBlocks.map(({ id, hash }) => [id, hash]))
  const [without, one] = [hashes(policyText), hashes(policyText + ONE)]
  for (const [id, hash] of without) assert.equal(one.get(id), hash, id)
  const wider = hashes(policyText + ONE.replace('512', '513'))
  const elsewhere = hashes(policyText.replace('topic: predictions', 'topic: predictions\n    resources: { gpuMs: usage.gpu }') + ONE)
  for (const other of [wider, elsewhere]) {
    for (const id of ['resource:gpuMs', 'tail:gpuMs']) assert.notEqual(other.get(id), one.get(id), id)
    assert.equal(other.get('latency'), one.get('latency'))
  }
})

test('a feature and a resource of one name are two numbers', () => {
  const { exposureBlocks } = modelOf(`    features: { gpuMs: { low: 0, high: 9 } }\n${ONE}`)
  const slots = exposureBlocks.filter(({ id }) => id.endsWith(':gpuMs')).map(({ id, slot }) => [id, slot])
  assert.deepEqual(Object.fromEntries(slots), { 'resource:gpuMs': 1, 'tail:gpuMs': 1, 'feature:gpuMs': 0 })
})

test('requests of one unit are weighed by mean and by tail', () => {
  const text = policyText.replace('topic: predictions', 'topic: predictions\n    fields: { unit: userId }') + ONE
  const ids = load(text).layout.models[0]!.unitBlocks!['exposure']!.map(({ id }) => id)
  assert.deepEqual(
    ids.filter((id) => id.includes('gpuMs')),
    ['units:resource:gpuMs', 'units:tail:gpuMs'],
  )
})

test('both guardrails stand there by default, and hold', () => {
  const { plan } = modelOf(RESOURCES)
  const mine = plan.guardrails.filter(({ kind }) => kind.startsWith('resource'))
  assert.deepEqual(
    mine.map(({ name, action, promotes, margin, marginIsShare = false }) => [name, action, promotes, margin, marginIsShare]),
    [
      ['resource:gpuMs', 'hold', true, 0.1, true],
      ['resource-tail:gpuMs', 'hold', true, 0.02, false],
      ['resource:costUsd', 'hold', true, 0.1, true],
      ['resource-tail:costUsd', 'hold', true, 0.02, false],
    ],
  )
})

test('margins are per cent of what the control uses, or in the unit; limits lie on edges of the bins', () => {
  const { plan } = modelOf(
    ONE +
      guardrails(
        '{ kind: resource, marginPercent: 5, promote: { marginPercent: 20 }, action: rollback }',
        '{ kind: resource, name: in-ms, margin: 4, promote: { margin: 8 }, class: info }',
        '{ kind: resource-tail, thresholds: [128, 512], marginPoints: 1 }',
        '{ kind: ceiling, of: resource, threshold: 256, limitPoints: 3 }',
      ),
  )
  const [share, inUnit, tail] = plan.guardrails
  assert.deepEqual([share!.margin, share!.promotionMargin, share!.marginIsShare, share!.class], [0.05, 0.2, true, 'critical'])
  assert.deepEqual([inUnit!.margin, inUnit!.promotionMargin, inUnit!.marginIsShare], [4, 8, undefined])
  assert.deepEqual([tail!.thresholdsMs, tail!.quantiles, tail!.blocks], [[128, 512], [], ['tail:gpuMs']])
  const [ceiling] = plan.steady!
  assert.deepEqual([ceiling!.name, ceiling!.counts!.kind, ceiling!.counts!.thresholdsMs], ['ceiling:resource', 'resource-tail', [256]])
})

test('what is declared or mapped and never used is said, and a limit between two edges too', () => {
  const text = policyText.replace('topic: predictions', 'topic: predictions\n    resources: { gpuMs: a, memoryMb: b }')
  const { warnings } = load(
    text + ONE + guardrails('{ kind: error-rate }', '{ kind: ceiling, of: resource, threshold: 200, limitPoints: 1 }'),
  )
  const said = warnings.map((warning) => warning.replace(/^[^ ]* /, '').replace('models.fraud.', ''))
  assert.deepEqual(said.sort(), [
    "guardrails[1].threshold: judged at the nearest edge of the resource's bins, 215.3",
    'inputs.predictions.resources.memoryMb: no model gives it bounds under resources: it is not measured',
  ])
  const unjudged = load(policyText + ONE + guardrails('{ kind: error-rate }')).warnings
  assert.match(unjudged.join(), /no guardrail judges it: it is counted only/)
})

for (const [what, text, wanted] of [
  [
    'bounds upside down',
    '    resources: { gpuMs: { bounds: { low: 5, high: 5 } } }\n',
    /resources\.gpuMs\.bounds\.high: must be above low \(5\)/,
  ],
  ['no bounds', '    resources: { gpuMs: {} }\n', /resources\.gpuMs\.bounds/],
  ['a guardrail without resources', guardrails('{ kind: resource }'), /guardrails\[0\]\.kind: needs resources under the model/],
  [
    'one of several without a name',
    RESOURCES + guardrails('{ kind: resource }'),
    /guardrails\[0\]: must name its resource: gpuMs \| costUsd/,
  ],
  [
    'a resource that is not there',
    ONE + guardrails('{ kind: resource-tail, resource: gpuSec }'),
    /guardrails\[0\]\.resource: must be gpuMs/,
  ],
  [
    'a resource for another kind',
    ONE + guardrails('{ kind: latency, resource: gpuMs }'),
    /guardrails\[0\]\.resource: latency reads no resource/,
  ],
  [
    'points for a mean',
    ONE + guardrails('{ kind: resource, marginPoints: 1 }'),
    /resource takes marginPercent, or margin in the resource's own unit/,
  ],
  ['per cent for a tail', ONE + guardrails('{ kind: resource-tail, marginPercent: 1 }'), /resource-tail takes marginPoints/],
  [
    'two margins',
    ONE + guardrails('{ kind: resource, margin: 1, marginPercent: 1 }'),
    /margin: must be left out when marginPercent is given/,
  ],
  [
    'a proof in other terms',
    ONE + guardrails('{ kind: resource, margin: 1, promote: { marginPercent: 9 } }'),
    /promotion takes the same one/,
  ],
  ['no margin at all', ONE + guardrails('{ kind: resource, margin: 0 }'), /FLY-POLICY-005 resource needs a margin above 0/],
  ['a margin beyond all harm', ONE + guardrails('{ kind: resource, margin: 512 }'), /must be below 512, the width of the bounds/],
  ['milliseconds for a tail', ONE + guardrails('{ kind: resource-tail, thresholdsMs: [5] }'), /resource-tail takes no thresholdsMs/],
  ['thresholds for a latency', ONE + guardrails('{ kind: latency, thresholds: [5] }'), /latency takes no thresholds/],
  [
    'a limit beyond the bins',
    ONE + guardrails('{ kind: resource-tail, thresholds: [900] }'),
    /must lie within the resource's bins, 0\.009291 to 512/,
  ],
  [
    'a ceiling without its limit',
    ONE + guardrails('{ kind: ceiling, of: resource, limitPoints: 1 }'),
    /a ceiling of a resource needs threshold/,
  ],
  [
    'a ceiling of errors with one',
    ONE + guardrails('{ kind: ceiling, of: errors, limitPoints: 1, threshold: 3, resource: gpuMs }'),
    /threshold: is for a ceiling of a resource/,
  ],
] as const) {
  test(`${what}: refused, with the place`, () => assert.match(faultsOf(policyText + text).join('\n'), wanted))
}

test('a resource that is not mapped where others are, and more than eight, are refused', () => {
  const mapped = policyText.replace('topic: predictions', 'topic: predictions\n    resources: { memoryMb: usage.mb }')
  assert.match(faultsOf(mapped + ONE).join('\n'), /models\.fraud\.resources\.gpuMs: is not mapped under inputs\.predictions\.resources/)
  const nine = Array.from({ length: 9 }, (_, index) => `r${index}: { bounds: { high: 1 } }`).join(', ')
  assert.match(faultsOf(`${policyText}    resources: { ${nine} }\n`).join('\n'), /models\.fraud\.resources: must name at most 8/)
})
