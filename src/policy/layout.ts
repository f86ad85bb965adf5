/**
 * The compiled policy: what ingest, join, measure and judge need, with every name turned into a small number.
 *
 * `compile.ts` makes it from a checked policy. It is frozen plain data: no functions, no reference back to YAML.
 * A Block is a run of slots in a cell. Its `hash` covers everything that gives its numbers their meaning: a policy edit changes only
 * the hashes of the blocks it touches, and numbers of another hash are another series.
 */
import type { GuardrailClass } from '../domain.ts'

export const ALL_SCOPE = '__all__'
export const OTHER_VALUE = '__other__'

/** Topics that are measured: those of a layout's inputs. */
export function inputTopics({ predictions, outcomes, described }: Layout): readonly string[] {
  return [predictions, outcomes, described].flatMap((input) => (input === null ? [] : [input.topic]))
}

export interface Layout {
  /** SHA-256 (hex, 16 digits) of the canonical policy. */
  readonly policyDigest: string
  readonly environment: string
  readonly sliceMs: number
  readonly maxClockSkewMs: number
  readonly idleAfterMs: number
  readonly alignWithinMs: number
  readonly alignPatienceMs: number
  readonly maxStratumAgeMs: number
  readonly maxPending: number
  /** The longest joined horizon of any model: how long predictions wait. */
  readonly maxHorizonMs: number
  /** How far an outcome may run ahead of its prediction, in record time. */
  readonly maxEarlyMs: number
  readonly recordBytesMax: number
  readonly predictions: InputLayout
  readonly outcomes: InputLayout | null
  readonly described: InputLayout | null
  /** Topic of change records; left out: none. */
  readonly changesTopic?: string
  readonly models: readonly ModelLayout[]
  /** Left out: units as they are, dead letters in full. */
  readonly privacy?: Privacy
  /** Left out: nothing is signed, and nothing is asked to be. */
  readonly security?: Security
  /** Left out: nobody is told of incidents. */
  readonly alerting?: Alerting
  /** Left out: no spans, and no `traceparent` on commands. */
  readonly traces?: Traces
}

/** Where spans go. */
export interface Traces {
  /** Base address of a collector that takes OTLP over HTTP. */
  readonly endpoint: string
  /** Absolute path of the file with headers; null: none. */
  readonly headersFile: string | null
  /** Share of batches that have a span; decisions all have one. */
  readonly sampling: number
}

/** Label of an incident → patterns of which one must fit; `*` in a pattern is anything. */
export type Matcher = Readonly<Partial<Record<AlertLabel, readonly string[]>>>
export type AlertLabel = 'environment' | 'model' | 'version' | 'cause' | 'severity'

/** Who is told of what. Paths of secrets are absolute: who sends reads them, each time anew. */
export interface Alerting {
  readonly sinks: Readonly<Record<string, SinkPlan>>
  /** In order; the first that matches takes the incident, and those after it where it says `continue`. */
  readonly routes: readonly AlertRoute[]
  readonly inhibitions: readonly Inhibition[]
  readonly flapping: { readonly changes: number; readonly withinMs: number; readonly calmMs: number }
  /** With {decision}, {model} and {incident} to be filled in; empty: none. */
  readonly link: string
}

interface SinkLimits {
  readonly messagesMax: number
  readonly perMs: number
  readonly timeoutMs: number
}

export type SinkPlan =
  | ({ readonly kind: 'slack-webhook'; readonly urlFile: string } & SinkLimits)
  | ({ readonly kind: 'slack-bot'; readonly url: string; readonly tokenFile: string; readonly channel: string } & SinkLimits)
  | ({ readonly kind: 'pagerduty'; readonly url: string; readonly routingKeyFile: string } & SinkLimits)
  | ({ readonly kind: 'alertmanager'; readonly url: string; readonly tokenFile: string | null } & SinkLimits)
  | ({ readonly kind: 'webhook'; readonly url: string; readonly secretFile: string | null } & SinkLimits)
  | ({ readonly kind: 'heartbeat'; readonly url: string; readonly everyMs: number } & SinkLimits)
  | ({ readonly kind: 'log' } & SinkLimits)

