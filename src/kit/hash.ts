/** Hashes that must agree everywhere: Kafka's murmur2 (partition of a key), the 64-bit id hash of the join, and the buckets of units. */

/** Kafka's default partitioner: murmur2 of the key bytes, sign bit cleared, modulo the partition count. */
export function partitionOf(key: Uint8Array, partitions: number): number {
  return (murmur2(key, 0, key.length) & 0x7fffffff) % partitions
}

/** murmur2 as the Java client computes it, over bytes [from, to). */
export function murmur2(bytes: Uint8Array, from: number, to: number): number {
  const multiplier = 0x5bd1e995
  const length = to - from
  let hash = 0x9747b28c ^ length
  let at = from
  for (; at + 4 <= to; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  const rest = to - at
  if (rest === 3) hash ^= (bytes[at + 2]! & 255) << 16
  if (rest >= 2) hash ^= (bytes[at + 1]! & 255) << 8
  if (rest >= 1) hash = Math.imul(hash ^ (bytes[at]! & 255), multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

/** 64-bit hash of bytes [from, to), as two lanes written to `lanes[0]` and `lanes[1]`. The same for every way a text comes in (UTF-8). */
export function hashLanes(bytes: Uint8Array, from: number, to: number, lanes: Int32Array): void {
  let a = 0x2f0b4c47 ^ (to - from)
  let b = 0x6a09e667 ^ (to - from)
  for (let at = from; at < to; at += 4) {
    let word = bytes[at]!
    if (at + 1 < to) word |= bytes[at + 1]! << 8
    if (at + 2 < to) word |= bytes[at + 2]! << 16
    if (at + 3 < to) word |= bytes[at + 3]! << 24
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul((b + word) | 0, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  a = Math.imul(a ^ (b >>> 16), 0xc2b2ae3d)
  b = Math.imul(b ^ (a >>> 13), 0x27d4eb2f)
  lanes[0] = a ^ (a >>> 16)
  lanes[1] = b ^ (b >>> 15)
}

/** murmur2 by 32-bit words: up to three bytes behind `to` are read too, and do not count. */
export function murmur2Words(view: DataView, from: number, to: number): number {
  const multiplier = 0x5bd1e995
  let hash = 0x9747b28c ^ (to - from)
  let at = from
  for (; at + 4 <= to; at += 4) {
    let word = Math.imul(view.getInt32(at, true), multiplier)
    word ^= word >>> 24
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier)
  }
  if (at < to) hash = Math.imul(hash ^ (view.getInt32(at, true) & ((1 << ((to - at) << 3)) - 1)), multiplier)
  hash ^= hash >>> 13
  hash = Math.imul(hash, multiplier)
  return hash ^ (hash >>> 15)
}

/** What `hashLanes` gives, by 32-bit words: up to three bytes behind `to` are read too, and do not count. */
export function hashWords(view: DataView, from: number, to: number, lanes: Int32Array): void {
  let a = 0x2f0b4c47 ^ (to - from)
  let b = 0x6a09e667 ^ (to - from)
  let at = from
  for (; at + 4 <= to; at += 4) {
    const word = view.getInt32(at, true)
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul((b + word) | 0, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  if (at < to) {
    const word = view.getInt32(at, true) & ((1 << ((to - at) << 3)) - 1)
    a = Math.imul(a ^ word, 0x9e3779b1)
    a ^= a >>> 15
    b = Math.imul((b + word) | 0, 0x85ebca77)
    b = (b << 13) | (b >>> 19)
  }
  a = Math.imul(a ^ (b >>> 16), 0xc2b2ae3d)
  b = Math.imul(b ^ (a >>> 13), 0x27d4eb2f)
  lanes[0] = a ^ (a >>> 16)
  lanes[1] = b ^ (b >>> 15)
}

/** How many buckets units are hashed into, to measure how alike the requests of one unit are. */
export const UNIT_BUCKETS = 128

/** Own to Flyball: whatever a gateway assigns versions by, it is not this. */
const BUCKET_SALT = 0x51ab7c3d

/** Bucket of a unit by both lanes of its hash; -1 for a record without a unit (both lanes 0). */
export function unitBucket(lane1: number, lane2: number): number {
  if ((lane1 | lane2) === 0) return -1
  let mixed = Math.imul(lane1 ^ BUCKET_SALT, 0x9e3779b1) ^ Math.imul(lane2 ^ (lane2 >>> 15), 0x85ebca77)
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) & (UNIT_BUCKETS - 1)
}
