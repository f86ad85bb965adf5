/**
 * A log in memory behind the same contract as a real broker: partitions, offsets, transactions with fencing and markers,
 * consumer groups, read_committed. For simulation, and for machines without a broker.
 *
 * Not real here: durability, replication, retention and compaction by themselves (whoever wants them asks), several brokers, the network,
 * time-outs of sessions and transactions. Everything else follows Kafka: markers take an offset, open transactions hold readers back, a newer owner of a
 * transactional id fences the older one.
 */
import type { OutgoingRecord } from '../../domain.ts'
import type { Clock } from '../../kit/clock.ts'
import { FlyballError } from '../../kit/errors.ts'
import type { TopicSpec } from '../contract.ts'
import type { MemoryGroup } from './memory-group.ts'

/** One append of a transaction (or none); its state decides whether readers see the record. */
export interface TransactionState {
  state: 'open' | 'committed' | 'aborted'
  readonly id: string
}

export interface StoredRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
  readonly transaction: TransactionState | null
  /** A commit or abort marker: takes an offset, is never delivered. */
  readonly marker: boolean
}

export class MemoryPartition {
  /** By offset; where compaction has been, offsets are missing. */
  readonly records: StoredRecord[] = []
  start = 0
  /** The end when records were last removed: the last of them may have been among those. */
  #endThen = 0

  get end(): number {
    return Math.max(this.#endThen, (this.records.at(-1)?.offset ?? -1) + 1)
  }

  /** First offset that readers may not see yet. */
  get lastStable(): number {
    let stable = this.end
    for (const first of this.#openFrom.values()) stable = Math.min(stable, first)
    return stable
  }

  /** First offset of each transaction that is open here. */
  readonly #openFrom = new Map<TransactionState, number>()

  append(record: OutgoingRecord, nowMs: number, transaction: TransactionState | null): number {
    const offset = this.end
    this.records.push({
      offset,
      timestampMs: record.timestampMs ?? nowMs,
      key: record.key === null ? null : Buffer.from(record.key),
      value: record.value === null ? null : Buffer.from(record.value),
      headers: Object.entries(record.headers ?? {}).map(([name, value]) => [name, Buffer.from(value)] as const),
      transaction,
      marker: false,
    })
    if (transaction !== null && !this.#openFrom.has(transaction)) this.#openFrom.set(transaction, offset)
    return offset
  }

  finish(transaction: TransactionState, nowMs: number): void {
    this.#openFrom.delete(transaction)
    this.records.push({ offset: this.end, timestampMs: nowMs, key: null, value: null, headers: [], transaction, marker: true })
  }

  /** Removes everything below an offset, as retention does. */
  truncate(before: number): void {
    this.#endThen = this.end
    this.start = Math.min(Math.max(before, this.start), this.#endThen)
    this.records.splice(0, this.#indexOf(this.start))
  }

  /** Removes records anywhere, as compaction does: what stays keeps its offset, and nothing is left in the place of what goes. */
  compact(isGone: (record: StoredRecord) => boolean): void {
    this.#endThen = this.end
    let kept = 0
    for (const record of this.records) if (!isGone(record)) this.records[kept++] = record
    this.records.length = kept
  }

  /** Records in [from, to) that a reader may see. */
  visible(from: number, to: number): StoredRecord[] {
    const found = this.records.slice(this.#indexOf(from), this.#indexOf(to))
    return found.filter((record) => !record.marker && record.transaction?.state !== 'aborted')
  }

  /** Place of the first record at or behind an offset. */
  #indexOf(offset: number): number {
    let [low, high] = [0, this.records.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.records[middle]!.offset < offset) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** What all connections of one process share. */
export class MemoryBroker {
  readonly clock: Clock
  readonly topics = new Map<string, MemoryPartition[]>()
  /** As they were given when a topic was made. */
  readonly configs = new Map<string, Readonly<Record<string, string>>>()
  readonly #listeners = new Set<() => void>()
  readonly #owners = new Map<string, { epoch: number; transaction: OpenTransaction | null }>()
  readonly groups = new Map<string, MemoryGroup>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  create(spec: TopicSpec): boolean {
    if (this.topics.has(spec.topic)) return false
    this.configs.set(spec.topic, spec.config)
    this.topics.set(
      spec.topic,
      Array.from({ length: spec.partitions }, () => new MemoryPartition()),
    )
    return true
  }

  partition(topic: string, partition: number): MemoryPartition {
    const found = this.topics.get(topic)?.[partition]
    if (found === undefined) throw new FlyballError('FLY-KAFKA-005', { topic, partition })
    return found
  }

  append(topic: string, partition: number, records: readonly OutgoingRecord[], transaction: TransactionState | null): number {
    const log = this.partition(topic, partition)
    const base = log.end
    for (const record of records) log.append(record, this.clock.nowMs(), transaction)
    this.changed()
    return base
  }

  /** Retention, by hand. */
  truncate(topic: string, partition: number, before: number): void {
    this.partition(topic, partition).truncate(before)
    this.changed()
  }

  /** New owner of a transactional id: aborts what the old one left open; everything the old one does from here on fails. */
  fence(id: string): number {
    const owner = this.#owners.get(id)
    if (owner?.transaction) this.finish(owner.transaction, 'aborted')
    const epoch = (owner?.epoch ?? -1) + 1
    this.#owners.set(id, { epoch, transaction: null })
    return epoch
  }

  begin(id: string, epoch: number): OpenTransaction {
    const owner = this.#check(id, epoch)
    if (owner.transaction) throw new Error(`transactional id ${id}: a transaction is open already`)
    owner.transaction = { state: { state: 'open', id }, partitions: new Set() }
    return owner.transaction
  }

  send(id: string, epoch: number, open: OpenTransaction, topic: string, partition: number, records: readonly OutgoingRecord[]): number {
    this.#check(id, epoch, open)
    open.partitions.add(this.partition(topic, partition))
    return this.append(topic, partition, records, open.state)
  }

  end(id: string, epoch: number, open: OpenTransaction, state: 'committed' | 'aborted'): void {
    this.#check(id, epoch, open).transaction = null
    this.finish(open, state)
  }

  /** Throws for whoever was fenced, or has no such transaction open. */
  check(id: string, epoch: number, open: OpenTransaction): void {
    this.#check(id, epoch, open)
  }

  private finish(open: OpenTransaction, state: 'committed' | 'aborted'): void {
    open.state.state = state
    for (const partition of open.partitions) partition.finish(open.state, this.clock.nowMs())
    this.changed()
  }

  /** `open`: what the caller takes for its open transaction. */
  #check(id: string, epoch: number, open?: OpenTransaction): { epoch: number; transaction: OpenTransaction | null } {
    const owner = this.#owners.get(id)
    if (owner === undefined || owner.epoch !== epoch) throw new FlyballError('FLY-KAFKA-006', { id })
    if (open !== undefined && owner.transaction !== open) throw new Error(`transactional id ${id}: this transaction is over`)
    return owner
  }

  /** Calls back once, at the next change of any partition. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener)
  }

  offChange(listener: () => void): void {
    this.#listeners.delete(listener)
  }

  changed(): void {
    const listeners = [...this.#listeners]
    this.#listeners.clear()
    for (const listener of listeners) listener()
  }
}

export interface OpenTransaction {
  readonly state: TransactionState
  readonly partitions: Set<MemoryPartition>
}
