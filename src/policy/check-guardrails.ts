/** Checks of one model's guardrails: that each has the numbers it reads, a margin in its own unit, and an action its kind may take. */
import { FlyballError } from '../kit/errors.ts'
import { checkResourceOf } from './check-resources.ts'
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import {
  binsOf,
  CALIBRATION_MARGIN_MIN,
  guardrailDimensions,
  guardrailName,
  KINDS,
  marginOf,
  nearestEdgeMs,
  WHOLE_ONLY,
} from './guardrails.ts'
import { hasShadow } from './paired.ts'
import type { Policy, PolicyGuardrail, PolicyModel, PolicyOutcome } from './policy.ts'
import { checkNoSteadyKeys, checkSteady, isCompared, isSteady, steadyName } from './steady.ts'

const ACTIONS_OF_CLASS = { critical: ['rollback', 'throttle'], signal: ['hold'], info: ['info'] } as const

export function checkGuardrails(policy: Policy, model: PolicyModel, path: KeyPath, found: Findings): void {
  const guardrails = model.guardrails
  if (guardrails === undefined) return
  const names = guardrails.map((each) => (isSteady(each) ? steadyName(each) : isCompared(each) ? guardrailName(each, model) : ''))
  guardrails.forEach((guardrail, index) => {
    const at = [...path, 'guardrails', index]
    if (names.indexOf(names[index]!) < index) found.fault(at, `another guardrail is named ${names[index]} already: give it a name`)
    if (isCompared(guardrail)) checkOne(policy, model, guardrail, at, found)
    else if (isSteady(guardrail)) {
      checkSteady(guardrail, model, policy.timing.slice, at, found, (counted) => checkCounted(policy, model, counted, at, found))
    }
  })
  if (!guardrails.filter(isCompared).some((guardrail) => guardrail.promote ?? KINDS[guardrail.kind].promotes)) {
    found.warn([...path, 'guardrails'], 'no guardrail is asked for a proof: promotion waits for dwell and rows only')
  }
}

/** What a ceiling counts must exist, as it must for the guardrail of that kind. */
function checkCounted(policy: Policy, model: PolicyModel, counted: PolicyGuardrail, path: KeyPath, found: Findings): void {
  checkOutcome(policy, model, counted, path, found)
  checkResourceOf(model, counted, path, found)
  checkNumbers(policy, model, counted, path, found)
  checkThresholds(model, counted, path, found, (at, key) => [...at, key.replace('thresholds', 'threshold')])
}

function checkOne(policy: Policy, model: PolicyModel, guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  checkNoSteadyKeys(guardrail, path, found)
  checkAction(guardrail, path, found)
  checkMargin(guardrail, path, found)
  checkPromotion(guardrail, path, found)
  checkOutcome(policy, model, guardrail, path, found)
  checkResourceOf(model, guardrail, path, found)
  checkNumbers(policy, model, guardrail, path, found)
  checkThresholds(model, guardrail, path, found)
  checkPaired(policy, model, guardrail, path, found)
  for (const dimension of guardrailDimensions(guardrail, model)) {
    if (!Object.hasOwn(model.segments, dimension)) found.fault([...path, 'segments'], `the model has no segments ${dimension}`)
  }
  if (WHOLE_ONLY.includes(guardrail.kind) && guardrailDimensions(guardrail, model).length > 0) {
    found.fault([...path, 'segments'], `${guardrail.kind} is judged in the whole population only`)
  }
}

function checkAction({ kind, class: written, action }: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const allowed: readonly string[] = written === undefined ? [] : ACTIONS_OF_CLASS[written]
  if (written !== undefined && action !== undefined && !allowed.includes(action)) {
    found.fault([...path, 'action'], `class ${written} goes with ${allowed.join(' or ')}`)
  }
  if (kind === 'score-drift' && (action === 'rollback' || action === 'throttle' || written === 'critical')) {
    found.fault([...path, action === undefined ? 'class' : 'action'], 'score-drift may hold or inform: a healthy retrain moves scores')
  }
  if (kind === 'calibration' && (action === 'rollback' || action === 'throttle' || written === 'critical')) {
    found.fault([...path, action === undefined ? 'class' : 'action'], 'calibration may hold or inform: it has no control to compare with')
  }
}

