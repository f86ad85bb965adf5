/** What is quarantined for a model, read from its decisions alone. Those before schema 3 tell no list: there the phase says it. */
import type { Decision } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { quarantineOf } from './rollout-view.ts'

export interface QuarantineEntry {
  readonly artifact: string
  /** A person, or the rule that rolled it back. */
  readonly who: string
  readonly reason: string
  /** Judge time. */
  readonly sinceMs: number
  /** Of the decision that put it there. */
  readonly number: number
}

interface Told {
  readonly quarantined?: readonly { readonly artifact: string; readonly who: string; readonly reason: string; readonly sinceMs: number }[]
  readonly released?: readonly string[]
}

/** `decisions`: of the model, in their order. The oldest entry first. */
export function quarantineListOf(decisions: readonly Decision[], model: ModelLayout): readonly QuarantineEntry[] {
  const list = new Map<string, QuarantineEntry>()
  for (const decision of decisions) {
    const { quarantined = [], released = [] } = toldBy(decision)
    for (const artifact of released) list.delete(artifact)
    for (const { artifact, who, reason, sinceMs } of quarantined)
      list.set(artifact, { artifact, who, reason, sinceMs, number: decision.number })
  }
  const since = quarantineOf(decisions, model)
  const names = [model.plan.rollout.artifacts[model.versions[model.candidate]!] ?? '', `version:${model.versions[model.candidate]!}`]
  if (since === null || names.some((name) => list.has(name))) return [...list.values()]
  const artifact = since.artifact || names[1]!
  return [
    ...list.values(),
    { artifact, who: `rule ${since.verdict.rule}`, reason: since.summary, sinceMs: since.judgeTimeMs, number: since.number },
  ]
}

/** A record that says something else in its body says nothing of the list. */
function toldBy({ verdict, body }: Decision): Told {
  if (body === '' || verdict.kind === 'recorded') return {}
  try {
    return JSON.parse(body) as Told
  } catch {
    return {}
  }
}