export interface AlertRoute {
  readonly name: string
  readonly match: Matcher
  readonly targets: readonly { readonly sink: string; readonly groupBy: readonly AlertLabel[] }[]
  readonly groupWaitMs: number
  readonly groupIntervalMs: number
  readonly repeatIntervalMs: number
  readonly continue: boolean
  /** Messages a week, of it and those below; null: no budget. */
  readonly budgetPerWeek: number | null
  /** For a part of what it matches: what one of them takes, it does not. */
  readonly routes: readonly AlertRoute[]
}

/** Each before those below it: as they stand in the file. */
export function allRoutes<Route extends { readonly routes: readonly Route[] }>(routes: readonly Route[]): readonly Route[] {
  return routes.flatMap((route) => [route, ...allRoutes(route.routes)])
}

export interface Inhibition {
  readonly source: Matcher
  readonly target: Matcher
  readonly equal: readonly AlertLabel[]
}

/** Keys for signatures. Files are absolute paths: the keys themselves are read by whoever signs or verifies. */
export interface Security {
  readonly signing: { readonly keyFile: string; readonly keyId: string } | null
  readonly trusted: readonly { readonly keyId: string; readonly file: string; readonly notAfterMs: number | null }[]
  readonly strict: boolean
}

export interface Privacy {
  readonly units: 'plain' | 'hash'
  readonly deadLetters: 'full' | 'hash' | 'none'
  /** Absolute path: the key itself is read by whoever hashes. */
  readonly keyFile: string | null
}

/** One input topic: where each field lies in the user's records. */
export interface InputLayout {
  readonly topic: string
  /** The user's topic, where its records are first written anew into `topic`, partitioned by prediction id. */
  readonly rekeyedFrom?: string
  readonly format: 'json' | 'avro' | 'confluent'
  /** Absolute path of the Avro schema for `avro`; for `confluent` see registry. */
  readonly schemaFile: string | null
  readonly registry: { readonly kind: 'directory' | 'http'; readonly location: string } | null
  /** Required and special fields, by role. */
  readonly fields: {
    readonly id: FieldPath | null
    readonly time: FieldPath | null
    readonly model: FieldPath | null
    readonly version: FieldPath | null
    readonly unit: FieldPath | null
    readonly score: FieldPath | null
    readonly decision: FieldPath | null
    readonly latency: FieldPath | null
    readonly error: FieldPath | null
    readonly label: FieldPath | null
    readonly value: FieldPath | null
  }
  /** Slots of numeric features, then of resources, over all models: PredictionBatch.numbers[k]. */
  readonly numbers: readonly { readonly name: string; readonly path: FieldPath; readonly resource?: true }[]
  /** Categorical feature slots: PredictionBatch.symbols[k]; `values` are the known ones. */
  readonly symbols: readonly { readonly name: string; readonly path: FieldPath; readonly values: readonly string[] }[]
  /** Segment dimension slots: PredictionBatch.dimensions[k]; `values` ends with `__other__`. */
  readonly dimensions: readonly { readonly name: string; readonly path: FieldPath; readonly values: readonly string[] }[]
}

/** A place in a record and how to read it. */
export interface FieldPath {
  /** Steps from the root, e.g. ['meta', 'rid']; empty when `constant` is given. */
  readonly path: readonly string[]
  /** Used instead of a field (e.g. a topic that holds one model). */
  readonly constant: string | number | null
  /** Used when the field is absent. */
  readonly default: string | number | null
  /** Multiply a number by this: times to ms, latencies to ms. */
  readonly scale: number
  /** How a value becomes true: error, decision and label fields. `truthy`: boolean or 0/1. */
  readonly test:
    | { readonly kind: 'truthy' }
    | { readonly kind: 'equals'; readonly text: string }
    | { readonly kind: 'atLeast'; readonly limit: number }
    | null
  /** ISO 8601 text is accepted where a time is expected. */
  readonly isTime: boolean
}

