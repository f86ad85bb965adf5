/**
 * The shadow that a model is drilled on: `MODEL.drill`, measured and judged by the same daemon with the model's own guardrails and budgets,
 * from records that bear its own name. Nothing of the model itself is touched: another name is another set of panes, decisions and commands.
 */
import { drillName } from '../kit/drill-name.ts'
import { KINDS } from './guardrails.ts'
import type { DrillPlan } from './layout.ts'
import type { Policy, PolicyGuardrailEntry, PolicyModel } from './policy.ts'
import { rolloutSchema } from './rollout-schema.ts'
import { countedAs, isCompared } from './steady.ts'

/** Half of the synthetic traffic is on the candidate from the first command on; nothing is ever promoted, for the dwell outlasts any drill. */
const STEPS = [50, 100]
const DWELL_MS = 86_400_000
/** A shadow is exposed while somebody drills, and asks nobody. */
const ONLY_WHEN_ASKED = { ...rolloutSchema.parse({ start: 'request', preflight: [], fourEyes: false }), guard: 0 }

/** The policy with one more model for each that is drilled, behind those that are written there: their places stay as they were. */
export function withDrillModels(policy: Policy): Policy {
  const drilled = Object.entries(policy.models).filter(([, { drill }]) => drill !== undefined)
  if (drilled.length === 0) return policy
  const shadows = drilled.map(([name, model]) => [drillName(name), shadowOf(model)] as const)
  return { ...policy, models: { ...policy.models, ...Object.fromEntries(shadows) } }
}

/** What a shadow is judged by beside its model: caches that are cold after a change of weights are none of synthetic traffic's. */
export function drillTiming(policy: Policy): Policy {
  return { ...policy, timing: { ...policy.timing, settling: 0 } }
}

/** Of a model that is drilled; null for any other. */
export function drillPlanOf({ drill, silence }: PolicyModel): DrillPlan | null {
  if (drill === undefined) return null
  const { detect, command, ack, observed } = drill.objective
  return {
    everyMs: drill.every ?? 0,
    objective: { detectMs: detect, commandMs: command, ackMs: ack, observedMs: observed },
    silentAfterMs: silence.after,
  }
}

/** Outcomes are left out: drills show harm in what is served. So are guardrails that compare with what was recorded of the model. */
function shadowOf(model: PolicyModel): PolicyModel {
  const { drill: _ofTheModel, rollout: _plan, guardrails, ...rest } = model
  return {
    ...rest,
    mode: 'enforce',
    weights: 'flyball',
    outcomes: {},
    ...(guardrails === undefined ? {} : { guardrails: guardrails.filter(readsPredictions) }),
    rollout: ONLY_WHEN_ASKED,
    ladder: { profile: model.ladder.profile, steps: STEPS, dwell: DWELL_MS },
  }
}

function readsPredictions(written: PolicyGuardrailEntry): boolean {
  // A drill has no stages, so nothing is mirrored in it.
  if (isCompared(written)) return KINDS[written.kind].reads === 'exposure' && written.kind !== 'disagreement'
  const counted = written.kind === 'ceiling' ? countedAs({ ...written, kind: 'ceiling' }) : null
  return counted !== null && KINDS[counted.kind].reads === 'exposure'
}
