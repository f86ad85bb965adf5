/** Source partitions as their pulses show them: who lags behind the others, and who behind the end of the log. */
import type { Pulse, StreamTimeMs } from '../domain.ts'
import { pulseClockMs } from './judge-time.ts'
import type { SourceView } from './state.ts'

export type Sources = Readonly<Record<string, SourceView>>

export function sourcesAfter(sources: Sources, pulse: Pulse, wallMs: number): Sources {
  const before = sources[pulse.source]
  const closed = pulse.to - pulse.from
  // A thin slice before a burst is not a backlog: the larger slices of the recent past count too.
  const sliceRecords = Math.max(closed, (before?.sliceRecords ?? 0) * (closed > 0 ? 0.5 : 1))
  const view: SourceView = {
    clockMs: Math.max(before?.clockMs ?? 0, pulseClockMs(pulse)),
    idle: pulse.idle,
    ended: pulse.ended,
    sliceRecords,
    lagSlices: pulse.idle || pulse.ended ? 0 : pulse.lagRecords / Math.max(1, sliceRecords),
    heardWallMs: wallMs,
    outcomesMs: Math.max(before?.outcomesMs ?? 0, pulse.outcomeClockMs, pulse.describedClockMs),
  }
  return { ...sources, [pulse.source]: view }
}

/**
 * An idle source says so once a slice of wall clock. One that has fallen silent is not idle: nobody reads it, and what stands there is not
 * known. So it is waited for like one that lags. Names of such sources.
 */
export function mute(sources: Sources, wallMs: number, patienceMs: number): readonly string[] {
  const idle = Object.entries(sources).filter(([, source]) => source.idle && !source.ended)
  return idle.filter(([, source]) => wallMs - source.heardWallMs > patienceMs).map(([name]) => name)
}

/** At a take-over: nobody could have been heard while there was no judge. */
export function heardNow(sources: Sources, wallMs: number): Sources {
  return Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, { ...source, heardWallMs: wallMs }]))
}

/** The sources with mute ones awaited. */
export function awaitingMute(sources: Sources, wallMs: number, patienceMs: number): Sources {
  const names = mute(sources, wallMs, patienceMs)
  if (names.length === 0) return sources
  return { ...sources, ...Object.fromEntries(names.map((name) => [name, { ...sources[name]!, idle: false }])) }
}

function active(sources: Sources): readonly (readonly [string, SourceView])[] {
  return Object.entries(sources).filter(([, source]) => !source.idle && !source.ended)
}

/** Active sources whose clock is more than `withinMs` behind the furthest one. */
export function lagging(sources: Sources, withinMs: number): readonly string[] {
  const furthest = Math.max(0, ...Object.values(sources).map((source) => source.clockMs))
  return active(sources)
    .filter(([, source]) => source.clockMs < furthest - withinMs)
    .map(([name]) => name)
    .sort()
}

/** Some source still reads a backlog: what it shows is not what the gateways do now. */
export function behind(sources: Sources, slicesAllowed: number): boolean {
  return active(sources).some(([, source]) => source.lagSlices > slicesAllowed)
}

/** Active sources that have not yet passed `untilMs`: a promotion waits for them. */
export function notPassed(sources: Sources, untilMs: StreamTimeMs): readonly string[] {
  return active(sources)
    .filter(([, source]) => source.clockMs < untilMs)
    .map(([name]) => name)
    .sort()
}
