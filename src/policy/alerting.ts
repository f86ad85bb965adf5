/** The policy's `alerts` as they are used: files by absolute path, defaults written out, matchers as lists. */
import { resolve } from 'node:path'
import { type InheritedRoute, inheritedRoutes } from './alert-routes.ts'
import type { Alerting, AlertLabel, AlertRoute, Inhibition, Matcher, SinkPlan } from './layout.ts'
import type { Policy } from './policy.ts'

type Alerts = NonNullable<Policy['alerts']>
type Sink = Alerts['sinks'][string]

export function alertingOf(alerts: Alerts, folder: string): Alerting {
  const { flapping, link = '' } = alerts
  return {
    sinks: Object.fromEntries(
      Object.entries(alerts.sinks).map(([name, sink]) => [name, sinkPlanOf(sink, (file) => resolve(folder, file))]),
    ),
    routes: inheritedRoutes(alerts.routes).map((route) => routeOf(route, alerts.sinks)),
    inhibitions: (alerts.inhibitions ?? []).map(inhibitionOf).concat(alerts.inhibitions === undefined ? DEFAULT_INHIBITIONS : []),
    flapping: { changes: flapping.changes, withinMs: flapping.within, calmMs: flapping.calm },
    link,
  }
}

/** What follows from something graver is told by it: a rollback ends what its guardrails said, the blind see no statistics. */
const DEFAULT_INHIBITIONS: readonly Inhibition[] = [
  {
    source: { cause: ['rollback:*'] },
    target: { cause: ['signal', 'throttle', 'throttle-at-lowest', 'isolate:*', 'cohort', 'approval', 'steady', 'series:*'] },
    equal: ['environment', 'model'],
  },
  {
    source: { cause: ['blind'] },
    target: { cause: ['signal', 'outcome-coverage', 'assignment', 'cohort', 'steady', 'series:*'] },
    equal: ['environment', 'model'],
  },
  { source: { cause: ['judge-stalled'] }, target: { cause: ['not-effective', 'gateway-missing'] }, equal: ['environment', 'model'] },
]

function sinkPlanOf(sink: Sink, path: (file: string) => string): SinkPlan {
  const limits = {
    messagesMax: 'rate' in sink ? sink.rate.messages : Number.MAX_SAFE_INTEGER,
    perMs: 'rate' in sink ? sink.rate.per : 1,
    timeoutMs: sink.timeout,
  }
  switch (sink.kind) {
    case 'slack':
      return sink.webhookFile === undefined
        ? {
            kind: 'slack-bot',
            url: sink.url ?? 'https://slack.com/api',
            tokenFile: path(sink.tokenFile!),
            channel: sink.channel!,
            ...limits,
          }
        : { kind: 'slack-webhook', urlFile: path(sink.webhookFile), ...limits }
    case 'pagerduty':
      return { kind: sink.kind, url: sink.url ?? 'https://events.pagerduty.com', routingKeyFile: path(sink.routingKeyFile), ...limits }
    case 'alertmanager':
      return { kind: sink.kind, url: sink.url, tokenFile: sink.tokenFile === undefined ? null : path(sink.tokenFile), ...limits }
    case 'webhook':
      return { kind: sink.kind, url: sink.url, secretFile: sink.secretFile === undefined ? null : path(sink.secretFile), ...limits }
    case 'heartbeat':
      return { kind: sink.kind, url: sink.url, everyMs: sink.every, ...limits }
    case 'log':
      return { kind: sink.kind, ...limits }
  }
}

function routeOf(route: InheritedRoute, sinks: Alerts['sinks']): AlertRoute {
  const { written } = route
  return {
    name: written.name,
    match: matcherOf(written.match),
    targets: route.sinks.map((sink) => ({ sink, groupBy: route.groupBy ?? defaultGroups(sinks[sink]!) })),
    groupWaitMs: route.groupWait,
    groupIntervalMs: route.groupInterval,
    repeatIntervalMs: route.repeatInterval,
    continue: written.continue,
    budgetPerWeek: written.budgetPerWeek ?? null,
    routes: route.routes.map((below) => routeOf(below, sinks)),
  }
}

/** One page a model, one message a channel. */
function defaultGroups({ kind }: Sink): readonly AlertLabel[] {
  return kind === 'pagerduty' ? ['environment', 'model'] : ['environment']
}

function inhibitionOf({ source, target, equal }: NonNullable<Alerts['inhibitions']>[number]): Inhibition {
  return { source: matcherOf(source), target: matcherOf(target), equal }
}

export function matcherOf(written: Readonly<Partial<Record<AlertLabel, string | readonly string[] | undefined>>>): Matcher {
  const entries = Object.entries(written).flatMap(([label, patterns]) =>
    patterns === undefined ? [] : [[label, typeof patterns === 'string' ? [patterns] : patterns] as const],
  )
  return Object.fromEntries(entries)
}
