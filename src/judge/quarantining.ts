/** `quarantine` as people ask for it: an artifact gets no exposure any more, and what it has is taken. */
import type { OperatorRequest } from '../domain.ts'
import { rolledBack } from './move.ts'
import { QUARANTINED_KEY } from './operator.ts'
import type { Answer } from './people.ts'
import { isCandidate, nameOnList, withEntry } from './quarantine.ts'
import type { Setting } from './situation.ts'
import { isUnexposed } from './stages.ts'
import { candidateOf, type JudgeState } from './state.ts'

/** `asker`: in words. */
export function quarantine(state: JudgeState, request: OperatorRequest, asker: string, setting: Setting): Answer<JudgeState> {
  const { model, nowMs } = setting
  const artifact = request.subject ?? nameOnList(model)
  const { phase } = state.ladder
  const stops = isCandidate(artifact, model) && phase !== 'new' && phase !== 'offline' && phase !== 'rolled-back'
  const stopped = stops ? rolledBack(state, model, nowMs) : state
  const next = withEntry(stopped, { artifact, who: asker, reason: request.reason, sinceMs: nowMs, asked: true }, model)
  const also = stops ? `, and rolled back ${candidateOf(model)}` : ''
  return {
    next,
    moves: stops && !isUnexposed(phase),
    key: stops ? QUARANTINED_KEY : state.ladder.lastVerdict,
    note: `Quarantined ${artifact}${also}`,
  }
}
