/** From a verdict to what is written: the decision record, the command when one is due, the alerts, and the state after all of it. */
import { createHash } from 'node:crypto'
import type { Alert, Command, Decision, StreamTimeMs, Verdict } from '../domain.ts'
import { artifactOf, type ModelLayout } from '../policy/layout.ts'
import type { FlyballEvent } from '../telemetry/events.ts'
import { alertsOf } from './alerts.ts'
import { causeOf, readings } from './evidence/evidence.ts'
import { changesBefore, factorsFor, factWords } from './factors.ts'
import { issuedLoop } from './loop.ts'
import { quarantineTold } from './quarantine.ts'
import { apartIn, percentOf, segmentsOf } from './segments.ts'
import { approvalsTold, revertWords, settled } from './settle.ts'
import type { Setting } from './situation.ts'
import { stageName } from './stages.ts'
import { candidateOf, commands, controlOf, type JudgeState, type Ladder, type Loop, obeyed, restraintsOf } from './state.ts'
import { summaryOf } from './words.ts'

/** What the shell carries out. A decision and its alerts speak for themselves: `event` is for what is not a decision. */
export type JudgeEffect =
  | {
      readonly kind: 'decide'
      readonly decision: Omit<Decision, 'previousHash'>
      readonly command: Command | null
      readonly alerts: readonly Alert[]
    }
  | { readonly kind: 'republish'; readonly command: Command }
  | { readonly kind: 'event'; readonly event: FlyballEvent }

/** A state on its way through a step, with what it has caused so far. */
export interface Draft {
  readonly state: JudgeState
  readonly effects: readonly JudgeEffect[]
}

export interface Finding {
  readonly verdict: Verdict
  /** The state that the verdict leads to, its command not yet issued. */
  readonly next: JudgeState
  /** Null: nothing is commanded. */
  readonly commandKind: Command['kind'] | null
  /** Of a command that is only said again: what it was issued by. Left out: the verdict's. */
  readonly commandRule?: string
  /** What stands in `lastVerdict` afterwards. */
  readonly key: string
  /** Words when the candidate is silent, or lacks what the policy requires: a rollback on a fact has no readings. */
  readonly silent: string
  readonly wallTimes: Readonly<Record<string, number>>
  /** Why the candidate was not kept out of one segment alone; absent or empty: nobody asked for that. */
  readonly aside?: string
  /** The request that it answers, if it does. */
  readonly requestId?: string
  /** Who asked, in words. */
  readonly who?: string
  /** What is recorded, as JSON. */
  readonly body?: string
}

type Written = Omit<Decision, 'previousHash'>

export function decide(draft: Draft, finding: Finding, setting: Setting): Draft {
  const { model } = setting
  const before = draft.state
  const number = before.ladder.decisionNumber + 1
  const issues = finding.commandKind !== null && commands(model)
  const next = settled(before, finding, setting)
  const numbered = withNumbers(next, number, issues, setting.nowMs)
  const decision = decisionOf(before, numbered, finding, setting)
  const command = issues ? commandOf(numbered.ladder, finding, decision, setting) : null
  const commanded = command === null ? numbered : issued(numbered, command, setting, before.ladder)
  const { alerts, open } = alertsOf(decision, before.ladder, commanded, model)
  const state = { ...commanded, ladder: { ...commanded.ladder, open, lastVerdict: finding.key } }
  return { state, effects: [...draft.effects, { kind: 'decide', decision, command, alerts }] }
}

function withNumbers(state: JudgeState, decisionNumber: number, issues: boolean, decidedAtMs: StreamTimeMs): JudgeState {
  const { ladder } = state
  const sequence = issues ? ladder.sequence + 1 : ladder.sequence
  const anchor = ladder.anchor.newsSinceMs > 0 ? ladder.anchor : { ...ladder.anchor, newsSinceMs: decidedAtMs }
  return { ...state, ladder: { ...ladder, decisionNumber, decidedAtMs, sequence, anchor } }
}

function issued(state: JudgeState, command: Command, setting: Setting, before: Ladder): JudgeState {
  const loop = loopOf(before, state.ladder, setting)
  const { decisionNumber: commandNumber } = state.ladder
  return { ...state, ladder: { ...state.ladder, command, commandNumber, loop, publishedWallMs: setting.wallMs } }
}