/** Answers to one request are compared where both versions give one: in the shadow, and to outcomes that are joined by its id. */
function checkPaired(
  policy: Policy,
  model: PolicyModel,
  { kind, outcome, action, class: written }: PolicyGuardrail,
  path: KeyPath,
  found: Findings,
): void {
  if (!PAIRED_KINDS.includes(kind)) return
  const { fields } = policy.inputs.predictions
  if (!hasShadow(model))
    found.fault([...path, 'kind'], `${kind} compares answers to one request: it needs a stage shadow under rollout.stages`)
  if ((fields.decision ?? null) === null && fields.score === null)
    found.fault([...path, 'kind'], 'needs the field decision or score of the predictions, which are null')
  if (kind === 'disagreement' && ((action ?? 'info') !== 'info' || (written ?? 'info') !== 'info'))
    found.fault([...path, action === undefined ? 'class' : 'action'], 'disagreement informs only: a better version disagrees as well')
  const joined = model.outcomes[outcome ?? Object.keys(model.outcomes)[0] ?? '']
  if (kind !== 'disagreement' && joined !== undefined && 'described' in joined)
    found.fault([...path, 'outcome'], `${kind} needs an outcome that is joined by the id of the request, with a horizon`)
}

const PAIRED_KINDS: readonly string[] = ['disagreement', 'paired', 'paired-log-score', 'paired-brier']

const MARGIN_KEYS = ['marginPoints', 'marginPercent', 'margin'] as const

function checkMargin(guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const { kind } = guardrail
  const checkKeys = (written: object, at: KeyPath, taken: readonly (string | null)[]) => {
    for (const key of MARGIN_KEYS) {
      if (key in written && !taken.includes(key)) found.fault([...at, key], marginAdvice(kind, KINDS[kind].marginKey))
    }
  }
  const taken = kind === 'resource' ? RESOURCE_MARGINS : [KINDS[kind].marginKey]
  checkKeys(guardrail, path, taken)
  const both = RESOURCE_MARGINS.every((key) => guardrail[key] !== undefined)
  if (kind === 'resource' && both) found.fault([...path, 'margin'], 'must be left out when marginPercent is given')
  // A proof is asked for in the terms of the margin.
  const form = kind !== 'resource' ? taken : guardrail.margin === undefined ? ['marginPercent'] : ['margin']
  if (typeof guardrail.promote === 'object') checkKeys(guardrail.promote, [...path, 'promote'], form)
  checkBoundedMargin(guardrail, path, found)
}

const RESOURCE_MARGINS = ['marginPercent', 'margin'] as const

/** Evidence on bounded values keeps its level only with a margin (detectors/bounded-mean.ts says why). */
function checkBoundedMargin(guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const { kind } = guardrail
  const margin = marginOf(guardrail) ?? KINDS[kind].margin
  const at = 'margin' in guardrail ? [...path, 'margin'] : path
  if (BOUNDED_KINDS.includes(kind) && !(margin > 0)) {
    found.fault(at, new FlyballError('FLY-POLICY-005', { kind, unit: BOUNDED_UNITS[kind] ?? '' }).message)
  }
  if (kind === 'calibration' && margin < CALIBRATION_MARGIN_MIN) {
    found.fault(at, `must be at least ${CALIBRATION_MARGIN_MIN}: below, calibration accuses healthy models`)
  }
  if ((kind === 'calibration' || kind === 'brier' || kind === 'paired-brier') && margin >= 1)
    found.fault(at, 'must be below 1: no harm is larger')
}

