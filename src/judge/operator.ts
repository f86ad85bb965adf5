/** What is found on the control topic when a tenure begins: it comes before any rule, and is written down. */
import type { Command, Verdict } from '../domain.ts'
import { type Draft, decide } from './decide.ts'
import { issuedLoop, older } from './loop.ts'
import { standingOn } from './move.ts'
import { percentWords } from './segments.ts'
import type { Setting } from './situation.ts'
import { heardNow } from './sources.ts'
import { candidateOf, commands, controlOf, obeyed, renewedFor } from './state.ts'

export const QUARANTINED_KEY = 'hold:quarantined:rolled-back'
/** That a command just issued is not yet in force goes without saying. */
export const NOT_IN_FORCE_KEY = 'hold:not-in-force:in-force'

/**
 * A tenure begins. Its commands rank above all that was ever seen. A command on the control topic that the state does not know (state
 * lost, or a person broke the glass) is in force: it is adopted, and nothing of ours is published over it.
 */
export function takenOver(draft: Draft, epoch: number, adopted: Command | null, setting: Setting): Draft {
  const renewed = renewedFor(draft.state, setting.model)
  const { ladder } = renewed
  const epochSeen = Math.max(ladder.epochSeen, ladder.epoch, ladder.command?.epoch ?? 0, adopted?.epoch ?? 0)
  const sequence = Math.max(ladder.sequence, adopted?.sequence ?? 0)
  const sources = heardNow(renewed.sources, setting.wallMs)
  const state = { ...renewed, sources, ladder: { ...ladder, epochSeen, sequence, epoch: Math.max(epoch, epochSeen + 1) } }
  const unknown = adopted !== null && (ladder.command === null || older(ladder.command, adopted))
  if (unknown && commands(setting.model) && sameRollout(adopted, setting)) return adopt({ ...draft, state }, adopted, setting)
  if (ladder.command === null || !obeyed(setting.model)) return { ...draft, state }
  return republished({ ...draft, state }, setting.wallMs)
}

/** The same command again, same id, epoch and sequence: gateways refresh their lease. */
export function republished(draft: Draft, wallMs: number): Draft {
  const { command } = draft.state.ladder
  if (command === null) return draft
  const state = { ...draft.state, ladder: { ...draft.state.ladder, publishedWallMs: wallMs } }
  return { state, effects: [...draft.effects, { kind: 'republish', command }] }
}

function sameRollout(command: Command, { model }: Setting): boolean {
  return command.candidate === candidateOf(model) && command.control === controlOf(model)
}

function adopt(draft: Draft, command: Command, setting: Setting): Draft {
  const { model, wallMs } = setting
  // A person's command bears the wall clock, and the stream may be behind it: judge time follows the stream once it is known.
  const nowMs = setting.nowMs > 0 ? setting.nowMs : command.issuedAtMs
  const stood = standingOn(draft.state, command, model, nowMs)
  const loop = obeyed(model) ? issuedLoop(nowMs, wallMs) : null
  const next = { ...stood, ladder: { ...stood.ladder, command, commandNumber: 0, loop, publishedWallMs: wallMs } }
  const where = percentWords(stood.ladder, model)
  const note = `Adopted command ${command.epoch}/${command.sequence} found in force (${command.kind}, candidate at ${where}): ${command.reason}`
  const key = next.ladder.phase === 'rolled-back' ? QUARANTINED_KEY : ''
  const verdict: Verdict = { kind: 'adopt', rule: 'found-in-force', note }
  return decide(draft, { verdict, next, commandKind: null, key, silent: '', wallTimes: {} }, { ...setting, nowMs })
}
