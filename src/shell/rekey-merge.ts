/**
 * Merges the partitions of both input topics by record time, record by record, so that what is written anew stands in the order in
 * which it happened however far apart the partitions are read.
 *
 * A partition that is read to its end holds nobody back; one that has nothing buffered and is not at its end does, for so long as the
 * caller has patience.
 */
import type { RecordBatch } from '../domain.ts'

/** One input partition: what it has buffered, and where its reading stands. */
export interface MergeInput {
  /** Next batch, or null when nothing is buffered. */
  take(): RecordBatch | null
  /** Nothing more to come for now. */
  atEnd(): boolean
}

/** Row `row` of `batch` is the next in time; the batch is valid during the call only. */
export type EachRecord<Input> = (input: Input, batch: RecordBatch, row: number) => void

interface Lane<Input> {
  readonly input: Input
  batch: RecordBatch | null
  row: number
}

export class RekeyMerge<Input extends MergeInput> {
  readonly #lanes: readonly Lane<Input>[]

  constructor(inputs: readonly Input[]) {
    this.#lanes = inputs.map((input) => ({ input, batch: null, row: 0 }))
  }

  /** Hands over up to `limit` records; stops when a partition that is not at its end has nothing, unless `impatient`. */
  read(limit: number, impatient: boolean, each: EachRecord<Input>): number {
    let read = 0
    while (read < limit) {
      const waits = this.#fill()
      if (waits && !impatient) return read
      const before = read
      read += this.#readEarliest(limit - read, each)
      if (read === before) return read
    }
    return read
  }

  /** Buffers a batch for every lane; true when a partition holds the others back. */
  #fill(): boolean {
    let waits = false
    for (const lane of this.#lanes) {
      while (lane.batch === null || lane.row >= lane.batch.count) {
        lane.batch = lane.input.take()
        lane.row = 0
        if (lane.batch === null) break
      }
      if (lane.batch === null && !lane.input.atEnd()) waits = true
    }
    return waits
  }

  /** The lane furthest behind, as far as the next one. */
  #readEarliest(limit: number, each: EachRecord<Input>): number {
    let first: Lane<Input> | null = null
    let nextMs = Number.POSITIVE_INFINITY
    for (const lane of this.#lanes) {
      if (lane.batch === null) continue
      const atMs = lane.batch.timestampMs[lane.row]!
      if (first === null || atMs < first.batch!.timestampMs[first.row]!) {
        if (first !== null) nextMs = Math.min(nextMs, first.batch!.timestampMs[first.row]!)
        first = lane
      } else if (atMs < nextMs) nextMs = atMs
    }
    if (first === null) return 0
    const { input, batch } = first
    let read = 0
    while (first.row < batch!.count && read < limit && batch!.timestampMs[first.row]! <= nextMs) {
      each(input, batch!, first.row++)
      read++
    }
    return read
  }
}
