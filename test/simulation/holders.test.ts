/** Who holds the buffers is told by name, and what a simulated broker's records lie in is counted once, however many share it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryPartition } from '../../src/kafka/log/memory-broker.ts'
import { heldBy } from './simulator/day.ts'
import { holderLine, holdersOfBuffers } from './simulator/holders.ts'

const BYTES = 30_000

class Hoard {
  readonly hoarded: Buffer[] = []
}
const hoard = new Hoard()

test('buffers are told by the way to them, the largest holder first, and no more once they are let go', async () => {
  const isHoard = ({ way }: { readonly way: string }): boolean => way.includes('.hoarded of Hoard')
  for (let at = 0; at < 100; at++) hoard.hoarded.push(Buffer.alloc(BYTES))
  const [first] = await holdersOfBuffers()
  assert.ok(first !== undefined && isHoard(first), JSON.stringify(first))
  assert.deepEqual([first.buffers, first.bytes], [100, 100 * BYTES])
  assert.match(holderLine(first), /^ {2}2929\.7 KiB in 100: \.hoarded of Hoard/)
  hoard.hoarded.length = 0
  assert.deepEqual((await holdersOfBuffers()).filter(isHoard), [])
})

test('records that share a stretch of memory are counted as that stretch, once; one that stays holds all of it', () => {
  const partition = new MemoryPartition()
  const topics = new Map([['predictions', [partition]]])
  const append = (value: Buffer) => partition.append({ key: null, value, headers: {} }, 0, null)
  assert.equal(heldBy({ topics }).bufferBytes, 0)
  for (let at = 0; at < 500; at++) append(Buffer.alloc(100, at))
  const many = heldBy({ topics }).bufferBytes
  assert.ok(many % Buffer.poolSize === 0 && many >= 50_000 && many <= 50_000 + 3 * Buffer.poolSize, `${many}`)
  partition.truncate(499)
  assert.equal(heldBy({ topics }).bufferBytes, Buffer.poolSize)
  assert.equal(heldBy({ topics }).objects, 2)
  append(Buffer.alloc(3 * Buffer.poolSize))
  assert.equal(heldBy({ topics }).bufferBytes, 4 * Buffer.poolSize)
})

test('a record is so many objects: itself, its key, its value, and two for each header', () => {
  const partition = new MemoryPartition()
  partition.append({ key: 'k', value: Buffer.from('v'), headers: { one: '1', two: '2' } }, 0, null)
  assert.equal(heldBy({ topics: new Map([['deadletter', [partition]]]) }).objects, 7)
})
