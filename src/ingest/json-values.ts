/**
 * Values as a template expects them: each function reads one value that begins at `at` into a register and answers where it ends, or -1.
 * Values of another type, and those that need a closer look, go to the walk. They may run past the record: its template notices.
 */
import { decimalAt } from './decimal.ts'
import { DIGITS_MAX, type JsonWalker, POWERS_OF_TEN, QUOTE } from './json-walk.ts'
import { FALSE, NUMBER, type Registers, STRING, TRUE } from './registers.ts'

const MINUS = 45
const POINT = 46
const BACKSLASH = 92
const WORD_TRUE = 0x65757274
const WORD_FALS = 0x736c6166
const HIGH_BITS = 0x80808080

export class JsonValues {
  private readonly registers: Registers
  private readonly walker: JsonWalker
  private bytes: Buffer = Buffer.alloc(0)
  private view: DataView = new DataView(new ArrayBuffer(0))

  constructor(registers: Registers, walker: JsonWalker) {
    this.registers = registers
    this.walker = walker
  }

  /** The registers are open. */
  open(): void {
    this.bytes = this.registers.record
    this.view = this.registers.view
  }

  any(at: number, end: number, slot: number): number {
    return this.walker.leafAt(at, end, slot)
  }

  skip(at: number, end: number): number {
    return this.walker.skipAt(at, end)
  }

  skipText(at: number, end: number): number {
    const { bytes } = this
    if (bytes[at] !== QUOTE) return this.skip(at, end)
    for (let next = at + 1; ; next++) {
      const byte = bytes[next]!
      if (byte === QUOTE) return next + 1
      if (!(byte >= 32) || byte === BACKSLASH) return this.skip(at, end)
    }
  }

  /** Four bytes at a time: quotes, and whatever is not plain ASCII, set the high bit of their byte; the lowest such bit is certain. */
  text(at: number, end: number, slot: number): number {
    const { view, registers } = this
    if (this.bytes[at] !== QUOTE) return this.any(at, end, slot)
    for (let next = at + 1; ; next += 4) {
      const word = view.getInt32(next, true)
      const quotes = word ^ 0x22222222
      const escapes = word ^ 0x5c5c5c5c
      const quote = (quotes - 0x01010101) & ~quotes & HIGH_BITS
      const odd = (((escapes - 0x01010101) & ~escapes) | (word - 0x20202020) | word) & HIGH_BITS
      if ((quote | odd) === 0) continue
      const low = (quote | odd) & -(quote | odd)
      if ((low & quote) === 0) return this.any(at, end, slot)
      const close = next + ((31 - Math.clz32(low)) >> 3)
      registers.kinds[slot] = STRING
      registers.starts[slot] = at + 1
      registers.ends[slot] = close
      return close + 1
    }
  }

  truth(at: number, end: number, slot: number): number {
    const word = this.view.getInt32(at, true)
    if (word === WORD_TRUE) {
      this.registers.kinds[slot] = TRUE
      return at + 4
    }
    if (word !== WORD_FALS || this.bytes[at + 4] !== 101) return this.any(at, end, slot)
    this.registers.kinds[slot] = FALSE
    return at + 5
  }

  /** Signs and counts of digits change from number to number: as far as possible they are computed, and not branched upon. */
  number(begin: number, end: number, slot: number): number {
    const { bytes, view } = this
    const initial = bytes[begin]!
    const negative = (initial - 48) >>> 31 // 1 for everything below '0', of which only '-' is let through
    if (((initial ^ MINUS) & -negative) !== 0) return this.any(begin, end, slot)
    const first = begin + negative
    let digits = 0
    let count = 1
    let whole = bytes[first]! - 48
    if (bytes[first + 1] !== POINT) {
      digits = view.getInt32(first, true) ^ ZEROS
      count = digitsIn(digits)
      if (count === 0 || (whole === 0 && count > 1)) return this.any(begin, end, slot)
      whole = integerOf(digits, count)
    } else if (whole >>> 0 > 9) return this.any(begin, end, slot)
    let at = first + count
    while ((bytes[at]! - 48) >>> 0 < 10) {
      digits = view.getInt32(at, true) ^ ZEROS
      count = digitsIn(digits)
      whole = whole * TENS[count]! + integerOf(digits, count)
      at += count
    }
    let decimals = 0
    if (bytes[at] === POINT) {
      const point = ++at
      do {
        digits = view.getInt32(at, true) ^ ZEROS
        count = digitsIn(digits)
        if (count === 0) return this.any(begin, end, slot)
        whole = whole * TENS[count]! + integerOf(digits, count)
        at += count
      } while ((bytes[at]! - 48) >>> 0 < 10)
      decimals = at - point
    }
    if ((bytes[at]! | 32) === 101) return this.any(begin, end, slot)
    const { kinds, numbers } = this.registers
    kinds[slot] = NUMBER
    numbers[slot] = at - first > DIGITS_MAX ? decimalAt(bytes, begin, at) : (whole / POWERS_OF_TEN[decimals]!) * SIGNS[negative]!
    return at
  }
}

const ZEROS = 0x30303030
const SIGNS = Float64Array.of(1, -1)
const TENS = Float64Array.of(1, 10, 100, 1_000, 10_000)

/** How many of the four bytes of a word, first byte first, are digits (xor '0'). */
function digitsIn(digits: number): number {
  const others = (digits | (digits + 0x06060606)) & 0xf0f0f0f0
  return (32 - Math.clz32((others & -others) - 1)) >> 3
}

/** Value of the first one to four digits of a word. */
function integerOf(word: number, count: number): number {
  const digits = word << (32 - (count << 3))
  const pairs = Math.imul(digits, 10) + (digits >>> 8)
  return (pairs & 0xff) * 100 + ((pairs >>> 16) & 0xff)
}
