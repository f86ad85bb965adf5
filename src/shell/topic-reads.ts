/** What the topics say right now, for commands that look and do not govern. */
import { type VersionRecord, versionRecordOf } from '../audit/version-record.ts'
import type { Ack, Alert, Command, Decision, LogRecord, OperatorRequest, Silence } from '../domain.ts'
import type { EventLog } from '../kafka/contract.ts'
import { isAnchor } from '../kit/anchor.ts'
import { FlyballError } from '../kit/errors.ts'
import { decodeAck } from '../wire/acks.ts'
import { decodeAlert } from '../wire/alerts.ts'
import { decodeCommand } from '../wire/control.ts'
import { decodeDecision, hashOfDecision } from '../wire/decisions.ts'
import { decodeSilence, isSilenceKey } from '../wire/deliveries.ts'
import { isInternalKey } from '../wire/keys.ts'
import { decodeRequest } from '../wire/requests.ts'
import { versionOf } from '../wire/versions.ts'

export interface StoredDecision {
  readonly decision: Decision
  readonly partition: number
  readonly offset: number
  /** SHA-256 (hex) of the record's bytes: what the next one of its model names as previous. */
  readonly hash: string
}

/** Every decision, per partition in the order of the log. Anchors decide nothing, and are no news to people: they are left out. */
export async function readDecisions(log: EventLog, topic: string): Promise<readonly StoredDecision[]> {
  return (await readChains(log, topic)).filter(({ decision }) => !isAnchor(decision))
}

/** The same with anchors: every record of the chains. */
export async function readChains(log: EventLog, topic: string): Promise<readonly StoredDecision[]> {
  const decisions: StoredDecision[] = []
  await eachRecord(log, topic, 0, (record, partition, value) => {
    const stored = storedDecision(record, partition, value)
    if (stored !== null) decisions.push(stored)
  })
  return decisions
}

/** Decisions of one partition from an offset on, and where to go on reading. */
export async function readDecisionsFrom(
  log: EventLog,
  topic: string,
  partition: number,
  from: number,
): Promise<{ readonly decisions: readonly StoredDecision[]; readonly next: number }> {
  const bounds = (await log.admin.offsets(topic)).find((one) => one.partition === partition)
  if (bounds === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition })
  const decisions = await readDecisionsBetween(log, topic, partition, Math.max(from, bounds.start), bounds.end)
  return { decisions, next: Math.max(from, bounds.end) }
}

/** Those at the offsets [from, to) of one partition. */
export async function readDecisionsBetween(
  log: EventLog,
  topic: string,
  partition: number,
  from: number,
  to: number,
): Promise<readonly StoredDecision[]> {
  const decisions: StoredDecision[] = []
  const reader = log.reader()
  try {
    await reader.readRange(topic, partition, from, to, (record) => {
      const stored = record.value === null || isInternalKey(record.key) ? null : storedDecision(record, partition, record.value)
      if (stored !== null) decisions.push(stored)
    })
  } finally {
    await reader.close()
  }
  return decisions
}

function storedDecision(record: LogRecord, partition: number, value: Buffer): StoredDecision | null {
  const decision = decoded((bytes) => decodeDecision(bytes, versionOf(record)), value)
  if (decision === null) return null
  const hash = hashOfDecision(value)
  return { decision, partition, offset: record.offset, hash }
}

/** The command in force of every model. */
export async function readCommands(log: EventLog, topic: string): Promise<ReadonlyMap<string, Command>> {
  const records: LogRecord[] = []
  await eachRecord(log, topic, 0, (record) => records.push(record))
  return lastCommands(records)
}

/**
 * The command in force of each model among records of the control topic: the highest, as gateways read it (docs/control-topic.md).
 * What is no command is passed over, or one broken record would keep the judge from taking over and a person from breaking the glass.
 */
export function lastCommands(
  records: readonly LogRecord[],
  refused: (problem: FlyballError) => void = () => {},
  counts: (command: Command) => boolean = () => true,
): ReadonlyMap<string, Command> {
  const commands = new Map<string, Command>()
  for (const { command } of commandsIn(records, refused)) {
    if (!counts(command)) continue
    const held = commands.get(command.model)
    if (held === undefined || !isLower(command, held)) commands.set(command.model, command)
  }
  return commands
}

export interface PlacedCommand {
  readonly record: LogRecord
  readonly command: Command
}

/** Those under the key of their model, in their order. */
export function commandsIn(records: readonly LogRecord[], refused: (problem: FlyballError) => void): readonly PlacedCommand[] {
  return records.flatMap((record) => {
    const command = record.value === null ? null : decoded(decodeCommand, record.value, refused)
    return command === null || record.key?.toString() !== command.model ? [] : [{ record, command }]
  })
}