export interface ModelLayout {
  readonly index: number
  readonly name: string
  /** Another model's shadow, for drills: nobody is served by it. */
  readonly shadow?: true
  readonly versions: readonly string[]
  /** Indices into `versions`. */
  readonly control: number
  readonly candidate: number
  readonly hasUnits: boolean
  /** Slots of the prediction input this model uses. */
  readonly dimensionSlots: readonly number[]
  /** `__all__` first, then `dimension=value`. */
  readonly scopes: readonly Scope[]
  readonly exposureBlocks: readonly Block[]
  /** One entry per distinct joined horizon, ascending; its blocks fill at maturity. */
  readonly horizons: readonly HorizonLayout[]
  /** Blocks filled from self-describing outcomes. */
  readonly describedBlocks: readonly Block[]
  /** Blocks of the `units` cell by chain, with a row of their own; only where the model has units. */
  readonly unitBlocks?: Readonly<Record<string, readonly Block[]>>
  readonly plan: Plan
}

/** Digest of the candidate's artifact; empty: the plan names none. */
export function artifactOf({ plan, versions, candidate }: ModelLayout): string {
  return plan.rollout.artifacts[versions[candidate]!] ?? ''
}

export interface Scope {
  readonly name: string
  /** -1 for `__all__`. */
  readonly dimensionSlot: number
  readonly value: number
}

export interface HorizonLayout {
  readonly horizonMs: number
  /** `outcome:<horizonMs>`. */
  readonly chain: string
  readonly blocks: readonly Block[]
}

/**
 * A run of slots. `counts` slots hold event counts, `sums` slots hold sums; both start at an offset in the row of their chain.
 * What each slot means is fixed by `kind`:
 *
 * A request that failed (its error flag is set) owes neither score nor features nor resources: their `missing` slots count the others only.
 *
 * | kind | counts | sums |
 * |---|---|---|
 * | requests | [requests] | – |
 * | errors | [errors] | – |
 * | latency | [ok bin 0 … n-1, failed bin 0 … n-1, failed without latency, missing] | [Σ ms, Σ ms²] |
 * | score | [bin 0 … n-1, missing, out of range] | [Σ score, Σ score²] |
 * | feature (numeric) | [under, bin 0 … n-1, over, missing, wrong type, not finite] | [Σ x, Σ x²] |
 * | category | [value 0 … n-1, unseen, missing, wrong type] | – |
 * | duplicate | [duplicate ids] | – |
 * | outcome | [matured, with outcome, wrong, positive] | – |
 * | probability | per score bin [rows 0…n-1, positives 0…n-1] | [Σ v, Σ v² of the log score, Σ e^{λv} per λ, then the same for Brier, Σ residual, Σ score per bin 0…n-1] |
 * | value | [rows] | [Σ v, Σ v²] |
 * | unit-buckets | rows per bucket 0 … 127 | [Σ judged value per bucket 0 … 127, Σ value² over all of them] |
 * | value with bounds | [rows, clipped] | [Σ v, Σ v², Σ u, Σ u², Σ e^{λu} per λ] |
 * | tail | [bin 0 … n-1, missing] | – |
 * | stale | [stale] | – |
 * | pair | [cell 0 … 63, not usable] | – |
 * | paired (exposure) | [pairs, disagreements, pairs in which one has no decision] | – |
 * | paired (outcome) | [matured pairs, disagreements, only the candidate wrong, only the control wrong] | – |
 * | paired-scores | [matured pairs] | [Σ d, Σ d², Σ ln bet per stake], d = loss of the candidate − loss of the control |
 *
 * The mean of a resource is a value with bounds, read from a slot of the input's numbers; its tail has the bins of latency.
 * u is the value as a cost in [0, 1]: clipped to its bounds, 0 at the good end. A pair's cell is 8 · group of the first feature +
 * group of the second; numeric bins are grouped evenly (the ends hold what lies outside), categories are the first 7 values and the rest.
 */
