/** Asking the judge of a small world, and reading its one answer. */
import assert from 'node:assert/strict'
import type { OperatorRequest } from '../../src/domain.ts'
import type { RolloutPlan, Stage } from '../../src/policy/layout.ts'
import { guardrail, modelLayout, type PlanChanges, requestOf, rolloutOf, type World, type Written } from './world.ts'

/** Verbs that take exposure away, or keep it from rising. */
export const REDUCTIONS: ReadonlySet<OperatorRequest['verb']> = new Set(['rollback', 'throttle', 'abort', 'hold', 'freeze', 'quarantine'])

export function ask(world: World, verb: OperatorRequest['verb'], changes: Partial<OperatorRequest> = {}): Written {
  const id = changes.id ?? `${verb}-${world.decisions.length}`
  world.send({ kind: 'request', request: requestOf(verb, { ...changes, id }) })
  const answers = world.decisions.filter((decision) => decision.requestId === id)
  assert.equal(answers.length, 1, `${verb} is answered once`)
  return answers[0]!
}

/** `done`, or the rule by which it was refused. */
export function outcome({ verdict }: Written): string {
  return verdict.kind === 'refused' ? verdict.rule : 'done'
}

/** Quick to climb: what is not asked for is no obstacle. */
export const QUICK = { guardrails: [guardrail({ promotes: false })], minimumRows: 50 } as const

/** A ladder whose named stages differ from the others. */
export function stagedModel(stages: Readonly<Record<string, Partial<Stage>>>, rollout: Partial<RolloutPlan> = {}, plan: PlanChanges = {}) {
  const { rungs } = rolloutOf({ ...QUICK, ...plan })
  return modelLayout({ ...QUICK, ...plan, rollout: { rungs: rungs.map((rung) => ({ ...rung, ...stages[rung.name] })), ...rollout } })
}

/** Decisions by rule. */
export function by(world: World, rule: string): readonly Written[] {
  return world.decisions.filter(({ verdict }) => verdict.rule === rule)
}
