/**
 * What both versions were like a while ago: sums of the whole population, span after span, so that what strikes both arms alike can be
 * told from harm. Spans are a minute of stream time while they are new and grow together as they age: some eight of them reach back about
 * an hour, and the oldest holds all that was before. Bounded, additive, and never a ground to act on: only words are made of it.
 */
import type { ChainName } from '../../domain.ts'
import { ALL_SCOPE } from '../../policy/layout.ts'
import { added } from './series.ts'
import { CANDIDATE, type ChainMemory, CONTROL, type EvidenceState, type MemorySpan } from './state.ts'
import type { ClosedStratum } from './strata.ts'

const SPAN_MS = 60_000
const SPANS_MAX = 8

export const NO_MEMORY: ChainMemory = { spans: [], drifts: [] }

/** Adds a closed stratum. `isNewSpan`: a span is over, and it is time to ask what has moved. */
export function remember(memory: ChainMemory, stratum: ClosedStratum): { readonly memory: ChainMemory; readonly isNewSpan: boolean } {
  const rows = stratum.rows.get(ALL_SCOPE)
  if (rows === undefined) return { memory, isNewSpan: false }
  const span: MemorySpan = { sinceMs: stratum.sinceMs, candidate: rows[CANDIDATE].counts, control: rows[CONTROL].counts }
  const newest = memory.spans.at(-1)
  // What comes late (a slow partition, a pool) is counted where the others are: it changes a rate little, and starts no span.
  const isNewSpan = newest === undefined || span.sinceMs >= newest.sinceMs + SPAN_MS
  const spans = isNewSpan ? merged([...memory.spans, copied(span)]) : [...memory.spans.slice(0, -1), together(newest, span)]
  return { memory: { ...memory, spans }, isNewSpan: isNewSpan && newest !== undefined }
}

/** Rows of a stratum share their memory with all its scopes. */
function copied({ sinceMs, candidate, control }: MemorySpan): MemorySpan {
  return { sinceMs, candidate: candidate.slice(), control: control.slice() }
}

/** Of these sums the first `count` spans, or the rest. */
export function sumOfSpans(spans: readonly MemorySpan[]): MemorySpan {
  return spans.reduce(together)
}

function together(older: MemorySpan, newer: MemorySpan): MemorySpan {
  const { sinceMs } = older
  return { sinceMs, candidate: added(older.candidate, newer.candidate), control: added(older.control, newer.control) }
}

/** Two neighbours that are together no longer than they are old become one; else the two oldest. The newest stays by itself. */
function merged(spans: readonly MemorySpan[]): readonly MemorySpan[] {
  if (spans.length <= SPANS_MAX) return spans
  const endMs = spans.at(-1)!.sinceMs + SPAN_MS
  let at = spans.length - 3
  while (at > 0 && spans[at + 2]!.sinceMs - spans[at]!.sinceMs > endMs - spans[at + 2]!.sinceMs) at -= 1
  return [...spans.slice(0, at), together(spans[at]!, spans[at + 1]!), ...spans.slice(at + 2)]
}

/** Slots of another layout mean something else: of a chain whose blocks have changed the memory begins now. So it does in old states. */
export function memoryMeant(state: Partial<EvidenceState>, fresh: EvidenceState): EvidenceState['memory'] {
  const blocks = (hashes: EvidenceState['blockHashes'] | undefined, chain: ChainName) =>
    JSON.stringify(Object.entries(hashes ?? {}).filter(([key]) => key.startsWith(`${chain}|`)))
  const kept = Object.entries(state.memory ?? {}).filter(([chain]) => blocks(state.blockHashes, chain) === blocks(fresh.blockHashes, chain))
  return Object.fromEntries(kept)
}