export interface Block {
  /** `requests`, `latency`, `feature:age`, `resource:gpuMs`, `tail:gpuMs`, `outcome:delayed`, `probability:delayed`, … */
  readonly id: string
  readonly kind:
    | 'requests'
    | 'errors'
    | 'latency'
    | 'score'
    | 'feature'
    | 'category'
    | 'duplicate'
    | 'outcome'
    | 'probability'
    | 'value'
    | 'stale'
    | 'pair'
    | 'unit-buckets'
    | 'tail'
    | 'paired'
    | 'paired-scores'
  readonly hash: string
  /** True: filled in every scope; false: only in `__all__`. */
  readonly inSegments: boolean
  readonly countSlots: number
  readonly sumSlots: number
  /** First slot in the row of its chain. */
  readonly countOffset: number
  readonly sumOffset: number
  /** feature, category, value and tail of a resource: slot in the input's numbers/symbols; -1: the value of an outcome. */
  readonly slot: number
  /** feature: n+1 ascending edges; bin k holds edges[k] ≤ x < edges[k+1], the last bin includes its upper edge. */
  readonly edges: readonly number[]
  /** latency, tail (firstMs in the resource's own unit): bin = clamp(floor(log2(ms / firstMs) · perOctave + 1e-9), 0, bins-1). */
  readonly firstMs: number
  readonly perOctave: number
  /** latency, tail, score, probability: number of bins. Score bins are equal-width on [0, 1]: b = min(n-1, ⌊s·n⌋). */
  readonly bins: number
  /** outcome, probability: which outcome of the policy, and what an absent one counts as (NaN: dropped). */
  readonly outcome: string
  readonly absent: number
  /** probability: scores are clipped to [floor, 1-floor]; v = -ln(p of what happened) / -ln(floor), in [0, 1]. */
  readonly floor: number
  /** probability, value with bounds: the λ grid. */
  readonly lambdas: readonly number[]
  /** value: absent, it is for display only. */
  readonly bounds?: ValueBounds
  /** stale: an event whose own time lies this much before its record's is stale. */
  readonly staleAfterMs?: number
  /** pair: its two features. */
  readonly pair?: readonly [PairSide, PairSide]
  /** paired-scores: whose bets are summed. */
  readonly bets?: PairedBets
  /** unit-buckets: what is summed; the other fields are those of the block it stands beside. */
  readonly judged?: JudgedValue
}

/**
 * The number of a request whose likeness within units is measured: 0 or 1 for errors, unusable inputs and wrong outcomes; v for scores of
 * probability and values; the slot for latency (failed: the last), tails, score, features and categories.
 */
export type JudgedValue =
  | 'errors'
  | 'latency'
  | 'score'
  | 'feature'
  | 'category'
  | 'missing'
  | 'wrong'
  | 'log-score'
  | 'brier'
  | 'value'
  | 'tail'

/** What is betted on the scores of two answers to one request; the margin is in units of the loss. */
export interface PairedBets {
  readonly loss: 'log' | 'brier'
  readonly margin: number
}

export interface ValueBounds {
  readonly low: number
  readonly high: number
  readonly worse: 'higher' | 'lower'
}

/** One feature of a pair: numeric with the bins of its own block, or categorical with so many known values. */
export interface PairSide {
  readonly name: string
  /** In the input's numbers or symbols. */
  readonly slot: number
  /** Empty for a category. */
  readonly edges: readonly number[]
  /** 0 for a number. */
  readonly values: number
}

/** Groups per feature of a pair. */
export const PAIR_GROUPS = 8

