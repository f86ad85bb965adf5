/**
 * What the small numbers of pending predictions are relative to: the end of their slice, a time and an offset.
 *
 * Offsets and times of neighbours are close together, so an entry holds 32-bit distances and the number of its anchor. Whoever adds an
 * entry that is too far from the last anchor lays a new one: nothing is rounded, nothing overflows.
 */
const NUMBERS = 3
const SLICE_END = 0
const TIME = 1
const OFFSET = 2

export class Anchors {
  private numbers = new Float64Array(16 * NUMBERS)
  private mask = 15
  private oldest = 0
  private next = 0

  /** The number of the next anchor. */
  get end(): number {
    return this.next
  }

  get bytes(): number {
    return this.numbers.byteLength
  }

  lay(sliceEndMs: number, timeMs: number, offset: number): number {
    if (this.next - this.oldest > this.mask) this.grow()
    const at = (this.next & this.mask) * NUMBERS
    this.numbers[at + SLICE_END] = sliceEndMs
    this.numbers[at + TIME] = timeMs
    this.numbers[at + OFFSET] = offset
    return this.next++
  }

  sliceEndMs(anchor: number): number {
    return this.numbers[(anchor & this.mask) * NUMBERS + SLICE_END]!
  }

  timeMs(anchor: number): number {
    return this.numbers[(anchor & this.mask) * NUMBERS + TIME]!
  }

  offset(anchor: number): number {
    return this.numbers[(anchor & this.mask) * NUMBERS + OFFSET]!
  }

  /** Forgets all before this one. */
  dropUntil(anchor: number): void {
    if (anchor > this.oldest) this.oldest = anchor
  }

  private grow(): void {
    const { numbers, mask } = this
    this.mask = mask * 2 + 1
    this.numbers = new Float64Array(numbers.length * 2)
    for (let anchor = this.oldest; anchor < this.next; anchor++) {
      const from = (anchor & mask) * NUMBERS
      this.numbers.set(numbers.subarray(from, from + NUMBERS), (anchor & this.mask) * NUMBERS)
    }
  }
}
