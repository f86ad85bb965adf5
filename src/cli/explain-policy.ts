/** What the policy file says about a guardrail: its own lines, or what stands there where it names none. */
import { readFileSync } from 'node:fs'
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { ModelLayout } from '../policy/layout.ts'
import type { PolicyModel } from '../policy/policy.ts'
import { brief } from './explain-words.ts'

export interface PolicyText {
  readonly lines: readonly string[]
  /** 0: it is not written in the file. */
  readonly line: number
}

/** Null: the policy has no such guardrail. */
export function guardrailText(file: string, model: ModelLayout, written: PolicyModel, guardrail: string): PolicyText | null {
  const names = (written.guardrails ?? []).map((entry) => entry.name ?? entry.kind)
  // Where a model has several outcomes, or resources, a name holds its own: `wrong-outcome:late`, `resource:gpuMs`.
  const of = (at: number) => written.guardrails?.[at]?.outcome ?? written.guardrails?.[at]?.resource
  const index = names.findIndex((name, at) => name === guardrail || `${name}:${of(at)}` === guardrail)
  return (index < 0 ? null : linesOf(file, ['models', model.name, 'guardrails', index])) ?? settingsOf(model, guardrail)
}

function linesOf(file: string, path: readonly (string | number)[]): PolicyText | null {
  const text = readFileSync(file, 'utf8')
  const counter = new LineCounter()
  const node = parseDocument(text, { lineCounter: counter, merge: true, uniqueKeys: false }).getIn(path, true)
  if (!isNode(node) || !node.range) return null
  const [from, to] = node.range
  const { line, col } = counter.linePos(from)
  const lines = text.slice(from, to).trimEnd().split('\n')
  return { line, lines: lines.map((each, at) => (at === 0 ? each : each.slice(Math.min(col - 1, each.search(/\S|$/))))) }
}

function settingsOf({ plan }: ModelLayout, name: string): PolicyText | null {
  const guardrail = plan.guardrails.find((each) => each.name === name)
  if (guardrail === undefined) return null
  const { kind, action, margin, promotes, promotionMargin, scopes } = guardrail
  const told = (each: number) => (guardrail.marginIsShare ? `${brief(100 * each)} % of the control's mean` : brief(each))
  const promotion = promotes ? `asked for by promotions with a margin of ${told(promotionMargin)}` : 'not asked for by promotions'
  const words = `kind ${kind}, class ${guardrail.class}, action ${action}, margin ${told(margin)}, ${promotion}, judged in ${scopes.length} scopes`
  return { line: 0, lines: [words] }
}
