/**
 * What the shipped dashboards show, from the list of metrics: a name that is not in it does not compile, and help and unit come from it.
 * Gauges of models are told by whoever judges them, so `max by` puts processes together; counters are summed.
 */
import { METRIC_PREFIX, METRICS, type MetricName } from '../../src/telemetry/metric-list.ts'
import type { DashboardPlan, Mark, Panel, Query, Variable } from './grafana.ts'

const OF_MODEL = '{model="$model"}'
const OF_SCOPE = '{model="$model", scope="$scope"}'
const OF_INSTANCE = '{instance=~"$instance"}'

function metric(name: MetricName, selector = ''): string {
  return `${METRIC_PREFIX}${name}${selector}`
}

function increase(name: MetricName, by: string, selector = ''): string {
  return `sum by (${by}) (increase(${metric(name, selector)}[$__rate_interval]))`
}

function rate(name: MetricName, by: string, selector = ''): string {
  return `sum by (${by}) (rate(${metric(name, selector)}[$__rate_interval]))`
}

/** Of a histogram. */
function quantile(share: number, name: MetricName, by: string, selector = ''): string {
  return `histogram_quantile(${share}, sum by (${by}, le) (increase(${METRIC_PREFIX}${name}_bucket${selector}[$__range])))`
}

function unitOf(name: MetricName): string {
  if (name.endsWith('_timestamp_seconds')) return 'dateTimeFromNow'
  if (name.endsWith('_seconds')) return 's'
  if (name.endsWith('_bytes')) return 'bytes'
  return name.endsWith('_ratio') ? 'percentunit' : 'short'
}

/** About one metric, whose help is the description. */
function about(name: MetricName, title: string, queries: readonly Query[], changes: Partial<Panel> = {}): Panel {
  return { title, description: METRICS[name].help, kind: 'timeseries', unit: unitOf(name), width: 12, queries, ...changes }
}

function number(name: MetricName, title: string, expr: string, changes: Partial<Panel> = {}): Panel {
  return about(name, title, [{ expr, instant: true }], { kind: 'stat', width: 4, ...changes })
}

const MOVES = 'verdict!~"hold|acked|observed|recorded|adopt"'

function decisionMarks(selector: string): readonly Mark[] {
  const expr = (which: string): string =>
    `max by (model, verdict, rule) (${metric('decision_timestamp_seconds', `{${[which, selector].filter(Boolean).join(', ')}}`)})`
  const words = { title: '{{model}}: {{verdict}}', text: '{{rule}}' }
  return [
    { name: 'Decisions', expr: expr(MOVES), ...words, color: 'blue' },
    { name: 'Holds', expr: expr('verdict="hold"'), ...words, color: 'yellow' },
  ]
}

const MODEL: Variable = { name: 'model', label: 'Model', query: `label_values(${metric('rollout_info')}, model)`, many: false }
const SCOPE: Variable = { name: 'scope', label: 'Scope', query: `label_values(${metric('evidence_log10', OF_MODEL)}, scope)`, many: false }
const INSTANCE: Variable = { name: 'instance', label: 'Process', query: `label_values(${metric('build_info')}, instance)`, many: true }

// ── the fleet ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

