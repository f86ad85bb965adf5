/** What fuzzers do to bytes: seeded, so that the same seed does the same damage. */
import { seededRandom } from '../../src/kit/random.ts'
import { Chance } from './chance.ts'

/** Values that sit at the edge of something. */
const EDGE_BYTES = [0, 1, 2, 3, 9, 10, 13, 32, 34, 63, 64, 126, 127, 128, 129, 192, 253, 254, 255]
const EDGE_INT32 = [-1, -2, -2147483648, 0, 1, 5, 127, 255, 4096, 65535, 65536, 16777216, 1073741824, 2147483632, 2147483647]
/** As variable numbers, zigzag or not: the largest of five and of ten bytes, one byte too many, zeros written long, and −1, −2. */
const EDGE_VARINTS = [
  'ffffffff0f',
  'feffffff0f',
  'ffffffffffffffffff01',
  'feffffffffffffffff01',
  'ffffffffffffffffffff01',
  '8080808080808080808000',
  '808000',
  '01',
  '03',
  'ffffffff07',
  '8080808008',
  'ffffffffffffff1f',
].map((hex) => Buffer.from(hex, 'hex'))

export class Damage extends Chance {
  constructor(seed: number) {
    super(seededRandom(seed))
  }

  /** Any size up to the limit, small ones as often as large ones. */
  size(limit: number): number {
    return this.int(this.pick([2, 8, 64, 1024, limit].filter((one) => one <= limit)) + 1)
  }

  noise(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.int(256)))
  }

  /** A copy with one to four things wrong, sometimes with a piece of `other` in it. */
  bytes(good: Buffer, other: Buffer = good): Buffer {
    let bytes = Buffer.from(good)
    for (let rounds = 1 + this.int(this.chance(0.2) ? 4 : 2); rounds > 0; rounds--) bytes = this.once(bytes, other)
    return bytes
  }

  private once(bytes: Buffer<ArrayBuffer>, other: Buffer): Buffer<ArrayBuffer> {
    const place = this.int(bytes.length + 1)
    switch (this.int(9)) {
      case 0:
        return bytes.subarray(0, place)
      case 1:
        if (bytes.length > 0) bytes[this.int(bytes.length)]! ^= 1 << this.int(8)
        return bytes
      case 2:
        if (bytes.length > 0) bytes[this.int(bytes.length)] = this.int(256)
        return bytes
      case 3:
        if (bytes.length > 0) bytes[this.int(bytes.length)] = this.pick(EDGE_BYTES)
        return bytes
      case 4:
        if (bytes.length >= 4) bytes.writeInt32BE(this.pick(EDGE_INT32), this.int(bytes.length - 3))
        return bytes
      case 5:
        return spliced(bytes, place, this.int(3), this.pick(EDGE_VARINTS))
      case 6:
        return spliced(bytes, place, 1 + this.int(8), Buffer.alloc(0))
      case 7:
        return spliced(bytes, place, this.int(5), this.noise(this.int(5)))
      default: {
        const from = this.int(other.length + 1)
        return spliced(bytes, place, this.int(9), other.subarray(from, from + this.size(64)))
      }
    }
  }
}

function spliced(bytes: Buffer, at: number, without: number, added: Buffer): Buffer<ArrayBuffer> {
  return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + without)])
}
