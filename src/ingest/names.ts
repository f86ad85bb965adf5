/** A closed list of names, found by their UTF-8 bytes without making a string. Unknown names are not added: somebody else's data fills no memory. */
export class NameTable {
  private readonly mask: number
  private readonly slots: Int32Array
  private readonly names: readonly Buffer[]

  constructor(names: readonly string[]) {
    this.names = names.map((name) => Buffer.from(name))
    let size = 8
    while (size < names.length * 3) size *= 2
    this.mask = size - 1
    this.slots = new Int32Array(size).fill(-1)
    this.names.forEach((name, index) => {
      let slot = hash(name, 0, name.length) & this.mask
      while (this.slots[slot]! >= 0) slot = (slot + 1) & this.mask
      this.slots[slot] = index
    })
  }

  /** Index of the name in bytes [start, end), or -1. */
  find(bytes: Buffer, start: number, end: number): number {
    let slot = hash(bytes, start, end) & this.mask
    for (;;) {
      const index = this.slots[slot]!
      if (index < 0 || same(this.names[index]!, bytes, start, end)) return index
      slot = (slot + 1) & this.mask
    }
  }
}

function same(name: Buffer, bytes: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let index = 0; index < name.length; index++) if (name[index] !== bytes[start + index]) return false
  return true
}

function hash(bytes: Buffer, start: number, end: number): number {
  let state = 0x811c9dc5 | 0
  for (let at = start; at < end; at++) state = Math.imul(state ^ bytes[at]!, 0x01000193)
  return state ^ (state >>> 15)
}