export type GuardrailKind =
  | 'error-rate'
  | 'latency'
  | 'wrong-outcome'
  | 'log-score'
  | 'brier'
  | 'feature-drift'
  | 'missing'
  | 'unseen'
  | 'score-drift'
  | 'stale'
  | 'duplicate'
  | 'pair-drift'
  | 'value'
  | 'calibration'
  | 'resource'
  | 'resource-tail'
  | 'disagreement'
  | 'paired'
  | 'paired-log-score'
  | 'paired-brier'

export interface Guardrail {
  readonly name: string
  readonly kind: GuardrailKind
  readonly class: GuardrailClass
  readonly action: 'rollback' | 'throttle' | 'hold' | 'info'
  /** In the guardrail's unit: share of requests for event rates (0.005 = half a point), nats for log-score, units of v for brier, the value's or resource's own for them. */
  readonly margin: number
  /** resource: the margins are shares of what the control uses on average. */
  readonly marginIsShare?: true
  /** True: a promotion asks for its non-inferiority proof. */
  readonly promotes: boolean
  /** Margin for promotion, same unit. */
  readonly promotionMargin: number
  /** Scopes judged: `__all__` always; segment scopes when named by the policy. */
  readonly scopes: readonly string[]
  /** Block ids it reads. */
  readonly blocks: readonly string[]
  /** Chain its blocks arrive on: `exposure`, `outcome:<ms>` or `described`. */
  readonly chain: string
  /** latency: explicit thresholds in ms, resource-tail: in the resource's unit; empty: control's quantiles below, fixed at stage start. */
  readonly thresholdsMs: readonly number[]
  readonly quantiles: readonly number[]
  /** The policy did not name it: where its numbers turn out not to exist, nothing is asked of it. */
  readonly implied?: true
}

/** Features that every request must carry: a candidate that mostly lacks one is a broken contract, whatever statistics say. */
export interface Contract {
  /** Ids of their blocks. */
  readonly blocks: readonly string[]
  /** So many candidate requests must lack one. */
  readonly minimum: number
}

export type SteadyKind = 'ceiling' | 'baseline-drift' | 'volume'

/** Guards a version without comparing it with another: after a promotion, or where the arms differ by nature. */
export interface SteadyGuardrail {
  readonly name: string
  readonly kind: SteadyKind
  readonly class: GuardrailClass
  readonly action: Guardrail['action']
  /** ceiling: what is counted, as the guardrail of that kind counts it; null for the others. */
  readonly counts: Guardrail | null
  /** ceiling: share of rows that is allowed. */
  readonly limit: number
  /** baseline-drift: distance that is no drift; volume: share of the forecast that is no alarm. */
  readonly tolerance: number
  /** baseline-drift: chance of a false alarm, ever. */
  readonly alpha: number
  /** ceiling: batches of one source per false alarm, volume: buckets. All such detectors of the model share one false alarm. */
  readonly runLength: number
  /** baseline-drift: blocks of features. */
  readonly blocks: readonly string[]
  /** Absolute path; null: none. */
  readonly profile: string | null
  /** What the profile holds of this model; null until it has been read. */
  readonly reference: SteadyReference | null
}

export interface SteadyReference {
  /** Of its numbers: another profile is another series. */
  readonly digest: string
  readonly rows: number
  /** Counts per slot by block id. */
  readonly counts: Readonly<Record<string, readonly number[]>>
  /** Median requests per hour of the week, Monday 00:00 UTC first; 0: not known. */
  readonly hourOfWeek: readonly number[]
}

