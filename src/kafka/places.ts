/**
 * Buffers that records are read into: a reply's bytes go from the socket to the place where they are decoded, and nowhere in between.
 *
 * A partition takes a place when its records arrive and gives it back when they were consumed, so a reader holds as much memory as it has
 * records waiting. What is given back last is taken first: its bytes may still be in the processor's cache.
 */
import { RecordSetPlan } from './record-batch.ts'
import { TAIL_BYTES } from './wire.ts'

export interface Place {
  readonly bytes: Buffer
  readonly view: DataView
  readonly plan: RecordSetPlan
}

const LEAST_BITS = 14
/** Larger places are not kept: such batches are rare. */
const MOST_BITS = 24

export class Places {
  /** By the power of two that their room is. */
  readonly #free: Place[][] = Array.from({ length: MOST_BITS + 1 }, () => [])
  readonly #keepBytesMax: number
  #keptBytes = 0

  constructor(keepBytesMax: number) {
    this.#keepBytesMax = keepBytesMax
  }

  /** Room for that many bytes and the zeros behind them. */
  take(bytes: number): Place {
    const bits = bitsFor(bytes)
    const kept = bits > MOST_BITS ? undefined : this.#free[bits]!.pop()
    if (kept === undefined) return newPlace(bits > MOST_BITS ? bytes : 2 ** bits)
    this.#keptBytes -= kept.bytes.length
    return kept
  }

  give(place: Place): void {
    const bits = bitsFor(place.bytes.length - TAIL_BYTES)
    if (bits > MOST_BITS || this.#keptBytes + place.bytes.length > this.#keepBytesMax) return
    this.#keptBytes += place.bytes.length
    this.#free[bits]!.push(place)
  }
}

/** A place of its own, of that size. */
export function newPlace(room: number): Place {
  // Not from Node's pool, which would be kept alive as a whole; untouched pages of it cost nothing.
  const bytes = Buffer.allocUnsafeSlow(room + TAIL_BYTES)
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length), plan: new RecordSetPlan() }
}

const bitsFor = (bytes: number): number => Math.max(LEAST_BITS, 32 - Math.clz32(Math.max(1, bytes) - 1))
