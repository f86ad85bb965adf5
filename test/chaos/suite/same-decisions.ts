/**
 * Holds what two deployments made of the same input against each other: panes, verdicts, weights, sequences.
 *
 * A difference between two decisions, or a decision that only one of them took, is explained when both runs are accounted for up to it
 * (`replay.ts`: each is, byte for byte, what the judge makes of what the run's own records say it had read, in that order and at that
 * judge time) and what they had read by then is not the same: what one had read and the other had not, or its order, or the judge time is
 * named. One that did not decide is looked at where it had come to the same last input. Everything else is a violation.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Decision, Pane, Pulse } from '../../../src/domain.ts'
import type { EventLog } from '../../../src/kafka/contract.ts'
import type { Layout } from '../../../src/policy/layout.ts'
import { panesIn, plain } from '../../simulation/fill.ts'
import { type Input, type JudgedRun, judgedRuns } from './judged.ts'
import { unaccountedIn } from './replay.ts'

export interface Comparison {
  /** Moves (verdicts with a command) that are the same in both. */
  readonly same: number
  /** Decisions that only one of them took, or took otherwise, on other inputs: which ones, and where these part. */
  readonly explained: readonly string[]
  readonly violations: readonly string[]
  readonly panes: number
  /** Decisions of both that were held against what stood before them. */
  readonly accounted: number
}

export type ModelComparison = Omit<Comparison, 'panes'>

type Kind = Decision['verdict']['kind']

const MOVES: ReadonlySet<Kind> = new Set<Kind>(['start', 'promote', 'throttle', 'isolate', 'rollback', 'step-down', 'lift', 'override'])

/** `layouts`: of each deployment, its policy. */
export async function compareRuns(
  log: EventLog,
  prefixes: readonly [string, string],
  layouts: readonly [Layout, Layout],
): Promise<Comparison> {
  const violations: string[] = []
  const panes = await comparePanes(log, prefixes, violations)
  const one = await judgedRuns(log, prefixes[0], layouts[0])
  const other = await judgedRuns(log, prefixes[1], layouts[1])
  const models = [...one].map(([model, run]) => compareModel(run, other.get(model)!))
  return {
    same: models.reduce((sum, { same }) => sum + same, 0),
    explained: models.flatMap(({ explained }) => explained),
    violations: [...violations, ...models.flatMap((each) => each.violations)],
    panes,
    accounted: models.reduce((sum, { accounted }) => sum + accounted, 0),
  }
}

async function comparePanes(log: EventLog, [first, second]: readonly [string, string], violations: string[]): Promise<number> {
  const [ours, theirs] = [await panesIn(log, `${first}panes`), await panesIn(log, `${second}panes`)]
  for (const [name, { refused }] of [[first, ours] as const, [second, theirs] as const]) {
    for (const link of refused) violations.push(`${name}panes: ${link} was written twice, and not the same`)
  }
  for (const link of new Set([...ours.panes.keys(), ...theirs.panes.keys()])) {
    const [one, other] = [ours.panes.get(link), theirs.panes.get(link)]
    if (one === undefined || other === undefined) violations.push(`panes: ${link} stands in ${one === undefined ? second : first} alone`)
    else if (plain(one) !== plain(other)) violations.push(`panes: ${link} differs`)
  }
  return ours.panes.size
}

/** A decision with what its run says had been read. */
interface Placed {
  readonly decision: Decision
  /** So many inputs stood before it. */
  readonly after: number
}

interface Side {
  readonly run: JudgedRun
  readonly decisions: readonly Placed[]
  /** What is read, in order, whoever wrote it. */
  readonly read: readonly string[]
  /** Number of the first decision that nothing accounts for. */
  readonly soundBefore: number
}

export function compareModel(one: JudgedRun, other: JudgedRun): ModelComparison {
  const [explained, violations]: [string[], string[]] = [[], []]
  if (!isDeepStrictEqual(one.model, other.model)) violations.push(`${one.model.name}: the two are judged by different plans`)
  const sides = [one, other].map((run) => sideOf(run, violations)) as [Side, Side]
  const tell = (what: string, here: Placed | undefined, there: Placed | undefined): void => {
    const where = whereTheyPart(sides, here, there)
    if (where === null) violations.push(`${one.model.name}: ${what}`)
    else explained.push(`${one.model.name}: ${what} (${where})`)
  }
  const same = compareMoves(sides, tell)
  compareOthers(sides, tell)
  for (const what of onSameInputs(sides)) violations.push(`${one.model.name}: ${what}`)
  return { same, explained, violations, accounted: one.decisions.length + other.decisions.length }
}

