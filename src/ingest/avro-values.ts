/**
 * Values as an Avro shape expects them: each function reads one value that begins at `at` and answers where it ends, or -1 when the
 * general reader should look at the record: it decides whether that is corrupt or only unusual.
 */
import { isUtf8 } from 'node:buffer'
import { type AvroCursor, CORRUPT } from './avro-cursor.ts'
import type { AvroStep } from './avro-steps.ts'
import { NUMBER, type Registers, STRING } from './registers.ts'

const HIGH_BITS = 0x80808080 | 0
/** So many bytes hold a number below 2^49, which two 32-bit halves make without rounding. */
const QUICK_BYTES = 7

export class AvroValues {
  private readonly registers: Registers
  private readonly cursor: AvroCursor
  private bytes: Buffer = Buffer.alloc(0)
  private view: DataView = new DataView(new ArrayBuffer(0))
  /** What `number` read last. */
  private value = 0

  constructor(registers: Registers, cursor: AvroCursor) {
    this.registers = registers
    this.cursor = cursor
  }

  /** The registers and the cursor are open. */
  open(): void {
    this.bytes = this.registers.record
    this.view = this.registers.view
  }

  long(at: number, end: number, slot: number): number {
    const next = this.number(at, end)
    if (next < 0) return next
    this.registers.kinds[slot] = NUMBER
    this.registers.numbers[slot] = this.value
    return next
  }

  skipLong(at: number, end: number): number {
    return this.number(at, end)
  }

  text(at: number, end: number, slot: number): number {
    const start = this.number(at, end)
    const length = this.value
    if (start < 0 || length < 0 || length > end - start) return -1
    const stop = start + length
    if (!this.isPlain(start, stop) && !isUtf8(this.bytes.subarray(start, stop))) return -1
    const { kinds, starts, ends } = this.registers
    kinds[slot] = STRING
    starts[slot] = start
    ends[slot] = stop
    return stop
  }

  /** Text or bytes. */
  skipText(at: number, end: number): number {
    const start = this.number(at, end)
    return start < 0 || this.value < 0 || this.value > end - start ? -1 : start + this.value
  }

  /** Any value, by the general reader; `depth`: in how many records and lists it lies. */
  step(at: number, start: number, end: number, depth: number, step: AvroStep): number {
    const { cursor } = this
    cursor.start = start
    cursor.at = at
    cursor.stop = end
    cursor.depth = depth
    try {
      step(cursor)
    } catch (error) {
      if (error !== CORRUPT) throw error
      return -1
    }
    return cursor.at
  }

  private number(at: number, end: number): number {
    const { bytes } = this
    let byte = bytes[at]!
    if (byte < 128) {
      this.value = (byte >>> 1) ^ -(byte & 1)
      return at < end ? at + 1 : -1
    }
    let low = byte & 127
    let next = at + 1
    for (let shift = 7; shift < 28 && byte > 127; shift += 7) {
      byte = bytes[next++]!
      low |= (byte & 127) << shift
    }
    let high = 0
    for (let shift = 0; byte > 127; shift += 7) {
      if (next - at === QUICK_BYTES) return -1
      byte = bytes[next++]!
      high |= (byte & 127) << shift
    }
    const half = (low >>> 1) + high * 0x8000000
    this.value = (low & 1) === 0 ? half : -half - 1
    return next <= end ? next : -1
  }

  private isPlain(start: number, end: number): boolean {
    const { view } = this
    let at = start
    let found = 0
    for (; at + 4 <= end; at += 4) found |= view.getInt32(at, true)
    if (at < end) found |= view.getInt32(at, true) & ((1 << ((end - at) << 3)) - 1)
    return (found & HIGH_BITS) === 0
  }
}
