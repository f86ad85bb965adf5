/** What a policy compiles to: safe defaults, shared slots, and hashes that change only where the policy was touched. */
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import type { Block, Layout, ModelLayout } from '../../src/policy/layout.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

const compileText = (text: string): Layout => parsePolicy(text, 'flyball.yaml').layout

function blocksOf(model: ModelLayout): Block[] {
  return [...model.exposureBlocks, ...model.horizons.flatMap((horizon) => horizon.blocks), ...model.describedBlocks]
}

function hashes(layout: Layout): Record<string, string> {
  return Object.fromEntries(blocksOf(layout.models[0]!).map((block) => [block.id, block.hash]))
}

test('a policy that names only topics, versions and an outcome observes, guards everything it can see and commands nothing', () => {
  const [model] = compileText(policyText).models
  assert.equal(model!.plan.mode, 'observe')
  assert.equal(model!.plan.rollbackAlpha, 0.01)
  assert.deepEqual(model!.plan.ladder, [1, 5, 25, 50, 100])
  assert.deepEqual(
    model!.plan.guardrails.map(({ name, action, margin, chain, promotes }) => [name, action, margin, chain, promotes]),
    [
      ['error-rate', 'rollback', 0.005, 'exposure', true],
      ['latency', 'rollback', 0.02, 'exposure', true],
      ['missing', 'rollback', 0, 'exposure', true],
      ['score-range', 'hold', 0, 'exposure', false],
      ['duplicate', 'hold', 0, 'exposure', false],
      ['wrong-outcome', 'rollback', 0.02, 'outcome:600000', true],
      ['log-score', 'rollback', 0.02, 'outcome:600000', true],
    ],
  )
})

test('without a decision field the score decides at the threshold', () => {
  const { fields } = compileText(policyText).predictions
  assert.deepEqual(fields.decision, { ...fields.score, test: { kind: 'atLeast', limit: 0.5 } })
  assert.equal(fields.unit, null)
})

test('slots of a chain follow one another without gap or overlap', () => {
  const layout = loadPolicy('examples/policies/throughput.yaml').layout
  for (const blocks of [layout.models[0]!.exposureBlocks, layout.models[0]!.horizons[0]!.blocks]) {
    let counts = 0
    let sums = 0
    for (const block of blocks) {
      assert.equal(block.countOffset, counts, block.id)
      assert.equal(block.sumOffset, sums, block.id)
      counts += block.countSlots
      sums += block.sumSlots
    }
  }
})

test('the throughput workload is expressed exactly: its bins, its twelve values, its eight segments, every block in each', () => {
  const layout = loadPolicy('examples/policies/throughput.yaml').layout
  const [first, second] = layout.models
  const block = (id: string) => blocksOf(first!).find((candidate) => candidate.id === id)!
  assert.deepEqual(
    [block('latency').firstMs, block('latency').perOctave, block('latency').bins, block('latency').countSlots],
    [0.25, 4, 64, 130],
  )
  assert.deepEqual([block('score').bins, block('score').countSlots], [20, 22])
  // Each is the decimal a person would write: a value on an edge falls into the bin above it.
  assert.deepEqual(
    block('feature:f1').edges,
    [-4, -3.6, -3.2, -2.8, -2.4, -2, -1.6, -1.2, -0.8, -0.4, 0, 0.4, 0.8, 1.2, 1.6, 2, 2.4, 2.8, 3.2, 3.6, 4],
  )
  assert.equal(block('feature:f8').edges.at(-1), 20)
  assert.equal(block('feature:f8').countSlots, 25)
  assert.equal(block('feature:c1').countSlots, 15)
  assert.equal(first!.scopes.length, 1 + 8 + 1)
  assert.ok(blocksOf(first!).every(({ inSegments }) => inSegments))
  assert.equal(layout.maxHorizonMs, 60_000)
  assert.deepEqual([layout.predictions.numbers.length, layout.predictions.symbols.length, layout.predictions.dimensions.length], [8, 1, 1])
  assert.deepEqual(second!.dimensionSlots, first!.dimensionSlots)
})

