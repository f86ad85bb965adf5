/**
 * The one list of metrics: name without the prefix → what it is, how its series are told apart, and the events that move it.
 * `metrics.ts` has nothing else to set; docs/metrics.md, the dashboards and the tests are made from it.
 * Names have base units, and `_total` when and only when they count up.
 */
import type { FlyballEvent } from './events.ts'

export const METRIC_PREFIX = 'flyball_'

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface MetricSpec {
  readonly type: MetricType
  readonly help: string
  readonly labels: readonly string[]
  readonly from: readonly FlyballEvent['event'][]
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[]
}

type Of<Labels extends readonly string[]> = MetricSpec & { readonly labels: Labels }
type Events = FlyballEvent['event'] | readonly FlyballEvent['event'][]

const eventsOf = (from: Events): readonly FlyballEvent['event'][] => (typeof from === 'string' ? [from] : from)

function counter<const Labels extends readonly string[]>(labels: Labels, from: Events, help: string): Of<Labels> {
  return { type: 'counter', labels, from: eventsOf(from), help }
}

function gauge<const Labels extends readonly string[]>(labels: Labels, from: Events, help: string): Of<Labels> {
  return { type: 'gauge', labels, from: eventsOf(from), help }
}

function histogram<const Labels extends readonly string[]>(
  labels: Labels,
  from: Events,
  buckets: readonly number[],
  help: string,
): Of<Labels> {
  return { type: 'histogram', labels, from: eventsOf(from), buckets, help }
}

const READING = ['model', 'version', 'guardrail', 'scope'] as const
const SECONDS = [0.1, 0.3, 1, 3, 10, 30, 100, 300] as const

