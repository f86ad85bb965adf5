/** The ring and its table against a plain list. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IdRing } from '../../src/join/id-ring.ts'
import { seededRandom } from '../../src/kit/random.ts'

/** The memory may have been replaced by `add`: it is looked at afterwards. */
function addTagged(ring: IdRing, id1: number, id2: number, tag: number): void {
  const place = ring.add(id1, id2)
  ring.words[place + 3] = tag
}

function found(ring: IdRing, id1: number, id2: number): number[] {
  const tags: number[] = []
  for (let at = ring.seek(id1, id2, ring.start(id1)); at >= 0; at = ring.seek(id1, id2, ring.after(at))) {
    tags.push(ring.words[ring.placeAt(at) + 3]!)
  }
  return tags.sort((a, b) => a - b)
}

for (const seed of [1, 2, 3]) {
  test(`adding, finding, unlinking, dropping and thinning out agree with a plain list, crowded ids included (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const ring = new IdRing(4, 4)
    let list: { id1: number; id2: number; tag: number; linked: boolean }[] = []
    for (let step = 0; step < 4000; step++) {
      const dice = random()
      if (dice < 0.55) {
        const entry = { id1: Math.floor(random() * 12) - 6, id2: Math.floor(random() * 6), tag: step, linked: true }
        addTagged(ring, entry.id1, entry.id2, step)
        list.push(entry)
      } else if (dice < 0.9 && list.length > 0) {
        ring.dropOldest()
        list.shift()
      } else if (dice < 0.99 && list.length > 0) {
        const index = Math.floor(random() * list.length)
        if (list[index]!.linked) ring.unlink(ring.placeOf(ring.oldest + index))
        list[index]!.linked = false
      } else {
        ring.compact(
          () => true,
          () => {},
        )
        list = list.filter((entry) => entry.linked)
      }
      assert.equal(ring.size, list.length)
      const id1 = Math.floor(random() * 12) - 6
      const id2 = Math.floor(random() * 6)
      const expected = list.filter((entry) => entry.linked && entry.id1 === id1 && entry.id2 === id2).map((entry) => entry.tag)
      assert.deepEqual(found(ring, id1, id2), expected)
    }
  })
}

test('ids that share one lane are told apart by the other', () => {
  const ring = new IdRing(4)
  addTagged(ring, 7, 1, 1)
  addTagged(ring, 7, 2, 2)
  assert.deepEqual([found(ring, 7, 1), found(ring, 7, 2), found(ring, 7, 3)], [[1], [2], []])
})
