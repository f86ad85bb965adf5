/** Metrics, derived from events and from nothing else. Names have the prefix `flyball_`, base units, `_total` for counters. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { FlyballEvent } from './events.ts'

/** A label value that would be the first beyond the cap is counted under this one. */
const OTHER = '__other__'
const LABEL_VALUES_MAX = 500

export interface Metrics {
  readonly registry: Registry
  observe(event: FlyballEvent): void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const series = createSeries(registry)
  const bounded = boundedLabels()
  return { registry, observe: (event) => update(series, bounded, event) }
}

type Series = ReturnType<typeof createSeries>

function createSeries(registry: Registry) {
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name: `flyball_${name}`, help, labelNames, registers: [registry] })
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name: `flyball_${name}`, help, labelNames, registers: [registry] })
  return {
    read: gauge('records_read', 'Records read since the beginning of the input, checkpoints included.', ['topic']),
    used: gauge('records_used', 'Records that entered the statistics.', ['topic']),
    waiting: gauge('records_waiting', 'Records that wait for their other half.', ['topic']),
    dropped: gauge('records_dropped', 'Records that were not used, by reason.', ['topic', 'reason']),
    panes: counter('panes_written_total', 'Panes written.', ['source']),
    paneBytes: counter('pane_bytes_written_total', 'Bytes of panes written.', ['source']),
    checkpoints: counter('checkpoints_written_total', 'Checkpoints written.', ['source']),
    checkpointAt: gauge('checkpoint_sequence', 'Sequence of the last checkpoint.', ['source']),
    refused: counter('panes_refused_total', 'Panes the judge did not take, by reason.', ['reason']),
    gaps: counter('pane_gaps_total', 'Gaps in chains of panes.', ['source', 'chain']),
    skew: counter('clock_skew_held_total', 'Records whose time ran ahead of their partition and was not believed.', ['topic']),
    lag: gauge('input_lag_records', 'Records between the reader and the last stable offset.', ['topic', 'partition']),
    clock: gauge('input_clock_seconds', 'Record clock of a partition, seconds since 1970.', ['topic', 'partition']),
    pending: gauge('pending_predictions', 'Predictions that are held for their outcomes and against duplicates.', ['source']),
    pendingBytes: gauge('pending_bytes', 'Memory taken by pending predictions and by outcomes that wait.', ['source']),
    unitBytes: gauge('unit_table_bytes', 'Memory taken by the table of first exposures.', ['source']),
    sampleRate: gauge('join_sample_rate', 'Share of prediction ids joined: below 1 when more waited than the policy allows.', ['source']),
    decisions: counter('decisions_total', 'Decisions taken.', ['model', 'verdict', 'rule']),
    evidence: gauge('evidence_log', 'Natural logarithm of the evidence for harm.', ['model', 'guardrail', 'scope']),
    limit: gauge('evidence_limit_log', 'Natural logarithm of the limit at which the guardrail acts.', ['model', 'guardrail', 'scope']),
    estimate: gauge('effect_estimate', 'Candidate minus control, in the unit of the guardrail.', ['model', 'guardrail', 'scope']),
    alerts: counter('alerts_total', 'Alerts published.', ['severity']),
    takeovers: counter('judge_takeovers_total', 'Take-overs of a judge partition.', ['partition']),
    problems: counter('problems_total', 'Problems by error code.', ['code']),
    acked: new Histogram({
      name: 'flyball_command_ack_seconds',
      help: 'From command to quorum of acks.',
      labelNames: ['model'],
      buckets: [0.1, 0.3, 1, 3, 10, 30, 100],
      registers: [registry],
    }),
    observed: new Histogram({
      name: 'flyball_command_observed_seconds',
      help: 'From command to the commanded split being seen in traffic.',
      labelNames: ['model'],
      buckets: [1, 3, 10, 30, 100, 300],
      registers: [registry],
    }),
  }
}

/** Replaces label values beyond a cap, per name of the label. */
function boundedLabels(): (name: string, value: string) => string {
  const seen = new Map<string, Set<string>>()
  return (name, value) => {
    const values = seen.get(name) ?? new Set<string>()
    seen.set(name, values)
    if (values.has(value)) return value
    if (values.size >= LABEL_VALUES_MAX) return OTHER
    values.add(value)
    return value
  }
}

function update(series: Series, bounded: (name: string, value: string) => string, event: FlyballEvent): void {
  switch (event.event) {
    case 'records-accounted':
      return accountRecords(series, event)
    case 'panes-written':
      series.panes.inc({ source: event.source }, event.count)
      series.paneBytes.inc({ source: event.source }, event.bytes)
      return
    case 'checkpoint-written':
      series.checkpoints.inc({ source: event.source })
      series.checkpointAt.set({ source: event.source }, event.sequence)
      return
    case 'pane-refused':
      return series.refused.inc({ reason: event.reason })
    case 'pane-gap':
      return series.gaps.inc({ source: event.source, chain: event.chain })
    case 'clock-skew-held':
      return series.skew.inc({ topic: event.topic })
    case 'lag':
      series.lag.set({ topic: event.topic, partition: event.partition }, event.records)
      if (Number.isFinite(event.clockMs)) series.clock.set({ topic: event.topic, partition: event.partition }, event.clockMs / 1000)
      return
    case 'memory-held':
      return tellMemory(series, event)
    case 'decided':
      return series.decisions.inc({ model: event.model, verdict: event.verdict, rule: event.rule })
    case 'reading':
      return readEvidence(series, { model: event.model, guardrail: event.guardrail, scope: bounded('scope', event.scope) }, event)
    case 'alert':
      return series.alerts.inc({ severity: event.severity })
    case 'judge-took-over':
      return series.takeovers.inc({ partition: event.partition })
    case 'problem':
      return series.problems.inc({ code: event.code })
    case 'command-acked':
      return series.acked.observe({ model: event.model }, event.afterMs / 1000)
    case 'command-observed':
      return series.observed.observe({ model: event.model }, event.afterMs / 1000)
    default:
      return
  }
}

function tellMemory(series: Series, event: FlyballEvent & { event: 'memory-held' }): void {
  const { source } = event
  series.pending.set({ source }, event.pending)
  series.pendingBytes.set({ source }, event.pendingBytes)
  series.unitBytes.set({ source }, event.unitBytes)
  series.sampleRate.set({ source }, event.sampleRate)
}

function readEvidence(series: Series, labels: Record<string, string>, event: FlyballEvent & { event: 'reading' }): void {
  series.evidence.set(labels, event.logEvidence)
  series.limit.set(labels, event.logLimit)
  if (Number.isFinite(event.estimate)) series.estimate.set(labels, event.estimate)
}

function accountRecords(series: Series, event: FlyballEvent & { event: 'records-accounted' }): void {
  const { topic } = event
  series.read.set({ topic }, event.read)
  series.used.set({ topic }, event.used)
  series.waiting.set({ topic }, event.waiting)
  for (const [reason, count] of Object.entries(event.dropped)) series.dropped.set({ topic, reason }, count)
}
