/**
 * One run of a deployment as its topics tell it, by model: what its judge read, in the order of the log; where it stood in that order at
 * each record of its state; and the decisions between two such records.
 */
import type { Decision, LogRecord, Pane, Pulse } from '../../../src/domain.ts'
import type { JudgeState } from '../../../src/judge/state.ts'
import type { EventLog } from '../../../src/kafka/contract.ts'
import { partitionOf } from '../../../src/kit/hash.ts'
import type { Layout, ModelLayout } from '../../../src/policy/layout.ts'
import { storedState } from '../../../src/shell/judge-store.ts'
import { decodeDecision } from '../../../src/wire/decisions.ts'
import { BARRIER_KEY } from '../../../src/wire/keys.ts'
import { decodePane } from '../../../src/wire/panes.ts'
import { decodeState } from '../../../src/wire/state.ts'
import { versionOf } from '../../../src/wire/versions.ts'
import { recordsIn } from '../../simulation/fill.ts'

/** A pane or a pulse where it stands in the log. */
export interface Input {
  readonly offset: number
  /** When it was written: the wall clock of whoever judges as it comes. */
  readonly wallMs: number
  readonly record: Pane | Pulse
}

export interface Told {
  readonly decision: Decision
  /** As it was written. */
  readonly bytes: Buffer
}

/** A judge of the partition from its take-over on: it knows of sources and clocks what it reads from there. */
export interface Session {
  /** The least of what its models had read before. */
  readonly from: number
  /** The latest look of theirs: where its judge time begins. */
  readonly nowMs: number
}

/** What the judge wrote down of itself: with every decision, and now and then without one. */
export interface Mark {
  readonly state: JudgeState
  /** Everything before this offset of `panes` had been judged. */
  readonly through: number
  /** Of acks and requests. */
  readonly others: number
  readonly session: Session
  /** Decisions since the mark before. */
  readonly decisions: readonly Told[]
}

export interface JudgedRun {
  readonly prefix: string
  readonly layout: Layout
  readonly model: ModelLayout
  readonly inputs: readonly Input[]
  readonly marks: readonly Mark[]
  readonly decisions: readonly Told[]
  /** Of decisions that no record of the state covers. */
  readonly unmarked: readonly Told[]
}

type Found = { readonly partition: number; readonly record: LogRecord }

/** By model of the policy. */
export async function judgedRuns(log: EventLog, prefix: string, layout: Layout): Promise<ReadonlyMap<string, JudgedRun>> {
  const read = (topic: string) => recordsIn(log, `${prefix}${topic}`, true)
  const [panes, states, decisions] = [await read('panes'), await read('state'), await read('decisions')]
  const partitions = (await log.admin.offsets(`${prefix}panes`)).length
  const placed = layout.models.map((model) => ({ model, own: partitionOf(Buffer.from(model.name), partitions) }))
  return new Map(
    placed.map(({ model, own }) => {
      const ofModel = ({ partition }: Found) => partition === own
      const beside = placed.filter((one) => one.own === own).map((one) => one.model)
      const stored = storedIn(states.filter(ofModel), beside)
      const topics = { panes: panes.filter(ofModel), stored, decisions: decisions.filter(ofModel) }
      return [model.name, judgedRun(prefix, layout, model, topics)]
    }),
  )
}

interface OwnTopics {
  readonly panes: readonly Found[]
  readonly stored: readonly Stored[]
  readonly decisions: readonly Found[]
}

function judgedRun(prefix: string, layout: Layout, model: ModelLayout, { panes, stored, decisions: written }: OwnTopics): JudgedRun {
  const decisions = written.flatMap(({ record }) => toldIn(record, model.name))
  const marks = marksOf(
    stored.filter(({ state }) => state.model === model.name),
    decisions,
  )
  const covered = marks.at(-1)?.state.ladder.decisionNumber ?? 0
  const unmarked = decisions.filter(({ decision }) => decision.number > covered)
  return { prefix, layout, model, inputs: panes.flatMap(({ record }) => inputIn(record, model.name)), marks, decisions, unmarked }
}

function inputIn({ value, offset, timestampMs }: LogRecord, model: string): Input[] {
  if (value === null) return []
  const record = decodePane(value)
  return record.kind === 'pane' && record.model !== model ? [] : [{ offset, wallMs: timestampMs, record }]
}

function toldIn(record: LogRecord, model: string): Told[] {
  if (record.value === null || record.key?.toString() !== model) return []
  return [{ decision: decodeDecision(record.value, versionOf(record)), bytes: record.value }]
}

type Stored = Omit<Mark, 'decisions'>

/** Of all models of a partition, in order. Pieces of a snapshot stand before the ladder that belongs to them, in one transaction. */
function storedIn(states: readonly Found[], models: readonly ModelLayout[]): Stored[] {
  const found: Stored[] = []
  let session: Session = { from: 0, nowMs: 0 }
  let pieces: LogRecord[] = []
  for (const { record } of states) {
    if (record.key?.toString() === BARRIER_KEY) {
      session = sessionAfter(found, models)
      continue
    }
    if (record.value === null) continue
    pieces.push(record)
    const { kind, model } = decodeState(record.value)
    if (kind !== 'ladder') continue
    const layout = models.find(({ name }) => name === model)
    const stored = layout === undefined ? null : storedState(pieces, layout)
    pieces = []
    if (stored === null) continue
    const { panes, acks, requests } = stored.positions
    found.push({ state: stored.state, through: panes, others: acks + requests, session })
  }
  return found
}

function sessionAfter(found: readonly Stored[], models: readonly ModelLayout[]): Session {
  const last = models.map(({ name }) => found.findLast(({ state }) => state.model === name))
  return {
    from: Math.min(...last.map((stored) => stored?.through ?? 0)),
    nowMs: Math.max(0, ...last.map((stored) => stored?.state.ladder.judgedAtMs ?? 0)),
  }
}

function marksOf(stored: readonly Stored[], decisions: readonly Told[]): Mark[] {
  let told = 0
  return stored.map((each) => {
    const { decisionNumber } = each.state.ladder
    const since = decisions.filter(({ decision }) => decision.number > told && decision.number <= decisionNumber)
    told = decisionNumber
    return { ...each, decisions: since }
  })
}
