/**
 * Approvals: a stage whose plan says so is left upward only on the word of a person, given for this stage and standing when all else
 * holds. It falls as soon as anything speaks against the candidate or its inputs, and when the stage ends: what was agreed to is gone.
 */
import type { Approval, OperatorRequest } from '../domain.ts'
import type { ModelLayout, Stage } from '../policy/layout.ts'
import { type Draft, decide } from './decide.ts'
import { type Answer, type Refusal, samePerson } from './people.ts'
import { type Missing, type Setting, type Situation, situationOf } from './situation.ts'
import { candidateOf, type JudgeState, type Ladder } from './state.ts'

const APPROVALS_KEPT = 16

/** What is missing where the present stage asks for an approval and has none. */
export function approvalMissing(ladder: Ladder, model: ModelLayout): readonly Missing[] {
  const stage = stageToLeave(ladder, model)
  if (stage === null || !stage.approval || ladder.people.approvals.length > 0) return []
  return [{ kind: `approval of ${stage.name}`, words: `approval of stage ${stage.name} is asked: flyball approve ${model.name}` }]
}

/** The present stage, where a higher one follows. */
function stageToLeave({ phase, rung }: Ladder, { plan }: ModelLayout): Stage | null {
  if (phase === 'shadow') return plan.rollout.shadow
  if (phase !== 'climbing' || rung + 1 >= plan.rollout.rungs.length) return null
  return plan.rollout.rungs[rung]!
}

/**
 * The same where a person asks to leave the stage: with four eyes his own approval does not let him, for then nobody else has looked.
 * `asker`: in words, as approvals name people.
 */
export function approvalMissingFor(asker: string, ladder: Ladder, model: ModelLayout): Refusal | null {
  const missing = approvalMissing(ladder, model)
  if (missing.length > 0) return { rule: 'approval', why: missing[0]!.words }
  const stage = stageToLeave(ladder, model)
  if (stage === null || !stage.approval || !model.plan.rollout.fourEyes) return null
  if (ladder.people.approvals.some(({ who }) => !samePerson(who, asker))) return null
  return {
    rule: 'four-eyes',
    why: `${asker} alone has approved stage ${stage.name}, and the plan wants another to ask for what follows it`,
  }
}

/** Whoever asks for the exposure that a rollout gets may not approve it, where the plan wants four eyes. */
export function askedBy(ladder: Ladder, { who }: Pick<OperatorRequest, 'who'>): Ladder {
  return { ...ladder, people: { ...ladder.people, requestedBy: who } }
}

/** `asker`: in words. A freeze or a hold does not stand against it: it is a word, and raises nothing. */
export function approve(state: JudgeState, request: OperatorRequest, asker: string, setting: Setting): Answer<JudgeState> | Refusal {
  const { ladder } = state
  const stage = stageToLeave(ladder, setting.model)
  const against = notForThisStage(stage, request, ladder) ?? ownRequest(request, asker, ladder, setting) ?? notNow(state, setting)
  if (against !== null) return against
  const name = stage!.name
  const key = ladder.lastVerdict
  if (ladder.people.approvals.some(({ who }) => who === asker))
    return { next: state, moves: false, key, note: `Stage ${name} of ${candidateOf(setting.model)} was approved before: asked` }
  const approval: Approval = { who: asker, stage: name, requestId: request.id, atMs: setting.wallMs }
  const approvals = [...ladder.people.approvals, approval].slice(-APPROVALS_KEPT)
  const note = `Approved stage ${name} of ${candidateOf(setting.model)}`
  return { next: withApprovals(state, approvals), moves: false, key, note }
}

function notForThisStage(stage: Stage | null, { subject }: OperatorRequest, ladder: Ladder): Refusal | null {
  const now = stage === null ? `the rollout is ${ladder.phase}` : `it stands on stage ${stage.name}`
  if (stage === null || (subject !== null && subject !== stage.name))
    return { rule: 'another-stage', why: `${subject === null ? 'no stage' : `stage ${subject}`} is not there to be left: ${now}` }
  return stage.approval ? null : { rule: 'not-asked', why: `the plan asks for no approval of stage ${stage.name}` }
}

/** A rollout that began by itself was asked for by whoever wrote its plan: the owner that the plan names. */
function ownRequest({ who }: OperatorRequest, asker: string, { people }: Ladder, { model }: Setting): Refusal | null {
  const { fourEyes, owner } = model.plan.rollout
  if (!fourEyes) return null
  const { requestedBy, raisedBy = '' } = people
  if (requestedBy !== '' && samePerson(who, requestedBy))
    return { rule: 'four-eyes', why: `${asker} asked for this rollout, and the plan wants another to approve it` }
  if (requestedBy === '' && owner !== '' && samePerson(who, owner))
    return { rule: 'four-eyes', why: `${asker} owns this rollout, which began by itself, and the plan wants another to approve it` }
  if (raisedBy === '' || !samePerson(who, raisedBy)) return null
  return { rule: 'four-eyes', why: `${asker} has raised the exposure of this stage, and the plan wants another to approve it` }
}

/** What an approval would fall by is there already: it was agreed to by somebody who had not seen it yet. */
function notNow(state: JudgeState, setting: Setting): Refusal | null {
  const closed = closedGate(situationOf(state, setting))
  return closed === null ? null : { rule: 'gate-closed', why: `first must be gone: ${closed}` }
}

/** Harm, a signal, blindness, a wrong split or a gate not passed, in words: an approval stands only while there is none. Null: every gate is open. */
function closedGate({ broken, silent, harms, blind, assignment, coverage, gate }: Situation): string | null {
  const facts = [broken, silent].filter((words) => words !== '')
  const readings = [...harms.rollback, ...harms.throttle, ...harms.hold].map(({ guardrail }) => `${guardrail} speaks against the candidate`)
  // A backlog after a restart is of no version's doing, and holds by itself.
  const inputs = [...blind, ...assignment, ...coverage].filter(({ kind }) => kind !== 'catching-up').map(({ words }) => words)
  return facts[0] ?? readings[0] ?? inputs[0] ?? gate[0]?.words ?? null
}

/** Approvals fall when a gate closes after them, and a decision says so. */
export function withoutLapsed(draft: Draft, situation: Situation, setting: Setting): Draft {
  const { people, lastVerdict } = draft.state.ladder
  if (people.approvals.length === 0) return draft
  const closed = closedGate(situation)
  if (closed === null) return draft
  const note = `${lapsedWords(people.approvals)}: ${closed}`
  return decide(
    draft,
    {
      verdict: { kind: 'recorded', rule: 'approval-lapsed', note },
      next: withApprovals(draft.state, []),
      commandKind: null,
      key: lastVerdict,
      silent: '',
      wallTimes: {},
    },
    setting,
  )
}

function lapsedWords(approvals: readonly Approval[]): string {
  return `The approval of stage ${approvals[0]!.stage} by ${approvals.map(({ who }) => who).join(', ')} lapses`
}

function withApprovals(state: JudgeState, approvals: readonly Approval[]): JudgeState {
  return { ...state, ladder: { ...state.ladder, people: { ...state.ladder.people, approvals } } }
}
