/**
 * Plain producer: acks=all, explicit partitions, every send under a deadline. A send that threw may have been written.
 *
 * Sends to one topic that are asked for in the same turn of the loop leave as one request: sources hand over their panes together, each
 * to every judge partition, and a request costs broker and client far more than the few records in it. A part of it that nobody
 * answered for is sent again by itself.
 */
import type { Message, Producer, RecordMetadata } from 'kafkajs'
import type { OutgoingRecord } from '../domain.ts'
import { within } from '../kit/clock.ts'
import { Client, type KafkaOptions } from './client.ts'
import type { Writer } from './contract.ts'
import { inOurWords, writeOf } from './failures.ts'
import { explicitPartition, requestsOf, type Sending, unanswered } from './produce.ts'

const RETRY = { retries: 8, initialRetryTime: 20, maxRetryTime: 500 }
const CONNECT_MS = 15_000
const SEND_MS = 45_000
const ACKS_ALL = -1
const BROKER_TIMEOUT_MS = 10_000

export class KafkaWriter implements Writer {
  readonly #client: Client
  readonly #producer: Producer
  readonly #options: KafkaOptions
  /** By topic: what was asked for in this turn. */
  readonly #asked = new Map<string, Sending[]>()

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

  send(topic: string, partition: number, records: readonly OutgoingRecord[]): Promise<{ readonly baseOffset: number }> {
    if (records.length === 0) return Promise.reject(new Error('nothing to send'))
    return new Promise((resolve, reject) => {
      const sending = { partition, records, resolve, reject }
      const asked = this.#asked.get(topic)
      if (asked !== undefined) return void asked.push(sending)
      this.#asked.set(topic, [sending])
      queueMicrotask(() => void this.#sendAsked(topic))
    })
  }

  /** What fails fails for all that is not yet acknowledged: which partition it was is not for sure. */
  async #sendAsked(topic: string): Promise<void> {
    const asked = this.#asked.get(topic)!
    this.#asked.delete(topic)
    try {
      for (const request of requestsOf(topic, asked)) request.acknowledged(await this.#write(topic, request.messages))
    } catch (error) {
      for (const { partition, reject } of asked) {
        reject(inOurWords(error, { doing: `write to ${topic}/${partition}`, from: this.#options, right: writeOf(topic) }))
      }
    }
  }

  async #write(topic: string, messages: Message[]): Promise<readonly RecordMetadata[]> {
    const answers = await this.#produce(topic, messages)
    for (const alone of unanswered(messages, answers)) answers.push(...(await this.#produce(topic, alone)))
    return answers
  }

  #produce(topic: string, messages: Message[]): Promise<RecordMetadata[]> {
    const sent = this.#producer.send({ topic, messages, acks: ACKS_ALL, timeout: BROKER_TIMEOUT_MS })
    return within(sent, SEND_MS, `write to ${topic}`)
  }

  close(): Promise<void> {
    return this.#client.close(() => this.#producer.disconnect())
  }
}
