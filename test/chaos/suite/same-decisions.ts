/** Holds what two deployments made of the same input against each other: panes, verdicts, weights, sequences, commands. */
import { createHash } from 'node:crypto'
import type { EventLog } from '../../../src/kafka/contract.ts'
import { readDecision, readPane, type WireDecision } from '../../checker/wire.ts'
import { panesIn, plain, recordsIn } from '../../simulation/fill.ts'

export interface Comparison {
  /** Moves (verdicts with a command) that are the same in both. */
  readonly same: number
  /** Decisions that only one of them took, or took otherwise, because panes had come in another order or at another time. */
  readonly explained: readonly string[]
  readonly violations: readonly string[]
  readonly panes: number
}

/** The checker has no need of what a hold says is missing. */
type ToldDecision = WireDecision & { readonly verdict: { readonly missing?: readonly string[] } }

interface Run {
  readonly decisions: readonly ToldDecision[]
  /** Per model: digest of the links of its panes in the order of the log, after so many of them. */
  readonly orders: ReadonlyMap<string, readonly string[]>
}

const MOVES = new Set(['start', 'promote', 'throttle', 'rollback', 'step_down', 'lift', 'override'])

export async function compareRuns(log: EventLog, prefixes: readonly [string, string], models: readonly string[]): Promise<Comparison> {
  const violations: string[] = []
  const explained: string[] = []
  const panes = await comparePanes(log, prefixes, violations)
  const [one, other] = [await runOf(log, prefixes[0]), await runOf(log, prefixes[1])]
  let same = 0
  for (const model of models) same += compareModel(model, one, other, explained, violations)
  return { same, explained, violations, panes }
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

async function runOf(log: EventLog, prefix: string): Promise<Run> {
  const decisions = (await recordsIn(log, `${prefix}decisions`)).flatMap(({ record }) => {
    const decision = record.value === null ? null : readDecision(record.value, record.headers)
    return decision === null ? [] : [decision]
  })
  const links = new Map<string, string[]>()
  const seen = new Set<string>()
  for (const { record } of await recordsIn(log, `${prefix}panes`)) {
    const pane = record.value === null ? null : readPane(record.value)
    if (pane === null || pane.kind !== 'pane') continue
    const link = `${pane.source}|${pane.chain}|${pane.model}|${pane.from}|${pane.to}`
    if (seen.has(link)) continue
    seen.add(link)
    links.set(pane.model, [...(links.get(pane.model) ?? []), link])
  }
  return { decisions, orders: new Map([...links].map(([model, list]) => [model, digests(list)])) }
}

function digests(links: readonly string[]): string[] {
  const hash = createHash('sha256')
  return links.map((link) => hash.update(link).copy().digest('hex'))
}

const told = ({ verdict, weightsAfter, sequence }: WireDecision): string =>
  `${verdict.kind}${verdict.because === null ? '' : `:${verdict.because}`} by ${verdict.rule} to ${JSON.stringify(weightsAfter)}, sequence ${sequence}`

/** Moves one beside the other; what lies between them (holds and the like) as a set. Returns the number of equal moves. */
function compareModel(model: string, one: Run, other: Run, explained: string[], violations: string[]): number {
  const [ours, theirs] = [one, other].map(({ decisions }) => decisions.filter((each) => each.model === model)) as [
    ToldDecision[],
    ToldDecision[],
  ]
  const [moves, otherMoves] = [ours, theirs].map((list) => list.filter(({ verdict }) => MOVES.has(verdict.kind))) as [
    ToldDecision[],
    ToldDecision[],
  ]
  let same = 0
  for (let at = 0; at < Math.max(moves.length, otherMoves.length); at++) {
    const [here, there] = [moves[at], otherMoves[at]]
    if (here !== undefined && there !== undefined && told(here) === told(there)) {
      same++
      continue
    }
    const what = `${model}: move ${at + 1}: ${here ? told(here) : 'none'} beside ${there ? told(there) : 'none'}`
    if (here !== undefined && there !== undefined && inputsDiffer(model, here, one, there, other))
      explained.push(`${what} (${inputs(here)}; ${inputs(there)})`)
    else violations.push(what)
    break
  }
  compareHolds(model, ours, theirs, one, other, explained, violations)
  return same
}

const inputs = ({ panes, rows, judgeTimeMs }: WireDecision): string => `${panes} panes, ${rows} rows, judge time ${judgeTimeMs}`

/** What stood before the two decisions was not the same, or did not come in the same order. */
function inputsDiffer(model: string, here: WireDecision, one: Run, there: WireDecision, other: Run): boolean {
  if (here.panes !== there.panes || here.rows !== there.rows || here.judgeTimeMs !== there.judgeTimeMs) return true
  return one.orders.get(model)?.[here.panes - 1] !== other.orders.get(model)?.[there.panes - 1]
}

/** Between two moves each says why it stays; who said so on the very same inputs must have said the same. */
function compareHolds(
  model: string,
  ours: readonly ToldDecision[],
  theirs: readonly ToldDecision[],
  one: Run,
  other: Run,
  explained: string[],
  violations: string[],
): void {
  const holds = (list: readonly ToldDecision[]) => list.filter(({ verdict }) => !MOVES.has(verdict.kind))
  const counted = new Map<string, number>()
  for (const decision of holds(ours)) counted.set(told(decision), (counted.get(told(decision)) ?? 0) + 1)
  for (const decision of holds(theirs)) counted.set(told(decision), (counted.get(told(decision)) ?? 0) - 1)
  for (const [what, more] of counted) {
    if (more === 0) continue
    const [list, where] = more > 0 ? [ours, 'the first'] : [theirs, 'the second']
    const last = list.findLast((decision) => told(decision) === what)!
    explained.push(
      `${model}: ${Math.abs(more)} × ${what} in ${where} alone, at last after ${inputs(last)}: ${last.verdict.missing?.join('; ') ?? ''}`,
    )
  }
  for (const here of ours) {
    const there = theirs.find((each) => !inputsDiffer(model, here, one, each, other))
    if (there !== undefined && told(here) !== told(there) && here.verdict.kind !== there.verdict.kind)
      violations.push(`${model}: on the same inputs (${inputs(here)}) ${told(here)}, and ${told(there)}`)
  }
}
