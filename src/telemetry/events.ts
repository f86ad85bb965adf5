/**
 * The one list of events. Log lines and metrics derive from it; nothing else logs or counts.
 * A room that wants something observed emits an event; the host decides what becomes of it.
 */
import type { DropReason, RolloutPhase, Verdict, Weights } from '../domain.ts'

export type FlyballEvent =
  /** Totals since the beginning of the input over the partitions this process owns: read = used + waiting + Σ dropped. */
  | {
      readonly event: 'records-accounted'
      readonly topic: string
      readonly read: number
      readonly used: number
      readonly waiting: number
      readonly dropped: Readonly<Partial<Record<DropReason, number>>>
    }
  /** Offsets [from, to); told only of batches that are traced. `beganMs`: wall clock. */
  | {
      readonly event: 'batch-read'
      readonly source: string
      readonly topic: string
      readonly partition: number
      readonly from: number
      readonly to: number
      readonly records: number
      readonly beganMs: number
      readonly tookMs: number
    }
  | { readonly event: 'panes-written'; readonly source: string; readonly count: number; readonly bytes: number }
  | { readonly event: 'checkpoint-written'; readonly source: string; readonly sequence: number }
  | { readonly event: 'source-started'; readonly source: string; readonly epoch: number; readonly rewoundTo: number }
  | { readonly event: 'source-stopped'; readonly source: string; readonly reason: string }
  | {
      readonly event: 'pane-refused'
      readonly source: string
      readonly chain: string
      readonly model: string
      readonly reason: 'stale-epoch' | 'overlap' | 'undecodable' | 'other-hash'
    }
  | {
      readonly event: 'pane-gap'
      readonly source: string
      readonly chain: string
      readonly model: string
      readonly through: number
      readonly from: number
    }
  | { readonly event: 'judge-took-over'; readonly partition: number; readonly epoch: number; readonly models: number }
  | { readonly event: 'judge-fenced'; readonly partition: number; readonly problem: string }
  /** It judges this partition no more; somebody else does, or will. */
  | { readonly event: 'judge-left'; readonly partition: number; readonly models: readonly string[] }
  /**
   * `delayMs`: wall clock less judge time; NaN where there is no wall clock, or no judge time yet. `sequence`: of the command that it
   * sends; null: none. `tookMs`: from the event that led to it until it was committed.
   */
  | {
      readonly event: 'decided'
      readonly id: string
      readonly model: string
      readonly number: number
      readonly sequence: number | null
      readonly judgeTimeMs: number
      readonly tookMs: number
      readonly verdict: Verdict['kind']
      readonly rule: string
      readonly summary: string
      readonly delayMs: number
    }
  /** How a model stands, every few seconds. `delayMs` as in `decided`; a drill that is asked for every 0 ms is not asked for. */
  | {
      readonly event: 'rollout-standing'
      readonly model: string
      readonly control: string
      readonly candidate: string
      readonly phase: RolloutPhase
      readonly weights: Weights
      readonly gateways: number
      readonly incidents: number
      readonly drillPassedAtMs: number
      readonly drillEveryMs: number
      readonly delayMs: number
    }
  /** Share of a version's matured predictions that have an outcome, as of late, and the share below which its outcomes are not judged. */
  | {
      readonly event: 'outcome-coverage'
      readonly model: string
      readonly version: string
      readonly outcome: string
      readonly share: number
      readonly limit: number
    }
  /** The chain of a model's decisions was anchored for the day. */
  | { readonly event: 'anchored'; readonly model: string; readonly number: number }
  | { readonly event: 'command-acked'; readonly model: string; readonly sequence: number; readonly afterMs: number }
  | { readonly event: 'command-observed'; readonly model: string; readonly sequence: number; readonly afterMs: number }
  | { readonly event: 'not-effective'; readonly model: string; readonly sequence: number; readonly summary: string }
  | { readonly event: 'alert'; readonly incident: string; readonly severity: string; readonly summary: string }
  | {
      readonly event: 'reading'
      readonly model: string
      /** The candidate. */
      readonly version: string
      readonly guardrail: string
      readonly scope: string
      readonly logEvidence: number
      readonly logLimit: number
      readonly estimate: number
      readonly intervalLow: number
      readonly intervalHigh: number
      readonly margin: number
      readonly rows: number
    }
  /** One message to one destination; `afterMs`: since it was due. */
  | {
      readonly event: 'notification'
      readonly sink: string
      readonly severity: 'critical' | 'warning' | 'info'
      readonly status: 'firing' | 'resolved'
      readonly result: 'delivered' | 'failed' | 'refused' | 'unconfirmed'
      readonly problem: string
      readonly incidents: number
      readonly repeated: boolean
      readonly afterMs: number
    }
  /** Messages that are due and have not been taken, by destination. */
  | { readonly event: 'notifications-waiting'; readonly sink: string; readonly count: number }
  | {
      readonly event: 'heartbeat-sent'
      readonly sink: string
      readonly result: 'delivered' | 'failed' | 'refused'
      readonly problem: string
    }
  | { readonly event: 'change-told'; readonly sink: string; readonly result: 'delivered' | 'failed' | 'refused'; readonly problem: string }
  | { readonly event: 'act-took-over'; readonly epoch: number; readonly incidents: number; readonly groups: number }
  | { readonly event: 'act-fenced'; readonly problem: string }
  /** What became of spans: taken by the collector, not wanted by it, or given up. */
  | { readonly event: 'spans-told'; readonly result: 'delivered' | 'refused'; readonly reason: ''; readonly count: number }
  | { readonly event: 'spans-told'; readonly result: 'dropped'; readonly reason: SpanDropReason; readonly count: number }
  /** The collector began to answer, or ceased to. */
  | { readonly event: 'trace-collector'; readonly answers: boolean; readonly problem: string }
  /** `delayMs`: wall clock less the partition's record clock; both NaN before the first record. */
  | {
      readonly event: 'lag'
      readonly topic: string
      readonly partition: number
      readonly records: number
      readonly clockMs: number
      readonly delayMs: number
    }
  /**
   * What one source partition holds in memory. `sampleRate`: share of ids joined, below 1 past limits.maxPending.
   * `clockHeld`: records so far whose time ran ahead and was not believed.
   */
  | {
      readonly event: 'memory-held'
      readonly source: string
      readonly pending: number
      readonly pendingBytes: number
      readonly unitBytes: number
      readonly countingBytes: number
      readonly unsentBytes: number
      readonly sampleRate: number
      readonly clockHeld: number
    }
  | { readonly event: 'memory-log'; readonly note: string }
  | { readonly event: 'client-trouble'; readonly level: string; readonly message: string }
  | { readonly event: 'listening'; readonly port: number }
  /** What there is to be measured, before anything is: so that what has not happened yet is a zero, and not nothing. */
  | {
      readonly event: 'policy-loaded'
      readonly policyDigest: string
      readonly environment: string
      readonly topics: readonly string[]
      readonly models: readonly { readonly name: string; readonly versions: readonly string[] }[]
      readonly sinks: readonly { readonly name: string; readonly kind: string }[]
    }
  | { readonly event: 'started'; readonly version: string; readonly policyDigest: string }
  | { readonly event: 'stopped'; readonly reason: string }
  | { readonly event: 'problem'; readonly code: string; readonly message: string }

/** full: too many waited; late: the collector did not take them in time; stopped: the process ended. */
export const SPAN_DROP_REASONS = ['full', 'late', 'stopped'] as const
export type SpanDropReason = (typeof SPAN_DROP_REASONS)[number]

export type Emit = (event: FlyballEvent) => void
