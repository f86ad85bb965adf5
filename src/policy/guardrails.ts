/**
 * The guardrails of a model: what each kind is by default, which ones stand there when the policy names none, and what they compile to.
 *
 * Between randomly assigned arms errors, latency, outcomes, data quality and features must not differ, so each may roll back. Scores may
 * differ after a healthy retrain: score drift holds or informs and never acts (STATISTICS §1).
 */
import type { GuardrailClass } from '../domain.ts'
import { ALL_SCOPE, type Guardrail, type GuardrailKind, type ModelLayout } from './layout.ts'
import { PAIRED, pairedScoresId } from './paired.ts'
import type { PolicyGuardrail, PolicyModel } from './policy.ts'
import { resourceName, resourceNames, tailBins } from './resources.ts'

export interface KindDefaults {
  readonly class: GuardrailClass
  readonly action: Guardrail['action']
  /** In the unit of the layout: share of requests or of the control's mean, nats, or units of the score. */
  readonly margin: number
  readonly marginKey: 'marginPoints' | 'marginPercent' | 'margin' | null
  readonly promotes: boolean
  readonly reads: 'exposure' | 'outcome'
  /** Judged in every segment of the model unless the policy says otherwise. */
  readonly inSegments: boolean
}

const ACTS = { class: 'critical', action: 'rollback', promotes: true } as const
/** Records that come late or twice are a fault of whoever writes them: worth a look before more traffic, not a rollback. */
const HOLDS = { class: 'signal', action: 'hold', promotes: false } as const
/** Nobody is served worse by a dearer candidate, and what it costs ends with its share: nothing rises without a proof, people decide the rest. */
const WAITS = { ...HOLDS, promotes: true } as const

/** Below it a calibrated model is accused: bins are not perfectly calibrated, and no retrain makes them so (STATISTICS §8). */
export const CALIBRATION_MARGIN_MIN = 0.05

