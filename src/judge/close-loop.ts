/** Issued → acked → observed, or not effective: the small decisions that show in the audit log whether a command did anything. */
import type { Ack, Verdict } from '../domain.ts'
import type { FlyballEvent } from '../telemetry/events.ts'
import { arrivalsForgotten } from './arrivals.ts'
import { type Draft, decide } from './decide.ts'
import { resetEvidence, startStage } from './evidence/evidence.ts'
import { loopWhileBehind, older, overdue, quorum, shareSeen } from './loop.ts'
import { isThrottle, judgedBy, percentOf } from './segments.ts'
import { isCatchingUp, type Setting } from './situation.ts'
import { splitSince } from './split-since.ts'
import { type JudgeState, type Loop, obeyed } from './state.ts'
import { numbersOver } from './unbelieved.ts'

export function closeLoop(draft: Draft, setting: Setting): Draft {
  const { loop, command } = draft.state.ladder
  if (!obeyed(setting.model) || loop === null || command === null) return draft
  if (isCatchingUp(draft.state, setting)) return { ...draft, state: paused(draft.state, loop, setting) }
  const known = quorum(draft.state.gateways, command, setting.wallMs, setting.model.plan)
  const share = percentOf(draft.state.ladder, setting.model) / 100
  if (loop.ackedAtMs === 0 && known.reached) return acked(draft, loop, `${known.applied} of ${known.present} gateways`, setting)
  if (loop.ackedAtMs > 0 && loop.observedAtMs === 0 && shareSeen(loop, share, setting.model.hasUnits)) return observed(draft, loop, setting)
  // Where candidates are mirrored, predictions of one that has nothing say nothing of the split.
  if (loop.ackedAtMs > 0 && share === 0 && setting.model.plan.rollout.shadow !== null) return draft
  const late = overdue(loop, share, setting, setting.model.plan)
  if (late === 'no') return draft
  const shown = `${((100 * loop.candidateRequests) / Math.max(1, loop.totalRequests)).toFixed(2)} % of ${loop.totalRequests} requests`
  const why =
    late === 'not-acked' ? `only ${known.applied} of ${known.present} gateways have acked it` : `the traffic shows ${shown}, or did before`
  return notEffective(draft, loop, `Command ${command.sequence} (${command.kind} to ${100 * share} %) is not effective: ${why}`, setting)
}

function paused(state: JudgeState, loop: Loop, setting: Setting): JudgeState {
  const behind = loopWhileBehind(loop, setting.nowMs)
  const next = behind.observedAtMs === 0 && behind.ackedAtMs > 0 ? { ...behind, ...splitSince(state.sources, setting) } : behind
  const ladder = { ...state.ladder, loop: next }
  return { ...state, ladder, arrivals: arrivalsForgotten(state.arrivals) }
}

function acked(draft: Draft, loop: Loop, who: string, setting: Setting): Draft {
  const { nowMs, wallMs } = setting
  const next = { ...loop, ackedAtMs: nowMs, ackedWallMs: wallMs, ...splitSince(draft.state.sources, setting) }
  const note = `Command ${draft.state.ladder.sequence} acked by ${who} after ${Math.max(0, wallMs - loop.issuedWallMs)} ms`
  const begun = { ...draft, state: stageBegun(draft.state, setting) }
  const told = say(begun, next, { kind: 'acked', rule: 'quorum', note }, { commanded: loop.issuedWallMs, acked: wallMs }, setting)
  return withEvent(told, { event: 'command-acked', ...place(draft, setting), afterMs: wallMs - loop.issuedWallMs })
}

/** The split changes when the gateways have it, not when it was commanded: the stage's data begin here, and what a throttle waits for. */
function stageBegun(state: JudgeState, { model, nowMs }: Setting): JudgeState {
  const throttled = isThrottle(state.ladder.command)
  const evidence = throttled ? resetEvidence(state.evidence, model) : state.evidence
  return { ...state, evidence: startStage(evidence, model, nowMs, judgedBy(state.ladder)) }
}

function observed(draft: Draft, loop: Loop, setting: Setting): Draft {
  const { nowMs, wallMs } = setting
  const next = { ...loop, observedAtMs: nowMs, notEffective: false }
  const share = ((100 * loop.candidateRequests) / loop.totalRequests).toFixed(2)
  const note = `Command ${draft.state.ladder.sequence} observed: candidate has ${share} % of ${loop.totalRequests} requests`
  const times = { commanded: loop.issuedWallMs, acked: loop.ackedWallMs, observed: wallMs }
  const told = say(draft, next, { kind: 'observed', rule: 'share', note }, times, setting)
  return withEvent(told, { event: 'command-observed', ...place(draft, setting), afterMs: wallMs - loop.issuedWallMs })
}

function notEffective(draft: Draft, loop: Loop, note: string, setting: Setting): Draft {
  const verdict: Verdict = { kind: 'not-effective', rule: 'not-effective', note }
  const told = say(draft, { ...loop, notEffective: true }, verdict, { commanded: loop.issuedWallMs }, setting)
  return withEvent(told, { event: 'not-effective', ...place(draft, setting), summary: note })
}

/** A gateway refused a command for it holds a newer one: learn its numbers and say the same again above them. */
export function learnFrom(draft: Draft, ack: Ack, setting: Setting): Draft {
  const { ladder } = draft.state
  const mine = ladder.command ?? { epoch: 0, sequence: ladder.sequence }
  if (ack.kind !== 'stale' || !obeyed(setting.model) || !older(mine, ack)) return draft
  const numbers = numbersOver(ladder, ack)
  if (numbers === null) return draft
  const learned = { ...ladder, ...numbers, epochSeen: Math.max(ladder.epochSeen, numbers.epoch) }
  const next = { ...draft.state, ladder: learned }
  if (ladder.command === null) return { ...draft, state: next }
  const note = `Gateway ${ack.gateway} holds command ${ack.epoch}/${ack.sequence}: issued again above it`
  const verdict: Verdict = { kind: 'adopt', rule: 'gateway-ahead', note }
  const { kind: commandKind, rule } = ladder.command
  // It stays what it was: an isolation is no throttle. But what we say is not to look like what a person said by break-glass.
  const commandRule = commandKind === 'override' ? verdict.rule : rule
  return decide(draft, { verdict, next, commandKind, commandRule, key: ladder.lastVerdict, silent: '', wallTimes: {} }, setting)
}

function say(draft: Draft, loop: Loop, verdict: Verdict, wallTimes: Readonly<Record<string, number>>, setting: Setting): Draft {
  const next = { ...draft.state, ladder: { ...draft.state.ladder, loop } }
  return decide(draft, { verdict, next, commandKind: null, key: next.ladder.lastVerdict, silent: '', wallTimes }, setting)
}

function place(draft: Draft, { model }: Setting): { readonly model: string; readonly sequence: number } {
  return { model: model.name, sequence: draft.state.ladder.sequence }
}

function withEvent(draft: Draft, event: FlyballEvent): Draft {
  return { ...draft, effects: [...draft.effects, { kind: 'event', event }] }
}
