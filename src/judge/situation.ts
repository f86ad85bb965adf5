/** Everything the rules look at, gathered from the state at one judge time. No decision is taken here. */
import type { NonInferiority, StreamTimeMs } from '../domain.ts'
import { isoTime } from '../kit/iso-time.ts'
import type { ModelLayout } from '../policy/layout.ts'
import { candidateSilent } from './arrivals.ts'
import { brokenContract } from './contract.ts'
import { passedMs } from './evidence/chains.ts'
import { coverage, type Harms, harms, proofs, sampleRatio, silence, stageRows } from './evidence/evidence.ts'
import { type Located, locate } from './evidence/located.ts'
import { type OpenWindow, openWindow } from './freeze-windows.ts'
import { gateMissing } from './gate.ts'
import { quorum } from './loop.ts'
import { failedChecks } from './preflight.ts'
import { cannotKeepOut, cohortInTheWay, noLongerKeptOut, percentOf } from './segments.ts'
import type { Missing, Setting } from './setting.ts'
import { awaitingMute, behind, lagging, mute, notPassed } from './sources.ts'
import { nextPercent, requirementsOf } from './stages.ts'
import { controlOf, type JudgeState, type Ladder, obeyed } from './state.ts'
import { unsafeTarget } from './target.ts'

export type { Missing, Setting } from './setting.ts'

export interface Situation {
  readonly nowMs: StreamTimeMs
  readonly model: ModelLayout
  readonly ladder: Ladder
  readonly harms: Harms
  /** Whether harm that calls for a rollback lies in one segment alone, of which the candidate can be kept out. */
  readonly located: Located
  /** Words when it serves where it is to be kept out, else empty. */
  readonly notKeptOut: string
  /** Why its cohort cannot be tried. */
  readonly cohort: readonly Missing[]
  /** Words when the candidate is silent, else empty. */
  readonly silent: string
  /** Words when the candidate lacks a feature that the policy requires, else empty. */
  readonly broken: string
  /** Words when the control is not fit to take everything, else empty. */
  readonly unsafeTarget: string
  /** The freeze window that is open. */
  readonly window: OpenWindow | null
  readonly blind: readonly Missing[]
  readonly blindForMs: number
  readonly assignment: readonly Missing[]
  readonly coverage: readonly Missing[]
  /** Why the command in force cannot be taken for granted. */
  readonly notInForce: readonly Missing[]
  readonly calmForMs: number
  /** What a promotion still lacks; empty where there is no next rung. Proofs cost most, and are worked out when nothing before them lacks. */
  readonly lacking: readonly Missing[]
  readonly firstLacking: Missing | undefined
  readonly proofs: readonly NonInferiority[]
  /** A backlog is being read by a model whose gateways live now. */
  readonly catchingUp: boolean
  /** What must hold before the rollout begins, and does not. */
  readonly preflight: readonly Missing[]
  /** Why the candidate's artifact has not passed the gate that the plan asks for. */
  readonly gate: readonly Missing[]
}

/** Rules look at little of it before one speaks: each part is worked out when it is first looked at. */
function partsOf(state: JudgeState, setting: Setting) {
  const { model } = setting
  const next = nextPercent(state.ladder, model)
  const asked = once(() => (next === null ? [] : proofs(state.evidence, model, next, requirementsOf(state.ladder, model).minimumRows)))
  const found = once(() => harms(state.evidence, model))
  return {
    asked,
    harms: found,
    located: once((): Located => locatedHarm(state, setting, found())),
    silent: once(() => silentWords(state, setting)),
    blind: once(() => blindness(state, setting)),
    unsafeTarget: once(() => unsafeTargetNow(state, setting)),
    assignment: once(() => mismatch(state, model)),
    coverage: once(() => uncovered(state, model)),
    notInForce: once(() => notInForce(state, setting)),
    lacking: once(() => (next === null ? [] : [...lackingFor(state, setting, asked)])),
    firstLacking: once(() => (next === null ? undefined : lackingFor(state, setting, asked).next().value)),
    preflight: once(() => failedChecks(state, setting)),
  }
}

export function situationOf(state: JudgeState, setting: Setting): Situation {
  return new SituationNow(state, setting)
}

/**
 * A class, for one is made at every stratum: an object literal with getters has a shape of its own each time, and shapes live until the
 * whole heap is collected. With the getters they would hold every state that was ever looked at.
 */
class SituationNow implements Situation {
  readonly nowMs: StreamTimeMs
  readonly model: ModelLayout
  readonly ladder: Ladder
  readonly notKeptOut: string
  readonly broken: string
  readonly window: OpenWindow | null
  readonly blindForMs: number
  readonly calmForMs: number
  readonly gate: readonly Missing[]
  private readonly state: JudgeState
  private readonly setting: Setting
  private readonly parts: ReturnType<typeof partsOf>

