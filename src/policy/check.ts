/**
 * What the keys of a policy must agree on: the checks that no single value can pass or fail by itself.
 * Faults stop the policy; warnings are said once and change nothing. All of them are collected.
 */
import { rekeyedTopics, topicNames } from '../kit/topics.ts'
import { checkAlerts } from './check-alerts.ts'
import { checkDrill } from './check-drill.ts'
import { checkGuardrails } from './check-guardrails.ts'
import { checkResources } from './check-resources.ts'
import { checkRollout } from './check-rollout.ts'
import { checkSecurity } from './check-security.ts'
import { checkTelemetry } from './check-telemetry.ts'
import { checkUnique, type Finding, type Findings, type KeyPath } from './faults.ts'
import { OTHER_VALUE } from './layout.ts'
import type { Policy, PolicyFeature, PolicyModel, PolicyOutcome, PredictionsInput } from './policy.ts'
import { durationText } from './units.ts'

export interface CheckResult {
  readonly faults: readonly Finding[]
  readonly warnings: readonly Finding[]
}

/** Joined horizons are re-read after a crash, so they are bounded (ARCHITECTURE §5). */
const HORIZON_MS_MAX = 6 * 3_600_000
const SLICE_MS_MIN = 100
const SLICE_MS_MAX = 300_000

export function check(policy: Policy): CheckResult {
  const faults: Finding[] = []
  const warnings: Finding[] = []
  const found: Findings = {
    fault: (path, message) => faults.push({ path, message }),
    warn: (path, message) => warnings.push({ path, message }),
  }
  checkInputs(policy, found)
  checkTiming(policy, found)
  checkSecurity(policy, found)
  checkAlerts(policy, found)
  checkTelemetry(policy, found)
  for (const [name, model] of Object.entries(policy.models)) {
    checkModel(policy, model, ['models', name], found)
    checkDrill(policy, name, model, ['models', name], found)
  }
  if (Object.keys(policy.models).length === 0) found.fault(['models'], 'must name at least one model')
  checkUnused(policy, found)
  return { faults, warnings }
}

// ── inputs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function checkInputs(policy: Policy, found: Findings): void {
  const { predictions, outcomes, described } = policy.inputs
  checkTransport(predictions, ['inputs', 'predictions'], found)
  checkFields(predictions.fields, ['id', 'model', 'version'], ['inputs', 'predictions', 'fields'], found)
  if (outcomes !== undefined) {
    checkTransport(outcomes, ['inputs', 'outcomes'], found)
    checkFields(outcomes.fields, ['id'], ['inputs', 'outcomes', 'fields'], found)
  }
  if (described !== undefined) {
    checkTransport(described, ['inputs', 'described'], found)
    checkFields(described.fields, ['id', 'model', 'version'], ['inputs', 'described', 'fields'], found)
  }
  if (outcomes !== undefined && outcomes.rekey !== predictions.rekey)
    found.fault(
      ['inputs', outcomes.rekey ? 'predictions' : 'outcomes', 'rekey'],
      'both joined inputs are rekeyed, or neither: they must share partitions',
    )
  checkTopics(policy, found)
}

function checkTransport(input: Pick<PredictionsInput, 'format' | 'schemaFile' | 'registry'>, path: KeyPath, found: Findings): void {
  const { format, schemaFile, registry } = input
  if (format === 'avro' && schemaFile === undefined) found.fault([...path, 'format'], 'avro needs schemaFile: the records carry no schema')
  if (format === 'json' && schemaFile !== undefined) found.fault([...path, 'schemaFile'], 'is for format avro; this input is json')
  if (format === 'confluent' && registry === undefined) found.fault([...path, 'format'], 'confluent needs registry: {directory} or {url}')
  if (format !== 'confluent' && registry !== undefined)
    found.fault([...path, 'registry'], `is for format confluent; this input is ${format}`)
  if (registry === undefined) return
  const places = [registry.directory, registry.url].filter((place) => place !== undefined)
  if (places.length !== 1) found.fault([...path, 'registry'], 'must hold either directory or url')
}

function checkFields(fields: Readonly<Record<string, unknown>>, required: readonly string[], path: KeyPath, found: Findings): void {
  for (const [name, spec] of Object.entries(fields)) {
    if (spec === null && required.includes(name)) found.fault([...path, name], 'cannot be null: no record can be used without it')
    if (spec === null || typeof spec !== 'object') continue
    if ('path' in spec && 'value' in spec) found.fault([...path, name], 'must hold either path or value')
    if ('equals' in spec && 'atLeast' in spec) found.fault([...path, name], 'must hold either equals or atLeast')
  }
}

