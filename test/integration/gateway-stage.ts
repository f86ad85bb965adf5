/** A control and an acks topic of its own on a real broker, and a judge's hand to write commands with. */
import assert from 'node:assert/strict'
import type { Ack, Command } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { decodeAck } from '../../src/wire/acks.ts'
import { controlHeaders, encodeCommand } from '../../src/wire/control.ts'
import { BARRIER_KEY } from '../../src/wire/keys.ts'

const PARTITIONS = 3

export class GatewayStage {
  readonly prefix: string
  readonly log: EventLog
  readonly acks: Ack[] = []
  #following = true
  #follower: Promise<void> = Promise.resolve()

  constructor(prefix: string, log: EventLog) {
    this.prefix = prefix
    this.log = log
  }

  async open(): Promise<void> {
    const topic = (name: string, config: Record<string, string>) => ({ topic: this.prefix + name, partitions: PARTITIONS, config })
    await this.log.admin.create([topic('control', { 'cleanup.policy': 'compact' }), topic('acks', {})])
    this.#follower = this.#follow()
  }

  async close(): Promise<void> {
    this.#following = false
    await this.#follower
  }

  /** As the judge does: barrier and command in a transaction. */
  async command(command: Command, end: 'commit' | 'abort' = 'commit'): Promise<void> {
    const partition = partitionOf(Buffer.from(command.model), PARTITIONS)
    const transactor = await this.log.transactor(`${this.prefix}judge`)
    const transaction = await transactor.begin()
    const record = { key: command.model, value: encodeCommand(command), headers: controlHeaders(command) }
    await transaction.send(`${this.prefix}control`, partition, [{ key: BARRIER_KEY, value: Buffer.from('nonce') }, record])
    await transaction[end]()
    await transactor.close()
  }

  async ack(what: string, matches: (ack: Ack) => boolean, waitMs = 20_000): Promise<Ack> {
    const until = performance.now() + waitMs
    while (performance.now() < until) {
      const found = this.acks.find(matches)
      if (found !== undefined) return found
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return assert.fail(`never came: ${what}; came: ${JSON.stringify(this.acks)}`)
  }

  async #follow(): Promise<void> {
    const reader = this.log.reader()
    const sources = Array.from({ length: PARTITIONS }, (_, partition) => reader.open(`${this.prefix}acks`, partition, 0))
    while (this.#following) {
      for (const source of sources) {
        for (let batch = source.take(); batch !== null; batch = source.take()) {
          assert.equal(source.partition, partitionOf(batch.bytes.subarray(batch.keyStart[0]!, batch.keyEnd[0]!), PARTITIONS))
          for (let row = 0; row < batch.count; row++)
            this.acks.push(decodeAck(batch.bytes.subarray(batch.valueStart[row]!, batch.valueEnd[row]!)))
        }
      }
      await reader.wait(100)
    }
    await reader.close()
  }
}
