/**
 * Whether alerts are worth their noise: how many messages each destination had, how many incidents anybody acted on, and which causes come
 * most often. Who wants fewer changes what is at the top of it.
 */
import type { Alert, Decision } from '../domain.ts'
import { type Alerting, allRoutes } from '../policy/layout.ts'
import type { Replayed } from './replay.ts'

export interface Review {
  readonly sinks: readonly SinkReview[]
  readonly causes: readonly CauseReview[]
  /** Incidents that held at some time. */
  readonly incidents: number
  /** Those of them that had begun before. */
  readonly begunBefore: number
  /** Those on whose model a person asked for something while they held, or within an hour after. */
  readonly actedOn: number
  /** Routes that sent more than their budget. */
  readonly overBudget: readonly { readonly route: string; readonly messages: number; readonly budget: number }[]
}

export interface SinkReview {
  readonly sink: string
  readonly messages: number
  /** First messages about something critical. */
  readonly pages: number
  readonly repeated: number
  readonly resolved: number
}

export interface CauseReview {
  readonly cause: string
  readonly incidents: number
  readonly actedOn: number
  /** Share of its incidents that nobody did anything about; those of severity info are meant to be read only. */
  readonly noiseRatio: number
}

interface Span {
  readonly alert: Alert
  endedMs: number
  actedOn: boolean
}

const ACTED_WITHIN_MS = 3_600_000
const WEEK_MS = 7 * 24 * 3_600_000

/** `alerts` in their order, with those that held at the beginning. `people`: decisions that answer somebody. Times are those of the judge. */
export function reviewOf(
  alerts: readonly Alert[],
  people: readonly Decision[],
  sent: readonly Replayed[],
  { routes, sinks }: Alerting,
  { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
): Review {
  const spans = spansOf(alerts, people)
  const periodMs = endMs - startMs
  return {
    sinks: Object.keys(sinks).map((sink) => sinkReview(sink, sent)),
    causes: causesOf(spans),
    incidents: spans.length,
    begunBefore: spans.filter(({ alert }) => alert.judgeTimeMs < startMs).length,
    actedOn: spans.filter(({ actedOn }) => actedOn).length,
    overBudget: allRoutes(routes).flatMap((one) => {
      const { name, budgetPerWeek } = one
      const names = allRoutes([one]).map((each) => each.name)
      const messages = sent.filter(({ route }) => names.includes(route)).length
      return budgetPerWeek === null || (messages * WEEK_MS) / periodMs <= budgetPerWeek
        ? []
        : [{ route: name, messages, budget: budgetPerWeek }]
    }),
  }
}

function spansOf(alerts: readonly Alert[], people: readonly Decision[]): readonly Span[] {
  const spans: Span[] = []
  const open = new Map<string, Span>()
  for (const alert of alerts) {
    const span = open.get(alert.incident)
    if (alert.status === 'resolved') {
      if (span !== undefined) span.endedMs = alert.judgeTimeMs
      open.delete(alert.incident)
    } else if (span === undefined) {
      const begun = { alert, endedMs: Number.POSITIVE_INFINITY, actedOn: false }
      open.set(alert.incident, begun)
      spans.push(begun)
    }
  }
  for (const span of spans) span.actedOn = people.some((decision) => isAbout(decision, span))
  return spans
}

function isAbout({ model, judgeTimeMs }: Decision, { alert, endedMs }: Span): boolean {
  return model === alert.model && judgeTimeMs >= alert.judgeTimeMs && judgeTimeMs <= endedMs + ACTED_WITHIN_MS
}

function sinkReview(sink: string, sent: readonly Replayed[]): SinkReview {
  const messages = sent.filter((one) => one.sink === sink).map(({ message }) => message)
  const count = (is: (message: Replayed['message']) => boolean): number => messages.filter(is).length
  return {
    sink,
    messages: messages.length,
    pages: count(({ status, severity, repeated }) => status === 'firing' && severity === 'critical' && !repeated),
    repeated: count(({ repeated }) => repeated),
    resolved: count(({ status }) => status === 'resolved'),
  }
}

/** The most frequent first. A guardrail or a segment behind a colon is one cause with the others. */
function causesOf(spans: readonly Span[]): readonly CauseReview[] {
  const byCause = new Map<string, Span[]>()
  for (const span of spans) {
    const cause = span.alert.cause.split(':')[0]!
    byCause.set(cause, [...(byCause.get(cause) ?? []), span])
  }
  const causes = [...byCause].map(([cause, list]) => {
    const asked = list.filter(({ alert }) => alert.severity !== 'info')
    const actedOn = list.filter((span) => span.actedOn).length
    return {
      cause,
      incidents: list.length,
      actedOn,
      noiseRatio: asked.length === 0 ? 0 : 1 - Math.min(actedOn, asked.length) / asked.length,
    }
  })
  return causes.sort((one, other) => other.incidents - one.incidents)
}
