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

/**
 * Whether an incident with such labels was silenced at `atMs`, or something that inhibits it ended later (it may have come and gone since,
 * so that nobody knows whether it held then): a message at that time did not tell of it. Asked of few, and only of what ended since: all
 * that was ever silenced would be too much for each look at what is due.
 */
export function mutedAt(
  all: readonly (Holding & { readonly endedMs: number | null })[],
  silences: Iterable<Silence>,
  inhibitions: readonly Inhibition[],
  nowMs: number,
): (labels: Labels, atMs: number) => boolean {
  const over = [...silences].filter(({ beginsAtMs, endsAtMs }) => beginsAtMs < endsAtMs && endsAtMs <= nowMs)
  const ended = all.filter(({ endedMs }) => endedMs !== null)
  return (labels, atMs) => {
    if (over.some((silence) => silence.beginsAtMs <= atMs && atMs < silence.endsAtMs && fits(silence.match, labels))) return true
    const sources = ended.filter(({ endedMs }) => endedMs! > atMs)
    return sources.length > 0 && inhibitions.some((inhibition) => wasInhibited(inhibition, labels, sources))
  }
}

function wasInhibited({ source, target, equal }: Inhibition, labels: Labels, sources: readonly Holding[]): boolean {
  if (!fits(target, labels) || fits(source, labels)) return false
  const place = commonOf(equal, labels)
  return sources.some((ended) => fits(source, ended.labels) && commonOf(equal, ended.labels) === place)
}

function commonOf(equal: readonly (keyof Labels)[], labels: Labels): string {
  return JSON.stringify(equal.map((label) => labels[label]))
}
