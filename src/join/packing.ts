/** Small numbers side by side in 32-bit words: where each has its bits. The sign bit of every word is left alone. */

export interface PackedField {
  /** Word of the entry. */
  readonly word: number
  readonly shift: number
  readonly mask: number
}

export interface Packing {
  readonly fields: readonly PackedField[]
  /** Words used beyond the first. */
  readonly extraWords: number
}

const BITS = 31

/**
 * One field for each number of possible values. The first ones share `word` with whoever has its bits below `shift`; what does not fit
 * goes to the words from `extraWord` on.
 */
export function pack(sizes: readonly number[], word: number, shift: number, extraWord: number): Packing {
  let extraWords = 0
  let at = { word, shift }
  const fields = sizes.map((size) => {
    const bits = bitsFor(size)
    if (at.shift + bits > BITS) at = { word: extraWord + extraWords++, shift: 0 }
    const field = { word: at.word, shift: at.shift, mask: 2 ** bits - 1 }
    at = { word: at.word, shift: at.shift + bits }
    return field
  })
  return { fields, extraWords }
}

/** Bits that hold the numbers from 0 to size - 1. */
function bitsFor(size: number): number {
  if (size > 2 ** BITS) throw new Error(`${size} values do not fit into a word`)
  let bits = 0
  while (2 ** bits < size) bits++
  return bits
}
