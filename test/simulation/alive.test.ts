/** What is alive is told by whose it is: what the program keeps in its heap, in buffers, and what the engine keeps for itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { alive } from './simulator/alive.ts'

const MIB = 2 ** 20

test('what a program keeps counts as its own while it keeps it, in the heap or in buffers; a function is the engine’s', async () => {
  await alive()
  const before = await alive()
  let kept: unknown[] = Array.from({ length: 20_000 }, (_, at) => ({ at, name: `name-${at}-${'x'.repeat(100)}` }))
  kept.push(Buffer.alloc(3 * MIB))
  const with3 = await alive()
  assert.ok(with3.programBytes - before.programBytes > 2 * MIB, JSON.stringify([before, with3]))
  assert.ok(Math.abs(with3.bufferBytes - before.bufferBytes - 3 * MIB) < MIB / 4)
  assert.ok(Math.abs(with3.engineBytes - before.engineBytes) < MIB / 2)
  kept = []
  const after = await alive()
  assert.ok(Math.abs(after.programBytes - before.programBytes) < MIB / 4 && after.bufferBytes - before.bufferBytes < MIB / 4)
  kept = Array.from(
    { length: 2000 },
    (_, at) => new Function('a', `return [a, ${Array.from({ length: 20 }, (__, part) => `a + ${at + part}`)}]`),
  )
  for (const called of kept) (called as (a: number) => unknown)(1)
  assert.ok((await alive()).engineBytes - before.engineBytes > MIB)
})
