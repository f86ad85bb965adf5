/** Reads what an audit is about: every record of `decisions` as it stands in the log, and what `state` knows of each model's last one. */
import { NOTHING_GIVEN, type Vouching } from '../audit/anchors.ts'
import { Audit, type RawRecord } from '../audit/audit.ts'
import type { Bounds } from '../audit/findings.ts'
import type { LogRecord } from '../domain.ts'
import type { EventLog, Reader } from '../kafka/contract.ts'
import type { Clock } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { SIGNATURE_HEADER } from '../kit/signing.ts'
import type { TopicNames } from '../kit/topics.ts'
import { versionOf } from '../wire/versions.ts'

const SETTLE_MS = 200
/** A judge that decides meanwhile is a step ahead in one of the two topics; a model that never agreed in five seconds does not. */
const ROUNDS_MAX = 25

/** The next offset per partition. */
type Positions = Map<number, number>
type OnDamage = (partition: number, offset: number, problem: string) => void

/** Everything there is, until log and state have agreed on the last decision of every model, each at its time, or will not. */
export async function verifyChains(
  log: EventLog,
  topics: Pick<TopicNames, 'decisions' | 'state'>,
  bounds: Bounds,
  clock: Clock,
  { given = NOTHING_GIVEN, rounds = ROUNDS_MAX }: { readonly given?: Vouching; readonly rounds?: number } = {},
): Promise<Audit> {
  const audit = new Audit(bounds, given)
  const reader = log.reader()
  const [decisions, state]: [Positions, Positions] = [new Map(), new Map()]
  const onDamage: OnDamage = (...damage) => audit.damaged(...damage)
  try {
    for (let round = 0; ; round++) {
      // State first: whatever it knows then, the log has by the time that its end is asked for.
      await readOn(log, reader, topics.state, state, (record) => audit.takeState(record))
      if (round > 0) audit.looksAgain()
      for (const { partition, start } of await log.admin.offsets(topics.decisions)) audit.beginsAt(partition, start)
      await readOn(log, reader, topics.decisions, decisions, (record) => audit.take(record), onDamage)
      if (audit.looked() || round >= rounds) return audit
      await clock.sleep(SETTLE_MS)
    }
  } finally {
    await reader.close()
  }
}

/** Every record of `decisions`; those of batches that cannot be read are told apart. */
export async function readRaw(log: EventLog, topic: string, each: (record: RawRecord) => void, onDamage: OnDamage): Promise<void> {
  const reader = log.reader()
  try {
    await readOn(log, reader, topic, new Map(), each, onDamage)
  } finally {
    await reader.close()
  }
}

/** From where it stopped to where the topic ends now. Without `onDamage` a damaged batch ends it. */
async function readOn(
  log: EventLog,
  reader: Reader,
  topic: string,
  positions: Positions,
  each: (record: RawRecord) => void,
  onDamage?: OnDamage,
): Promise<void> {
  for (const { partition, start, end } of await log.admin.offsets(topic)) {
    let from = Math.max(start, positions.get(partition) ?? start)
    const hand = (record: LogRecord): void => {
      const { offset, key, value } = record
      from = offset + 1
      const signature = record.headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
      each({ partition, offset, key, value, version: versionOf(record), ...(signature === undefined ? {} : { signature }) })
    }
    while (from < end) {
      const damage = await damageIn(() => reader.readRange(topic, partition, from, end, hand))
      if (damage === null) break
      if (onDamage === undefined) throw damage
      const at = Math.max(from, Number(damage.detail['offset']))
      if (at > from) await readSingly(log, topic, partition, from, at, hand)
      onDamage(partition, at, String(damage.detail['problem']))
      from = at + 1
    }
    positions.set(partition, end)
  }
}

/** Sound batches that came in one answer with a damaged one are not handed over: they are asked for again, one an answer. */
async function readSingly(
  log: EventLog,
  topic: string,
  partition: number,
  from: number,
  to: number,
  hand: (record: LogRecord) => void,
): Promise<void> {
  const reader = log.reader({ maxBytesPerPartition: 1 })
  try {
    await reader.readRange(topic, partition, from, to, hand)
  } finally {
    await reader.close()
  }
}

/** The damage that ended the reading; null when it came to its end. */
async function damageIn(reading: () => Promise<unknown>): Promise<FlyballError | null> {
  try {
    await reading()
    return null
  } catch (error) {
    if (error instanceof FlyballError && error.code === 'FLY-KAFKA-003') return error
    throw error
  }
}
