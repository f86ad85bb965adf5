/**
 * What the outcomes alone say: traffic of two versions, recorded in a log in memory and judged by the daemon as a drain, at full speed,
 * with a policy that looks at no feature.
 */
import { startDaemon } from '../src/daemon.ts'
import type { Decision, OutgoingRecord, Reading } from '../src/domain.ts'
import type { EventLog, Writer } from '../src/kafka/contract.ts'
import { MemoryBroker } from '../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../src/kafka/log/memory-log.ts'
import { systemClock } from '../src/kit/clock.ts'
import { seededRandom } from '../src/kit/random.ts'
import { ownTopics, topicNames } from '../src/kit/topics.ts'
import { parsePolicy } from '../src/policy/load.ts'
import { readDecisions } from '../src/shell/topic-reads.ts'
import { type Flight, isLate } from './flights.ts'
import { type DelayModel, type FlightFeatures, inWrongTimeZone, predictLate } from './model.ts'
import { type DemoTopics, MODEL } from './policy.ts'
import { outcomeAfterMs } from './traffic.ts'

export interface ReplayedVersion {
  readonly version: string
  readonly model: DelayModel
  /** Its departure hour comes in the wrong time zone. */
  readonly isSkewed: boolean
}

export interface Replay {
  readonly seed: number
  readonly rows: number
  readonly flights: readonly Flight[]
  readonly control: ReplayedVersion
  readonly candidate: ReplayedVersion
}

export interface Replayed {
  readonly decisions: readonly Decision[]
  readonly rollback: Decision | undefined
  /** As the rollback saw them; without one, as the last decision did. */
  readonly logScore: Reading
  readonly wrongOutcome: Reading
  /** The rollback stands on the log score, and on nothing else. */
  readonly byLogScore: boolean
}

/** The candidate's share, a step of the ladder: at one half the same rows are worth less to the log score (see detectors/bounded-mean.ts). */
export const REPLAY_PERCENT = 25
/** How much worse the candidate may be: more than healthy retrains mostly differ by here (0.003), a sixth of what the fault costs. */
export const MARGIN_NATS = 0.005
export const REPLAY_TOPICS: DemoTopics = { prefix: 'replay.', predictions: 'replay.predictions', outcomes: 'replay.outcomes' }
const FROM_MS = Date.UTC(2001, 1, 1)
const PER_SECOND = 400
const PORTION = 500
/** Nothing is promoted before so much of the record has been judged. */
const DWELL_SHARE = 0.8

/** Rows that find a loss of so many nats beyond the margin with room to spare; half of it takes four times as many. */
const PLANNED = { rows: 320_000, nats: 0.02 } as const
const ROWS_MIN = 100_000
const ROWS_MAX = 600_000

/** How many rows to record, planned from how much worse the candidate is: the demo can know that, a service decides what it must find. */
export function plannedRows(lossAdded: number): number {
  const beyond = Math.max(0.001, lossAdded - MARGIN_NATS)
  const rows = PLANNED.rows * (PLANNED.nats / beyond) ** 2
  return Math.round(Math.min(ROWS_MAX, Math.max(ROWS_MIN, rows)) / 10_000) * 10_000
}

export function featuresFor({ isSkewed }: ReplayedVersion, flight: Flight): FlightFeatures {
  const { departureHour, dayOfWeek, distanceMiles, origin } = flight
  const features = { departureHour: Number(departureHour.toFixed(3)), dayOfWeek, distanceMiles, origin }
  return isSkewed ? inWrongTimeZone(features) : features
}

/** Throws when the replay took no decision that shows what was looked at: it then says nothing. */
export async function judgeReplay(replay: Replay): Promise<Replayed> {
  return told(await judgeRecord(replayPolicy(replay), recordedRows(replay)))
}

/** One prediction and what became of it. */
export interface RecordedRow {
  readonly id: string
  readonly time: number
  /** The rest of the prediction record. */
  readonly prediction: Readonly<Record<string, unknown>>
  readonly landsAtMs: number
  readonly label: boolean
}

/** All decisions of a daemon that drains these rows with this policy, whose topics are `REPLAY_TOPICS`. */
export async function judgeRecord(policy: string, rows: Iterable<RecordedRow>): Promise<readonly Decision[]> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  try {
    await record(log, rows)
    const { layout } = parsePolicy(policy, 'replay.yaml')
    const { prefix } = REPLAY_TOPICS
    const options = { log, layout, prefix, judgePartitions: 1, clock: systemClock, createTopics: false, version: 'demo' }
    await (await startDaemon({ ...options, drain: true, emit: () => undefined })).done
    return (await readDecisions(log, topicNames(prefix).decisions)).map(({ decision }) => decision)
  } finally {
    await log.close()
  }
}

