/**
 * What a record holds at the places the policy names: one register per place, the same for every format.
 *
 * Decoders write registers, the readers of fields read them. Text stays bytes: a range of the record, or of `scratch` when it had to be
 * rewritten (escapes, numbers used as names). Behind the registers of the record lie those of the policy's constants and defaults,
 * filled once.
 */
export const ABSENT = 0
export const NUMBER = 1
/** Text as it stands in the record's own bytes. */
export const STRING = 2
/** Text in `scratch`. */
export const TEXT = 3
export const TRUE = 4
export const FALSE = 5
/** Object, array, bytes: nothing a field can be. */
export const OTHER = 6
/** An integer beyond 2^53: `numbers` has it rounded, `scratch` has its digits. */
export const LONG = 7

export class Registers {
  /** How many registers belong to the record; constants follow. */
  readonly recordSlots: number
  readonly kinds: Uint8Array
  readonly numbers: Float64Array
  readonly starts: Int32Array
  readonly ends: Int32Array
  /** Bytes that STRING ranges refer to, and a view of them. */
  record: Buffer = Buffer.alloc(0)
  view: DataView = new DataView(this.record.buffer, this.record.byteOffset, 0)
  private scratch: Buffer = Buffer.alloc(1024)
  private scratchUsed = 0
  private scratchBase: number
  /** What `readNumber` or `readTime` read last. */
  value = 0
  /** Where `textOf` found the text. */
  textBytes: Buffer = this.scratch
  textStart = 0
  textEnd = 0

  constructor(recordSlots: number, constants: readonly (string | number)[]) {
    const slots = recordSlots + constants.length
    this.recordSlots = recordSlots
    this.kinds = new Uint8Array(slots)
    this.numbers = new Float64Array(slots)
    this.starts = new Int32Array(slots)
    this.ends = new Int32Array(slots)
    constants.forEach((value, index) => {
      this.setValue(recordSlots + index, value)
    })
    this.scratchBase = this.scratchUsed
  }

  /** The next records are read from these bytes. */
  open(bytes: Buffer): void {
    this.record = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  /** Forgets the record before. */
  reset(): void {
    this.kinds.fill(ABSENT, 0, this.recordSlots)
    this.scratchUsed = this.scratchBase
  }

  /** Forgets rewritten text of the record before; whoever calls it writes every register. */
  resetText(): void {
    this.scratchUsed = this.scratchBase
  }

  /** Keeps a text for good, as a range for `kinds` TEXT. Forgets rewritten text of the record before. */
  keepText(text: string): { readonly start: number; readonly end: number } {
    this.scratchUsed = this.scratchBase
    this.append(text)
    const start = this.scratchBase
    this.scratchBase = this.scratchUsed
    return { start, end: this.scratchUsed }
  }

  /** What JSON.parse made of a value. */
  setValue(slot: number, value: unknown): void {
    if (value === null || value === undefined) this.kinds[slot] = ABSENT
    else if (typeof value === 'number') this.setNumber(slot, value)
    else if (typeof value === 'string') this.setText(slot, value, TEXT)
    else if (typeof value === 'boolean') this.kinds[slot] = value ? TRUE : FALSE
    else this.kinds[slot] = OTHER
  }

  setNumber(slot: number, value: number): void {
    this.kinds[slot] = NUMBER
    this.numbers[slot] = value
  }

  /** Text as it stands in the record: valid UTF-8 without escapes. */
  setRange(slot: number, start: number, end: number): void {
    this.kinds[slot] = STRING
    this.starts[slot] = start
    this.ends[slot] = end
  }

  setText(slot: number, text: string, kind: typeof TEXT | typeof LONG): void {
    this.kinds[slot] = kind
    this.starts[slot] = this.scratchUsed
    this.append(text)
    this.ends[slot] = this.scratchUsed
  }

  /** Finds the UTF-8 bytes of a register's canonical text; false when it has none. Numbers read as `String(number)`. */
  textOf(slot: number): boolean {
    const kind = this.kinds[slot]
    if (kind === STRING || kind === TEXT || kind === LONG) {
      this.textBytes = kind === STRING ? this.record : this.scratch
      this.textStart = this.starts[slot]!
      this.textEnd = this.ends[slot]!
      return true
    }
    if (kind === NUMBER) {
      const value = this.numbers[slot]!
      return Number.isFinite(value) && this.textOfText(String(value))
    }
    if (kind === TRUE) return this.textOfText('true')
    if (kind === FALSE) return this.textOfText('false')
    return false
  }

  private textOfText(text: string): boolean {
    this.textStart = this.scratchUsed
    this.append(text)
    this.textBytes = this.scratch
    this.textEnd = this.scratchUsed
    return true
  }

  /** A lone surrogate has no UTF-8: it becomes U+FFFD, as everywhere in Node. */
  private append(text: string): void {
    const room = text.length * 3
    if (this.scratchUsed + room > this.scratch.length) {
      const larger = Buffer.alloc((this.scratchUsed + room) * 2)
      this.scratch.copy(larger, 0, 0, this.scratchUsed)
      this.scratch = larger
    }
    this.scratchUsed += this.scratch.write(text, this.scratchUsed, 'utf8')
  }
}
