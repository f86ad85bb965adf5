/**
 * zstd frames (RFC 8878) in plain JavaScript, for Node before 22.15. Output goes straight into one buffer, which is the window too; a block
 * gives out at most 128 KiB whatever its sequences claim. So time and memory follow the sizes of input and limit, for any input.
 *
 * (fzstd moves a whole window for every block of four bytes, and follows sequences far beyond the block: a megabyte kept it busy for days.)
 */
import { Output } from './output.ts'
import { tooLarge } from './too-large.ts'
import { BackwardBits, buildFse, type FseTable, type HuffmanTable, readFse, readHuffman, singleFse } from './zstd-entropy.ts'

const MAGIC = 0xfd2fb528
const SKIPPED_MAGIC = 0x184d2a5
const BLOCK_BYTES_MAX = 128 << 10
const [RAW, REPEATED, COMPRESSED] = [0, 1, 2] as const

const bad = (what: string): RangeError => new RangeError(`zstd ${what}`)

export function unzstdFrames(bytes: Buffer, maxBytes: number): Buffer {
  const out = new Output(maxBytes)
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 8) throw bad('frame cut off')
    const magic = bytes.readUInt32LE(at)
    if (magic === MAGIC) at = new Frame(bytes, out).read(at + 4)
    else if (magic >>> 4 === SKIPPED_MAGIC) at += 8 + bytes.readUInt32LE(at + 4)
    else throw bad('frame with another beginning')
    if (at > bytes.length) throw bad('frame cut off')
  }
  return out.bytes()
}

/** One of the three codes that a sequence is made of. */
interface Code {
  readonly logMax: number
  readonly symbolMax: number
  readonly usual: FseTable
  table: FseTable | null
}

interface Literals {
  readonly bytes: Buffer
  readonly from: number
  readonly to: number
}

class Frame {
  readonly #bytes: Buffer
  readonly #out: Output
  readonly #start: number
  readonly #lengths: Code = { logMax: 9, symbolMax: 35, usual: USUAL_LITERALS, table: null }
  readonly #offsets: Code = { logMax: 8, symbolMax: 31, usual: USUAL_OFFSETS, table: null }
  readonly #matches: Code = { logMax: 9, symbolMax: 52, usual: USUAL_MATCHES, table: null }
  #huffman: HuffmanTable | null = null
  /** The last three distances, the latest first. */
  #first = 1
  #second = 4
  #third = 8

  constructor(bytes: Buffer, out: Output) {
    this.#bytes = bytes
    this.#out = out
    this.#start = out.length
  }

  /** From behind the magic number; returns where the frame ends. */
  read(from: number): number {
    const bytes = this.#bytes
    const flags = bytes[from]!
    if (flags & 8) throw bad('frame of another format')
    const oneSegment = (flags & 32) !== 0
    const dictionaryAt = from + (oneSegment ? 1 : 2)
    const sizeAt = dictionaryAt + [0, 1, 2, 4][flags & 3]!
    const sizeBytes = [oneSegment ? 1 : 0, 2, 4, 8][flags >> 6]!
    if (sizeAt + sizeBytes > bytes.length) throw bad('frame cut off')
    if (bytes.subarray(dictionaryAt, sizeAt).some((byte) => byte !== 0)) throw bad('frame with a dictionary')
    const size = contentSize(bytes, sizeAt, sizeBytes)
    if (size > this.#out.room) throw tooLarge(this.#out.length + this.#out.room)
    const end = this.#blocks(sizeAt + sizeBytes)
    if (size >= 0 && this.#out.length - this.#start !== size) throw bad('frame of another size than it says')
    return end + (flags & 4 ? 4 : 0)
  }

  #blocks(from: number): number {
    const bytes = this.#bytes
    for (let at = from; ; ) {
      if (at + 3 > bytes.length) throw bad('block cut off')
      const head = bytes.readUIntLE(at, 3)
      const type = (head >> 1) & 3
      const size = head >> 3
      at += 3
      const end = at + (type === REPEATED ? 1 : size)
      if (size > BLOCK_BYTES_MAX || end > bytes.length) throw bad('block cut off')
      if (type === RAW) this.#out.append(bytes, at, end)
      else if (type === REPEATED) this.#out.fill(bytes[at]!, size)
      else if (type === COMPRESSED) this.#block(at, end)
      else throw bad('block of another type')
      if (head & 1) return end
      at = end
    }
  }

  #block(from: number, to: number): void {
    const { literals, end } = this.#literals(from, to)
    this.#sequences(literals, end, to)
  }

