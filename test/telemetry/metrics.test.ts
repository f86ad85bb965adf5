/** Metrics derive from events: the list against what events really move, zeros before anything happened, and series that go and are bounded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Registry } from 'prom-client'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { METRICS, type MetricSpec, metricRows } from '../../src/telemetry/metric-list.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { collectProcessMetrics } from '../../src/telemetry/process-metrics.ts'

const NOW_MS = 1_760_000_000_000
const clock = { nowMs: () => NOW_MS }

type Kind = FlyballEvent['event']
type Event<K extends Kind> = Extract<FlyballEvent, { event: K }>

const policyLoaded = (changes: Partial<Event<'policy-loaded'>> = {}): FlyballEvent => ({
  event: 'policy-loaded',
  policyDigest: 'd1',
  environment: 'test',
  topics: ['predictions'],
  models: [{ name: 'fraud', versions: ['v1', 'v2'] }],
  sinks: [
    { name: 'team', kind: 'log' },
    { name: 'deadman', kind: 'heartbeat' },
  ],
  ...changes,
})

const reading = (changes: Partial<Event<'reading'>> = {}): FlyballEvent => ({
  ...{ event: 'reading', model: 'fraud', version: 'v2', guardrail: 'error-rate', scope: '__all__' },
  ...{ logEvidence: Math.LN10, logLimit: 2 * Math.LN10, estimate: 0.01, intervalLow: -0.01, intervalHigh: 0.03, margin: 0.005, rows: 900 },
  ...changes,
})

const standing = (changes: Partial<Event<'rollout-standing'>> = {}): FlyballEvent => ({
  ...{ event: 'rollout-standing', model: 'fraud', control: 'v1', candidate: 'v2', phase: 'climbing', weights: { v1: 95, v2: 5 } },
  ...{ gateways: 3, incidents: 1, drillPassedAtMs: NOW_MS - 1000, drillEveryMs: 86_400_000, delayMs: 2500 },
  ...changes,
})

/** One of each kind; those that no metric listens to are null. */
const EXAMPLES: { readonly [K in Kind]: FlyballEvent | null } = {
  'records-accounted': { event: 'records-accounted', topic: 'predictions', read: 10, used: 6, waiting: 3, dropped: { oversized: 1 } },
  'panes-written': { event: 'panes-written', source: 'predictions/0', count: 2, bytes: 900 },
  'checkpoint-written': { event: 'checkpoint-written', source: 'predictions/0', sequence: 4 },
  'source-started': { event: 'source-started', source: 'predictions/0', epoch: 1, rewoundTo: 0 },
  'source-stopped': { event: 'source-stopped', source: 'predictions/0', reason: 'released' },
  'pane-refused': { event: 'pane-refused', source: 's', chain: 'exposure', model: 'fraud', reason: 'overlap' },
  'pane-gap': { event: 'pane-gap', source: 's', chain: 'exposure', model: 'fraud', through: 1, from: 3 },
  'judge-took-over': { event: 'judge-took-over', partition: 0, epoch: 1, models: 1 },
  'judge-fenced': { event: 'judge-fenced', partition: 0, problem: 'x' },
  'judge-left': { event: 'judge-left', partition: 0, models: ['fraud'] },
  decided: {
    ...{ event: 'decided', id: 'd', model: 'fraud', number: 1, sequence: 1, judgeTimeMs: NOW_MS, tookMs: 5 },
    ...{ verdict: 'rollback', rule: 'harm', summary: 's', delayMs: 1500 },
  },
  'batch-read': null,
  'spans-told': { event: 'spans-told', result: 'dropped', reason: 'full', count: 3 },
  'trace-collector': null,
  anchored: null,
  'rollout-standing': standing(),
  'outcome-coverage': { event: 'outcome-coverage', model: 'fraud', version: 'v2', outcome: 'label', share: 0.8, limit: 0.5 },
  'command-acked': { event: 'command-acked', model: 'fraud', sequence: 1, afterMs: 250 },
  'command-observed': { event: 'command-observed', model: 'fraud', sequence: 1, afterMs: 2500 },
  'not-effective': { event: 'not-effective', model: 'fraud', sequence: 1, summary: 's' },
  alert: { event: 'alert', incident: 'i', severity: 'critical', summary: 's' },
  reading: reading(),
  notification: {
    ...{ event: 'notification', sink: 'team', severity: 'critical', status: 'firing', result: 'delivered', problem: '' },
    ...{ incidents: 1, repeated: true, afterMs: 100 },
  },
  'notifications-waiting': { event: 'notifications-waiting', sink: 'team', count: 2 },
  'heartbeat-sent': { event: 'heartbeat-sent', sink: 'deadman', result: 'delivered', problem: '' },
  'change-told': { event: 'change-told', sink: 'team', result: 'delivered', problem: '' },
  'act-took-over': { event: 'act-took-over', epoch: 1, incidents: 0, groups: 0 },
  'act-fenced': { event: 'act-fenced', problem: 'x' },
  lag: { event: 'lag', topic: 'predictions', partition: 0, records: 7, clockMs: NOW_MS - 4000, delayMs: 4000 },
  'memory-held': {
    event: 'memory-held',
    source: 'predictions/0',
    pending: 5,
    pendingBytes: 6,
    unitBytes: 7,
    countingBytes: 8,
    unsentBytes: 9,
    sampleRate: 0.5,
    clockHeld: 2,
  },
  'memory-log': null,
  'client-trouble': { event: 'client-trouble', level: 'error', message: 'x' },
  listening: null,
  'policy-loaded': policyLoaded(),
  started: { event: 'started', version: '1.2.3', policyDigest: 'd1' },
  stopped: null,
  problem: { event: 'problem', code: 'FLY-KAFKA-001', message: 'x' },
}

