/**
 * Guardrails of a version that has no control beside it: what the policy may say of them, and what they compile to.
 *
 * A ceiling names a limit of its own, so it may act. A baseline and a forecast are recorded from the past, and the world may move away
 * from it without any fault of the version: they hold or inform.
 */
import { checkUnique, type Findings, type KeyPath } from './faults.ts'
import { compileGuardrail } from './guardrails.ts'
import type { Block, Guardrail, GuardrailKind, ModelLayout, SteadyGuardrail } from './layout.ts'
import {
  GUARDRAIL_KINDS,
  type Policy,
  type PolicyGuardrail,
  type PolicyGuardrailEntry,
  type PolicyModel,
  type PolicySteady,
  STEADY_KINDS,
} from './policy.ts'

type Blocks = Pick<ModelLayout, 'exposureBlocks' | 'horizons' | 'describedBlocks'>
type CeilingOf = NonNullable<PolicySteady['of']>

const COUNTED_AS: Readonly<Record<CeilingOf, GuardrailKind & PolicyGuardrail['kind']>> = {
  errors: 'error-rate',
  latency: 'latency',
  missing: 'missing',
  'wrong-outcome': 'wrong-outcome',
  resource: 'resource-tail',
}
const FALSE_ALARM_MS = 30 * 86_400_000
const TOLERANCE = { ceiling: 0, 'baseline-drift': 0.1, volume: 0.5 } as const
const BASELINE_ALPHA = 0.01
/** Requests are counted against the forecast in buckets of this length. */
export const VOLUME_BUCKET_MS = 300_000

const CLASS_OF_ACTION = { rollback: 'critical', throttle: 'critical', hold: 'signal', info: 'info' } as const
const ACTION_OF_CLASS = { critical: 'rollback', signal: 'hold', info: 'info' } as const

export function isSteady(written: PolicyGuardrailEntry): written is PolicySteady {
  return (STEADY_KINDS as readonly string[]).includes(written.kind)
}

export function isCompared(written: PolicyGuardrailEntry): written is PolicyGuardrail {
  return (GUARDRAIL_KINDS as readonly string[]).includes(written.kind)
}

/** The name it goes by: its own, or its kind with what it counts. */
export function steadyName(written: PolicySteady): string {
  return written.name ?? (written.of === undefined ? written.kind : `${written.kind}:${written.of}`)
}

/** The guardrail whose counts a ceiling takes; null for the other kinds. */
export function countedAs(written: PolicySteady): PolicyGuardrail | null {
  if (written.kind !== 'ceiling' || written.of === undefined) return null
  return {
    kind: COUNTED_AS[written.of],
    segments: [],
    promote: false,
    ...(written.features === undefined || written.of !== 'missing' ? {} : { features: written.features }),
    ...(written.outcome === undefined || written.of !== 'wrong-outcome' ? {} : { outcome: written.outcome }),
    ...(written.thresholdMs === undefined || written.of !== 'latency' ? {} : { thresholdsMs: [written.thresholdMs] }),
    ...(written.resource === undefined || written.of !== 'resource' ? {} : { resource: written.resource }),
    ...(written.threshold === undefined || written.of !== 'resource' ? {} : { thresholds: [written.threshold] }),
  }
}

// ── layout ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Paths of profiles as `place` resolves them. Nothing at all when the policy names no such guardrail. */
export function compileSteady(
  model: PolicyModel,
  policy: Policy,
  blocks: Blocks,
  scopes: ModelLayout['scopes'],
  place: (path: string) => string,
): { readonly steady?: readonly SteadyGuardrail[] } {
  const written = (model.guardrails ?? []).filter(isSteady)
  if (written.length === 0) return {}
  const draft = written.map((each) => draftOf(each, model, blocks, scopes, place))
  const ceilings = draft.reduce((sum, each) => sum + (each.counts === null ? 0 : eventsOf(each.counts, blocks)), 0)
  const volumes = draft.filter((each) => each.kind === 'volume').length
  const runLength = ({ falseAlarmEvery = FALSE_ALARM_MS }: PolicySteady, kind: SteadyGuardrail['kind']) => {
    if (kind === 'baseline-drift') return 1
    const [stepMs, detectors] = kind === 'ceiling' ? [policy.timing.slice, ceilings] : [VOLUME_BUCKET_MS, volumes]
    return Math.max(2, (falseAlarmEvery / stepMs) * detectors)
  }
  return { steady: draft.map((each, index) => ({ ...each, runLength: runLength(written[index]!, each.kind) })) }
}

function draftOf(
  written: PolicySteady,
  model: PolicyModel,
  blocks: Blocks,
  scopes: ModelLayout['scopes'],
  place: (path: string) => string,
): SteadyGuardrail {
  const counted = countedAs(written)
  const action = written.action ?? (written.class === undefined ? 'hold' : ACTION_OF_CLASS[written.class])
  const present = new Set(blocks.exposureBlocks.map((block) => block.id))
  const features = (written.features ?? Object.keys(model.features)).map((feature) => `feature:${feature}`)
  return {
    name: steadyName(written),
    kind: written.kind,
    class: written.class ?? CLASS_OF_ACTION[action],
    action,
    counts: counted === null ? null : compileGuardrail(counted, model, blocks, scopes),
    limit: (written.limitPoints ?? 0) / 100,
    tolerance: written.tolerance ?? TOLERANCE[written.kind],
    alpha: BASELINE_ALPHA,
    runLength: 1,
    blocks: written.kind === 'baseline-drift' ? features.filter((id) => present.has(id)) : [],
    profile: written.profile === undefined ? null : place(written.profile),
    reference: null,
  }
}

