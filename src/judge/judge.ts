/**
 * The judge of one model: `(state, event, now) → { state, effects }`, pure. Replay, drain, simulation and production are this function.
 *
 * An event is taken in first (evidence, clocks, gateways), then the loop of the command in force is closed, then the rules are asked:
 * at every closed stratum, every tick, and at least once a slice of judge time. All `decide` effects of one step belong in ONE
 * transaction together with the state after it.
 */
import type { Ack, ChangeRecord, Command, OperatorRequest, Pane, Pulse, StreamTimeMs } from '../domain.ts'
import type { Layout, ModelLayout } from '../policy/layout.ts'
import type { FlyballEvent } from '../telemetry/events.ts'
import { anchored, isAnchorDue } from './anchor.ts'
import { withoutLapsed } from './approvals.ts'
import { arrivalsAfterAck, arrivalsAfterPane, requestsOf } from './arrivals.ts'
import { closeLoop, learnFrom } from './close-loop.ts'
import { brokenContract, contractAfterPane } from './contract.ts'
import { type Draft, decide, type JudgeEffect } from './decide.ts'
import { whenDrillIsOverdue } from './drill-due.ts'
import { acceptPane, acceptPulse, passedMs, settle } from './evidence/chains.ts'
import { forgetUndecided, type ObserveContext, observePane, passSlices, passTime, readings } from './evidence/evidence.ts'
import { seenPane } from './evidence/population.ts'
import { changesAfter, holdKey } from './factors.ts'
import { gatewaysAfter, gatewaysLeft, loopAfterPane } from './loop.ts'
import { governed } from './mode.ts'
import { commandKindOf, keptOut, loweredToFirst, moved, moveOf } from './move.ts'
import { NOT_IN_FORCE_KEY, QUARANTINED_KEY, republished, takenOver } from './operator.ts'
import { requested, withoutWhatIsOver } from './requests.ts'
import { NO_SAFE_TARGET, type Rule, ruleFor } from './rules.ts'
import { apartOf, percentOf } from './segments.ts'
import { isBlind, type Setting, type Situation, situationOf } from './situation.ts'
import { mute, sourcesAfter } from './sources.ts'
import { isWhollyUnder } from './split-since.ts'
import { candidateOf, controlOf, type JudgeState, type Ladder, obeyed } from './state.ts'
import { healthAfterPane } from './target.ts'
import type { RefusedCommand } from './unbelieved.ts'

export type { JudgeEffect } from './decide.ts'

/** `untrusted`: why nothing proves who asks, where that is wanted; a request is then refused unread. */
export type JudgeEvent =
  | { readonly kind: 'pane'; readonly pane: Pane }
  | { readonly kind: 'pulse'; readonly pulse: Pulse }
  | { readonly kind: 'ack'; readonly ack: Ack }
  | { readonly kind: 'request'; readonly request: OperatorRequest; readonly untrusted?: string }
  /** Somebody else did something to the system. It is remembered, and nothing is judged for it. */
  | { readonly kind: 'change'; readonly change: ChangeRecord }
  | { readonly kind: 'tick' }
  /**
   * A tenure of this epoch begins; `adopted`: the newest command found on the control topic, known to the state or not. `refused`: one
   * above it that nothing proves, where proof is wanted.
   */
  | { readonly kind: 'taken-over'; readonly epoch: number; readonly adopted: Command | null; readonly refused?: RefusedCommand | null }

export interface Now {
  /** 0 while no record clock is known: events are taken in, and no rule is asked. */
  readonly judgeTimeMs: StreamTimeMs
  readonly wallMs: number
}

export interface Step {
  readonly state: JudgeState
  readonly effects: readonly JudgeEffect[]
}

export function step(state: JudgeState, event: JudgeEvent, now: Now, model: ModelLayout, layout: Layout): Step {
  // After a restart judge time may begin a little earlier than it had come: timers never run backwards.
  // Whole, though a state was once stored between two milliseconds: no record tells of parts of one.
  const nowMs = Math.ceil(Math.max(now.judgeTimeMs, toldMs(state.ladder)))
  const setting: Setting = { nowMs, wallMs: now.wallMs, model: governed(model, state.ladder), layout }
  const taken = takeIn(begun({ state, effects: [] }, event, now, setting), event, setting)
  if (now.judgeTimeMs === 0 || event.kind === 'change' || waitsForAnchor(taken.draft, event, setting)) return taken.draft
  // A person may have changed the mode just now.
  const then: Setting = { ...setting, model: governed(model, taken.draft.state.ladder) }
  const closed = closeLoop(taken.draft, then)
  const judged = taken.due || nowMs >= state.ladder.judgedAtMs + layout.sliceMs ? judge(closed, then) : closed
  return event.kind === 'tick' ? heartbeat(judged, then) : judged
}

