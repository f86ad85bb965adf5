/**
 * snappy. Java writes it in frames of its own (xerial: magic, 16-byte header, then length + block, repeated), others as one bare block.
 * A block begins with its inflated length, which is looked at before anything is allocated.
 */
import { createRequire } from 'node:module'
import type { uncompressSync } from 'snappy'
import { tooLarge } from './too-large.ts'

const require = createRequire(import.meta.url)
/** A library of the machine's own kind: looked for when the first block comes, since most topics have none. */
let library: { readonly uncompressSync: typeof uncompressSync } | null = null

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

export function unsnappy(bytes: Buffer, maxBytes: number): Buffer {
  if (!bytes.subarray(0, 8).equals(XERIAL_MAGIC)) return block(bytes, maxBytes)
  const blocks: Buffer[] = []
  let left = maxBytes
  for (let at = XERIAL_HEADER_BYTES; at < bytes.length; ) {
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 1 || length > bytes.length - at) throw new RangeError('snappy block beyond the input')
    const inflated = block(bytes.subarray(at, at + length), left)
    left -= inflated.length
    at += length
    blocks.push(inflated)
  }
  return Buffer.concat(blocks)
}

function block(bytes: Buffer, maxBytes: number): Buffer {
  const length = inflatedLength(bytes)
  if (length > maxBytes) throw tooLarge(maxBytes)
  // Every three bytes of input can give at most 64 bytes of output: a longer promise is a lie.
  if (length > bytes.length * 64) throw new RangeError('snappy length cannot be true')
  library ??= require('snappy') as NonNullable<typeof library>
  return library.uncompressSync(bytes, { asBuffer: true }) as Buffer
}

function inflatedLength(bytes: Buffer): number {
  let length = 0
  for (let at = 0; at < 5 && at < bytes.length; at++) {
    length += (bytes[at]! & 127) * 2 ** (7 * at)
    if (bytes[at]! < 128) return length
  }
  throw new RangeError('snappy length')
}
