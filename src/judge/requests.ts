/**
 * What people ask for: each request is answered by one decision, done or refused and why, and a request seen before by none.
 *
 * What takes exposure away is never refused for what the rollout is in: only when it comes too late, or was asked of another command
 * than the one in force. Where nothing is left to take away it is answered all the same. What gives exposure obeys freeze, hold,
 * quarantine and the rules.
 */
import type { OperatorRequest, Verdict } from '../domain.ts'
import { isoTime } from '../kit/iso-time.ts'
import { isSegment } from '../kit/subject.ts'
import { approvalMissingFor, approve, askedBy } from './approvals.ts'
import { type Draft, decide, type Finding } from './decide.ts'
import { drillOf, withDrill } from './drills.ts'
import { openWindow, windowMissing } from './freeze-windows.ts'
import { gateMissing, gateOf, gateWords, withGate } from './gate.ts'
import { governed, setMode, writtenModel } from './mode.ts'
import { letBackIn, moved, resumed, rolledBack, throttledByPerson } from './move.ts'
import { NOT_IN_FORCE_KEY, QUARANTINED_KEY } from './operator.ts'
import { BEGUN, RISING } from './phases.ts'
import { failedChecks } from './preflight.ts'
import { isCandidate, quarantinedNow, quarantineMissing, releasedOther, withoutCandidate } from './quarantine.ts'
import { quarantine } from './quarantining.ts'
import { ruleFor, standing } from './rules.ts'
import { isSeen, withSeen } from './seen.ts'
import { percentWords, rungBelow } from './segments.ts'
import { isCatchingUp, lackingForPerson, type Missing, type Setting, situationOf, unsafeTargetNow } from './situation.ts'
import { beginningWords, isUnexposed } from './stages.ts'
import { candidateOf, type JudgeState, type Ladder, obeyed, type Standing } from './state.ts'
import { did } from './words.ts'

const HELD_KEY = 'hold:human:person'
const FROZEN_KEY = 'hold:frozen:person'
const ABORTED_KEY = 'hold:aborted:person'
/** The last time that a date can name. */
const LAST_MS = 8.64e15

interface Asked {
  /** The request is among those seen already. */
  readonly state: JudgeState
  readonly request: OperatorRequest
  readonly setting: Setting
  readonly candidate: string
}

interface Done {
  readonly next: JudgeState
  /** Traffic is to be moved. */
  readonly moves: boolean
  /** What stands in `lastVerdict` afterwards. */
  readonly key: string
  readonly note: string
  /** Only written down, as JSON: nothing is overridden. */
  readonly body?: string
}

interface Refused {
  readonly rule: string
  readonly why: string
}

const VERBS: Readonly<Record<OperatorRequest['verb'], (asked: Asked) => Done | Refused>> = {
  rollback: rollBack,
  throttle,
  abort,
  hold,
  freeze,
  unfreeze,
  resume,
  release,
  promote,
  start,
  approve: ({ state, request, setting }) => approve(state, request, askerOf(request), setting),
  quarantine: ({ state, request, setting }) => quarantine(state, request, askerOf(request), setting),
  mode: ({ state, request, setting }) => setMode(state, request, askerOf(request), setting),
  gate,
  drill: recordDrill,
  key: keyChanged,
}

export function requested(draft: Draft, request: OperatorRequest, setting: Setting, untrusted = ''): Draft {
  const { ladder } = draft.state
  if (isSeen(ladder.requestsSeen, request)) return draft
  const requestsSeen = withSeen(ladder.requestsSeen, request, setting.wallMs)
  const state = { ...draft.state, ladder: { ...ladder, requestsSeen } }
  const asked: Asked = { state, request, setting, candidate: candidateOf(setting.model) }
  const unproven: Refused | null = untrusted === '' ? null : { rule: 'signature', why: untrusted }
  const answer = unproven ?? tooLate(asked) ?? ofAnotherCommand(asked) ?? VERBS[request.verb](asked)
  return 'why' in answer ? refused(draft, asked, answer) : done(draft, asked, answer)
}

