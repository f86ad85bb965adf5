/** Writes the packed numbers of cells into memory that is used again for the next pane. */

/** A LEB128 number of a safe integer has at most this many bytes. */
const NUMBER_BYTES = 8

export class PackedWriter {
  private counts: Buffer = Buffer.allocUnsafe(1 << 16)
  private sums: Buffer = Buffer.allocUnsafe(1 << 16)
  private countsAt = 0
  private sumsAt = 0
  private cellCounts = 0
  private cellSums = 0
  private previousBlock = -1

  /** Cells handed out before are overwritten from now on. */
  reset(): void {
    this.countsAt = 0
    this.sumsAt = 0
  }

  beginCell(): void {
    this.cellCounts = this.countsAt
    this.cellSums = this.sumsAt
    this.previousBlock = -1
  }

  endCell(): { counts: Buffer; sums: Buffer } {
    return { counts: this.counts.subarray(this.cellCounts, this.countsAt), sums: this.sums.subarray(this.cellSums, this.sumsAt) }
  }

  /** A block that is zero throughout leaves no trace. */
  block(index: number, counts: Float64Array, sums: Float64Array): void {
    const countsUsed = used(counts)
    const sumsUsed = used(sums)
    if (countsUsed + sumsUsed === 0) return
    this.makeRoom((3 + 2 * countsUsed + sumsUsed) * NUMBER_BYTES, sumsUsed * 8)
    this.number(index - this.previousBlock - 1)
    this.previousBlock = index
    this.writeCounts(counts, countsUsed)
    this.writeSums(sums, sumsUsed)
  }

  private writeCounts(counts: Float64Array, usedSlots: number): void {
    this.number(usedSlots)
    let previous = -1
    for (let slot = 0; slot < counts.length; slot++) {
      const count = counts[slot]!
      if (count === 0) continue
      if (!(count > 0) || !Number.isSafeInteger(count)) throw new Error(`slot ${slot} is not a count: ${count}`)
      this.number(slot - previous - 1)
      this.number(count)
      previous = slot
    }
  }

  private writeSums(sums: Float64Array, usedSlots: number): void {
    this.number(usedSlots)
    let previous = -1
    for (let slot = 0; slot < sums.length; slot++) {
      if (sums[slot] === 0) continue
      this.number(slot - previous - 1)
      this.sumsAt = this.sums.writeDoubleLE(sums[slot]!, this.sumsAt)
      previous = slot
    }
  }

  private number(value: number): void {
    let rest = value
    while (rest >= 128) {
      this.counts[this.countsAt++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.counts[this.countsAt++] = rest
  }

  /** Buffers handed out keep the old memory alive; it is not written again. */
  private makeRoom(countBytes: number, sumBytes: number): void {
    this.counts = grown(this.counts, this.countsAt, countBytes)
    this.sums = grown(this.sums, this.sumsAt, sumBytes)
  }
}

function used(slots: Float64Array): number {
  let count = 0
  for (let slot = 0; slot < slots.length; slot++) if (slots[slot] !== 0) count++
  return count
}

function grown(buffer: Buffer, at: number, more: number): Buffer {
  if (at + more <= buffer.length) return buffer
  const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, at + more))
  buffer.copy(larger, 0, 0, at)
  return larger
}
