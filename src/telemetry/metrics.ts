/** Metrics, derived from events and from nothing else: which event moves which series of `metric-list.ts`. */
import { Registry } from 'prom-client'
import type { DropReason, Verdict } from '../domain.ts'
import { type Clock, systemClock } from '../kit/clock.ts'
import { ERRORS } from '../kit/errors.ts'
import { type FlyballEvent, SPAN_DROP_REASONS } from './events.ts'
import { Families, type LabelCaps, OTHER } from './families.ts'

export interface Metrics {
  readonly registry: Registry
  observe(event: FlyballEvent): void
}

type Event<Kind extends FlyballEvent['event']> = Extract<FlyballEvent, { event: Kind }>
type Handlers = { readonly [Kind in FlyballEvent['event']]?: (event: Event<Kind>) => void }

const LABEL_CAPS: LabelCaps = { values: 500, scopes: 100 }

/** `clock`: for when things happened, since events do not say. */
export function createMetrics(clock: Pick<Clock, 'nowMs'> = systemClock, caps: LabelCaps = LABEL_CAPS): Metrics {
  const registry = new Registry()
  const families = new Families(registry, caps)
  const nowSeconds = (): number => clock.nowMs() / 1000
  const handlers: Handlers = {
    ...ofProcess(families, nowSeconds),
    ...ofInputs(families, nowSeconds),
    ...ofRollouts(families, nowSeconds),
    ...ofReadings(families),
    ...ofAlerts(families, nowSeconds),
  }
  return {
    registry,
    observe: (event) => (handlers[event.event] as ((event: FlyballEvent) => void) | undefined)?.(event),
  }
}

// ── what is running ────────────────────────────────────────────────────────────────────────────────────────────────────────

function ofProcess(families: Families, nowSeconds: () => number): Handlers {
  let models: readonly string[] = []
  let environment = ''
  return {
    started: ({ version }) => families.set('build_info', { version }, 1),
    'policy-loaded': (event) => {
      const named = event.models.map(({ name }) => name)
      for (const model of models) if (!named.includes(model)) retire(families, model)
      models = named
      environment = event.environment
      for (const { name, versions } of event.models) keepVersions(families, name, versions)
      const info = { environment, digest: event.policyDigest }
      families.keepOnly('policy_info', {}, info)
      families.set('policy_info', info, 1)
      families.set('policy_load_timestamp_seconds', {}, nowSeconds())
      zeroForAll(families)
      for (const topic of event.topics) zeroForTopic(families, topic)
      for (const model of named) zeroForModel(families, model)
      for (const sink of event.sinks) zeroForSink(families, sink)
      for (const result of ['delivered', 'refused']) families.add('trace_spans_total', { result, reason: '' }, 0)
      for (const reason of SPAN_DROP_REASONS) families.add('trace_spans_total', { result: 'dropped', reason }, 0)
    },
    problem: ({ code }) => families.add('problems_total', { code }),
    'client-trouble': ({ level }) => families.add('client_troubles_total', { level }),
  }
}

/** Nothing of the model is said any more, by counters neither. */
function retire(families: Families, model: string): void {
  families.drop({ model }, 'all')
  families.forget('model', model)
}

/** Versions that the policy names no more. */
function keepVersions(families: Families, model: string, versions: readonly string[]): void {
  families.drop({ model }, 'all', (series) =>
    [series['version'], series['candidate']].every((one) => one === undefined || versions.includes(one)),
  )
}

const DROP_REASONS: Readonly<Record<DropReason, true>> = {
  undecodable: true,
  'unknown-schema': true,
  oversized: true,
  tombstone: true,
  'missing-field': true,
  'wrong-type': true,
  'not-finite': true,
  'bad-time': true,
  'unknown-model': true,
  'unknown-version': true,
  'too-many-values': true,
  'sampled-out': true,
  'duplicate-id': true,
  'duplicate-outcome': true,
  'contradicting-outcome': true,
  'unmatched-outcome': true,
}

const VERDICTS: Readonly<Record<Verdict['kind'], true>> = {
  start: true,
  promote: true,
  advance: true,
  hold: true,
  throttle: true,
  lift: true,
  'step-down': true,
  isolate: true,
  rollback: true,
  adopt: true,
  acked: true,
  observed: true,
  'not-effective': true,
  override: true,
  refused: true,
  recorded: true,
}

const REFUSED: Readonly<Record<Event<'pane-refused'>['reason'], true>> = {
  'stale-epoch': true,
  overlap: true,
  undecodable: true,
  'other-hash': true,
}

const SEVERITIES = ['critical', 'warning', 'info'] as const
const STATUSES = ['firing', 'resolved'] as const
const RESULTS = ['delivered', 'failed', 'refused', 'unconfirmed'] as const

function zeroForAll(families: Families): void {
  for (const code of Object.keys(ERRORS)) families.add('problems_total', { code }, 0)
  for (const reason of Object.keys(REFUSED)) families.add('panes_refused_total', { reason }, 0)
  for (const severity of SEVERITIES) families.add('alerts_total', { severity }, 0)
}

