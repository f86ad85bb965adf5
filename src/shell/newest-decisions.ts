/** The newest decisions of one model, read from the end of its partition: a long audit log is not read whole for its last words. */
import type { Decision } from '../domain.ts'
import type { EventLog } from '../kafka/contract.ts'
import { isAnchor } from '../kit/anchor.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import { readDecisionsBetween } from './topic-reads.ts'

/** Looked at first; twice as many each time that they do not suffice. */
const FIRST_RECORDS = 500

/**
 * In their order, the last at least, and back to the last that `isEnough` says suffices; all there are where none does. Where a writer or
 * other models fill the partition more of it is read, to its beginning if need be.
 */
export async function newestDecisions(
  log: EventLog,
  topic: string,
  model: string,
  isEnough: (decision: Decision) => boolean,
): Promise<readonly Decision[]> {
  const partitions = (await log.admin.topics([topic])).get(topic)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
  const partition = partitionOf(Buffer.from(model), partitions)
  const bounds = (await log.admin.offsets(topic)).find((one) => one.partition === partition)
  if (bounds === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition })
  let found: readonly Decision[] = []
  for (let [from, count] = [bounds.end, FIRST_RECORDS]; from > bounds.start; count *= 2) {
    const before = Math.max(bounds.start, from - count)
    const stored = await readDecisionsBetween(log, topic, partition, before, from)
    found = [...stored.map(({ decision }) => decision).filter((decision) => decision.model === model && !isAnchor(decision)), ...found]
    if (found.some(isEnough)) break
    from = before
  }
  return found
}
