/** Requests that go on until they are stopped: so many at a time, each with the records that come of it, dealt to partitions by key. */
import type { Writer } from '../../src/kafka/contract.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { pause } from '../simulation/flyball-process.ts'

const BATCH_MS = 100

export interface Served {
  readonly key: string
  readonly value: Buffer
}

export class SteadyTraffic {
  #stopped = false
  readonly #running: Promise<void>

  /** `serve`: one request, told its number. */
  constructor(
    writer: Writer,
    topic: string,
    partitions: number,
    options: { readonly batch: number; readonly serve: (number: number) => readonly Served[] },
  ) {
    this.#running = this.#run(writer, topic, partitions, options.batch, options.serve)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#running
  }

  async #run(
    writer: Writer,
    topic: string,
    partitions: number,
    batch: number,
    serve: (number: number) => readonly Served[],
  ): Promise<void> {
    for (let requests = 0; !this.#stopped; requests += batch) {
      const records = Array.from({ length: batch }, (_, index) => serve(requests + index)).flat()
      for (let partition = 0; partition < partitions; partition++) {
        const mine = records.filter(({ key }) => partitionOf(Buffer.from(key), partitions) === partition)
        if (mine.length > 0) await writer.send(topic, partition, mine)
      }
      await pause(BATCH_MS)
    }
  }
}
