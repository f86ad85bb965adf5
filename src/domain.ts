/**
 * The nouns of Flyball: what passes between the rooms, and nothing else.
 *
 * On the hot path (bytes → ingest → join → measure) everything travels in batches of columns: typed arrays with one entry a row,
 * owned by whoever produced the batch and valid until its next call. There is no object per record.
 * From the pane on, traffic is a few records a second, and plain objects are right.
 *
 * Times are milliseconds since 1970 (`…Ms`), offsets are Kafka offsets as safe integers.
 */

/** Milliseconds of stream time: record clocks and judge time, never this machine's clock. */
export type StreamTimeMs = number

// ── the log ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A run of records of one partition, uncompressed, as places in one buffer. Valid until the next `take()` of its source. */
export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  /** Holds every key, value and header section named below; at least 16 zero bytes follow the last of them. */
  readonly bytes: Buffer
  readonly count: number
  readonly offset: Float64Array
  /** Kafka's record timestamp (append time where the topic says so). -1 occurs. */
  readonly timestampMs: Float64Array
  /** Start and end of key and value in `bytes`; start is -1 for null. */
  readonly keyStart: Int32Array
  readonly keyEnd: Int32Array
  readonly valueStart: Int32Array
  readonly valueEnd: Int32Array
  /** Where the raw header section (varint count, then pairs) begins in `bytes`; -1 when there are no headers. */
  readonly headerStart: Int32Array
}

/** One record as an object, for topics with little traffic. */
export interface LogRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** Keys may repeat, so this is a list. */
  readonly headers: readonly (readonly [string, Buffer])[]
}

export interface OutgoingRecord {
  readonly key: Buffer | string | null
  readonly value: Buffer | null
  readonly headers?: Readonly<Record<string, Buffer | string>>
  /** Record time; default: now. Only replays, fillers and benches set it (brokers refuse more than an hour ahead). */
  readonly timestampMs?: number
}

// ── ingest → join → measure ────────────────────────────────────────────────────────────────────────────────────────────────

/** Why a record was not used. Closed list: each has a counter, `read = used + waiting + Σ dropped{reason}` holds per topic. */
export type DropReason =
  | 'undecodable' // not JSON, not Avro, corrupt count, …
  | 'unknown-schema' // Confluent prefix with an id the registry does not know
  | 'oversized' // larger than limits.recordBytes
  | 'tombstone' // null value
  | 'missing-field' // a required field (id, model, version, …) is absent or null
  | 'wrong-type' // a required field has another type
  | 'not-finite' // a required number is NaN or ±Infinity
  | 'bad-time' // negative or absurd event time
  | 'unknown-model'
  | 'unknown-version'
  | 'too-many-values' // a bounded label set is full
  | 'sampled-out' // past maxPending: not in the hash sample
  | 'duplicate-id' // prediction id seen again within the longest horizon
  | 'duplicate-outcome' // a second outcome with the same label for one prediction
  | 'contradicting-outcome' // a second outcome with another label for one prediction; the lowest offset counts
  | 'unmatched-outcome' // no prediction within its window, or its prediction had matured

/** Rows that could not be used, by index into the RecordBatch. Short: only broken records become objects. */
export interface Rejected {
  readonly row: number
  readonly reason: DropReason
  /** What was wrong, with the field's name; shown in the dead letter's headers. */
  readonly detail: string
}

/**
 * Predictions of one record batch as columns. Indices `model`, `version` and symbols refer to the compiled Layout.
 * `numbers[k]` is the column of numeric slot k of the layout's InputLayout (NaN: not there; `numberState` says why).
 */