function zeroForTopic(families: Families, topic: string): void {
  for (const reason of Object.keys(DROP_REASONS)) families.set('records_dropped', { topic, reason }, 0)
}

function zeroForModel(families: Families, model: string): void {
  for (const verdict of Object.keys(VERDICTS)) families.add('decisions_total', { model, verdict }, 0)
  families.add('pane_gaps_total', { model }, 0)
  families.add('commands_not_effective_total', { model }, 0)
  for (const name of ['decision_delay_seconds', 'command_ack_seconds', 'command_observed_seconds'] as const) families.zero(name, { model })
}

function zeroForSink(families: Families, { name: sink, kind }: { readonly name: string; readonly kind: string }): void {
  if (kind === 'heartbeat') {
    for (const result of ['delivered', 'failed', 'refused']) families.add('heartbeats_total', { sink, result }, 0)
    return
  }
  for (const severity of SEVERITIES)
    for (const status of STATUSES) for (const result of RESULTS) families.add('notifications_total', { sink, severity, status, result }, 0)
  families.add('notifications_repeated_total', { sink }, 0)
  families.zero('notification_delay_seconds', { sink })
  families.set('notifications_waiting', { sink }, 0)
}

// ── what is measured ───────────────────────────────────────────────────────────────────────────────────────────────────────

function ofInputs(families: Families, nowSeconds: () => number): Handlers {
  const owned = new Set<string>()
  return {
    'source-started': ({ source }) => {
      families.set('sources_owned', {}, owned.add(source).size)
      for (const name of ['panes_written_total', 'pane_bytes_written_total', 'checkpoints_written_total'] as const)
        families.add(name, { source }, 0)
    },
    'source-stopped': ({ source }) => {
      owned.delete(source)
      families.set('sources_owned', {}, owned.size)
      families.drop({ source }, 'gauges')
      // Of all inputs: they share their partitions' numbers.
      families.drop({ partition: source.slice(source.lastIndexOf('/') + 1) }, 'gauges')
    },
    'records-accounted': (event) => accountRecords(families, event),
    lag: (event) => tellLag(families, event),
    'memory-held': (event) => tellMemory(families, event),
    'panes-written': ({ source, count, bytes }) => {
      families.add('panes_written_total', { source }, count)
      families.add('pane_bytes_written_total', { source }, bytes)
    },
    'checkpoint-written': ({ source, sequence }) => {
      families.add('checkpoints_written_total', { source })
      families.set('checkpoint_sequence', { source }, sequence)
      families.set('checkpoint_timestamp_seconds', { source }, nowSeconds())
    },
    'pane-refused': ({ reason }) => families.add('panes_refused_total', { reason }),
    'pane-gap': ({ model }) => families.add('pane_gaps_total', { model }),
  }
}

function accountRecords(families: Families, { topic, read, used, waiting, dropped }: Event<'records-accounted'>): void {
  families.set('records_read', { topic }, read)
  families.set('records_used', { topic }, used)
  families.set('records_waiting', { topic }, waiting)
  for (const reason of Object.keys(DROP_REASONS) as DropReason[]) families.set('records_dropped', { topic, reason }, dropped[reason] ?? 0)
}

function tellLag(families: Families, { topic, partition, records, clockMs, delayMs }: Event<'lag'>): void {
  const labels = { topic, partition: String(partition) }
  const delaySeconds = Math.max(0, delayMs) / 1000
  families.set('input_lag_records', labels, records)
  families.set('input_lag_seconds', labels, records === 0 ? 0 : delaySeconds)
  families.set('input_clock_seconds', labels, clockMs / 1000)
  families.set('input_clock_delay_seconds', labels, delaySeconds)
}

function tellMemory(families: Families, event: Event<'memory-held'>): void {
  const { source } = event
  families.set('clock_skew_held_records', { source }, event.clockHeld)
  families.set('pending_predictions', { source }, event.pending)
  families.set('pending_bytes', { source }, event.pendingBytes)
  families.set('unit_table_bytes', { source }, event.unitBytes)
  families.set('counting_bytes', { source }, event.countingBytes)
  families.set('unsent_bytes', { source }, event.unsentBytes)
  families.set('join_sample_ratio', { source }, event.sampleRate)
}

