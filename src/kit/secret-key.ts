/** A key by file, and the keys derived from it, one for each use: none tells of another. */
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { FlyballError } from './errors.ts'

export const KEY_BYTES_MIN = 16

export type KeyUse = 'flyball unit ids' | 'flyball dead letters'

/** 32 bytes. */
export function derivedKey(file: string, use: KeyUse): Buffer {
  return createHmac('sha256', keyOf(file)).update(use).digest()
}

/** The bytes of the file, without an end of line that an editor may have added. */
function keyOf(file: string): Buffer {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch (error) {
    throw new FlyballError('FLY-POLICY-002', { file, problem: (error as Error).message }, { cause: error })
  }
  let end = bytes.length
  while (end > 0 && (bytes[end - 1] === 10 || bytes[end - 1] === 13)) end--
  if (end < KEY_BYTES_MIN) throw new FlyballError('FLY-POLICY-007', { file, bytes: end, least: KEY_BYTES_MIN })
  return bytes.subarray(0, end)
}