function done(draft: Draft, { request, setting }: Asked, { next, moves, key, note, body }: Done): Draft {
  const who = askerOf(request)
  const words = `${note} by ${who}: ${request.reason}`
  const verdict: Verdict =
    body === undefined ? { kind: 'override', rule: 'operator', note: words } : { kind: 'recorded', rule: request.verb, note: words }
  const commandKind: Finding['commandKind'] = moves ? 'override' : null
  const wallTimes = { detected: setting.wallMs }
  // Who sets the mode is obeyed at once.
  const then = { ...setting, model: governed(writtenModel(setting), next.ladder) }
  const told = body === undefined ? {} : { body }
  return decide(draft, { verdict, next, commandKind, key, silent: '', wallTimes, requestId: request.id, who, ...told }, then)
}

function refused(draft: Draft, { state, request, setting, candidate }: Asked, { rule, why }: Refused): Draft {
  const what = refusedWords(request, candidate, setting.model.name)
  const note = `Refused to ${what}: ${why}. Asked by ${askerOf(request)}: ${request.reason}`
  const verdict: Verdict = { kind: 'refused', rule, note }
  const finding = {
    verdict,
    next: state,
    commandKind: null,
    key: state.ladder.lastVerdict,
    silent: '',
    wallTimes: {},
    requestId: request.id,
  }
  return decide(draft, finding, setting)
}

/** Holds and freezes end by themselves at the wall clock that was named. */
export function withoutWhatIsOver(draft: Draft, setting: Setting): Draft {
  const { humanHold, frozen } = draft.state.ladder
  const held = isOver(humanHold, setting) ? ended(draft, 'hold', humanHold!, setting) : draft
  return isOver(frozen, setting) ? ended(held, 'freeze', frozen!, setting) : held
}

function isOver(word: Standing | null, { wallMs }: Setting): boolean {
  const untilMs = word?.untilMs ?? null
  return untilMs !== null && wallMs >= untilMs
}

function ended(draft: Draft, what: 'hold' | 'freeze', { who, reason, untilMs }: Standing, setting: Setting): Draft {
  const over = what === 'hold' ? { humanHold: null } : { frozen: null }
  const next = { ...draft.state, ladder: { ...draft.state.ladder, ...over } }
  const note = `The ${what} of ${setting.model.name} is over: it was asked for until ${timeWords(untilMs ?? 0)} by ${who}: ${reason}`
  const verdict: Verdict = { kind: 'override', rule: 'until', note }
  return decide(draft, { verdict, next, commandKind: null, key: '', silent: '', wallTimes: {} }, setting)
}

// ── what comes before any verb ─────────────────────────────────────────────────────────────────────────────────────────────

function tooLate({ request, setting }: Asked): Refused | null {
  const { expiresAtMs, untilMs, verb } = request
  if (expiresAtMs !== null && setting.wallMs > expiresAtMs) return { rule: 'expired', why: `it expired at ${timeWords(expiresAtMs)}` }
  const lasts = verb === 'hold' || verb === 'freeze'
  if (lasts && untilMs !== null && setting.wallMs >= untilMs) return { rule: 'expired', why: `its end, ${timeWords(untilMs)}, has passed` }
  return null
}

function ofAnotherCommand({ state, request, candidate }: Asked): Refused | null {
  const { sequence, command, commandNumber } = state.ladder
  if (request.ifSequence === null || request.ifSequence === sequence) return null
  if (command === null)
    return { rule: 'if-sequence', why: `it was asked of command ${request.ifSequence}, and none is in force (sequence ${sequence})` }
  const decision = commandNumber > 0 ? `decision #${commandNumber}` : `decision ${command.decisionId}`
  const what = `${command.kind}, rule ${command.rule}, ${candidate} at ${command.weights[candidate] ?? 0} %`
  const why = `it was asked of command ${request.ifSequence}, and ${sequence} is in force (${what}) since ${decision}: ${command.reason}`
  return { rule: 'if-sequence', why }
}

// ── what takes exposure away, or keeps it from rising ──────────────────────────────────────────────────────────────────────

