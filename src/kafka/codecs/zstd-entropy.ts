/**
 * The entropy codes of zstd (RFC 8878 §4): bits read from the end of a stream towards its beginning, FSE tables and Huffman tables.
 * Everything that the bytes claim is held against what a table may have before it is built.
 */

const bad = (what: string): RangeError => new RangeError(`zstd ${what}`)

/** A stream of bits that begins at its end, below the highest bit set of its last byte. */
export class BackwardBits {
  readonly #bytes: Uint8Array
  readonly #startBit: number
  #at: number

  constructor(bytes: Uint8Array, from: number, to: number) {
    const last = to > from ? bytes[to - 1]! : 0
    if (last === 0) throw bad('stream without an end')
    this.#bytes = bytes
    this.#startBit = from * 8
    this.#at = to * 8 - Math.clz32(last) + 23
  }

  /** Bits still there; negative when more were read than there were. */
  get left(): number {
    return this.#at - this.#startBit
  }

  /** Up to 31 bits; below the beginning there are zeros. */
  read(bits: number): number {
    if (bits === 0) return 0
    const at = this.#at - bits
    this.#at = at
    if (bits > 16) return this.#bits(at + 16, bits - 16) * 65536 + this.#bits(at, 16)
    return this.#bits(at, bits)
  }

  /**
   * Decodes Huffman codes into `target`; there must be exactly so many. A hot loop of its own: of codes that lie a table's width above the
   * beginning no bit is missing.
   */
  symbols({ log, symbol, bits }: HuffmanTable, target: Uint8Array, begin: number, end: number): void {
    const bytes = this.#bytes
    const mask = (1 << log) - 1
    const whole = this.#startBit + log
    let at = this.#at
    let next = begin
    for (; next < end && at >= whole; next++) {
      const from = at - log
      const byte = from >>> 3
      const code = ((bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16)) >>> (from & 7)) & mask
      target[next] = symbol[code]!
      at -= bits[code]!
    }
    for (; next < end && at > this.#startBit; next++) {
      const code = this.#bits(at - log, log)
      target[next] = symbol[code]!
      at -= bits[code]!
    }
    if (next !== end || at !== this.#startBit) throw bad('literals of another size')
  }

  /** Up to 16. What is read beyond the end is cut away again. */
  #bits(at: number, bits: number): number {
    if (at < this.#startBit) {
      const missing = this.#startBit - at
      return missing >= bits ? 0 : this.#bits(this.#startBit, bits - missing) << missing
    }
    const bytes = this.#bytes
    const byte = at >>> 3
    return ((bytes[byte]! | (bytes[byte + 1]! << 8) | (bytes[byte + 2]! << 16)) >>> (at & 7)) & ((1 << bits) - 1)
  }
}

/** By state: the symbol, and the next state as a base and a number of bits to add. */
export interface FseTable {
  readonly log: number
  readonly symbol: Uint8Array
  readonly bits: Uint8Array
  readonly base: Uint16Array
}

/** A table of one symbol, which takes no bits. */
export function singleFse(symbol: number): FseTable {
  return { log: 0, symbol: Uint8Array.of(symbol), bits: new Uint8Array(1), base: new Uint16Array(1) }
}

/** −1 stands for a probability below one. */
export function buildFse(log: number, probabilities: readonly number[]): FseTable {
  const size = 1 << log
  const symbol = new Uint8Array(size)
  const next = probabilities.map((share) => Math.abs(share))
  let high = size
  for (const [one, share] of probabilities.entries()) if (share === -1) symbol[--high] = one
  const step = (size >> 1) + (size >> 3) + 3
  let at = 0
  for (const [one, share] of probabilities.entries()) {
    for (let left = share; left > 0; left--) {
      symbol[at] = one
      do at = (at + step) & (size - 1)
      while (at >= high)
    }
  }
  const bits = new Uint8Array(size)
  const base = new Uint16Array(size)
  for (let state = 0; state < size; state++) {
    const place = next[symbol[state]!]!++
    bits[state] = log - (31 - Math.clz32(place))
    base[state] = (place << bits[state]!) - size
  }
  return { log, symbol, bits, base }
}

