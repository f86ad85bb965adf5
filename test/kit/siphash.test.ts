/** SipHash-2-4 of one word, against its authors' vector and against the same in 64-bit integers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../src/kit/random.ts'
import { sipHashWord, sipKey } from '../../src/kit/siphash.ts'

const MASK = (1n << 64n) - 1n
const rotated = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (64n - bits))) & MASK

function slowly(key0: bigint, key1: bigint, word: bigint): bigint {
  let [v0, v1, v2, v3] = [key0 ^ 0x736f6d6570736575n, key1 ^ 0x646f72616e646f6dn, key0 ^ 0x6c7967656e657261n, key1 ^ 0x7465646279746573n]
  const rounds = (count: number): void => {
    for (let round = 0; round < count; round++) {
      v0 = (v0 + v1) & MASK
      v1 = rotated(v1, 13n) ^ v0
      v0 = rotated(v0, 32n)
      v2 = (v2 + v3) & MASK
      v3 = rotated(v3, 16n) ^ v2
      v0 = (v0 + v3) & MASK
      v3 = rotated(v3, 21n) ^ v0
      v2 = (v2 + v1) & MASK
      v1 = rotated(v1, 17n) ^ v2
      v2 = rotated(v2, 32n)
    }
  }
  for (const part of [word, 8n << 56n]) {
    v3 ^= part
    rounds(2)
    v0 ^= part
  }
  v2 ^= 0xffn
  rounds(4)
  return v0 ^ v1 ^ v2 ^ v3
}

const bytesOf = (lanes: Int32Array): string => Buffer.from(lanes.buffer).toString('hex')

test('the vector of its authors comes out', () => {
  const key = sipKey(Uint8Array.from({ length: 16 }, (_, index) => index))
  const lanes = new Int32Array(2)
  sipHashWord(key, 0x03020100, 0x07060504, lanes)
  assert.equal(bytesOf(lanes), '6224939a79f5f593')
})

test('it agrees with 64-bit arithmetic on keys and words drawn by chance', () => {
  const random = seededRandom(7)
  const word = () => Math.floor(random() * 2 ** 32) | 0
  const joined = (low: number, high: number): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)
  for (let trial = 0; trial < 500; trial++) {
    const [a, b, c, d, low, high] = [word(), word(), word(), word(), word(), word()] as const
    const lanes = new Int32Array(2)
    sipHashWord([a, b, c, d], low, high, lanes)
    assert.equal(joined(lanes[0]!, lanes[1]!), slowly(joined(a, b), joined(c, d), joined(low, high)))
  }
})
