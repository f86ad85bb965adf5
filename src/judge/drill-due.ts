/** A drill that nobody has held for too long is a decision of its own: it is written down, and alerted. */
import type { Verdict } from '../domain.ts'
import { isoTime } from '../kit/iso-time.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { type Draft, decide } from './decide.ts'
import { OVERDUE_RULE, withDrills } from './drills.ts'
import type { Setting } from './situation.ts'
import type { Drills } from './state.ts'

/** Said once: the alert stands until a drill passes. The first one is waited for from when the judge first knew of the plan. */
export function whenDrillIsOverdue(draft: Draft, setting: Setting): Draft {
  const { model, wallMs, nowMs } = setting
  const { drills } = draft.state.ladder
  const everyMs = model.plan.drill?.everyMs ?? 0
  // No wall clock: records of the past are read, and nobody drills there.
  if (everyMs === 0 || wallMs === 0 || nowMs === 0 || drills.overdue) return draft
  if (drills.sinceMs === 0) return { ...draft, state: withDrills(draft.state, { ...drills, sinceMs: wallMs }) }
  if (wallMs <= Math.max(drills.sinceMs, drills.passedAtMs) + everyMs) return draft
  const next = withDrills(draft.state, { ...drills, overdue: true })
  const key = draft.state.ladder.lastVerdict
  return decide(draft, { verdict: overdue(model, drills, everyMs), next, commandKind: null, key, silent: '', wallTimes: {} }, setting)
}

function overdue({ name }: ModelLayout, { passedAtMs }: Drills, everyMs: number): Verdict {
  const last = passedAtMs === 0 ? 'none has passed yet' : `the last one passed at ${isoTime(passedAtMs)}`
  return {
    kind: 'recorded',
    rule: OVERDUE_RULE,
    note: `No drill of ${name} has passed within ${Math.round(everyMs / 60_000)} min: ${last}`,
  }
}
