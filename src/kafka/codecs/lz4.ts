/**
 * LZ4 frames in plain JavaScript, block by block, so that the output limit holds for any input: no package has one.
 *
 * Frame: magic, flags, block size, (content size, dictionary id,) header checksum; then blocks of int32 length (high bit: stored as is), ended by 0.
 * Block: token (literal count, match length), literals, distance back, more lengths where a count says 15.
 */
import { Output } from './output.ts'

const MAGIC = 0x184d2204
const STORED = 0x80000000
const FLAG_DICTIONARY = 1
const FLAG_CONTENT_SIZE = 8
const FLAG_BLOCK_CHECKSUM = 16

export function unlz4(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== MAGIC) throw new RangeError('not an lz4 frame')
  const flags = bytes[4]!
  const out = new Output(maxBytes)
  let at = 7 + (flags & FLAG_CONTENT_SIZE ? 8 : 0) + (flags & FLAG_DICTIONARY ? 4 : 0)
  for (;;) {
    const head = bytes.readUInt32LE(at)
    at += 4
    if (head === 0) return out.bytes()
    const end = at + (head & 0x7fffffff)
    if (end > bytes.length) throw new RangeError('lz4 block beyond the input')
    if (head >= STORED) out.append(bytes, at, end)
    else inflateBlock(bytes, at, end, out)
    at = end + (flags & FLAG_BLOCK_CHECKSUM ? 4 : 0)
  }
}

function inflateBlock(bytes: Buffer, from: number, end: number, out: Output): void {
  let at = from
  while (at < end) {
    const token = bytes[at++]!
    let literals = token >> 4
    if (literals === 15) {
      for (let more = 255; more === 255 && at < end; ) literals += more = bytes[at++]!
    }
    if (literals > end - at) throw new RangeError('lz4 literals beyond the block')
    out.append(bytes, at, at + literals)
    at += literals
    // The last sequence of a block has literals only.
    if (at >= end) return
    if (at + 2 > end) throw new RangeError('lz4 distance beyond the block')
    const distance = bytes[at]! | (bytes[at + 1]! << 8)
    at += 2
    let length = (token & 15) + 4
    if ((token & 15) === 15) {
      for (let more = 255; more === 255 && at < end; ) length += more = bytes[at++]!
    }
    if (distance === 0 || distance > out.length) throw new RangeError('lz4 distance')
    out.repeat(distance, length)
  }
}