/** How a rollout of this model is run. */
export interface Plan {
  readonly mode: 'observe' | 'enforce'
  readonly weights: 'flyball' | 'external' | 'recorded'
  /** Candidate weights in percent, ascending, ending with 100. */
  readonly ladder: readonly number[]
  readonly dwellMs: number
  readonly minimumRows: number
  /** Share of harm put at risk by a step: ½ conservative, 1 standard, 2 rapid. */
  readonly riskFactor: number
  /** Level of each promotion proof. */
  readonly promotionAlpha: number
  readonly rollbackAlpha: number
  readonly throttleAlpha: number
  readonly stratumRequests: number
  readonly settlingMs: number
  readonly silentAfterMs: number
  readonly silentMinimum: number
  readonly coverageMin: number
  readonly maxBlindMs: number
  readonly calmAfterMs: number
  readonly maxLifts: number
  /** Share of the gateways known by presence that must ack, in (0, 1]: ceil(quorum × gateways). */
  readonly ackQuorum: number
  readonly ackWithinMs: number
  readonly observeWithinMs: number
  readonly heartbeatMs: number
  readonly leaseMs: number
  readonly presenceTimeoutMs: number
  readonly onSilence: 'keep' | 'baseline'
  readonly guardrails: readonly Guardrail[]
  /** Left out: none. They have no part in the budgets of `guardrails`. */
  readonly steady?: readonly SteadyGuardrail[]
  readonly contract?: Contract
  readonly rollout: RolloutPlan
  /** Left out: the model is not drilled. */
  readonly drill?: DrillPlan
}

export interface DrillPlan {
  /** A drill must have passed so recently; 0: nobody asks. */
  readonly everyMs: number
  readonly objective: DrillObjective
  /** What the plan itself waits before it calls a version silent. */
  readonly silentAfterMs: number
}

/** How long each part of the loop may take, in wall time. */
export interface DrillObjective {
  /** First bad event to decision. */
  readonly detectMs: number
  /** Decision to command on the control topic. */
  readonly commandMs: number
  /** Command to the quorum of acks. */
  readonly ackMs: number
  /** Quorum to the traffic that shows it. */
  readonly observedMs: number
}

/** One stage of a rollout. */
export interface Stage {
  /** `offline`, `shadow`, `5 %`, `5 % of region=eu`. */
  readonly name: string
  readonly kind: 'offline' | 'shadow' | 'weight'
  /** Of the candidate, of the traffic or of its cohort's; 0 before any exposure. */
  readonly percent: number
  /** `dimension=value`; empty: everybody. */
  readonly cohort: string
  readonly dwellMs: number
  readonly minimumRows: number
  /** A person must agree before the rollout leaves it. */
  readonly approval: boolean
}

/** While it is open nothing is raised. Weekly: minutes since Monday 00:00 UTC at which it begins. Once: wall clock. */
export type FreezeWindow =
  | { readonly kind: 'weekly'; readonly name: string; readonly beginMinutes: readonly number[]; readonly lengthMinutes: number }
  | { readonly kind: 'once'; readonly name: string; readonly beginMs: number; readonly endMs: number }

/** How the candidate is released. Words are empty where the policy says none. */
export interface RolloutPlan {
  readonly hypothesis: string
  readonly owner: string
  readonly contact: string
  readonly expectedBenefit: string
  readonly successCriteria: readonly string[]
  readonly exitConditions: readonly string[]
  readonly runbook: string
  readonly start: 'automatic' | 'request'
  readonly fourEyes: boolean
  readonly preflight: readonly ('gateways' | 'control-warm' | 'outcomes' | 'baseline')[]
  readonly revertFlag: { readonly flag: string; readonly variant: string } | null
  /** Dimension; empty: a candidate is rolled back everywhere or nowhere. */
  readonly isolate: string
  /** How long the last rung is watched; 0: not. */
  readonly guardMs: number
  readonly freezeWindows: readonly FreezeWindow[]
  /** Digest by version. */
  readonly artifacts: Readonly<Record<string, string>>
  /** It waits for a passed gate first. */
  readonly offline: boolean
  readonly shadow: Stage | null
  /** One for each entry of the ladder. */
  readonly rungs: readonly Stage[]
}
