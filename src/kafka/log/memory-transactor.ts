/** The producer of one transactional id in memory: fences at its opening, and is spent after any error, as the real one. */
import type { OutgoingRecord } from '../../domain.ts'
import type { Transaction, Transactor } from '../contract.ts'
import type { MemoryBroker, OpenTransaction } from './memory-broker.ts'

export class MemoryTransactor implements Transactor {
  readonly #broker: MemoryBroker
  readonly #id: string
  readonly #epoch: number
  #spent = false

  constructor(broker: MemoryBroker, id: string) {
    this.#broker = broker
    this.#id = id
    this.#epoch = broker.fence(id)
  }

  async begin(): Promise<Transaction> {
    const open = this.#step(() => this.#broker.begin(this.#id, this.#epoch))
    return {
      send: async (topic, partition, records) => this.#step(() => this.#send(open, topic, partition, records)),
      commit: async () => this.#step(() => this.#broker.end(this.#id, this.#epoch, open, 'committed')),
      abort: async () => this.#step(() => this.#broker.end(this.#id, this.#epoch, open, 'aborted')),
    }
  }

  async close(): Promise<void> {
    this.#spent = true
  }

  #send(open: OpenTransaction, topic: string, partition: number, records: readonly OutgoingRecord[]): { readonly baseOffset: number } {
    if (records.length === 0) throw new Error('nothing to send')
    return { baseOffset: this.#broker.send(this.#id, this.#epoch, open, topic, partition, records) }
  }

  #step<Result>(work: () => Result): Result {
    if (this.#spent) throw new Error(`the producer of ${this.#id} is spent: take over anew`)
    try {
      return work()
    } catch (error) {
      this.#spent = true
      throw error
    }
  }
}
