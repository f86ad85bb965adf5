/**
 * The decision table: an ordered list, the first rule that matches decides, and the verdict names it.
 *
 * Harm comes first, in every phase in which the candidate predicts; then what long blindness demands; then every reason to stay; then the
 * ways on.
 * A phase is part of a rule: what a rule does not list it does not touch.
 */
import type { HoldReason, Reading, Verdict } from '../domain.ts'
import { drilledBy } from '../kit/drill-name.ts'
import { isoTime } from '../kit/iso-time.ts'
import { approvalMissing } from './approvals.ts'
import { windowMissing } from './freeze-windows.ts'
import { BEGUN, CLIMBING, EXPOSED, JUDGED, RISING, WATCHED } from './phases.ts'
import { quarantineMissing } from './quarantine.ts'
import { isThrottle, rungBelow } from './segments.ts'
import type { Missing, Situation } from './situation.ts'
import { beginningWords } from './stages.ts'
import type { Ladder, Phase, Standing } from './state.ts'

export interface Rule {
  readonly name: string
  readonly phases: readonly Phase[]
  /** Of its verdicts. */
  readonly kind: Verdict['kind']
  readonly matches: (situation: Situation) => boolean
  readonly verdict: (situation: Situation) => Verdict
  /** What a hold stands on; the same hold on the same ground is written once. */
  readonly ground: (situation: Situation) => string
}

/** Rule of what is done in place of a rollback. */
export const NO_SAFE_TARGET = 'no-safe-target'