export function isLower(command: Command, held: Command): boolean {
  return command.epoch < held.epoch || (command.epoch === held.epoch && command.sequence < held.sequence)
}

/** Null for bytes that are none of ours: who looks must not be blinded by one broken record. */
function decoded<T>(decode: (value: Uint8Array) => T, value: Uint8Array, refused: (problem: FlyballError) => void = () => {}): T | null {
  try {
    return decode(value)
  } catch (error) {
    if (!(error instanceof FlyballError)) throw error
    refused(error)
    return null
  }
}

/** The last word of every gateway about every model, by `model|gateway`; looks at the newest records only. */
export async function readGateways(log: EventLog, topic: string, recordsMax: number): Promise<ReadonlyMap<string, Ack>> {
  const gateways = new Map<string, Ack>()
  await eachRecord(log, topic, recordsMax, (record, _partition, value) => {
    const ack = decoded((bytes) => decodeAck(bytes, versionOf(record)), value)
    if (ack !== null) gateways.set(`${ack.model}|${ack.gateway}`, ack)
  })
  return gateways
}

/** What people have asked; requests of a later version than ours are passed over. */
export async function readRequests(log: EventLog, topic: string): Promise<readonly OperatorRequest[]> {
  const requests: OperatorRequest[] = []
  await eachRecord(log, topic, 0, (record, _partition, value) => {
    const request = decoded((bytes) => decodeRequest(bytes, versionOf(record)), value)
    if (request !== null) requests.push(request)
  })
  return requests
}

/** What users have published of versions. They write as they like: what is no such record is told and passed over. */
export async function readVersionRecords(
  log: EventLog,
  topic: string,
  refused: (problem: string) => void,
): Promise<readonly VersionRecord[]> {
  const records: VersionRecord[] = []
  await eachRecord(log, topic, 0, ({ offset }, partition, value) => {
    const read = (bytes: Uint8Array) => versionRecordOf(Buffer.from(bytes), `${topic}/${partition} offset ${offset}`)
    const record = decoded(read, value, ({ message }) => refused(message))
    if (record !== null) records.push(record)
  })
  return records
}

/** Every alert; those of one incident in their order. */
export async function readAlerts(log: EventLog, topic: string): Promise<readonly Alert[]> {
  return (await readAlertRecords(log, topic)).map(({ alert }) => alert)
}

/** Every alert with the wall clock at which it was written; those of one incident in their order. */
export async function readAlertRecords(log: EventLog, topic: string): Promise<readonly { readonly alert: Alert; readonly atMs: number }[]> {
  const alerts: { alert: Alert; atMs: number }[] = []
  await eachRecord(log, topic, 0, (record, _partition, value) => {
    const alert = decoded((bytes) => decodeAlert(bytes, versionOf(record)), value)
    if (alert !== null) alerts.push({ alert, atMs: record.timestampMs })
  })
  return alerts
}

/** Alerts of incidents that hold, by incident. */
export async function openIncidents(
  log: EventLog,
  topic: string,
): Promise<ReadonlyMap<string, { readonly alert: Alert; readonly atMs: number }>> {
  const open = new Map<string, { readonly alert: Alert; readonly atMs: number }>()
  for (const said of await readAlertRecords(log, topic)) {
    if (said.alert.status === 'firing') open.set(said.alert.incident, said)
    else open.delete(said.alert.incident)
  }
  return open
}

/** What nobody is told of, by id; those that are over among them. */
export async function readSilences(log: EventLog, topic: string): Promise<ReadonlyMap<string, Silence>> {
  const silences = new Map<string, Silence>()
  await eachRecord(log, topic, 0, ({ key }, _partition, value) => {
    const silence = key !== null && isSilenceKey(key) ? decoded(decodeSilence, value) : null
    if (silence !== null) silences.set(silence.id, silence)
  })
  return silences
}

/** `recordsMax`: at most so many of the newest per partition; 0: all. */
async function eachRecord(
  log: EventLog,
  topic: string,
  recordsMax: number,
  each: (record: LogRecord, partition: number, value: Buffer) => void,
): Promise<void> {
  const reader = log.reader()
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      const from = recordsMax === 0 ? start : Math.max(start, end - recordsMax)
      await reader.readRange(topic, partition, from, end, (record) => {
        if (record.value !== null && !isInternalKey(record.key)) each(record, partition, record.value)
      })
    }
  } finally {
    await reader.close()
  }
}
