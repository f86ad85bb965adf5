/**
 * Steps over Avro's bytes with bounds: a length or a count is checked against what is left of the record before anything is done with it.
 *
 * (avsc reads counts unchecked: an array that claims 10^12 items keeps the process busy until its memory is gone.)
 */
import type { Registers } from './registers.ts'

/** Thrown for corrupt bytes; one object, because a flood of corrupt records should not pay for stack traces. */
export const CORRUPT = new Error('corrupt Avro')

/** Deeper than any honest record; a chain of nested records can be as long as the record has bytes. */
const DEPTH_MAX = 100

export class AvroCursor {
  readonly registers: Registers
  bytes: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  start = 0
  at = 0
  stop = 0
  depth = 0
  problem = ''
  /** Digits of the last `long`, when it is beyond 2^53. */
  digits = ''

  constructor(registers: Registers) {
    this.registers = registers
  }

  open(bytes: Buffer): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  fail(problem: string): never {
    this.problem = problem
    throw CORRUPT
  }

  enter(): void {
    if (++this.depth > DEPTH_MAX) this.fail(`nested deeper than ${DEPTH_MAX}`)
  }

  long(): number {
    this.digits = ''
    const from = this.at
    let scale = 1
    let value = 0
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.stop) this.fail('ends within a number')
      const byte = this.bytes[this.at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value <= Number.MAX_SAFE_INTEGER ? unzigzag(value) : this.largeLong(from)
      scale *= 128
    }
    return this.fail('a number of more than ten bytes')
  }

  private largeLong(from: number): number {
    let value = 0n
    for (let at = from, shift = 0n; at < this.at; at++, shift += 7n) value |= BigInt(this.bytes[at]! & 127) << shift
    const signed = BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    const rounded = Number(signed)
    if (!Number.isSafeInteger(rounded)) this.digits = String(signed)
    return rounded
  }

  double(): number {
    if (this.stop - this.at < 8) this.fail('ends within a double')
    this.at += 8
    return this.view.getFloat64(this.at - 8, true)
  }

  float(): number {
    if (this.stop - this.at < 4) this.fail('ends within a float')
    this.at += 4
    return this.view.getFloat32(this.at - 4, true)
  }

  boolean(): boolean {
    if (this.at >= this.stop) this.fail('ends before a boolean')
    const byte = this.bytes[this.at++]!
    if (byte > 1) this.fail(`a boolean of value ${byte}`)
    return byte === 1
  }

  /** Length of bytes or text that follow; `at` stands on the first of them. */
  length(): number {
    const length = this.long()
    if (length < 0 || length > this.stop - this.at) this.fail(`a length of ${length} with ${this.stop - this.at} bytes left`)
    return length
  }

  skip(length: number): void {
    if (length > this.stop - this.at) this.fail(`${length} bytes wanted, ${this.stop - this.at} left`)
    this.at += length
  }

  /** An index into `count` choices. */
  index(count: number, what: string): number {
    const index = this.long()
    if (index < 0 || index >= count) this.fail(`${what} ${index} of ${count}`)
    return index
  }

  /** Items in the next block of an array or a map; 0 ends it. Every item takes at least one byte, or is not visited at all. */
  block(): number {
    let count = this.long()
    if (count < 0) {
      count = -count
      this.length()
    }
    if (count > this.stop - this.start) this.fail(`a count of ${count} items in a record of ${this.stop - this.start} bytes`)
    return count
  }
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2
}
