/**
 * Silence as a fact: the gateways say that requests were routed to the candidate, and no prediction of it arrives.
 *
 * The count starts anew whenever a candidate prediction is seen in a pane. Once `silentMinimum` requests have been routed since, a
 * further `silentAfterMs` of stream time must pass on EVERY active source without one: what was routed has then had time to arrive.
 */
import type { Ack, Pane, StreamTimeMs } from '../domain.ts'
import { ALL_SCOPE, type Plan } from '../policy/layout.ts'
import { type Arrivals, type Gateway, NO_ARRIVALS } from './state.ts'

export interface ArmRequests {
  readonly candidate: number
  readonly control: number
}

/** Requests per arm in an exposure pane; none in a pane of another chain. */
export function requestsOf(pane: Pane, control: string, candidate: string): ArmRequests {
  if (pane.chain !== 'exposure') return { candidate: 0, control: 0 }
  const requests = (version: string) => {
    const cell = pane.cells.find((each) => each.version === version && each.scope === ALL_SCOPE && each.population === 'all')
    return cell?.blocks.get('requests')?.counts[0] ?? 0
  }
  return { candidate: requests(candidate), control: requests(control) }
}

/**
 * A partition with few records has a slow clock: the candidate was seen when its pane was, whatever slice that pane is of.
 * When the control comes back after an outage of both, what was routed meanwhile was lost with the rest and tells nothing.
 */
export function arrivalsAfterPane(
  arrivals: Arrivals,
  arms: ArmRequests,
  sliceEndMs: StreamTimeMs,
  { nowMs, wallMs, silentAfterMs }: { readonly nowMs: StreamTimeMs; readonly wallMs: number; readonly silentAfterMs: number },
): Arrivals {
  const isBack = arms.control > 0 && arrivals.controlSeenMs > 0 && sliceEndMs - arrivals.controlSeenMs >= silentAfterMs
  const held = isBack ? arrivalsForgotten(arrivals) : arrivals
  const controlSeenMs = arms.control > 0 ? Math.max(arrivals.controlSeenMs, sliceEndMs) : arrivals.controlSeenMs
  if (arms.candidate === 0) return controlSeenMs === held.controlSeenMs ? held : { ...held, controlSeenMs }
  return {
    ...NO_ARRIVALS,
    controlSeenMs,
    candidateSeenMs: Math.max(arrivals.candidateSeenMs, sliceEndMs, nowMs),
    candidateHeardWallMs: wallMs,
  }
}

/** Adds what a gateway has routed to the candidate since its ack before this one; after a restart its counters begin at zero. */
export function arrivalsAfterAck(
  arrivals: Arrivals,
  ack: Ack,
  before: Gateway | undefined,
  candidate: string,
  minimum: number,
  nowMs: StreamTimeMs,
): Arrivals {
  if (before === undefined) return arrivals
  const same = before.countersSinceMs === ack.countersSinceMs
  const routed = (ack.routed[candidate] ?? 0) - (same ? (before.routed[candidate] ?? 0) : 0)
  if (routed <= 0) return arrivals
  const routedSince = arrivals.routedSince + routed
  const reached = routedSince >= minimum && arrivals.routedEnoughAtMs === 0
  return { ...arrivals, routedSince, routedEnoughAtMs: reached ? nowMs : arrivals.routedEnoughAtMs }
}

/** The count begins anew: the split was changed, or the stream is read with a delay and routed counts tell of another time. */
export function arrivalsForgotten(arrivals: Arrivals): Arrivals {
  return arrivals.routedSince === 0 ? arrivals : { ...arrivals, routedSince: 0, routedEnoughAtMs: 0 }
}

/** Control flows, the candidate was sent requests, and every source has passed the time in which they should have come. */
export function candidateSilent(arrivals: Arrivals, passedMs: StreamTimeMs, plan: Plan): boolean {
  if (arrivals.routedEnoughAtMs === 0 || passedMs === 0) return false
  const lastHeardMs = Math.max(arrivals.routedEnoughAtMs, arrivals.candidateSeenMs)
  return passedMs >= lastHeardMs + plan.silentAfterMs && arrivals.controlSeenMs > passedMs - plan.silentAfterMs
}
