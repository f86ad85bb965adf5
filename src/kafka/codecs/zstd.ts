/** zstd: by Node's zlib where it has it (22.15 and later), else by our own reader. Both keep to an output limit. */
import * as zlib from 'node:zlib'
import { tooLarge } from './too-large.ts'
import { unzstdFrames } from './zstd-frames.ts'

type ZstdSync = (bytes: Buffer, options: { readonly maxOutputLength: number }) => Buffer
const native = (zlib as unknown as { readonly zstdDecompressSync?: ZstdSync }).zstdDecompressSync

export function unzstd(bytes: Buffer, maxBytes: number): Buffer {
  return native ? byNode(native, bytes, maxBytes) : unzstdFrames(bytes, maxBytes)
}

function byNode(inflate: ZstdSync, bytes: Buffer, maxBytes: number): Buffer {
  try {
    return inflate(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw error
  }
}
