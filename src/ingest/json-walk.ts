/**
 * Walks the bytes of one JSON record once, in any key order and spacing, and writes the wanted values to registers: no objects, no strings.
 *
 * It checks the whole record as JSON.parse would. What it would rather not decide (a key twice, escapes in keys, nesting beyond 60) it
 * leaves to JSON.parse: `false` means "let JSON.parse look", never "broken".
 */
import { isUtf8 } from 'node:buffer'
import { decimalAt } from './decimal.ts'
import type { PathNode } from './fields.ts'
import { ABSENT, FALSE, NUMBER, OTHER, type Registers, TEXT, TRUE } from './registers.ts'

export const QUOTE = 34
const MINUS = 45
const POINT = 46
const COMMA = 44
const COLON = 58
const BACKSLASH = 92
export const OPEN = 123
const CLOSE = 125
const OPEN_LIST = 91
const DEPTH_MAX = 60
/** So many characters of digits and point stand for an integer below 10^16 and a power of ten: one exact division gives the right double. */
export const DIGITS_MAX = 16
export const POWERS_OF_TEN = Float64Array.from({ length: DIGITS_MAX + 1 }, (_, exponent) => 10 ** exponent)

/** What was met where, in order: the shape a template is learned from. `gap` is where the text before the value begins, after `{` or `,`. */
export type TraceStep =
  | { readonly kind: 'leaf' | 'skip' | 'odd'; readonly gap: number; readonly begin: number; readonly slot: number }
  | { readonly kind: 'open'; readonly gap: number; readonly begin: number; readonly slot: number }
  | { readonly kind: 'close' }

interface WalkNode {
  readonly keys: readonly Buffer[]
  readonly slots: readonly number[]
  readonly children: readonly (WalkNode | null)[]
  readonly below: readonly number[]
  /** Per key: the record in which it was met last. */
  readonly metIn: Float64Array
}

export class JsonWalker {
  private readonly registers: Registers
  private readonly root: WalkNode
  private bytes: Buffer = Buffer.alloc(0)
  private at = 0
  private stop = 0
  private record = 0
  private number = 0
  private trace: TraceStep[] | null = null

  constructor(tree: PathNode, registers: Registers) {
    this.registers = registers
    this.root = walkNode(tree)
  }

  open(bytes: Buffer): void {
    this.bytes = bytes
  }

  /** True: registers hold the record. */
  walk(start: number, end: number, trace: TraceStep[] | null): boolean {
    this.at = start
    this.stop = end
    this.record++
    this.trace = trace
    this.registers.reset()
    this.space()
    if (this.at >= end || this.bytes[this.at] !== OPEN) return false
    this.at++
    if (!this.object(this.root)) return false
    this.space()
    return this.at === end
  }

  /** One wanted value of any type at `start`; where it ends, or -1. */
  leafAt(start: number, end: number, slot: number): number {
    this.at = start
    this.stop = end
    return start < end && this.leaf(slot) ? this.at : -1
  }

  skipAt(start: number, end: number): number {
    this.at = start
    this.stop = end
    return start < end && this.skipValue(0) ? this.at : -1
  }

  private space(): void {
    const { bytes, stop } = this
    let { at } = this
    while (at < stop) {
      const byte = bytes[at]!
      if (byte !== 32 && byte !== 10 && byte !== 13 && byte !== 9) break
      at++
    }
    this.at = at
  }

  /** `at` stands after the opening brace. */
  private object(node: WalkNode): boolean {
    let guess = 0
    let gap = this.at
    this.space()
    if (this.take(CLOSE)) return true
    for (;;) {
      if (!this.take(QUOTE)) return false
      const hit = this.key(node, guess)
      if (hit === -2) return false
      if (hit >= 0) {
        guess = hit + 1 === node.keys.length ? 0 : hit + 1
        if (node.metIn[hit] === this.record) return false // twice: JSON.parse knows that the last one counts
        node.metIn[hit] = this.record
      }
      this.space()
      if (!this.take(COLON)) return false
      this.space()
      if (this.at >= this.stop || !this.member(node, hit, gap)) return false
      this.space()
      if (this.take(CLOSE)) return true
      if (!this.take(COMMA)) return false
      gap = this.at
      this.space()
    }
  }