type Tell = (what: string, here: Placed | undefined, there: Placed | undefined) => void

function sideOf(run: JudgedRun, violations: string[]): Side {
  const found = unaccountedIn(run)
  if (found !== null) violations.push(`${run.prefix}${run.model.name}: decision ${found.number}: ${found.what}`)
  const news = newsIn(run.inputs)
  const placed = run.marks.flatMap(({ decisions, through }) => {
    const after = news.filter(({ offset }) => offset < through).length
    return decisions.map(({ decision }) => ({ decision, after }))
  })
  const decisions = [...placed, ...run.unmarked.map(({ decision }) => ({ decision, after: news.length }))]
  return { run, decisions, read: news.map(({ words }) => words), soundBefore: found?.number ?? Number.POSITIVE_INFINITY }
}

/** Panes by their links and pulses by what they tell, without whose they were; what was said before says nothing. */
function newsIn(inputs: readonly Input[]): { readonly offset: number; readonly words: string }[] {
  const seen = new Set<string>()
  return inputs.flatMap(({ offset, record }) => {
    const words = record.kind === 'pane' ? linkOf(record) : pulseWords(record)
    if (seen.has(words)) return []
    seen.add(words)
    return [{ offset, words }]
  })
}

const linkOf = ({ source, chain, from, to }: Pane): string => `${chain} of ${source} [${from}, ${to})`

function pulseWords({ source, from, to, exposureClockMs, outcomeClockMs, idle, ended }: Pulse): string {
  return `pulse of ${source} [${from}, ${to})${CLOCKS}${exposureClockMs} and ${outcomeClockMs}${idle ? ', idle' : ''}${ended ? ', ended' : ''}`
}

const told = ({ decision: { verdict, weightsAfter, segmentsAfter, sequence } }: Placed): string => {
  const because = verdict.kind === 'hold' ? `:${verdict.because}` : ''
  const apart = segmentsAfter.length === 0 ? '' : ` and ${JSON.stringify(segmentsAfter)}`
  return `${verdict.kind}${because} by ${verdict.rule} to ${JSON.stringify(weightsAfter)}${apart}, sequence ${sequence}`
}

const isMove = ({ decision }: Placed): boolean => MOVES.has(decision.verdict.kind)

/** Moves one beside the other. Returns how many are equal. */
function compareMoves([one, other]: readonly [Side, Side], tell: Tell): number {
  const [ours, theirs] = [one.decisions.filter(isMove), other.decisions.filter(isMove)]
  let same = 0
  for (let at = 0; at < Math.max(ours.length, theirs.length); at++) {
    const [here, there] = [ours[at], theirs[at]]
    if (here !== undefined && there !== undefined && told(here) === told(there)) same++
    else tell(`move ${at + 1}: ${here ? told(here) : 'none'} beside ${there ? told(there) : 'none'}`, here, there)
  }
  return same
}

/** What lies between moves (holds and the like) as a set: each that the other has not taken as often is told. */
function compareOthers([one, other]: readonly [Side, Side], tell: Tell): void {
  const [ours, theirs] = [one, other].map(({ decisions }) => decisions.filter((each) => !isMove(each))) as [Placed[], Placed[]]
  for (const each of beyond(ours, theirs)) tell(`${told(each)} in the first alone`, each, undefined)
  for (const each of beyond(theirs, ours)) tell(`${told(each)} in the second alone`, undefined, each)
}

function beyond(ours: readonly Placed[], theirs: readonly Placed[]): Placed[] {
  const left = new Map<string, number>()
  for (const each of theirs) left.set(told(each), (left.get(told(each)) ?? 0) + 1)
  return ours.filter((each) => {
    const count = left.get(told(each)) ?? 0
    left.set(told(each), count - 1)
    return count <= 0
  })
}

