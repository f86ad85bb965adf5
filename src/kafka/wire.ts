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

  /** Up to ten bytes. Exact within ±2^53, which is all that a timestamp can mean: the size is summed apart from the sign. */
  varlong(): number {
    const bytes = this.bytes
    let byte = bytes[this.at++]!
    const negative = (byte & 1) === 1
    let size = (byte & 127) >>> 1
    let weight = 64
    for (let left = 9; byte > 127 && left > 0; left--) {
      byte = bytes[this.at++]!
      size += (byte & 127) * weight
      weight *= 128
    }
    return negative ? -1 - size : size
  }

  /** A varint of which two bytes were read already, as `raw` and still zigzag; `at` is behind them. */
  longer(at: number, raw: number): number {
    const bytes = this.bytes
    let value = raw & 16383
    let next = at
    for (let shift = 14; shift < 35; shift += 7) {
      const byte = bytes[next++]!
      value |= (byte & 127) << shift
      if (byte < 128) break
    }
    this.at = next
    return value
  }

  /** A varlong at a place. */
  longerStill(at: number): number {
    this.at = at
    return this.varlong()
  }
}

const EMPTY = new Uint8Array(0)

/** int64 as a number: exact within ±2^53, rounded beyond. */
export function int64(view: DataView, at: number): number {
  return view.getInt32(at) * 4294967296 + view.getUint32(at + 4)
}
