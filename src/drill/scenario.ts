/** What a drill lets go wrong, and which guardrail has to see it. */
import type { GuardrailKind, ModelLayout } from '../policy/layout.ts'

export const SCENARIOS = ['errors', 'slow', 'silent', 'skew', 'kill-judge'] as const
export type Scenario = (typeof SCENARIOS)[number]

export const SCENARIO_WORDS: Readonly<Record<Scenario, string>> = {
  errors: "half of the candidate's requests fail",
  slow: 'the candidate answers sixteen times as slowly',
  silent: "the candidate's predictions are no longer written",
  skew: "the candidate is given a feature's highest values only",
  'kill-judge': "half of the candidate's requests fail, and the judge is fenced at that moment: it has to take over anew",
}

/** Null: the judge sees it without any guardrail. */
const SEEN_BY: Readonly<Record<Scenario, GuardrailKind | null>> = {
  errors: 'error-rate',
  slow: 'latency',
  silent: null,
  skew: 'feature-drift',
  'kill-judge': 'error-rate',
}

/** Why nothing could come of it; empty when something can. */
export function unseenBecause(scenario: Scenario, { plan }: ModelLayout): string {
  const kind = SEEN_BY[scenario]
  const sees = plan.guardrails.some((guardrail) => guardrail.kind === kind && guardrail.action === 'rollback')
  return kind === null || sees ? '' : `scenario ${scenario} is seen by a guardrail ${kind} that rolls back, and the policy has none`
}
