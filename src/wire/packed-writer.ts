/** Writes the packed numbers of cells into memory that is used again for the next pane. */

/** A LEB128 number of a safe integer has at most this many bytes. */
const NUMBER_BYTES = 8

export class PackedWriter {
  private counts: Buffer = Buffer.allocUnsafe(1 << 16)
  private sums: Buffer = Buffer.allocUnsafe(1 << 16)
  private doubles = viewOf(this.sums)
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
    const bytes = this.counts
    let at = this.countsAt
    let gap = 0
    for (let slot = 0; slot < counts.length; slot++) {
      const count = counts[slot]!
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

  private writeSums(sums: Float64Array, usedSlots: number): void {
    this.number(usedSlots)
    let previous = -1
    for (let slot = 0; slot < sums.length; slot++) {
      if (sums[slot] === 0) continue
      this.number(slot - previous - 1)
      this.doubles.setFloat64(this.sumsAt, sums[slot]!, true)
      this.sumsAt += 8
      previous = slot
    }
  }

  private number(value: number): void {
    if (value < 128) this.counts[this.countsAt++] = value
    else this.countsAt = writeLong(this.counts, this.countsAt, value)
  }

  /** Buffers handed out keep the old memory alive; it is not written again. */
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
