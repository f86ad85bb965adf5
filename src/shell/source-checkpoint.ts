/**
 * What a source partition needs to go on where it stopped: plain data, a few kilobytes.
 *
 * Two places are named for each input. From `rewindOffset` on, records are read again, to rebuild what had not become final. Up to
 * `position` they have been read and counted before: what is settled again on the way is not counted again, and not sent again.
 */
import type { IdException } from '../join/join.ts'
import type { SampleState } from '../join/sample.ts'
import type { ClockState } from '../measure/partition-clock.ts'
import type { CountersState } from './source-counters.ts'

export interface InputCheckpoint {
  /** Where to begin reading; -1: nothing was read yet, begin anywhere. */
  readonly rewindOffset: number
  /** The clock before the record at `rewindOffset`. */
  readonly rewindClock: ClockState
  /** Offset after the last record counted. */
  readonly position: number
  /** The clock at `position`. */
  readonly clockMs: number
  /** Offsets after `rewindOffset` at which an idle slice was closed: it is closed there again. */
  readonly cuts: readonly number[]
  readonly counters: CountersState
  /** Dead letters of records before this one were handed over. */
  readonly handedTo: number
}

export interface SourceCheckpoint {
  readonly version: 1
  readonly source: string
  readonly policyDigest: string
  readonly sliceMs: number
  readonly predictions: InputCheckpoint
  readonly outcomes: InputCheckpoint
  readonly described: InputCheckpoint
  /** `to` of the last pane handed over, by chain and model. */
  readonly through: Readonly<Record<string, number>>
  /** `to` of the last slice closing handed over. */
  readonly closedThrough: number
  readonly exceptions: readonly IdException[]
  readonly sample: SampleState
  /** Entries of the unit table that went out as chunks. */
  readonly unitEntries: number
  /** A drain had come to its end: nothing was left waiting. */
  readonly ended: boolean
}

/**
 * The checkpoint as a pipeline with slices of another length may resume from it: where chains and closings ended, they are cut. No new
 * slice then reaches over an old one's end, so none covers offsets that were handed over before.
 */
export function forSliceLength(checkpoint: SourceCheckpoint, sliceMs: number): SourceCheckpoint {
  if (checkpoint.sliceMs === sliceMs) return checkpoint
  const ends = Object.entries(checkpoint.through)
  const endsOf = (described: boolean) => ends.filter(([key]) => key.startsWith('described|') === described).map(([, to]) => to)
  return {
    ...checkpoint,
    predictions: withCuts(checkpoint.predictions, [...endsOf(false), checkpoint.closedThrough]),
    described: withCuts(checkpoint.described, endsOf(true)),
  }
}

function withCuts(input: InputCheckpoint, offsets: readonly number[]): InputCheckpoint {
  const cuts = [...new Set([...input.cuts, ...offsets])].filter((offset) => offset > input.rewindOffset)
  return { ...input, cuts: cuts.sort((a, b) => a - b) }
}
