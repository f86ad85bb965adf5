/**
 * Judge time: the clock of every timer of the judge (dwell, calm, blindness, time-outs of commands).
 *
 * While records flow it is the lowest record clock of the sources that are neither idle nor ended; while all are idle it adds the
 * steps of the wall clock. So a topic filled last year neither expires every timer at its end nor runs on today's clock. When the
 * lowest clock has stood still for `patienceMs` of wall clock (a stuck partition) it adds wall steps too: the timers that protect
 * must go on, and promotion asks each source for its own clock anyway. It never runs backwards, and it is 0 until a clock is known.
 */
import type { Pulse, StreamTimeMs } from '../domain.ts'

export interface SourceTime {
  readonly clockMs: StreamTimeMs
  readonly idle: boolean
  readonly ended: boolean
}

export interface JudgeTime {
  readonly nowMs: StreamTimeMs
  /** Wall clock at the last look; 0 before the first. A drain passes 0 for ever and so never adds a wall step. */
  readonly wallMs: number
  /** Wall clock when record clocks last moved judge time. */
  readonly movedAtWallMs: number
  readonly sources: Readonly<Record<string, SourceTime>>
}

export function emptyJudgeTime(): JudgeTime {
  return { nowMs: 0, wallMs: 0, movedAtWallMs: 0, sources: {} }
}

/** The record clock a pulse tells of; 0 when it knows none yet. */
export function pulseClockMs(pulse: Pulse): StreamTimeMs {
  if (pulse.exposureClockMs > 0) return pulse.exposureClockMs
  return Math.max(0, pulse.describedClockMs)
}

/** A pulse was read. Pass only pulses that are not stale: a lower epoch of measure says nothing. */
export function passPulse(time: JudgeTime, pulse: Pulse, wallMs: number): JudgeTime {
  const before = time.sources[pulse.source]
  const clockMs = Math.max(pulseClockMs(pulse), before?.clockMs ?? 0)
  const sources = { ...time.sources, [pulse.source]: { clockMs, idle: pulse.idle, ended: pulse.ended } }
  const lowest = lowestClockMs(sources)
  if (lowest <= time.nowMs) return { ...time, sources }
  return { ...time, nowMs: lowest, sources, movedAtWallMs: wallMs, wallMs: Math.max(time.wallMs, wallMs) }
}

/** The wall clock was looked at. */
export function passWall(time: JudgeTime, wallMs: number, patienceMs: number): JudgeTime {
  // Whoever begins to look knows of nothing that has stood still: its patience begins too.
  if (time.wallMs === 0) return { ...time, wallMs, movedAtWallMs: Math.max(time.movedAtWallMs, wallMs) }
  if (wallMs <= time.wallMs) return time
  // A monotonic clock counts parts of milliseconds, judge time does not: what is left of one is part of the next step.
  const stepMs = Math.floor(wallMs - time.wallMs)
  const stuck = wallMs - time.movedAtWallMs > patienceMs
  const runs = time.nowMs > 0 && (quiet(time.sources) || stuck)
  return { ...time, wallMs: time.wallMs + stepMs, nowMs: runs ? time.nowMs + stepMs : time.nowMs }
}

/** Nobody delivers and somebody may deliver again. */
function quiet(sources: JudgeTime['sources']): boolean {
  const open = Object.values(sources).filter((source) => !source.ended)
  return open.length > 0 && open.every((source) => source.idle)
}

/** The lowest clock of the active sources; when none is active the highest of all, for that is where the stream stands; 0: unknown. */
function lowestClockMs(sources: JudgeTime['sources']): StreamTimeMs {
  const known = Object.values(sources).filter((source) => source.clockMs > 0)
  const active = known.filter((source) => !source.idle && !source.ended)
  if (active.length > 0) return Math.min(...active.map((source) => source.clockMs))
  return Math.max(0, ...known.map((source) => source.clockMs))
}
