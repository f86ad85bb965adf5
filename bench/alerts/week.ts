/**
 * A week of healthy rollouts: ten models, each with a new and equal candidate every other day that climbs its ladder by the judge's own `step`, in weather with a
 * day's season, deploys that trouble both arms, one restart of the brokers and labels that come a day late. What alerts they raise, and
 * whom the routes of the documents would have told.
 */

import { type Replayed, replay, type Said } from '../../src/act/replay.ts'
import type { Alert } from '../../src/domain.ts'
import type { Random } from '../../src/kit/random.ts'
import type { Alerting, Layout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { countsFeed } from '../statistics/counts-feed.ts'
import { chanceOf } from '../statistics/draws.ts'
import { policyText } from '../statistics/policies.ts'
import { Rollout } from '../statistics/rollout.ts'
import { BEGIN_MS, CLIMATE, type Climate, weatherOf } from '../statistics/traffic.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const SLICE_MS = MINUTE
const ROLLOUT_MS = 2 * DAY

export interface Week {
  readonly alerts: readonly Said[]
  readonly sent: readonly Replayed[]
  readonly promoted: number
  readonly rolledBack: number
}

export interface WeekOptions {
  readonly seed: number
  readonly models: number
  readonly days: number
}

/** A day's season; something is deployed every six hours or so, and troubles everybody for half a minute to five. */
const WEATHER: Climate = {
  ...CLIMATE,
  requestsPerSecond: 20,
  seasonMs: DAY,
  burstChance: 1 / (6 * 3_600),
  burstMs: [30_000, 5 * MINUTE],
  burstErrors: 5,
  burstVolume: 1,
}

/** As the documents show it. */
const ALERTS = `
alerts:
  sinks: { oncall: { kind: pagerduty, routingKeyFile: key }, team: { kind: slack, webhookFile: hook } }
  routes:
    - { name: pages, match: { severity: critical }, sinks: [oncall], continue: true }
    - { name: channel, match: { severity: [critical, warning] }, sinks: [team] }`

export function layoutOf(model: string): Layout {
  const text = policyText({
    fields: 'score: null, decision: decision',
    outcomes: 'label: { horizon: 2h, coverageMin: 0.5 }',
    ladder: 'steps: [1, 5, 25, 50, 100], dwell: 6h, minimumRows: 200',
    guardrails: [
      'kind: error-rate',
      'kind: latency',
      'kind: wrong-outcome',
      'name: errors-throttle, kind: error-rate, action: throttle, promote: false',
      'name: errors-hold, kind: error-rate, action: hold, promote: false',
      'kind: ceiling, of: errors, limitPoints: 15',
    ],
    slice: '60s',
    // Gateways of this world answer once a slice.
    model: ['acks: { within: 150s, observeWithin: 10m, presenceTimeout: 150s }'],
  })
  return parsePolicy(`${text.replace(/^ {2}bench:$/m, `  ${model}:`)}${ALERTS}`, 'week.yaml').layout
}

export function week({ seed, models, days }: WeekOptions): Week {
  const all = Array.from({ length: models }, (_, index) => oneModel(seed, index, days))
  const alerts = all.flatMap((one) => one.alerts).sort((one, other) => one.atMs - other.atMs)
  const alerting: Alerting = layoutOf('model-0').alerting!
  return {
    alerts,
    sent: replay(alerts, new Map(), alerting, BEGIN_MS + days * DAY),
    promoted: all.reduce((sum, { promoted }) => sum + promoted, 0),
    rolledBack: all.reduce((sum, { rolledBack }) => sum + rolledBack, 0),
  }
}

/** One rollout after another, a new candidate every other day. */
function oneModel(seed: number, index: number, days: number): { alerts: readonly Said[]; promoted: number; rolledBack: number } {
  const random = chanceOf(seed, 'week', index)
  const layout = layoutOf(`model-${index}`)
  const hit = troubles(random, days, seed)
  const alerts: Said[] = []
  const found = { promoted: 0, rolledBack: 0 }
  for (let fromMs = 0; fromMs < days * DAY; fromMs += ROLLOUT_MS) {
    const slicesMax = Math.min(ROLLOUT_MS, days * DAY - fromMs) / SLICE_MS
    const setting = {
      layout,
      sources: 1,
      weather: weatherOf(WEATHER, random),
      produced: (atMs: number) => hit.produced(fromMs + atMs),
      outcomeClock: (atMs: number) => hit.outcomeClock(fromMs + atMs) - fromMs,
    }
    const onAlert = (alert: Alert, atMs: number): void => void alerts.push({ alert, atMs: atMs + fromMs })
    const result = new Rollout(countsFeed(setting, random), random, { slicesMax, slicesAfter: slicesMax, onAlert }).run()
    found.promoted += Number(result.promoted)
    found.rolledBack += Number(result.rolledBack)
  }
  return { alerts, ...found }
}

/** The brokers are restarted once, for everybody at once; labels of a model come late on one day, all at once. */
function troubles(random: Random, days: number, seed: number) {
  const restartMs = chanceOf(seed, 'restart', 0)() * days * DAY
  const lateMs = random() * (days - 1) * DAY
  return {
    produced: (atMs: number) => atMs < restartMs || atMs > restartMs + 3 * MINUTE,
    outcomeClock: (atMs: number) => (atMs >= lateMs && atMs < lateMs + 6 * HOUR ? lateMs : atMs),
  }
}

export interface SeverityRow {
  readonly severity: Alert['severity']
  readonly incidents: number
  readonly causes: string
}

/** Incidents that began, by severity. */
export function bySeverity(alerts: readonly Said[]): readonly SeverityRow[] {
  return (['critical', 'warning', 'info'] as const).map((severity) => {
    const begun = alerts.filter(({ alert }) => alert.severity === severity && alert.status === 'firing')
    const counts = new Map<string, number>()
    for (const { alert } of begun) counts.set(alert.cause, (counts.get(alert.cause) ?? 0) + 1)
    const causes = [...counts].sort((one, other) => other[1] - one[1]).map(([cause, count]) => `${cause} ${count}`)
    return { severity, incidents: begun.length, causes: causes.join(', ') }
  })
}
