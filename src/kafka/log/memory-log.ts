/** One connection to a MemoryBroker: the EventLog contract in memory. */
import type { OutgoingRecord } from '../../domain.ts'
import { FlyballError } from '../../kit/errors.ts'
import type { EventLog, GroupOptions, LogAdmin, Membership, Reader, Transactor, Writer } from '../contract.ts'
import type { MemoryBroker } from './memory-broker.ts'
import { joinGroup } from './memory-membership.ts'
import { MemoryReader } from './memory-reader.ts'
import { MemoryTransactor } from './memory-transactor.ts'

export class MemoryLog implements EventLog {
  readonly name = 'memory'
  readonly admin: LogAdmin
  readonly #broker: MemoryBroker
  readonly #open = new Set<() => Promise<void>>()

  constructor(broker: MemoryBroker) {
    this.#broker = broker
    this.admin = memoryAdmin(broker)
  }

  reader(): Reader {
    return this.#kept(new MemoryReader(this.#broker))
  }

  async writer(): Promise<Writer> {
    return this.#kept(new MemoryWriter(this.#broker))
  }

  async transactor(transactionalId: string): Promise<Transactor> {
    return this.#kept(new MemoryTransactor(this.#broker, transactionalId))
  }

  join(options: GroupOptions): Membership {
    const membership = joinGroup(this.#broker, options)
    this.#open.add(() => membership.stop())
    return membership
  }

  async close(): Promise<void> {
    const open = [...this.#open]
    this.#open.clear()
    for (const close of open) await close()
  }

  #kept<Part extends { close(): Promise<void> }>(part: Part): Part {
    this.#open.add(() => part.close())
    return part
  }
}

class MemoryWriter implements Writer {
  readonly #broker: MemoryBroker
  #closed = false

  constructor(broker: MemoryBroker) {
    this.#broker = broker
  }

  async send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }> {
    if (this.#closed) throw new Error('this writer is closed')
    if (records.length === 0) throw new Error('nothing to send')
    return { baseOffset: this.#broker.append(topic, partition, records, null) }
  }

  async close(): Promise<void> {
    this.#closed = true
  }
}

/** As a broker that nobody has configured has them. */
const BROKER_DEFAULTS = {
  'cleanup.policy': 'delete',
  'retention.ms': '604800000',
  'retention.bytes': '-1',
  'message.timestamp.type': 'CreateTime',
}

function memoryAdmin(broker: MemoryBroker): LogAdmin {
  return {
    topics: async () => new Map([...broker.topics].map(([topic, partitions]) => [topic, partitions.length])),
    create: async (specs) => specs.filter((spec) => broker.create(spec)).map((spec) => spec.topic),
    offsets: async (topic) => {
      const partitions = broker.topics.get(topic)
      if (partitions === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
      return partitions.map((log, partition) => ({ partition, start: log.start, end: log.lastStable }))
    },
    configs: async (topic) => {
      if (!broker.topics.has(topic)) throw new FlyballError('FLY-KAFKA-005', { topic, partition: 0 })
      return new Map(Object.entries({ ...BROKER_DEFAULTS, ...broker.configs.get(topic) }))
    },
    delete: async (topics) => {
      for (const topic of topics) broker.topics.delete(topic)
    },
  }
}