/** Series of the page, with their values. */
async function seriesOf({ registry }: Pick<Metrics, 'registry'>): Promise<ReadonlyMap<string, number>> {
  const lines = (await registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]))
}

/** Of a series: the metric that it belongs to. */
function metricOf(series: string): string {
  const name = series.replace(/\{.*$/, '')
  return Object.hasOwn(METRICS, name.slice('flyball_'.length)) ? name : name.replace(/_(bucket|sum|count)$/, '')
}

const told = (...events: readonly FlyballEvent[]): Metrics => {
  const metrics = createMetrics(clock)
  for (const event of events) metrics.observe(event)
  return metrics
}

test('every metric is moved by each of the events that the list names, and by no other', async () => {
  const before = [policyLoaded(), EXAMPLES['source-started']!, EXAMPLES['judge-took-over']!]
  const listed = (kind: Kind) =>
    metricRows()
      .filter(({ from }) => from.includes(kind))
      .map(({ name }) => name)
  for (const [kind, event] of Object.entries(EXAMPLES) as [Kind, FlyballEvent | null][]) {
    if (event === null) {
      assert.deepEqual(listed(kind), [], `${kind} moves nothing, and the list says otherwise`)
      continue
    }
    const isFirst = before.some((one) => one.event === kind)
    const ground = isFirst ? before.filter((one) => one.event !== kind) : before
    const [was, is] = [await seriesOf(told(...ground)), await seriesOf(told(...ground, event))]
    const moved = new Set([...is].filter(([series, value]) => was.get(series) !== value).map(([series]) => metricOf(series)))
    assert.deepEqual([...moved].sort(), [...listed(kind)].sort(), kind)
  }
})

test('values are in seconds, ratios and logarithms to base 10', async () => {
  const all = await seriesOf(
    told(...(Object.values(EXAMPLES).filter((event) => event !== null && !/stopped|left|fenced/.test(event.event)) as FlyballEvent[])),
  )
  const of = '{model="fraud",version="v2",guardrail="error-rate",scope="__all__"}'
  assert.equal(all.get(`flyball_evidence_log10${of}`), 1)
  assert.equal(all.get(`flyball_evidence_limit_log10${of}`), 2)
  assert.equal(all.get(`flyball_effect_interval_high${of}`), 0.03)
  assert.equal(all.get('flyball_rollout_weight_ratio{model="fraud",version="v2"}'), 0.05)
  assert.equal(all.get('flyball_input_lag_seconds{topic="predictions",partition="0"}'), 4)
  assert.equal(all.get('flyball_input_clock_seconds{topic="predictions",partition="0"}'), NOW_MS / 1000 - 4)
  assert.equal(all.get('flyball_decision_timestamp_seconds{model="fraud",verdict="rollback",rule="harm"}'), NOW_MS / 1000)
  assert.equal(all.get('flyball_decision_delay_seconds_sum{model="fraud"}'), 1.5)
  assert.equal(all.get('flyball_command_ack_seconds_bucket{le="0.3",model="fraud"}'), 1)
})

test('nobody is behind when no record waits, however old the newest one is', async () => {
  const all = await seriesOf(told({ event: 'lag', topic: 'p', partition: 0, records: 0, clockMs: NOW_MS - 9000, delayMs: 9000 }))
  assert.equal(all.get('flyball_input_lag_seconds{topic="p",partition="0"}'), 0)
  assert.equal(all.get('flyball_input_clock_delay_seconds{topic="p",partition="0"}'), 9)
})

test('what the policy names is there with 0 before anything has happened', async () => {
  const all = await seriesOf(told(policyLoaded()))
  for (const series of [
    'flyball_records_dropped{topic="predictions",reason="unmatched-outcome"}',
    'flyball_decisions_total{model="fraud",verdict="rollback"}',
    'flyball_commands_not_effective_total{model="fraud"}',
    'flyball_command_ack_seconds_count{model="fraud"}',
    'flyball_notifications_total{sink="team",severity="critical",status="firing",result="refused"}',
    'flyball_notification_delay_seconds_count{sink="team"}',
    'flyball_heartbeats_total{sink="deadman",result="failed"}',
    'flyball_alerts_total{severity="warning"}',
    'flyball_panes_refused_total{reason="overlap"}',
    'flyball_problems_total{code="FLY-KAFKA-001"}',
  ])
    assert.equal(all.get(series), 0, series)
  assert.ok(![...all.keys()].some((series) => /notifications_total.*deadman|heartbeats_total.*team/.test(series)))
})

test('a policy that is loaded anew counts on, and takes the series of what it names no more', async () => {
  const metrics = told(policyLoaded(), EXAMPLES.decided!, standing(), reading())
  metrics.observe(policyLoaded({ policyDigest: 'd2', models: [{ name: 'fraud', versions: ['v1', 'v3'] }] }))
  let all = await seriesOf(metrics)
  assert.equal(all.get('flyball_decisions_total{model="fraud",verdict="rollback"}'), 1)
  assert.deepEqual(
    [...all.keys()].filter((series) => series.includes('v2')),
    [],
  )
  assert.deepEqual(
    [...all.keys()].filter((series) => series.startsWith('flyball_policy_info')),
    ['flyball_policy_info{environment="test",digest="d2"}'],
  )
  metrics.observe(policyLoaded({ models: [{ name: 'other', versions: ['v1', 'v3'] }] }))
  all = await seriesOf(metrics)
  assert.deepEqual(
    [...all.keys()].filter((series) => series.includes('fraud')),
    [],
  )
})

test('a candidate that is followed by another leaves no series behind, though the policy still knows it', async () => {
  const versions = [{ name: 'fraud', versions: ['v1', 'v2', 'v3'] }]
  const metrics = told(policyLoaded({ models: versions }), standing(), reading(), EXAMPLES['outcome-coverage']!)
  metrics.observe(standing({ candidate: 'v3', phase: 'new', weights: { v1: 100, v3: 0 } }))
  metrics.observe(reading({ version: 'v3' }))
  const all = [...(await seriesOf(metrics)).keys()]
  assert.deepEqual(
    all.filter((series) => series.includes('v2')),
    [],
  )
  assert.equal(all.filter((series) => series.startsWith('flyball_rollout_info')).length, 1)
  assert.ok(all.includes('flyball_rollout_weight_ratio{model="fraud",version="v1"}'))
})

test('what another process judges or measures from now on is said there, and not here too; what was counted stays', async () => {
  const events = [policyLoaded(), EXAMPLES['judge-took-over']!, EXAMPLES.decided!, standing(), reading(), EXAMPLES['outcome-coverage']!]
  const sources = [
    EXAMPLES['source-started']!,
    EXAMPLES.lag!,
    EXAMPLES['memory-held']!,
    EXAMPLES['panes-written']!,
    EXAMPLES['checkpoint-written']!,
  ]
  const metrics = told(...events, ...sources, EXAMPLES['judge-left']!, EXAMPLES['source-stopped']!)
  const all = await seriesOf(metrics)
  assert.equal(all.get('flyball_decisions_total{model="fraud",verdict="rollback"}'), 1)
  assert.equal(all.get('flyball_panes_written_total{source="predictions/0"}'), 2)
  assert.equal(all.get('flyball_judge_partitions_owned'), 0)
  const types = new Map<string, MetricSpec>(metricRows().map((row) => [row.name, row]))
  const gauges = [...all.keys()].filter((series) => types.get(metricOf(series))!.type === 'gauge')
  assert.deepEqual(
    gauges.filter((series) => /fraud|source="|partition="/.test(series)),
    [],
  )
})

test('an interval that is not bounded has no series, and neither has one that no longer is', async () => {
  const metrics = told(reading())
  metrics.observe(reading({ intervalHigh: Number.POSITIVE_INFINITY, estimate: Number.NaN }))
  const all = [...(await seriesOf(metrics)).keys()]
  assert.ok(!all.some((series) => /interval_high\{|effect_estimate\{/.test(series)))
  assert.ok(all.some((series) => series.includes('interval_low{')))
})

test('scopes beyond the cap are told as one, and it is the one nearest to its limit', async () => {
  const metrics = createMetrics(clock, { values: 500, scopes: 2 })
  const say = (scope: string, logEvidence: number, model = 'fraud') =>
    metrics.observe(reading({ model, scope, logEvidence: logEvidence * Math.LN10 }))
  const other = async () =>
    (await seriesOf(metrics)).get('flyball_evidence_log10{model="fraud",version="v2",guardrail="error-rate",scope="__other__"}')
  say('__all__', 0)
  say('region=a', 0)
  say('region=b', 0.5)
  assert.equal(await other(), 0.5)
  say('region=c', 1.5)
  say('region=b', 0.7)
  assert.equal(await other(), 1.5, 'the nearer one is not hidden by one that comes later')
  say('region=c', 0.1)
  assert.equal(await other(), 0.1, 'its own numbers are always its own')
  say('region=b', 0.6)
  assert.equal(await other(), 0.6)
  say('region=z', 0, 'another')
  const scopes = [...(await seriesOf(metrics)).keys()].filter((series) => series.startsWith('flyball_evidence_log10'))
  assert.equal(scopes.length, 4, scopes.join('\n'))
})

test('no label takes more values than it may, and what is one too many is counted all the same', async () => {
  const metrics = createMetrics(clock, { values: 3, scopes: 3 })
  const random = Array.from({ length: 50 }, (_, index) => `x${index}`)
  for (const value of random) {
    const model = value
    for (const event of Object.values(EXAMPLES)) {
      if (event === null || /stopped|left|fenced|policy/.test(event.event)) continue
      const strange = Object.fromEntries(
        Object.entries(event).map(([key, one]) => [key, key !== 'event' && typeof one === 'string' ? value : one]),
      )
      metrics.observe({
        ...strange,
        ...('weights' in event ? { weights: { [value]: 5 } } : {}),
        ...('model' in event ? { model } : {}),
      } as FlyballEvent)
    }
  }
  const values = new Map<string, Set<string>>()
  for (const series of (await seriesOf(metrics)).keys()) {
    for (const [, label, value] of series.matchAll(/[{,](\w+)="([^"]*)"/g))
      values.set(label!, (values.get(label!) ?? new Set()).add(value!))
  }
  const most: Readonly<Record<string, number>> = { le: 20, reason: 17, scope: 4 * 3 + 1 }
  for (const [label, seen] of values) assert.ok(seen.size <= (most[label] ?? 4), `${label}: ${[...seen].join(' ')}`)
  const decisions = [...(await seriesOf(metrics))].filter(([series]) => series.startsWith('flyball_decisions_total'))
  assert.equal(
    decisions.reduce((sum, [, value]) => sum + value, 0),
    random.length,
  )
})

test('names say their unit and whether they count up, and help says something', () => {
  for (const { name, type, help, labels, from } of metricRows()) {
    assert.match(name, /^flyball_[a-z][a-z0-9_]*$/)
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    assert.doesNotMatch(name, /_(ms|milliseconds|kb|percent|count|sum|bucket|info_total)$/, name)
    assert.match(help, /^[A-Z].{10,}\.$/, name)
    assert.ok(from.length > 0, name)
    for (const label of labels) assert.match(label, /^[a-z_]+$/, name)
    assert.ok(!labels.some((label) => /unit|id$/.test(label)), `${name}: no label of a record`)
  }
})

test('no exemplar is kept, and the process tells its own costs under names that linters take', async () => {
  const metrics = told(policyLoaded(), EXAMPLES['command-acked']!)
  collectProcessMetrics(metrics.registry)
  const page = await metrics.registry.metrics()
  assert.equal(metrics.registry.contentType, Registry.PROMETHEUS_CONTENT_TYPE)
  assert.doesNotMatch(page, / # \{/)
  assert.match(page, /^process_cpu_seconds_total /m)
  assert.match(page, /^nodejs_eventloop_lag_p99_seconds /m)
  for (const [, name, type] of page.matchAll(/^# TYPE (\w+) (\w+)$/gm)) assert.equal(name!.endsWith('_total'), type === 'counter', name)
})