const FLEET: DashboardPlan = {
  uid: 'flyball-fleet',
  title: 'Flyball: fleet',
  description: 'Every model: what is rolled out, how near its evidence is to a limit, and whether people are told.',
  variables: [],
  marks: decisionMarks(''),
  rows: [
    {
      title: 'Now',
      panels: [
        number('build_info', 'Processes', `count(${metric('build_info')})`),
        number('rollout_info', 'Models', `count(count by (model) (${metric('rollout_info')}))`),
        number('rollout_info', 'Rolled back', `count(max by (model) (${metric('rollout_info', '{phase="rolled-back"}')})) or vector(0)`),
        number('incidents_open', 'Open incidents', `sum(max by (model) (${metric('incidents_open')}))`),
        number('input_lag_seconds', 'Furthest behind', `max(${metric('input_lag_seconds')})`),
        number('notifications_waiting', 'Messages waiting', `sum(max by (sink) (${metric('notifications_waiting')})) or vector(0)`),
        about(
          'rollout_info',
          'Rollouts',
          [{ expr: `max by (model, control, candidate, phase) (${metric('rollout_info')})`, instant: true }],
          {
            kind: 'table',
          },
        ),
        about('rollout_weight_ratio', 'Share of the traffic', [
          { expr: `max by (model, version) (${metric('rollout_weight_ratio')})`, legend: '{{model}} {{version}}' },
        ]),
      ],
    },
    {
      title: 'Evidence and outcomes',
      panels: [
        about(
          'evidence_log10',
          'Evidence, as a share of its limit',
          [{ expr: 'flyball:evidence_share:max', legend: '{{model}} {{guardrail}}' }],
          { unit: 'percentunit', description: 'Of each guardrail the scope nearest to its limit; at 100 % the guardrail acts.' },
        ),
        about('outcome_coverage_ratio', 'Predictions with an outcome', [
          { expr: `min by (model, version) (${metric('outcome_coverage_ratio')})`, legend: '{{model}} {{version}}' },
        ]),
        about('judge_delay_seconds', 'Judged up to', [{ expr: `max by (model) (${metric('judge_delay_seconds')})`, legend: '{{model}}' }]),
        about('gateways_present', 'Gateways', [{ expr: `max by (model) (${metric('gateways_present')})`, legend: '{{model}}' }]),
        about('decisions_total', 'Decisions', [{ expr: increase('decisions_total', 'verdict'), legend: '{{verdict}}' }]),
        about(
          'drill_passed_timestamp_seconds',
          'Since the last drill that passed',
          [
            { expr: `time() - max by (model) (${metric('drill_passed_timestamp_seconds')})`, legend: '{{model}}' },
            { expr: `max by (model) (${metric('drill_interval_seconds')})`, legend: '{{model}}: asked for within' },
          ],
          { unit: 's' },
        ),
      ],
    },
    {
      title: 'Who is told',
      panels: [
        about('alerts_total', 'Alerts', [{ expr: increase('alerts_total', 'severity'), legend: '{{severity}}' }]),
        about('notifications_total', 'Messages', [
          { expr: increase('notifications_total', 'sink, result'), legend: '{{sink}} {{result}}' },
        ]),
        about('notifications_repeated_total', 'Messages that said it again', [
          { expr: increase('notifications_repeated_total', 'sink'), legend: '{{sink}}' },
        ]),
        about('notification_delay_seconds', 'Delivered within (95 %)', [
          { expr: quantile(0.95, 'notification_delay_seconds', 'sink'), legend: '{{sink}}' },
        ]),
        about('heartbeats_total', 'Heartbeats', [{ expr: increase('heartbeats_total', 'sink, result'), legend: '{{sink}} {{result}}' }]),
        about('changes_told_total', 'Changes told', [
          { expr: increase('changes_told_total', 'sink, result'), legend: '{{sink}} {{result}}' },
        ]),
      ],
    },
  ],
}

// ── one rollout ────────────────────────────────────────────────────────────────────────────────────────────────────────────

const effect = (name: MetricName, what: string): Query => ({
  expr: `max by (guardrail) (${metric(name, OF_SCOPE)})`,
  legend: `{{guardrail}}${what}`,
})

const ROLLOUT: DashboardPlan = {
  uid: 'flyball-rollout',
  title: 'Flyball: one rollout',
  description: 'One model: its ladder, each statistic with its limit, and how fast its commands take effect.',
  variables: [MODEL, SCOPE],
  marks: decisionMarks('model="$model"'),
  rows: [
    {
      title: 'Ladder',
      panels: [
        about(
          'rollout_info',
          'Rollout',
          [{ expr: `max by (control, candidate, phase) (${metric('rollout_info', OF_MODEL)})`, instant: true }],
          { kind: 'table', width: 8 },
        ),
        about(
          'rollout_weight_ratio',
          'Share of the traffic',
          [{ expr: `max by (version) (${metric('rollout_weight_ratio', OF_MODEL)})`, legend: '{{version}}' }],
          { width: 16 },
        ),
      ],
    },
    {
      title: 'Evidence in $scope',
      panels: [
        about('evidence_log10', 'Evidence for harm, log10 of the e-value', [
          effect('evidence_log10', ''),
          effect('evidence_limit_log10', ': limit'),
        ]),
        about('effect_estimate', 'Effect, with its interval and what is allowed', [
          effect('effect_estimate', ''),
          effect('effect_interval_low', ': at least'),
          effect('effect_interval_high', ': at most'),
          effect('effect_margin', ': allowed'),
        ]),
        about('evidence_rows', 'Rows that it stands on', [effect('evidence_rows', '')]),
        about(
          'evidence_limit_log10',
          'Nearest to its limit, by scope',
          [{ expr: `max by (scope) (flyball:evidence_share${OF_MODEL})`, legend: '{{scope}}' }],
          { unit: 'percentunit', description: 'Evidence as a share of its limit, of the guardrail that is nearest; at 100 % it acts.' },
        ),
      ],
    },
    {
      title: 'Outcomes and the loop',
      panels: [
        about('outcome_coverage_ratio', 'Predictions with an outcome', [
          { expr: `min by (version, outcome) (${metric('outcome_coverage_ratio', OF_MODEL)})`, legend: '{{version}} {{outcome}}' },
          { expr: `max by (outcome) (${metric('outcome_coverage_limit_ratio', OF_MODEL)})`, legend: '{{outcome}}: limit' },
        ]),
        about('command_ack_seconds', 'Commands: acked, observed (median, 95 %)', [
          { expr: quantile(0.5, 'command_ack_seconds', 'model', OF_MODEL), legend: 'acked, median' },
          { expr: quantile(0.95, 'command_ack_seconds', 'model', OF_MODEL), legend: 'acked, 95 %' },
          { expr: quantile(0.5, 'command_observed_seconds', 'model', OF_MODEL), legend: 'observed, median' },
          { expr: quantile(0.95, 'command_observed_seconds', 'model', OF_MODEL), legend: 'observed, 95 %' },
        ]),
        about('decision_delay_seconds', 'Decided after the records', [
          { expr: quantile(0.5, 'decision_delay_seconds', 'model', OF_MODEL), legend: 'median' },
          { expr: quantile(0.95, 'decision_delay_seconds', 'model', OF_MODEL), legend: '95 %' },
          { expr: `max(${metric('judge_delay_seconds', OF_MODEL)})`, legend: 'judged up to, now' },
        ]),
        about('decisions_total', 'Decisions', [{ expr: increase('decisions_total', 'verdict', OF_MODEL), legend: '{{verdict}}' }]),
        about(
          'commands_not_effective_total',
          'Commands without effect',
          [{ expr: increase('commands_not_effective_total', 'model', OF_MODEL) }],
          {
            width: 6,
          },
        ),
        about('gateways_present', 'Gateways', [{ expr: `max(${metric('gateways_present', OF_MODEL)})` }], { width: 6 }),
        about('incidents_open', 'Open incidents', [{ expr: `max(${metric('incidents_open', OF_MODEL)})` }], { width: 6 }),
        about('pane_gaps_total', 'Gaps in panes', [{ expr: increase('pane_gaps_total', 'model', OF_MODEL) }], { width: 6 }),
      ],
    },
  ],
}

