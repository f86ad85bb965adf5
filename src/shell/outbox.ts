/**
 * What one source partition has yet to write, in order: a checkpoint leaves only after everything before it was acknowledged.
 *
 * Writes of one destination partition never overtake one another: a round sends to all destinations at once, and the next round
 * waits for the whole of it. Bounded by its owner, who stops reading while `bytes` is above its limit.
 */
import type { OutgoingRecord } from '../domain.ts'
import type { Writer } from '../kafka/contract.ts'

export interface Outgoing {
  readonly topic: string
  readonly partition: number
  readonly record: OutgoingRecord
}

type Entry = { readonly kind: 'record'; readonly outgoing: Outgoing } | { readonly kind: 'barrier'; readonly then: () => Promise<void> }

export class Outbox {
  readonly #writer: Writer
  readonly #entries: Entry[] = []
  #bytes = 0

  constructor(writer: Writer) {
    this.#writer = writer
  }

  get bytes(): number {
    return this.#bytes
  }

  get empty(): boolean {
    return this.#entries.length === 0
  }

  add(outgoing: Outgoing): void {
    this.#entries.push({ kind: 'record', outgoing })
    this.#bytes += outgoing.record.value?.length ?? 0
  }

  /** Runs once everything added before it has been acknowledged. */
  afterAll(then: () => Promise<void>): void {
    this.#entries.push({ kind: 'barrier', then })
  }

  /** Its owner is owner no more: what has not left by now never leaves, for somebody else may have resumed without knowing of it. */
  drop(): void {
    for (const entry of this.#entries.splice(0)) if (entry.kind === 'record') this.#bytes -= entry.outgoing.record.value?.length ?? 0
  }

  /** Sends what is there now. Throws what the writer throws; then this outbox is of no more use. */
  async flush(): Promise<void> {
    while (this.#entries.length > 0) {
      const next = this.#entries[0]!
      if (next.kind === 'barrier') {
        this.#entries.shift()
        await next.then()
      } else {
        await this.#sendRun()
      }
    }
  }

  /** Everything up to the next barrier, grouped by destination. */
  async #sendRun(): Promise<void> {
    const barrier = this.#entries.findIndex((entry) => entry.kind === 'barrier')
    const run = this.#entries.splice(0, barrier < 0 ? this.#entries.length : barrier)
    const groups = new Map<string, Outgoing[]>()
    for (const entry of run) {
      if (entry.kind !== 'record') continue
      const key = `${entry.outgoing.topic}/${entry.outgoing.partition}`
      const group = groups.get(key)
      if (group === undefined) groups.set(key, [entry.outgoing])
      else group.push(entry.outgoing)
    }
    await Promise.all([...groups.values()].map((group) => this.#sendGroup(group)))
    for (const entry of run) if (entry.kind === 'record') this.#bytes -= entry.outgoing.record.value?.length ?? 0
  }

  async #sendGroup(group: readonly Outgoing[]): Promise<void> {
    const { topic, partition } = group[0]!
    await this.#writer.send(
      topic,
      partition,
      group.map((outgoing) => outgoing.record),
    )
  }
}
