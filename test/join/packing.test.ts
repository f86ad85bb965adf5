/** Small numbers share words without touching one another. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pack } from '../../src/join/packing.ts'

test('fields share the first word as far as they fit, and go on in further ones; no two share a bit', () => {
  const sizes = [3, 500, 2, 1, 70_000, 17, 2 ** 20, 2 ** 31]
  const { fields, extraWords } = pack(sizes, 2, 13, 6)
  assert.deepEqual(
    fields.map(({ word }) => word),
    [2, 2, 2, 2, 6, 6, 7, 8],
  )
  assert.equal(extraWords, 3)
  const taken = new Map<number, bigint>([[2, (1n << 13n) - 1n]])
  fields.forEach(({ word, shift, mask }, index) => {
    const bits = BigInt(mask) << BigInt(shift)
    assert.ok(mask >= sizes[index]! - 1 && bits < 1n << 31n, `field ${index} fits, and leaves the sign alone`)
    assert.equal((taken.get(word) ?? 0n) & bits, 0n, `field ${index} has its bits to itself`)
    taken.set(word, (taken.get(word) ?? 0n) | bits)
  })
})

test('a field of one value takes no room', () => {
  assert.deepEqual(pack([1, 1], 2, 31, 6), { fields: Array(2).fill({ word: 2, shift: 31, mask: 0 }), extraWords: 0 })
})
