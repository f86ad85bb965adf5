/**
 * A tenure: the right to write for one judge partition, from take-over to the first error.
 *
 * Producer, epoch and what was read back are one object and die together: a `commit()` that threw may have committed, so after ANY
 * error the holder is dropped and taken over anew. Opening the transactional id fences the owner before and aborts what it left
 * open; a barrier record with a nonce then tells where reading back ends, for end offsets say nothing about open transactions.
 */
import { randomUUID } from 'node:crypto'
import type { LogRecord, OutgoingRecord } from '../domain.ts'
import type { EventLog, Reader, Transactor } from '../kafka/contract.ts'
import { within } from '../kit/clock.ts'
import { BARRIER_KEY, isInternalKey } from '../wire/keys.ts'
import { boundsOf } from './partition-bounds.ts'

const STEP_DEADLINE_MS = 20_000

export interface TenureTopics {
  readonly state: string
  readonly control: string
}

export interface TenureRecord {
  readonly topic: string
  readonly record: OutgoingRecord
}

/** What every tenure is, whatever it writes. */
export interface Held {
  readonly partition: number
  /** Offset of the barrier on the first topic: rises with every take-over. */
  readonly epoch: number
  /** What stood on each topic before the barrier, in order, own marks left out. */
  readonly read: readonly (readonly LogRecord[])[]
  /** Offset of the barrier on each topic. */
  readonly barriers: readonly number[]
  commit(records: readonly TenureRecord[]): Promise<void>
  close(): Promise<void>
}

export interface Tenure {
  readonly partition: number
  /** Offset of the barrier: rises with every take-over. */
  readonly epoch: number
  /** What stood on `state` and `control` before the barrier, in order, own marks left out. */
  readonly state: readonly LogRecord[]
  readonly control: readonly LogRecord[]
  /** All records in one transaction, one send per topic after another. Throws on any trouble: then the tenure is over. */
  commit(records: readonly TenureRecord[]): Promise<void>
  close(): Promise<void>
}

/** Takes a judge partition over. Null when `alive` said no on the way. */
export async function takeOver(
  log: EventLog,
  reader: Reader,
  transactionalId: string,
  partition: number,
  topics: TenureTopics,
  alive: () => boolean,
): Promise<Tenure | null> {
  const held = await hold(log, reader, transactionalId, partition, [topics.state, topics.control], alive)
  if (held === null) return null
  const [state = [], control = []] = held.read
  return { partition, epoch: held.epoch, state, control, commit: held.commit, close: held.close }
}

/** Takes one partition of some topics over: what stands on them is read back to the barrier. Null when `alive` said no on the way. */
export async function hold(
  log: EventLog,
  reader: Reader,
  transactionalId: string,
  partition: number,
  topics: readonly string[],
  alive: () => boolean,
): Promise<Held | null> {
  if (!alive()) return null
  const transactor = await within(log.transactor(transactionalId), STEP_DEADLINE_MS, `opening ${transactionalId}`)
  try {
    const nonce = randomUUID()
    const barriers = await within(writeBarrier(transactor, partition, topics, nonce), STEP_DEADLINE_MS, `barrier of ${transactionalId}`)
    const read: LogRecord[][] = []
    for (const topic of topics) {
      const records = await readBack(log, reader, topic, partition, nonce, alive)
      if (records === null) {
        await transactor.close()
        return null
      }
      read.push(records)
    }
    return { ...holder(transactor, partition), epoch: barriers[0]!, barriers, read }
  } catch (error) {
    await transactor.close().catch(() => undefined)
    throw error
  }
}

async function writeBarrier(
  transactor: Transactor,
  partition: number,
  topics: readonly string[],
  nonce: string,
): Promise<readonly number[]> {
  const barrier = [{ key: BARRIER_KEY, value: Buffer.from(nonce) }]
  const transaction = await transactor.begin()
  const offsets: number[] = []
  for (const topic of topics) offsets.push((await transaction.send(topic, partition, barrier)).baseOffset)
  await transaction.commit()
  return offsets
}

async function readBack(
  log: EventLog,
  reader: Reader,
  topic: string,
  partition: number,
  nonce: string,
  alive: () => boolean,
): Promise<LogRecord[] | null> {
  const records: LogRecord[] = []
  const isOurs = (record: LogRecord) => record.key?.toString() === BARRIER_KEY && record.value?.toString() === nonce
  const keep = (record: LogRecord) => {
    if (!isInternalKey(record.key)) records.push(record)
  }
  const { start } = await boundsOf(log, topic, partition)
  const end = await reader.readUntil(topic, partition, start, isOurs, keep, alive, STEP_DEADLINE_MS)
  return end === null ? null : records
}

function holder(transactor: Transactor, partition: number): Pick<Tenure, 'partition' | 'commit' | 'close'> {
  return {
    partition,
    commit: (records) => within(commitAll(transactor, partition, records), STEP_DEADLINE_MS, 'committing a decision'),
    close: () => transactor.close(),
  }
}

async function commitAll(transactor: Transactor, partition: number, records: readonly TenureRecord[]): Promise<void> {
  const transaction = await transactor.begin()
  for (const { topic, record } of records) await transaction.send(topic, partition, [record])
  await transaction.commit()
}
