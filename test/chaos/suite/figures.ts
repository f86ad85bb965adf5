/** What a run consisted of, for the reader of its report: a run in which nothing was decided proves nothing. */
import { readDecision } from '../../checker/wire.ts'
import type { OwnEnd } from './service.ts'
import type { Stage } from './stage.ts'

export interface Figures {
  /** Records per topic. */
  readonly records: Readonly<Record<string, number>>
  /** Decisions per model and verdict. */
  readonly decisions: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Events that the daemons logged. */
  readonly events: Readonly<Record<string, number>>
  /** Processes that ended by themselves and were started again. */
  readonly ownEnds: readonly OwnEnd[]
}

export function figuresOf({ archive, events, daemons, guest, gateways, topics }: Stage): Figures {
  const decisions: Record<string, Record<string, number>> = {}
  for (const { value, headers } of archive.recordsOf(topics.decisions)) {
    const decision = value === null ? null : readDecision(value, headers)
    if (decision === null) continue
    const ofModel = (decisions[decision.model] ??= {})
    const kind = decision.verdict.kind === 'hold' ? `hold:${decision.verdict.because}` : decision.verdict.kind
    ofModel[kind] = (ofModel[kind] ?? 0) + 1
  }
  return {
    records: archive.counts(),
    decisions,
    events: Object.fromEntries([...events].sort()),
    ownEnds: [...daemons, guest].flatMap(({ service }) => service.ownEnds).concat(gateways.flatMap((gateway) => gateway.ownEnds)),
  }
}
