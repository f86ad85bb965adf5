/**
 * What a peer is to the benchmark: something that looks at the same slices as Flyball and says when it would stop the rollout.
 * Rules live in files of their own, each from its tool's documentation; this file only gathers slices into the intervals they look at.
 */
import type { Random } from '../../../src/kit/random.ts'
import { type ArmSummary, emptyArm, type PanePair } from '../traffic.ts'

export interface Peer {
  readonly name: string
  /** What it watches and when it stops, in a few words. */
  readonly rule: string
  /** What a stream must carry, any of these, for the peer to have something to look at; none: requests and errors, which all carry. */
  readonly needs: readonly ('latency' | 'score' | 'features' | 'labels')[]
  /** A fresh watch over one rollout; chance is only used to order the requests inside a slice. */
  start(random: Random): Watch
}

export interface Watch {
  /** Adds a slice; true: the rollout is stopped here. */
  see(pair: PanePair): boolean
}

/** Both arms over some slices. */
export interface Interval {
  readonly candidate: ArmSummary
  readonly control: ArmSummary
}

export const MINUTE_MS = 60_000

/** A watch that looks once per interval, at what came in it. The last, unfinished interval is not looked at. */
export function perInterval(lengthMs: number, look: (interval: Interval) => boolean): Watch {
  let interval: Interval | null = null
  let endMs = Number.NEGATIVE_INFINITY
  return {
    see(pair) {
      const isDue = interval !== null && pair.startMs >= endMs
      const stops = isDue && look(interval!)
      if (interval === null || isDue) {
        interval = { candidate: emptyArm(pair.candidate.features.length), control: emptyArm(pair.control.features.length) }
        endMs = pair.startMs + lengthMs
      }
      addArm(interval.candidate, pair.candidate)
      addArm(interval.control, pair.control)
      return stops
    },
  }
}

export function addArm(into: ArmSummary, arm: ArmSummary): void {
  into.requests += arm.requests
  into.errors += arm.errors
  into.matured += arm.matured
  into.known += arm.known
  into.wrong += arm.wrong
  addCounts(into.latency, arm.latency)
  addCounts(into.score, arm.score)
  for (const [index, counts] of arm.features.entries()) addCounts(into.features[index]!, counts)
}

function addCounts(into: Float64Array, counts: Float64Array): void {
  for (let index = 0; index < counts.length; index += 1) into[index]! += counts[index]!
}