export interface PredictionBatch {
  count: number
  readonly offset: Float64Array
  readonly recordTimeMs: Float64Array
  /** The event's own time; NaN when the policy maps none. Display and staleness only. */
  readonly eventTimeMs: Float64Array
  /** 64-bit hash of the prediction id, two lanes. */
  readonly id1: Int32Array
  readonly id2: Int32Array
  readonly model: Int32Array
  /** Index into ModelLayout.versions. */
  readonly version: Int32Array
  /** 64-bit hash of the unit, two lanes; both 0 when the record has none. */
  readonly unit1: Int32Array
  readonly unit2: Int32Array
  /** 1 when this partition is the unit's home (murmur2(unit) mod partitions). */
  readonly unitHome: Uint8Array
  readonly error: Uint8Array
  /** 1: the model decided for the positive class; 0: against; 2: unknown. */
  readonly decision: Uint8Array
  /** NaN: missing. */
  readonly score: Float64Array
  readonly latencyMs: Float64Array
  /** Per slot of a numeric feature or a resource: value, NaN when not usable. */
  readonly numbers: readonly Float64Array[]
  /** Likewise: a FieldState. */
  readonly numberStates: readonly Uint8Array[]
  /** Per categorical feature slot: index into its `values`, or a negative FieldState (-1 missing, -2 wrong type, -4 unseen). */
  readonly symbols: readonly Int32Array[]
  /** Per segment dimension slot: index into its `values`; the last one is `__other__`. */
  readonly dimensions: readonly Int32Array[]
}

/** State of an optional field. Negative of it stands in symbol columns. */
export const FIELD_OK = 0
export const FIELD_MISSING = 1
export const FIELD_WRONG_TYPE = 2
export const FIELD_NOT_FINITE = 3
export const FIELD_UNSEEN = 4

/** Outcomes of one record batch as columns. */
export interface OutcomeBatch {
  count: number
  readonly offset: Float64Array
  readonly recordTimeMs: Float64Array
  readonly eventTimeMs: Float64Array
  readonly id1: Int32Array
  readonly id2: Int32Array
  /** 0 or 1 for a label; NaN when the record brings only a value. */
  readonly label: Float64Array
  /** A number the policy calls value (revenue, cost); NaN: none. */
  readonly value: Float64Array
}

/** Self-describing outcomes: the outcome event carries what a join would have brought. Same columns as a prediction plus the label. */
export interface DescribedOutcomeBatch extends PredictionBatch {
  readonly label: Float64Array
  readonly value: Float64Array
}

/** What became of a prediction at one horizon, as columns in arrival order. `label` NaN: no outcome in time. */
export interface MaturedBatch {
  count: number
  readonly model: Int32Array
  readonly version: Int32Array
  /** Per dimension slot of the input layout. */
  readonly dimensions: readonly Int32Array[]
  /** 1: counted among the first exposures. */
  readonly first: Uint8Array
  /** Hashed bucket of its unit; -1: none. */
  readonly unitBucket: Int16Array
  readonly score: Float64Array
  readonly decision: Uint8Array
  readonly label: Float64Array
  readonly value: Float64Array
  /** Null: no model compares answers to one request. */
  readonly pairs: PairColumns | null
}

/** Both answers to one request, beside the row of the one that was read later. Decisions as in predictions: 0, 1, 2 where there is none. */
export interface PairColumns {
  /** 1: this row completes a pair; the others say nothing of theirs. */
  readonly isPair: Uint8Array
  readonly candidateDecision: Uint8Array
  readonly controlDecision: Uint8Array
  readonly candidateScore: Float64Array
  readonly controlScore: Float64Array
  /** What the control's outcome says, for both. NaN: none in time. */
  readonly label: Float64Array
}

// ── panes ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** `exposure`, `outcome:<horizonMs>` or `described`: each is a chain of panes per (source, model). */
export type ChainName = string

/** (epoch, sequence) of a checkpoint: what a stamped write resumed from. */
export interface Stamp {
  readonly epoch: number
  readonly sequence: number
}

/**
 * `all` requests, or `first` exposures of units on their home partition. `units`: one cell a pane, the control's requests in `__all__` by
 * hashed unit, from which the judge learns how alike the requests of one unit are.
 */