function checkTopics(policy: Policy, found: Findings): void {
  const own = new Set<string>([...Object.values(topicNames(policy.kafka.prefix)), ...Object.values(rekeyedTopics(policy.kafka.prefix))])
  const seen = new Set<string>()
  for (const [name, input] of Object.entries(policy.inputs)) {
    if (input === undefined) continue
    if (own.has(input.topic)) found.fault(['inputs', name, 'topic'], `${input.topic} is one of Flyball's own topics`)
    if (seen.has(input.topic)) found.fault(['inputs', name, 'topic'], `${input.topic} is another input already`)
    seen.add(input.topic)
  }
}

function checkTiming({ timing }: Policy, found: Findings): void {
  if (timing.slice < SLICE_MS_MIN || timing.slice > SLICE_MS_MAX) {
    found.fault(['timing', 'slice'], `must lie between ${durationText(SLICE_MS_MIN)} and ${durationText(SLICE_MS_MAX)}`)
  }
  if (timing.alignWithin !== undefined && timing.alignWithin < timing.slice) {
    found.fault(['timing', 'alignWithin'], `must be at least one slice (${durationText(timing.slice)})`)
  }
}

/** Mapped and never read: likely a name that was spelt otherwise elsewhere. */
function checkUnused(policy: Policy, found: Findings): void {
  const models = Object.values(policy.models)
  const { predictions, outcomes, described } = policy.inputs
  const unused = (mapped: object | undefined, used: (model: PolicyModel) => object) =>
    Object.keys(mapped ?? {}).filter((name) => !models.some((model) => Object.hasOwn(used(model), name)))
  for (const name of unused(predictions.features, (model) => model.features)) {
    found.warn(['inputs', 'predictions', 'features', name], 'no model gives it bins under features: it is not measured')
  }
  for (const name of unused(predictions.resources, (model) => model.resources ?? {})) {
    found.warn(['inputs', 'predictions', 'resources', name], 'no model gives it bounds under resources: it is not measured')
  }
  for (const name of unused(predictions.segments, (model) => model.segments)) {
    found.warn(['inputs', 'predictions', 'segments', name], 'no model lists its values under segments: it is not measured')
  }
  const reads = (key: 'horizon' | 'described') => models.some((model) => Object.values(model.outcomes).some((outcome) => key in outcome))
  if (outcomes !== undefined && !reads('horizon'))
    found.warn(['inputs', 'outcomes'], 'no model has an outcome with a horizon: the topic is not used')
  if (described !== undefined && !reads('described'))
    found.warn(['inputs', 'described'], 'no model has an outcome with described: true: the topic is not used')
}

// ── models ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function checkModel(policy: Policy, model: PolicyModel, path: KeyPath, found: Findings): void {
  if (model.control === model.candidate) found.fault([...path, 'candidate'], 'must be another version than control')
  for (const [name, values] of Object.entries(model.segments)) checkSegment(policy, name, values, [...path, 'segments', name], found)
  for (const [name, feature] of Object.entries(model.features)) {
    checkFeature(feature, [...path, 'features', name], found)
    const mapped = policy.inputs.predictions.features
    if (mapped !== undefined && !Object.hasOwn(mapped, name))
      found.fault([...path, 'features', name], 'is not mapped under inputs.predictions.features')
  }
  checkPairs(model, path, found)
  checkResources(policy, model, path, found)
  checkScore(policy, model, path, found)
  checkOutcomes(policy, model, path, found)
  checkLadder(model, path, found)
  checkRollout(model, path, found)
  checkAcks(model, path, found)
  checkGuardrails(policy, model, path, found)
}

function checkSegment(policy: Policy, name: string, values: readonly unknown[], path: KeyPath, found: Findings): void {
  checkUnique(values, path, found)
  if (values.includes(OTHER_VALUE))
    found.fault([...path, values.indexOf(OTHER_VALUE)], `${OTHER_VALUE} is there already: every value not listed`)
  for (const input of ['predictions', 'described'] as const) {
    const mapped = policy.inputs[input]?.segments
    if (mapped !== undefined && !Object.hasOwn(mapped, name)) found.fault(path, `is not mapped under inputs.${input}.segments`)
  }
}