test('segments hold only the blocks of guardrails that name them, and always the requests', () => {
  const [model] = compileText(`${policyText}    segments: {region: [EU, US]}\n`).models
  assert.deepEqual(
    model!.scopes.map((scope) => scope.name),
    ['__all__', 'region=EU', 'region=US', 'region=__other__'],
  )
  const inSegments = blocksOf(model!).flatMap((block) => (block.inSegments ? [block.id] : []))
  assert.deepEqual(inSegments, ['requests', 'errors', 'latency', 'outcome:chargeback'])
  assert.equal(model!.plan.guardrails.find(({ kind }) => kind === 'error-rate')!.scopes.length, 4)
  assert.deepEqual(model!.plan.guardrails.find(({ kind }) => kind === 'log-score')!.scopes, ['__all__'])
})

test('two models that tell other values of one dimension apart read it into two slots', () => {
  const other = '  credit:\n    control: a\n    candidate: b\n    segments: {region: [DE]}\n    features: {c: {values: [x]}}\n'
  const layout = compileText(`${policyText}    segments: {region: [EU, US]}\n    features: {c: {values: [x, y]}}\n${other}`)
  assert.deepEqual(
    layout.predictions.dimensions.map(({ values }) => values),
    [
      ['EU', 'US', '__other__'],
      ['DE', '__other__'],
    ],
  )
  assert.deepEqual(layout.models[1]!.dimensionSlots, [1])
  assert.equal(layout.models[1]!.exposureBlocks.find(({ id }) => id === 'feature:c')!.slot, 1)
})

test('an edit changes the hashes of the blocks it touches, and of no others', () => {
  const features = '    features: {age: {low: 0, high: 100, bins: 10}, size: {edges: [1, 2, 4]}}\n'
  const before = hashes(compileText(policyText + features))
  const changed = (text: string) => {
    const after = hashes(compileText(text))
    return Object.keys(after).filter((id) => after[id] !== before[id])
  }
  assert.deepEqual(changed(policyText + features.replace('bins: 10', 'bins: 20')), ['feature:age'])
  assert.deepEqual(changed(policyText + features.replace('[1, 2, 4]', '[1, 2, 5]')), ['feature:size'])
  assert.deepEqual(changed(policyText.replace('10m', '20m') + features), ['outcome:chargeback', 'probability:chargeback'])
  assert.deepEqual(changed(`${policyText}${features}    score: {floor: 0.05}\n`), ['probability:chargeback'])
  assert.deepEqual(changed(`${policyText}${features}    latency: {bins: 32}\n`), ['latency'])
  const httpErrors = policyText.replace('topic: predictions', 'topic: predictions\n    fields: {error: {path: http, atLeast: 500}}')
  assert.deepEqual(changed(httpErrors + features), ['errors', 'latency'])
  assert.deepEqual(changed(`${policyText}${features}    ladder: {profile: rapid}\n    segments: {region: [EU]}\n`), [])
  assert.deepEqual(changed(policyText + features.replace('age: {', 'extra: {values: [a]}, age: {')), ['feature:extra'])
})

test('the digest of a policy names its rules: comments, order and brokers leave it as it is', () => {
  const digest = compileText(policyText).policyDigest
  assert.match(digest, /^[0-9a-f]{16}$/)
  assert.equal(compileText(`# a comment\n${policyText}`).policyDigest, digest)
  assert.equal(compileText(policyText.replace('control: v1\n    candidate: v2', 'candidate: v2\n    control: v1')).policyDigest, digest)
  assert.equal(compileText(policyText.replace('10m', '600s')).policyDigest, digest)
  assert.equal(compileText(`${policyText}kafka: {brokers: ['elsewhere:9092']}\n`).policyDigest, digest)
  assert.notEqual(compileText(policyText.replace('10m', '5m')).policyDigest, digest)
})

test('a compiled policy is frozen through and through', () => {
  const layout = compileText(policyText)
  assert.throws(() => Object.assign(layout, { sliceMs: 1 }), TypeError)
  assert.throws(() => Object.assign(layout.models[0]!.plan, { mode: 'enforce' }), TypeError)
  assert.ok(Object.isFrozen(layout.models[0]!.horizons[0]!.blocks[0]!.lambdas))
})