export const RULES: readonly Rule[] = [
  {
    // A rollback is due, and the control is sick itself: as little as can be, and people are called.
    name: NO_SAFE_TARGET,
    phases: EXPOSED,
    kind: 'throttle',
    matches: (situation) => hasLower(situation) && rollbackDue(situation) && situation.unsafeTarget !== '',
    verdict: ({ harms }) => ({ kind: 'throttle', rule: NO_SAFE_TARGET, evidence: harms.rollback }),
    ground: () => 'target',
  },
  {
    name: NO_SAFE_TARGET,
    phases: EXPOSED,
    kind: 'hold',
    matches: (situation) => !hasLower(situation) && rollbackDue(situation) && situation.unsafeTarget !== '',
    verdict: ({ unsafeTarget }) => hold('signal', NO_SAFE_TARGET, [{ kind: 'target', words: `not rolled back, ${unsafeTarget}` }]),
    ground: () => 'target',
  },
  {
    name: 'contract',
    phases: JUDGED,
    kind: 'rollback',
    matches: ({ broken }) => broken !== '',
    verdict: () => ({ kind: 'rollback', rule: 'contract', evidence: [] }),
    ground: () => 'contract',
  },
  {
    name: 'not-kept-out',
    phases: EXPOSED,
    kind: 'rollback',
    matches: ({ notKeptOut }) => notKeptOut !== '',
    verdict: () => ({ kind: 'rollback', rule: 'not-kept-out', evidence: [] }),
    ground: () => 'not-kept-out',
  },
  {
    name: 'isolate',
    phases: EXPOSED,
    kind: 'isolate',
    matches: ({ harms, located, model }) => model.plan.rollout.isolate !== '' && harms.rollback.length > 0 && located.segment !== '',
    verdict: ({ located }) => ({ kind: 'isolate', rule: 'isolate', evidence: located.evidence }),
    ground: ({ located }) => located.segment,
  },
  {
    name: 'harm',
    phases: JUDGED,
    kind: 'rollback',
    matches: ({ harms }) => harms.rollback.length > 0,
    verdict: ({ harms }) => ({ kind: 'rollback', rule: 'harm', evidence: harms.rollback }),
    ground: ({ harms }) => harms.rollback[0]!.guardrail,
  },
  {
    name: 'candidate-silent',
    phases: EXPOSED,
    kind: 'rollback',
    matches: ({ silent }) => silent !== '',
    verdict: () => ({ kind: 'rollback', rule: 'candidate-silent', evidence: [] }),
    ground: () => 'silent',
  },
  {
    name: 'throttle',
    phases: EXPOSED,
    kind: 'throttle',
    matches: (situation) => situation.harms.throttle.length > 0 && hasLower(situation) && !throttlePending(situation.ladder),
    verdict: ({ harms }) => ({ kind: 'throttle', rule: 'throttle', evidence: harms.throttle }),
    ground: ({ harms }) => harms.throttle[0]!.guardrail,
  },
  {
    name: 'blind-too-long',
    phases: CLIMBING,
    kind: 'step-down',
    matches: (situation) => situation.blindForMs > situation.model.plan.maxBlindMs && hasLower(situation),
    verdict: ({ ladder }) => ({ kind: 'step-down', rule: 'blind-too-long', sinceMs: ladder.blindSinceMs }),
    ground: () => 'blind',
  },
  {
    name: 'aborted',
    phases: ['rolled-back'],
    kind: 'hold',
    matches: ({ ladder }) => ladder.aborted !== null,
    verdict: ({ ladder }) => hold('human', 'aborted', standing('aborted', ladder.aborted)),
    ground: () => 'person',
  },
  {
    name: 'quarantined',
    phases: ['rolled-back'],
    kind: 'hold',
    matches: () => true,
    verdict: () => hold('quarantined', 'quarantined', [{ kind: 'person', words: 'a person resumes the rollout' }]),
    ground: () => 'rolled-back',
  },
  {
    name: 'quarantined',
    phases: ['new', 'offline', 'shadow', 'climbing'],
    kind: 'hold',
    matches: ({ ladder, model }) => quarantineMissing(ladder, model).length > 0,
    verdict: ({ ladder, model }) => hold('quarantined', 'quarantined', quarantineMissing(ladder, model)),
    ground: () => 'artifact',
  },
  holdRule('human', 'human', BEGUN, ({ ladder }) => standing('held', ladder.humanHold)),
  holdRule('frozen', 'frozen', RISING, frozenBy),
  {
    // A freeze asked for is told when it is; a window opens by itself.
    name: 'frozen',
    phases: ['new'],
    kind: 'hold',
    matches: ({ window, ladder }) => window !== null && ladder.frozen === null && ladder.humanHold === null,
    verdict: ({ window }) => hold('frozen', 'frozen', windowMissing(window)),
    ground: ({ window }) => `window ${window!.name}`,
  },
  holdRule('start-request', 'human', ['new'], startAwaited),
  holdRule('preflight', 'insufficient', ['new'], (situation) => (mayBegin(situation) ? situation.preflight : [])),
  holdRule('blind', 'blind', WATCHED, ({ blind }) => blind),
  holdRule('sample-ratio', 'assignment', CLIMBING, ({ assignment }) => assignment),
  holdRule('throttle-at-lowest', 'signal', WATCHED, throttledAtLowest),
  holdRule('signal', 'signal', WATCHED, ({ harms }) => harms.hold.map(signalOf)),
  holdRule('outcome-coverage', 'blind', WATCHED, ({ coverage }) => coverage),
  holdRule('cohort', 'insufficient', RISING, ({ cohort }) => cohort),
  holdRule('not-in-force', 'insufficient', WATCHED, ({ notInForce }) => notInForce),
  holdRule('calming', 'signal', CLIMBING, calming),
  holdRule('lifts-used-up', 'flapping', CLIMBING, liftsUsedUp),
  // On every way up: whoever takes a gate back, or serves another artifact, stops the rollout where it is, and takes nothing away by it.
  holdRule('gate', 'insufficient', BEGUN, ({ gate }) => gate),
  holdRule('guarding', 'insufficient', ['guard'], guarding),
  holdRule(
    'insufficient',
    'insufficient',
    ['shadow', 'climbing'],
    ({ lacking }) => lacking,
    ({ firstLacking }) => firstLacking,
  ),
  {
    // After every gate, and before every way up: it is asked for when it is all that lacks.
    name: 'approval',
    phases: ['shadow', 'climbing'],
    kind: 'hold',
    matches: ({ ladder, model }) => approvalMissing(ladder, model).length > 0,
    verdict: ({ ladder, model }) => hold('approval', 'approval', approvalMissing(ladder, model)),
    ground: ({ ladder, model }) => approvalMissing(ladder, model)[0]!.kind,
  },
  {
    // Nothing is left to hold after the last rung: the record and the alert are for people.
    name: 'steady',
    phases: ['promoted'],
    kind: 'hold',
    matches: ({ harms }) => steadyHolds(harms.hold).length > 0,
    verdict: ({ harms }) => hold('signal', 'steady', steadyHolds(harms.hold).map(signalOf)),
    // Nobody else looks after a promotion: one that joins those that speak already is news.
    ground: ({ harms }) =>
      steadyHolds(harms.hold)
        .map((reading) => reading.guardrail)
        .sort()
        .join(', '),
  },
  {
    name: 'steady-over',
    phases: ['promoted'],
    kind: 'hold',
    matches: ({ ladder }) => Object.values(ladder.open).some((alert) => alert.cause === 'steady'),
    verdict: () => hold('signal', 'steady-over', [{ kind: 'calm', words: 'no guardrail without a control speaks any more' }]),
    ground: () => 'calm',
  },
  {
    name: 'lift',
    phases: CLIMBING,
    kind: 'lift',
    matches: ({ ladder }) => ladder.throttledRungs > 0,
    verdict: ({ ladder }) => ({ kind: 'lift', rule: 'lift', sinceMs: ladder.calmSinceMs }),
    ground: () => 'calm',
  },
  {
    name: 'offline',
    phases: ['offline'],
    kind: 'advance',
    matches: ({ model }) => model.plan.rollout.shadow !== null,
    verdict: () => ({ kind: 'advance', rule: 'offline', proofs: [] }),
    ground: () => 'gate',
  },
  {
    name: 'guard',
    phases: ['guard'],
    kind: 'advance',
    matches: () => true,
    verdict: () => ({ kind: 'advance', rule: 'guard', proofs: [] }),
    ground: () => 'watched',
  },
  {
    name: 'gate-passed',
    phases: ['offline'],
    kind: 'promote',
    matches: () => true,
    verdict: () => ({ kind: 'promote', rule: 'gate-passed', proofs: [] }),
    ground: () => 'gate',
  },
  {
    name: 'promote',
    phases: ['shadow', 'climbing'],
    kind: 'promote',
    matches: ({ ladder, model }) => ladder.phase === 'shadow' || ladder.rung + 1 < model.plan.ladder.length,
    verdict: ({ proofs }) => ({ kind: 'promote', rule: 'promote', proofs }),
    ground: () => 'proven',
  },
  {
    name: 'start',
    phases: ['new'],
    kind: 'start',
    matches: mayBegin,
    verdict: ({ model }) => ({ kind: 'start', rule: 'start', note: `the rollout begins ${beginningWords(model)}` }),
    ground: () => 'first',
  },
]