const BOUNDED_UNITS: Readonly<Record<string, string>> = {
  'log-score': 'nats',
  brier: 'units of the score',
  value: "the value's own unit",
  resource: "the resource's own unit",
}
const BOUNDED_KINDS = Object.keys(BOUNDED_UNITS)

function marginAdvice(kind: PolicyGuardrail['kind'], wanted: string | null): string {
  if (wanted === null) return `${kind} takes no margin: between random arms it must not differ`
  const unit = BOUNDED_UNITS[kind.replace('paired-', '')] ?? 'probability'
  if (wanted === 'marginPercent') return `${kind} takes marginPercent, or margin in ${unit}; its promotion takes the same one`
  if (kind === 'disagreement') return 'disagreement takes no margin: it accuses nobody'
  return wanted === 'margin' ? `${kind} takes margin, in ${unit}` : `${kind} takes marginPoints, in percentage points`
}

function checkPromotion(guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const { kind, promote, action } = guardrail
  const { marginKey, margin, promotes } = KINDS[kind]
  const asked = promote ?? (promotes && action !== 'info')
  if (asked === false || marginKey === null) return
  if (kind === 'calibration' && typeof asked === 'object') {
    found.fault([...path, 'promote'], 'calibration has no interval: it promotes when it is quiet; say true or false')
    return
  }
  const effective = (typeof asked === 'object' ? marginOf(asked) : undefined) ?? marginOf(guardrail) ?? margin
  // A margin of the guardrail's own that is 0 is told by checkBoundedMargin already.
  if (effective > 0 || (BOUNDED_KINDS.includes(kind) && typeof asked !== 'object')) return
  found.fault(path, `with a margin of 0 its proof can never hold: say promote: false, or promote: {${marginKey}: …}`)
}

function checkOutcome(policy: Policy, model: PolicyModel, guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const names = Object.keys(model.outcomes)
  if (KINDS[guardrail.kind].reads !== 'outcome') {
    if (guardrail.outcome !== undefined) found.fault([...path, 'outcome'], `${guardrail.kind} reads no outcome`)
    return
  }
  if (names.length === 0) found.fault([...path, 'kind'], 'needs an outcome under the model')
  else if (guardrail.outcome === undefined && names.length > 1) found.fault(path, `must name its outcome: ${names.join(' | ')}`)
  else if (!names.includes(guardrail.outcome ?? names[0]!)) found.fault([...path, 'outcome'], `must be ${names.join(' | ')}`)
  else if (guardrail.kind === 'value') checkValue(policy, model.outcomes[guardrail.outcome ?? names[0]!]!, guardrail, path, found)
  else checkLabel(policy, model.outcomes[guardrail.outcome ?? names[0]!]!, path, found)
}

function checkValue(policy: Policy, outcome: PolicyOutcome, { margin }: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const fields = 'described' in outcome ? policy.inputs.described?.fields : policy.inputs.outcomes?.fields
  if (fields !== undefined && (fields.value ?? null) === null)
    found.fault([...path, 'kind'], 'needs the value field of the outcomes to be mapped')
  if (outcome.bounds === undefined) found.fault([...path, 'kind'], 'needs bounds: {low, high} and worse under the outcome')
  else if (margin !== undefined && margin >= outcome.bounds.high - outcome.bounds.low) {
    found.fault(
      [...path, 'margin'],
      `must be below ${outcome.bounds.high - outcome.bounds.low}, the width of the bounds: no harm is larger`,
    )
  }
}

function checkLabel(policy: Policy, outcome: PolicyOutcome, path: KeyPath, found: Findings): void {
  const fields = 'described' in outcome ? policy.inputs.described?.fields : policy.inputs.outcomes?.fields
  if (fields?.label === null) found.fault([...path, 'kind'], 'needs the label field of the outcomes, which is null')
}

