/** How the ladder moves when a verdict has been reached: weights, phase, a new stage of evidence. Pure, and blind to who obeys. */
import type { Command, StreamTimeMs, Verdict } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { arrivalsForgotten } from './arrivals.ts'
import { resetEvidence, startStage } from './evidence/evidence.ts'
import { populationBetween, populationNow } from './evidence/population.ts'
import { evidenceWithAgain, evidenceWithout, withNarrowedStrata } from './evidence/rests.ts'
import { apartIn, cohortOn, exposureOn, exposureWithin, judgedBy, percentOf, rungBelow, rungReached } from './segments.ts'
import { firstStage, isUnexposed, phaseAt } from './stages.ts'
import { type JudgeState, type Ladder, obeyed, type Phase, weightsFor } from './state.ts'

/** A verdict that changes weights becomes a command of this kind; one that only goes on to another stage does not. */
export type Move = Exclude<Command['kind'], 'override'> | 'advance'

export function moveOf(kind: Verdict['kind']): Move | null {
  switch (kind) {
    case 'start':
    case 'promote':
    case 'throttle':
    case 'rollback':
    case 'step-down':
    case 'lift':
    case 'advance':
      return kind
    default:
      return null
  }
}

/** Null where the candidate had nothing and gets nothing: what answers nobody is moved without a command. */
export function commandKindOf(move: Move, before: Ladder, after: Ladder, model: ModelLayout): Command['kind'] | null {
  const isExposed = [before, after].some((ladder) => percentOf(ladder, model) > 0)
  return move === 'advance' || !isExposed ? null : move
}

/** The state after the move: ladder and a stage that begins now. Command and loop are put in by whoever issues it. */
export function moved(state: JudgeState, move: Move, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const old = state.ladder
  switch (move) {
    case 'start':
      return stage(state, beginning(old, model), model, nowMs)
    case 'promote':
      return stage(state, onRung(old, isUnexposed(old.phase) ? 0 : old.rung + 1, model), model, nowMs)
    case 'advance':
      // The split and its evidence go on: the watch is over, and nothing else.
      if (old.phase === 'guard') return { ...state, ladder: { ...old, phase: 'promoted' } }
      return stage(state, unexposed(old, 'shadow', model), model, nowMs)
    case 'throttle': {
      const lower = oneDown(old, model)
      const throttledRungs = old.throttledRungs + old.rung - lower.rung
      return stage(anewThrottle(state, model), { ...lower, throttledRungs, calmSinceMs: nowMs }, model, nowMs)
    }
    case 'lift': {
      const lifted = { throttledRungs: old.throttledRungs - 1, liftsUsed: old.liftsUsed + 1, calmSinceMs: nowMs }
      return stage(anewThrottle(state, model), { ...onRung(old, old.rung + 1, model), ...lifted }, model, nowMs)
    }
    case 'step-down':
      // Blindness is counted anew: one rung for each maxBlind.
      return stage(state, { ...oneDown(old, model), blindSinceMs: nowMs }, model, nowMs)
    case 'rollback':
      return rolledBack(state, model, nowMs)
  }
}

export function rolledBack(state: JudgeState, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const nobody = { weights: weightsFor(model, 0), cohort: null, isolated: [] }
  const ladder: Ladder = { ...state.ladder, phase: 'rolled-back', ...nobody, rung: 0, blindSinceMs: 0, aborted: null }
  return stage(state, ladder, model, nowMs)
}

/** The candidate leaves one segment and stays where it is in the others: what is known of those is what is known from now on. */
export function keptOut(state: JudgeState, segment: string, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const evidence = evidenceWithout(state.evidence, segment, model)
  const isolated = [...state.ladder.isolated, segment]
  const begun = stage({ ...state, evidence }, { ...state.ladder, isolated }, model, nowMs)
  return { ...begun, evidence: withNarrowedStrata(begun.evidence, model) }
}

/** A person lets a segment come back. */
export function letBackIn(state: JudgeState, segment: string, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const evidence = evidenceWithAgain(state.evidence, segment, model)
  const isolated = state.ladder.isolated.filter((each) => each !== segment)
  return stage({ ...state, evidence }, { ...state.ladder, isolated }, model, nowMs)
}

/** In place of a rollback that has no safe target: the lowest rung. No lift gives it back, and what was found stays found. */
export function loweredToFirst(state: JudgeState, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const lowest = lowered(state.ladder, { rung: 0, ...exposureWithin(state.ladder, 0, model) }, model)
  return stage(state, { ...lowest, throttledRungs: 0, calmSinceMs: nowMs }, model, nowMs)
}

