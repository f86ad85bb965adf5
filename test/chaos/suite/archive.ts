/** Every record that was ever in a topic, as a log to be read at the end: what was dumped before its segments were deleted is still there. */
import type { LogRecord } from '../../../src/domain.ts'
import type { EventLog, LogAdmin, Reader } from '../../../src/kafka/contract.ts'
import type { Dump } from './broker-hand.ts'

interface Partition {
  readonly records: Map<number, LogRecord>
  start: number
  end: number
}

export class Archive {
  readonly #partitions = new Map<string, Map<number, Partition>>()

  add({ records, bounds }: Dump): void {
    for (const { topic, partition, start, end } of bounds) {
      const place = this.#place(topic, partition)
      place.start = Math.min(place.start, start)
      place.end = Math.max(place.end, end)
    }
    for (const { topic, partition, ...record } of records) this.#place(topic, partition).records.set(record.offset, record)
  }

  recordsOf(topic: string): LogRecord[] {
    return [...(this.#partitions.get(topic)?.values() ?? [])].flatMap(({ records }) => [...records.values()])
  }

  counts(): Record<string, number> {
    return Object.fromEntries([...this.#partitions.keys()].map((topic) => [topic, this.recordsOf(topic).length]))
  }

  #place(topic: string, partition: number): Partition {
    const partitions = this.#partitions.get(topic) ?? new Map<number, Partition>()
    this.#partitions.set(topic, partitions)
    const place = partitions.get(partition) ?? { records: new Map(), start: Number.POSITIVE_INFINITY, end: 0 }
    partitions.set(partition, place)
    return place
  }

  /** To be read by position, as any log; nothing else. */
  asLog(): EventLog {
    const refuse = (): never => {
      throw new Error('an archive is only read')
    }
    const reader: Reader = {
      open: refuse,
      wait: refuse,
      readUntil: refuse,
      readRange: async (topic, partition, from, to, each) => {
        const { records } = this.#place(topic, partition)
        for (const offset of [...records.keys()].sort((a, b) => a - b)) if (offset >= from && offset < to) each(records.get(offset)!)
        return to
      },
      close: async () => undefined,
    }
    const admin: LogAdmin = {
      topics: async () => new Map([...this.#partitions].map(([topic, partitions]) => [topic, partitions.size])),
      offsets: async (topic) =>
        [...(this.#partitions.get(topic) ?? refuse())].map(([partition, { start, end }]) => ({ partition, start, end })),
      create: refuse,
      configs: refuse,
      delete: refuse,
    }
    return { name: 'memory', reader: () => reader, writer: refuse, transactor: refuse, join: refuse, admin, close: async () => undefined }
  }
}
