/** Plain producer: acks=all, explicit partitions, every send under a deadline. A send that threw may have been written. */
import type { Producer } from 'kafkajs'
import type { OutgoingRecord } from '../domain.ts'
import { within } from '../kit/clock.ts'
import { Client, type KafkaOptions } from './client.ts'
import type { Writer } from './contract.ts'
import { inOurWords, writeOf } from './failures.ts'
import { explicitPartition, sendPieces } from './produce.ts'

const RETRY = { retries: 8, initialRetryTime: 20, maxRetryTime: 500 }
const CONNECT_MS = 15_000
const SEND_MS = 45_000
const ACKS_ALL = -1
const BROKER_TIMEOUT_MS = 10_000

export class KafkaWriter implements Writer {
  readonly #client: Client
  readonly #producer: Producer
  readonly #options: KafkaOptions

  private constructor(options: KafkaOptions) {
    this.#options = options
    this.#client = new Client(options, RETRY)
    this.#producer = this.#client.kafka.producer({ allowAutoTopicCreation: false, createPartitioner: explicitPartition, retry: RETRY })
  }

  static async open(options: KafkaOptions): Promise<KafkaWriter> {
    const writer = new KafkaWriter(options)
    try {
      await within(writer.#producer.connect(), CONNECT_MS, 'connect')
      return writer
    } catch (error) {
      await writer.close()
      throw inOurWords(error, { doing: 'open a producer', from: options })
    }
  }

  async send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }> {
    try {
      return await sendPieces(partition, records, (messages) =>
        within(
          this.#producer.send({ topic, messages, acks: ACKS_ALL, timeout: BROKER_TIMEOUT_MS }),
          SEND_MS,
          `write to ${topic}/${partition}`,
        ),
      )
    } catch (error) {
      throw inOurWords(error, { doing: `write to ${topic}/${partition}`, from: this.#options, right: writeOf(topic) })
    }
  }

  close(): Promise<void> {
    return this.#client.close(() => this.#producer.disconnect())
  }
}
