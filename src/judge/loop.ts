/**
 * Closing the loop: a command is issued, acked by a quorum of the gateways that are present, and then observed in the traffic.
 * Acks are words; the share of the candidate among all requests is the deed.
 */
import type { Ack, Command, StreamTimeMs } from '../domain.ts'
import type { Plan } from '../policy/layout.ts'
import type { ArmRequests } from './arrivals.ts'
import type { Gateway, Loop } from './state.ts'
import { isSurpassable } from './unbelieved.ts'

export type Gateways = Readonly<Record<string, Gateway>>

const REQUESTS_MIN = 30
const RARE_ARM_MIN = 3
const TAKEN_MIN = 16
const WINDOW_REQUESTS = 400
const RARE_ARM_WINDOW = 10
const STRAY_SHARE_MAX = 0.01
const NOTHING_COUNTED = { candidateRequests: 0, totalRequests: 0, apartRequests: 0, strayRequests: 0 }

/** Requests that the commanded split is drawn among, and those where the candidate is kept out. */
export interface Drawn extends ArmRequests {
  readonly apart?: number
  readonly stray?: number
}

export function issuedLoop(nowMs: StreamTimeMs, wallMs: number, shareBefore = -1): Loop {
  return {
    issuedAtMs: nowMs,
    ackedAtMs: 0,
    observedAtMs: 0,
    splitSinceMs: 0,
    splitSinceBySource: {},
    shareBefore,
    notEffective: false,
    candidateRequests: 0,
    totalRequests: 0,
    mismatched: false,
    issuedWallMs: wallMs,
    ackedWallMs: 0,
  }
}

/** Every kind of ack says what its gateway holds and that it lives. A gateway that was never heard of joins. */
export function gatewaysAfter(gateways: Gateways, ack: Ack, wallMs: number): Gateways {
  const gateway: Gateway = {
    seenWallMs: wallMs,
    epoch: ack.epoch,
    sequence: ack.sequence,
    leaseExpired: ack.leaseExpired,
    routed: ack.routed,
    countersSinceMs: ack.countersSinceMs,
    features: ack.features,
  }
  return { ...gateways, [ack.gateway]: gateway }
}

export function present(gateways: Gateways, wallMs: number, plan: Plan): readonly (readonly [string, Gateway])[] {
  return Object.entries(gateways).filter(([, gateway]) => wallMs - gateway.seenWallMs <= plan.presenceTimeoutMs)
}

/** Gateways not heard of for ten time-outs are gone for good: their number must stay bounded. */
export function gatewaysLeft(gateways: Gateways, wallMs: number, plan: Plan): Gateways {
  const left = Object.entries(gateways).filter(([, gateway]) => wallMs - gateway.seenWallMs <= 10 * plan.presenceTimeoutMs)
  return left.length === Object.keys(gateways).length ? gateways : Object.fromEntries(left)
}

export interface Quorum {
  readonly applied: number
  readonly present: number
  readonly reached: boolean
}

export function quorum(gateways: Gateways, command: Command, wallMs: number, plan: Plan): Quorum {
  const here = present(gateways, wallMs, plan)
  // What stands above all numbers of ours is none of ours.
  const applied = here.filter(([, gateway]) => !older(gateway, command) && isSurpassable(gateway)).length
  return { applied, present: here.length, reached: applied > 0 && applied >= plan.ackQuorum * here.length }
}

/** (epoch, sequence) in order. */
export function older(
  one: { readonly epoch: number; readonly sequence: number },
  other: { readonly epoch: number; readonly sequence: number },
): boolean {
  return one.epoch < other.epoch || (one.epoch === other.epoch && one.sequence < other.sequence)
}