/** The first rule of the list that speaks; undefined when the model stays as it is without a word (promoted, or not yet started). */
export function ruleFor(situation: Situation): Rule | undefined {
  return RULES.find((rule) => rule.phases.includes(situation.ladder.phase) && rule.matches(situation))
}

/** `first`: the first thing missing, where it can be had for less than all of them. */
function holdRule(
  name: string,
  because: HoldReason,
  phases: readonly Phase[],
  missing: (situation: Situation) => readonly Missing[],
  first: (situation: Situation) => Missing | undefined = (situation) => missing(situation)[0],
): Rule {
  return {
    name,
    phases,
    kind: 'hold',
    matches: (situation) => first(situation) !== undefined,
    verdict: (situation) => hold(because, name, missing(situation)),
    // The first thing missing only: a proof that comes and goes beside others is no news.
    ground: (situation) => first(situation)!.kind,
  }
}

function hold(because: HoldReason, rule: string, missing: readonly Missing[]): Verdict {
  return { kind: 'hold', because, rule, missing: missing.map((each) => each.words) }
}

function rollbackDue({ broken, harms, silent }: Situation): boolean {
  return broken !== '' || harms.rollback.length > 0 || silent !== ''
}

function frozenBy({ ladder, window }: Situation): readonly Missing[] {
  return [...standing('frozen', ladder.frozen), ...windowMissing(window)]
}