/** The fields a kind reads must be mapped. */
function checkNumbers(policy: Policy, model: PolicyModel, { kind, features }: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const { fields } = policy.inputs.predictions
  const unmapped = (field: string) => found.fault([...path, 'kind'], `needs the field ${field} of the predictions, which is null`)
  if (kind === 'error-rate' && fields.error === null) unmapped('error')
  if (kind === 'latency' && fields.latency === null) unmapped('latency')
  if (kind === 'stale' && fields.time === null) unmapped('time')
  if ((kind === 'score-drift' || OF_PROBABILITIES.includes(kind)) && fields.score === null) unmapped('score')
  if (OF_PROBABILITIES.includes(kind) && !model.score.probability) {
    found.fault([...path, 'kind'], 'needs a score that is a probability (score.probability is false)')
  }
  if (features !== undefined && !KINDS_OF_FEATURES.includes(kind)) found.fault([...path, 'features'], `${kind} reads no features`)
  for (const name of features ?? []) {
    if (!Object.hasOwn(model.features, name)) found.fault([...path, 'features'], `the model has no feature ${name}`)
  }
  checkUnique(features ?? [], [...path, 'features'], found)
  const none = Object.keys(model.features).length === 0
  if (none && kind === 'feature-drift') found.fault([...path, 'kind'], 'needs features under the model')
  if (kind === 'feature-drift' && features?.length === 0) found.fault([...path, 'features'], 'must name at least one')
  const readsScore = (features ?? []).length === 0 && fields.score !== null && (kind !== 'unseen' || model.score.probability)
  if ((kind === 'unseen' || kind === 'missing') && (features ?? Object.keys(model.features)).length === 0 && !readsScore) {
    found.fault([...path, 'kind'], `needs features under the model, or a score${kind === 'unseen' ? ' that is a probability' : ''}`)
  }
  if (kind === 'pair-drift' && model.pairs.length === 0) found.fault([...path, 'kind'], 'needs pairs under the model')
}

const OF_PROBABILITIES: readonly string[] = ['log-score', 'brier', 'calibration', 'paired-log-score', 'paired-brier']
const KINDS_OF_FEATURES: readonly string[] = ['feature-drift', 'missing', 'unseen']

/** Where a kind's fixed limits are written, and their unit. */
const LIMITS = {
  latency: { key: 'thresholdsMs', bins: 'the latency bins', unit: ' ms' },
  'resource-tail': { key: 'thresholds', bins: "the resource's bins", unit: '' },
} as const

function checkThresholds(
  model: PolicyModel,
  guardrail: PolicyGuardrail,
  path: KeyPath,
  found: Findings,
  thresholdAt = (at: KeyPath, key: string, index: number): KeyPath => [...at, key, index],
): void {
  const { kind, quantiles } = guardrail
  const taken = kind === 'latency' || kind === 'resource-tail' ? LIMITS[kind] : null
  for (const key of ['thresholdsMs', 'thresholds', 'quantiles'] as const) {
    const isTaken = taken !== null && (key === 'quantiles' || key === taken.key)
    if (guardrail[key] !== undefined && !isTaken) found.fault([...path, key], `${kind} takes no ${key}`)
  }
  const bins = binsOf(guardrail, model)
  if (taken === null || bins === null) return
  const limits = guardrail[taken.key]
  if (limits !== undefined && quantiles !== undefined) found.fault([...path, 'quantiles'], `must be left out when ${taken.key} are given`)
  const inWords = (value: number) => (value < 1_000 ? Number(value.toPrecision(4)) : Math.round(value))
  const last = bins.firstMs * 2 ** ((bins.bins - 1) / bins.perOctave)
  limits?.forEach((limit, index) => {
    const edge = nearestEdgeMs(limit, bins)
    const at = thresholdAt(path, taken.key, index)
    if (limit < bins.firstMs || limit > last * 1.05) {
      found.fault(at, `must lie within ${taken.bins}, ${inWords(bins.firstMs)} to ${inWords(last)}${taken.unit}`)
    } else if (Math.abs(edge / limit - 1) > 0.005)
      found.warn(at, `judged at the nearest edge of ${taken.bins}, ${Number(edge.toPrecision(4))}${taken.unit}`)
  })
}
