/** zstd: by Node's zlib where it has it (22.15 and later), else by fzstd piece by piece, so that the limit is kept while it inflates. */
import * as zlib from 'node:zlib'
import { Decompress } from 'fzstd'
import { tooLarge } from './too-large.ts'

type ZstdSync = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer
const native = (zlib as unknown as { readonly zstdDecompressSync?: ZstdSync }).zstdDecompressSync

const MAX_WINDOW_BYTES = 128 << 20

export function unzstd(bytes: Buffer, maxBytes: number): Buffer {
  return native ? byNode(native, bytes, maxBytes) : byPieces(bytes, maxBytes)
}

function byNode(inflate: ZstdSync, bytes: Buffer, maxBytes: number): Buffer {
  try {
    return inflate(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw error
  }
}

function byPieces(bytes: Buffer, maxBytes: number): Buffer {
  checkWindow(bytes, maxBytes)
  const pieces: Uint8Array[] = []
  let total = 0
  const inflater = new Decompress((piece) => {
    total += piece.length
    if (total > maxBytes) throw tooLarge(maxBytes)
    pieces.push(piece)
  })
  inflater.push(bytes, true)
  return Buffer.concat(pieces, total)
}

/** The window is allocated at once, from one byte of the header: look at it first. */
function checkWindow(bytes: Buffer, maxBytes: number): void {
  if (bytes.length < 6 || bytes.readUInt32LE(0) !== 0xfd2fb528) throw new RangeError('not a zstd frame')
  const singleSegment = (bytes[4]! & 0x20) !== 0
  if (singleSegment) {
    if (contentSize(bytes) > maxBytes) throw tooLarge(maxBytes)
    return
  }
  const window = bytes[5]!
  const base = 2 ** (10 + (window >> 3))
  if (base + (base / 8) * (window & 7) > MAX_WINDOW_BYTES) throw new RangeError('zstd window too large')
}

function contentSize(bytes: Buffer): number {
  const width = bytes[4]! >> 6
  const at = 5 + [0, 1, 2, 4][bytes[4]! & 3]!
  if (width === 0) return bytes[at] ?? 0
  if (width === 1) return bytes.readUInt16LE(at) + 256
  if (width === 2) return bytes.readUInt32LE(at)
  return Number(bytes.readBigUInt64LE(at))
}
