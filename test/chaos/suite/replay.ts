/**
 * Whether every decision of a run is what the judge makes of what stood before it.
 *
 * The pure judge of this checkout is given, from the first record on and never from a stored state, the panes and pulses that stand before
 * each decision in the order of the log, and the judge time written in it. It must come to the very record, byte for byte (the epoch, the
 * hash of the record before and the wall times are taken from it), and to the state stored with it: evidence, chains and ladder. Between
 * two decisions nothing that must be looked at (a closed stratum, a slice of judge time) may call for one.
 *
 * Four fields of the ladder say when the rules were last looked at by the clock alone; only those are read off the stored state, and they
 * may say nothing but a time since the mark before. What the judge is worth is not asked here: whether it was the judge that decided is.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Decision } from '../../../src/domain.ts'
import { decodeEvidence, encodeEvidence } from '../../../src/judge/evidence/evidence.ts'
import { type JudgeEvent, type Step, step } from '../../../src/judge/judge.ts'
import { emptyJudgeTime, type JudgeTime, passPulse, passWall } from '../../../src/judge/judge-time.ts'
import { emptyJudge, type JudgeState, type Ladder, withLastHash } from '../../../src/judge/state.ts'
import { encodeDecision, hashOfDecision } from '../../../src/wire/decisions.ts'
import type { Input, JudgedRun, Mark, Session, Told } from './judged.ts'

/** Null: all of it is accounted for. Else what is not, of which decision at the earliest. */
export interface Unaccounted {
  readonly number: number
  readonly what: string
}

type Run = Pick<JudgedRun, 'layout' | 'model' | 'inputs' | 'marks' | 'unmarked'>

interface Timed {
  readonly event: JudgeEvent
  /** Judge time by the pulses alone: the lowest clock of the active sources. */
  readonly atMs: number
  /** With the steps of the wall clock that may have come on top, counted between the times at which records were written. */
  readonly latest: JudgeTime
  readonly wallMs: number
  readonly offset: number
}

export function unaccountedIn(run: Run): Unaccounted | null {
  if (run.unmarked.length > 0) return { number: run.unmarked[0]!.decision.number, what: 'no state was stored with it' }
  let [state, session, at] = [emptyJudge(run.model), FIRST, 0]
  let events = timed(run.inputs, session, run.layout.alignPatienceMs)
  for (const mark of run.marks) {
    const upTo = countBefore(run.inputs, mark.through)
    const number = mark.decisions[0]?.decision.number ?? mark.state.ladder.decisionNumber + 1
    if (mark.others > 0) return { number, what: 'acks or requests were read: in which order with the panes nothing tells' }
    if (upTo < at) return { number, what: `it stands on ${mark.through} of panes, further back than the one before it` }
    const isTaken = mark.session !== session
    if (isTaken) [session, events] = [mark.session, timed(run.inputs, mark.session, run.layout.alignPatienceMs)]
    const found = new Stretch(run, state, mark, events.slice(at, upTo)).walked(isTaken)
    if (typeof found === 'string') return { number, what: found }
    const wrong = differenceOf(found, mark, state, run)
    if (wrong !== '') return { number, what: wrong }
    state = withLooks(found, mark.state)
    at = upTo
  }
  return restless(run, state, events.slice(at))
}

const FIRST: Session = { from: 0, nowMs: 0 }

/** Behind the last mark nothing called for a decision. */
function restless(run: Run, state: JudgeState, events: readonly Timed[]): Unaccounted | null {
  let now = state
  for (const each of events) {
    const next = stepped(run, now, each.event, each.atMs, each.wallMs)
    const due = decisionsOf(next)
    if (due.length > 0) {
      const { number, verdict } = due[0]!
      return { number, what: `${verdict.kind} by ${verdict.rule} was due at ${each.offset} of panes, and nothing was decided` }
    }
    now = next.state
  }
  return null
}

/** Judge time as the session has it: it knows of clocks what it has read itself. */
function timed(inputs: readonly Input[], { from, nowMs }: Session, patienceMs: number): Timed[] {
  let time: JudgeTime = { ...emptyJudgeTime(), nowMs }
  let latest = time
  const epochs = new Map<string, number>()
  return inputs.map(({ offset, wallMs, record }) => {
    const { source, stamp } = record
    const isCurrent = record.kind === 'pulse' && offset >= from && stamp.epoch >= (epochs.get(source) ?? -1)
    if (offset >= from) latest = passWall(latest, wallMs, patienceMs)
    if (isCurrent) {
      epochs.set(source, stamp.epoch)
      time = passPulse(time, record, wallMs)
      latest = passPulse(latest, record, wallMs)
    }
    const event = record.kind === 'pane' ? ({ kind: 'pane', pane: record } as const) : ({ kind: 'pulse', pulse: record } as const)
    return { event, atMs: time.nowMs, latest, wallMs, offset }
  })
}

