/** Joining a group of the log in memory, and leaving it. */
import { FlyballError } from '../../kit/errors.ts'
import type { GroupOptions, Membership } from '../contract.ts'
import type { MemoryBroker } from './memory-broker.ts'
import { MemoryGroup } from './memory-group.ts'

export function joinGroup(broker: MemoryBroker, options: GroupOptions): Membership {
  const counts = options.topics.map((topic) => broker.topics.get(topic)?.length ?? 0)
  const partitions = counts[0] ?? 0
  if (partitions === 0 || counts.some((count) => count !== partitions)) {
    const what = options.topics.map((topic, index) => `${topic} has ${counts[index]}`).join(', ')
    queueMicrotask(() => options.onFatal(new FlyballError('FLY-KAFKA-007', { what })))
    return { stop: async () => undefined, sinceHeartbeatMs: 0 }
  }
  const group = broker.groups.get(options.groupId) ?? new MemoryGroup()
  broker.groups.set(options.groupId, group)
  const member = group.add(options.onAssigned)
  queueMicrotask(() => group.members.includes(member) && group.rebalance(partitions))
  return {
    stop: async () => {
      if (group.remove(member)) group.rebalance(partitions)
    },
    sinceHeartbeatMs: 0,
  }
}