  private take(byte: number): boolean {
    if (this.at >= this.stop || this.bytes[this.at] !== byte) return false
    this.at++
    return true
  }

  /** Index of the wanted key that begins here, -1 for another key, -2 for one that JSON.parse should read. Usually the first try hits. */
  private key(node: WalkNode, guess: number): number {
    const { bytes } = this
    const from = this.at
    for (let tried = 0, index = guess; tried < node.keys.length; tried++) {
      const key = node.keys[index]!
      const end = from + key.length
      if (end < this.stop && bytes[end] === QUOTE && startsWith(bytes, from, key)) {
        this.at = end + 1
        return index
      }
      if (++index === node.keys.length) index = 0
    }
    let at = from
    while (at < this.stop) {
      const byte = bytes[at]!
      if (byte === QUOTE) {
        this.at = at + 1
        return -1
      }
      if (byte < 32 || byte > 126 || byte === BACKSLASH) return -2
      at++
    }
    return -2
  }

  private member(node: WalkNode, hit: number, gap: number): boolean {
    const begin = this.at
    const child = hit < 0 ? null : node.children[hit]!
    const slot = hit < 0 ? -1 : node.slots[hit]!
    if (child === null) {
      this.trace?.push({ kind: hit < 0 ? 'skip' : 'leaf', gap, begin, slot })
      return hit < 0 ? this.skipValue(0) : this.leaf(slot)
    }
    if (this.bytes[begin] === OPEN) {
      this.trace?.push({ kind: 'open', gap, begin, slot })
      if (slot >= 0) this.registers.kinds[slot] = OTHER
      this.at++
      if (!this.object(child)) return false
      this.trace?.push({ kind: 'close' })
      return true
    }
    this.trace?.push({ kind: 'odd', gap, begin, slot })
    const { kinds } = this.registers
    if (this.bytes[begin] !== 110) for (const below of child.below) kinds[below] = OTHER
    return slot >= 0 ? this.leaf(slot) : this.skipValue(0)
  }

  private leaf(slot: number): boolean {
    const { registers } = this
    const byte = this.bytes[this.at]!
    if (byte === QUOTE) return this.text(slot)
    if (byte === MINUS || (byte >= 48 && byte <= 57)) {
      if (!this.readNumber()) return false
      registers.kinds[slot] = NUMBER
      registers.numbers[slot] = this.number
      return true
    }
    registers.kinds[slot] = byte === 116 ? TRUE : byte === 102 ? FALSE : byte === 110 ? ABSENT : OTHER
    return this.skipValue(0)
  }

  /** Plain text stays where it is; escapes and broken UTF-8 are rewritten as JSON.parse would. */
  private text(slot: number): boolean {
    const { bytes, registers } = this
    const quote = this.at
    let at = quote + 1
    let byte = bytes[at]!
    while (byte >= 32 && byte < 128 && byte !== QUOTE && byte !== BACKSLASH) byte = bytes[++at]!
    if (byte === QUOTE && at < this.stop) {
      this.at = at + 1
      registers.setRange(slot, quote + 1, at)
      return true
    }
    this.at = quote + 1
    if (!this.skipText()) return false
    const inside = bytes.subarray(quote + 1, this.at - 1)
    if (!inside.includes(BACKSLASH) && isUtf8(inside)) registers.setRange(slot, quote + 1, this.at - 1)
    else registers.setText(slot, JSON.parse(bytes.toString('utf8', quote, this.at)) as string, TEXT)
    return true
  }