function rollBack({ state, setting, candidate }: Asked): Done {
  const sick = unsafeTargetNow(state, setting)
  const target = sick === '' ? '' : ` (its target is sick: ${sick})`
  const note = `${did(setting.model, 'Rolled back', 'roll back')} ${candidate}${target}${inThought(state, setting)}`
  return { next: rolledBack(state, setting.model, setting.nowMs), moves: !isUnexposed(state.ladder.phase), key: QUARANTINED_KEY, note }
}

/** The rollout is over without a word about harm: nothing is quarantined that was not before. */
function abort({ state, request, setting, candidate }: Asked): Done {
  if (state.ladder.phase === 'rolled-back') return nothingDone(state, `Nothing to abort, ${candidate} has no traffic: asked`)
  const stopped = rolledBack(state, setting.model, setting.nowMs)
  const next = { ...stopped, ladder: { ...stopped.ladder, aborted: standingOf(request) } }
  const note = `${did(setting.model, 'Aborted', 'abort')} the rollout of ${candidate}`
  return { next, moves: !isUnexposed(state.ladder.phase), key: ABORTED_KEY, note }
}

function throttle({ state, setting, candidate }: Asked): Done {
  const { phase } = state.ladder
  const was = percentWords(state.ladder, setting.model)
  if (phase === 'new' || phase === 'rolled-back' || isUnexposed(phase))
    return nothingDone(state, `Nothing to throttle, ${candidate} has no traffic: asked`)
  if (rungBelow(state.ladder, setting.model) === null)
    return nothingDone(state, `Nothing to throttle, ${candidate} is on its lowest rung, ${was}: asked`)
  const next = throttledByPerson(state, setting.model, setting.nowMs)
  const words = `${candidate} from ${was} to ${percentWords(next.ladder, setting.model)}`
  return { next, moves: true, key: keyAfterMove(next.ladder, setting), note: `${did(setting.model, 'Throttled', 'throttle')} ${words}` }
}

function hold({ state, request, candidate }: Asked): Done {
  const next = { ...state, ladder: { ...state.ladder, humanHold: standingOf(request) } }
  const key = BEGUN.includes(state.ladder.phase) ? HELD_KEY : state.ladder.lastVerdict
  return { next, moves: false, key, note: `Held ${candidate}${untilWords(request)}` }
}

function freeze({ state, request, setting }: Asked): Done {
  const { ladder } = state
  const next = { ...state, ladder: { ...ladder, frozen: standingOf(request) } }
  const key = RISING.includes(ladder.phase) && ladder.humanHold === null ? FROZEN_KEY : ladder.lastVerdict
  return { next, moves: false, key, note: `Froze ${setting.model.name}${untilWords(request)}` }
}

function nothingDone(state: JudgeState, note: string): Done {
  return { next: state, moves: false, key: state.ladder.lastVerdict, note }
}

// ── what is remembered, and moves nothing by itself ──────────────────────────────────────────────────────────────────────

function recordDrill({ state, request, setting }: Asked): Done | Refused {
  const { model, wallMs } = setting
  const result = drillOf(request, model)
  if (typeof result === 'string') return { rule: 'no-drill', why: result }
  // The asker's clock may be ahead of ours: nothing is recorded from the future.
  const next = withDrill(state, result, Math.min(request.atMs, wallMs))
  const note = `Drill of ${model.name}, scenario ${result.scenario}: ${result.passed ? 'passed' : 'failed'}. Recorded`
  return { next, moves: false, key: state.ladder.lastVerdict, note, body: request.body }
}

function gate({ state, request, setting }: Asked): Done | Refused {
  const found = gateOf(request, askerOf(request), setting.model)
  if (typeof found === 'string') return { rule: 'gate', why: found }
  const next = { ...state, ladder: { ...state.ladder, gates: withGate(state.ladder.gates, found, setting.model) } }
  return { next, moves: false, key: state.ladder.lastVerdict, note: gateWords(found), body: request.body }
}

// ── what gives exposure, or lets it rise again ─────────────────────────────────────────────────────────────────────────────