  constructor(state: JudgeState, setting: Setting) {
    const { nowMs, model } = setting
    const { ladder } = state
    this.state = state
    this.setting = setting
    this.nowMs = nowMs
    this.model = model
    this.ladder = ladder
    this.notKeptOut = noLongerKeptOut(state, setting)
    this.broken = brokenContract(state.contract ?? {}, model)
    this.window = openWindow(model.plan.rollout.freezeWindows, setting.wallMs)
    this.blindForMs = ladder.blindSinceMs === 0 ? 0 : nowMs - ladder.blindSinceMs
    this.calmForMs = nowMs - ladder.calmSinceMs
    this.gate = gateMissing(ladder, model)
    this.parts = partsOf(state, setting)
  }

  get harms(): Harms {
    return this.parts.harms()
  }

  get located(): Located {
    return this.parts.located()
  }

  get cohort(): readonly Missing[] {
    const words = cohortInTheWay(this.state, this.setting)
    return words === '' ? [] : [{ kind: 'cohort', words }]
  }

  get silent(): string {
    return this.parts.silent()
  }

  get unsafeTarget(): string {
    return this.parts.unsafeTarget()
  }

  get blind(): readonly Missing[] {
    return this.parts.blind()
  }

  get assignment(): readonly Missing[] {
    return this.parts.assignment()
  }

  get coverage(): readonly Missing[] {
    return this.parts.coverage()
  }

  get notInForce(): readonly Missing[] {
    return this.parts.notInForce()
  }

  get lacking(): readonly Missing[] {
    return this.parts.lacking()
  }

  get firstLacking(): Missing | undefined {
    return this.parts.firstLacking()
  }

  get proofs(): readonly NonInferiority[] {
    return this.parts.asked()
  }

  get catchingUp(): boolean {
    return isCatchingUp(this.state, this.setting)
  }

  get preflight(): readonly Missing[] {
    return this.parts.preflight()
  }
}

function locatedHarm(state: JudgeState, setting: Setting, { rollback }: Harms): Located {
  const { model } = setting
  const why = cannotKeepOut(state, model.plan.rollout.isolate, setting)
  return why === '' ? locate(state.evidence, model, rollback) : { segment: '', evidence: [], why }
}

function once<T>(work: () => T): () => T {
  let found: { readonly value: T } | null = null
  return () => (found ??= { value: work() }).value
}

export function isCatchingUp(state: JudgeState, { model, layout }: Pick<Setting, 'model' | 'layout'>): boolean {
  return obeyed(model) && behind(state.sources, Math.max(1, layout.alignWithinMs / layout.sliceMs))
}

export function unsafeTargetNow(state: JudgeState, setting: Setting): string {
  const { nowMs, model, layout } = setting
  return unsafeTarget(state, model, { nowMs, alignWithinMs: layout.alignWithinMs, catchingUp: isCatchingUp(state, setting) })
}

/** Blindness that wears off with the backlog does not count towards a step down. */
export function isBlind(state: JudgeState, setting: Setting): boolean {
  return blindness(state, setting).some((missing) => missing.kind !== 'catching-up')
}

function silentWords(state: JudgeState, { model, layout, wallMs }: Setting): string {
  const { ladder, arrivals } = state
  if (!obeyed(model) || percentOf(ladder, model) === 0) return ''
  const sources = awaitingMute(state.sources, wallMs, layout.alignWithinMs)
  if (isCatchingUp(state, { model, layout }) || lagging(sources, layout.alignWithinMs).length > 0) return ''
  // Stream time may jump when a backlog is read: what was heard a moment ago by the wall is not silent.
  if (wallMs - arrivals.candidateHeardWallMs < model.plan.silentAfterMs && wallMs > 0) return ''
  const seconds = Math.round(model.plan.silentAfterMs / 1000)
  if (candidateSilent(arrivals, passedMs(state.chains, mute(state.sources, wallMs, layout.alignWithinMs)), model.plan)) {
    return `the gateways sent it ${arrivals.routedSince} requests, and for more than ${seconds} s none of its predictions arrived while control flowed`
  }
  if (Object.values(state.gateways).some((gateway) => Object.keys(gateway.routed).length > 0)) return ''
  const sequential = silence(state.evidence, model)
  if (!sequential.silent) return ''
  const quiet = Math.round(sequential.quietMs / 1000)
  return `no prediction of it for ${quiet} s among ${sequential.quietRequests} requests (evidence e^${sequential.logEvidence.toFixed(1)} against a limit of e^${sequential.logLimit.toFixed(1)})`
}

