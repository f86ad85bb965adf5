import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shareOut, type Wish } from '../../src/kafka/share-out.ts'
import { seededRandom } from '../../src/kit/random.ts'

const sorted = (shares: ReadonlyMap<string, readonly number[]>) => [...shares.values()].flat().sort((a, b) => a - b)

test('every partition has one owner and nobody has two more than another, for any numbers and any wishes', () => {
  const random = seededRandom(1)
  for (let round = 0; round < 500; round++) {
    const partitions = 1 + Math.floor(random() * 20)
    const wishes: Wish[] = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index) => ({
      memberId: `m${index}`,
      owned: Array.from({ length: Math.floor(random() * 10) }, () => Math.floor(random() * 25) - 2),
    }))
    const shares = shareOut(partitions, wishes)
    assert.deepEqual(
      sorted(shares),
      Array.from({ length: partitions }, (_, partition) => partition),
    )
    const sizes = [...shares.values()].map((mine) => mine.length)
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1)
    assert.deepEqual(shareOut(partitions, [...wishes].reverse()), shares)
  }
})

test('who joins takes only what must move, and who leaves gives only what it had', () => {
  const two = shareOut(7, [
    { memberId: 'a', owned: [0, 1, 2, 3, 4, 5, 6] },
    { memberId: 'b', owned: [] },
  ])
  assert.deepEqual(
    [...two],
    [
      ['a', [0, 1, 2, 3]],
      ['b', [4, 5, 6]],
    ],
  )
  const three = shareOut(7, [...two].map(([memberId, owned]) => ({ memberId, owned })).concat({ memberId: 'c', owned: [] }))
  assert.deepEqual(
    [...three],
    [
      ['a', [0, 1, 2]],
      ['b', [4, 5]],
      ['c', [3, 6]],
    ],
  )
  const without = shareOut(
    7,
    [...three].filter(([memberId]) => memberId !== 'b').map(([memberId, owned]) => ({ memberId, owned })),
  )
  assert.ok(without.get('a')!.includes(0) && without.get('a')!.includes(1) && without.get('a')!.includes(2))
  assert.ok(without.get('c')!.includes(3) && without.get('c')!.includes(6))
})