function unfreeze({ state, setting }: Asked): Done {
  const { name } = setting.model
  if (state.ladder.frozen === null) return nothingDone(state, `Nothing to unfreeze, ${name} is not frozen: asked`)
  return { next: { ...state, ladder: { ...state.ladder, frozen: null } }, moves: false, key: '', note: `Unfroze ${name}` }
}

function resume({ state, request, setting, candidate }: Asked): Done | Refused {
  const note = `Resumed ${candidate}`
  if (state.ladder.phase !== 'rolled-back') return { next: resumed(state, setting.model, setting.nowMs), moves: false, key: '', note }
  const against = quarantinedFirmly(state.ladder, setting) ?? frozenNow(state.ladder, setting) ?? unchecked(state, setting)
  if (against !== null) return against
  const next = begunAnew(state, request, setting)
  return { next, moves: !isUnexposed(next.ladder.phase), key: '', note }
}

/** What a rollback laid on this rollout ends with it; what a person asked for, or another rollout left, takes a release. */
function quarantinedFirmly(ladder: Ladder, { model }: Setting): Refused | null {
  const entry = quarantinedNow(ladder, model)
  return entry?.asked || ladder.aborted !== null ? listedNow(ladder, { model }) : null
}

/** On the list, for whatever reason. */
function listedNow(ladder: Ladder, { model }: Pick<Setting, 'model'>): Refused | null {
  const missing = quarantineMissing(ladder, model)
  return missing.length === 0 ? null : { rule: 'quarantined', why: first(missing) }
}

/** From the first stage, on the word of whoever asks: he answers for it, and does not approve it himself. */
function begunAnew(state: JudgeState, request: OperatorRequest, { model, nowMs }: Setting): JudgeState {
  const free = withoutCandidate(resumed(state, model, nowMs), model)
  return { ...free, ladder: askedBy(free.ladder, request) }
}

/** As `resume` of a rolled-back candidate, for whoever wants that and nothing else: a hold is not ended by it. */
function release(asked: Asked): Done | Refused {
  const { state, request, setting, candidate } = asked
  const { ladder } = state
  if (request.subject !== null && (isSegment(request.subject) || ladder.isolated.includes(request.subject)))
    return releaseSegment(asked, request.subject)
  const listed = quarantinedNow(ladder, setting.model)
  const other = releasedOther(state, request.subject, setting.model)
  if (other !== null) return other
  if (request.subject !== null && !isCandidate(request.subject, setting.model))
    return { rule: 'not-quarantined', why: `${request.subject} is not quarantined` }
  if (listed !== null && (ladder.phase !== 'rolled-back' || ladder.aborted !== null)) {
    const next = withoutCandidate(state, setting.model)
    return { next, moves: false, key: '', note: `Released ${listed.artifact} from quarantine` }
  }
  if (ladder.phase !== 'rolled-back') return { rule: 'not-quarantined', why: `${candidate} is not quarantined` }
  if (ladder.aborted !== null)
    return { rule: 'not-quarantined', why: `${first(standing('aborted', ladder.aborted))}; resume begins it anew` }
  const against = heldNow(ladder) ?? frozenNow(ladder, setting) ?? unchecked(state, setting)
  if (against !== null) return against
  const next = begunAnew(state, request, setting)
  return { next, moves: !isUnexposed(next.ladder.phase), key: '', note: `Released ${candidate} from quarantine` }
}

/** The rollout begins now, where the plan waits for a person, or where it would have begun by itself. */
function start({ state, request, setting, candidate }: Asked): Done | Refused {
  const { ladder } = state
  const against =
    notNew(ladder, candidate, setting) ??
    listedNow(ladder, setting) ??
    heldNow(ladder) ??
    frozenNow(ladder, setting) ??
    unprepared(state, setting)
  if (against !== null) return against
  const begun = moved(state, 'start', setting.model, setting.nowMs)
  const next = { ...begun, ladder: askedBy(begun.ladder, request) }
  const moves = !isUnexposed(next.ladder.phase)
  const note = `${did(setting.model, 'Started', 'start')} ${candidate} ${beginningWords(setting.model)},`
  return { next, moves, key: moves ? keyAfterMove(next.ladder, setting) : '', note }
}

