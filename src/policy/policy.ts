/**
 * The policy file's shape, and nothing else: which keys exist, what each may hold, what stands there when it is left out.
 * What several keys must agree on is in `check.ts`; what the numbers become is in `compile.ts`.
 *
 * Objects are strict: an unknown key is an error, since a guardrail that is misspelt guards nothing.
 * Every `describe` ends up in `schemas/policy.schema.json`, which editors show while the file is written.
 */
import { z } from 'zod'
import { alertsSchema } from './alerts-schema.ts'
import { drillSchema } from './drill-schema.ts'
import { rolloutSchema } from './rollout-schema.ts'
import { telemetrySchema } from './telemetry-keys.ts'
import { DOTTED_PATH } from './units.ts'
import { count, duration } from './values.ts'

const share = z.number().min(0).max(1)
const label = z.union([z.string().min(1), z.number(), z.boolean()])
const topicName = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be a Kafka topic name: letters, digits, ".", "_", "-", at most 249')
const topicPrefix = z.string().regex(/^[A-Za-z0-9._-]{0,100}$/, 'must hold only letters, digits, ".", "_", "-"')
/** A model's name is a key on topics, a part of other keys, and what people type: `fraud#7` is a decision of it. */
const modelName = z
  .string()
  .regex(/^(?!__)[^=#|\p{Cc}]{1,200}$/u, 'must be 1 to 200 characters, without "=", "#" and "|", not beginning with "__"')
const broker = z.string().regex(/^[^\s/:,]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'must be host:port')
const name = z.string().regex(/^(?!__)[^=\p{Cc}]{1,200}$/u, 'must be 1 to 200 characters, without "=", not beginning with "__"')

// ── where fields lie in the user's records ─────────────────────────────────────────────────────────────────────────────────

const dotted = z.string().regex(DOTTED_PATH, 'must be a path such as meta.rid or $.meta.rid')
const path = z.union([dotted, z.array(z.string().min(1)).min(1)])
const timeUnit = z.enum(['ms', 'us', 'ns', 's', 'iso'])
const constant = z.union([z.string(), z.number()])

const place = { path: path.optional().describe('Dotted path, or a list of steps for names that hold a dot.') }
const fallback = { default: constant.optional().describe('Stands in when the field is absent.') }
const fixed = { value: constant.optional().describe('Used instead of a field: a topic that holds only one model, say.') }
const truth = {
  equals: label.optional().describe('True when the field is this value.'),
  atLeast: z.number().optional().describe('True when the field is this number or more (HTTP status 500, say).'),
}

const field = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z
    .union([dotted, z.strictObject(shape)])
    .nullable()
    .optional()

const textField = field({ ...place, ...fallback, ...fixed })
const timeField = field({ ...place, unit: timeUnit.default('ms') })
const latencyField = field({ ...place, ...fallback, unit: z.enum(['ms', 'us', 'ns', 's']).default('ms') })
const numberField = field({ ...place, ...fallback })
const truthField = field({ ...place, ...fallback, ...truth })

const predictionFields = {
  id: textField.describe('Id of the prediction; outcomes name it. Default: id'),
  time: timeField.describe("The event's own time, for display. Default: time, in ms"),
  model: textField.describe('Default: model'),
  version: textField.describe('Default: version'),
  unit: textField.describe('Who was served (user, account): evidence then counts first exposures. Default: not mapped'),
  score: numberField.describe('Default: score'),
  decision: truthField.describe('What the model decided. Default: score at or above score.threshold'),
  latency: latencyField.describe('Default: latencyMs, in ms'),
  error: truthField.describe('Whether the request failed. Default: error'),
}
const outcomeFields = {
  id: textField.describe('Id of the prediction it belongs to. Default: id'),
  time: timeField.describe('Default: time, in ms'),
  label: truthField.describe('What happened. Default: label'),
  value: numberField.describe('A number such as revenue. Default: not mapped'),
}

const transport = {
  topic: topicName,
  format: z.enum(['json', 'avro', 'confluent']).default('json'),
  schemaFile: z.string().min(1).optional().describe('Avro schema (avro: the writer schema), relative to this file.'),
  registry: z
    .strictObject({
      directory: z.string().min(1).optional().describe('Folder of <id>.avsc files, relative to this file.'),
      url: z.url().optional().describe('Schema registry.'),
    })
    .optional(),
}
const featurePath = z.union([dotted, z.strictObject({ path })])
const segmentPath = z.union([dotted, z.strictObject({ path, ...fallback })])

const rekey = {
  rekey: z.boolean().default(false).describe('The topic is not partitioned by prediction id: its records are written anew first.'),
}
const predictionsInput = z.strictObject({
  ...transport,
  ...rekey,
  fields: z.strictObject(predictionFields).prefault({}),
  segments: z.record(name, segmentPath).optional().describe('Dimension → field. Left out: segments.<name>'),
  features: z.record(name, featurePath).optional().describe('Feature → field. Left out: features.<name>'),
  resources: z.record(name, featurePath).optional().describe('Resource → field. Left out: resources.<name>'),
})
const outcomesInput = z.strictObject({ ...transport, ...rekey, fields: z.strictObject(outcomeFields).prefault({}) })
const describedInput = z.strictObject({
  ...transport,
  fields: z.strictObject({ ...predictionFields, label: outcomeFields.label, value: outcomeFields.value }).prefault({}),
  segments: z.record(name, segmentPath).optional().describe('Dimension → field. Left out: as in predictions'),
})

const changesInput = z.strictObject({
  topic: topicName,
  format: z.literal('json').default('json').describe('Objects with id, kind, what, who, model, time.'),
})

// ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const required = z.boolean().optional().describe('A contract: a candidate that mostly lacks it is taken back at once.')
const feature = z.union([
  z.strictObject({ low: z.number(), high: z.number(), bins: count.max(1_000).default(20), required }),
  z.strictObject({ edges: z.array(z.number()).min(2).describe('Bin edges, ascending.'), required }),
  z.strictObject({ values: z.array(label).min(1).describe('Known values; others are unseen.'), required }),
])

const valueBounds = {
  bounds: z
    .strictObject({ low: z.number(), high: z.number() })
    .optional()
    .describe('Of the value: what lies outside is clipped. A value is judged within bounds only.'),
  worse: z.enum(['higher', 'lower']).optional().describe('Which way the value is harm: a cost is worse higher, revenue lower.'),
}

const joinedOutcome = z.strictObject({
  horizon: duration.describe('How long a prediction waits for it; at most 6h.'),
  absent: z
    .union([z.literal('drop'), z.literal(0), z.literal(1)])
    .default('drop')
    .describe('What a prediction without one counts as.'),
  coverageMin: share.default(0).describe('Share of predictions that must get one; below, the model is blind.'),
  ...valueBounds,
})
const describedOutcome = z.strictObject({
  described: z.literal(true).describe('Comes from inputs.described and needs no join.'),
  coverageMin: share.default(0),
  ...valueBounds,
})

const resource = z.strictObject({
  bounds: z
    .strictObject({ low: z.number().min(0).default(0), high: z.number().positive() })
    .describe('Of what one request uses: the mean is taken of what is clipped to them.'),
})

export const GUARDRAIL_KINDS = [
  'error-rate',
  'latency',
  'wrong-outcome',
  'log-score',
  'brier',
  'feature-drift',
  'missing',
  'unseen',
  'score-drift',
  'stale',
  'duplicate',
  'pair-drift',
  'value',
  'calibration',
  'resource',
  'resource-tail',
  'disagreement',
  'paired',
  'paired-log-score',
  'paired-brier',
] as const

/** Guardrails that need no control beside the candidate. */
export const STEADY_KINDS = ['ceiling', 'baseline-drift', 'volume'] as const

const points = z.number().min(0).max(100)
const perCent = z.number().gt(0).max(1_000)
const guardrail = z.strictObject({
  kind: z.enum([...GUARDRAIL_KINDS, ...STEADY_KINDS]),
  name: name.optional().describe('Default: the kind, with the outcome or the resource when there are several.'),
  class: z.enum(['critical', 'signal', 'info']).optional().describe('critical acts, signal holds, info records.'),
  action: z.enum(['rollback', 'throttle', 'hold', 'info']).optional(),
  marginPoints: points.optional().describe('Event rates: percentage points of requests. 0.5 = half a point.'),
  margin: z
    .number()
    .min(0)
    .optional()
    .describe('log-score: nats; brier: units of the score; value, resource: its own unit; calibration: probability.'),
  marginPercent: perCent.optional().describe('resource: per cent of what the control uses on average; instead of margin.'),
  outcome: z.string().optional().describe('Which outcome of the model, when it has several.'),
  resource: z.string().optional().describe('Which resource of the model, when it has several.'),
  features: z.array(z.string()).optional().describe('Default: all of the model. missing, unseen: [] is the score alone.'),
  segments: z
    .union([z.literal('all'), z.array(z.string())])
    .optional()
    .describe('Dimensions judged beside the whole population.'),
  promote: z
    .union([
      z.boolean(),
      z.strictObject({ marginPoints: points.optional(), margin: z.number().min(0).optional(), marginPercent: perCent.optional() }),
    ])
    .optional()
    .describe('Whether a promotion asks for its proof, and with which margin.'),
  thresholdsMs: z.array(z.number().positive()).min(1).optional().describe('latency: fixed limits instead of quantiles.'),
  quantiles: z.array(z.number().gt(0).lt(1)).min(1).optional().describe("latency, resource-tail: of the control at the stage's start."),
  thresholds: z
    .array(z.number().positive())
    .min(1)
    .optional()
    .describe("resource-tail: fixed limits in the resource's unit instead of quantiles."),
  of: z.enum(['errors', 'latency', 'missing', 'wrong-outcome', 'resource']).optional().describe('ceiling: what is counted.'),
  limitPoints: z.number().gt(0).lt(100).optional().describe('ceiling: percentage points of requests that are allowed.'),
  thresholdMs: z.number().positive().optional().describe('ceiling of latency: requests at or over it count.'),
  threshold: z.number().positive().optional().describe('ceiling of a resource, in its unit: requests at or over it count.'),
  falseAlarmEvery: duration.optional().describe('ceiling, volume: a false alarm is accepted so often. Default: 30d'),
  profile: z.string().min(1).optional().describe('baseline-drift, volume: written by `flyball baseline`, relative to this file.'),
  tolerance: z
    .number()
    .min(0)
    .lt(1)
    .optional()
    .describe('baseline-drift: distance that is no drift (0.1); volume: share of the forecast (0.5).'),
})

const ladder = z.strictObject({
  profile: z.enum(['rapid', 'standard', 'conservative']).default('standard'),
  steps: z.array(z.number().gt(0).max(100)).min(1).optional().describe('Candidate weights in percent, ascending, ending with 100.'),
  dwell: duration.optional().describe('Least time on a step.'),
  minimumRows: count.optional().describe('Least requests of the candidate on a step.'),
})
const acks = z.strictObject({
  quorum: z.number().gt(0).max(1).default(0.9).describe('Share of the gateways known by presence that must ack.'),
  within: duration.prefault('10s'),
  observeWithin: duration.prefault('60s'),
  heartbeat: duration.prefault('10s'),
  lease: duration.prefault('60s'),
  presenceTimeout: duration.prefault('30s'),
  onSilence: z.enum(['keep', 'baseline']).default('keep').describe('What gateways do when the lease runs out.'),
})

const model = z.strictObject({
  control: name,
  candidate: name,
  versions: z.array(name).default([]).describe('Further versions that may appear in the records.'),
  mode: z.enum(['observe', 'enforce']).default('observe').describe('observe: judge, log, alert, command nothing.'),
  weights: z.enum(['flyball', 'external', 'recorded']).default('flyball').describe('Who moves the traffic.'),
  score: z
    .strictObject({
      bins: count.max(1_000).default(10),
      floor: z.number().gt(0).lt(0.5).default(0.01).describe('log-score: scores are clipped to [floor, 1 - floor].'),
      threshold: z.number().default(0.5).describe('Decision for the positive class when no decision field is mapped.'),
      probability: z.boolean().default(true).describe('false: the score is no probability; no log-score, no Brier.'),
    })
    .prefault({}),
  latency: z
    .strictObject({ firstMs: z.number().positive().default(0.25), perOctave: count.max(64).default(4), bins: count.max(1_000).default(64) })
    .prefault({}),
  segments: z.record(name, z.array(label).min(1)).default({}).describe('Dimension → the values to tell apart; others are __other__.'),
  features: z.record(name, feature).default({}),
  resources: z
    .record(name, resource)
    .optional()
    .describe('What requests use, by name with its unit: gpuMs, memoryMb, costUsd. Left out: none.'),
  pairs: z.array(z.array(name).length(2)).default([]).describe('Pairs of features whose joint distribution pair-drift watches.'),
  contractMinimum: count.default(5).describe('Candidate requests that must lack a required feature before it is a fact.'),
  staleAfter: duration.prefault('5m').describe('stale: how much older than its record the time of an event may be.'),
  outcomes: z.record(name, z.union([joinedOutcome, describedOutcome])).default({}),
  guardrails: z.array(guardrail).optional().describe('Replaces the default guardrails.'),
  blocksInSegments: z.boolean().default(false).describe('Measure everything in every segment, not only what guardrails name.'),
  ladder: ladder.prefault({}),
  rollout: rolloutSchema.optional().describe('How the candidate is released: stages, people, windows. Left out: the ladder alone.'),
  drill: drillSchema
    .optional()
    .describe('Compiles a shadow of the model, MODEL.drill, on which `flyball drill` rehearses harm. Left out: none.'),
  budgets: z
    .strictObject({
      rollback: z.number().gt(0).max(0.2).default(0.01).describe('Chance of a false rollback per rollout.'),
      throttle: z.number().gt(0).max(0.2).default(0.05),
      promotion: z.number().gt(0).max(0.2).default(0.05).describe('Level of each proof of a promotion.'),
    })
    .prefault({}),
  silence: z.strictObject({ after: duration.prefault('30s'), minimum: count.default(20) }).prefault({}),
  blind: z.strictObject({ max: duration.prefault('10m') }).prefault({}),
  throttle: z.strictObject({ calmAfter: duration.prefault('15m'), maxLifts: z.int().min(0).default(2) }).prefault({}),
  acks: acks.prefault({}),
})

// ── the file ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

const secretFile = z.string().min(1)
const keyId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be up to 64 letters, digits, points, dashes and underscores')
const sasl = z.strictObject({
  mechanism: z.enum(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer']),
  username: z.string().min(1).optional().describe('Not for oauthbearer, where the token says who it is for.'),
  passwordFile: secretFile.optional().describe('Read at every login. Left out: the environment variable FLYBALL_SASL_PASSWORD.'),
  tokenFile: secretFile.optional().describe('oauthbearer: a token kept fresh by somebody else; read at every login.'),
  tokenEndpoint: z
    .strictObject({ url: z.url(), clientId: z.string().min(1), clientSecretFile: secretFile, scope: z.string().min(1).optional() })
    .optional()
    .describe('oauthbearer: where tokens are to be had (client credentials), over https.'),
})
const ssl = z.union([
  z.boolean(),
  z.strictObject({
    caFile: z.string().optional().describe("PEM: who may vouch for the brokers. Left out: Node's own list."),
    certFile: z.string().optional().describe('PEM: our certificate, where brokers ask for one. Read for every connection.'),
    keyFile: z.string().optional().describe('PEM: its private key.'),
    serverName: z.string().min(1).optional().describe("The name in the brokers' certificate, when it is not the host's."),
  }),
])

export const policySchema = z
  .strictObject({
    version: z.literal(1),
    environment: name.default('default').describe('Named in every decision and alert.'),
    kafka: z
      .strictObject({
        brokers: z.array(broker).min(1).default(['localhost:9092']).describe('Overridden by --brokers and KAFKA_BROKERS.'),
        clientId: z.string().min(1).default('flyball'),
        prefix: topicPrefix.default('flyball.').describe("Prefix of Flyball's own topics, groups and transactional ids."),
        partitions: count.max(1_000).default(4).describe("Partitions of Flyball's own topics."),
        ssl: ssl.optional(),
        sasl: sasl.optional(),
      })
      .prefault({}),
    inputs: z.strictObject({
      predictions: predictionsInput,
      outcomes: outcomesInput.optional(),
      described: describedInput.optional().describe('Self-describing outcomes: the event carries model, version, score and label.'),
      changes: changesInput.optional().describe('What others do to the system; decisions carry the nearest before them.'),
    }),
    models: z.record(modelName, model),
    timing: z
      .strictObject({
        slice: duration.prefault('5s').describe('Length of a pane.'),
        maxClockSkew: duration.prefault('30s'),
        idleAfter: duration.prefault('10s'),
        alignWithin: duration.optional().describe('Default: 4 slices.'),
        alignPatience: duration.prefault('10s'),
        maxStratumAge: duration.prefault('60s'),
        settling: duration
          .prefault('180s')
          .describe('After a change of weights neither latency nor resource use is judged: caches are cold.'),
      })
      .prefault({}),
    limits: z
      .strictObject({
        recordBytes: count.default(1_048_576),
        maxPending: count.default(1_000_000).describe('Predictions and early outcomes waiting in memory.'),
        maxEarly: duration.prefault('30s').describe('How far an outcome may run ahead of its prediction.'),
        stratumRequests: count.default(200).describe('A stratum closes with so many requests and both arms.'),
      })
      .prefault({}),
    privacy: z
      .strictObject({
        units: z
          .enum(['plain', 'hash'])
          .default('plain')
          .describe('hash: units are kept as a keyed hash; no key, no way back and no guessing.'),
        deadLetters: z
          .enum(['full', 'hash', 'none'])
          .optional()
          .describe(
            'What is kept of a record that cannot be used: its bytes, a keyed hash and its length, or its place alone. Default: full; hash where units are hashed',
          ),
        keyFile: secretFile.optional().describe('At least 16 bytes; relative to this file. Another key is another set of units.'),
      })
      .optional(),
    security: z
      .strictObject({
        signing: z
          .strictObject({ keyFile: secretFile, keyId })
          .optional()
          .describe('Ed25519 private key (PEM) with which this process signs what it sends. Made by `flyball sign keys`.'),
        trusted: z
          .array(
            z.strictObject({
              keyId,
              file: secretFile.describe('Public key (PEM).'),
              notAfter: z.iso
                .datetime({ offset: true })
                .optional()
                .describe('Believed no more after it: for a key that is being replaced.'),
            }),
          )
          .max(100)
          .default([])
          .describe('Keys whose signatures on requests are believed.'),
        strict: z.boolean().default(false).describe('Requests without a good signature are refused.'),
      })
      .optional()
      .describe('Signatures on requests and commands.'),
    alerts: alertsSchema
      .optional()
      .describe('Who is told of what, and how often. Left out: incidents stand on the alerts topic, and nobody is told.'),
    metrics: z
      .strictObject({
        host: z.string().min(1).optional().describe('Where /metrics and the probes listen. Default: 127.0.0.1'),
        tokenFile: secretFile.optional().describe('Whoever asks for /metrics must show this token; needed for any other host.'),
      })
      .optional(),
    telemetry: telemetrySchema.optional().describe('Spans for an OpenTelemetry collector. Left out: none.'),
  })
  .describe('Flyball policy')

export type Policy = z.output<typeof policySchema>
export type PolicyModel = Policy['models'][string]
export type PolicyGuardrailEntry = NonNullable<PolicyModel['guardrails']>[number]
/** Compares the candidate with its control. */
export type PolicyGuardrail = PolicyGuardrailEntry & { readonly kind: (typeof GUARDRAIL_KINDS)[number] }
export type PolicySteady = PolicyGuardrailEntry & { readonly kind: (typeof STEADY_KINDS)[number] }
export type PolicyFeature = PolicyModel['features'][string]
export type PolicyResource = NonNullable<PolicyModel['resources']>[string]
export type PolicyOutcome = PolicyModel['outcomes'][string]
export type PredictionsInput = Policy['inputs']['predictions']
export type OutcomesInput = NonNullable<Policy['inputs']['outcomes']>
export type DescribedInput = NonNullable<Policy['inputs']['described']>
