/**
 * Is the control fit to take everything? A rollback by rule is not made onto a version that is sick itself: one that should get traffic
 * and does not answer while the candidate does, or one that fails most of what it gets. Where nothing is known against it, it is fit.
 */
import type { Pane } from '../domain.ts'
import { ALL_SCOPE, type ModelLayout } from '../policy/layout.ts'
import { lagging } from './sources.ts'
import { type ControlHealth, controlOf, type JudgeState } from './state.ts'

const NO_HEALTH: ControlHealth = { requests: 0, errors: 0 }
const LATEST_REQUESTS = 400
const TELLING_REQUESTS = 50
const SICK_SHARE = 0.5

export function healthAfterPane(before: ControlHealth | undefined, pane: Pane, control: string): ControlHealth {
  const health = before ?? NO_HEALTH
  if (pane.chain !== 'exposure') return health
  const cell = pane.cells.find((each) => each.version === control && each.scope === ALL_SCOPE && each.population === 'all')
  const count = (block: string) => cell?.blocks.get(block)?.counts[0] ?? 0
  const requests = count('requests')
  if (requests === 0) return health
  const kept = Math.min(1, Math.max(0, LATEST_REQUESTS - requests) / Math.max(1, health.requests))
  return { requests: health.requests * kept + requests, errors: health.errors * kept + count('errors') }
}

interface When {
  readonly nowMs: number
  readonly alignWithinMs: number
  /** A backlog is being read: who is silent now is not known. */
  readonly catchingUp: boolean
}

/** Why the control must not be given everything, in words; empty: nothing is known against it. */
export function unsafeTarget(state: JudgeState, model: ModelLayout, when: When): string {
  const { requests, errors } = state.controlHealth ?? NO_HEALTH
  const control = controlOf(model)
  if (requests >= TELLING_REQUESTS && errors > SICK_SHARE * requests)
    return `${Math.round((100 * errors) / requests)} % of the last requests of the control ${control} failed`
  return isSilent(state, model, when) ? `no predictions of the control ${control} arrive` : ''
}

function isSilent({ ladder, arrivals, sources }: JudgeState, model: ModelLayout, { nowMs, alignWithinMs, catchingUp }: When): boolean {
  const since = nowMs - model.plan.silentAfterMs
  if ((ladder.weights[controlOf(model)] ?? 0) === 0 || model.plan.weights === 'recorded' || arrivals.controlSeenMs > since) return false
  if (catchingUp || lagging(sources, alignWithinMs).length > 0) return false
  // Once it was found silent it stays so until it is seen: a stage that begins meanwhile excuses nothing.
  const found = Object.values(ladder.open).some(({ cause }) => cause === 'target')
  return found || (ladder.stageSinceMs <= since && arrivals.candidateSeenMs > since)
}
