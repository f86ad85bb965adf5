/** What is found on the control topic when a tenure begins: it comes before any rule, and is written down. */
import type { Command, Verdict } from '../domain.ts'
import { type Draft, decide, loopOf } from './decide.ts'
import { older } from './loop.ts'
import { grounded, lowers, withPolicyMode, writtenModel } from './mode.ts'
import { fitted, standingOn } from './move.ts'
import { percentWords } from './segments.ts'
import type { Setting } from './situation.ts'
import { heardNow } from './sources.ts'
import { candidateOf, commands, controlOf, type JudgeState, obeyed, renewedFor } from './state.ts'
import { epochOf, FORGED_RULE, isToldOf, nameOf, type RefusedCommand } from './unbelieved.ts'

export const QUARANTINED_KEY = 'hold:quarantined:rolled-back'
/** That a command just issued is not yet in force goes without saying. */
export const NOT_IN_FORCE_KEY = 'hold:not-in-force:in-force'

/** What stands on the control topic of the model, above or beside the command that the state knows. */
interface Found {
  /** The newest that is to be believed, known to the state or not. */
  readonly adopted: Command | null
  /** The newest one above it that is not. */
  readonly refused: RefusedCommand | null
}

/**
 * A tenure begins. Its commands rank above all that was ever seen. A command on the control topic that the state does not know (state
 * lost, or a person broke the glass) is in force: it is adopted, and nothing of ours is published over it. One that is not to be believed
 * (`refused`) is not.
 */
export function takenOver(draft: Draft, epoch: number, { adopted, refused }: Found, setting: Setting): Draft {
  const renewed = renewedFor(draft.state, setting.model)
  const ladder = withPolicyMode(renewed.ladder, writtenModel(setting))
  const epochSeen = Math.max(ladder.epochSeen, ladder.epoch, ladder.command?.epoch ?? 0, adopted?.epoch ?? 0, epochOf(refused))
  const sequence = Math.max(ladder.sequence, adopted?.sequence ?? 0)
  const sources = heardNow(renewed.sources, setting.wallMs)
  const state = { ...renewed, sources, ladder: { ...ladder, epochSeen, sequence, epoch: Math.max(epoch, epochSeen + 1) } }
  const unknown = adopted !== null && (ladder.command === null || older(ladder.command, adopted))
  // Where a person has said `observe` another may have broken the glass: what is in force is known all the same.
  const adopts = unknown && (commands(setting.model) || ladder.people.observing !== null) && sameRollout(adopted, setting)
  const told = policyLoaded({ ...draft, state }, adopts, setting)
  const taken = adopts ? adopt(told, adopted, setting) : told
  if (refused !== null && !isToldOf(ladder, refused)) return restated(taken, refused, setting)
  if (adopts) return taken
  if (ladder.command === null || !obeyed(setting.model)) return taken
  return republished(taken, setting.wallMs)
}

/** The same command again, same id, epoch and sequence: gateways refresh their lease. */
export function republished(draft: Draft, wallMs: number): Draft {
  const { command } = draft.state.ladder
  if (command === null) return draft
  const state = { ...draft.state, ladder: { ...draft.state.ladder, publishedWallMs: wallMs } }
  return { state, effects: [...draft.effects, { kind: 'republish', command }] }
}

