/**
 * Watches the claims on the sources this process owns. A member thrown out of its group may claim LATE: its claim is the higher epoch,
 * and the judge then refuses everything of the rightful owner. So every owner follows its checkpoints partition and answers.
 */

import type { Reader, Source } from '../kafka/contract.ts'
import { claimKey } from '../wire/keys.ts'

const CLAIM = claimKey('')

interface Followed {
  readonly key: string
  readonly epoch: number
}

export class ClaimWatch {
  readonly #reader: Reader
  readonly #topic: string
  /** Of each checkpoints partition followed. */
  readonly #sources = new Map<number, Source>()
  readonly #followed = new Map<string, Followed>()
  /** Offset of the last claim seen, by key. */
  readonly #lastClaim = new Map<string, number>()

  constructor(reader: Reader, topic: string) {
    this.#reader = reader
    this.#topic = topic
  }

  /** `epoch`: offset of our own claim. */
  follow(source: string, partition: number, epoch: number): void {
    this.#followed.set(source, { key: claimKey(source), epoch })
    if (!this.#sources.has(partition)) this.#sources.set(partition, this.#reader.open(this.#topic, partition, epoch + 1))
  }

  forget(source: string): void {
    this.#followed.delete(source)
  }

  /** Sources that somebody else has claimed since. */
  superseded(): readonly string[] {
    for (const source of this.#sources.values()) this.#read(source)
    return [...this.#followed].filter(([, { key, epoch }]) => (this.#lastClaim.get(key) ?? -1) > epoch).map(([source]) => source)
  }

  /** Claims below this offset of a checkpoints partition are known to `superseded`, as of its last call. */
  readTo(partition: number): number {
    return this.#sources.get(partition)?.next ?? 0
  }

  #read(source: Source): void {
    for (let batch = source.take(); batch !== null; batch = source.take()) {
      for (let row = 0; row < batch.count; row++) {
        // The key alone: unit chunks in the values are large.
        const key = batch.bytes.toString('utf8', Math.max(0, batch.keyStart[row]!), Math.max(0, batch.keyEnd[row]!))
        if (key.startsWith(CLAIM)) this.#lastClaim.set(key, batch.offset[row]!)
      }
    }
  }
}