export type Population = 'all' | 'first' | 'units'

/** Numbers of one block in one cell. Length is fixed by the layout; every slot is a count or a sum. */
export interface BlockCounts {
  readonly counts: Float64Array
  readonly sums: Float64Array
}

export interface PaneCell {
  readonly version: string
  /** `__all__`, or `dimension=value`. */
  readonly scope: string
  readonly population: Population
  /** By block id; absent means all zero. */
  readonly blocks: ReadonlyMap<string, BlockCounts>
}

/** One Kafka record: all cells of one model over the offsets [from, to) of one source partition. */
export interface Pane {
  readonly kind: 'pane'
  readonly model: string
  /** `<predictions topic>/<partition>`. */
  readonly source: string
  readonly chain: ChainName
  readonly stamp: Stamp
  readonly base: Stamp
  readonly from: number
  readonly to: number
  /** `to` of the link before this one in the same chain (0 for the first): a gap is seen at once. */
  readonly previousTo: number
  readonly sliceStartMs: StreamTimeMs
  readonly sliceEndMs: StreamTimeMs
  /** When it became final, in record time: slice end for exposures, slice end + horizon for outcomes. Order of deterministic runs. */
  readonly finalAtMs: StreamTimeMs
  /** Share of ids kept by the hash sample; 1 unless maxPending was passed. */
  readonly sampleRate: number
  /** Content hash of each block's definition, by block id: blocks of another hash are another series. */
  readonly blockHashes: ReadonlyMap<string, string>
  readonly cells: readonly PaneCell[]
}

/** One per source partition and closed slice, sent to every judge partition: so that absence is known and not guessed. */
export interface Pulse {
  readonly kind: 'pulse'
  readonly source: string
  readonly stamp: Stamp
  readonly base: Stamp
  /** Offsets of the slice it closes; from = to at start-up and for pure heartbeats. */
  readonly from: number
  readonly to: number
  readonly sliceEndMs: StreamTimeMs
  readonly exposureClockMs: StreamTimeMs
  readonly outcomeClockMs: StreamTimeMs
  readonly describedClockMs: StreamTimeMs
  /** Caught up and quiet: its clock stands, and nobody waits for it. */
  readonly idle: boolean
  /** Read to the end that a `--drain` was asked for: nothing more will come. */
  readonly ended: boolean
  readonly lagRecords: number
  /** Models that have an exposure pane in the slice closed. */
  readonly models: readonly string[]
}

// ── decisions ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type GuardrailClass = 'critical' | 'signal' | 'info'
export type HoldReason = 'blind' | 'assignment' | 'insufficient' | 'signal' | 'human' | 'frozen' | 'approval' | 'quarantined' | 'flapping'

/** One guardrail in one scope, as the judge sees it after a stratum. */
export interface Reading {
  readonly guardrail: string
  readonly scope: string
  readonly class: GuardrailClass
  /** What the policy does when this one fires. */
  readonly action: 'rollback' | 'throttle' | 'hold' | 'info'
  /** Natural log of the e-value for harm. */
  readonly logEvidence: number
  /** It acts when logEvidence ≥ logLimit. */
  readonly logLimit: number
  /** Weighted share of the class budget (for the weighted sum over scopes). */
  readonly weight: number
  /** Candidate minus control, in the guardrail's unit; NaN when it has none. Positive is worse. */
  readonly estimate: number
  readonly intervalLow: number
  readonly intervalHigh: number
  readonly unit: string
  readonly margin: number
  readonly candidateRows: number
  readonly controlRows: number
  readonly candidateEvents: number
  readonly controlEvents: number
  readonly strata: number
  /** For distributions: the feature (and bin) that carries most of the evidence. */
  readonly detail: string
}

/** One non-inferiority proof asked for by a promotion. */
export interface NonInferiority {
  readonly guardrail: string
  readonly holds: boolean
  readonly upperEnd: number
  readonly allowed: number
  readonly rows: number
  /** What is missing, in words; empty when it holds. */
  readonly missing: string
}

