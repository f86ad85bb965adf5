/** What a codec gives out: grows as it is filled, never beyond the limit. */
import { tooLarge } from './too-large.ts'

const FIRST_BYTES = 1 << 16
/** Up to here a loop is faster than a call into the machine. */
const FEW_BYTES = 40

export class Output {
  readonly #maxBytes: number
  #buffer: Buffer
  #length = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
    this.#buffer = Buffer.allocUnsafe(Math.min(maxBytes, FIRST_BYTES))
  }

  get length(): number {
    return this.#length
  }

  /** How much more may come. */
  get room(): number {
    return this.#maxBytes - this.#length
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length)
  }

  append(source: Buffer, from: number, to: number): void {
    const length = this.#length + to - from
    if (length > this.#buffer.length) this.#makeRoom(to - from)
    const buffer = this.#buffer
    if (to - from > FEW_BYTES) source.copy(buffer, this.#length, from, to)
    else for (let at = this.#length, next = from; next < to; ) buffer[at++] = source[next++]!
    this.#length = length
  }

  fill(byte: number, length: number): void {
    this.#makeRoom(length)
    this.#buffer.fill(byte, this.#length, this.#length + length)
    this.#length += length
  }

  /** Copies what lies `distance` back; source and target may overlap, which is how a run is written. The caller has checked the distance. */
  repeat(distance: number, length: number): void {
    const start = this.#length
    if (start + length > this.#buffer.length) this.#makeRoom(length)
    const buffer = this.#buffer
    if (distance >= length && length > FEW_BYTES) buffer.copyWithin(start, start - distance, start - distance + length)
    else for (let at = start; at < start + length; at++) buffer[at] = buffer[at - distance]!
    this.#length = start + length
  }

  #makeRoom(bytes: number): void {
    const needed = this.#length + bytes
    if (needed > this.#maxBytes) throw tooLarge(this.#maxBytes)
    if (needed <= this.#buffer.length) return
    const larger = Buffer.allocUnsafe(Math.min(this.#maxBytes, Math.max(needed, this.#buffer.length * 2)))
    this.#buffer.copy(larger, 0, 0, this.#length)
    this.#buffer = larger
  }
}