function notNew(ladder: Ladder, candidate: string, setting: Setting): Refused | null {
  if (ladder.phase === 'new') return null
  if (ladder.phase === 'rolled-back') return notClimbing(ladder, candidate, setting)
  return { rule: 'begun', why: `its rollout has begun (${ladder.phase})` }
}

function unprepared(state: JudgeState, setting: Setting): Refused | null {
  if (setting.nowMs === 0 || isCatchingUp(state, setting))
    return { rule: 'catching-up', why: 'what is in the topics has not been read yet' }
  return unchecked(state, setting)
}

/** Whoever begins anew meets the same pre-flight checks as whoever begins. */
function unchecked(state: JudgeState, setting: Setting): Refused | null {
  const failed = failedChecks(state, setting)
  return failed.length === 0 ? null : { rule: 'preflight', why: failed.map((each) => each.words).join('; ') }
}

/**
 * The candidate serves a segment again that it was kept out of. What was found there is forgotten: a person has looked at it. Who approved
 * the stage agreed to less, and whoever raises it does not approve it.
 */
function releaseSegment({ state, request, setting, candidate }: Asked, segment: string): Done | Refused {
  const { ladder } = state
  if (!ladder.isolated.includes(segment)) return { rule: 'not-isolated', why: `${candidate} is not kept out of ${segment}` }
  const against = listedNow(ladder, setting) ?? heldNow(ladder) ?? frozenNow(ladder, setting) ?? ungated(ladder, setting)
  if (against !== null) return against
  const raised = { ...state, ladder: { ...ladder, people: { ...ladder.people, approvals: [], raisedBy: request.who } } }
  const next = letBackIn(raised, segment, setting.model, setting.nowMs)
  return { next, moves: true, key: keyAfterMove(next.ladder, setting), note: `Let ${candidate} into ${segment} again` }
}

/**
 * One rung up now, for a person need not wait for the dwell. Everything else that a promotion rests on is asked for as ever: rows and
 * proofs are the evidence, which nobody's word replaces, and no rule may speak against it.
 */
function promote({ state, request, setting, candidate }: Asked): Done | Refused {
  const against =
    notClimbing(state.ladder, candidate, setting) ??
    ruledOut(state, setting) ??
    unproven(state, setting, candidate) ??
    approvalMissingFor(askerOf(request), state.ladder, setting.model)
  if (against !== null) return against
  const next = moved(state, 'promote', setting.model, setting.nowMs)
  const words = `${candidate} from ${percentWords(state.ladder, setting.model)} to ${percentWords(next.ladder, setting.model)}`
  const note = `${did(setting.model, 'Promoted', 'promote')} ${words} without waiting for the dwell`
  return { next, moves: true, key: keyAfterMove(next.ladder, setting), note }
}

function notClimbing(ladder: Ladder, candidate: string, setting: Setting): Refused | null {
  switch (ladder.phase) {
    case 'climbing':
    case 'shadow':
      return null
    case 'new':
      return heldNow(ladder) ?? frozenNow(ladder, setting) ?? { rule: 'not-started', why: 'the rollout has not begun' }
    case 'offline':
      return heldNow(ladder) ?? frozenNow(ladder, setting) ?? { rule: 'gate', why: 'it waits for a passed gate, and goes on by itself' }
    case 'guard':
    case 'promoted':
      return { rule: 'highest-rung', why: `${candidate} is on the highest rung` }
    case 'rolled-back':
      if (ladder.aborted !== null) return { rule: 'aborted', why: first(standing('aborted', ladder.aborted)) }
      return { rule: 'quarantined', why: `${candidate} is quarantined` }
  }
}

/** What the rules say first, unless it is that the promotion is due, or that something is lacking that is looked at anyway. */
function ruledOut(state: JudgeState, setting: Setting): Refused | null {
  const situation = situationOf(state, setting)
  const rule = ruleFor(situation)
  if (rule === undefined || rule.name === 'promote' || rule.name === 'insufficient') return null
  const verdict = rule.verdict(situation)
  return {
    rule: rule.name,
    why: verdict.kind === 'hold' ? verdict.missing.join('; ') : `first comes a ${verdict.kind}, by rule ${rule.name}`,
  }
}

