/**
 * Finds what the doctor goes by, and changes nothing: no topic is written to, no group joined, no transactional id opened. Each step has its
 * own deadline and reads so much and no more; one that fails says why, and the others go on.
 */
import type { About, ChainEnd, Facts, Known, RightTried } from '../doctor/facts.ts'
import { addIds, addPredictions, addRecords, emptySample, type InputSample } from '../doctor/sample.ts'
import type { RecordBatch, Rejected } from '../domain.ts'
import { describedIngest, type Ingest, outcomeIngest, predictionIngest } from '../ingest/ingest.ts'
import type { EventLog } from '../kafka/contract.ts'
import { type Clock, within } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { type Role, type Rule, rulesOf } from '../kit/rights.ts'
import { type TopicNames, topicNames } from '../kit/topics.ts'
import type { InputLayout, Layout } from '../policy/layout.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { decodeState } from '../wire/state.ts'
import { versionOf } from '../wire/versions.ts'
import { readGateways } from './topic-reads.ts'

export interface Looking {
  readonly log: EventLog
  readonly about: About
  readonly prefix: string
  readonly clock: Clock
  /** At most so many of the newest records of each partition of an input. */
  readonly recordsMax: number
}

/** A broker that tells no topics is as good as none. */
export type LogFacts = Pick<
  Facts,
  'broker' | 'topics' | 'rights' | 'configs' | 'predictions' | 'outcomes' | 'described' | 'gateways' | 'chains'
>

const STEP_MS = 30_000
const ACKS_MAX = 2_000
const STATES_MAX = 5_000
const DECISIONS_MAX = 5_000

export async function readFacts(looking: Looking): Promise<LogFacts> {
  const { log, about, prefix } = looking
  const { layout } = about
  const names = topicNames(prefix)
  const topics = await step('look at topics', () => visibleTopics(looking))
  if ('problem' in topics) return { broker: topics }
  const there = (topic: string): boolean => typeof topics.known.get(topic) === 'number'
  const sampled = async (input: InputLayout | null, work: () => Promise<InputSample>) =>
    input !== null && there(userTopic(input)) ? await step(`sample ${userTopic(input)}`, work) : undefined
  const facts = {
    broker: { known: true as const },
    topics,
    rights: await step('try rights', () => triedRights(looking, there)),
    configs: await step('look at settings', () => settings(log, wantedTopics(looking).filter(there))),
    predictions: await sampled(layout.predictions, () => samplePredictions(looking, layout.predictions, predictionIngest)),
    outcomes: await sampled(layout.outcomes, () => sampleOutcomes(looking, layout.outcomes!)),
    described: await sampled(layout.described, () => samplePredictions(looking, layout.described!, describedIngest)),
    gateways: there(names.acks)
      ? await step('read acks', async () => [...(await readGateways(log, names.acks, ACKS_MAX)).values()])
      : undefined,
    chains: there(names.state) && there(names.decisions) ? await step('read the last decisions', () => chainEnds(log, names)) : undefined,
  }
  return { broker: facts.broker, ...Object.fromEntries(Object.entries(facts).filter(([, fact]) => fact !== undefined)) }
}

const userTopic = ({ rekeyedFrom, topic }: InputLayout): string => rekeyedFrom ?? topic

