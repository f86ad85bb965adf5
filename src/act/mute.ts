/** Incidents that hold and of which nobody is told: a person silenced them, or something graver says it already. */
import type { Silence } from '../domain.ts'
import type { Inhibition } from '../policy/layout.ts'
import { fits, type Labels } from './match.ts'

export interface Holding {
  readonly name: string
  readonly labels: Labels
}

/** Names of the incidents that are not told of, among those that hold. */
export function mutedOf(
  holding: readonly Holding[],
  silences: Iterable<Silence>,
  inhibitions: readonly Inhibition[],
  nowMs: number,
): ReadonlySet<string> {
  const active = [...silences].filter(({ beginsAtMs, endsAtMs }) => beginsAtMs <= nowMs && nowMs < endsAtMs)
  const silenced = holding.filter(({ labels }) => active.some(({ match }) => fits(match, labels)))
  const inhibited = inhibitions.flatMap((inhibition) => inhibitedBy(inhibition, holding))
  return new Set([...silenced, ...inhibited].map(({ name }) => name))
}

/** What is a source of a rule is never its target: two that silence each other would leave nobody told. */
function inhibitedBy({ source, target, equal }: Inhibition, holding: readonly Holding[]): readonly Holding[] {
  const common = (labels: Labels): string => JSON.stringify(equal.map((label) => labels[label]))
  const sources = holding.filter(({ labels }) => fits(source, labels))
  if (sources.length === 0) return []
  const places = new Set(sources.map(({ labels }) => common(labels)))
  const isSource = new Set(sources.map(({ name }) => name))
  return holding.filter(({ name, labels }) => !isSource.has(name) && fits(target, labels) && places.has(common(labels)))
}
