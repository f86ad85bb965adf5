/** The log in memory keeps the log's contract, without an exception. */
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { keepsTheContract } from './log.ts'

const broker = new MemoryBroker(systemClock)

keepsTheContract('memory', {
  options: { timeout: 30_000 },
  connect: async () => new MemoryLog(broker),
  truncate: async (topic, partition, before) => broker.truncate(topic, partition, before),
})