/** Before a tenure has begun, and while no clock is known, nobody can say that a day is over. */
function begun(draft: Draft, event: JudgeEvent, now: Now, setting: Setting): Draft {
  return now.judgeTimeMs === 0 || event.kind === 'change' || event.kind === 'taken-over' ? draft : anchored(draft, setting)
}

/** What a take-over writes has no hash yet that an anchor could name: the anchor of a day that is over, and all that is looked at, come next. */
function waitsForAnchor({ state }: Draft, event: JudgeEvent, { nowMs }: Setting): boolean {
  return event.kind === 'taken-over' && isAnchorDue(state.ladder.anchor, nowMs)
}

/** The latest judge time that the ladder knows of: decisions about the loop are written between two looks of the rules. */
function toldMs({ judgedAtMs, stageSinceMs, decidedAtMs = 0, loop }: Ladder): StreamTimeMs {
  return Math.max(judgedAtMs, stageSinceMs, decidedAtMs, loop?.issuedAtMs ?? 0, loop?.ackedAtMs ?? 0, loop?.observedAtMs ?? 0)
}

/** What ends, or is overdue, by the wall clock alone. */
function timesPassed(draft: Draft, setting: Setting): Draft {
  return whenDrillIsOverdue(withoutWhatIsOver(draft, setting), setting)
}

interface Taken {
  readonly draft: Draft
  /** The rules must be asked now. */
  readonly due: boolean
}

function takeIn(draft: Draft, event: JudgeEvent, setting: Setting): Taken {
  switch (event.kind) {
    case 'pane':
      return takePane(draft, event.pane, setting)
    case 'pulse':
      return { draft: takePulse(draft, event.pulse, setting), due: false }
    case 'ack':
      return { draft: takeAck(draft, event.ack, setting), due: false }
    case 'request':
      return { draft: requested(withoutWhatIsOver(draft, setting), event.request, setting, event.untrusted), due: true }
    case 'change': {
      const changes = changesAfter(draft.state.changes ?? [], event.change)
      return { draft: { ...draft, state: { ...draft.state, changes } }, due: false }
    }
    case 'tick':
      return { draft: withoutTheGone(whileAllIdle(timesPassed(draft, setting), setting), setting), due: true }
    case 'taken-over':
      return { draft: takenOver(draft, event.epoch, { adopted: event.adopted, refused: event.refused ?? null }, setting), due: false }
  }
}

function takePane(draft: Draft, pane: Pane, { model, layout, nowMs, wallMs }: Setting): Taken {
  const seen = seenPane(draft.state.evidence, pane, model)
  const after = evidenceAfterPane(draft.state, pane, seen, model, layout)
  const noted = withEvents(draft, after.events)
  if (!after.taken) return { draft: { ...noted, state: after.state }, due: false }
  const arms = requestsOf(pane, controlOf(model), candidateOf(model))
  const { ladder } = after.state
  const drawn = { ...requestsOf(seen, controlOf(model), candidateOf(model)), ...apartOf(pane, ladder, model) }
  const loop =
    ladder.loop === null ? null : loopAfterPane(ladder.loop, drawn, pane.sliceStartMs, percentOf(ladder, model) / 100, model.hasUnits)
  const counted = { ...ladder, loop, panes: ladder.panes + 1, rows: ladder.rows + arms.candidate + arms.control }
  const arrivals = arrivalsAfterPane(after.state.arrivals, arms, pane.sliceEndMs, {
    nowMs,
    wallMs,
    silentAfterMs: model.plan.silentAfterMs,
  })
  const contract = contractAfterPane(after.state.contract ?? {}, seen, model, ladder.stageSinceMs)
  const owing = model.plan.contract === undefined ? {} : { contract }
  const controlHealth = healthAfterPane(after.state.controlHealth, pane, controlOf(model))
  const state = { ...after.state, ladder: counted, arrivals, controlHealth, ...owing }
  return { draft: { ...noted, state }, due: after.closed || brokenContract(contract, model) !== '' }
}

interface EvidenceAfter {
  readonly state: JudgeState
  readonly taken: boolean
  readonly closed: boolean
  readonly events: readonly FlyballEvent[]
}

