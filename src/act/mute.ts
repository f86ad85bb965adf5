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
  const sources = holding.filter(({ labels }) => fits(source, labels))
  if (sources.length === 0) return []
  const places = new Set(sources.map(({ labels }) => commonOf(equal, labels)))
  const isSource = new Set(sources.map(({ name }) => name))
  return holding.filter(({ name, labels }) => !isSource.has(name) && fits(target, labels) && places.has(commonOf(equal, labels)))
}

/** When an incident with such labels was last silenced or inhibited, as far as is known: until then nobody was told of it. 0: never. */
export function mutedUntil(
  all: readonly (Holding & { readonly endedMs: number | null })[],
  silences: Iterable<Silence>,
  inhibitions: readonly Inhibition[],
  nowMs: number,
): (labels: Labels) => number {
  const over = [...silences].filter(({ beginsAtMs, endsAtMs }) => beginsAtMs < endsAtMs && endsAtMs <= nowMs)
  const ended = all.filter(({ endedMs }) => endedMs !== null)
  const rules = inhibitions.map(({ source, target, equal }) => {
    const lastMs = new Map<string, number>()
    for (const { labels, endedMs } of ended) {
      if (!fits(source, labels)) continue
      const place = commonOf(equal, labels)
      lastMs.set(place, Math.max(lastMs.get(place) ?? 0, endedMs!))
    }
    return { target, source, equal, lastMs }
  })
  return (labels) => {
    const silenced = over.filter(({ match }) => fits(match, labels)).map(({ endsAtMs }) => endsAtMs)
    const inhibited = rules
      .filter(({ target, source, lastMs }) => lastMs.size > 0 && fits(target, labels) && !fits(source, labels))
      .map(({ equal, lastMs }) => lastMs.get(commonOf(equal, labels)) ?? 0)
    return Math.max(0, ...silenced, ...inhibited)
  }
}

function commonOf(equal: readonly (keyof Labels)[], labels: Labels): string {
  return JSON.stringify(equal.map((label) => labels[label]))
}
