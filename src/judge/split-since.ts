/**
 * From when on slices lie wholly under the command in force: what the sample ratio and silence compare with the share commanded. In a slice
 * in which two commands were obeyed the share is neither's, and a healthy gateway would be accused.
 *
 * Acks come by a topic of their own, records through measure: when a command is acked the stream has come further than the judge has heard.
 * A source stands at the clock it told, plus the time since; how long the word was on its way, only the wall clock says. Where that is far
 * from the clocks of records (a stream that bears another time) it is believed for no more than the time in which the traffic has to show
 * the command, or the split would not be looked at for as long as they are apart.
 */
import type { StreamTimeMs } from '../domain.ts'
import type { Setting } from './setting.ts'
import type { Sources } from './sources.ts'
import type { Loop } from './state.ts'

type SplitSince = Pick<Loop, 'splitSinceMs' | 'splitSinceBySource'>

/** At a moment when all that obey the command do so: how far each source may have come. */
export function splitSince(sources: Sources, { nowMs, wallMs, model }: Setting): SplitSince {
  const believedMs = model.plan.observeWithinMs
  const splitSinceMs = furthestMs(nowMs, wallMs, believedMs)
  const bySource: Record<string, StreamTimeMs> = {}
  for (const [name, { clockMs, heardWallMs }] of Object.entries(sources)) {
    // In a drain nobody looks at the wall; at 0 a source has no clock yet.
    const sinceMs = clockMs > 0 && heardWallMs > 0 ? Math.max(0, wallMs - heardWallMs) : 0
    const ms = furthestMs(clockMs + sinceMs, wallMs, believedMs)
    if (ms > splitSinceMs) bySource[name] = ms
  }
  return { splitSinceMs, splitSinceBySource: bySource }
}

function furthestMs(clockMs: StreamTimeMs, wallMs: number, believedMs: number): StreamTimeMs {
  return Math.max(clockMs, Math.min(wallMs, clockMs + believedMs))
}

/** A slice may pass before requests that were routed by the command before have been answered and logged. */
export function isWhollyUnder(loop: Loop, source: string, sliceStartMs: StreamTimeMs, sliceMs: number): boolean {
  const sinceMs = loop.splitSinceBySource[source] ?? loop.splitSinceMs
  return loop.observedAtMs > 0 && sliceStartMs >= sinceMs + sliceMs
}