function checkFeature(feature: PolicyFeature, path: KeyPath, found: Findings): void {
  if ('values' in feature) checkUnique(feature.values, [...path, 'values'], found)
  else if ('edges' in feature) checkEdges(feature.edges, [...path, 'edges'], found)
  else if (feature.low >= feature.high) found.fault([...path, 'high'], `must be above low (${feature.low})`)
}

function checkPairs({ pairs, features }: PolicyModel, path: KeyPath, found: Findings): void {
  const seen = new Set<string>()
  pairs.forEach((pair, index) => {
    const at = [...path, 'pairs', index]
    for (const name of pair) if (!Object.hasOwn(features, name)) found.fault(at, `the model has no feature ${name}`)
    if (pair[0] === pair[1]) found.fault(at, 'must name two features')
    const key = [...pair].sort().join('\n')
    if (seen.has(key)) found.fault(at, 'is listed twice')
    seen.add(key)
  })
}

/** Both or neither: a value without a direction has no harm, and one without bounds has no evidence. */
function checkBounds({ bounds, worse }: PolicyOutcome, path: KeyPath, found: Findings): void {
  if (bounds !== undefined && worse === undefined) found.fault([...path, 'bounds'], 'needs worse: higher or worse: lower beside it')
  if (worse !== undefined && bounds === undefined) found.fault([...path, 'worse'], 'needs bounds: {low, high} beside it')
  if (bounds !== undefined && bounds.low >= bounds.high) found.fault([...path, 'bounds', 'high'], `must be above low (${bounds.low})`)
}

function checkEdges(edges: readonly number[], path: KeyPath, found: Findings): void {
  const falling = edges.findIndex((edge, index) => index > 0 && edge <= edges[index - 1]!)
  if (falling > 0) found.fault([...path, falling], `must be above the edge before it (${edges[falling - 1]})`)
}

/** Without a decision field the score decides, and fields are read once for all models: their thresholds cannot differ. */
function checkScore(policy: Policy, model: PolicyModel, path: KeyPath, found: Findings): void {
  const { score, decision } = policy.inputs.predictions.fields
  const first = Object.values(policy.models)[0]!
  if (decision === undefined && score !== null && model.score.threshold !== first.score.threshold) {
    found.fault([...path, 'score', 'threshold'], 'differs between models: map inputs.predictions.fields.decision instead')
  }
}

function checkOutcomes(policy: Policy, model: PolicyModel, path: KeyPath, found: Findings): void {
  const floors = new Set<number>()
  for (const [name, outcome] of Object.entries(model.outcomes)) {
    const at = [...path, 'outcomes', name]
    floors.add(outcome.coverageMin)
    checkBounds(outcome, at, found)
    if ('described' in outcome) {
      if (policy.inputs.described === undefined) found.fault(at, 'needs inputs.described')
      continue
    }
    if (policy.inputs.outcomes === undefined) found.fault(at, 'needs inputs.outcomes')
    if (outcome.horizon <= 0) found.fault([...at, 'horizon'], 'must be above 0')
    if (outcome.horizon > HORIZON_MS_MAX) {
      found.fault(
        [...at, 'horizon'],
        `must be at most ${durationText(HORIZON_MS_MAX)}: for longer waits use described: true (an event that carries its prediction)`,
      )
    }
  }
  if (floors.size > 1) found.warn([...path, 'outcomes'], `one floor holds for all outcomes of a model: coverageMin ${Math.max(...floors)}`)
}

function checkLadder({ ladder }: PolicyModel, path: KeyPath, found: Findings): void {
  const steps = ladder.steps
  if (steps === undefined) return
  const falling = steps.findIndex((step, index) => index > 0 && step <= steps[index - 1]!)
  if (falling > 0) found.fault([...path, 'ladder', 'steps', falling], `must be above the step before it (${steps[falling - 1]})`)
  if (steps.at(-1) !== 100) found.fault([...path, 'ladder', 'steps', steps.length - 1], 'must be 100: the last step is the whole traffic')
}

function checkAcks({ acks }: PolicyModel, path: KeyPath, found: Findings): void {
  if (acks.heartbeat <= 0) found.fault([...path, 'acks', 'heartbeat'], 'must be above 0')
  if (acks.lease < 2 * acks.heartbeat) {
    found.fault(
      [...path, 'acks', 'lease'],
      `must be at least two heartbeats (${durationText(2 * acks.heartbeat)}), or one lost record ends it`,
    )
  }
}