export interface HarmVerdict {
  readonly kind: 'rollback' | 'throttle' | 'isolate'
  readonly rule: string
  readonly evidence: readonly Reading[]
}

export type Verdict =
  | HarmVerdict
  | { readonly kind: 'hold'; readonly because: HoldReason; readonly rule: string; readonly missing: readonly string[] }
  | { readonly kind: 'step-down' | 'lift'; readonly rule: string; readonly sinceMs: StreamTimeMs }
  /** `advance`: a stage of the plan is over, and no weight changes by it. */
  | { readonly kind: 'promote' | 'advance'; readonly rule: string; readonly proofs: readonly NonInferiority[] }
  | {
      readonly kind: 'start' | 'adopt' | 'acked' | 'observed' | 'not-effective' | 'override' | 'refused' | 'recorded'
      readonly rule: string
      readonly note: string
    }

/**
 * Where a rollout stands. `offline` waits for a passed gate, `shadow` is judged without exposure, `guard` is watched after the last step.
 * `promoted` and `rolled-back` are final until a person says otherwise.
 */
export type RolloutPhase = 'new' | 'climbing' | 'promoted' | 'rolled-back' | 'offline' | 'shadow' | 'guard'

/** A person agreed to the step that follows a stage. */
export interface Approval {
  readonly who: string
  /** Name of the stage that it lets the rollout leave. */
  readonly stage: string
  readonly requestId: string
  /** Wall clock. */
  readonly atMs: number
}

/** Why something moved, as far as the numbers tell: the most probable first. */
export interface Factor {
  /** environment: both arms moved. upstream: what the versions are given. segment: mostly there. candidate: it alone. */
  readonly kind: 'environment' | 'upstream' | 'candidate' | 'segment'
  readonly words: string
  readonly guardrail: string
  /** `__all__`, or `dimension=value`. */
  readonly scope: string
  /** Empty: none. */
  readonly feature: string
  /** Of the excess, in [0, 1]; NaN: not known. */
  readonly share: number
  /** Natural log of the e-value behind it; NaN: none. */
  readonly logEvidence: number
}

/** Something done to the system by somebody else: a deploy, a data job, a feature pipeline, the environment. */
export interface ChangeRecord {
  readonly id: string
  readonly kind: 'deploy' | 'data' | 'feature' | 'environment' | 'other'
  readonly what: string
  readonly who: string
  /** Model it is about; empty: all. */
  readonly model: string
  readonly atMs: number
}

/** Weights that replace those of the model inside a segment (`dimension=value`). */
export interface SegmentWeights {
  readonly segment: string
  readonly weights: Weights
}

/** What a person has laid on a model and nobody has taken off yet. */
export interface Restraint {
  readonly kind: 'hold' | 'freeze' | 'abort'
  readonly who: string
  readonly reason: string
  /** Wall clock at which it ends by itself; null: a person ends it. */
  readonly untilMs: number | null
}

/** Weight per version in percent of the model's traffic; sums to 100. */
export type Weights = Readonly<Record<string, number>>

/** COMPLETE desired traffic state of one model. Absolute: applying twice is applying once. */
export interface Command {
  readonly id: string
  readonly environment: string
  readonly model: string
  readonly epoch: number
  readonly sequence: number
  /** Judge time. */
  readonly issuedAtMs: StreamTimeMs
  readonly kind: 'start' | 'promote' | 'throttle' | 'rollback' | 'step-down' | 'lift' | 'override'
  readonly control: string
  readonly candidate: string
  readonly weights: Weights
  /** Weights inside segments that are kept apart. */
  readonly segments: readonly SegmentWeights[]
  readonly leaseMs: number
  readonly onSilence: 'keep' | 'baseline'
  readonly policyDigest: string
  readonly rule: string
  /** One sentence for people. */
  readonly reason: string
  readonly decisionId: string
}