async function step<Fact>(what: string, work: () => Promise<Fact>): Promise<Known<Fact>> {
  try {
    return { known: await within(work(), STEP_MS, what) }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

// ── topics and rights ──────────────────────────────────────────────────────────────────────────────────────────────────────

function wantedTopics({ about: { ownTopics, layout } }: Looking): readonly string[] {
  const inputs = [layout.predictions, layout.outcomes, layout.described].filter((input) => input !== null)
  const changes = layout.changesTopic === undefined ? [] : [layout.changesTopic]
  return [...new Set([...ownTopics.map(({ topic }) => topic), ...inputs.map(userTopic), ...changes])]
}

/** A topic that may not be seen is told apart from one that does not exist. */
async function visibleTopics(looking: Looking): Promise<ReadonlyMap<string, number | null>> {
  const { admin } = looking.log
  const topics = new Map<string, number | null>(await admin.topics())
  for (const topic of wantedTopics(looking))
    if (!topics.has(topic) && (await isHidden(() => admin.topics([topic])))) topics.set(topic, null)
  return topics
}

/** Whether we were refused; other errors go on. */
async function isHidden(ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask()
    return false
  } catch (error) {
    if (error instanceof FlyballError && error.code === 'FLY-KAFKA-004') return true
    throw error
  }
}

async function triedRights(looking: Looking, there: (topic: string) => boolean): Promise<readonly RightTried[]> {
  const { about, prefix } = looking
  const { layout, role } = about
  const inputs = [layout.predictions, layout.outcomes, layout.described].flatMap((input) => (input === null ? [] : [userTopic(input)]))
  const rekeys = layout.predictions.rekeyedFrom !== undefined
  const subject = { prefix, inputs, changes: layout.changesTopic, rekeys }
  const tried = new Map<string, RightTried>()
  for (const one of rolesOf(role, layout)) {
    for (const rule of rulesOf(one, subject)) {
      const name = JSON.stringify(rule)
      if (!tried.has(name)) tried.set(name, { role: one, rule, verdict: await verdictOn(rule, looking.log, there) })
    }
  }
  return [...tried.values()]
}

/** A daemon whose policy has alerts tells people of them, too. */
function rolesOf(role: Role, { alerting }: Layout): readonly Role[] {
  return role === 'daemon' && alerting !== undefined ? ['daemon', 'act'] : [role]
}

/** What includes DESCRIBE is missing where not even that is granted. */
async function verdictOn({ resource, name, prefixed, operation }: Rule, log: EventLog, there: (topic: string) => boolean) {
  if (resource !== 'topic' || prefixed) return 'unproven'
  if (!there(name)) return (await isHidden(() => log.admin.topics([name]))) ? 'missing' : 'unproven'
  if (operation === 'DESCRIBE') return 'granted'
  if (operation !== 'READ') return 'unproven'
  return (await isHidden(() => triedToRead(log, name))) ? 'missing' : 'granted'
}

const ANSWER_MS = 5_000
const WAIT_MS = 100

/** Asks for what comes next: the broker refuses at once whom it does not let read, also where there is nothing. */
async function triedToRead(log: EventLog, topic: string): Promise<void> {
  const [first] = await log.admin.offsets(topic)
  if (first === undefined) return
  const reader = log.reader({ maxWaitMs: WAIT_MS })
  try {
    const source = reader.open(topic, first.partition, first.end)
    for (let waitedMs = 0; source.end < 0 && waitedMs < ANSWER_MS; waitedMs += WAIT_MS) await reader.wait(WAIT_MS)
  } finally {
    await reader.close()
  }
}

async function settings(log: EventLog, topics: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, string> | null>> {
  const found = new Map<string, ReadonlyMap<string, string> | null>()
  for (const topic of topics) {
    let config: ReadonlyMap<string, string> | null = null
    await isHidden(async () => {
      config = await log.admin.configs(topic)
    })
    found.set(topic, config)
  }
  return found
}

// ── samples ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function samplePredictions<Batch extends Parameters<typeof addPredictions>[1]>(
  looking: Looking,
  input: InputLayout,
  ingestOf: (layout: Layout, partitions: number) => Ingest<Batch>,
): Promise<InputSample> {
  const { layout } = looking.about
  const sample = emptySample(userTopic(input), layout)
  const ingest = ingestOf(layout, 1)
  await eachBatch(looking, sample, ingest, (batch, records) => {
    addPredictions(sample, batch, layout)
    addIds(sample, batch, records.partition)
  })
  return sample
}

async function sampleOutcomes(looking: Looking, input: InputLayout): Promise<InputSample> {
  const sample = emptySample(userTopic(input), null)
  await eachBatch(looking, sample, outcomeIngest(looking.about.layout), (batch, records) => addIds(sample, batch, records.partition))
  return sample
}

/** Read as the daemon reads: what it would refuse is refused here. */
async function eachBatch<Batch>(
  { log, clock, recordsMax }: Looking,
  sample: InputSample,
  ingest: Ingest<Batch>,
  each: (batch: Batch, records: RecordBatch) => void,
): Promise<void> {
  const reader = log.reader()
  const deadlineMs = clock.monotonicMs() + STEP_MS
  try {
    for (const { partition, start, end } of await log.admin.offsets(sample.topic)) {
      const source = reader.open(sample.topic, partition, Math.max(start, end - recordsMax))
      while (source.next < end && clock.monotonicMs() < deadlineMs) {
        const records = source.take()
        if (records === null) await reader.wait(WAIT_MS)
        else each(...(await readBatch(records, ingest, sample)))
      }
      source.close()
    }
  } finally {
    await reader.close()
  }
}

async function readBatch<Batch>(records: RecordBatch, ingest: Ingest<Batch>, sample: InputSample): Promise<[Batch, RecordBatch]> {
  await ingest.prepare(records)
  const { batch, rejected }: { batch: Batch; rejected: readonly Rejected[] } = ingest.read(records)
  addRecords(sample, records, rejected)
  return [batch, records]
}

// ── the end of each chain ──────────────────────────────────────────────────────────────────────────────────────────────────

/** State first: whatever it knows, the log has by then. */
async function chainEnds(log: EventLog, names: TopicNames): Promise<readonly ChainEnd[]> {
  const heads = new Map<string, NonNullable<ChainEnd['head']>>()
  const isStateWhole = await newest(log, names.state, STATES_MAX, (value) => {
    const state = decodeState(value)
    if (state.kind === 'ladder') heads.set(state.model, { number: state.decisionNumber, hash: state.lastHash })
  })
  const logged = new Map<string, Record<number, string>>()
  const isLogWhole = await newest(log, names.decisions, DECISIONS_MAX, (value, version) => {
    const { model, number } = decodeDecision(value, version)
    const known = logged.get(model) ?? {}
    logged.set(model, Object.assign(known, { [number]: hashOfDecision(value) }))
  })
  return [...new Set([...heads.keys(), ...logged.keys()])].map((model) => ({
    model,
    head: heads.get(model) ?? null,
    logged: logged.get(model) ?? {},
    isStateWhole,
    isLogWhole,
  }))
}

/** Whether it was all there ever was. What cannot be decoded is `flyball audit verify`’s business. */
async function newest(log: EventLog, topic: string, recordsMax: number, each: (value: Buffer, version: number) => void): Promise<boolean> {
  const reader = log.reader()
  let isWhole = true
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      isWhole &&= end <= recordsMax && start === 0
      await reader.readRange(topic, partition, Math.max(start, end - recordsMax), end, (record) => {
        const key = record.key?.toString() ?? ''
        if (record.value === null || key === '' || key.startsWith('__') || key.startsWith('snapshot|')) return
        try {
          each(record.value, versionOf(record))
        } catch (error) {
          if (!(error instanceof FlyballError)) throw error
        }
      })
    }
    return isWhole
  } finally {
    await reader.close()
  }
}
