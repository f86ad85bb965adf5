/**
 * The producer of one transactional id. Opening it fences every earlier owner and aborts what that left open.
 *
 * After any error it is spent: it refuses further work, because kafkajs may then reuse a sequence number (the record is acknowledged,
 * committed and gone), stand in a state it never leaves, or have committed although it threw. Close it and take over anew.
 *
 * One partition per send, one after the other: a send over several leaders is repeated to the healthy ones when another fails, and the
 * record then stands twice in one committed transaction.
 */
import type { Transaction as ClientTransaction, Producer } from 'kafkajs'
import type { OutgoingRecord } from '../domain.ts'
import { within } from '../kit/clock.ts'
import { FlyballError } from '../kit/errors.ts'
import { Client, type KafkaOptions } from './client.ts'
import type { Transaction, Transactor } from './contract.ts'
import { coordinatorRefusal } from './coordinator.ts'
import { inOurWords, isFenced, type Right, writeOf } from './failures.ts'
import { explicitPartition, sendPieces } from './produce.ts'

const RETRY = { retries: 8, initialRetryTime: 5, maxRetryTime: 200 }
const TRANSACTION_TIMEOUT_MS = 10_000
const OPEN_MS = 15_000
const STEP_MS = 10_000
const ACKS_ALL = -1

export class KafkaTransactor implements Transactor {
  readonly #client: Client
  readonly #producer: Producer
  readonly #options: KafkaOptions
  readonly #id: string
  /** kafkajs asks for the producer id and begins a transaction in one step; nothing is sent before the first record. */
  #ready: ClientTransaction | null = null
  #spent = false

  private constructor(options: KafkaOptions, transactionalId: string) {
    this.#options = options
    this.#id = transactionalId
    this.#client = new Client(options, RETRY)
    this.#producer = this.#client.kafka.producer({
      transactionalId,
      maxInFlightRequests: 1,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      allowAutoTopicCreation: false,
      createPartitioner: explicitPartition,
      retry: RETRY,
    })
  }

  static async open(options: KafkaOptions, transactionalId: string): Promise<KafkaTransactor> {
    const transactor = new KafkaTransactor(options, transactionalId)
    try {
      await within(transactor.#producer.connect(), OPEN_MS, 'connect')
      transactor.#ready = await within(transactor.#producer.transaction(), OPEN_MS, `take over ${transactionalId}`)
      return transactor
    } catch (error) {
      await transactor.close()
      const refused = await coordinatorRefusal(options, { groupId: transactionalId, coordinatorType: 1 }, error)
      throw refused ?? inOurWords(error, { doing: `take over ${transactionalId}`, from: options, through: rightOf(transactionalId) })
    }
  }

  async begin(): Promise<Transaction> {
    const transaction = await this.#step('begin', async () => {
      const ready = this.#ready
      this.#ready = null
      return ready ?? this.#producer.transaction()
    })
    return {
      send: (topic, partition, records) =>
        this.#step(`write to ${topic}/${partition}`, () => this.#send(transaction, topic, partition, records), writeOf(topic)),
      commit: () => this.#step('commit', () => transaction.commit()),
      abort: () => this.#step('abort', () => transaction.abort()),
    }
  }

  async close(): Promise<void> {
    this.#spent = true
    await this.#client.close(() => this.#producer.disconnect(), 500)
  }

  #send(
    transaction: ClientTransaction,
    topic: string,
    partition: number,
    records: readonly OutgoingRecord[],
  ): Promise<{ readonly baseOffset: number }> {
    return sendPieces(topic, partition, records, (messages) => transaction.send({ topic, messages, acks: ACKS_ALL, timeout: STEP_MS }))
  }

  async #step<Result>(what: string, work: () => Promise<Result>, right?: Right): Promise<Result> {
    if (this.#spent) throw new Error(`the producer of ${this.#id} is spent: take over anew`)
    try {
      return await within(work(), STEP_MS, `${what} as ${this.#id}`)
    } catch (error) {
      this.#spent = true
      if (isFenced(error)) throw new FlyballError('FLY-KAFKA-006', { id: this.#id }, { cause: error })
      const attempt = { doing: `${what} as ${this.#id}`, from: this.#options, through: rightOf(this.#id) }
      throw inOurWords(error, right === undefined ? attempt : { ...attempt, right })
    }
  }
}

const rightOf = (transactionalId: string): Right => ({ operation: 'WRITE', resource: 'transactional id', name: transactionalId })