test('several outcomes may share a horizon or come self-described, and each has guardrails of its own', () => {
  const text = `${policyText}      returned: {horizon: 10m, absent: 0}
      settled: {described: true}
    features: {age: {low: 0, high: 1}}
`.replace('models:', '  described: {topic: settled}\nmodels:')
  const [model] = compileText(text).models
  assert.equal(model!.horizons.length, 1)
  assert.deepEqual(
    model!.horizons[0]!.blocks.map(({ id, absent }) => [id, absent]),
    [
      ['outcome:chargeback', Number.NaN],
      ['probability:chargeback', Number.NaN],
      ['outcome:returned', 0],
      ['probability:returned', 0],
    ],
  )
  assert.deepEqual(
    model!.describedBlocks.map(({ id }) => id),
    ['outcome:settled', 'probability:settled'],
  )
  const judged = model!.plan.guardrails.filter(({ kind }) => kind === 'wrong-outcome').map(({ name, chain }) => [name, chain])
  assert.deepEqual(judged, [
    ['wrong-outcome:chargeback', 'outcome:600000'],
    ['wrong-outcome:returned', 'outcome:600000'],
    ['wrong-outcome:settled', 'described'],
  ])
})

test('a latency limit is judged at the nearest edge of the bins, and the reader is told which', () => {
  const { layout, warnings } = parsePolicy(`${policyText}    guardrails: [{kind: latency, thresholdsMs: [256, 300]}]\n`, 'flyball.yaml')
  const [exact, near] = layout.models[0]!.plan.guardrails[0]!.thresholdsMs
  assert.equal(exact, 256)
  assert.ok(Math.abs(near! - 304.4) < 0.1)
  assert.deepEqual(warnings, [
    'flyball.yaml:14:54: models.fraud.guardrails[0].thresholdsMs[1]: judged at the nearest edge of the latency bins, 304.4 ms',
  ])
})

test('existing topics are mapped by path, unit and condition', () => {
  const { predictions, outcomes } = loadPolicy('examples/policies/nested.yaml').layout
  assert.deepEqual(predictions.fields.id!.path, ['meta', 'rid'])
  assert.deepEqual([predictions.fields.time!.path, predictions.fields.time!.scale], [['meta', 'at'], 1e-3])
  assert.deepEqual(predictions.fields.error!.test, { kind: 'atLeast', limit: 500 })
  assert.deepEqual(outcomes!.fields.label!.test, { kind: 'equals', text: 'fraud' })
  assert.equal(outcomes!.fields.time!.isTime, true)
})

test('schema files lie beside the policy that names them', () => {
  const text = policyText.replace('topic: predictions', 'topic: predictions\n    format: avro\n    schemaFile: p.avsc')
  assert.equal(parsePolicy(text, 'some/where/flyball.yaml').layout.predictions.schemaFile, resolve('some/where/p.avsc'))
})

const QUALITY = `    features: {age: {low: 0, high: 100, bins: 10, required: true}, tier: {values: [a, b]}}
    pairs: [[age, tier]]
    staleAfter: 90s
`
const SPEND = policyText
  .replace('topic: outcomes', 'topic: outcomes\n    fields: {value: spend}')
  .replace('horizon: 10m', 'horizon: 10m\n        bounds: {low: 0, high: 200}\n        worse: higher')

test('a pair has 8 × 8 cells and one for what is not usable, in the whole population only', () => {
  const segments = '    segments: {region: [EU]}\n    blocksInSegments: true\n'
  const [model] = compileText(policyText + QUALITY + segments).models
  const block = model!.exposureBlocks.find(({ kind }) => kind === 'pair')!
  assert.deepEqual([block.id, block.countSlots, block.inSegments], ['pair:age×tier', 65, false])
  assert.deepEqual(
    block.pair!.map(({ name, slot, values, edges }) => [name, slot, values, edges.length]),
    [
      ['age', 0, 0, 11],
      ['tier', 0, 2, 0],
    ],
  )
  assert.equal(model!.plan.guardrails.find(({ kind }) => kind === 'pair-drift')!.action, 'rollback')
})

test('staleness is counted where a guardrail asks for it, with its limit in the meaning of the numbers', () => {
  const plain = compileText(policyText + QUALITY)
  assert.equal(hashes(plain)['stale'], undefined)
  const asked = `${policyText}${QUALITY}    guardrails: [{kind: stale}, {kind: error-rate}]\n`
  const block = compileText(asked).models[0]!.exposureBlocks.find(({ id }) => id === 'stale')!
  assert.equal(block.staleAfterMs, 90_000)
  assert.notEqual(hashes(compileText(asked.replace('90s', '91s')))['stale'], block.hash)
})

test('required features become the contract of the plan', () => {
  assert.deepEqual(compileText(policyText + QUALITY).models[0]!.plan.contract, { blocks: ['feature:age'], minimum: 5 })
  assert.equal(compileText(policyText).models[0]!.plan.contract, undefined)
})

