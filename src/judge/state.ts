/**
 * What the judge of one model remembers. Plain data: the ladder part is JSON, the evidence has its own codec.
 *
 * All of it is written with every decision: whoever resumes stands where that decision left the model, and judges on from there.
 */
import type { ChangeRecord, Command, OpenAlert, Restraint, RolloutPhase, SegmentWeights, StreamTimeMs, Weights } from '../domain.ts'
import type { ModelLayout } from '../policy/layout.ts'
import type { ContractTally } from './contract.ts'
import { type ChainsState, emptyChains } from './evidence/chains.ts'
import { type EvidenceState, emptyEvidence } from './evidence/evidence.ts'
import { NO_PEOPLE, type People } from './people.ts'
import { type SeenRequest, seenOf } from './seen.ts'

/** `new`: not begun. `promoted` and `rolled-back` are final until a person says otherwise. */
export type Phase = RolloutPhase

/** A person's word that lasts. `untilMs`: wall clock at which it ends by itself; null, or absent in states of earlier versions: never. */
export interface Standing {
  readonly who: string
  readonly reason: string
  readonly untilMs?: number | null
}

/** What was last said of an artifact's offline validation. */
export interface GateResult {
  readonly digest: string
  readonly passed: boolean
  /** What it found, or where that is to be read; cut short. */
  readonly report: string
  readonly who: string
  /** Wall clock of whoever asked. */
  readonly atMs: number
  /** Of the request. */
  readonly id: string
}

/** Where the command in force stands on its way: issued, acked by a quorum, seen in the traffic. Judge time; 0: not yet. */
export interface Loop {
  readonly issuedAtMs: StreamTimeMs
  readonly ackedAtMs: StreamTimeMs
  readonly observedAtMs: StreamTimeMs
  /** Up to here the stream may still show the command before; of sources that had come further, how far. */
  readonly splitSinceMs: StreamTimeMs
  readonly splitSinceBySource: Readonly<Record<string, StreamTimeMs>>
  /** The most that the candidate may still have by a command before, among the same requests, 0 to 1; −1: not known, or not to be compared. */
  readonly shareBefore: number
  /** The alert has gone out. */
  readonly notEffective: boolean
  /** Requests per arm in the slices that began after the quorum: the window in which the share is read. */
  readonly candidateRequests: number
  readonly totalRequests: number
  /** In the same window, in segments that the candidate is kept out of: requests, and those that reached it all the same. */
  readonly apartRequests?: number
  readonly strayRequests?: number
  /** A whole window has shown another share than the one commanded. */
  readonly mismatched: boolean
  /** Wall clock, for display and for how long gateways have had; 0: not yet. */
  readonly issuedWallMs: number
  readonly ackedWallMs: number
}

/** A gateway as its acks and presence show it. */
export interface Gateway {
  readonly seenWallMs: number
  readonly epoch: number
  readonly sequence: number
  readonly leaseExpired: boolean
  /** What it says it can obey; absent in states of earlier versions: plain weights. */
  readonly features?: readonly string[]
  /** Cumulative, from its own start. */
  readonly routed: Readonly<Record<string, number>>
  readonly countersSinceMs: number
}

/** A source partition as its pulses show it. */
export interface SourceView {
  readonly clockMs: StreamTimeMs
  readonly idle: boolean
  readonly ended: boolean
  /** Records of a slice, as of late. */
  readonly sliceRecords: number
  /** Records behind the end of the log, in slices' worth of records. */
  readonly lagSlices: number
  /** Wall clock at its last pulse; 0 in a drain. */
  readonly heardWallMs: number
  /** How far outcomes have been read there; states of earlier versions do not tell. */
  readonly outcomesMs?: StreamTimeMs
}

/** When each arm was last seen in a pane, and what the gateways have sent to the candidate since. */
export interface Arrivals {
  readonly candidateSeenMs: StreamTimeMs
  /** The wall clock when a pane last showed the candidate; 0 in a drain. */
  readonly candidateHeardWallMs: number
  readonly controlSeenMs: StreamTimeMs
  /** Routed to the candidate after it was last seen in a pane. */
  readonly routedSince: number
  /** Judge time at which `routedSince` reached the minimum; 0: not yet. */
  readonly routedEnoughAtMs: StreamTimeMs
}

