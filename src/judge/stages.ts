/**
 * The stages of a plan: `offline → shadow → rungs → guard → promoted`, as far as the plan has them. Where a ladder stands among them, what
 * it must have seen before it goes on, and what comes next.
 */
import type { ModelLayout } from '../policy/layout.ts'
import type { Ladder, Phase } from './state.ts'

/** Begun, and the candidate answers nobody: nothing is commanded there. */
const UNEXPOSED: readonly Phase[] = ['offline', 'shadow']

export function isUnexposed(phase: Phase): boolean {
  return UNEXPOSED.includes(phase)
}

/** Where a rollout of this plan begins. */
export function firstStage({ plan }: ModelLayout): 'offline' | 'shadow' | 'climbing' {
  if (plan.rollout.offline) return 'offline'
  return plan.rollout.shadow === null ? 'climbing' : 'shadow'
}

/** Where it stands when the candidate serves `percent`. */
export function phaseAt(percent: number, { plan }: ModelLayout): Phase {
  if (percent < 100) return 'climbing'
  return plan.rollout.guardMs > 0 ? 'guard' : 'promoted'
}

/** Empty: not begun, over, or a rung that the policy does not have any more. */
export function stageName({ phase, rung }: Pick<Ladder, 'phase' | 'rung'>, { plan }: ModelLayout): string {
  switch (phase) {
    case 'offline':
    case 'guard':
      return phase
    case 'shadow':
      return plan.rollout.shadow?.name ?? phase
    case 'climbing':
      return plan.rollout.rungs[rung]?.name ?? ''
    default:
      return ''
  }
}

export interface Requirements {
  readonly dwellMs: number
  readonly minimumRows: number
}

/** What the stage asks for before the next exposure. */
export function requirementsOf({ phase, rung }: Pick<Ladder, 'phase' | 'rung'>, { plan }: ModelLayout): Requirements {
  const stage = phase === 'shadow' ? plan.rollout.shadow : plan.rollout.rungs[rung]
  return stage ?? plan
}

/** The weight that a promotion would lead to; null: there is none from here. */
export function nextPercent({ phase, rung, throttledRungs }: Ladder, { plan }: ModelLayout): number | null {
  if (phase === 'shadow') return plan.ladder[0] ?? null
  return phase === 'climbing' && throttledRungs === 0 ? (plan.ladder[rung + 1] ?? null) : null
}

/** "in its stage shadow", "at 5 %", "at 5 % of region=eu": where a rollout begins. */
export function beginningWords(model: ModelLayout): string {
  const first = firstStage(model)
  if (first !== 'climbing') return `in its stage ${first}, without exposure`
  const { ladder, rollout } = model.plan
  const cohort = rollout.rungs[0]?.cohort ?? ''
  return `at ${ladder[0]} %${cohort === '' ? '' : ` of ${cohort}`}`
}
