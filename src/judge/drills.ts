/**
 * What is known of rehearsals. A drill's record changes nothing but this: when which scenario was last drilled, and whether it passed.
 *
 * The clock here is the wall's: people plan drills by the calendar, and a backlog that is read must not make one overdue.
 */
import type { OperatorRequest } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import type { Drills, JudgeState, Ladder } from './state.ts'

/** Of a drill's result: it is kept in every decision that records one. */
const BODY_LENGTH_MAX = 10_000
const SCENARIO = /^[a-z][a-z-]{0,39}$/

/** Rules of decisions, and causes of alerts. */
export const DRILL_RULE = 'drill'
export const OVERDUE_RULE = 'drill-overdue'

export interface DrillResult {
  readonly scenario: string
  readonly passed: boolean
}

/** Why a record of a drill is none; or what it says. */
export function drillOf({ subject, body }: OperatorRequest, model: ModelLayout): DrillResult | string {
  if (model.plan.drill === undefined) return `the policy has no drill of ${model.name}`
  if (!SCENARIO.test(subject ?? '')) return 'it names no scenario'
  if (body.length > BODY_LENGTH_MAX) return `its result is longer than ${BODY_LENGTH_MAX} characters`
  const passed = passedOf(body)
  return passed === null ? 'its result is not JSON with passed: true or false' : { scenario: subject!, passed }
}

/** Null: it is no drill's result. */
export function passedOf(body: string): boolean | null {
  try {
    const { passed } = JSON.parse(body) as { readonly passed?: unknown }
    return typeof passed === 'boolean' ? passed : null
  } catch {
    return null
  }
}

export function withDrill(state: JudgeState, { scenario, passed }: DrillResult, atMs: number): JudgeState {
  const { drills } = state.ladder
  const next: Drills = {
    ...drills,
    last: { ...drills.last, [scenario]: { atMs, passed } },
    ...(passed ? { passedAtMs: Math.max(drills.passedAtMs, atMs), overdue: false } : {}),
  }
  return withDrills(state, next)
}

export function withDrills(state: JudgeState, drills: Drills): JudgeState {
  return { ...state, ladder: { ...state.ladder, drills } }
}

/** Until the next one passes; a policy that asks for none any more has none that is overdue. */
export function isOverdue({ drills }: Ladder, { plan }: ModelLayout): boolean {
  return drills.overdue && (plan.drill?.everyMs ?? 0) > 0
}

/** The last drill of some scenario has failed. */
export function lastFailed({ drills }: Ladder, { plan }: ModelLayout): boolean {
  return plan.drill !== undefined && Object.values(drills.last).some(({ passed }) => !passed)
}