/** Rehearsals of the model, by the wall clock; 0: not yet. They never move the ladder. */
export interface Drills {
  /** Since when drills are waited for. */
  readonly sinceMs: number
  /** The last one that passed, whatever its scenario. */
  readonly passedAtMs: number
  /** It has been said that one is overdue. */
  readonly overdue: boolean
  /** By scenario. */
  readonly last: Readonly<Record<string, { readonly atMs: number; readonly passed: boolean }>>
}

/** The control's latest requests and how many of them failed; older ones fade. */
export interface ControlHealth {
  readonly requests: number
  readonly errors: number
}

/** The model's last anchor in the chain of decisions (`kit/anchor.ts`), and what came after it. */
export interface Anchoring {
  /** 0: there is none yet. */
  readonly number: number
  /** Of its bytes; the shell knows it and puts it here. */
  readonly hash: string
  /** Judge time of the first decision after it that has one; 0: none. */
  readonly newsSinceMs: StreamTimeMs
}

export interface Ladder {
  readonly control: string
  readonly candidate: string
  readonly phase: Phase
  /** Index into the plan's ladder; 0 while new. */
  readonly rung: number
  /** Commanded weights; virtual ones in mode observe and for external weights. */
  readonly weights: Weights
  /** Segments that the candidate is kept out of. */
  readonly isolated: readonly string[]
  /** Its weights where it is tried in one segment alone: outside, `weights` hold. */
  readonly cohort: SegmentWeights | null
  readonly command: Command | null
  /** The last one of the rollout before; absent: there was none. While this one has issued none it is what stands on the control topic, and was ours. */
  readonly commandBefore?: Command
  readonly loop: Loop | null
  readonly epoch: number
  readonly epochSeen: number
  readonly sequence: number
  readonly decisionNumber: number
  /** Hash of the last decision record's bytes; the shell knows it and puts it here. */
  readonly lastHash: string
  readonly stageSinceMs: StreamTimeMs
  /** Rungs a throttle took and a lift may give back. */
  readonly throttledRungs: number
  readonly liftsUsed: number
  /** Last time a throttle acted or its evidence was near the limit. */
  readonly calmSinceMs: StreamTimeMs
  readonly blindSinceMs: StreamTimeMs
  readonly humanHold: Standing | null
  /** Of the model, whichever rollout it is: nothing is raised. */
  readonly frozen: Standing | null
  /** Rolled back because the rollout is over, not for harm. */
  readonly aborted: Standing | null
  /** Of artifacts, whichever rollout it is: the last word about each. */
  readonly gates: readonly GateResult[]
  readonly people: People
  /** Number of the decision that issued the command in force; 0: another judge's, or a person's. */
  readonly commandNumber: number
  /** What was last decided, so that the same hold is written once. */
  readonly lastVerdict: string
  /** Incidents that fire, by id. */
  readonly open: Readonly<Record<string, OpenAlert>>
  readonly requestsSeen: readonly SeenRequest[]
  readonly panes: number
  readonly rows: number
  readonly judgedAtMs: StreamTimeMs
  /** Judge time of the last decision written; states of earlier versions do not tell. */
  readonly decidedAtMs?: StreamTimeMs
  /** Wall clock when the command in force was last published: for heartbeats. */
  readonly publishedWallMs: number
  readonly drills: Drills
  readonly anchor: Anchoring
  /** Order (`epoch/sequence`) of the last command on the control topic that was not believed: it is told once. Empty: none. */
  readonly refusedCommand: string
}

export interface JudgeState {
  readonly model: string
  readonly evidence: EvidenceState
  readonly chains: ChainsState
  readonly ladder: Ladder
  readonly sources: Readonly<Record<string, SourceView>>
  readonly gateways: Readonly<Record<string, Gateway>>
  readonly arrivals: Arrivals
  /** Of this stage; absent where the policy requires no feature. */
  readonly contract?: ContractTally
  /** What others did to the system, oldest first, bounded; absent where nobody tells. */
  readonly changes?: readonly ChangeRecord[]
  /** Absent until the control has been seen. */
  readonly controlHealth?: ControlHealth
}