/** They rise. */
function countBefore(inputs: readonly Input[], offset: number): number {
  const first = inputs.findIndex((each) => each.offset >= offset)
  return first < 0 ? inputs.length : first
}

function stepped({ model, layout }: Run, state: JudgeState, event: JudgeEvent, atMs: number, wallMs: number): Step {
  return step(state, event, { judgeTimeMs: atMs, wallMs }, model, layout)
}

function decisionsOf({ effects }: Step): Omit<Decision, 'previousHash'>[] {
  return effects.flatMap((effect) => (effect.kind === 'decide' ? [effect.decision] : []))
}

/** A clock is looked at so often, and a record is a little on its way. */
const LOOK_MS = 1000

/** From one mark to the next. */
class Stretch {
  readonly #run: Run
  readonly #before: JudgeState
  readonly #mark: Mark
  readonly #events: readonly Timed[]
  /** Judge time and wall clock of the decisions at the end. */
  readonly #endMs: number
  readonly #endWallMs: number

  constructor(run: Run, before: JudgeState, mark: Mark, events: readonly Timed[]) {
    this.#run = run
    this.#before = before
    this.#mark = mark
    this.#events = events
    const last = mark.decisions.at(-1)?.decision
    this.#endMs = last?.judgeTimeMs ?? 0
    this.#endWallMs = last?.wallTimes['detected'] ?? events.at(-1)?.wallMs ?? before.ladder.publishedWallMs
  }

  /** The state at its end, or what is wrong. */
  walked(isTaken: boolean): JudgeState | string {
    if (isTaken) {
      const atOnce = this.#events.length === 0 && this.#mark.decisions.length > 0 ? this.#ended(this.#taken(this.#endMs)) : null
      if (typeof atOnce === 'object' && atOnce !== null) return atOnce
    }
    const from = isTaken ? this.#taken(this.#mark.session.nowMs) : { state: this.#before, effects: [] }
    if (decisionsOf(from).length > 0) return `the take-over calls for ${said(decisionsOf(from))}`
    // Looks by the clock alone leave nothing but times: with and without them it must come to the same.
    const plain = this.#through(from.state, false)
    return typeof plain === 'string' ? this.#secondTry(plain, from.state) : plain
  }

