/** Compressed forms of bytes, for codecs that nothing here can write: simple ones, which use all that a reader must understand but tables. */
import { compressSync } from 'snappy'
import type { Damage } from './damage.ts'

const XERIAL = Buffer.from('82534e4150505900' + '0000000100000001', 'hex')
const LZ4_STORED = 0x80000000
const LZ4_LITERALS_LAST = 5
const LZ4_SEARCH_BYTES = 64

function int32be(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function uint32le(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}

/** Pieces of about `size` bytes, at least one. */
function pieces(body: Buffer, size: number): Buffer[] {
  const count = Math.max(1, Math.ceil(body.length / size))
  return Array.from({ length: count }, (_, index) => body.subarray(index * size, (index + 1) * size))
}

/** snappy as the Java client writes it. */
export function xerialFrames(body: Buffer, size: number): Buffer {
  const blocks = pieces(body, size).map((piece) => compressSync(piece))
  return Buffer.concat([XERIAL, ...blocks.flatMap((block) => [int32be(block.length), block])])
}

/** Stored and packed blocks, with and without content size and checksums, which nobody looks at. */
export function lz4Frame(body: Buffer, damage: Damage): Buffer {
  const withSize = damage.chance(0.3)
  const withChecksums = damage.chance(0.2)
  const flags = 0x60 | (withSize ? 8 : 0) | (withChecksums ? 16 : 0)
  const size = withSize ? Buffer.concat([uint32le(body.length), uint32le(0)]) : Buffer.alloc(0)
  const blocks = pieces(body, 1 + damage.size(70_000)).flatMap((piece) => {
    const isStored = damage.chance(0.2)
    const block = isStored ? piece : lz4Block(piece)
    return [uint32le(block.length + (isStored ? LZ4_STORED : 0)), block, ...(withChecksums ? [uint32le(damage.int(2 ** 31))] : [])]
  })
  return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x40]), size, Buffer.alloc(1), ...blocks, uint32le(0)])
}

/** Looks back a little for what comes again. */
function lz4Block(piece: Buffer): Buffer {
  const out: Buffer[] = []
  let literals = 0
  for (let at = 0; at < piece.length; ) {
    const { distance, length } = lz4Match(piece, at)
    if (length < 4) {
      at++
      continue
    }
    out.push(lz4Sequence(piece.subarray(literals, at), distance, length))
    at += length
    literals = at
  }
  return Buffer.concat([...out, lz4Sequence(piece.subarray(literals), 0, 0)])
}

function lz4Match(piece: Buffer, at: number): { readonly distance: number; readonly length: number } {
  let best = { distance: 0, length: 0 }
  const end = piece.length - LZ4_LITERALS_LAST
  for (let distance = 1; distance <= Math.min(at, LZ4_SEARCH_BYTES); distance++) {
    let length = 0
    while (at + length < end && piece[at + length] === piece[at + length - distance]) length++
    if (length > best.length) best = { distance, length }
  }
  return best
}

/** Distance 0: the last one, literals only. */
function lz4Sequence(literals: Buffer, distance: number, length: number): Buffer {
  const more = (count: number): number[] => {
    return count < 15 ? [] : [...new Array<number>(Math.floor((count - 15) / 255)).fill(255), (count - 15) % 255]
  }
  const matched = distance === 0 ? 0 : length - 4
  const token = (Math.min(15, literals.length) << 4) | Math.min(15, matched)
  const back = distance === 0 ? [] : [distance & 255, distance >> 8, ...more(matched)]
  return Buffer.concat([Buffer.from([token, ...more(literals.length)]), literals, Buffer.from(back)])
}

/** Raw and repeated blocks, and compressed ones that hold literals only. */
export function zstdFrame(body: Buffer, damage: Damage): Buffer {
  const parts = pieces(body, 1 + damage.size(100_000))
  const blocks = parts.map((piece, index) => zstdBlock(piece, index === parts.length - 1, damage))
  const hasSize = damage.chance(0.3)
  // A whole frame in one segment with four bytes of size, or a window of 8 MiB.
  const head = hasSize ? Buffer.concat([Buffer.from([0xa0]), uint32le(body.length)]) : Buffer.from([0, 13 << 3])
  return Buffer.concat([Buffer.from('28b52ffd', 'hex'), head, ...blocks])
}

function zstdBlock(piece: Buffer, isLast: boolean, damage: Damage): Buffer {
  const head = (type: number, size: number): Buffer => {
    const bytes = Buffer.alloc(3)
    bytes.writeUIntLE((size << 3) | (type << 1) | (isLast ? 1 : 0), 0, 3)
    return bytes
  }
  const [first] = piece
  if (first !== undefined && piece.every((byte) => byte === first)) return Buffer.concat([head(1, piece.length), Buffer.from([first])])
  if (piece.length > 4_000 || damage.chance(0.4)) return Buffer.concat([head(0, piece.length), piece])
  const literals = Buffer.alloc(2)
  literals.writeUInt16LE((piece.length << 4) | (1 << 2), 0)
  return Buffer.concat([head(2, piece.length + 3), literals, piece, Buffer.alloc(1)])
}
