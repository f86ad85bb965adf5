/**
 * The policy's `alerts`: where messages go, which incidents go where, and how often anybody is spoken to. Keys only; what they must agree
 * on is in `check-alerts.ts`, what they become in `alerting.ts`.
 */
import { z } from 'zod'
import { count, duration } from './values.ts'

const label = z.string().regex(/^[a-z0-9][a-z0-9-]{0,39}$/, 'must be up to 40 small letters, digits and dashes')
const secretFile = z.string().min(1)
const words = z.string().min(1).max(500)

/** What every destination may say beside its own keys. */
const limits = {
  rate: z
    .strictObject({ messages: count.max(10_000).default(30), per: duration.prefault('1m') })
    .prefault({})
    .describe('Most messages in so long; what is over it waits, the gravest and newest first.'),
  timeout: duration.prefault('10s').describe('How long one attempt may take.'),
}

export const SINK_KINDS = ['slack', 'pagerduty', 'alertmanager', 'webhook', 'heartbeat', 'log'] as const

const sink = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('slack'),
    webhookFile: secretFile.optional().describe('File with the URL of an incoming webhook. Either this, or tokenFile and channel.'),
    tokenFile: secretFile.optional().describe('File with a bot token: one message for a group, kept up to date, details in its thread.'),
    channel: z.string().min(1).max(80).optional().describe('Id of the channel, with tokenFile.'),
    url: z.url().optional().describe('Where its API is, with tokenFile. Default: https://slack.com/api'),
    ...limits,
  }),
  z.strictObject({
    kind: z.literal('pagerduty'),
    routingKeyFile: secretFile.describe('File with the integration key of an Events API v2 service.'),
    url: z.url().optional().describe('Default: https://events.pagerduty.com'),
    ...limits,
  }),
  z.strictObject({
    kind: z.literal('alertmanager'),
    url: z.url().describe('Base URL of an Alertmanager; alerts are put to /api/v2/alerts.'),
    tokenFile: secretFile.optional().describe('File with a bearer token.'),
    ...limits,
  }),
  z.strictObject({
    kind: z.literal('webhook'),
    url: z.url(),
    secretFile: secretFile.optional().describe('File with a secret: bodies are then signed as Standard Webhooks says.'),
    ...limits,
  }),
  z.strictObject({
    kind: z.literal('heartbeat'),
    url: z.url().describe('Asked for as long as alerts can be delivered; who misses it tells you.'),
    every: duration.prefault('1m'),
    timeout: limits.timeout,
  }),
  z.strictObject({ kind: z.literal('log'), ...limits }),
])

/** Labels of an incident, by which routes choose and groups are made. */
export const ALERT_LABELS = ['environment', 'model', 'version', 'cause', 'severity'] as const

const pattern = z.string().min(1).max(200).describe('The value itself, with * for anything.')
export const matcherSchema = z.partialRecord(z.enum(ALERT_LABELS), z.union([pattern, z.array(pattern).min(1).max(50)]))

/** With those below them. */
export const ROUTES_MAX = 200

const route = z
  .strictObject({
    name: label,
    match: matcherSchema.default({}).describe('Label → value, or values; * stands for anything. Left out: every incident.'),
    sinks: z.array(label).min(1).max(20).optional().describe('Names of destinations. Default: those of the route above.'),
    groupBy: z
      .array(z.enum(ALERT_LABELS))
      .min(1)
      .optional()
      .describe(
        'One message for all incidents that have these labels in common. Default: as above it; else environment; for PagerDuty, and model.',
      ),
    groupWait: duration.optional().describe('How long a first message waits for others to join it. Default: as above it; else 30s.'),
    groupInterval: duration
      .optional()
      .describe('Least time between messages about changes that are no graver. Default: as above it; else 5m.'),
    repeatInterval: duration.optional().describe('When to say again what still holds. Default: as above it; else 4h.'),
    continue: z.boolean().default(false).describe('Look at the routes beside it that come after it too.'),
    budgetPerWeek: count
      .optional()
      .describe('More messages than this in a week, from it and the routes below it, and `flyball alerts review` says so.'),
    get routes() {
      return z
        .array(route)
        .max(ROUTES_MAX)
        .default([])
        .describe('Routes for a part of what it matches; the first that matches takes the incident, and what none takes it takes itself.')
    },
  })
  .meta({ id: 'route' })

const inhibition = z.strictObject({
  source: matcherSchema.describe('While an incident like this fires,'),
  target: matcherSchema.describe('incidents like this are not told of,'),
  equal: z.array(z.enum(ALERT_LABELS)).default(['environment', 'model']).describe('where these labels are the same.'),
})

export const alertsSchema = z.strictObject({
  sinks: z.record(label, sink).default({}).describe('Name → destination.'),
  routes: z.array(route).max(ROUTES_MAX).default([]).describe('The first that matches takes the incident. Left out: none is sent.'),
  inhibitions: z.array(inhibition).max(200).optional().describe('Replaces the default: graver causes silence what follows from them.'),
  flapping: z
    .strictObject({ changes: count.max(100).default(4), within: duration.prefault('1h'), calm: duration.prefault('15m') })
    .prefault({})
    .describe('An incident that begins and ends so often is one that goes on, until it has been calm.'),
  link: words.optional().describe('Where a decision can be seen; {decision}, {model} and {incident} are filled in.'),
})
