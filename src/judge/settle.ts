/** What every decision does to what people have said, whichever rule or person it comes from. */
import type { Approval, Verdict } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { quarantineAfter } from './quarantine.ts'
import { percentOf } from './segments.ts'
import type { Setting } from './situation.ts'
import { candidateOf, type JudgeState, type Ladder } from './state.ts'
import { readingWords } from './words.ts'

interface Settling {
  readonly verdict: Verdict
  readonly next: JudgeState
  readonly silent: string
  readonly who?: string
}

/** Approvals, and who raised what, end with their stage, what is rolled back is quarantined, and the policy is the one judged under. */
export function settled(before: JudgeState, { verdict, next, silent, who }: Settling, { model, layout, nowMs }: Setting): JudgeState {
  const told = { who: who ?? `rule ${verdict.rule}`, why: whyOf(verdict, silent), nowMs }
  const ladder = quarantineAfter(before.ladder, next.ladder, model, told)
  const { raisedBy = '', ...people } = ladder.people
  const stays = sameStage(before.ladder, ladder)
  const approvals = stays ? people.approvals : []
  const raised = stays && raisedBy !== '' ? { raisedBy } : {}
  return { ...next, ladder: { ...ladder, people: { ...people, ...raised, approvals, policyDigest: layout.policyDigest } } }
}

/** Those that a raise was taken on, else those that stand after it. */
export function approvalsTold(before: Ladder, after: Ladder, { kind }: Verdict, model: ModelLayout): readonly Approval[] {
  // From a cohort to everybody at the same percent is a rung up as well.
  const rises = percentOf(after, model) > percentOf(before, model) || after.rung > before.rung
  return rises || kind === 'advance' ? before.people.approvals : after.people.approvals
}

/** A candidate that loses all its traffic takes a feature flag with it, where the plan names one. */
export function revertWords(before: Ladder, after: Ladder, model: ModelLayout): string {
  const { revertFlag } = model.plan.rollout
  const goesBack = before.phase !== 'rolled-back' && after.phase === 'rolled-back'
  if (revertFlag === null || !goesBack) return ''
  return `; feature flag ${revertFlag.flag} is to be set to ${revertFlag.variant} (it names ${candidateOf(model)})`
}

function sameStage(one: Ladder, other: Ladder): boolean {
  return one.phase === other.phase && one.rung === other.rung
}

function whyOf(verdict: Verdict, silent: string): string {
  if ('note' in verdict) return verdict.note
  const first = 'evidence' in verdict ? verdict.evidence[0] : undefined
  return first === undefined ? silent : readingWords(first)
}