/** A person takes a rung away, and it is not given back by a lift: it is earned again, or waits for a person where lifts are used up. */
export function throttledByPerson(state: JudgeState, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const old = state.ladder
  const throttledRungs = old.liftsUsed >= model.plan.maxLifts ? old.throttledRungs : 0
  return stage(state, { ...oneDown(old, model), throttledRungs, calmSinceMs: nowMs }, model, nowMs)
}

/** A person lets the rollout go on: from its first stage with evidence anew when it had been rolled back, else from where it is. */
export function resumed(state: JudgeState, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const free: Ladder = {
    ...state.ladder,
    humanHold: null,
    aborted: null,
    throttledRungs: 0,
    liftsUsed: 0,
    calmSinceMs: nowMs,
    blindSinceMs: 0,
  }
  if (state.ladder.phase !== 'rolled-back') return { ...anewThrottle(state, model), ladder: free }
  const every = [...model.plan.guardrails, ...(model.plan.steady ?? [])].map((guardrail) => guardrail.name)
  const anew = { ...state, evidence: resetEvidence(state.evidence, model, every) }
  return stage(anew, beginning(free, model), model, nowMs)
}

/** A command found on the control topic is in force: the ladder stands on the highest rung that it reaches. */
export function standingOn(state: JudgeState, command: Command, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const apart = apartIn(command)
  const percent = percentOf({ weights: command.weights, cohort: apart.cohort }, model)
  const cohort = apart.cohort?.segment ?? ''
  const phase: Phase = percent === 0 ? 'rolled-back' : cohort === '' ? phaseAt(percent, model) : 'climbing'
  const kept = phase === 'rolled-back' ? { isolated: [], cohort: null } : apart
  const stood = { ...state.ladder, phase, rung: rungReached(percent, cohort, model), weights: command.weights, ...kept, aborted: null }
  return stage(state, stood, model, nowMs)
}

/** The policy has another ladder now: what is exposed stays, on the rung that it reaches, so that every way down from there leads down. */
export function fitted(ladder: Ladder, model: ModelLayout): Ladder {
  const { plan } = model
  const percent = percentOf(ladder, model)
  const cohort = ladder.cohort?.segment ?? ''
  if (percent === 0 || (plan.ladder[ladder.rung] === percent && cohortOn(ladder.rung, model) === cohort)) return ladder
  const rung = rungReached(percent, cohort, model)
  return { ...ladder, rung, throttledRungs: Math.min(ladder.throttledRungs, plan.ladder.length - 1 - rung) }
}

function onRung(old: Ladder, rung: number, model: ModelLayout): Ladder {
  const percent = model.plan.ladder[rung]!
  return { ...old, rung, ...exposureOn(rung, model), phase: phaseAt(percent, model) }
}

/** Less than now; where there is nothing less, as it is. */
function oneDown(old: Ladder, model: ModelLayout): Ladder {
  const below = rungBelow(old, model)
  return below === null ? old : lowered(old, below, model)
}

function lowered(old: Ladder, lower: Pick<Ladder, 'rung' | 'weights' | 'cohort'>, model: ModelLayout): Ladder {
  return { ...old, ...lower, phase: phaseAt(percentOf(lower, model), model) }
}

function beginning(old: Ladder, model: ModelLayout): Ladder {
  const first = firstStage(model)
  return first === 'climbing' ? onRung(old, 0, model) : unexposed(old, first, model)
}

function unexposed(old: Ladder, phase: 'offline' | 'shadow', model: ModelLayout): Ladder {
  return { ...old, rung: 0, weights: weightsFor(model, 0), cohort: null, phase }
}

function stage(state: JudgeState, ladder: Ladder, model: ModelLayout, nowMs: StreamTimeMs): JudgeState {
  const { contract: _ofBefore, ...kept } = state
  return {
    ...kept,
    evidence: startStage(state.evidence, model, nowMs, judgedFrom(state, ladder, model)),
    ladder: { ...ladder, stageSinceMs: nowMs },
    arrivals: arrivalsForgotten(state.arrivals),
  }
}

/** Where gateways obey, those of before and those of now mix until they have said so. */
function judgedFrom({ evidence }: JudgeState, ladder: Ladder, model: ModelLayout) {
  const after = judgedBy(ladder)
  return obeyed(model) ? populationBetween(populationNow(evidence), after) : after
}

function anewThrottle(state: JudgeState, model: ModelLayout): JudgeState {
  return { ...state, evidence: resetEvidence(state.evidence, model) }
}