function evidenceAfterPane(state: JudgeState, pane: Pane, seen: Pane, model: ModelLayout, layout: Layout): EvidenceAfter {
  if (pane.model !== model.name) throw new Error(`pane of ${pane.model} handed to the judge of ${model.name}`)
  const accepted = acceptPane(state.chains, pane)
  const { source, chain } = pane
  const kept = accepted.rewind === null ? state.evidence : forgetUndecided(state.evidence, accepted.rewind)
  const events: FlyballEvent[] = []
  if (accepted.gap !== null) events.push({ event: 'pane-gap', source, chain, model: model.name, ...accepted.gap })
  if (accepted.refused !== null) events.push({ event: 'pane-refused', source, chain, model: model.name, reason: accepted.refused })
  const held = { ...state, chains: accepted.state, evidence: kept }
  if (!accepted.take) return { state: held, taken: false, closed: false, events }
  const observed = observePane(kept, pane, model, contextOf(state, pane, model, layout), seen)
  const chains = settle(accepted.state, model.name, observed.decided)
  return { state: { ...held, chains, evidence: observed.state }, taken: true, closed: observed.closed.length > 0, events }
}

/** The split counts as known only in slices that lie wholly under the command, and once it has been seen. */
function contextOf(state: JudgeState, pane: Pane, model: ModelLayout, layout: Layout): ObserveContext {
  const { loop, stageSinceMs, phase } = state.ladder
  const obeys = obeyed(model)
  const inForce = obeys && loop !== null && isWhollyUnder(loop, pane.source, pane.sliceStartMs, layout.sliceMs)
  return {
    settlingUntilMs: obeys ? Math.max(stageSinceMs, loop?.ackedAtMs ?? 0) + model.plan.settlingMs : 0,
    commandedShare: inForce ? percentOf(state.ladder, model) / 100 : null,
    maxStratumAgeMs: layout.maxStratumAgeMs,
    isMirrored: phase === 'shadow',
  }
}

function takePulse(draft: Draft, pulse: Pulse, setting: Setting): Draft {
  const after = evidenceAfterPulse(draft.state, pulse, setting)
  if (!after.taken) return withEvents({ ...draft, state: after.state }, after.events)
  return { ...draft, state: { ...after.state, sources: sourcesAfter(after.state.sources, pulse, setting.wallMs) } }
}

function evidenceAfterPulse(state: JudgeState, pulse: Pulse, { model, layout, wallMs }: Setting): EvidenceAfter {
  const accepted = acceptPulse(state.chains, pulse)
  const kept = accepted.rewind === null ? state.evidence : forgetUndecided(state.evidence, accepted.rewind)
  const held = { ...state, chains: accepted.state, evidence: kept }
  if (accepted.refused !== null) {
    const refused: FlyballEvent = {
      event: 'pane-refused',
      source: pulse.source,
      chain: 'pulse',
      model: model.name,
      reason: accepted.refused,
    }
    return { state: held, taken: false, closed: false, events: [refused] }
  }
  const others = mute(state.sources, wallMs, layout.alignWithinMs).filter((source) => source !== pulse.source)
  return {
    state: { ...held, evidence: passSlices(kept, model, passedMs(accepted.state, others)) },
    taken: true,
    closed: false,
    events: [],
  }
}

function takeAck(draft: Draft, ack: Ack, setting: Setting): Draft {
  const { model, nowMs, wallMs } = setting
  const { gateways } = draft.state
  const exposed = percentOf(draft.state.ladder, model) > 0
  const arrivals = exposed
    ? arrivalsAfterAck(draft.state.arrivals, ack, gateways[ack.gateway], candidateOf(model), model.plan.silentMinimum, nowMs)
    : draft.state.arrivals
  const state = { ...draft.state, gateways: gatewaysAfter(gateways, ack, wallMs), arrivals }
  return learnFrom({ ...draft, state }, ack, setting)
}

/** While every source is idle judge time goes on by the wall clock, and that nothing arrives is a fact after two slices. */
function whileAllIdle(draft: Draft, { model, layout, nowMs }: Setting): Draft {
  const sources = Object.values(draft.state.chains.sources)
  const open = sources.filter((source) => !source.ended)
  if (open.length === 0 || !open.every((source) => source.idle)) return draft
  const evidence = passTime(draft.state.evidence, model, nowMs - 2 * layout.sliceMs)
  return { ...draft, state: { ...draft.state, evidence } }
}

function withoutTheGone(draft: Draft, { wallMs, model }: Setting): Draft {
  return { ...draft, state: { ...draft.state, gateways: gatewaysLeft(draft.state.gateways, wallMs, model.plan) } }
}

function judge(draft: Draft, setting: Setting): Draft {
  const state = withTimers(draft.state, setting)
  const situation = situationOf(state, setting)
  const calm = isCalm(state, setting.model) ? state.ladder.calmSinceMs : setting.nowMs
  const looked = { ...draft, state: { ...state, ladder: { ...state.ladder, calmSinceMs: calm } } }
  const kept = withoutLapsed(looked, situation, setting)
  const now = kept === looked ? situation : situationOf(kept.state, setting)
  const rule = ruleFor(now)
  return rule === undefined ? quiet(kept) : follow(kept, rule, now, setting)
}

