/** An installation without fault on any log, and ways to break one thing of it: topics, records, a gateway, decisions, a policy. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diagnose } from '../../src/doctor/checks.ts'
import type { Facts } from '../../src/doctor/facts.ts'
import type { Finding } from '../../src/doctor/findings.ts'
import type { OutgoingRecord } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import type { Role } from '../../src/kit/rights.ts'
import { type OwnTopic, ownTopics, topicNames } from '../../src/kit/topics.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { examine } from '../../src/shell/doctor.ts'
import { ackRecord } from '../../src/wire/acks.ts'
import { DECISION_HEADERS } from '../../src/wire/decisions.ts'
import { chainOf, stateAfter } from '../audit/chains.ts'
import { traffic } from '../simulation/traffic.ts'

export const PARTITIONS = 2

export interface Breaks {
  readonly policy?: (text: string) => string
  /** Null: not made. */
  readonly own?: (topic: OwnTopic) => OwnTopic | null
  readonly predictionsConfig?: Readonly<Record<string, string>>
  readonly outcomePartitions?: number
  /** Where an outcome goes instead. */
  readonly outcomePartition?: (partition: number) => number
  readonly prediction?: (value: Record<string, unknown>) => object | null
  readonly outcome?: (value: Record<string, unknown>) => object
  /** How long ago the newest record was made. */
  readonly ageMs?: number
  readonly gateway?: { readonly ageMs?: number; readonly leaseExpired?: boolean; readonly features?: readonly string[] } | null
  /** Which decision state vouches for, of three; 0: none. */
  readonly vouched?: number
  readonly changedDecision?: boolean
}

export const policyText = (name: string): string => `
version: 1
kafka: { prefix: "${name}.", partitions: ${PARTITIONS} }
inputs:
  predictions: { topic: ${name}-predictions, fields: { time: ts, unit: unit }, segments: { region: region } }
  outcomes: { topic: ${name}-outcomes, fields: { time: ts } }
models:
  fraud:
    control: v1
    candidate: v2
    mode: enforce
    acks: { presenceTimeout: 10m }
    features: { age: { low: 0, high: 10 } }
    segments: { region: [eu, us] }
    outcomes: { late: { horizon: 10m } }
    guardrails: [{ kind: error-rate, marginPoints: 1 }, { kind: latency }, { kind: log-score, margin: 0.1 }, { kind: feature-drift }]
alerts:
  sinks: { lines: { kind: log } }
  routes: [{ name: all, sinks: [lines] }]
`

/** Makes topics and records; answers the file of its policy. */
export async function install(log: EventLog, folder: string, name: string, breaks: Breaks = {}): Promise<string> {
  const own = ownTopics(`${name}.`, PARTITIONS, PARTITIONS).flatMap((topic) => breaks.own?.(topic) ?? (breaks.own ? [] : [topic]))
  const kept = { 'retention.ms': '86400000' }
  await log.admin.create([
    ...own,
    { topic: `${name}-predictions`, partitions: PARTITIONS, config: breaks.predictionsConfig ?? kept },
    { topic: `${name}-outcomes`, partitions: breaks.outcomePartitions ?? PARTITIONS, config: kept },
  ])
  await fillInputs(log, name, breaks)
  await fillOwn(log, name, breaks, new Set(own.map(({ topic }) => topic)))
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, (breaks.policy ?? ((text) => text))(policyText(name)))
  chmodSync(file, 0o600)
  return file
}

const SECONDS = 30

async function fillInputs(log: EventLog, name: string, breaks: Breaks): Promise<void> {
  const { predictions, outcomes } = traffic({
    ...{ seed: 7, models: [{ name: 'fraud', share: 0.4, errorsAdded: 0, shiftAdded: 0 }], partitions: PARTITIONS },
    startMs: systemClock.nowMs() - (breaks.ageMs ?? 0) - SECONDS * 1000,
    ...{ durationMs: SECONDS * 1000, perSecond: 20, outcomeShare: 0.5, outcomeDelayMs: 1, units: 100 },
  })
  const { prediction = (value) => value, outcome = (value) => value, outcomePartition = (partition) => partition } = breaks
  await send(log, `${name}-predictions`, predictions, (partition) => partition, prediction)
  await send(log, `${name}-outcomes`, outcomes, outcomePartition, outcome)
}

async function send(
  log: EventLog,
  topic: string,
  placed: readonly { readonly partition: number; readonly record: OutgoingRecord }[],
  to: (partition: number) => number,
  change: (value: Record<string, unknown>) => object | null,
): Promise<void> {
  const writer = await log.writer()
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const records = placed.flatMap(({ record, ...one }) => {
      const value = one.partition === partition ? change(JSON.parse(String(record.value)) as Record<string, unknown>) : null
      return value === null ? [] : [{ ...record, value: Buffer.from(JSON.stringify(value)) }]
    })
    if (records.length > 0) await writer.send(topic, to(partition), records)
  }
  await writer.close()
}

/** A gateway that is there, three decisions, and what state knows of the last. */
async function fillOwn(log: EventLog, name: string, breaks: Breaks, there: ReadonlySet<string>): Promise<void> {
  const topics = topicNames(`${name}.`)
  const writer = await log.writer()
  const partition = partitionOf(Buffer.from('fraud'), PARTITIONS)
  const { gateway = {}, vouched = 3 } = breaks
  if (gateway !== null && there.has(topics.acks)) await writer.send(topics.acks, partition, [presence(gateway)])
  const decisions = chainOf('fraud', 3)
  const state = vouched === 0 ? null : stateAfter(decisions, 'fraud', vouched)
  const written = breaks.changedDecision ? chainOf('fraud', 3, (decision) => ({ ...decision, summary: 'as if' })) : decisions
  if (there.has(topics.decisions))
    await writer.send(
      topics.decisions,
      partition,
      written.map(({ key, value }) => ({ key, value, headers: DECISION_HEADERS })),
    )
  if (state !== null && there.has(topics.state)) await writer.send(topics.state, partition, [state])
  await writer.close()
}

function presence({ ageMs = 0, leaseExpired = false, features = ['segments'] }: NonNullable<Breaks['gateway']>): OutgoingRecord {
  const atMs = systemClock.nowMs() - ageMs
  const said = { model: 'fraud', gateway: 'router-1', kind: 'presence' as const, commandId: '', epoch: 0, sequence: 0 }
  return ackRecord({ ...said, atMs, leaseExpired, routed: {}, countersSinceMs: atMs, features: [...features] })
}

export interface Asked {
  readonly role?: Role
  readonly send?: boolean
}

export async function factsOf(log: EventLog | { readonly problem: string }, policyFile: string, asked: Asked = {}): Promise<Facts> {
  return await examine({
    ...{ loaded: loadPolicy(policyFile), log, policyFile, connection: null, bootstrap: ['localhost:9092'], principal: 'User:ANONYMOUS' },
    ...{ role: asked.role ?? 'daemon', recordsMax: 2_000, send: asked.send ?? false, clock: systemClock, fetch, write: () => undefined },
  })
}

export async function findingsOf(log: EventLog | { readonly problem: string }, policyFile: string, asked: Asked = {}): Promise<Finding[]> {
  return [...diagnose(await factsOf(log, policyFile, asked))]
}

/** Ids of what is not fine, in their order, each once. */
export const idsOf = (findings: readonly Finding[]): string[] => [...new Set(findings.map(({ id }) => id))].filter((id) => id !== 'fine')
