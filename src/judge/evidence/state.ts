/**
 * What the evidence of one model is made of: plain data, so that it can be stored and replayed. Arrays are never written again.
 * An open stratum keeps its panes apart (a higher epoch may take some back); a closed one is only in the sums and the evidence.
 */
import type { BoundedState } from '../../../detectors/bounded-mean.ts'
import type { ScoreBins } from '../../../detectors/calibration/score-bins.ts'
import type { CalibrationState } from '../../../detectors/calibration-residual.ts'
import type { BucketSums } from '../../../detectors/design-effect.ts'
import type { DistributionState } from '../../../detectors/distribution.ts'
import type { MeanDifferenceState, RiskDifferenceState } from '../../../detectors/effects.ts'
import type { PairedState } from '../../../detectors/paired.ts'
import type { PairedScoreState } from '../../../detectors/paired-scores.ts'
import type { SampleRatioState } from '../../../detectors/sample-ratio.ts'
import type { SilenceState } from '../../../detectors/silence.ts'
import type { Arms, TwoArmState } from '../../../detectors/two-arm.ts'
import type { BlockCounts, ChainName, Population, StreamTimeMs } from '../../domain.ts'
import type { Guardrail } from '../../policy/layout.ts'
import type { SteadyState } from './steady/state.ts'

export const CANDIDATE = 0
export const CONTROL = 1
export type Arm = typeof CANDIDATE | typeof CONTROL

export interface EvidenceState {
  readonly model: string
  /** Hash of each block of the layout, by `<chain>|<block>`: what open panes were read with. */
  readonly blockHashes: Readonly<Record<string, string>>
  /** Blocks that open panes hold of each segment, by `<chain>|<scope>`; absent in states of an earlier version: all. */
  readonly segmentReads?: Readonly<Record<string, readonly string[]>>
  /** When each stage began, ascending; a slice belongs to the last stage that began at or before it. */
  readonly stageStarts: readonly StreamTimeMs[]
  /** Stages begun before the oldest of those. */
  readonly stagesBefore: number
  /** The last stage in which the candidate answered copies of the control's requests; absent: none. */
  readonly mirroredStage?: number
  readonly chains: Readonly<Record<ChainName, ChainStrata>>
  /** By `<guardrail>|<scope>`. */
  readonly series: Readonly<Record<string, Series>>
  /** Control's counts of latency and of resources by bin, of all strata so far, by `<block>|<scope>`: thresholds and margins are read off them. */
  readonly controlLatency: Readonly<Record<string, Float64Array>>
  /** Thresholds of this stage as bins (an event is at or above the bin's lower edge), by guardrail; absent until known. */
  readonly thresholdBins: Readonly<Record<string, readonly number[]>>
  readonly coverage: Readonly<Record<string, CoverageSums>>
  readonly gates: Gates
  /** Models with units: the same series on all requests, tempered; `series` is on first exposures. By `<guardrail>|<scope>`. */
  readonly tempered: Readonly<Record<string, Series>>
  /** How alike requests of one unit are, by chain. */
  readonly units: Readonly<Record<ChainName, UnitsState>>
  readonly stageRows: { readonly candidate: number; readonly control: number; readonly panes: number }
  /** Guardrails without a control. */
  readonly steady: SteadyState
  /** Whom stages are about, where that is not everybody: from this stage on. */
  readonly populations: readonly { readonly stage: number; readonly cohort: string; readonly without: readonly string[] }[]
  /** Where a segment may be kept out: every guardrail on all others, by `<guardrail>|not <segment>`. */
  readonly rests: { readonly series: Readonly<Record<string, Series>>; readonly tempered: Readonly<Record<string, Series>> }
  /** Of the last hour or so, by chain. */
  readonly memory: Readonly<Record<ChainName, ChainMemory>>
}

/** Both versions in the whole population, oldest span first. */
export interface ChainMemory {
  readonly spans: readonly MemorySpan[]
  /** What had moved on both when the last span was over. */
  readonly drifts: readonly Drift[]
}

/** Counts of all the chain's slots. It ends where the next one begins. */
export interface MemorySpan {
  readonly sinceMs: StreamTimeMs
  readonly candidate: Float64Array
  readonly control: Float64Array
}

/** Something that happens more, or less, often than before, whichever version serves. */
export interface Drift {
  readonly guardrail: string
  /** Empty: none. */
  readonly feature: string
  readonly words: string
  readonly sinceMs: StreamTimeMs
  /** Natural log of the e-value that the control has moved, the search for it paid for. */
  readonly logEvidence: number
}

