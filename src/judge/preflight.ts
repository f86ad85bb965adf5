/** What must hold before a rollout begins: each check that the plan asks for, and why it fails. */
import type { RolloutPlan } from '../policy/layout.ts'
import { present } from './loop.ts'
import type { Missing, Setting } from './setting.ts'
import { controlOf, type JudgeState, obeyed } from './state.ts'

type Check = RolloutPlan['preflight'][number]

const CHECKS: Readonly<Record<Check, (state: JudgeState, setting: Setting) => string>> = {
  gateways: gatewaysPresent,
  'control-warm': controlWarm,
  outcomes: outcomesArrive,
  baseline: baselinesRead,
}

/** Those that fail. */
export function failedChecks(state: JudgeState, setting: Setting): readonly Missing[] {
  return setting.model.plan.rollout.preflight.flatMap((check) => {
    const words = CHECKS[check](state, setting)
    return words === '' ? [] : [{ kind: `preflight:${check}`, words }]
  })
}

function gatewaysPresent({ gateways }: JudgeState, { model, wallMs }: Setting): string {
  if (!obeyed(model) || present(gateways, wallMs, model.plan).length > 0) return ''
  return 'no gateway has made itself known: nobody would obey a command'
}

function controlWarm({ arrivals }: JudgeState, { model, nowMs }: Setting): string {
  const { silentAfterMs } = model.plan
  if (arrivals.controlSeenMs > 0 && arrivals.controlSeenMs > nowMs - silentAfterMs) return ''
  return `no predictions of the control ${controlOf(model)} for ${Math.round(silentAfterMs / 1000)} s: there is nothing to go back to`
}

/** Labels come in batches, and late: the longest horizon and the longest blindness that the plan bears are waited for. */
function outcomesArrive({ sources }: JudgeState, { model, nowMs }: Setting): string {
  if (model.horizons.length === 0 && model.describedBlocks.length === 0) return ''
  const patienceMs = model.plan.maxBlindMs + Math.max(0, ...model.horizons.map(({ horizonMs }) => horizonMs))
  const newestMs = Math.max(0, ...Object.values(sources).map(({ outcomesMs = 0 }) => outcomesMs))
  if (newestMs > 0 && newestMs >= nowMs - patienceMs) return ''
  const since = newestMs === 0 ? 'no outcome has been read yet' : `no outcome for ${Math.round((nowMs - newestMs) / 1000)} s`
  return `${since}: what the candidate does would be known of late, or never`
}

function baselinesRead(_state: JudgeState, { model }: Setting): string {
  const lacking = (model.plan.steady ?? []).filter(({ kind, reference }) => kind === 'baseline-drift' && reference === null)
  return lacking.length === 0 ? '' : `no profile is loaded for ${lacking.map(({ name }) => name).join(', ')}: flyball baseline records one`
}