/** Reads the probabilities of a table and builds it; `end` is where its description ends. */
export function readFse(bytes: Uint8Array, from: number, to: number, logMax: number, symbolMax: number): { table: FseTable; end: number } {
  let at = from * 8
  const read = (bits: number): number => {
    const byte = at >>> 3
    const word = (bytes[byte] ?? 0) | ((bytes[byte + 1] ?? 0) << 8) | ((bytes[byte + 2] ?? 0) << 16)
    at += bits
    if (at > to * 8) throw bad('table beyond its block')
    return (word >>> ((at - bits) & 7)) & ((1 << bits) - 1)
  }
  const log = read(4) + 5
  if (log > logMax) throw bad(`table of 2^${log} states`)
  const probabilities: number[] = []
  for (let left = 1 << log; left > 0; ) {
    const bits = 32 - Math.clz32(left + 1)
    const short = (1 << bits) - 1 - (left + 1)
    const low = read(bits - 1)
    const value = low < short ? low : low + (read(1) << (bits - 1))
    const share = (value >= 1 << (bits - 1) ? value - short : value) - 1
    left -= Math.abs(share)
    probabilities.push(share)
    if (share === 0) for (let zeros = 3; zeros === 3; ) for (let more = (zeros = read(2)); more > 0; more--) probabilities.push(0)
    if (left < 0 || probabilities.length > symbolMax + 1) throw bad('table that does not add up')
  }
  return { table: buildFse(log, probabilities), end: (at + 7) >>> 3 }
}

/** By the next `log` bits: the symbol, and how many of the bits it took. */
export interface HuffmanTable {
  readonly log: number
  readonly symbol: Uint8Array
  readonly bits: Uint8Array
}

const HUFFMAN_LOG_MAX = 11
const WEIGHT_LOG_MAX = 6
const WEIGHTS_MAX = 255

/** Reads the weights of a table and builds it; `end` is where its description ends. */
export function readHuffman(bytes: Uint8Array, from: number, to: number): { table: HuffmanTable; end: number } {
  const head = from < to ? bytes[from]! : 0
  const end = from + 1 + (head < 128 ? head : (head - 126) >> 1)
  if (end > to) throw bad('Huffman table beyond its block')
  const weights = head < 128 ? packedWeights(bytes, from + 1, end) : plainWeights(bytes, from + 1, head - 127)
  return { table: buildHuffman(weights), end }
}

function plainWeights(bytes: Uint8Array, from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => {
    const byte = bytes[from + (index >> 1)]!
    return index & 1 ? byte & 15 : byte >> 4
  })
}

/** Two states take turns until the bits run out; then the other one's symbol is the last. */
function packedWeights(bytes: Uint8Array, from: number, to: number): number[] {
  const { table, end } = readFse(bytes, from, to, WEIGHT_LOG_MAX, HUFFMAN_LOG_MAX + 1)
  const stream = new BackwardBits(bytes, end, to)
  let state = stream.read(table.log)
  let other = stream.read(table.log)
  const weights: number[] = []
  while (weights.length < WEIGHTS_MAX) {
    weights.push(table.symbol[state]!)
    state = table.base[state]! + stream.read(table.bits[state]!)
    if (stream.left < 0) return [...weights, table.symbol[other]!]
    ;[state, other] = [other, state]
  }
  throw bad('Huffman weights without end')
}

/** The last weight is what the others leave of a power of two. */
function buildHuffman(given: readonly number[]): HuffmanTable {
  const shares = (weights: readonly number[]) => weights.reduce((sum, weight) => sum + (weight === 0 ? 0 : 2 ** (weight - 1)), 0)
  const sum = shares(given)
  const log = 32 - Math.clz32(sum)
  const rest = 2 ** log - sum
  if (sum === 0 || log > HUFFMAN_LOG_MAX || (rest & (rest - 1)) !== 0) throw bad('Huffman table that does not add up')
  const weights = [...given, 32 - Math.clz32(rest)]
  const symbol = new Uint8Array(1 << log)
  const bits = new Uint8Array(1 << log)
  let at = 0
  for (let weight = 1; weight <= log; weight++) {
    for (const [one, its] of weights.entries()) {
      if (its !== weight) continue
      const places = 1 << (weight - 1)
      symbol.fill(one, at, at + places)
      bits.fill(log + 1 - weight, at, at + places)
      at += places
    }
  }
  return { log, symbol, bits }
}