/** How many rates a ceiling watches: one for each feature where it counts what is missing. */
function eventsOf(counts: Guardrail, blocks: Blocks): number {
  if (counts.kind !== 'missing') return 1
  const known = new Map<string, Block>(blocks.exposureBlocks.map((block) => [block.id, block]))
  return counts.blocks.filter((id) => known.has(id)).length
}

// ── checks ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const TAKES: Readonly<Record<PolicySteady['kind'], readonly string[]>> = {
  ceiling: ['of', 'limitPoints', 'thresholdMs', 'threshold', 'falseAlarmEvery', 'features', 'outcome', 'resource'],
  'baseline-drift': ['profile', 'features', 'tolerance'],
  volume: ['profile', 'tolerance', 'falseAlarmEvery'],
}
const TAKES_ANY: readonly string[] = ['kind', 'name', 'class', 'action']
const STEADY_KEYS: readonly string[] = ['of', 'limitPoints', 'thresholdMs', 'threshold', 'falseAlarmEvery', 'profile', 'tolerance']

/** `checkCounted`: the checks of the guardrail whose counts a ceiling takes. */
export function checkSteady(
  written: PolicySteady,
  model: PolicyModel,
  slice: number,
  path: KeyPath,
  found: Findings,
  checkCounted: (counted: PolicyGuardrail) => void,
): void {
  for (const [key, value] of Object.entries(written)) {
    if (value !== undefined && !TAKES_ANY.includes(key) && !TAKES[written.kind].includes(key)) {
      found.fault([...path, key], `${written.kind} takes no ${key}`)
    }
  }
  checkAction(written, path, found)
  if (written.kind === 'ceiling') checkCeiling(written, path, found, checkCounted)
  if (written.kind === 'baseline-drift') checkBaseline(written, model, path, found)
  const stepMs = written.kind === 'volume' ? VOLUME_BUCKET_MS : slice
  if (written.falseAlarmEvery !== undefined && written.falseAlarmEvery < 100 * stepMs) {
    found.fault([...path, 'falseAlarmEvery'], `must be at least ${(100 * stepMs) / 60_000} minutes: a hundred looks`)
  }
}

function checkAction({ kind, class: written, action }: PolicySteady, path: KeyPath, found: Findings): void {
  const implied = action ?? (written === undefined ? 'hold' : ACTION_OF_CLASS[written])
  if (action !== undefined && written !== undefined && CLASS_OF_ACTION[action] !== written) {
    found.fault([...path, 'action'], `class ${written} does not go with ${action}`)
  }
  if (kind !== 'ceiling' && (implied === 'rollback' || implied === 'throttle')) {
    const at = [...path, action === undefined ? 'class' : 'action']
    found.fault(at, `${kind} may hold or inform: the world may move away from a record of the past without a fault of the version`)
  }
}

function checkCeiling(written: PolicySteady, path: KeyPath, found: Findings, checkCounted: (counted: PolicyGuardrail) => void): void {
  const { of, thresholdMs, threshold } = written
  if (written.limitPoints === undefined) found.fault(path, 'ceiling needs limitPoints: the percentage points that are allowed')
  if (of === undefined) found.fault(path, 'ceiling needs of: errors | latency | missing | wrong-outcome | resource')
  if (of === 'latency' && thresholdMs === undefined) found.fault(path, 'a ceiling of latency needs thresholdMs')
  if (of !== 'latency' && thresholdMs !== undefined) found.fault([...path, 'thresholdMs'], 'is for a ceiling of latency')
  if (of === 'resource' && threshold === undefined) found.fault(path, 'a ceiling of a resource needs threshold')
  if (of !== 'resource' && threshold !== undefined) found.fault([...path, 'threshold'], 'is for a ceiling of a resource')
  if (of !== 'resource' && written.resource !== undefined) found.fault([...path, 'resource'], 'is for a ceiling of a resource')
  if (of !== 'missing' && written.features !== undefined) found.fault([...path, 'features'], 'is for a ceiling of missing')
  if (of !== 'wrong-outcome' && written.outcome !== undefined) found.fault([...path, 'outcome'], 'is for a ceiling of wrong-outcome')
  const counted = countedAs(written)
  if (counted !== null) checkCounted(counted)
}

function checkBaseline({ profile, features }: PolicySteady, model: PolicyModel, path: KeyPath, found: Findings): void {
  if (profile === undefined) found.fault(path, 'baseline-drift needs profile: a file that `flyball baseline` wrote')
  if (Object.keys(model.features).length === 0) found.fault([...path, 'kind'], 'needs features under the model')
  else if (features?.length === 0) found.fault([...path, 'features'], 'must name at least one')
  checkUnique(features ?? [], [...path, 'features'], found)
  for (const name of features ?? []) {
    if (!Object.hasOwn(model.features, name)) found.fault([...path, 'features'], `the model has no feature ${name}`)
  }
}

/** Keys of a steady guardrail on one that compares. */
export function checkNoSteadyKeys(written: PolicyGuardrail, path: KeyPath, found: Findings): void {
  for (const [key, value] of Object.entries(written)) {
    if (value !== undefined && STEADY_KEYS.includes(key)) found.fault([...path, key], `${written.kind} takes no ${key}`)
  }
}