test('a value within bounds is evidence, one without is for display, and bounds are part of its meaning', () => {
  const text = `${SPEND}    guardrails: [{kind: value, margin: 2.5}]\n`
  const [model] = compileText(text).models
  const block = model!.horizons[0]!.blocks.find(({ kind }) => kind === 'value')!
  assert.deepEqual(block.bounds, { low: 0, high: 200, worse: 'higher' })
  assert.deepEqual([block.countSlots, block.sumSlots], [2, 4 + block.lambdas.length])
  assert.notEqual(hashes(compileText(text.replace('200', '300')))['value:chargeback'], block.hash)
  const [guardrail] = model!.plan.guardrails
  assert.deepEqual([guardrail!.margin, guardrail!.chain, guardrail!.blocks], [2.5, 'outcome:600000', ['value:chargeback']])
  const bare = compileText(policyText.replace('topic: outcomes', 'topic: outcomes\n    fields: {value: spend}')).models[0]!
  const display = bare.horizons[0]!.blocks.find(({ kind }) => kind === 'value')!
  assert.deepEqual([display.countSlots, display.sumSlots, display.lambdas], [1, 2, []])
})

test('what is mapped and never read is said, with its place', () => {
  const text = policyText.replace('topic: predictions', 'topic: predictions\n    features: {age: a.age}')
  assert.deepEqual(parsePolicy(text, 'flyball.yaml').warnings, [
    'flyball.yaml:5:16: inputs.predictions.features.age: no model gives it bins under features: it is not measured',
  ])
})

const APART = `
version: 1
inputs: { predictions: { topic: predictions, fields: { time: ts } } }
models:
  fraud:
    control: v1
    candidate: v2
    segments: { region: [eu, us], platform: [web] }
    features: { age: { low: 0, high: 100 }, income: { low: 0, high: 9 } }
    pairs: [[age, income]]
    guardrails: [{ kind: error-rate, segments: [platform] }, { kind: pair-drift }]
`

test('with a dimension to isolate by, everything is counted in segments and every guardrail is judged in that dimension', () => {
  const [plain] = compileText(APART).models
  assert.ok(plain!.exposureBlocks.some((block) => !block.inSegments))
  const [model] = compileText(`${APART}    rollout: { isolate: region }\n`).models
  assert.ok(blocksOf(model!).every((block) => block.inSegments || block.id === 'duplicate'))
  const [errors, pairs] = model!.plan.guardrails
  assert.deepEqual(errors!.scopes, ['__all__', 'region=eu', 'region=us', 'region=__other__', 'platform=web', 'platform=__other__'])
  assert.deepEqual(pairs!.scopes, ['__all__'], 'a pair is judged in the whole population only, and counted in segments to be narrowed')
  assert.deepEqual(hashes(compileText(APART)), hashes(compileText(`${APART}    rollout: { isolate: region }\n`)), 'nothing begins anew')
  const byDefault = compileText(
    `${policyText.trimEnd()}\n`.replace(/^ {4}candidate: .*$/m, '$&\n    segments: { region: [eu, us] }\n    rollout: { isolate: region }'),
  )
  assert.ok(
    byDefault.models[0]!.plan.guardrails.some(({ kind }) => kind === 'duplicate'),
    'the defaults go with it',
  )
  const [cohort] = compileText(`${APART}    rollout: { stages: [{ stage: 5, cohort: platform=web }, 100] }\n`).models
  assert.ok(blocksOf(cohort!).every((block) => block.inSegments || block.id === 'duplicate'))
})

test('what cannot be kept apart is refused: a dimension with one value, a cohort of another dimension than the one isolated by', () => {
  assert.throws(() => compileText(`${APART}    rollout: { isolate: platform }\n`), /needs at least two values of platform/)
  const crossed = `${APART}    rollout: { isolate: region, stages: [{ stage: 5, cohort: platform=web }, 100] }\n`
  assert.throws(() => compileText(crossed), /must be of the dimension region/)
})

test('after a cohort comes the same weight or more, never less: or a throttle would give the cohort more than it has', () => {
  const stages = (next: number) => `${APART}    rollout: { stages: [{ stage: 50, cohort: region=eu }, ${next}, 100] }\n`
  assert.throws(() => compileText(stages(5)), /cannot come after 50/)
  assert.deepEqual(compileText(stages(50)).models[0]!.plan.ladder, [50, 50, 100])
})
