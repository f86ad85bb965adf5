/**
 * The blocks of one cell as a map that reads them off a shared stretch of memory when it is asked. A pane has hundreds of blocks: an
 * object, two views and an entry of a map for each would cost more than what they hold, and whoever packs the pane needs none of them.
 */
import type { BlockCounts } from '../domain.ts'

/** Where a block's slots lie in a row. */
export interface BlockPlace {
  readonly id: string
  readonly countOffset: number
  readonly countSlots: number
  readonly sumOffset: number
  readonly sumSlots: number
}

export class RowBlocks implements ReadonlyMap<string, BlockCounts> {
  readonly places: readonly BlockPlace[]
  readonly counts: Float64Array<ArrayBuffer>
  readonly sums: Float64Array<ArrayBuffer>
  /** Where the row begins in each. */
  readonly countsAt: number
  readonly sumsAt: number
  /** Where every place has its block. Else one in which nothing was counted is not there. */
  private readonly isWhole: boolean
  /** Place after the one that was found last: who asks goes through them in their order, as a rule. */
  private next = 0

  constructor(
    places: readonly BlockPlace[],
    counts: Float64Array<ArrayBuffer>,
    countsAt: number,
    sums: Float64Array<ArrayBuffer>,
    sumsAt: number,
    isWhole = false,
  ) {
    this.places = places
    this.counts = counts
    this.countsAt = countsAt
    this.sums = sums
    this.sumsAt = sumsAt
    this.isWhole = isWhole
  }

  get size(): number {
    return [...this.keys()].length
  }

  get isEmpty(): boolean {
    const { places } = this
    for (let at = 0; at < places.length; at++) if (this.holds(places[at]!)) return false
    return true
  }

  has(id: string): boolean {
    return this.find(id) !== undefined
  }

  get(id: string): BlockCounts | undefined {
    const place = this.find(id)
    return place === undefined ? undefined : this.at(place)
  }

  forEach(each: (block: BlockCounts, id: string, map: ReadonlyMap<string, BlockCounts>) => void): void {
    for (const [id, block] of this) each(block, id, this)
  }

  *keys(): MapIterator<string> {
    for (const place of this.places) if (this.holds(place)) yield place.id
  }

  *values(): MapIterator<BlockCounts> {
    for (const place of this.places) if (this.holds(place)) yield this.at(place)
  }

  *entries(): MapIterator<[string, BlockCounts]> {
    for (const place of this.places) if (this.holds(place)) yield [place.id, this.at(place)]
  }

  [Symbol.iterator](): MapIterator<[string, BlockCounts]> {
    return this.entries()
  }

  private holds({ countOffset, countSlots }: BlockPlace): boolean {
    if (this.isWhole) return true
    const { counts } = this
    const from = this.countsAt + countOffset
    for (let slot = from; slot < from + countSlots; slot++) if (counts[slot] !== 0) return true
    return false
  }

  private find(id: string): BlockPlace | undefined {
    const { places } = this
    for (let left = places.length; left > 0; left--) {
      if (this.next >= places.length) this.next = 0
      const place = places[this.next++]!
      if (place.id === id) return this.holds(place) ? place : undefined
    }
    return undefined
  }

  private at({ countOffset, countSlots, sumOffset, sumSlots }: BlockPlace): BlockCounts {
    return { counts: part(this.counts, this.countsAt + countOffset, countSlots), sums: part(this.sums, this.sumsAt + sumOffset, sumSlots) }
  }
}

const NO_NUMBERS = new Float64Array(0)

/** As `subarray`, at a third of its cost. */
function part(numbers: Float64Array<ArrayBuffer>, from: number, length: number): Float64Array {
  return length === 0 ? NO_NUMBERS : new Float64Array(numbers.buffer, numbers.byteOffset + from * Float64Array.BYTES_PER_ELEMENT, length)
}
