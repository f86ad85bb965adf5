/** The blocks of a cell, read off a row when they are asked for, are a map like any other. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RowBlocks } from '../../src/kit/row-blocks.ts'

const PLACES = [
  { id: 'requests', countOffset: 0, countSlots: 1, sumOffset: 0, sumSlots: 0 },
  { id: 'errors', countOffset: 1, countSlots: 1, sumOffset: 0, sumSlots: 0 },
  { id: 'latency', countOffset: 2, countSlots: 3, sumOffset: 0, sumSlots: 2 },
]
/** The second of two rows. */
const COUNTS = Float64Array.of(9, 9, 9, 9, 9, 7, 0, 4, 0, 3)
const SUMS = Float64Array.of(8, 8, 2.5, 6.25)
const blocks = (isWhole = false) => new RowBlocks(PLACES, COUNTS, 5, SUMS, 2, isWhole)

const REQUESTS = ['requests', { counts: Float64Array.of(7), sums: new Float64Array(0) }] as const
const ERRORS = ['errors', { counts: Float64Array.of(0), sums: new Float64Array(0) }] as const
const LATENCY = ['latency', { counts: Float64Array.of(4, 0, 3), sums: Float64Array.of(2.5, 6.25) }] as const

test('a block in which nothing was counted is not there', () => {
  assert.deepEqual(new Map(blocks()), new Map([REQUESTS, LATENCY]))
  assert.equal(blocks().size, 2)
  assert.equal(blocks().has('errors'), false)
  assert.equal(blocks().get('errors'), undefined)
  assert.deepEqual([...blocks().keys()], ['requests', 'latency'])
  assert.deepEqual([...blocks().values()], [REQUESTS[1], LATENCY[1]])
})

test('of a pane that was read every block is there that was written, whatever it holds', () => {
  assert.deepEqual(new Map(blocks(true)), new Map([REQUESTS, ERRORS, LATENCY]))
})

test('blocks are found in any order, and as often as one asks', () => {
  const found = blocks()
  for (const id of ['latency', 'requests', 'requests', 'latency', 'nothing', 'latency']) {
    assert.deepEqual(found.get(id), id === 'nothing' ? undefined : id === 'latency' ? LATENCY[1] : REQUESTS[1])
  }
  const told: string[] = []
  found.forEach((_, id) => void told.push(id))
  assert.deepEqual(told, ['requests', 'latency'])
})

test('a row in which nothing was counted is empty', () => {
  assert.equal(blocks().isEmpty, false)
  assert.equal(new RowBlocks(PLACES, new Float64Array(5), 0, new Float64Array(2), 0).isEmpty, true)
})