/** Another policy than the last decision was taken under: written down, and what was agreed to under the old one is not agreed to now. */
function policyLoaded(draft: Draft, adopts: boolean, setting: Setting): Draft {
  const { ladder } = draft.state
  const { policyDigest } = setting.layout
  const { policyDigest: previous, approvals } = ladder.people
  if (previous === policyDigest) return draft
  const stood = underThisPolicy(draft.state, setting)
  const next = { ...stood, ladder: { ...stood.ladder, people: { ...ladder.people, policyDigest, approvals: [] } } }
  if (previous === '') return { ...draft, state: next }
  const lapse = approvals.length === 0 ? '' : `; the approval of stage ${approvals[0]!.stage} lapses`
  const verdict: Verdict = { kind: 'recorded', rule: 'policy-loaded', note: `Policy ${policyDigest} in place of ${previous}${lapse}` }
  const body = JSON.stringify({ policyDigest, previous })
  // What was taken away in thought is taken away now, unless somebody else's command is in force and adopted at once.
  const commandKind = !adopts && commands(setting.model) && lowers(next.ladder, setting.model) ? ('override' as const) : null
  return decide(draft, { verdict, next, commandKind, key: ladder.lastVerdict, silent: '', wallTimes: {}, body }, setting)
}

/** Its ladder may have other rungs; and what was climbed while an earlier one only observed was climbed in thought. */
function underThisPolicy(state: JudgeState, { model, nowMs }: Setting): JudgeState {
  const stood = commands(model) ? grounded(state, model, nowMs) : state
  return { ...stood, ladder: fitted(stood.ladder, model) }
}

function sameRollout(command: Command, { model }: Setting): boolean {
  return command.candidate === candidateOf(model) && command.control === controlOf(model)
}

function adopt(draft: Draft, command: Command, setting: Setting): Draft {
  const { model, wallMs } = setting
  // A person's command bears the wall clock, and the stream may be behind it: judge time follows the stream once it is known.
  const nowMs = setting.nowMs > 0 ? setting.nowMs : command.issuedAtMs
  const stood = standingOn(draft.state, command, model, nowMs)
  const loop = loopOf(draft.state.ladder, stood.ladder, { ...setting, nowMs })
  const next = { ...stood, ladder: { ...stood.ladder, command, commandNumber: 0, loop, publishedWallMs: wallMs } }
  const where = percentWords(stood.ladder, model)
  const note = `Adopted command ${command.epoch}/${command.sequence} found in force (${command.kind}, candidate at ${where}): ${command.reason}`
  const key = next.ladder.phase === 'rolled-back' ? QUARANTINED_KEY : ''
  const verdict: Verdict = { kind: 'adopt', rule: 'found-in-force', note }
  return decide(draft, { verdict, next, commandKind: null, key, silent: '', wallTimes: {} }, { ...setting, nowMs })
}

/** `draft`: in the new tenure, whose epoch is above the refused one. */
function restated(draft: Draft, refused: RefusedCommand, setting: Setting): Draft {
  const { ladder } = draft.state
  const next = { ...draft.state, ladder: { ...ladder, refusedCommand: nameOf(refused) } }
  const isOver = ladder.epoch > refused.epoch
  // With its state lost the judge knows of no command: then what its ladder stands on, the candidate at nothing.
  const { kind, rule } = ladder.command ?? { kind: 'override' as const, rule: FORGED_RULE }
  const commandKind: Command['kind'] | null = commands(setting.model) ? kind : null
  // As where a gateway is ahead: an isolation stays one, and nothing of ours looks like what a person said by break-glass.
  const commandRule = kind === 'override' ? FORGED_RULE : rule
  const done =
    commandKind === null
      ? 'nothing is commanded in this mode'
      : `what was decided last is issued again ${isOver ? 'above it' : 'below it, for no number is above it: give gateways keys to verify'}`
  const note = `Refused command ${nameOf(refused)} found on the control topic: ${refused.why}; ${done}`
  const verdict: Verdict = { kind: 'refused', rule: FORGED_RULE, note }
  const finding = { verdict, next, commandKind, commandRule, key: ladder.lastVerdict, silent: '', wallTimes: { detected: setting.wallMs } }
  // As with a command of a person: where no record clock is known yet, the wall clock dates it.
  const nowMs = setting.nowMs > 0 ? setting.nowMs : Math.max(ladder.decidedAtMs ?? 0, setting.wallMs)
  return decide(draft, finding, { ...setting, nowMs })
}
