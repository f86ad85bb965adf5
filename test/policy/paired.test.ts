/** Answers to one request: which plans measure them, what stands there by itself, and what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from './minimal.ts'

const modelOf = (text: string) => parsePolicy(text, 'flyball.yaml').layout.models[0]!
const STAGED = `${policyText}    rollout: { preflight: [], stages: [STAGES] }\n`
const SHADOW = STAGED.replace('STAGES', '{ stage: shadow, dwell: 1h }, 5, 100')
const LADDER = STAGED.replace('STAGES', '5, 100')
const KINDS = ['disagreement', 'paired', 'paired-log-score', 'paired-brier']
const blocksOf = ({ exposureBlocks, horizons }: ReturnType<typeof modelOf>) => [
  ...exposureBlocks,
  ...horizons.flatMap(({ blocks }) => blocks),
]

test('without a shadow nothing is measured of pairs, and with one what was measured before stays as it was, place and hash', () => {
  const [plain, shadowed] = [modelOf(LADDER), modelOf(SHADOW)]
  const isPaired = ({ kind }: { kind: string }) => kind.startsWith('paired')
  assert.equal(blocksOf(plain).some(isPaired), false)
  assert.deepEqual(
    blocksOf(shadowed).filter((block) => !isPaired(block)),
    blocksOf(plain),
  )
  assert.deepEqual(
    blocksOf(shadowed)
      .filter(isPaired)
      .map(({ id, inSegments }) => [id, inSegments]),
    [
      ['paired', false],
      ['paired:chargeback', false],
      ['paired-log-score:chargeback:0.02', false],
    ],
  )
  const names = (model: typeof plain) => model.plan.guardrails.map(({ name }) => name)
  assert.deepEqual(
    names(shadowed).filter((name) => !names(plain).includes(name)),
    ['disagreement', 'paired', 'paired-log-score'],
  )
})

test('a plan that names its guardrails measures what they read, bets on scores under the margin of each', () => {
  const named = `${SHADOW}    guardrails: [{ kind: error-rate }, { kind: paired-brier }, { kind: paired-brier, name: strict, margin: 0.001, action: hold }]\n`
  const model = modelOf(named)
  assert.deepEqual(
    blocksOf(model)
      .filter(({ kind }) => kind.startsWith('paired'))
      .map(({ id, bets }) => [id, bets]),
    [
      ['paired-brier-score:chargeback:0.01', { loss: 'brier', margin: 0.01 }],
      ['paired-brier-score:chargeback:0.001', { loss: 'brier', margin: 0.001 }],
    ],
  )
  assert.deepEqual(
    model.plan.guardrails.slice(1).map(({ name, blocks, action, promotes }) => [name, blocks, action, promotes]),
    [
      ['paired-brier', ['paired-brier-score:chargeback:0.01'], 'rollback', false],
      ['strict', ['paired-brier-score:chargeback:0.001'], 'hold', false],
    ],
  )
})

test('where everything is measured in segments, pairs are measured in the whole population all the same', () => {
  const segmented = SHADOW.replace('    outcomes:', '    blocksInSegments: true\n    segments: { region: [eu, us] }\n    outcomes:')
  const cohort = STAGED.replace('STAGES', 'shadow, { stage: 5, cohort: region=eu }, 100').replace(
    '    outcomes:',
    '    segments: { region: [eu, us] }\n    outcomes:',
  )
  for (const text of [segmented, cohort]) {
    const paired = blocksOf(modelOf(text)).filter(({ kind }) => kind.startsWith('paired'))
    assert.ok(paired.length === 3 && paired.every(({ inSegments }) => !inSegments))
  }
})

const REFUSED: readonly (readonly [string, string, RegExp])[] = [
  ...KINDS.map((kind) => [`${kind} without a shadow`, `${LADDER}    guardrails: [{ kind: ${kind} }]\n`, /needs a stage shadow/] as const),
  [
    'segments',
    `${SHADOW}    guardrails: [{ kind: paired, segments: all }]\n`.replace(
      '    outcomes:',
      '    segments: { region: [eu] }\n    outcomes:',
    ),
    /whole population only/,
  ],
  ['a disagreement that acts', `${SHADOW}    guardrails: [{ kind: disagreement, action: hold }]\n`, /informs only/],
  ['a disagreement with a margin', `${SHADOW}    guardrails: [{ kind: disagreement, marginPoints: 1 }]\n`, /takes no margin/],
  ['a margin in another unit', `${SHADOW}    guardrails: [{ kind: paired, margin: 0.1 }]\n`, /takes marginPoints/],
  ['a proof that can never hold', `${SHADOW}    guardrails: [{ kind: paired, marginPoints: 0, promote: true }]\n`, /can never hold/],
  ['a Brier score beyond any harm', `${SHADOW}    guardrails: [{ kind: paired-brier, margin: 1 }]\n`, /must be below 1/],
  [
    'predictions that tell neither decision nor score',
    `${SHADOW}    guardrails: [{ kind: paired }]\n`.replace(
      '    topic: predictions\n',
      '    topic: predictions\n    fields: { score: null }\n',
    ),
    /needs the field decision or score/,
  ],
  [
    'a self-describing outcome',
    `${SHADOW}    guardrails: [{ kind: paired }]\n`
      .replace('  outcomes:\n    topic: outcomes\n', '  described:\n    topic: described\n')
      .replace('horizon: 10m', 'described: true'),
    /joined by the id of the request/,
  ],
]

for (const [what, text, says] of REFUSED) {
  test(`refused: ${what}`, () => {
    assert.throws(() => modelOf(text), says)
  })
}

test('a drill has no shadow stage, so nothing of pairs is asked of it', () => {
  const { models } = parsePolicy(
    `${SHADOW}    guardrails: [{ kind: error-rate }, { kind: disagreement }]\n    drill: { every: 30d }\n`,
    'flyball.yaml',
  ).layout
  assert.deepEqual(
    models.map(({ plan }) => plan.guardrails.map(({ name }) => name)),
    [['error-rate', 'disagreement'], ['error-rate']],
  )
})