export const NO_ARRIVALS: Arrivals = { candidateSeenMs: 0, candidateHeardWallMs: 0, controlSeenMs: 0, routedSince: 0, routedEnoughAtMs: 0 }

const NO_DRILLS: Drills = { sinceMs: 0, passedAtMs: 0, overdue: false, last: {} }

/** What states of earlier versions do not tell of the ladder. */
const SINCE_VERSION_2: Pick<Ladder, 'frozen' | 'aborted' | 'commandNumber' | 'gates' | 'drills'> = {
  frozen: null,
  aborted: null,
  commandNumber: 0,
  gates: [],
  drills: NO_DRILLS,
}

/** Nor those before chains were anchored and commands that are found verified. */
const SINCE_ANCHORS: Pick<Ladder, 'anchor' | 'refusedCommand'> = {
  anchor: { number: 0, hash: '', newsSinceMs: 0 },
  refusedCommand: '',
}

/** Nor those before segments were kept apart. */
const EVERYWHERE_ALIKE: Pick<Ladder, 'isolated' | 'cohort'> = { isolated: [], cohort: null }

export function emptyJudge(model: ModelLayout): JudgeState {
  return {
    model: model.name,
    evidence: emptyEvidence(model),
    chains: emptyChains(),
    ladder: emptyLadder(model),
    sources: {},
    gateways: {},
    arrivals: NO_ARRIVALS,
  }
}

/** Weights with `percent` on the candidate and the rest on the control. */
export function weightsFor(model: ModelLayout, percent: number): Weights {
  return { [controlOf(model)]: 100 - percent, [candidateOf(model)]: percent }
}

export function controlOf(model: ModelLayout): string {
  return model.versions[model.control]!
}

export function candidateOf(model: ModelLayout): string {
  return model.versions[model.candidate]!
}

/** What people have laid on the model, as decisions tell it. */
export function restraintsOf({ humanHold, frozen, aborted }: Ladder): readonly Restraint[] {
  const standing = [
    ['hold', humanHold],
    ['freeze', frozen],
    ['abort', aborted],
  ] as const
  return standing.flatMap(([kind, word]) => {
    if (word === null) return []
    return [{ kind, who: word.who, reason: word.reason, untilMs: word.untilMs ?? null }]
  })
}

/** True when commands are really given: everything else walks a virtual ladder or one that nobody obeys. */
export function commands(model: ModelLayout): boolean {
  return model.plan.mode === 'enforce' && model.plan.weights !== 'external'
}

/** True when gateways are expected to obey and to say so. */
export function obeyed(model: ModelLayout): boolean {
  return model.plan.mode === 'enforce' && model.plan.weights === 'flyball'
}

/** The policy names other versions than the ones judged so far: a new rollout of the same model. Numbers, hash and gateways go on. */
export function renewedFor(state: JudgeState, model: ModelLayout): JudgeState {
  const old = state.ladder
  if (old.control === controlOf(model) && old.candidate === candidateOf(model)) return state
  const kept = {
    epoch: old.epoch,
    epochSeen: old.epochSeen,
    sequence: old.sequence,
    decisionNumber: old.decisionNumber,
    lastHash: old.lastHash,
    requestsSeen: old.requestsSeen,
    decidedAtMs: old.decidedAtMs ?? old.judgedAtMs,
    frozen: old.frozen,
    gates: old.gates,
    anchor: old.anchor,
    refusedCommand: old.refusedCommand,
    // Alerts are of a version: of the new one it has not been said yet.
    drills: { ...old.drills, overdue: false },
    // Who asked and who agreed is of the rollout that is over.
    people: { ...old.people, requestedBy: '', raisedBy: '', approvals: [] },
  }
  const last = lastCommand(old)
  const before = last === null ? {} : { commandBefore: last }
  const { contract: _ofBefore, controlHealth: _ofControl, ...rest } = state
  return { ...rest, evidence: emptyEvidence(model), ladder: { ...emptyLadder(model), ...kept, ...before }, arrivals: NO_ARRIVALS }
}