/** One record on `decisions`: hash-chained per model. */
export interface Decision {
  readonly id: string
  readonly environment: string
  readonly model: string
  readonly number: number
  /** SHA-256 (hex) of the bytes of the decision record before this one; empty for the first. */
  readonly previousHash: string
  readonly epoch: number
  readonly sequence: number
  readonly judgeTimeMs: StreamTimeMs
  readonly policyDigest: string
  readonly mode: 'observe' | 'enforce'
  readonly verdict: Verdict
  readonly weightsBefore: Weights
  readonly weightsAfter: Weights
  /** Everything looked at, not only what fired. */
  readonly readings: readonly Reading[]
  readonly panes: number
  readonly rows: number
  /** Words: what happened and the probable cause. */
  readonly summary: string
  readonly cause: string
  /** Wall-clock times of the loop, when known: detected, commanded, acked, observed. Display only. */
  readonly wallTimes: Readonly<Record<string, number>>
  /** The request it answers; null when nobody asked. */
  readonly requestId: string | null
  /** Where the rollout stands after it; null in records of schema 1. */
  readonly phase: RolloutPhase | null
  /** In force after it. */
  readonly restraints: readonly Restraint[]
  /** Versions judged; empty in records before schema 3, as all below. */
  readonly control: string
  readonly candidate: string
  /** Name of the stage after it: `shadow`, `5 %`, `guard`; empty: none. */
  readonly stage: string
  /** Digest of the candidate's artifact, where the plan names one. */
  readonly artifact: string
  /** Those that stand for the stage after it, or that it was taken on. */
  readonly approvals: readonly Approval[]
  readonly segmentsAfter: readonly SegmentWeights[]
  readonly factors: readonly Factor[]
  /** The nearest before it, newest first. */
  readonly changes: readonly ChangeRecord[]
  /** recorded: what was recorded (a gate, a drill, a policy); else what it changes of the quarantine list. JSON, or empty. */
  readonly body: string
}

export interface Alert {
  readonly incident: string
  readonly environment: string
  readonly model: string
  readonly version: string
  readonly cause: string
  readonly severity: 'critical' | 'warning' | 'info'
  readonly status: 'firing' | 'resolved'
  readonly summary: string
  readonly decisionId: string
  readonly judgeTimeMs: StreamTimeMs
  readonly detail: AlertDetail
}

/** As the ladder remembers it: enough to end it. */
export type OpenAlert = Omit<Alert, 'detail'>

/** What somebody who is woken wants to know. Empty words and NaN: there is none, or the alert was written before schema 2. */
export interface AlertDetail {
  /** What was done: the command's effect, or that nothing was. */
  readonly done: string
  /** Of the gravest finding. */
  readonly guardrail: string
  readonly scope: string
  readonly estimate: number
  readonly intervalLow: number
  readonly intervalHigh: number
  /** How much worse the candidate may be, in the unit of the estimate. */
  readonly margin: number
  readonly unit: string
  readonly logEvidence: number
  readonly logLimit: number
  readonly candidateRows: number
  readonly controlRows: number
  /** The probable cause, in words. */
  readonly probableCause: string
  readonly owner: string
  readonly contact: string
  /** Pages that tell what to do, the plan's own first. */
  readonly runbooks: readonly string[]
  /** The command line with which a person decides otherwise. */
  readonly override: string
}

// ── telling people ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** How far one destination has been told of one group of incidents. On `deliveries`, key `<group>|<sink>`. */
export interface Delivery {
  /** Labels that its incidents have in common, as text: the same as long as the labels are. */
  readonly group: string
  readonly sink: string
  /** What the far end was last told, as far as is known; null: nothing that stands. */
  readonly told: Told | null
  /** What is being told, or could not be; null: nothing is open. */
  readonly attempt: Attempt | null
  /** Messages that the far end took since the group was first told of. */
  readonly messages: number
}

