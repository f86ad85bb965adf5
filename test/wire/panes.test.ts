import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BlockCounts, Pane, PaneCell } from '../../src/domain.ts'
import { type Random, seededRandom } from '../../src/kit/random.ts'
import { encodePane } from '../../src/wire/panes.ts'
import { pane, readPane } from './records.ts'

const BLOCKS: readonly (readonly [string, number, number])[] = [
  ['requests', 1, 0],
  ['latency', 82, 2],
  ['feature:age', 30, 2],
  ['probability:delayed', 40, 36],
]

test('what measure counted is what the judge reads, for panes of every thickness', () => {
  for (const density of [0, 0.01, 0.3, 1]) {
    const random = seededRandom(5)
    const cells = Array.from({ length: 60 }, (_, index) => cellOf(index, density, random))
    const whole: Pane = { ...pane, blockHashes: new Map(BLOCKS.map(([id]) => [id, `hash of ${id}`])), cells }
    assert.deepEqual(readPane(encodePane(whole)), { ...whole, cells: cells.map(withoutEmptyBlocks) })
  }
})

test('blocks that are not wanted are passed over, and what is wanted is the same without them', () => {
  const random = seededRandom(6)
  const cells = Array.from({ length: 60 }, (_, index) => cellOf(index, 0.3, random))
  const whole: Pane = { ...pane, blockHashes: new Map(BLOCKS.map(([id]) => [id, `hash of ${id}`])), cells }
  const ids = new Set(['requests', 'probability:delayed'])
  const wanted = (_model: string, _chain: string, scope: string) => (scope === 'segment=0' ? null : ids)
  const expected = cells.map(withoutEmptyBlocks).map((cell) => {
    const blocks = new Map([...cell.blocks].filter(([id]) => cell.scope === 'segment=0' || ids.has(id)))
    return { ...cell, blocks }
  })
  assert.deepEqual(readPane(encodePane(whole), wanted), { ...whole, cells: expected })
})

test('panes whose blocks have other hashes, lengths or places in between are read as if they came alone', () => {
  const random = seededRandom(7)
  const [requests, ...rest] = BLOCKS
  const tables: readonly (typeof BLOCKS)[] = [
    BLOCKS,
    [requests!, ['latency', 20, 1], ...rest.slice(1)],
    [...rest, requests!],
    BLOCKS.slice(0, 2),
  ]
  const panes = Array.from({ length: 24 }, (_, index): Pane => {
    const table = tables[index % tables.length]!
    const cells = Array.from({ length: 6 }, (_, cell) => withoutEmptyBlocks(cellOf(cell, 0.4, random, table)))
    return { ...pane, blockHashes: new Map(table.map(([id]) => [id, `${id} ${index % 3}`])), cells }
  })
  const ids = new Set(['latency'])
  for (const each of panes) {
    const some = each.cells.map((cell) => ({ ...cell, blocks: new Map([...cell.blocks].filter(([id]) => ids.has(id))) }))
    assert.deepEqual(readPane(encodePane(each)), each)
    assert.deepEqual(
      readPane(encodePane(each), () => ids),
      { ...each, cells: some },
    )
  }
})

test('a second pane does not disturb the bytes of the first', () => {
  const first = encodePane(pane)
  const before = first.toString('hex')
  encodePane({ ...pane, cells: [cellOf(1, 1, seededRandom(1))], blockHashes: new Map(BLOCKS.map(([id]) => [id, 'h'])) })
  assert.equal(first.toString('hex'), before)
})

test('a cell of a thin segment costs a few bytes, not its number of slots', () => {
  const blocks = new Map<string, BlockCounts>(
    BLOCKS.map(([id, counts, sums]) => [id, { counts: new Float64Array(counts), sums: new Float64Array(sums) }]),
  )
  blocks.get('requests')!.counts[0] = 2
  blocks.get('latency')!.counts[40] = 2
  const hashes = new Map(BLOCKS.map(([id]) => [id, 'h']))
  const cells = Array.from(
    { length: 1_000 },
    (_, index): PaneCell => ({ version: 'v1', scope: `s=${index % 10}`, population: 'all', blocks }),
  )
  const size = encodePane({ ...pane, blockHashes: hashes, cells }).length - encodePane({ ...pane, blockHashes: hashes, cells: [] }).length
  assert.ok(size / 1_000 < 20, `${size / 1_000} bytes a cell`)
})

test('a number that is no count, or a block without hash, is our own mistake and stops the encoding', () => {
  const broken = (value: number): Pane => ({
    ...pane,
    cells: [
      {
        version: 'v1',
        scope: '__all__',
        population: 'all',
        blocks: new Map([['requests', { counts: Float64Array.of(value), sums: new Float64Array(0) }]]),
      },
    ],
  })
  for (const value of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => encodePane(broken(value)), /is not a count/)
  assert.throws(() => encodePane({ ...broken(1), blockHashes: new Map() }), /has no hash/)
  assert.throws(() => encodePane({ ...pane, sliceEndMs: 1.5 }), /cannot encode panes: .*sliceEndMs = 1.5/)
})

function cellOf(index: number, density: number, random: Random, table = BLOCKS): PaneCell {
  const slots = (length: number, value: () => number) => Float64Array.from({ length }, () => (random() < density ? value() : 0))
  const blocks = table.map(([id, counts, sums]): readonly [string, BlockCounts] => [
    id,
    { counts: slots(counts, () => 1 + Math.floor(random() ** 8 * 2 ** 45)), sums: slots(sums, () => random() * 2e6 - 1e6) },
  ])
  return {
    version: `v${index % 2}`,
    scope: `segment=${index >> 1}`,
    population: (['first', 'all', 'units'] as const)[index % 3]!,
    blocks: new Map(blocks),
  }
}

/** Absent means zero: a block of zeros is not written. */
function withoutEmptyBlocks(cell: PaneCell): PaneCell {
  const full = [...cell.blocks].filter(([, block]) => block.counts.some((count) => count !== 0) || block.sums.some((sum) => sum !== 0))
  return { ...cell, blocks: new Map(full) }
}
