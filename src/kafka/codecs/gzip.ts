/** gzip, by Node's zlib, which keeps to an output limit by itself. */
import { gunzipSync } from 'node:zlib'
import { tooLarge } from './too-large.ts'

export function gunzip(bytes: Buffer, maxBytes: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxBytes })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes)
    throw error
  }
}