/** Outside the budgets, so without a weight: those that need no control. */
function steadyHolds(readings: readonly Reading[]): readonly Reading[] {
  return readings.filter((reading) => reading.weight === 0)
}

function signalOf(reading: Reading): Missing {
  if (reading.weight > 0) return open(reading.guardrail, reading.scope)
  return { kind: reading.guardrail, words: `${reading.guardrail}: ${reading.detail}` }
}

/** What a person has said about the model, and until when. */
export function standing(what: 'held' | 'frozen' | 'aborted', word: Standing | null): readonly Missing[] {
  if (word === null) return []
  // No later than any date there is: `requests.ts` sees to it.
  const until = (word.untilMs ?? null) === null ? '' : ` until ${isoTime(word.untilMs!)}`
  return [{ kind: 'person', words: `${what}${until} by ${word.who}: ${word.reason}` }]
}

function open(guardrail: string, scope: string): Missing {
  return { kind: guardrail, words: `${guardrail} speaks against the candidate in ${scope}` }
}

/** With a backlog before it a first command would take effect in a time that is not the one being read. */
function mayBegin({ catchingUp, ladder, window }: Situation): boolean {
  return !catchingUp && ladder.humanHold === null && ladder.frozen === null && window === null
}

function startAwaited(situation: Situation): readonly Missing[] {
  const { model, ladder } = situation
  if (model.plan.rollout.start === 'automatic' || ladder.humanHold !== null || ladder.frozen !== null) return []
  const drilled = model.shadow ? drilledBy(model.name) : null
  const words = drilled === null ? `a person starts it: flyball rollout start ${model.name}` : `a drill begins it: flyball drill ${drilled}`
  return [{ kind: 'start', words }]
}

/** The last rung is watched from when its split was seen. */
function guarding({ ladder, model, nowMs }: Situation): readonly Missing[] {
  const untilMs = Math.max(ladder.stageSinceMs, ladder.loop?.observedAtMs ?? 0) + model.plan.rollout.guardMs
  return nowMs >= untilMs ? [] : [{ kind: 'guard', words: `${Math.ceil((untilMs - nowMs) / 1000)} s of the guard remain` }]
}

/** A throttle on its way is not yet to blame for what the traffic of before still shows: one rung at a time. */
function throttlePending({ command, loop }: Ladder): boolean {
  return isThrottle(command) && loop !== null && loop.ackedAtMs === 0
}

function throttledAtLowest(situation: Situation): readonly Missing[] {
  return hasLower(situation) ? [] : situation.harms.throttle.map((reading) => open(reading.guardrail, reading.scope))
}

/** By what is exposed, and not by the rung: under another ladder it may be more than its rung says. */
function hasLower({ ladder, model }: Situation): boolean {
  return rungBelow(ladder, model) !== null
}

function calming({ ladder, calmForMs, model }: Situation): readonly Missing[] {
  const remainMs = model.plan.calmAfterMs - calmForMs
  if (ladder.throttledRungs === 0 || ladder.liftsUsed >= model.plan.maxLifts || remainMs <= 0) return []
  return [{ kind: 'calm', words: `${Math.ceil(remainMs / 1000)} s without new evidence until the throttle lifts` }]
}

function liftsUsedUp({ ladder, model }: Situation): readonly Missing[] {
  if (ladder.throttledRungs === 0 || ladder.liftsUsed < model.plan.maxLifts) return []
  return [{ kind: 'lifts', words: `throttled again after ${ladder.liftsUsed} lifts; a person resumes the rollout` }]
}