  #literals(from: number, to: number): { readonly literals: Literals; readonly end: number } {
    const bytes = this.#bytes
    if (from >= to) throw bad('block cut off')
    const first = bytes[from]!
    const type = first & 3
    const form = (first >> 2) & 3
    if (type > 1) return this.#packedLiterals(from, to, form, type === 3)
    const headBytes = form === 1 ? 2 : form === 3 ? 3 : 1
    if (from + headBytes + 1 > to) throw bad('literals cut off')
    const size = bytes.readUIntLE(from, headBytes) >> (headBytes === 1 ? 3 : 4)
    const at = from + headBytes
    if (size > BLOCK_BYTES_MAX) throw bad('literals beyond a block')
    if (type === REPEATED) {
      scratch.fill(bytes[at]!, 0, size)
      return { literals: { bytes: scratch, from: 0, to: size }, end: at + 1 }
    }
    if (at + size > to) throw bad('literals cut off')
    return { literals: { bytes, from: at, to: at + size }, end: at + size }
  }

  /** Huffman coded, in one stream or four, with a table or with the last one. */
  #packedLiterals(from: number, to: number, form: number, lastTable: boolean): { readonly literals: Literals; readonly end: number } {
    const bytes = this.#bytes
    const headBytes = form < 2 ? 3 : form + 2
    if (from + headBytes > to) throw bad('literals cut off')
    const head = bytes.readUIntLE(from, headBytes)
    const width = form < 2 ? 10 : form === 2 ? 14 : 18
    const size = Math.floor(head / 16) % 2 ** width
    const end = from + headBytes + Math.floor(head / 2 ** (4 + width))
    if (size > BLOCK_BYTES_MAX || end > to) throw bad('literals beyond a block')
    let at = from + headBytes
    if (!lastTable) {
      const { table, end: tableEnd } = readHuffman(bytes, at, end)
      this.#huffman = table
      at = tableEnd
    }
    if (this.#huffman === null) throw bad('literals without a table')
    if (form === 0) new BackwardBits(bytes, at, end).symbols(this.#huffman, scratch, 0, size)
    else fourStreams(this.#huffman, bytes, at, end, size)
    return { literals: { bytes: scratch, from: 0, to: size }, end }
  }

  #sequences({ bytes: source, from: begin, to: stop }: Literals, from: number, to: number): void {
    const bytes = this.#bytes
    if (from >= to) throw bad('sequences cut off')
    const first = bytes[from]!
    const countBytes = first < 128 ? 1 : first < 255 ? 2 : 3
    if (from + countBytes > to) throw bad('sequences cut off')
    const [second = 0, third = 0] = [bytes[from + 1], bytes[from + 2]]
    const count = first < 128 ? first : first < 255 ? ((first - 128) << 8) + second : second + (third << 8) + 0x7f00
    if (count === 0) {
      if (from + 1 !== to) throw bad('bytes behind the last sequence')
      return this.#out.append(source, begin, stop)
    }
    const at = this.#tables(from + countBytes, to)
    const used = this.#follow(count, new BackwardBits(bytes, at, to), { bytes: source, from: begin, to: stop })
    this.#out.append(source, used, stop)
  }

  /** Reads the tables of the three codes, or finds which ones are meant. */
  #tables(from: number, to: number): number {
    if (from >= to) throw bad('sequences cut off')
    const modes = this.#bytes[from]!
    if (modes & 3) throw bad('sequences of another format')
    let at = this.#table(this.#lengths, modes >> 6, from + 1, to)
    at = this.#table(this.#offsets, (modes >> 4) & 3, at, to)
    return this.#table(this.#matches, (modes >> 2) & 3, at, to)
  }

  #table(code: Code, mode: number, from: number, to: number): number {
    if (mode === 0) code.table = code.usual
    else if (mode === 1) {
      const symbol = this.#bytes[from]!
      if (from >= to || symbol > code.symbolMax) throw bad('sequence code')
      code.table = singleFse(symbol)
      return from + 1
    } else if (mode === 2) {
      const { table, end } = readFse(this.#bytes, from, to, code.logMax, code.symbolMax)
      code.table = table
      return end
    } else if (code.table === null) throw bad('sequences without a table')
    return from
  }

  /** Carries the sequences out; returns how far they used the literals up. */
  #follow(count: number, bits: BackwardBits, literals: Literals): number {
    const lengths = this.#lengths.table!
    const offsets = this.#offsets.table!
    const matches = this.#matches.table!
    const blockEnd = this.#out.length + BLOCK_BYTES_MAX
    let length = bits.read(lengths.log)
    let offset = bits.read(offsets.log)
    let match = bits.read(matches.log)
    let at = literals.from
    for (let left = count; left > 0; left--) {
      const offsetBits = offsets.symbol[offset]!
      const raw = 2 ** offsetBits + bits.read(offsetBits)
      const matchCode = matches.symbol[match]!
      const matched = MATCH_BASE[matchCode]! + bits.read(MATCH_BITS[matchCode]!)
      const lengthCode = lengths.symbol[length]!
      const copied = LITERAL_BASE[lengthCode]! + bits.read(LITERAL_BITS[lengthCode]!)
      if (copied > literals.to - at) throw bad('sequence beyond its literals')
      if (this.#out.length + copied + matched > blockEnd) throw bad('sequence beyond a block')
      this.#out.append(literals.bytes, at, at + copied)
      at += copied
      this.#repeat(this.#distance(raw, copied), matched)
      if (left === 1) break
      length = lengths.base[length]! + bits.read(lengths.bits[length]!)
      match = matches.base[match]! + bits.read(matches.bits[match]!)
      offset = offsets.base[offset]! + bits.read(offsets.bits[offset]!)
      if (bits.left < 0) throw bad('sequences cut off')
    }
    if (bits.left !== 0) throw bad('bits behind the last sequence')
    return at
  }

  #repeat(distance: number, length: number): void {
    if (distance < 1 || distance > this.#out.length - this.#start) throw bad('distance')
    this.#out.repeat(distance, length)
  }

  /** Values up to three mean one of the last distances: another one when no literals were copied. */
  #distance(raw: number, copied: number): number {
    const which = raw > 3 ? 4 : raw + (copied === 0 ? 0 : -1)
    if (which === 0) return this.#first
    const first = this.#first
    this.#first = raw > 3 ? raw - 3 : which === 1 ? this.#second : which === 2 ? this.#third : first - 1
    if (which > 1) this.#third = this.#second
    this.#second = first
    return this.#first
  }
}

