/** Writes the packed numbers of cells into memory that is used again for the next pane. */

/** A LEB128 number of a safe integer has at most this many bytes. */
const NUMBER_BYTES = 8

export class PackedWriter {
  private counts: Buffer = Buffer.allocUnsafe(1 << 16)
  private sums: Buffer = Buffer.allocUnsafe(1 << 16)
  private doubles = viewOf(this.sums)
  private countsAt = 0
  private sumsAt = 0
  /** Where each cell begins, in counts and in sums. */
  private begins: number[] = []
  private previousBlock = -1

  /** Begins the cells of a pane. */
  reset(): void {
    this.countsAt = 0
    this.sumsAt = 0
    this.begins = []
  }

  beginCell(): void {
    this.begins.push(this.countsAt, this.sumsAt)
    this.previousBlock = -1
  }

  /** The cells since `reset`, in memory of their own. */
  take(): { counts: Buffer; sums: Buffer }[] {
    const counts = Buffer.from(this.counts.subarray(0, this.countsAt))
    const sums = Buffer.from(this.sums.subarray(0, this.sumsAt))
    const { begins } = this
    begins.push(this.countsAt, this.sumsAt)
    const cells: { counts: Buffer; sums: Buffer }[] = []
    for (let at = 2; at < begins.length; at += 2) {
      cells.push({ counts: counts.subarray(begins[at - 2], begins[at]), sums: sums.subarray(begins[at - 1], begins[at + 1]) })
    }
    return cells
  }

  /** So many slots from a place in each array. A block that is zero throughout leaves no trace; false when it is one. */
  block(
    index: number,
    counts: Float64Array,
    countsFrom: number,
    countSlots: number,
    sums: Float64Array,
    sumsFrom: number,
    sumSlots: number,
  ): boolean {
    const countsUsed = used(counts, countsFrom, countSlots)
    const sumsUsed = used(sums, sumsFrom, sumSlots)
    if (countsUsed + sumsUsed === 0) return false
    this.makeRoom((3 + 2 * countsUsed + sumsUsed) * NUMBER_BYTES, sumsUsed * 8)
    this.number(index - this.previousBlock - 1)
    this.previousBlock = index
    this.writeCounts(counts, countsFrom, countSlots, countsUsed)
    this.writeSums(sums, sumsFrom, sumSlots, sumsUsed)
    return true
  }

  private writeCounts(counts: Float64Array, from: number, slots: number, usedSlots: number): void {
    this.number(usedSlots)
    const bytes = this.counts
    let at = this.countsAt
    let gap = 0
    for (let slot = 0; slot < slots; slot++) {
      const count = counts[from + slot]!
      if (count === 0) {
        gap++
        continue
      }
      if (!(count > 0) || !Number.isSafeInteger(count)) throw new Error(`slot ${slot} is not a count: ${count}`)
      // Nearly all are below 128: one byte each.
      if (gap < 128) bytes[at++] = gap
      else at = writeLong(bytes, at, gap)
      if (count < 128) bytes[at++] = count
      else at = writeLong(bytes, at, count)
      gap = 0
    }
    this.countsAt = at
  }

  private writeSums(sums: Float64Array, from: number, slots: number, usedSlots: number): void {
    this.number(usedSlots)
    let previous = -1
    for (let slot = 0; slot < slots; slot++) {
      const sum = sums[from + slot]!
      if (sum === 0) continue
      this.number(slot - previous - 1)
      this.doubles.setFloat64(this.sumsAt, sum, true)
      this.sumsAt += 8
      previous = slot
    }
  }

  private number(value: number): void {
    if (value < 128) this.counts[this.countsAt++] = value
    else this.countsAt = writeLong(this.counts, this.countsAt, value)
  }

  private makeRoom(countBytes: number, sumBytes: number): void {
    this.counts = grown(this.counts, this.countsAt, countBytes)
    if (this.sums.length - this.sumsAt >= sumBytes) return
    this.sums = grown(this.sums, this.sumsAt, sumBytes)
    this.doubles = viewOf(this.sums)
  }
}

/** LEB128; returns where the next number goes. */
function writeLong(bytes: Buffer, from: number, value: number): number {
  let at = from
  let rest = value
  while (rest >= 128) {
    bytes[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  bytes[at++] = rest
  return at
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function used(numbers: Float64Array, from: number, slots: number): number {
  let count = 0
  for (let slot = from; slot < from + slots; slot++) if (numbers[slot] !== 0) count++
  return count
}

function grown(buffer: Buffer, at: number, more: number): Buffer {
  if (at + more <= buffer.length) return buffer
  const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, at + more))
  buffer.copy(larger, 0, 0, at)
  return larger
}
