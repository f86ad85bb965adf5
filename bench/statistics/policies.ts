/** The policies of the benchmark: real YAML through the real compiler. */
import type { Layout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'

export interface PolicyWords {
  /** Lines below `guardrails:`. */
  readonly guardrails: readonly string[]
  /** What stands in `ladder: {…}`. */
  readonly ladder: string
  /** Fields of predictions beside the required ones. */
  readonly fields?: string
  /** What stands in `outcomes: {…}` of the model; empty: no labels. */
  readonly outcomes?: string
  readonly slice?: string
  /** Further lines of the model. */
  readonly model?: readonly string[]
  /** Further lines of the file. */
  readonly file?: readonly string[]
}

export function layoutFor(name: string, words: PolicyWords): Layout {
  return parsePolicy(policyText(words), `${name}.yaml`).layout
}

export function policyText(words: PolicyWords): string {
  const labels = words.outcomes ?? ''
  return [
    'version: 1',
    'environment: bench',
    'inputs:',
    '  predictions:',
    '    topic: predictions',
    `    fields: { ${words.fields ?? 'score: null, latency: null, decision: decision'} }`,
    ...(labels === '' ? [] : ['  outcomes: { topic: outcomes }']),
    'models:',
    '  bench:',
    '    control: v1',
    '    candidate: v2',
    '    mode: enforce',
    `    outcomes: { ${labels} }`,
    `    ladder: { ${words.ladder} }`,
    '    guardrails:',
    ...words.guardrails.map((line) => `      - { ${line} }`),
    ...(words.model ?? []).map((line) => `    ${line}`),
    ...(words.slice === undefined ? [] : [`timing: { slice: ${words.slice} }`]),
    ...(words.file ?? []),
  ].join('\n')
}