/** Literals of the block at hand. */
const scratch = Buffer.alloc(BLOCK_BYTES_MAX)

function contentSize(bytes: Buffer, at: number, width: number): number {
  if (width === 0) return -1
  if (width === 8) return Number(bytes.readBigUInt64LE(at))
  return bytes.readUIntLE(at, width) + (width === 2 ? 256 : 0)
}

function fourStreams(table: HuffmanTable, bytes: Buffer, from: number, to: number, size: number): void {
  if (from + 6 > to) throw bad('literals cut off')
  const each = (size + 3) >> 2
  if (each * 3 > size) throw bad('literals too few for four streams')
  let at = from + 6
  for (let stream = 0; stream < 4; stream++) {
    const end = stream < 3 ? at + bytes.readUInt16LE(from + stream * 2) : to
    if (end > to) throw bad('literals cut off')
    new BackwardBits(bytes, at, end).symbols(table, scratch, stream * each, stream < 3 ? (stream + 1) * each : size)
    at = end
  }
}

const zeros = (count: number): number[] => new Array<number>(count).fill(0)
const LITERAL_BITS = [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
const MATCH_BITS = [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
const LITERAL_BASE = bases(0, LITERAL_BITS)
const MATCH_BASE = bases(3, MATCH_BITS)

/** Each code begins where the one before ends. */
function bases(first: number, bits: readonly number[]): number[] {
  let next = first
  return bits.map((width) => {
    next += 2 ** width
    return next - 2 ** width
  })
}

/** A rare symbol. */
const R = -1
const USUAL_LITERALS = buildFse(6, [
  4,
  3,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  1,
  1,
  1,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  2,
  3,
  2,
  1,
  1,
  1,
  1,
  1,
  R,
  R,
  R,
  R,
])
const USUAL_MATCHES = buildFse(6, [1, 4, 3, 2, 2, 2, 2, 2, 2, ...new Array<number>(37).fill(1), R, R, R, R, R, R, R])
const USUAL_OFFSETS = buildFse(5, [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, R, R, R, R, R])
