/** Reads the packed numbers of a cell: unsigned LEB128 for gaps and counts, little-endian doubles for sums. */
/** Every step is held against the end of the bytes. */
export class VarintReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  get atEnd(): boolean {
    return this.at >= this.bytes.length
  }

  next(): number {
    const byte = this.bytes[this.at]
    if (byte === undefined) throw new Error('packed counts end early')
    this.at++
    return byte < 128 ? byte : this.longer(byte & 127)
  }

  /** Numbers passed over without looking. */
  skip(count: number): void {
    if (count > this.bytes.length - this.at) throw new Error(`${count} packed numbers are more than what is left`)
    for (let left = count; left > 0; ) {
      const byte = this.bytes[this.at]
      if (byte === undefined) throw new Error('packed counts end early')
      this.at++
      if (byte < 128) left--
    }
  }

  private longer(low: number): number {
    let value = low
    for (let factor = 128; factor <= 2 ** 49; factor *= 128) {
      const byte = this.bytes[this.at]
      if (byte === undefined) throw new Error('packed counts end early')
      this.at++
      value += (byte & 127) * factor
      if (byte < 128 && value <= Number.MAX_SAFE_INTEGER) return value
    }
    throw new Error('packed number is too large')
  }
}

/** Slots of one block in memory that holds zeros: its counts, and its sums behind them. */
export interface PackedSlots {
  readonly countSlots: number
  readonly sumSlots: number
}

/** Fills one block from the reader, in memory from `at` on; returns where the next sum lies. */
export function readPacked(
  reader: VarintReader,
  memory: Float64Array,
  at: number,
  { countSlots, sumSlots }: PackedSlots,
  sums: DataView,
  sumsFrom: number,
): number {
  let slot = -1
  for (let left = reader.next(); left > 0; left--) {
    slot += 1 + reader.next()
    if (slot >= countSlots) throw new Error(`count slot ${slot} is outside its block`)
    memory[at + slot] = reader.next()
  }
  slot = -1
  let sumsAt = sumsFrom
  for (let left = reader.next(); left > 0; left--) {
    slot += 1 + reader.next()
    if (slot >= sumSlots) throw new Error(`sum slot ${slot} is outside its block`)
    memory[at + countSlots + slot] = sums.getFloat64(sumsAt, true)
    sumsAt += 8
  }
  return sumsAt
}