// ── what is judged ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function ofRollouts(families: Families, nowSeconds: () => number): Handlers {
  const owned = new Set<number>()
  const pairs = new Map<string, string>()
  const ownedNow = (): void => families.set('judge_partitions_owned', {}, owned.size)
  return {
    'judge-took-over': ({ partition }) => {
      owned.add(partition)
      ownedNow()
      families.add('judge_takeovers_total', { partition: String(partition) })
    },
    'judge-fenced': ({ partition }) => {
      owned.delete(partition)
      ownedNow()
      families.add('judge_fences_total', { partition: String(partition) })
    },
    'judge-left': ({ partition, models }) => {
      owned.delete(partition)
      ownedNow()
      for (const model of models) families.drop({ model }, 'gauges')
    },
    'rollout-standing': (event) => {
      const { model, control, candidate } = event
      const pair = `${control}\u0000${candidate}`
      // A version that is rolled out no more: its evidence, its share and its outcomes are of another rollout.
      if ((pairs.get(model) ?? pair) !== pair) {
        families.drop({ model }, 'gauges', ({ version }) => version === undefined || version === control || version === candidate)
      }
      pairs.set(model, pair)
      tellStanding(families, event)
    },
    'outcome-coverage': ({ model, version, outcome, share, limit }) => {
      families.set('outcome_coverage_ratio', { model, version, outcome }, share)
      families.set('outcome_coverage_limit_ratio', { model, version, outcome }, limit)
    },
    decided: ({ model, verdict, rule, delayMs }) => {
      families.add('decisions_total', { model, verdict })
      families.set('decision_timestamp_seconds', { model, verdict, rule }, nowSeconds())
      if (Number.isFinite(delayMs)) families.observe('decision_delay_seconds', { model }, Math.max(0, delayMs) / 1000)
    },
    'command-acked': ({ model, afterMs }) => families.observe('command_ack_seconds', { model }, Math.max(0, afterMs) / 1000),
    'command-observed': ({ model, afterMs }) => families.observe('command_observed_seconds', { model }, Math.max(0, afterMs) / 1000),
    'not-effective': ({ model }) => families.add('commands_not_effective_total', { model }),
  }
}

function tellStanding(families: Families, event: Event<'rollout-standing'>): void {
  const { model, control, candidate, phase, weights } = event
  const info = { model, control, candidate, phase }
  families.keepOnly('rollout_info', { model }, info)
  families.set('rollout_info', info, 1)
  for (const [version, percent] of Object.entries(weights)) families.set('rollout_weight_ratio', { model, version }, percent / 100)
  families.set('gateways_present', { model }, event.gateways)
  families.set('incidents_open', { model }, event.incidents)
  families.set('judge_delay_seconds', { model }, Math.max(0, event.delayMs) / 1000)
  const { drillPassedAtMs, drillEveryMs } = event
  families.set('drill_passed_timestamp_seconds', { model }, drillPassedAtMs > 0 ? drillPassedAtMs / 1000 : Number.NaN)
  families.set('drill_interval_seconds', { model }, drillEveryMs > 0 ? drillEveryMs / 1000 : Number.NaN)
}

function ofReadings(families: Families): Handlers {
  /** Whose numbers stand under `__other__`: of all scopes beyond the cap, the one nearest to its limit. */
  const nearest = new Map<string, { readonly scope: string; readonly short: number }>()
  return {
    reading: (event) => {
      const { model, version, guardrail, scope, logEvidence, logLimit } = event
      const labels = families.bounded({ model, version, guardrail, scope })
      if (labels.scope === OTHER) {
        const place = [model, version, guardrail].join('\u0000')
        const short = logLimit - logEvidence
        const held = nearest.get(place)
        if (held !== undefined && held.scope !== scope && held.short <= short) return
        nearest.set(place, { scope, short })
      }
      families.set('evidence_log10', labels, logEvidence / Math.LN10)
      families.set('evidence_limit_log10', labels, logLimit / Math.LN10)
      families.set('evidence_rows', labels, event.rows)
      families.set('effect_estimate', labels, event.estimate)
      families.set('effect_interval_low', labels, event.intervalLow)
      families.set('effect_interval_high', labels, event.intervalHigh)
      families.set('effect_margin', labels, event.margin)
    },
  }
}

// ── who is told ────────────────────────────────────────────────────────────────────────────────────────────────────────────

function ofAlerts(families: Families, nowSeconds: () => number): Handlers {
  return {
    alert: ({ severity }) => families.add('alerts_total', { severity }),
    notification: ({ sink, severity, status, result, repeated, afterMs }) => {
      families.add('notifications_total', { sink, severity, status, result })
      if (repeated) families.add('notifications_repeated_total', { sink })
      families.observe('notification_delay_seconds', { sink }, Math.max(0, afterMs) / 1000)
    },
    'notifications-waiting': ({ sink, count }) => families.set('notifications_waiting', { sink }, count),
    'heartbeat-sent': ({ sink, result }) => {
      families.add('heartbeats_total', { sink, result })
      if (result === 'delivered') families.set('heartbeat_timestamp_seconds', { sink }, nowSeconds())
    },
    'change-told': ({ sink, result }) => families.add('changes_told_total', { sink, result }),
    'spans-told': ({ result, reason, count }) => families.add('trace_spans_total', { result, reason }, count),
    'act-took-over': () => families.add('act_takeovers_total', {}),
    'act-fenced': () => families.add('act_fences_total', {}),
  }
}