export const KINDS: Readonly<Record<GuardrailKind, KindDefaults>> = {
  'error-rate': { ...ACTS, margin: 0.005, marginKey: 'marginPoints', reads: 'exposure', inSegments: true },
  latency: { ...ACTS, margin: 0.02, marginKey: 'marginPoints', reads: 'exposure', inSegments: true },
  'wrong-outcome': { ...ACTS, margin: 0.02, marginKey: 'marginPoints', reads: 'outcome', inSegments: true },
  'log-score': { ...ACTS, margin: 0.02, marginKey: 'margin', reads: 'outcome', inSegments: false },
  brier: { ...ACTS, margin: 0.01, marginKey: 'margin', reads: 'outcome', inSegments: false },
  'feature-drift': { ...ACTS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  missing: { ...ACTS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  unseen: { ...ACTS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  'score-drift': { class: 'info', action: 'info', promotes: false, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  stale: { ...HOLDS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  duplicate: { ...HOLDS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  'pair-drift': { ...ACTS, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  // The margin is in the value's own unit, so nobody but the policy can know it.
  value: { ...ACTS, margin: 0, marginKey: 'margin', reads: 'outcome', inSegments: false },
  calibration: { ...HOLDS, margin: CALIBRATION_MARGIN_MIN, marginKey: 'margin', reads: 'outcome', inSegments: false },
  resource: { ...WAITS, margin: 0.1, marginKey: 'marginPercent', reads: 'exposure', inSegments: false },
  'resource-tail': { ...WAITS, margin: 0.02, marginKey: 'marginPoints', reads: 'exposure', inSegments: false },
  // Answers to one request, side by side: asked in a shadow alone, where the unpaired kinds go on asking for the proofs.
  disagreement: { class: 'info', action: 'info', promotes: false, margin: 0, marginKey: null, reads: 'exposure', inSegments: false },
  paired: { ...ACTS, promotes: false, margin: 0.02, marginKey: 'marginPoints', reads: 'outcome', inSegments: false },
  'paired-log-score': { ...ACTS, promotes: false, margin: 0.02, marginKey: 'margin', reads: 'outcome', inSegments: false },
  'paired-brier': { ...ACTS, promotes: false, margin: 0.01, marginKey: 'margin', reads: 'outcome', inSegments: false },
}

const CLASS_OF_ACTION = { rollback: 'critical', throttle: 'critical', hold: 'signal', info: 'info' } as const
const ACTION_OF_CLASS = { critical: 'rollback', signal: 'hold', info: 'info' } as const

export const DEFAULT_QUANTILES: readonly number[] = [0.5, 0.9, 0.95, 0.99]

type Blocks = Pick<ModelLayout, 'exposureBlocks' | 'horizons' | 'describedBlocks'>

/** What stands there when the policy names no guardrails: every kind whose numbers exist, save those that only inform. */
export function defaultGuardrails(model: PolicyModel, blocks: Blocks): PolicyGuardrail[] {
  const has = (id: string) => allBlocks(blocks).some((block) => block.id === id)
  const features = Object.keys(model.features).length > 0
  const exposure: PolicyGuardrail[] = []
  if (has('errors')) exposure.push({ kind: 'error-rate' })
  if (has('latency')) exposure.push({ kind: 'latency' })
  if (features) exposure.push({ kind: 'feature-drift' })
  if (features || has('score')) exposure.push({ kind: 'missing' })
  if (features) exposure.push({ kind: 'unseen', features: Object.keys(model.features) })
  // Whether the score is a probability nobody has said: were it a logit, a healthy retrain could move it out of range.
  if (has('score') && model.score.probability)
    exposure.push({ kind: 'unseen', name: 'score-range', action: 'hold', promote: false, features: [] })
  if (model.pairs.length > 0) exposure.push({ kind: 'pair-drift' })
  if (has('duplicate')) exposure.push({ kind: 'duplicate' })
  for (const resource of resourceNames(model)) exposure.push({ kind: 'resource', resource }, { kind: 'resource-tail', resource })
  if (has(PAIRED)) exposure.push({ kind: 'disagreement' })
  const outcomes = Object.keys(model.outcomes).flatMap((outcome) => {
    const list: PolicyGuardrail[] = []
    if (has(`outcome:${outcome}`)) list.push({ kind: 'wrong-outcome', outcome })
    if (has(`probability:${outcome}`)) list.push({ kind: 'log-score', outcome })
    for (const kind of ['paired', 'paired-log-score'] as const)
      if (guardrailBlocks({ kind, outcome }, model).some(has)) list.push({ kind, outcome })
    // A value is judged only with the margin that the policy gives it: there is none to assume.
    return list
  })
  return [...exposure, ...outcomes]
}

/** The name a guardrail goes by: its own, or its kind, with the outcome or resource where the model has several. */
export function guardrailName(written: PolicyGuardrail, model: PolicyModel): string {
  const outcome = outcomeName(written, model)
  const several = Object.keys(model.outcomes).length > 1 && outcome !== null
  const used = resourceNames(model).length > 1 ? resourceName(written, model) : null
  return written.name ?? (several ? `${written.kind}:${outcome}` : used === null ? written.kind : `${written.kind}:${used}`)
}

/** The outcome it judges: the one named, or the only one. */
export function outcomeName(written: PolicyGuardrail, model: PolicyModel): string | null {
  if (KINDS[written.kind].reads !== 'outcome') return null
  return written.outcome ?? Object.keys(model.outcomes)[0] ?? null
}

/** Judged in the whole population, whatever a policy says of segments. */
export const WHOLE_ONLY: readonly GuardrailKind[] = [
  'pair-drift',
  'duplicate',
  'disagreement',
  'paired',
  'paired-log-score',
  'paired-brier',
]

export function guardrailDimensions(written: PolicyGuardrail, model: PolicyModel): readonly string[] {
  const segments = written.segments ?? (KINDS[written.kind].inSegments ? 'all' : [])
  const named = segments === 'all' ? Object.keys(model.segments) : segments
  // Harm is located by the readings of this dimension, whatever is asked of the others.
  const isolate = WHOLE_ONLY.includes(written.kind) ? undefined : model.rollout?.isolate
  return isolate === undefined || named.includes(isolate) || model.segments[isolate] === undefined ? named : [...named, isolate]
}

/** Ids of the blocks it reads, beside `requests`. */
export function guardrailBlocks(written: PolicyGuardrail, model: PolicyModel): readonly string[] {
  const outcome = outcomeName(written, model)
  const features = (written.features ?? Object.keys(model.features)).map((feature) => `feature:${feature}`)
  switch (written.kind) {
    case 'error-rate':
      return ['requests', 'errors']
    case 'latency':
      return ['latency']
    case 'wrong-outcome':
      return [`outcome:${outcome}`]
    case 'log-score':
    case 'brier':
      return [`probability:${outcome}`]
    case 'feature-drift':
      return features
    case 'unseen':
      return readsScore(written) && model.score.probability ? [...features, 'score'] : features
    case 'missing':
      return readsScore(written) ? [...features, 'score'] : features
    case 'score-drift':
      return ['score']
    case 'stale':
      return ['requests', 'stale']
    case 'duplicate':
      return ['requests', 'duplicate']
    case 'pair-drift':
      return model.pairs.map(pairId)
    case 'value':
      return [`value:${outcome}`]
    case 'calibration':
      return [`probability:${outcome}`]
    case 'resource':
      return [`resource:${resourceName(written, model)}`]
    case 'resource-tail':
      return [`tail:${resourceName(written, model)}`]
    case 'disagreement':
      return ['requests', PAIRED]
    case 'paired':
      return [`${PAIRED}:${outcome}`]
    case 'paired-log-score':
    case 'paired-brier':
      return [
        pairedScoresId(
          { loss: written.kind === 'paired-brier' ? 'brier' : 'log', margin: marginOf(written) ?? KINDS[written.kind].margin },
          `${outcome}`,
        ),
      ]
  }
}

/** With features named only those are read; with none of them only the score. */
function readsScore({ features }: PolicyGuardrail): boolean {
  return features === undefined || features.length === 0
}

/** Id of the block of a pair. */
export function pairId(pair: readonly string[]): string {
  return `pair:${pair.join('×')}`
}

export function compileGuardrail(written: PolicyGuardrail, model: PolicyModel, blocks: Blocks, scopes: ModelLayout['scopes']): Guardrail {
  const defaults = KINDS[written.kind]
  const margin = marginOf(written) ?? defaults.margin
  const action = written.action ?? (written.class === undefined ? defaults.action : ACTION_OF_CLASS[written.class])
  const promote = written.promote ?? (defaults.promotes && action !== 'info')
  const dimensions = guardrailDimensions(written, model)
  const present = new Set(allBlocks(blocks).map((block) => block.id))
  return {
    name: guardrailName(written, model),
    kind: written.kind,
    class: written.class ?? CLASS_OF_ACTION[action],
    action,
    margin,
    ...(written.kind === 'resource' && written.margin === undefined ? { marginIsShare: true } : {}),
    promotes: promote !== false,
    promotionMargin: (typeof promote === 'object' ? marginOf(promote) : undefined) ?? margin,
    scopes: scopes.filter((scope) => scope.name === ALL_SCOPE || dimensions.includes(dimensionOf(scope.name))).map((scope) => scope.name),
    blocks: guardrailBlocks(written, model).filter((id) => present.has(id)),
    chain: chainOf(written, model),
    ...thresholdsOf(written, model),
  }
}

/** Fixed limits, at edges of the bins; or quantiles of the control. */
function thresholdsOf(written: PolicyGuardrail, model: PolicyModel): Pick<Guardrail, 'thresholdsMs' | 'quantiles'> {
  const bins = binsOf(written, model)
  const limits = written.thresholdsMs ?? written.thresholds
  if (bins === null) return { thresholdsMs: [], quantiles: [] }
  if (limits === undefined) return { thresholdsMs: [], quantiles: written.quantiles ?? DEFAULT_QUANTILES }
  return { thresholdsMs: limits.map((limit) => nearestEdgeMs(limit, bins)), quantiles: [] }
}

/** The bins that its thresholds are edges of; null for a guardrail without any. */
export function binsOf(written: PolicyGuardrail, model: PolicyModel): PolicyModel['latency'] | null {
  if (written.kind === 'latency') return model.latency
  const resource = written.kind === 'resource-tail' ? model.resources?.[resourceName(written, model) ?? ''] : undefined
  return resource === undefined ? null : tailBins(resource.bounds)
}

export function marginOf(written: {
  readonly marginPoints?: number | undefined
  readonly marginPercent?: number | undefined
  readonly margin?: number | undefined
}): number | undefined {
  const hundredths = written.marginPoints ?? written.marginPercent
  return hundredths !== undefined ? hundredths / 100 : written.margin
}

/** A threshold is judged at an edge of the bins: the nearest one, so that what is counted is exact. */
export function nearestEdgeMs(limitMs: number, { firstMs, perOctave, bins }: PolicyModel['latency']): number {
  const edge = Math.round(Math.log2(limitMs / firstMs) * perOctave)
  return firstMs * 2 ** (Math.min(bins - 1, Math.max(1, edge)) / perOctave)
}

function chainOf(written: PolicyGuardrail, model: PolicyModel): string {
  const name = outcomeName(written, model)
  if (name === null) return 'exposure'
  const outcome = model.outcomes[name]!
  return 'horizon' in outcome ? `outcome:${outcome.horizon}` : 'described'
}

function dimensionOf(scope: string): string {
  return scope.slice(0, scope.indexOf('='))
}

function allBlocks(blocks: Blocks) {
  return [...blocks.exposureBlocks, ...blocks.horizons.flatMap((horizon) => horizon.blocks), ...blocks.describedBlocks]
}
