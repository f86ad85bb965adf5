/**
 * The mode in which a model is judged: the policy's, unless a person has said `observe`. Nothing else looks at the policy's own: the judge
 * is given the model as this file says it is.
 *
 * Under a person's `observe` the ladder goes on in thought and no command is written, heartbeats neither: gateways keep what they hold
 * until their lease runs out, and then do what it says of silence. Nobody can say `enforce` to a policy that says `observe`.
 */
import type { OperatorRequest } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { issuedLoop } from './loop.ts'
import { keptOut, standingOn } from './move.ts'
import type { Answer, Refusal } from './people.ts'
import { apartIn, percentOf } from './segments.ts'
import type { Setting } from './situation.ts'
import { type JudgeState, type Ladder, obeyed, weightsFor } from './state.ts'

/** One derived model for each given one: what others keep beside a model is kept beside the derived one as well. */
const OBSERVED = new WeakMap<ModelLayout, ModelLayout>()

/** The model as it is judged now. */
export function governed(model: ModelLayout, { people }: Ladder): ModelLayout {
  if (people.observing === null || model.plan.mode !== 'enforce') return model
  const known = OBSERVED.get(model)
  if (known !== undefined) return known
  const observed: ModelLayout = { ...model, plan: { ...model.plan, mode: 'observe' } }
  OBSERVED.set(model, observed)
  return observed
}

/** The model as the policy has it. */
export function writtenModel({ layout, model }: Pick<Setting, 'layout' | 'model'>): ModelLayout {
  return layout.models[model.index] ?? model
}

/** A policy that says `observe` itself ends what a person said. */
export function withPolicyMode(ladder: Ladder, { plan }: ModelLayout): Ladder {
  if (ladder.people.observing === null || plan.mode === 'enforce') return ladder
  return { ...ladder, people: { ...ladder.people, observing: null } }
}

/** `asker`: in words. */
export function setMode(
  state: JudgeState,
  { subject, reason }: OperatorRequest,
  asker: string,
  setting: Setting,
): Answer<JudgeState> | Refusal {
  const written = writtenModel(setting)
  const { people, lastVerdict: key } = state.ladder
  if (subject !== 'observe' && subject !== 'enforce') return { rule: 'unknown-mode', why: `there is no mode ${subject ?? '(none named)'}` }
  if (written.plan.mode === 'observe')
    return subject === 'observe'
      ? { next: state, moves: false, key, note: `Nothing to change, the policy says observe for ${written.name}: asked` }
      : { rule: 'policy-mode', why: 'the policy says observe' }
  if (subject === 'observe') return observing(state, { who: asker, reason }, written)
  if (people.observing === null) return { next: state, moves: false, key, note: `Nothing to change, ${written.name} is enforced: asked` }
  return enforcing(state, written, setting)
}

function observing(
  state: JudgeState,
  word: { readonly who: string; readonly reason: string },
  { name, plan }: ModelLayout,
): Answer<JudgeState> {
  const { ladder } = state
  const next = { ...state, ladder: { ...ladder, people: { ...ladder.people, observing: word } } }
  const gateways = plan.onSilence === 'keep' ? 'gateways keep what they hold' : 'gateways go to the control when their lease runs out'
  return { next, moves: false, key: '', note: `Set ${name} to observe: nothing is commanded any more, ${gateways}` }
}

function enforcing(state: JudgeState, model: ModelLayout, { nowMs, wallMs }: Setting): Answer<JudgeState> {
  const { command, people } = state.ladder
  // What was adopted meanwhile was watched by nobody: its gateways are asked from now on.
  const loop = state.ladder.loop ?? (command !== null && obeyed(model) ? issuedLoop(nowMs, wallMs) : null)
  const free = { ...state, ladder: { ...state.ladder, loop, people: { ...people, observing: null } } }
  const next = grounded(free, model, nowMs)
  return { next, moves: lowers(next.ladder, model), key: '', note: `Set ${model.name} to enforce` }
}

/**
 * What was climbed in thought was never exposed. So the ladder stands where the command in force has it, or lower where the judge would
 * have gone lower meanwhile; and without any command, or after one that took everything, the rollout begins by the rules.
 */
export function grounded(state: JudgeState, model: ModelLayout, nowMs: number): JudgeState {
  const { ladder } = state
  const inForce = exposureOf(ladder)
  if (percentOf(ladder, model) === 0) return state
  if (percentOf(inForce, model) === 0) {
    const anew: Ladder = { ...ladder, phase: 'new', rung: 0, throttledRungs: 0, liftsUsed: 0 }
    return { ...state, ladder: { ...anew, weights: weightsFor(model, 0), cohort: null, isolated: [] } }
  }
  if (isWider(ladder, inForce, model)) return standingOn(state, ladder.command!, model, nowMs)
  const kept = inForce.isolated.filter((segment) => !ladder.isolated.includes(segment))
  return kept.reduce((each, segment) => keptOut(each, segment, model, nowMs), state)
}

type Exposure = Pick<Ladder, 'weights' | 'cohort' | 'isolated'>

function exposureOf({ command }: Ladder): Exposure {
  return command === null ? { weights: {}, cohort: null, isolated: [] } : { weights: command.weights, ...apartIn(command) }
}

/** At the same percent a cohort is less than everybody. */
function isWider(one: Exposure, other: Exposure, model: ModelLayout): boolean {
  const [mine, theirs] = [percentOf(one, model), percentOf(other, model)]
  return mine > theirs || (mine > 0 && other.cohort !== null && one.cohort?.segment !== other.cohort.segment)
}

/** Less is wanted than what the command in force gives. */
export function lowers(ladder: Ladder, model: ModelLayout): boolean {
  const inForce = exposureOf(ladder)
  return isWider(inForce, ladder, model) || ladder.isolated.some((segment) => !inForce.isolated.includes(segment))
}
