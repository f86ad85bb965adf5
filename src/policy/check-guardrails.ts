/** Checks of one model's guardrails: that each has the numbers it reads, a margin in its own unit, and an action its kind may take. */
import { FlyballError } from '../kit/errors.ts'
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import { CALIBRATION_MARGIN_MIN, guardrailDimensions, guardrailName, KINDS, marginOf, nearestEdgeMs, WHOLE_ONLY } from './guardrails.ts'
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
  checkNumbers(policy, model, counted, path, found)
  checkLatency(model, counted, path, found, (at) => [...at, 'thresholdMs'])
}

function checkOne(policy: Policy, model: PolicyModel, guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  checkNoSteadyKeys(guardrail, path, found)
  checkAction(guardrail, path, found)
  checkMargin(guardrail, path, found)
  checkPromotion(guardrail, path, found)
  checkOutcome(policy, model, guardrail, path, found)
  checkNumbers(policy, model, guardrail, path, found)
  checkLatency(model, guardrail, path, found)
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

function checkMargin(guardrail: PolicyGuardrail, path: KeyPath, found: Findings): void {
  const wanted = KINDS[guardrail.kind].marginKey
  const checkKeys = (written: object, at: KeyPath) => {
    for (const key of ['marginPoints', 'margin']) {
      if (key in written && key !== wanted) found.fault([...at, key], marginAdvice(guardrail.kind, wanted))
    }
  }
  checkKeys(guardrail, path)
  if (typeof guardrail.promote === 'object') checkKeys(guardrail.promote, [...path, 'promote'])
  checkBoundedMargin(guardrail, path, found)
}

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
  if ((kind === 'calibration' || kind === 'brier') && margin >= 1) found.fault(at, 'must be below 1: no harm is larger')
}

const BOUNDED_UNITS: Readonly<Record<string, string>> = { 'log-score': 'nats', brier: 'units of the score', value: "the value's own unit" }
const BOUNDED_KINDS = Object.keys(BOUNDED_UNITS)

function marginAdvice(kind: PolicyGuardrail['kind'], wanted: string | null): string {
  if (wanted === null) return `${kind} takes no margin: between random arms it must not differ`
  const unit = BOUNDED_UNITS[kind] ?? 'probability'
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
  if ((kind === 'score-drift' || kind === 'log-score' || kind === 'brier' || kind === 'calibration') && fields.score === null)
    unmapped('score')
  if ((kind === 'log-score' || kind === 'brier' || kind === 'calibration') && !model.score.probability) {
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

const KINDS_OF_FEATURES: readonly string[] = ['feature-drift', 'missing', 'unseen']

function checkLatency(
  { latency }: PolicyModel,
  guardrail: PolicyGuardrail,
  path: KeyPath,
  found: Findings,
  thresholdAt = (at: KeyPath, index: number): KeyPath => [...at, 'thresholdsMs', index],
): void {
  const { kind, thresholdsMs, quantiles } = guardrail
  if (kind !== 'latency') {
    for (const key of ['thresholdsMs', 'quantiles'] as const) {
      if (guardrail[key] !== undefined) found.fault([...path, key], `${kind} takes no ${key}`)
    }
    return
  }
  if (thresholdsMs !== undefined && quantiles !== undefined)
    found.fault([...path, 'quantiles'], 'must be left out when thresholdsMs are given')
  const lastMs = latency.firstMs * 2 ** ((latency.bins - 1) / latency.perOctave)
  thresholdsMs?.forEach((limit, index) => {
    const edge = nearestEdgeMs(limit, latency)
    const at = thresholdAt(path, index)
    if (limit < latency.firstMs || limit > lastMs * 1.05) {
      found.fault(at, `must lie within the latency bins, ${latency.firstMs} to ${Math.round(lastMs)} ms`)
    } else if (Math.abs(edge / limit - 1) > 0.005)
      found.warn(at, `judged at the nearest edge of the latency bins, ${Number(edge.toPrecision(4))} ms`)
  })
}