  /** A number at `at`, by the letter of the grammar; its value goes to `number`. */
  private readNumber(): boolean {
    const { bytes } = this
    const begin = this.at
    let at = begin
    let byte = bytes[at]!
    const negative = byte === MINUS
    if (negative) byte = bytes[++at]!
    const first = at
    let whole = 0
    let decimals = 0
    if (!(byte >= 48 && byte <= 57)) return false
    if (byte === 48) byte = bytes[++at]!
    else
      do {
        whole = whole * 10 + (byte - 48)
        byte = bytes[++at]!
      } while (byte >= 48 && byte <= 57)
    if (byte === POINT) {
      const point = at++
      for (byte = bytes[at]!; byte >= 48 && byte <= 57; byte = bytes[++at]!) whole = whole * 10 + (byte - 48)
      decimals = at - point - 1
      if (decimals === 0) return false
    }
    const exponent = byte === 101 || byte === 69
    this.at = at
    if (exponent && !this.skipExponent()) return false
    if (this.at > this.stop) return false
    if (exponent || at - first > DIGITS_MAX) {
      this.number = decimalAt(bytes, begin, this.at)
      return true
    }
    const value = decimals === 0 ? whole : whole / POWERS_OF_TEN[decimals]!
    this.number = negative ? -value : value
    return true // a digit after a leading zero is no end of a member: whoever reads on finds it
  }

  private skipExponent(): boolean {
    const { bytes } = this
    let at = this.at + 1
    if (bytes[at] === 43 || bytes[at] === MINUS) at++
    const first = at
    while (bytes[at]! >= 48 && bytes[at]! <= 57) at++
    this.at = at
    return at > first
  }

  private skipValue(depth: number): boolean {
    if (this.at >= this.stop) return false
    const byte = this.bytes[this.at]!
    if (byte === QUOTE) {
      this.at++
      return this.skipText()
    }
    if (byte === MINUS || (byte >= 48 && byte <= 57)) return this.readNumber()
    if (byte === 116) return this.literal('true')
    if (byte === 102) return this.literal('false')
    if (byte === 110) return this.literal('null')
    if ((byte !== OPEN && byte !== OPEN_LIST) || depth > DEPTH_MAX) return false
    this.at++
    return this.skipInside(byte, byte + 2, depth) // { } and [ ] are two apart
  }

  /** `at` stands after the opening bracket. */
  private skipInside(open: number, close: number, depth: number): boolean {
    this.space()
    if (this.take(close)) return true
    for (;;) {
      if (open === OPEN) {
        if (!this.take(QUOTE) || !this.skipText()) return false
        this.space()
        if (!this.take(COLON)) return false
        this.space()
      }
      if (!this.skipValue(depth + 1)) return false
      this.space()
      if (this.take(close)) return true
      if (!this.take(COMMA)) return false
      this.space()
    }
  }

  private literal(word: string): boolean {
    const { bytes, at } = this
    for (let index = 0; index < word.length; index++) if (bytes[at + index] !== word.charCodeAt(index)) return false
    this.at = at + word.length
    return this.at <= this.stop
  }

  /** `at` stands after the opening quote. */
  private skipText(): boolean {
    const { bytes, stop } = this
    while (this.at < stop) {
      const byte = bytes[this.at++]!
      if (byte === QUOTE) return true
      if (byte < 32) return false
      if (byte === BACKSLASH && !this.skipEscape()) return false
    }
    return false
  }

  private skipEscape(): boolean {
    const { bytes } = this
    const byte = bytes[this.at++]!
    if (byte !== 117)
      return byte === 34 || byte === 92 || byte === 47 || byte === 98 || byte === 102 || byte === 110 || byte === 114 || byte === 116
    for (let index = 0; index < 4; index++) if (!isHex(bytes[this.at++]!)) return false
    return true
  }
}

function isHex(byte: number): boolean {
  return (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 70) || (byte >= 97 && byte <= 102)
}

function startsWith(bytes: Buffer, from: number, key: Buffer): boolean {
  for (let index = 0; index < key.length; index++) if (bytes[from + index] !== key[index]) return false
  return true
}

function walkNode(tree: PathNode): WalkNode {
  return {
    keys: tree.keys,
    slots: tree.slots,
    children: tree.children.map((child) => (child === null ? null : walkNode(child))),
    below: tree.below,
    metIn: new Float64Array(tree.keys.length),
  }
}
