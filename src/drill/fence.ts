/**
 * What befalls a judge when a person breaks the glass, without the command: its transactional id is opened by another, what it had open
 * is aborted, and whatever it writes next fails. It has to take its partition over anew before it can decide anything.
 */
import type { EventLog } from '../kafka/contract.ts'
import { FlyballError } from '../kit/errors.ts'
import { partitionOf } from '../kit/hash.ts'
import { topicNames } from '../kit/topics.ts'
import { takeOver } from '../shell/tenure.ts'

export async function fenceJudge(log: EventLog, prefix: string, model: string): Promise<void> {
  const topics = topicNames(prefix)
  const partitions = (await log.admin.topics([topics.control])).get(topics.control)
  if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic: topics.control, partition: 0 })
  const partition = partitionOf(Buffer.from(model), partitions)
  const reader = log.reader()
  try {
    const tenure = await takeOver(log, reader, `${prefix}judge-${partition}`, partition, topics, () => true)
    await tenure?.close()
  } finally {
    await reader.close()
  }
}
