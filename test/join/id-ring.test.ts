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
      } else if (dice < 0.75 && list.length > 0) {
        const dropped = 1 + Math.floor(random() * 3 * Math.min(3, list.length))
        ring.dropUntil(Math.min(ring.next, ring.oldest + dropped))
        list.splice(0, dropped)
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
  addTagged(ring, 8, 1, 3)
  assert.deepEqual([found(ring, 7, 1), found(ring, 7, 2), found(ring, 7, 3), found(ring, 8, 1)], [[1], [2], [], [3]])
  ring.unlink(ring.placeOf(0))
  assert.deepEqual([found(ring, 7, 1), found(ring, 7, 2), found(ring, 8, 1)], [[], [2], [3]])
})

test('two ids that share all 64 bits are one id: both entries are found, in the order in which they came', () => {
  const ring = new IdRing(4)
  addTagged(ring, -1, -1, 1)
  addTagged(ring, -1, -1, 2)
  assert.deepEqual(found(ring, -1, -1), [1, 2])
  ring.dropUntil(1)
  assert.deepEqual(found(ring, -1, -1), [2])
})

/** A ring of 8 slots has 16 table positions; all these ids begin at one of the last two, so their search goes over the end. */
test('entries that crowd the end of the table go on at its beginning, and move up when one before them leaves', () => {
  for (let leaving = 0; leaving < 7; leaving++) {
    const ring = new IdRing(4, 8)
    const lanes = Array.from({ length: 7 }, (_, n) => (n % 3 === 0 ? 14 : 15) + 16 * n)
    lanes.forEach((lane, n) => {
      addTagged(ring, lane, n, n)
    })
    ring.unlink(ring.placeOf(leaving))
    lanes.forEach((lane, n) => {
      assert.deepEqual(found(ring, lane, n), n === leaving ? [] : [n], `${n} after ${leaving} has left`)
    })
  }
})

test('a ring grows while its entries lie around the end of its memory, and everything is found afterwards', () => {
  const ring = new IdRing(4, 8)
  for (let n = 0; n < 6; n++) addTagged(ring, n, n, n)
  ring.dropUntil(5)
  for (let n = 6; n < 40; n++) addTagged(ring, n, n, n)
  for (let n = 0; n < 40; n++) assert.deepEqual(found(ring, n, n), n < 5 ? [] : [n])
})

test('room that was reserved is there: places stand still while it is filled', () => {
  const ring = new IdRing(4, 8)
  for (let n = 0; n < 5; n++) addTagged(ring, n, n, n)
  ring.reserve(100)
  const { words } = ring
  for (let n = 5; n < 105; n++) addTagged(ring, n, n, n)
  assert.equal(ring.words, words)
})

test('memory taken for a rush is given back when it is over', () => {
  const ring = new IdRing(4, 8)
  const before = ring.bytes
  for (let n = 0; n < 5000; n++) addTagged(ring, n * 31, n, n)
  assert.ok(ring.bytes >= 5000 * 32)
  ring.dropUntil(4995)
  assert.deepEqual(found(ring, 4996 * 31, 4996), [4996])
  assert.ok(ring.bytes <= 8 * before, `${ring.bytes} bytes for five entries`)
  const [small, { words }] = [ring.bytes, ring]
  for (let n = 5000; n < 5010; n++) {
    addTagged(ring, n, n, n)
    ring.dropUntil(n - 3)
  }
  assert.equal(ring.words, words, 'a few that come and go do not move it')
  assert.equal(ring.bytes, small)
})

for (const seed of [1, 2]) {
  test(`with lanes drawn from few bits and from many, thousands of ids agree with a map of lists (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const ring = new IdRing(6, 16)
    const model = new Map<string, number[]>()
    const order: string[] = []
    const lane = () => Math.floor(random() * (random() < 0.5 ? 40 : 2 ** 32)) | 0
    for (let step = 0; step < 20_000; step++) {
      const again = order.length > 0 && random() < 0.1 ? order[Math.floor(random() * order.length)]! : `${lane()},${lane()}`
      const [id1, id2] = again.split(',').map(Number) as [number, number]
      addTagged(ring, id1, id2, step)
      model.set(again, [...(model.get(again) ?? []), step])
      order.push(again)
      const leave = random() < 0.02 ? Math.floor(random() * order.length) : 0
      ring.dropUntil(ring.oldest + leave)
      for (const key of order.splice(0, leave)) model.get(key)!.shift()
      for (const key of [again, `${lane()},${lane()}`]) {
        const [one, other] = key.split(',').map(Number) as [number, number]
        assert.deepEqual(found(ring, one, other), model.get(key) ?? [])
      }
    }
  })
}