  #secondTry(plain: string, from: JudgeState): JudgeState | string {
    const looked = this.#through(from, true)
    return typeof looked === 'string' ? plain : looked
  }

  #taken(atMs: number): Step {
    const event: JudgeEvent = { kind: 'taken-over', epoch: this.#mark.state.ladder.epoch, adopted: null }
    return stepped(this.#run, this.#before, event, atMs, this.#endWallMs)
  }

  #through(from: JudgeState, looks: boolean): JudgeState | string {
    let state = from
    const decides = this.#mark.decisions.length > 0
    for (const [place, each] of this.#events.entries()) {
      const isLast = place === this.#events.length - 1
      if (isLast && decides) {
        const wrong = this.#mistimed(each)
        if (wrong !== '') return wrong
        const found = stepped(this.#run, state, each.event, this.#endMs, this.#endWallMs)
        if (decisionsOf(found).length > 0) return this.#ended(found)
      }
      const next = this.#between(state, each, looks && !(isLast && decides))
      if (typeof next === 'string') return next
      state = next
    }
    return decides ? this.#ended(stepped(this.#run, state, { kind: 'tick' }, this.#endMs, this.#endWallMs)) : state
  }

  /** Judge time runs ahead of the pulses by the wall clock alone, and only while every source is idle or pulses have long not moved it. */
  #mistimed({ atMs, latest }: Timed): string {
    const latestMs = passWall(latest, this.#endWallMs, this.#run.layout.alignPatienceMs).nowMs
    if (this.#endMs === atMs || (this.#endMs > atMs && latestMs > atMs && this.#endMs <= latestMs + LOOK_MS)) return ''
    return `judge time ${this.#endMs} was written, the pulses before it say ${atMs}${latestMs > atMs ? ` to ${latestMs}` : ''}`
  }

  /** Nothing may be decided here; a look that would decide has not been taken. */
  #between(state: JudgeState, { event, atMs, wallMs, offset }: Timed, looks: boolean): JudgeState | string {
    const next = stepped(this.#run, state, event, atMs, wallMs)
    const due = decisionsOf(next)
    if (due.length > 0) return `${said(due)} was due at ${offset} of panes, and ${said(this.#mark.decisions.map(plainly))} came`
    if (!looks) return next.state
    const look = stepped(this.#run, next.state, { kind: 'tick' }, atMs, wallMs)
    return decisionsOf(look).length > 0 ? next.state : look.state
  }

  /** The step that decides: exactly what was written. */
  #ended(found: Step): JudgeState | string {
    const ours = decisionsOf(found)
    const { decisions } = this.#mark
    if (ours.length !== decisions.length)
      return `${said(decisions.map(plainly))} was written, and the panes before it call for ${said(ours)}`
    let { state } = found
    for (const [place, told] of decisions.entries()) {
      const wrong = differently(ours[place]!, told)
      if (wrong !== '') return wrong
      state = withLastHash(state, told.decision.number, hashOfDecision(told.bytes))
    }
    return state
  }
}

const plainly = ({ decision }: Told): Omit<Decision, 'previousHash'> => decision

function said(decisions: readonly Omit<Decision, 'previousHash'>[]): string {
  if (decisions.length === 0) return 'nothing'
  return decisions.map(({ verdict: { kind, rule }, weightsAfter }) => `${kind} by ${rule} to ${JSON.stringify(weightsAfter)}`).join(' and ')
}

/** Which fields are others than the panes call for; the record as it is written settles it. */
function differently(ours: Omit<Decision, 'previousHash'>, { decision, bytes }: Told): string {
  const { epoch, previousHash, wallTimes } = decision
  const again = { ...ours, epoch, previousHash, wallTimes }
  if (encodeDecision(again).equals(bytes)) return ''
  const fields = (Object.keys(again) as (keyof Decision)[]).filter((field) => !isDeepStrictEqual(again[field], decision[field]))
  return `${said([decision])} was written, and the panes before it call for ${said([ours])} (${fields.join(', ')} differ)`
}

/** Which times say that somebody looked by the clock. */
const LOOKS = ['judgedAtMs', 'blindSinceMs', 'calmSinceMs'] as const
/** Which fields say who wrote, and when by the wall. */
const OWNERS = ['epoch', 'epochSeen', 'publishedWallMs', 'drills', 'command'] as const
const TAKEN_OVER = [...LOOKS, ...OWNERS] as const

/** The stored state is the one that the panes lead to. */
function differenceOf(found: JudgeState, { state: stored }: Mark, before: JudgeState, { model }: Run): string {
  const evidence = decodeEvidence(encodeEvidence(found.evidence), model)
  const pairs: readonly (readonly [string, object, object])[] = [
    ['chains', found.chains, stored.chains],
    ['evidence', evidence, stored.evidence],
    ['ladder', ladderPart(found.ladder), ladderPart(stored.ladder)],
    ['sources', unheard(found), unheard(stored)],
  ]
  for (const [what, ours, theirs] of pairs)
    if (!isDeepStrictEqual(ours, theirs)) return `the ${what} stored with it: not what the panes before it lead to (${parts(ours, theirs)})`
  for (const look of LOOKS) {
    const at = stored.ladder[look]
    if (at !== 0 && at !== before.ladder[look] && at !== found.ladder[look] && at < before.ladder.judgedAtMs)
      return `${look} stored with it is ${at}, before the last look at ${before.ladder.judgedAtMs}`
  }
  return ''
}

function parts(one: object, other: object): string {
  const [ours, theirs] = [one as Record<string, unknown>, other as Record<string, unknown>]
  return Object.keys({ ...ours, ...theirs })
    .filter((key) => !isDeepStrictEqual(ours[key], theirs[key]))
    .join(', ')
}

/** As it is stored. */
function ladderPart(ladder: Ladder): Record<string, unknown> {
  const { command } = ladder
  const without = new Set<string>(TAKEN_OVER)
  const rest = Object.entries(ladder).filter(([key]) => !without.has(key))
  const ours = { ...Object.fromEntries(rest), command: command === null ? null : { ...command, epoch: 0 } }
  return JSON.parse(JSON.stringify(ours)) as Record<string, unknown>
}

/** What is known of the sources, but when by the wall they were heard. */
function unheard({ sources, arrivals, controlHealth, contract }: JudgeState): object {
  const views = Object.entries(sources).map(([name, view]) => [name, { ...view, heardWallMs: 0 }])
  const seen = { ...arrivals, candidateHeardWallMs: 0 }
  return JSON.parse(JSON.stringify({ ...Object.fromEntries(views), arrivals: seen, controlHealth, contract })) as object
}

/** The state goes on as it was found, with what the clock and the owners alone have written. */
function withLooks(found: JudgeState, stored: JudgeState): JudgeState {
  const times = Object.fromEntries(TAKEN_OVER.map((key) => [key, stored.ladder[key]])) as Partial<Ladder>
  return { ...found, ladder: { ...found.ladder, ...times } }
}