/** In words; null when one of the two is not accounted for, or what they had read by then is the same. */
function whereTheyPart([one, other]: readonly [Side, Side], here: Placed | undefined, there: Placed | undefined): string | null {
  if (isUnsound(one, here) || isUnsound(other, there)) return null
  // Where only one decided, the other has come to its end without.
  if (
    (here === undefined && one.soundBefore < Number.POSITIVE_INFINITY) ||
    (there === undefined && other.soundBefore < Number.POSITIVE_INFINITY)
  )
    return null
  const ours = one.read.slice(0, here?.after ?? reachOf(one, other, there!))
  const theirs = other.read.slice(0, there?.after ?? reachOf(other, one, here!))
  const difference = differenceOf(ours, theirs)
  if (difference !== '') return difference
  if (here === undefined || there === undefined) return lookedAlone(here ?? there!, here === undefined ? one : other)
  const [time, otherTime] = [here.decision.judgeTimeMs, there.decision.judgeTimeMs]
  return time === otherTime ? null : `the same ${ours.length} inputs at judge time ${time} beside ${otherTime}`
}

/** How far the one that did not decide had read when it came to the input on which the other decided; it may never have. */
function reachOf(silent: Side, decided: Side, { after }: Placed): number {
  const place = silent.read.indexOf(decided.read[after - 1] ?? '')
  return place < 0 ? Math.min(after, silent.read.length) : place + 1
}

/**
 * What one had read and the other had not: panes and slices that are over, by their offsets; else clocks that pulses told; else the first
 * place where the order is another. Empty: nothing.
 */
function differenceOf(ours: readonly string[], theirs: readonly string[]): string {
  const told = aloneWords(offsetsIn(ours), offsetsIn(theirs)) || aloneWords(ours, theirs)
  if (told !== '') return told
  const at = ours.findIndex((input, place) => input !== theirs[place])
  return at < 0 ? '' : `the same ${ours.length} inputs, as number ${at + 1} ${ours[at]} beside ${theirs[at]}`
}

/** A pulse that closes no slice tells of clocks alone. */
function offsetsIn(inputs: readonly string[]): readonly string[] {
  return [...new Set(inputs.map((input) => input.split(CLOCKS)[0]!))].filter((input) => !HEARTBEAT.test(input))
}

const CLOCKS = ' at clocks '
const HEARTBEAT = /^pulse of .* \[(\d+), \1\)/

function aloneWords(ours: readonly string[], theirs: readonly string[]): string {
  const words = [wordsOf(without(ours, theirs), 'the first'), wordsOf(without(theirs, ours), 'the second')]
  return words.filter((each) => each !== '').join(', ')
}

function without(list: readonly string[], others: readonly string[]): readonly string[] {
  const known = new Set(others)
  return list.filter((input) => !known.has(input))
}

function wordsOf(inputs: readonly string[], who: string): string {
  if (inputs.length === 0) return ''
  return `${inputs.length} inputs had been read by ${who} alone, at last ${inputs.at(-1)}`
}

const isUnsound = ({ soundBefore }: Side, placed: Placed | undefined): boolean =>
  placed !== undefined && placed.decision.number >= soundBefore

/** Decided between two inputs by the clock; the other had read on by its next look. At the end of all inputs there is a next look for ever. */
function lookedAlone({ after, decision }: Placed, silent: Side): string | null {
  if (silent.read.length <= after) return null
  return `looked at by the clock after ${after} inputs at judge time ${decision.judgeTimeMs}, there ${silent.read[after]} had come`
}

/** Who decided on the very same inputs at the same judge time must have decided the same. */
function onSameInputs([one, other]: readonly [Side, Side]): string[] {
  const words: string[] = []
  for (const here of one.decisions) {
    const there = other.decisions.filter((each) => each.after === here.after && each.decision.judgeTimeMs === here.decision.judgeTimeMs)
    if (there.length === 0 || there.some((each) => told(each) === told(here))) continue
    if (one.read.slice(0, here.after).some((input, at) => input !== other.read[at])) continue
    words.push(`on the same ${here.after} inputs ${told(here)}, and ${there.map(told).join(', ')}`)
  }
  return words
}