/** Adds the requests of a slice that began after the quorum. A full window with another share than commanded is begun anew. */
export function loopAfterPane(loop: Loop, arms: Drawn, sliceStartMs: StreamTimeMs, share: number, units: boolean): Loop {
  if (loop.ackedAtMs === 0 || loop.observedAtMs > 0 || sliceStartMs < loop.ackedAtMs) return loop
  const candidateRequests = loop.candidateRequests + arms.candidate
  const totalRequests = loop.totalRequests + arms.candidate + arms.control
  const apartRequests = (loop.apartRequests ?? 0) + (arms.apart ?? 0)
  const next = { ...loop, candidateRequests, totalRequests, apartRequests, strayRequests: (loop.strayRequests ?? 0) + (arms.stray ?? 0) }
  if (shareSeen(next, share, units) || !windowFull(next, share)) return next
  return { ...next, ...NOTHING_COUNTED, mismatched: true }
}

/**
 * The share commanded is the share seen: within four standard deviations and one point, with every arm that should be there. Of what was
 * taken from the candidate at most a quarter is still seen: from 1 % to none is but a point.
 */
export function shareSeen(loop: Loop, share: number, units: boolean): boolean {
  if (!enough(loop, share) || strays(loop)) return false
  const controlRequests = loop.totalRequests - loop.candidateRequests
  if ((share > 0 && loop.candidateRequests === 0) || (share < 1 && controlRequests === 0)) return false
  // Requests of one unit stick together: their share swings wider than single draws.
  const deviation = Math.sqrt((share * (1 - share)) / loop.totalRequests) * (units ? 2 : 1)
  const distance = Math.abs(loop.candidateRequests / loop.totalRequests - share)
  return distance <= 4 * deviation + 0.01 && distance < takenAway(loop, share) / 4
}

/** Infinite where nothing was taken, or it is not known how much. */
function takenAway({ shareBefore }: Loop, share: number): number {
  return shareBefore > share ? shareBefore - share : Number.POSITIVE_INFINITY
}

/** Requests reach the candidate where it is kept out, more than stragglers. */
function strays({ apartRequests = 0, strayRequests = 0 }: Loop): boolean {
  return strayRequests > STRAY_SHARE_MAX * apartRequests
}

function rarer(share: number): number {
  return share === 0 || share === 1 ? 1 : Math.min(share, 1 - share)
}

/** Of what was taken from the candidate so many requests would have come, were the command before still obeyed: fewer prove nothing. */
function enough(loop: Loop, share: number): boolean {
  const { totalRequests } = loop
  if (totalRequests < REQUESTS_MIN || totalRequests * rarer(share) < RARE_ARM_MIN) return false
  return totalRequests * takenAway(loop, share) >= TAKEN_MIN
}

function windowFull(loop: Loop, share: number): boolean {
  const { totalRequests } = loop
  return totalRequests >= WINDOW_REQUESTS && totalRequests * rarer(share) >= RARE_ARM_WINDOW && enough(loop, share)
}

/** While a backlog is read, stream time is not the time in which gateways act: the time-outs begin when it is over. */
export function loopWhileBehind(loop: Loop, nowMs: StreamTimeMs): Loop {
  if (loop.observedAtMs > 0) return loop
  if (loop.ackedAtMs === 0) return { ...loop, issuedAtMs: nowMs }
  return { ...loop, ackedAtMs: nowMs, ...NOTHING_COUNTED }
}

export type Overdue = 'no' | 'not-acked' | 'not-observed'

interface Times {
  readonly nowMs: StreamTimeMs
  readonly wallMs: number
}

/** Panes that lay waiting are judged in no time, and stream time runs ahead: gateways answer by the wall. One set back since says nothing. */
function justIssued({ issuedWallMs }: Loop, wallMs: number, withinMs: number): boolean {
  return issuedWallMs > 0 && wallMs >= issuedWallMs && wallMs - issuedWallMs <= withinMs
}

/** Too little traffic to tell the share is not a command without effect. */
export function overdue(loop: Loop, share: number, { nowMs, wallMs }: Times, plan: Plan): Overdue {
  if (loop.notEffective || loop.observedAtMs > 0) return 'no'
  if (loop.ackedAtMs === 0) {
    return nowMs - loop.issuedAtMs > plan.ackWithinMs && !justIssued(loop, wallMs, plan.ackWithinMs) ? 'not-acked' : 'no'
  }
  const tellable = loop.mismatched || enough(loop, share)
  return tellable && nowMs - loop.ackedAtMs > plan.observeWithinMs ? 'not-observed' : 'no'
}