export const METRICS = {
  // ── what is running ────────────────────────────────────────────────────────────────────────────────────────────────────
  build_info: gauge(['version'], 'started', 'Always 1; the version that runs.'),
  policy_info: gauge(['environment', 'digest'], 'policy-loaded', 'Always 1; the policy that is judged by.'),
  policy_load_timestamp_seconds: gauge([], 'policy-loaded', 'When the policy was loaded.'),
  sources_owned: gauge([], ['source-started', 'source-stopped'], 'Source partitions that this process measures.'),
  judge_partitions_owned: gauge([], ['judge-took-over', 'judge-fenced', 'judge-left'], 'Partitions of models that this process judges.'),
  judge_takeovers_total: counter(['partition'], 'judge-took-over', 'Take-overs of a judge partition.'),
  judge_fences_total: counter(['partition'], 'judge-fenced', 'Times another judge, or trouble with the log, ended a tenure.'),
  problems_total: counter(['code'], ['problem', 'policy-loaded'], 'Problems by error code.'),
  client_troubles_total: counter(['level'], 'client-trouble', 'Complaints of the Kafka client.'),

  // ── records in ─────────────────────────────────────────────────────────────────────────────────────────────────────────
  records_read: gauge(['topic'], 'records-accounted', 'Records read since the beginning of the input, checkpoints included.'),
  records_used: gauge(['topic'], 'records-accounted', 'Records that entered the statistics.'),
  records_waiting: gauge(['topic'], 'records-accounted', 'Records that wait for their other half.'),
  records_dropped: gauge(['topic', 'reason'], ['records-accounted', 'policy-loaded'], 'Records that were not used, by reason.'),
  input_lag_records: gauge(['topic', 'partition'], 'lag', 'Records between the reader and the last stable offset.'),
  input_lag_seconds: gauge(['topic', 'partition'], 'lag', 'Age of the newest record read while others wait behind it; 0 when none waits.'),
  input_clock_seconds: gauge(['topic', 'partition'], 'lag', 'Record clock of a partition, seconds since 1970.'),
  input_clock_delay_seconds: gauge(['topic', 'partition'], 'lag', 'Wall clock less the record clock: grows too while nobody writes.'),
  clock_skew_held_records: gauge(['source'], 'memory-held', 'Records whose time ran ahead of their partition and was not believed.'),
  pending_predictions: gauge(['source'], 'memory-held', 'Predictions that are held for their outcomes and against duplicates.'),
  pending_bytes: gauge(['source'], 'memory-held', 'Memory taken by pending predictions and by outcomes that wait.'),
  unit_table_bytes: gauge(['source'], 'memory-held', 'Memory taken by the table of first exposures.'),
  counting_bytes: gauge(['source'], 'memory-held', 'Memory taken by the cells of open slices and by rows that are gathered for them.'),
  unsent_bytes: gauge(['source'], 'memory-held', 'Panes, dead letters and checkpoints that are not acknowledged yet.'),
  join_sample_ratio: gauge(['source'], 'memory-held', 'Share of prediction ids joined: below 1 when more waited than the policy allows.'),
  outcome_coverage_ratio: gauge(
    ['model', 'version', 'outcome'],
    'outcome-coverage',
    'Share of matured predictions that have an outcome, as of late.',
  ),
  outcome_coverage_limit_ratio: gauge(['model', 'version', 'outcome'], 'outcome-coverage', 'Share below which outcomes are not judged by.'),

  // ── panes and checkpoints ──────────────────────────────────────────────────────────────────────────────────────────────
  panes_written_total: counter(['source'], ['panes-written', 'source-started'], 'Panes written.'),
  pane_bytes_written_total: counter(['source'], ['panes-written', 'source-started'], 'Bytes of panes written.'),
  panes_refused_total: counter(['reason'], ['pane-refused', 'policy-loaded'], 'Panes the judge did not take, by reason.'),
  pane_gaps_total: counter(['model'], ['pane-gap', 'policy-loaded'], 'Gaps in chains of panes.'),
  checkpoints_written_total: counter(['source'], ['checkpoint-written', 'source-started'], 'Checkpoints written.'),
  checkpoint_sequence: gauge(['source'], 'checkpoint-written', 'Sequence of the last checkpoint.'),
  checkpoint_timestamp_seconds: gauge(['source'], 'checkpoint-written', 'When the last checkpoint was written.'),

  // ── rollouts ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  rollout_info: gauge(['model', 'control', 'candidate', 'phase'], 'rollout-standing', 'Always 1; what is rolled out, and how far it is.'),
  rollout_weight_ratio: gauge(
    ['model', 'version'],
    'rollout-standing',
    'Share of the traffic commanded for a version; in mode observe, in thought.',
  ),
  gateways_present: gauge(['model'], 'rollout-standing', 'Gateways heard of lately.'),
  incidents_open: gauge(['model'], 'rollout-standing', 'Incidents that fire.'),
  judge_delay_seconds: gauge(['model'], 'rollout-standing', 'Wall clock less the time up to which everything has been judged.'),
  drill_passed_timestamp_seconds: gauge(['model'], 'rollout-standing', 'When a drill last passed; no series before the first.'),
  drill_interval_seconds: gauge(['model'], 'rollout-standing', 'Within which a drill must have passed; no series where none is asked for.'),

  // ── evidence ───────────────────────────────────────────────────────────────────────────────────────────────────────────
  evidence_log10: gauge(READING, 'reading', 'Evidence for harm: logarithm to base 10 of the e-value.'),
  evidence_limit_log10: gauge(READING, 'reading', 'Evidence at which the guardrail acts: logarithm to base 10.'),
  evidence_rows: gauge(READING, 'reading', 'Rows that the evidence stands on, both arms.'),
  effect_estimate: gauge(READING, 'reading', 'Candidate minus control, in the unit of the guardrail; positive is worse.'),
  effect_interval_low: gauge(READING, 'reading', 'Lower end of its interval; no series while it is not bounded.'),
  effect_interval_high: gauge(READING, 'reading', 'Upper end of its interval; no series while it is not bounded.'),
  effect_margin: gauge(READING, 'reading', 'Effect that is allowed, in the same unit.'),

  // ── decisions and commands ─────────────────────────────────────────────────────────────────────────────────────────────
  decisions_total: counter(['model', 'verdict'], ['decided', 'policy-loaded'], 'Decisions taken by this process.'),
  decision_timestamp_seconds: gauge(
    ['model', 'verdict', 'rule'],
    'decided',
    'When such a decision was last taken here: for marks on dashboards.',
  ),
  decision_delay_seconds: histogram(
    ['model'],
    ['decided', 'policy-loaded'],
    [0.3, 1, 3, 10, 30, 100, 300, 1000, 3000],
    'Wall clock less judge time when a decision was taken.',
  ),
  command_ack_seconds: histogram(['model'], ['command-acked', 'policy-loaded'], SECONDS, 'From command to quorum of acks.'),
  command_observed_seconds: histogram(
    ['model'],
    ['command-observed', 'policy-loaded'],
    SECONDS,
    'From command to the commanded split being seen in the traffic.',
  ),
  commands_not_effective_total: counter(
    ['model'],
    ['not-effective', 'policy-loaded'],
    'Commands that were not acked or not observed in time.',
  ),

  // ── alerts and who is told of them ─────────────────────────────────────────────────────────────────────────────────────
  alerts_total: counter(['severity'], ['alert', 'policy-loaded'], 'Alerts published.'),
  notifications_total: counter(
    ['sink', 'severity', 'status', 'result'],
    ['notification', 'policy-loaded'],
    'Messages to a destination, by what became of them.',
  ),
  notifications_repeated_total: counter(['sink'], ['notification', 'policy-loaded'], 'Messages that said again what still holds.'),
  notification_delay_seconds: histogram(
    ['sink'],
    ['notification', 'policy-loaded'],
    SECONDS,
    'From when a message was due to the answer of its destination.',
  ),
  notifications_waiting: gauge(['sink'], ['notifications-waiting', 'policy-loaded'], 'Messages that are due and have not been taken.'),
  heartbeats_total: counter(['sink', 'result'], ['heartbeat-sent', 'policy-loaded'], 'Heartbeats to a dead-man switch.'),
  heartbeat_timestamp_seconds: gauge(['sink'], 'heartbeat-sent', 'When a heartbeat was last delivered.'),
  changes_told_total: counter(['sink', 'result'], 'change-told', 'Promotions, drills and overrides told to destinations that take such.'),
  trace_spans_total: counter(
    ['result', 'reason'],
    ['spans-told', 'policy-loaded'],
    'Spans, by what became of them; dropped: too many waited (full), not taken in five minutes (late), the end came (stopped).',
  ),
  act_takeovers_total: counter([], 'act-took-over', 'Times this process became the one that tells people.'),
  act_fences_total: counter([], 'act-fenced', 'Times another process, or trouble with the log, ended that.'),
} as const satisfies Readonly<Record<string, MetricSpec>>

export type MetricName = keyof typeof METRICS
export type LabelsOf<Name extends MetricName> = Readonly<Record<(typeof METRICS)[Name]['labels'][number], string>>

/** In the order of the list, with their full names. */
export function metricRows(): readonly (MetricSpec & { readonly name: string })[] {
  return Object.entries<MetricSpec>(METRICS).map(([name, spec]) => ({ ...spec, name: `${METRIC_PREFIX}${name}` }))
}