function unproven(state: JudgeState, setting: Setting, candidate: string): Refused | null {
  const lacking = lackingForPerson(state, setting)
  if (lacking === null) return { rule: 'highest-rung', why: `${candidate} is on the highest rung` }
  return lacking.length === 0 ? null : { rule: 'insufficient', why: lacking.map((each) => each.words).join('; ') }
}

function heldNow({ humanHold }: Ladder): Refused | null {
  return humanHold === null ? null : { rule: 'human', why: first(standing('held', humanHold)) }
}

/** By a person, or by a window of the plan. */
function frozenNow({ frozen }: Ladder, { model, wallMs }: Setting): Refused | null {
  const missing = [...standing('frozen', frozen), ...windowMissing(openWindow(model.plan.rollout.freezeWindows, wallMs))]
  return missing.length === 0 ? null : { rule: 'frozen', why: first(missing) }
}

/** Of the plan's offline validation: not passed, taken back, or of another artifact. */
function ungated(ladder: Ladder, { model }: Setting): Refused | null {
  const missing = gateMissing(ladder, model)
  return missing.length === 0 ? null : { rule: 'gate', why: first(missing) }
}

// ── what is only written down ──────────────────────────────────────────────────────────────────────────────────────────────

function keyChanged({ state, request }: Asked): Done {
  const { body, subject } = request
  const note = `Recorded a change of key ${subject ?? '(not named)'}`
  return { next: state, moves: false, key: state.ladder.lastVerdict, note, body }
}

/** A person must not believe that traffic moved. */
function inThought({ ladder }: JudgeState, { model }: Setting): string {
  return ladder.people.observing === null ? '' : ` (${model.name} is set to observe, nothing is commanded: --break-glass does it)`
}

// ── words ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** "promote v2", "set the mode of flights": what was asked for, as an infinitive. */
function refusedWords({ verb, subject }: OperatorRequest, candidate: string, model: string): string {
  switch (verb) {
    case 'rollback':
      return `roll back ${candidate}`
    case 'release':
      return `release ${subject ?? candidate}`
    case 'quarantine':
      return `quarantine ${subject ?? candidate}`
    case 'freeze':
    case 'unfreeze':
      return `${verb} ${model}`
    case 'mode':
      return `set the mode of ${model}`
    case 'gate':
    case 'drill':
      return `record a ${verb} of ${verb === 'gate' ? (subject ?? candidate) : model}`
    case 'key':
      return 'record a change of a key'
    default:
      return `${verb} ${candidate}`
  }
}

function first(missing: readonly Missing[]): string {
  return missing[0]?.words ?? ''
}

/** The same hold as before says nothing new after a move; that the command is not yet in force goes without saying. */
function keyAfterMove({ humanHold, frozen, phase }: Ladder, { model }: Setting): string {
  if (BEGUN.includes(phase) && humanHold !== null) return HELD_KEY
  if (RISING.includes(phase) && frozen !== null) return FROZEN_KEY
  return obeyed(model) ? NOT_IN_FORCE_KEY : ''
}

function standingOf(request: OperatorRequest): Standing {
  const lasts = request.verb === 'hold' || request.verb === 'freeze'
  const untilMs = lasts && request.untilMs !== null ? Math.min(request.untilMs, LAST_MS) : null
  return { who: askerOf(request), reason: request.reason, untilMs }
}

function askerOf({ who, knownBy }: OperatorRequest): string {
  if (knownBy === 'unstated') return who
  return `${who} (${knownBy === 'osUser' ? 'OS user' : 'Kafka principal'})`
}

function untilWords({ untilMs }: OperatorRequest): string {
  return untilMs === null ? '' : ` until ${timeWords(untilMs)}`
}

/** Whoever asks may name a time that no calendar has. */
function timeWords(ms: number): string {
  return isoTime(Math.max(-LAST_MS, Math.min(ms, LAST_MS)))
}
