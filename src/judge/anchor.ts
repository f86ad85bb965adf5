/**
 * Once a day of stream time in which there was news a decision of its own says where the chain stands (`kit/anchor.ts`). It is no news
 * itself: it moves nothing, alerts nobody, and a day in which nothing was decided needs none.
 *
 * It is written at the first look of a later day, before anything else of that step: only so its head is the last record there is.
 */
import type { Verdict } from '../domain.ts'
import { ANCHOR_RULE, anchorText, dayOf } from '../kit/anchor.ts'
import { type Draft, decide } from './decide.ts'
import type { Setting } from './situation.ts'
import type { Anchoring } from './state.ts'

/** Something was decided since the last anchor, and its day is over. */
export function isAnchorDue({ newsSinceMs }: Anchoring, nowMs: number): boolean {
  return newsSinceMs > 0 && dayOf(nowMs) > dayOf(newsSinceMs)
}

/** `draft`: the beginning of a step. */
export function anchored(draft: Draft, setting: Setting): Draft {
  const { ladder } = draft.state
  const { anchor, decisionNumber } = ladder
  if (!isAnchorDue(anchor, setting.nowMs)) return draft
  const head = { number: decisionNumber, hash: ladder.lastHash }
  const previous = anchor.number === 0 ? null : { number: anchor.number, hash: anchor.hash }
  const verdict: Verdict = { kind: 'recorded', rule: ANCHOR_RULE, note: `The chain of ${setting.model.name} stands at ${head.number}` }
  const body = anchorText({ head, previous })
  const finding = { verdict, next: draft.state, commandKind: null, key: ladder.lastVerdict, silent: '', wallTimes: {}, body }
  return quietly(decide(draft, finding, setting), draft)
}

/** What was looked at belongs to decisions about it; and no incident begins or ends by an anchor. */
function quietly({ state, effects }: Draft, before: Draft): Draft {
  const { open } = before.state.ladder
  const anchor: Anchoring = { number: state.ladder.decisionNumber, hash: '', newsSinceMs: 0 }
  const bare = effects.map((effect) =>
    effect.kind === 'decide'
      ? { ...effect, decision: { ...effect.decision, readings: [], factors: [], changes: [], cause: '' }, alerts: [] }
      : effect,
  )
  return { state: { ...state, ladder: { ...state.ladder, open, anchor } }, effects: bare }
}
