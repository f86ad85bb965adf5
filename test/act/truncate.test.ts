import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytes, characters, cut, fitting } from '../../src/act/truncate.ts'

test('a text at the limit is left alone, one sign more and it ends with …', () => {
  assert.equal(cut('abcde', 5), 'abcde')
  assert.equal(cut('abcdef', 5), 'abcd…')
  assert.equal(cut('', 0), '')
  assert.equal(cut('a', 0), '')
})

test('characters of several bytes are kept whole, or not at all', () => {
  assert.equal(cut('🛰🛰🛰', 6), '🛰🛰🛰')
  assert.equal(cut('🛰🛰🛰', 5), '🛰🛰…')
  assert.equal(cut('🛰🛰🛰', 4), '🛰…')
  // Three satellites are 12 bytes, the … is 3.
  assert.equal(cut('🛰🛰🛰', 12, bytes), '🛰🛰🛰')
  assert.equal(cut('🛰🛰🛰', 11, bytes), '🛰🛰…')
  assert.equal(cut('🛰🛰🛰', 10, bytes), '🛰…')
  assert.equal(cut('äöü', 5, bytes), 'ä…')
  assert.equal(cut('äöü', 2, bytes), '')
})

test('whatever the text, what is cut is within the limit, valid UTF-8, and its beginning', () => {
  const text = fc.string({ unit: 'binary', maxLength: 60 })
  fc.assert(
    fc.property(text, fc.nat(80), fc.constantFrom(characters, bytes), (whole, most, cost) => {
      const short = cut(whole, most, cost)
      assert.ok(cost(short) <= most)
      if (cost(whole) <= most) assert.equal(short, whole)
      else assert.ok(short === '' || (short.endsWith('…') && whole.startsWith(short.slice(0, -1))))
      assert.equal(Buffer.from(short).toString(), short)
    }),
    { seed: 11, numRuns: 2_000 },
  )
})

test('of a list the first that fit are taken, and none behind one that does not', () => {
  const cost = (value: number) => value
  assert.deepEqual(fitting([3, 4, 1], 7, cost), [3, 4])
  assert.deepEqual(fitting([3, 5, 1], 7, cost), [3])
  assert.deepEqual(fitting([3, 4, 1], 8, cost), [3, 4, 1])
  assert.deepEqual(fitting([9], 8, cost), [])
})
