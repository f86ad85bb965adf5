/** What the guardrails without a control remember: plain data, like the rest of the evidence. Arrays are never written again. */
import type { BaselineState } from '../../../../detectors/baseline-drift.ts'
import type { CeilingState } from '../../../../detectors/ceiling.ts'
import type { SeasonState } from '../../../../detectors/season.ts'
import type { VolumeState } from '../../../../detectors/volume.ts'
import type { ChainName, StreamTimeMs } from '../../../domain.ts'

export interface SteadyState {
  /** Panes not yet decided: a higher epoch may take them back. */
  readonly pending: readonly SteadyPane[]
  /** Every source seen, sorted: each brings a batch a slice. */
  readonly sources: readonly string[]
  /** By guardrail. */
  readonly watches: Readonly<Record<string, Watch>>
  readonly traffic: Traffic
}

export interface SteadyPane {
  readonly source: string
  readonly chain: ChainName
  readonly to: number
  readonly sliceEndMs: StreamTimeMs
  /** By guardrail; [candidate, control]. */
  readonly tallies: Readonly<Record<string, readonly [ArmTally, ArmTally]>>
}

/** ceiling: [rows, events] per rate; baseline-drift: counts per slot, per feature. Empty: no row of that arm. */
export type ArmTally = readonly (readonly number[])[]

export type Watch = CeilingWatch | DriftWatch | VolumeWatch

/** Stands until `calmAfterMs` have passed without another: at each alarm the detector begins anew. */
export interface Alarm {
  readonly atMs: StreamTimeMs
  readonly logEvidence: number
  /** Which rate or feature, and what was seen of it. */
  readonly index: number
  readonly words: string
  readonly rows: number
  /** ceiling: the share of rows that raised it. */
  readonly share?: number
}

export interface CeilingWatch {
  readonly kind: 'ceiling'
  readonly digest: string
  /** [candidate, control]. The control acts on nothing: it tells whether the candidate is alone. */
  readonly sides: readonly [CeilingSide, CeilingSide]
}

export interface CeilingSide {
  readonly batches: number
  readonly rates: readonly CeilingRate[]
  readonly alarm: Alarm | null
}

export interface RowsForHarm {
  readonly rows: number
  readonly events: number
  /** Of the least harm against the limit. */
  readonly logOdds: number
}

export interface CeilingRate {
  readonly state: CeilingState
  readonly rows: number
  readonly events: number
  /** Sums that fade by a fiftieth a batch, for display. */
  readonly recentRows: number
  readonly recentEvents: number
  /** Since the rows began to speak for harm, for display; null: they do not. */
  readonly since?: RowsForHarm | null
}

export interface DriftWatch {
  readonly kind: 'baseline-drift'
  readonly digest: string
  readonly sides: readonly [DriftSide, DriftSide]
}

export interface DriftSide {
  readonly batches: number
  readonly rows: number
  readonly features: readonly BaselineState[]
  readonly alarm: Alarm | null
}

export interface VolumeWatch {
  readonly kind: 'volume'
  readonly digest: string
  readonly state: VolumeState
  readonly requests: number
  readonly forecast: number
  readonly alarm: (Alarm & { readonly status: 'few' | 'many' | 'no-data' }) | null
}

/** Requests per bucket of time, all sources together, and what earlier hours brought. */
export interface Traffic {
  readonly waiting: readonly WaitingRequests[]
  /** First bucket not yet judged; -1 before the first request. */
  readonly nextBucket: number
  readonly hourRequests: number
  /** The hour under way has been seen from its start. */
  readonly hourIsWhole: boolean
  readonly season: SeasonState
}

export interface WaitingRequests {
  readonly source: string
  readonly to: number
  readonly bucket: number
  readonly requests: number
}