// ── the daemon ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

const one = (name: MetricName, title: string, by: string, changes: Partial<Panel> = {}): Panel =>
  about(name, title, [{ expr: `max by (${by}) (${metric(name, OF_INSTANCE)})`, legend: legendOf(by) }], { width: 8, ...changes })

const grows = (name: MetricName, title: string, by: string): Panel =>
  about(name, title, [{ expr: increase(name, by, OF_INSTANCE), legend: legendOf(by) }], { width: 8, unit: 'short' })

function legendOf(by: string): string {
  return by
    .split(', ')
    .map((label) => `{{${label}}}`)
    .join(' ')
}

const ofProcess = (name: string, title: string, unit: string, query: (selected: string) => string): Panel => ({
  ...{ title, description: `prom-client: ${name}`, kind: 'timeseries', unit, width: 8 },
  queries: [{ expr: query(`${name}${OF_INSTANCE}`), legend: '{{instance}}' }],
})

const DAEMON: DashboardPlan = {
  uid: 'flyball-daemon',
  title: 'Flyball: the daemon',
  description: 'Each process: how far behind it is, what becomes of the records, what it writes, and what it costs.',
  variables: [INSTANCE],
  marks: [],
  rows: [
    {
      title: 'Behind',
      panels: [
        one('input_lag_records', 'Records behind', 'topic, partition'),
        one('input_lag_seconds', 'Seconds behind', 'topic, partition'),
        one('input_clock_delay_seconds', 'Record clock behind the wall clock', 'topic, partition'),
        one('sources_owned', 'Source partitions', 'instance', { width: 6 }),
        one('judge_partitions_owned', 'Judge partitions', 'instance', { width: 6 }),
        about(
          'policy_info',
          'Policy and version',
          [
            { expr: `max by (instance, environment, digest) (${metric('policy_info', OF_INSTANCE)})`, instant: true },
            { expr: `max by (instance, version) (${metric('build_info', OF_INSTANCE)})`, instant: true },
            { expr: `max by (instance) (${metric('policy_load_timestamp_seconds', OF_INSTANCE)}) * 1000`, instant: true },
          ],
          { kind: 'table' },
        ),
        one('input_clock_seconds', 'Record clock', 'topic, partition', {
          unit: 'dateTimeAsIso',
          queries: [
            { expr: `max by (topic, partition) (${metric('input_clock_seconds', OF_INSTANCE)}) * 1000`, legend: '{{topic}} {{partition}}' },
          ],
        }),
      ],
    },
    {
      title: 'Records',
      panels: [
        about(
          'records_read',
          'Read a second',
          [{ expr: `sum by (topic) (deriv(${metric('records_read', OF_INSTANCE)}[$__rate_interval]))`, legend: '{{topic}}' }],
          { width: 8 },
        ),
        about(
          'records_used',
          'Used, of those read',
          [
            {
              expr: `sum by (topic) (${metric('records_used', OF_INSTANCE)}) / sum by (topic) (${metric('records_read', OF_INSTANCE)})`,
              legend: '{{topic}}',
            },
          ],
          { width: 8, unit: 'percentunit' },
        ),
        about(
          'records_dropped',
          'Dropped',
          [
            {
              expr: `sum by (topic, reason) (${metric('records_dropped', OF_INSTANCE)}) > 0 or sum by (topic) (${metric('records_dropped', OF_INSTANCE)})`,
              legend: '{{topic}} {{reason}}',
            },
          ],
          { width: 8 },
        ),
        about(
          'records_waiting',
          'Wait for their other half',
          [{ expr: `sum by (topic) (${metric('records_waiting', OF_INSTANCE)})`, legend: '{{topic}}' }],
          { width: 8 },
        ),
        one('clock_skew_held_records', 'Times not believed', 'source'),
        one('join_sample_ratio', 'Ids joined', 'source'),
      ],
    },
    {
      title: 'Panes, checkpoints, the log',
      panels: [
        about(
          'panes_written_total',
          'Panes a second',
          [{ expr: rate('panes_written_total', 'instance', OF_INSTANCE), legend: '{{instance}}' }],
          { width: 8 },
        ),
        about(
          'pane_bytes_written_total',
          'Bytes of panes a second',
          [{ expr: rate('pane_bytes_written_total', 'instance', OF_INSTANCE), legend: '{{instance}}' }],
          { width: 8, unit: 'Bps' },
        ),
        grows('panes_refused_total', 'Panes refused', 'reason'),
        about(
          'checkpoint_timestamp_seconds',
          'Since the last checkpoint',
          [{ expr: `time() - max by (source) (${metric('checkpoint_timestamp_seconds', OF_INSTANCE)})`, legend: '{{source}}' }],
          { width: 8, unit: 's' },
        ),
        grows('checkpoints_written_total', 'Checkpoints', 'source'),
        one('checkpoint_sequence', 'Sequence of the last checkpoint', 'source'),
        grows('judge_takeovers_total', 'Take-overs of judging', 'partition'),
        grows('judge_fences_total', 'Tenures that were ended', 'partition'),
        about(
          'act_takeovers_total',
          'Telling people: taken over, ended',
          [
            { expr: increase('act_takeovers_total', 'instance', OF_INSTANCE), legend: '{{instance}} took over' },
            { expr: increase('act_fences_total', 'instance', OF_INSTANCE), legend: '{{instance}} was ended' },
          ],
          { width: 8 },
        ),
        grows('problems_total', 'Problems', 'code'),
        grows('client_troubles_total', 'Complaints of the Kafka client', 'level'),
        grows('trace_spans_total', 'Spans', 'result'),
        about(
          'heartbeat_timestamp_seconds',
          'Since the last heartbeat',
          [{ expr: `time() - max by (sink) (${metric('heartbeat_timestamp_seconds', OF_INSTANCE)})`, legend: '{{sink}}' }],
          { width: 8, unit: 's' },
        ),
      ],
    },
    {
      title: 'The process',
      panels: [
        one('pending_predictions', 'Predictions that wait', 'source'),
        one('pending_bytes', 'Memory of what waits', 'source'),
        one('unit_table_bytes', 'Memory of first exposures', 'source'),
        one('counting_bytes', 'Memory of open slices', 'source'),
        one('unsent_bytes', 'Memory of what is not acknowledged', 'source'),
        ofProcess('process_cpu_seconds_total', 'Processor', 'percentunit', (selected) => `rate(${selected}[$__rate_interval])`),
        ofProcess('process_resident_memory_bytes', 'Resident memory', 'bytes', (selected) => selected),
        ofProcess('nodejs_eventloop_lag_p99_seconds', 'Event loop lag (99 %)', 's', (selected) => selected),
      ],
    },
  ],
}

/** File name → what it shows. */
export const DASHBOARDS: Readonly<Record<string, DashboardPlan>> = {
  'fleet.json': FLEET,
  'rollout.json': ROLLOUT,
  'daemon.json': DAEMON,
}

/** Every expression that a dashboard asks for, with where it stands. */
export function dashboardQueries(): readonly { readonly where: string; readonly expr: string; readonly instant: boolean }[] {
  return Object.entries(DASHBOARDS).flatMap(([file, { marks, rows }]) => [
    ...marks.map(({ name, expr }) => ({ where: `${file}: marks ${name}`, expr, instant: false })),
    ...rows.flatMap(({ panels }) =>
      panels.flatMap(({ title, queries }) =>
        queries.map(({ expr, legend = '', instant = false }) => ({ where: `${file}: ${title} ${legend}`, expr, instant })),
      ),
    ),
  ])
}