export interface Told {
  readonly status: Alert['status']
  readonly severity: Alert['severity']
  /** Hash over the incidents in it and how they stood. */
  readonly fingerprint: string
  /** Wall clock of the message that began it, and of the last one. */
  readonly sinceMs: number
  readonly atMs: number
  /** The far end's own name of the message, to keep it up to date; empty: it gave none. */
  readonly reference: string
}

export interface Attempt {
  readonly status: Alert['status']
  readonly severity: Alert['severity']
  readonly fingerprint: string
  /** sending: on its way, or its sender died. failed: to be repeated. refused: the far end will not have it as things are set up. */
  readonly result: 'sending' | 'failed' | 'refused'
  readonly attempts: number
  readonly atMs: number
  /** Not to be repeated before. */
  readonly notBeforeMs: number
  readonly problem: string
}

/** Somebody has taken an incident that holds. On `deliveries`, key `acknowledged|<incident>`. It counts for a beginning before it. */
export interface Acknowledgement {
  readonly incident: string
  readonly who: string
  /** What is done about it. */
  readonly reason: string
  /** Wall clock. */
  readonly atMs: number
}

/** Incidents that nobody shall be told of for a while. On `deliveries`, key `silence|<id>`. */
export interface Silence {
  readonly id: string
  /** Label → patterns of which one must fit. */
  readonly match: Readonly<Record<string, readonly string[]>>
  readonly author: string
  readonly reason: string
  readonly beginsAtMs: number
  readonly endsAtMs: number
}

// ── gateways and people ────────────────────────────────────────────────────────────────────────────────────────────────────

export interface Ack {
  readonly model: string
  readonly gateway: string
  /** `applied`: took effect. `stale`: refused, the gateway has a newer one (epoch, sequence say which). `presence`: still here. */
  readonly kind: 'applied' | 'stale' | 'presence'
  readonly commandId: string
  readonly epoch: number
  readonly sequence: number
  readonly atMs: number
  readonly leaseExpired: boolean
  /** Requests routed per version since the gateway started; cumulative. */
  readonly routed: Readonly<Record<string, number>>
  /** When the gateway's counters began (changes at its restart). */
  readonly countersSinceMs: number
  /**
   * What it can obey beyond plain weights: `segments` (in every dimension), `segments:<dimension>` (it knows that attribute of every
   * request). Empty for gateways of before.
   */
  readonly features: readonly string[]
}

export interface OperatorRequest {
  /** The asker's own: a request seen twice counts once. */
  readonly id: string
  readonly model: string
  readonly verb:
    | 'rollback'
    | 'hold'
    | 'resume'
    | 'throttle'
    | 'promote'
    | 'abort'
    | 'freeze'
    | 'unfreeze'
    | 'release'
    | 'start'
    | 'approve'
    | 'quarantine'
    | 'mode'
    | 'gate'
    | 'drill'
    | 'key'
  readonly who: string
  /** How the asker knows who it is: the user of its machine, or the name the brokers know it by. Nothing proves it to the judge. */
  readonly knownBy: 'unstated' | 'osUser' | 'principal'
  readonly reason: string
  readonly atMs: number
  /** Refused when the command in force has another sequence; null: whatever is in force. */
  readonly ifSequence: number | null
  /** Wall clock after which it is refused; null: never. */
  readonly expiresAtMs: number | null
  /** hold, freeze: wall clock at which it ends by itself; null: a person ends it. */
  readonly untilMs: number | null
  /**
   * What it is about. approve: name of the stage to be left. quarantine, release, gate: digest of an artifact (null: the candidate's).
   * release: or a segment, `dimension=value`. mode: `observe` or `enforce`. drill: the scenario. key: its id. Else null.
   */
  readonly subject: string | null
  /** gate, drill, key: what is to be recorded, as JSON; else empty. */
  readonly body: string
}

/** A record that could not be used, with where it came from. */
export interface DeadLetter {
  readonly reason: DropReason
  readonly detail: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}
