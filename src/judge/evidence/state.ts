/**
 * What the evidence of one model is made of: plain data, so that it can be stored and replayed. Arrays are never written again.
 * An open stratum keeps its panes apart (a higher epoch may take some back); a closed one is only in the sums and the evidence.
 */
import type { BoundedState } from '../../../detectors/bounded-mean.ts'
import type { DistributionState } from '../../../detectors/distribution.ts'
import type { MeanDifferenceState, RiskDifferenceState } from '../../../detectors/effects.ts'
import type { SampleRatioState } from '../../../detectors/sample-ratio.ts'
import type { SilenceState } from '../../../detectors/silence.ts'
import type { Arms, TwoArmState } from '../../../detectors/two-arm.ts'
import type { BlockCounts, ChainName, StreamTimeMs } from '../../domain.ts'

export const CANDIDATE = 0
export const CONTROL = 1
export type Arm = typeof CANDIDATE | typeof CONTROL

export interface EvidenceState {
  readonly model: string
  /** Hash of each block of the layout, by `<chain>|<block>`: what open panes were read with. */
  readonly blockHashes: Readonly<Record<string, string>>
  /** When each stage began, ascending; a slice belongs to the last stage that began at or before it. */
  readonly stageStarts: readonly StreamTimeMs[]
  /** Stages begun before the oldest of those. */
  readonly stagesBefore: number
  readonly chains: Readonly<Record<ChainName, ChainStrata>>
  /** By `<guardrail>|<scope>`. */
  readonly series: Readonly<Record<string, Series>>
  /** Control's latency counts of all strata so far, by `<block>|<scope>`: thresholds and margins are read off them. */
  readonly controlLatency: Readonly<Record<string, Float64Array>>
  /** Latency thresholds of this stage as bins (an event is at or above the bin's lower edge), by guardrail; absent until known. */
  readonly thresholdBins: Readonly<Record<string, readonly number[]>>
  readonly coverage: Readonly<Record<string, CoverageSums>>
  readonly gates: Gates
  readonly stageRows: { readonly candidate: number; readonly control: number; readonly panes: number }
}

export interface ChainStrata {
  /** By source. */
  readonly open: Readonly<Record<string, OpenStratum>>
  /** Shared by sources too thin to fill one of their own; at most one a stage. */
  readonly pools: readonly OpenStratum[]
  readonly closed: number
}

export interface OpenStratum {
  readonly stage: number
  readonly candidate: number
  readonly control: number
  readonly panes: readonly OpenPane[]
}

export interface OpenPane {
  readonly source: string
  readonly to: number
  readonly sliceStartMs: StreamTimeMs
  readonly sliceEndMs: StreamTimeMs
  readonly candidate: number
  readonly control: number
  readonly cells: readonly OpenCell[]
}

/** Numbers of one arm in one scope: blocks of this layout's hashes only. */
export interface OpenCell {
  readonly scope: string
  readonly arm: Arm
  readonly blocks: readonly (readonly [string, BlockCounts])[]
}

export type Series = EventSeries | ScoreSeries | ShapeSeries

interface SeriesHead {
  readonly guardrail: string
  readonly scope: string
  /** Of everything that gives the evidence its meaning; another digest is another series. */
  readonly digest: string
  readonly strata: number
}

/** Events at a rate per request: errors, latency over thresholds, wrong outcomes, missing or unseen values. */
export interface EventSeries extends SeriesHead {
  readonly kind: 'events'
  readonly events: readonly EventEvidence[]
}

export interface EventEvidence {
  readonly more: TwoArmState
  /** Present when fewer would be harm as well. */
  readonly fewer: TwoArmState | null
  readonly whole: Arms
  readonly stage: Arms
  readonly effect: RiskDifferenceState
  /** Standard deviation of the difference per √row, as the stage's first stratum found it: what its interval is tuned to. 0: none yet. */
  readonly deviation: number
}

/** Bounded values: log score, Brier score. */
export interface ScoreSeries extends SeriesHead {
  readonly kind: 'score'
  readonly evidence: BoundedState
  readonly candidateRows: number
  readonly controlRows: number
  readonly effect: MeanDifferenceState
  readonly deviation: number
}

/** Distributions over bins: features, score. One entry a block. */
export interface ShapeSeries extends SeriesHead {
  readonly kind: 'shape'
  readonly blocks: readonly ShapeEvidence[]
}

export interface ShapeEvidence {
  readonly block: string
  readonly evidence: DistributionState
  /** Of `evidence`; kept, since it is asked for far more often than it changes. */
  readonly logEvidence: number
  /** Counts of all strata, per arm: for words only. */
  readonly candidate: Float64Array
  readonly control: Float64Array
}

/** Recent outcome coverage: sums that fade by a tenth a stratum, and evidence that the arms differ. */
export interface CoverageSums {
  readonly candidateMatured: number
  readonly candidateKnown: number
  readonly controlMatured: number
  readonly controlKnown: number
  readonly more: TwoArmState
  readonly fewer: TwoArmState
}

/** Sample ratio and silence: judged slice by slice once every source has passed. */
export interface Gates {
  readonly waiting: readonly WaitingSlice[]
  /** Offsets already judged, by source: a pane sent again is not judged again. */
  readonly passedTo: Readonly<Record<string, number>>
  readonly ratio: SampleRatioState
  readonly ratioCandidate: number
  readonly ratioTotal: number
  /** The last mismatch proved; evidence started anew at it. Forgotten when nothing has proved another for a while. */
  readonly ratioBreach: RatioBreach | null
  /** NaN before the first slice with a commanded share. */
  readonly share: number
  readonly silence: SilenceState
  readonly candidate: number
  readonly total: number
  /** Passed stream time and requests since the candidate was last seen. */
  readonly quietFromMs: StreamTimeMs
  readonly quietToMs: StreamTimeMs
  readonly quietRequests: number
}

export interface RatioBreach {
  readonly atMs: StreamTimeMs
  readonly logEvidence: number
  readonly candidate: number
  readonly total: number
}

export interface WaitingSlice {
  readonly source: string
  readonly to: number
  readonly stage: number
  readonly sliceStartMs: StreamTimeMs
  readonly sliceEndMs: StreamTimeMs
  readonly share: number | null
  /** Requests of both arms, and first exposures of both (the same without units). */
  readonly candidate: number
  readonly total: number
  readonly firstCandidate: number
  readonly firstTotal: number
}

/** The stage a slice belongs to: panes that began before a command are on its far side. */
export function stageOf(state: EvidenceState, sliceStartMs: StreamTimeMs): number {
  let stage = state.stagesBefore
  for (const start of state.stageStarts) if (start <= sliceStartMs) stage += 1
  return stage
}

export function currentStage(state: EvidenceState): number {
  return state.stagesBefore + state.stageStarts.length
}

export function seriesKey(guardrail: string, scope: string): string {
  return `${guardrail}|${scope}`
}
