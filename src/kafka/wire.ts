/**
 * Kafka's numbers as bytes. Fixed ones are big-endian; variable ones carry seven bits a byte, least first, and are zigzag (0, −1, 1, −2, …).
 *
 * The variable readers are for buffers with TAIL_BYTES of zeros behind the data: they read on without asking, and the caller then
 * compares `at` with the end of what it was reading. So the hot loop has one check a field instead of one a byte.
 */

/** Zeros kept behind every buffer that records are decoded from. More than one record's fixed part can run over. */
export const TAIL_BYTES = 64

/** A position that moves as it reads. One a decoder, not one a record. */
export class Cursor {
  bytes: Uint8Array = EMPTY
  at = 0

  /** Five bytes at most; a sixth is never read. */
  varint(): number {
    const bytes = this.bytes
    let byte = bytes[this.at++]!
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 127
    for (let shift = 7; shift < 35; shift += 7) {
      byte = bytes[this.at++]!
      value |= (byte & 127) << shift
      if (byte < 128) break
    }
    return (value >>> 1) ^ -(value & 1)
  }

  /** Up to ten bytes. Exact within ±2^53, which is all that a timestamp can mean. */
  varlong(): number {
    const bytes = this.bytes
    let low = 0
    let byte = 255
    let shift = 0
    for (; shift < 28 && byte > 127; shift += 7) {
      byte = bytes[this.at++]!
      low |= (byte & 127) << shift
    }
    if (byte < 128) return (low >>> 1) ^ -(low & 1)
    let value = BigInt(low)
    for (; shift < 70 && byte > 127; shift += 7) {
      byte = bytes[this.at++]!
      value |= BigInt(byte & 127) << BigInt(shift)
    }
    value = BigInt.asUintN(64, value)
    return Number(value & 1n ? -(value >> 1n) - 1n : value >> 1n)
  }
}

const EMPTY = new Uint8Array(0)

/** int64 as a number: exact within ±2^53, rounded beyond. */
export function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 4294967296 + view.getUint32(at + 4)
}