/** The last command that was ours, whichever rollout it was of. */
export function lastCommand({ command, commandBefore }: Ladder): Command | null {
  return command ?? commandBefore ?? null
}

function emptyLadder(model: ModelLayout): Ladder {
  return {
    control: controlOf(model),
    candidate: candidateOf(model),
    phase: 'new',
    rung: 0,
    weights: weightsFor(model, 0),
    command: null,
    loop: null,
    epoch: 0,
    epochSeen: 0,
    sequence: 0,
    decisionNumber: 0,
    lastHash: '',
    stageSinceMs: 0,
    throttledRungs: 0,
    liftsUsed: 0,
    calmSinceMs: 0,
    blindSinceMs: 0,
    humanHold: null,
    ...SINCE_VERSION_2,
    ...EVERYWHERE_ALIKE,
    ...SINCE_ANCHORS,
    people: NO_PEOPLE,
    lastVerdict: '',
    open: {},
    requestsSeen: [],
    panes: 0,
    rows: 0,
    judgedAtMs: 0,
    publishedWallMs: 0,
  }
}

type LadderPart = Omit<JudgeState, 'evidence' | 'chains'>

/** The ladder part as JSON, to be written with every decision, evidence and chains beside it. */
export function encodeJudge(state: JudgeState): string {
  const { evidence: _evidence, chains: _chains, ...part } = state
  return JSON.stringify(part satisfies LadderPart)
}

/** The state that `encodeJudge` wrote, with the evidence and chains that were stored beside it. */
export function decodeJudge(text: string, evidence: EvidenceState, chains: ChainsState): JudgeState {
  const part = withSeen(JSON.parse(text) as LadderPart)
  // What an earlier version did not keep begins now.
  const { people }: Partial<Ladder> = part.ladder
  const command = withSegments(part.ladder.command)
  const ladder = {
    ...SINCE_VERSION_2,
    ...EVERYWHERE_ALIKE,
    ...SINCE_ANCHORS,
    ...part.ladder,
    command,
    loop: completedLoop(part.ladder.loop),
    people: people ?? peopleBefore(part.ladder),
  }
  return { ...part, ladder, arrivals: { ...NO_ARRIVALS, ...part.arrivals }, evidence, chains }
}

function withSeen(part: LadderPart): LadderPart {
  return { ...part, ladder: { ...part.ladder, requestsSeen: seenOf(part.ladder.requestsSeen) } }
}

/** Commands of earlier versions are the same for everybody. */
function withSegments(command: Command | null): Command | null {
  const { segments = [] }: Partial<Command> = command ?? {}
  return command === null ? null : { ...command, segments }
}

/** Earlier versions took the ack for the moment from which on a slice is under one command, and did not note the share before. */
function completedLoop(loop: Loop | null): Loop | null {
  return loop === null
    ? null
    : {
        ...loop,
        splitSinceMs: loop.splitSinceMs ?? loop.ackedAtMs,
        splitSinceBySource: loop.splitSinceBySource ?? {},
        shareBefore: loop.shareBefore ?? -1,
      }
}

/** Earlier versions kept no list: what stands rolled back, and not merely ended, is quarantined by its name. */
function peopleBefore({ phase, aborted, candidate, stageSinceMs }: Ladder): People {
  if (phase !== 'rolled-back' || (aborted ?? null) !== null) return NO_PEOPLE
  const entry = {
    artifact: `version:${candidate}`,
    who: 'a rollback of before',
    reason: 'rolled back',
    sinceMs: stageSinceMs,
    asked: false,
  }
  return { ...NO_PEOPLE, quarantine: [entry] }
}

/** The shell has written a decision record and knows the hash of its bytes. `number`: the decision's. */
export function withLastHash(state: JudgeState, number: number, lastHash: string): JudgeState {
  const { anchor } = state.ladder
  return { ...state, ladder: { ...state.ladder, lastHash, anchor: anchor.number === number ? { ...anchor, hash: lastHash } : anchor } }
}