export interface ChainStrata {
  /** By source. */
  readonly open: Readonly<Record<string, OpenStratum>>
  /** Shared by sources too thin to fill one of their own; at most one a stage. */
  readonly pools: readonly OpenStratum[]
  readonly closed: number
  /** Sources whose panes went to a pool lately, and the end of the last slice each has handed on. */
  readonly thin: Readonly<Record<string, StreamTimeMs>>
  /** Pooled panes up to here were let go without a partner: what comes late finds none. */
  readonly letGoUntilMs: StreamTimeMs
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
  readonly population: Population
  readonly blocks: readonly (readonly [string, BlockCounts])[]
}

export type Series = EventSeries | ScoreSeries | ShapeSeries | CalibrationSeries | PairedSeries | PairedScoreSeries

interface SeriesHead {
  readonly guardrail: string
  readonly scope: string
  /** Of everything that gives the evidence its meaning; another digest is another series. */
  readonly digest: string
  readonly strata: number
}

/** Events at a rate per request: errors, latency or resource use over thresholds, wrong outcomes, missing or unseen values. */
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
  /** Tempered series: the design effect its capital stands at; absent: 1. */
  readonly temper?: number
}

/** What the control's unit buckets have shown on one chain. */
export interface UnitsState {
  /** Sums of all strata and of this stage's, by `<unit block>@<hash>`. */
  readonly whole: Readonly<Record<string, BucketSums>>
  readonly stage: Readonly<Record<string, BucketSums>>
  /** By guardrail. */
  readonly placebos: Readonly<Record<string, Placebo>>
  /** The guardrail whose placebo was convicted: all requests say nothing any more for the rest of the rollout. */
  readonly fired: string | null
}

/** Evidence that a part of the control is worse than the rest of it. */
export interface Placebo {
  readonly more: TwoArmState
  readonly fewer: TwoArmState | null
  /** Design effect the capital stands at. */
  readonly temper: number
}

/** Bounded values: log score, Brier score, value or resource within bounds. */
export interface ScoreSeries extends SeriesHead {
  readonly kind: 'score'
  readonly evidence: BoundedState
  readonly candidateRows: number
  readonly controlRows: number
  readonly effect: MeanDifferenceState
  readonly deviation: number
  /** Where margins are shares of it: rows of the control in all strata, and the sum of v. */
  readonly before?: { readonly rows: number; readonly sum: number }
  /** Rows of the stage whose value lay outside its bounds. */
  readonly clipped?: number
  readonly temper?: number
  /** Of a probability, in the whole population, over all strata: for words only. */
  readonly bins?: ArmBins
}

/** Rows, positives and Σ score per score bin, of the candidate and the control. */
export type ArmBins = readonly [candidate: ScoreBins, control: ScoreBins]

/** What the candidate's scores say beside what happened, per score bin. */
export interface CalibrationSeries extends SeriesHead {
  readonly kind: 'calibration'
  readonly evidence: CalibrationState
  /** Sums of all strata: for words only. */
  readonly rows: Float64Array
  readonly positives: Float64Array
  readonly scoreSums: Float64Array
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
  readonly temper?: number
}

/** Decisions on one request, side by side, in the whole population of a mirrored stage. */
export interface PairedSeries extends SeriesHead {
  readonly kind: 'paired'
  readonly evidence: PairedState
  readonly tally: PairTally
  /** The design effect its capital stands at. */
  readonly temper: number
}

/** Of the stage. */
export interface PairTally {
  /** Answers of the candidate, paired or not. */
  readonly mirrored: number
  readonly pairs: number
  readonly disagreements: number
  readonly undecided: number
  readonly onlyCandidateWrong: number
  readonly onlyControlWrong: number
}

/** Probabilities for one outcome, side by side. */
export interface PairedScoreSeries extends SeriesHead {
  readonly kind: 'paired-scores'
  readonly evidence: PairedScoreState
  readonly pairs: number
  /** Of how much more the candidate lost. */
  readonly sum: number
  readonly sumSquares: number
  readonly temper: number
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
  /** How far the slices had come when the candidate was last seen in a pane. */
  readonly heardUntilMs: StreamTimeMs
  /** What silence was judged on: arrivals, all, and all since the last arrival; first exposures where there are units. */
  readonly heard: { readonly arrived: number; readonly total: number; readonly quiet: number }
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

/** As it was made the first time: to make one anew is to look it up among all names there are. */
export function seriesKey(guardrail: Guardrail, scope: string): string {
  let keys = KEYS.get(guardrail)
  if (keys === undefined) {
    keys = new Map()
    KEYS.set(guardrail, keys)
  }
  let key = keys.get(scope)
  if (key === undefined) {
    key = `${guardrail.name}|${scope}`
    keys.set(scope, key)
  }
  return key
}

const KEYS = new WeakMap<Guardrail, Map<string, string>>()
