/** A closed list of names, found by their UTF-8 bytes without making a string. Unknown names are not added: somebody else's data fills no memory. */
export class NameTable {
  private readonly mask: number
  private readonly slots: Int32Array
  private readonly names: readonly Buffer[]
  /** First and last four bytes of each name, overlapping when it is shorter: up to eight bytes that is the whole name. */
  private readonly firsts: Int32Array
  private readonly lasts: Int32Array
  private readonly lengths: Int32Array

  constructor(names: readonly string[]) {
    this.names = names.map((name) => Buffer.from(name))
    this.firsts = Int32Array.from(this.names, (name) => wordOf(name, 0, Math.min(4, name.length)))
    this.lasts = Int32Array.from(this.names, (name) => (name.length < 4 ? 0 : wordOf(name, name.length - 4, name.length)))
    this.lengths = Int32Array.from(this.names, (name) => name.length)
    let size = 8
    while (size < names.length * 3) size *= 2
    this.mask = size - 1
    this.slots = new Int32Array(size).fill(-1)
    this.names.forEach((name, index) => {
      let slot = mixed(this.firsts[index]!, this.lasts[index]!, name.length) & this.mask
      while (this.slots[slot]! >= 0) slot = (slot + 1) & this.mask
      this.slots[slot] = index
    })
  }

  /** Index of the name in bytes [start, end), or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    return this.seek(wordOf(bytes, start, Math.min(end, start + 4)), length < 4 ? 0 : wordOf(bytes, end - 4, end), bytes, start, length)
  }

  /** The same where three more bytes may be read behind the name. */
  findWords(view: DataView, bytes: Uint8Array, start: number, end: number): number {
    const length = end - start
    const first = view.getInt32(start, true)
    if (length < 4) return this.seek(first & ((1 << (length << 3)) - 1), 0, bytes, start, length)
    return this.seek(first, view.getInt32(end - 4, true), bytes, start, length)
  }

  private seek(first: number, last: number, bytes: Uint8Array, start: number, length: number): number {
    let slot = mixed(first, last, length) & this.mask
    for (;;) {
      const index = this.slots[slot]!
      if (index < 0) return -1
      if (this.firsts[index] === first && this.lasts[index] === last && this.lengths[index] === length) {
        if (length <= 8 || sameBetween(this.names[index]!, bytes, start)) return index
      }
      slot = (slot + 1) & this.mask
    }
  }
}

/** The first and the last four bytes are known to be the same. */
function sameBetween(name: Buffer, bytes: Uint8Array, start: number): boolean {
  for (let index = 4; index < name.length - 4; index++) if (name[index] !== bytes[start + index]) return false
  return true
}

/** Up to four bytes as a word, the first one lowest. */
function wordOf(bytes: Uint8Array, start: number, end: number): number {
  let word = 0
  for (let at = start; at < end; at++) word |= bytes[at]! << ((at - start) << 3)
  return word
}

function mixed(first: number, last: number, length: number): number {
  const state = Math.imul(first ^ Math.imul(last + length, 0x9e3779b1), 0x85ebca77)
  return state ^ (state >>> 15)
}