function blindness(state: JudgeState, setting: Setting): readonly Missing[] {
  const { model, layout, nowMs, wallMs } = setting
  const { ladder, arrivals } = state
  const found: Missing[] = []
  if (isCatchingUp(state, setting)) found.push({ kind: 'catching-up', words: 'a backlog is being read' })
  // A partition not yet heard of is waited for by promotions; that alone blinds nobody.
  const sources = awaitingMute(state.sources, wallMs, layout.alignWithinMs)
  const late = lagging(sources, layout.alignWithinMs).filter((source) => sources[source]!.clockMs > 0)
  if (late.length > 0) found.push({ kind: 'lag', words: `behind the other partitions: ${late.join(', ')}` })
  const since = nowMs - model.plan.silentAfterMs
  // A stage that has just begun has had no time to show anything; records read to their end do end.
  if (ladder.stageSinceMs > since || model.plan.weights === 'recorded') return found
  const controlQuiet = arrivals.controlSeenMs <= since
  if (controlQuiet && arrivals.candidateSeenMs <= since)
    found.push({ kind: 'no-traffic', words: 'no predictions of either version arrive' })
  else if (controlQuiet && (ladder.weights[controlOf(model)] ?? 0) > 0) {
    found.push({ kind: 'control-silent', words: `no predictions of the control ${controlOf(model)} arrive` })
  }
  return found
}

function mismatch(state: JudgeState, model: ModelLayout): readonly Missing[] {
  if (!obeyed(model)) return []
  const ratio = sampleRatio(state.evidence, model)
  if (ratio.untilMs === 0) return []
  const seen = ((100 * ratio.candidate) / Math.max(1, ratio.total)).toFixed(2)
  const counted = model.hasUnits ? 'units seen first' : 'requests, for no unit is mapped'
  const found = `the candidate's share is ${seen} % of ${ratio.total} ${counted}, commanded ${(100 * ratio.share).toFixed(2)} %`
  return [{ kind: 'sample-ratio', words: `${found}; over at ${isoTime(ratio.untilMs)} at the earliest, if it is not found again` }]
}

function uncovered(state: JudgeState, model: ModelLayout): readonly Missing[] {
  const floor = model.plan.coverageMin
  return coverage(state.evidence, model)
    .filter((each) => each.candidate < floor || each.control < floor)
    .map((each) => {
      const share = (100 * Math.min(each.candidate, each.control)).toFixed(1)
      return {
        kind: `coverage:${each.outcome}`,
        words: `only ${share} % of predictions have outcome ${each.outcome}, floor ${100 * floor} %`,
      }
    })
}

function notInForce(state: JudgeState, { model, wallMs }: Setting): readonly Missing[] {
  const { loop, command } = state.ladder
  if (!obeyed(model) || command === null) return []
  if (loop === null || loop.ackedAtMs === 0) {
    const count = quorum(state.gateways, command, wallMs, model.plan)
    return [{ kind: 'in-force', words: `${count.applied} of ${count.present} gateways have acked command ${command.sequence}` }]
  }
  // What a shadow shows is mirrored: no split is to be seen in it.
  if (loop.observedAtMs > 0 || state.ladder.phase === 'shadow') return []
  return [
    { kind: 'in-force', words: `command ${command.sequence} is acked, its split not yet seen (${loop.totalRequests} requests since)` },
  ]
}

/** What a promotion asked for by a person still lacks: all that one of ours would, but for the dwell. Null: there is no next rung. */
export function lackingForPerson(state: JudgeState, setting: Setting): readonly Missing[] | null {
  const { minimumRows } = requirementsOf(state.ladder, setting.model)
  const next = nextPercent(state.ladder, setting.model)
  return next === null ? null : [...lackingFor(state, setting, () => proofs(state.evidence, setting.model, next, minimumRows), 0)]
}

function* lackingFor(
  state: JudgeState,
  setting: Setting,
  asked: () => readonly NonInferiority[],
  dwellMs = requirementsOf(state.ladder, setting.model).dwellMs,
): Generator<Missing, undefined, undefined> {
  const { model, nowMs } = setting
  const { minimumRows } = requirementsOf(state.ladder, model)
  const sinceMs = Math.max(state.ladder.stageSinceMs, state.ladder.loop?.observedAtMs ?? 0)
  const untilMs = sinceMs + dwellMs
  if (nowMs < untilMs) yield { kind: 'dwell', words: `${Math.ceil((untilMs - nowMs) / 1000)} s of the stage's dwell remain` }
  const waiting = notPassed(state.sources, untilMs)
  if (waiting.length > 0 && nowMs >= untilMs) yield { kind: 'sources', words: `not yet past the start of the stage: ${waiting.join(', ')}` }
  const rows = stageRows(state.evidence).candidate
  if (rows < minimumRows) yield { kind: 'rows', words: `${rows} of ${minimumRows} candidate rows seen` }
  for (const proof of asked()) {
    if (!proof.holds) yield { kind: 'proof', words: proof.missing }
  }
}