/** Of a command that leads from one ladder to the other. Null: nobody is asked to obey. */
export function loopOf(before: Ladder, after: Ladder, { model, nowMs, wallMs }: Setting): Loop | null {
  return obeyed(model) ? issuedLoop(nowMs, wallMs, shareBefore(before, after, model)) : null
}

/**
 * As the command before had it, and those before that as long as none of them was observed: any may be what is still obeyed. Of a cohort
 * and of everybody are two shares; and where nothing was commanded before, what the traffic showed is not known.
 */
function shareBefore({ command, loop }: Ladder, after: Ladder, model: ModelLayout): number {
  if (command === null) return -1
  const before = { weights: command.weights, ...apartIn(command) }
  if (before.cohort?.segment !== after.cohort?.segment) return -1
  const share = percentOf(before, model) / 100
  return loop === null || loop.observedAtMs > 0 ? share : Math.max(share, loop.shareBefore)
}

/** Always the same for the same place in the log of decisions, whoever writes it and however often. */
function identity(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 32)
}

function decisionOf(before: JudgeState, after: JudgeState, finding: Finding, { model, layout, nowMs }: Setting): Written {
  const { verdict } = finding
  const { decisionNumber: number, epoch, sequence } = after.ladder
  const weights = { before: before.ladder.weights, after: after.ladder.weights }
  const factors = factorsFor(before, model, verdict, finding.silent, finding.key)
  return {
    id: identity('decision', layout.environment, model.name, number, verdict.rule),
    environment: layout.environment,
    model: model.name,
    number,
    epoch,
    sequence,
    judgeTimeMs: nowMs,
    policyDigest: layout.policyDigest,
    mode: model.plan.mode,
    verdict,
    weightsBefore: weights.before,
    weightsAfter: weights.after,
    readings: readings(before.evidence, model),
    panes: before.ladder.panes,
    rows: before.ladder.rows,
    summary: `${summaryOf({ verdict, before: before.ladder, silent: finding.silent, aside: finding.aside ?? '' }, model, after)}${revertWords(before.ladder, after.ladder, model)}`,
    cause: causeWords(before, verdict, model, finding.silent) || (factors[0]?.words ?? ''),
    wallTimes: finding.wallTimes,
    requestId: finding.requestId ?? null,
    phase: after.ladder.phase,
    restraints: restraintsOf(after.ladder),
    control: after.ladder.control,
    candidate: after.ladder.candidate,
    stage: stageName(after.ladder, model),
    artifact: artifactOf(model),
    approvals: approvalsTold(before.ladder, after.ladder, verdict, model),
    segmentsAfter: segmentsOf(after.ladder, model),
    factors,
    changes: changesBefore(before.changes ?? [], nowMs),
    body: finding.body ?? quarantineTold(before.ladder, after.ladder),
  }
}

function causeWords(state: JudgeState, verdict: Verdict, model: ModelLayout, silent: string): string {
  if (verdict.kind !== 'rollback' && verdict.kind !== 'throttle' && verdict.kind !== 'isolate') return ''
  if (verdict.evidence.length === 0) return factWords(verdict.rule, silent, model)
  return causeOf(state.evidence, model, verdict.evidence)?.words ?? ''
}

function commandOf(ladder: Ladder, { commandKind: kind, commandRule }: Finding, decision: Written, setting: Setting): Command {
  const { model, layout, nowMs } = setting
  if (kind === null) throw new Error('a command needs a kind')
  const { plan } = model
  return {
    id: identity('command', layout.environment, model.name, decision.number, decision.verdict.rule),
    environment: layout.environment,
    model: model.name,
    epoch: ladder.epoch,
    sequence: ladder.sequence,
    issuedAtMs: nowMs,
    kind,
    control: controlOf(model),
    candidate: candidateOf(model),
    weights: ladder.weights,
    segments: segmentsOf(ladder, model),
    leaseMs: plan.leaseMs,
    onSilence: plan.onSilence,
    policyDigest: layout.policyDigest,
    rule: commandRule ?? decision.verdict.rule,
    reason: decision.summary,
    decisionId: decision.id,
  }
}