/** Blindness begins when it is first seen and ends when it is not. */
function withTimers(state: JudgeState, setting: Setting): JudgeState {
  const { ladder } = state
  const blind = ladder.phase === 'climbing' && isBlind(state, setting)
  const blindSinceMs = blind ? ladder.blindSinceMs || setting.nowMs : 0
  return { ...state, ladder: { ...ladder, blindSinceMs, judgedAtMs: setting.nowMs } }
}

/** After a throttle: none of its guardrails has come within a quarter of the evidence that would throttle again. */
function isCalm(state: JudgeState, model: ModelLayout): boolean {
  if (state.ladder.throttledRungs === 0) return true
  const throttling = readings(state.evidence, model).filter((reading) => reading.action === 'throttle')
  return throttling.every((reading) => !(reading.logEvidence >= reading.logLimit - Math.log(4)))
}

/** No rule has anything to say: a hold that comes back later is news again. */
function quiet(draft: Draft): Draft {
  const { ladder } = draft.state
  return ladder.lastVerdict === '' ? draft : { ...draft, state: { ...draft.state, ladder: { ...ladder, lastVerdict: '' } } }
}

function follow(draft: Draft, rule: Rule, situation: Situation, setting: Setting): Draft {
  if (rule.kind === 'isolate') return isolate(draft, rule, situation, setting)
  const move = moveOf(rule.kind)
  if (move === null) return stay(draft, rule, situation, setting)
  const verdict = rule.verdict(situation)
  const lowers = rule.name === NO_SAFE_TARGET
  const next = lowers ? loweredToFirst(draft.state, setting.model, setting.nowMs) : moved(draft.state, move, setting.model, setting.nowMs)
  const commandKind = commandKindOf(move, draft.state.ladder, next.ladder, setting.model)
  const key = move === 'rollback' ? QUARANTINED_KEY : commandKind !== null && obeyed(setting.model) ? NOT_IN_FORCE_KEY : ''
  const wallTimes = { detected: setting.wallMs, ...(commandKind === null ? {} : { commanded: setting.wallMs }) }
  const aside = rule.name === 'harm' && setting.model.plan.rollout.isolate !== '' ? situation.located.why : ''
  return decide(draft, { verdict, next, commandKind, key, silent: factOf(rule, situation), wallTimes, aside }, setting)
}

/** Words of what was found, where it is a fact and no reading. */
function factOf({ name }: Rule, situation: Situation): string {
  switch (name) {
    case NO_SAFE_TARGET:
      return situation.unsafeTarget
    case 'contract':
      return situation.broken
    case 'not-kept-out':
      return situation.notKeptOut
    default:
      return situation.silent
  }
}

/** Gateways of before know the command's kind: it takes exposure away on evidence. */
function isolate(draft: Draft, rule: Rule, situation: Situation, setting: Setting): Draft {
  const next = keptOut(draft.state, situation.located.segment, setting.model, setting.nowMs)
  const wallTimes = { detected: setting.wallMs, commanded: setting.wallMs }
  const finding = { verdict: rule.verdict(situation), next, commandKind: 'throttle' as const, key: NOT_IN_FORCE_KEY, silent: '', wallTimes }
  return decide(draft, finding, setting)
}

/** The same hold on the same ground is written once: the words of the others are not even looked for. */
function stay(draft: Draft, rule: Rule, situation: Situation, setting: Setting): Draft {
  const key = holdKey(rule.name, rule.ground(situation), draft.state)
  if (key === draft.state.ladder.lastVerdict) return draft
  const verdict = rule.verdict(situation)
  return decide(draft, { verdict, next: draft.state, commandKind: null, key, silent: '', wallTimes: { detected: setting.wallMs } }, setting)
}

function heartbeat(draft: Draft, { wallMs, model }: Setting): Draft {
  const { command, publishedWallMs } = draft.state.ladder
  if (command === null || !obeyed(model)) return draft
  // A wall clock set back must not silence the heartbeat until it has caught up.
  const sinceMs = wallMs - publishedWallMs
  return sinceMs >= 0 && sinceMs < model.plan.heartbeatMs ? draft : republished(draft, wallMs)
}

function withEvents(draft: Draft, events: readonly FlyballEvent[]): Draft {
  return { ...draft, effects: [...draft.effects, ...events.map((event): JudgeEffect => ({ kind: 'event', event }))] }
}
