/** Everything that the topics of a run hold at its end, decoded. */
import { createHash } from 'node:crypto'
import type { LogRecord } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import type { DeadLetterRecord, Everything, HashedDecision, InputRecord, Placed, Topics } from './case.ts'
import * as wire from './wire.ts'

const BARRIER = '__barrier'

export async function readEverything(log: EventLog, topics: Topics): Promise<Everything> {
  const read = (topic: string) => recordsOf(log, topic)
  const inputs: InputRecord[] = []
  for (const topic of [topics.predictions, topics.outcomes]) {
    if (topic === null) continue
    for (const { partition, record } of await read(topic)) {
      const { offset, timestampMs, value } = record
      inputs.push({ topic, partition, offset, timestampMs, value })
    }
  }
  const [state, control] = [await read(topics.state), await read(topics.control)]
  return {
    inputs,
    panes: decoded(await read(topics.panes), wire.readPane),
    checkpoints: decoded(await read(topics.checkpoints), wire.readCheckpoint),
    decisions: decoded(await read(topics.decisions), hashed),
    ladders: decoded(state, wire.readLadder),
    commands: decoded(control, (bytes) => {
      const command = wire.readCommand(bytes)
      return command === null ? null : { command, hex: bytes.toString('hex') }
    }),
    alerts: decoded(await read(topics.alerts), wire.readAlert),
    acks: decoded(await read(topics.acks), wire.readAck),
    requests: decoded(await read(topics.requests), wire.readRequest),
    deadLetters: (await read(topics.deadletter)).map(({ partition, record }) => placed(partition, record, letterOf(record))),
    stateBarriers: barriers(state),
    controlBarriers: barriers(control),
  }
}

interface Found {
  readonly partition: number
  readonly record: LogRecord
}

/** Every committed record, in the order of each partition. */
async function recordsOf(log: EventLog, topic: string): Promise<Found[]> {
  const reader = log.reader()
  const found: Found[] = []
  try {
    for (const { partition, start, end } of await log.admin.offsets(topic)) {
      await reader.readRange(topic, partition, start, end, (record) => void found.push({ partition, record }))
    }
  } finally {
    await reader.close()
  }
  return found
}

function placed<T>(partition: number, record: LogRecord, value: T): Placed<T> {
  return { partition, offset: record.offset, timestampMs: record.timestampMs, key: record.key?.toString() ?? '', value }
}

/** Records that are none of this kind are left out: barriers, tombstones, the other branches of a union, other people's bytes. */
function decoded<T>(found: readonly Found[], decode: (bytes: Buffer, headers: LogRecord['headers']) => T | null): Placed<T>[] {
  const all: Placed<T>[] = []
  for (const { partition, record } of found) {
    if (record.value === null || record.key?.toString() === BARRIER) continue
    const value = decode(record.value, record.headers)
    if (value !== null) all.push(placed(partition, record, value))
  }
  return all
}

function hashed(bytes: Buffer, headers: LogRecord['headers']): HashedDecision | null {
  const decision = wire.readDecision(bytes, headers)
  return decision === null ? null : { decision, hash: createHash('sha256').update(bytes).digest('hex') }
}

function barriers(found: readonly Found[]): Placed<string>[] {
  const marks = found.filter(({ record }) => record.key?.toString() === BARRIER)
  return marks.map(({ partition, record }) => placed(partition, record, record.value?.toString() ?? ''))
}

function letterOf(record: LogRecord): DeadLetterRecord {
  const header = (name: string) => record.headers.find(([key]) => key === `flyball-${name}`)?.[1].toString() ?? ''
  return { reason: header('reason'), topic: header('topic'), partition: Number(header('partition')), offset: Number(header('offset')) }
}
