/** The log on real brokers, behind the contract of contract.ts. */
import { KafkaAdmin } from './admin.ts'
import type { KafkaOptions } from './client.ts'
import type { EventLog, GroupOptions, Membership, Reader, ReaderOptions, Transactor, Writer } from './contract.ts'
import { kafkajsTouchPoints } from './kafkajs.ts'
import { KafkaMembership } from './membership.ts'
import { KafkaReader } from './reader.ts'
import { repairKafkajs } from './repairs.ts'
import { KafkaTransactor } from './transactor.ts'
import { KafkaWriter } from './writer.ts'

export type { KafkaOptions } from './client.ts'

/** Throws FLY-KAFKA-001 when no broker answers, FLY-KAFKA-004 when they refuse us, FLY-KAFKA-008 when kafkajs is not the one we know. */
export async function connectKafka(options: KafkaOptions): Promise<EventLog> {
  kafkajsTouchPoints()
  repairKafkajs()
  const admin = new KafkaAdmin(options)
  try {
    await admin.connect()
  } catch (error) {
    await admin.close()
    throw error
  }
  return new KafkaLog(options, admin)
}

class KafkaLog implements EventLog {
  readonly name = 'kafka'
  readonly admin: KafkaAdmin
  readonly #options: KafkaOptions
  readonly #open = new Set<() => Promise<void>>()

  constructor(options: KafkaOptions, admin: KafkaAdmin) {
    this.#options = options
    this.admin = admin
  }

  reader(options: ReaderOptions = {}): Reader {
    return this.#kept(new KafkaReader(this.#options, options))
  }

  async writer(): Promise<Writer> {
    return this.#kept(await KafkaWriter.open(this.#options))
  }

  async transactor(transactionalId: string): Promise<Transactor> {
    return this.#kept(await KafkaTransactor.open(this.#options, transactionalId))
  }

  join(options: GroupOptions): Membership {
    const membership = new KafkaMembership(this.#options, options)
    this.#open.add(() => membership.stop())
    return membership
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.#open].map((close) => close()))
    this.#open.clear()
    await this.admin.close()
  }

  /** Remembers what is open; what its owner closes is forgotten, for tenures come and go. */
  #kept<Part extends { close(): Promise<void> }>(part: Part): Part {
    const close = part.close.bind(part)
    this.#open.add(close)
    part.close = () => {
      this.#open.delete(close)
      return close()
    }
    return part
  }
}