function told(decisions: readonly Decision[]): Replayed {
  const rollback = decisions.find(({ verdict }) => verdict.kind === 'rollback')
  const evidence = rollback?.verdict.kind === 'rollback' ? rollback.verdict.evidence : []
  const looked = rollback ?? decisions.at(-1)
  const reading = (kind: string): Reading => {
    const found = looked?.readings.find(({ guardrail }) => guardrail === kind)
    if (found === undefined) throw new Error(`the replay decided nothing that shows ${kind}`)
    return found
  }
  const byLogScore = evidence.length > 0 && evidence.every(({ guardrail }) => guardrail === 'log-score')
  return { decisions, rollback, logScore: reading('log-score'), wrongOutcome: reading('wrong-outcome'), byLogScore }
}

/** No guardrail looks at what goes in, or at anything else that is known before the outcome. */
export function replayPolicy({ control, candidate, rows }: Replay): string {
  return `# The outcomes alone: ${control.version} → ${candidate.version}
version: 1
environment: demo
kafka: {prefix: ${REPLAY_TOPICS.prefix}, partitions: 1}
inputs:
  predictions: {topic: ${REPLAY_TOPICS.predictions}}
  outcomes: {topic: ${REPLAY_TOPICS.outcomes}}
models:
  ${MODEL}:
    control: ${control.version}
    candidate: ${candidate.version}
    mode: enforce
    weights: recorded               # the split is what the records have: nobody's traffic is moved
    score: {bins: 10, floor: 0.01}
    outcomes:
      late: {horizon: 10s}
    guardrails:
      - {kind: log-score, margin: ${MARGIN_NATS}}
      - {kind: wrong-outcome, marginPoints: 1}
    ladder: {steps: [${REPLAY_PERCENT}, 100], dwell: ${Math.round((DWELL_SHARE * rows) / PER_SECOND)}s}
timing: {slice: 2s}
`
}

// ── the record ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function record(log: EventLog, rows: Iterable<RecordedRow>): Promise<void> {
  const { prefix, predictions, outcomes } = REPLAY_TOPICS
  const input = (topic: string) => ({ topic, partitions: 1, config: {} })
  await log.admin.create([input(predictions), input(outcomes), ...ownTopics(prefix, 1, 1)])
  const writer = await log.writer()
  const landings: RecordedRow[] = []
  await inPortions(writer, predictions, predictionsOf(rows, landings))
  await inPortions(writer, outcomes, outcomesOf(landings))
  await writer.close()
}

/** Each row is a flight drawn with replacement and a version drawn by its share. */
function* recordedRows({ seed, rows, flights, control, candidate }: Replay): Generator<RecordedRow> {
  const random = seededRandom(seed)
  for (let row = 0; row < rows; row++) {
    const flight = flights[Math.floor(random() * flights.length)]!
    const served = random() < REPLAY_PERCENT / 100 ? candidate : control
    const time = replayTimeMs(row)
    const features = featuresFor(served, flight)
    const prediction = { model: MODEL, version: served.version, score: predictLate(served.model, features), features }
    yield { id: `flight-${row + 1}`, time, prediction, landsAtMs: time + Math.round(outcomeAfterMs(flight)), label: isLate(flight) }
  }
}

export function replayTimeMs(row: number): number {
  return FROM_MS + Math.floor((row * 1000) / PER_SECOND)
}

function* predictionsOf(rows: Iterable<RecordedRow>, landings: RecordedRow[]): Generator<OutgoingRecord> {
  for (const row of rows) {
    landings.push(row)
    const { id, time, prediction } = row
    yield recordOf(id, time, { id, time, ...prediction })
  }
}

function* outcomesOf(landings: readonly RecordedRow[]): Generator<OutgoingRecord> {
  const inOrder = [...landings].sort((one, other) => one.landsAtMs - other.landsAtMs)
  for (const { id, landsAtMs, label } of inOrder) yield recordOf(id, landsAtMs, { id, time: landsAtMs, label })
}

function recordOf(key: string, timestampMs: number, value: object): OutgoingRecord {
  return { key, value: Buffer.from(JSON.stringify(value)), timestampMs }
}

async function inPortions(writer: Writer, topic: string, records: Iterable<OutgoingRecord>): Promise<void> {
  let portion: OutgoingRecord[] = []
  for (const each of records) {
    portion.push(each)
    if (portion.length < PORTION) continue
    await writer.send(topic, 0, portion)
    portion = []
  }
  if (portion.length > 0) await writer.send(topic, 0, portion)
}
