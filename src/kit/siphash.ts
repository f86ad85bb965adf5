/**
 * SipHash-2-4 (Aumasson, Bernstein) of one 64-bit word under a 128-bit key: what comes out tells nothing about what went in to whoever
 * lacks the key, and cannot be found by trying ids. In 32-bit halves, since JavaScript has no 64-bit integers worth having in a hot loop.
 */

/** Four words, least significant first. */
export type SipKey = readonly [number, number, number, number]

export function sipKey(bytes: Uint8Array): SipKey {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return [view.getInt32(0, true), view.getInt32(4, true), view.getInt32(8, true), view.getInt32(12, true)]
}

const WORD_BYTES = 8
/** v0…v3, each as low and high half. */
const state = new Int32Array(8)

/** The word is `low`, `high`; its hash goes to `lanes[0]` (low) and `lanes[1]`. */
export function sipHashWord(key: SipKey, low: number, high: number, lanes: Int32Array): void {
  const [key0Low, key0High, key1Low, key1High] = key
  state[0] = key0Low ^ 0x70736575
  state[1] = key0High ^ 0x736f6d65
  state[2] = key1Low ^ 0x6e646f6d
  state[3] = key1High ^ 0x646f7261
  state[4] = key0Low ^ 0x6e657261
  state[5] = key0High ^ 0x6c796765
  state[6] = key1Low ^ 0x79746573
  state[7] = key1High ^ 0x74656462
  compress(low, high)
  // The last word holds the length in its highest byte.
  compress(0, WORD_BYTES << 24)
  state[4]! ^= 0xff
  for (let round = 0; round < 4; round++) sipRound()
  lanes[0] = state[0] ^ state[2] ^ state[4]! ^ state[6]
  lanes[1] = state[1] ^ state[3] ^ state[5] ^ state[7]
}

function compress(low: number, high: number): void {
  state[6]! ^= low
  state[7]! ^= high
  sipRound()
  sipRound()
  state[0]! ^= low
  state[1]! ^= high
}

function sipRound(): void {
  add(0, 2)
  rotate(2, 13)
  mix(2, 0)
  swap(0)
  add(4, 6)
  rotate(6, 16)
  mix(6, 4)
  add(0, 6)
  rotate(6, 21)
  mix(6, 0)
  add(4, 2)
  rotate(2, 17)
  mix(2, 4)
  swap(4)
}

function add(to: number, from: number): void {
  const low = (state[to]! >>> 0) + (state[from]! >>> 0)
  state[to] = low
  state[to + 1] = state[to + 1]! + state[from + 1]! + (low > 0xffffffff ? 1 : 0)
}

/** By less than 32 bits, to the left. */
function rotate(at: number, bits: number): void {
  const low = state[at]!
  const high = state[at + 1]!
  state[at] = (low << bits) | (high >>> (32 - bits))
  state[at + 1] = (high << bits) | (low >>> (32 - bits))
}

function mix(to: number, from: number): void {
  state[to]! ^= state[from]!
  state[to + 1]! ^= state[from + 1]!
}

/** Rotated by 32 bits. */
function swap(at: number): void {
  const low = state[at]!
  state[at] = state[at + 1]!
  state[at + 1] = low
}
