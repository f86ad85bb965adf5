/** First exposures stay what they were when records are read again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnitTable } from '../../src/join/units.ts'

test('a unit is exposed first at one offset only, however often that offset is read', () => {
  const units = new UnitTable(0)
  assert.deepEqual(
    [10, 11, 10, 12].map((offset) => units.isFirst(1, 2, offset)),
    [true, false, true, false],
  )
  assert.equal(units.isFirst(1, 3, 12), true)
})

test('a table built from stored chunks answers as the one that wrote them, and goes on with the next chunk', () => {
  const units = new UnitTable(0)
  for (let unit = 0; unit < 40_000; unit++) units.isFirst(unit * 7919, unit, 1000 + unit)
  const chunks = units.takeChunks()
  assert.deepEqual(
    chunks.map((chunk) => chunk.from),
    [0, 32_768],
  )
  assert.deepEqual(units.takeChunks(), [])
  const again = new UnitTable(units.storedEntries)
  for (const chunk of [...chunks, ...chunks]) again.load(chunk)
  assert.equal(again.size, 40_000)
  assert.equal(again.isFirst(5 * 7919, 5, 1005), true)
  assert.equal(again.isFirst(5 * 7919, 5, 1006), false)
  assert.equal(again.isFirst(-1, -1, 99_000), true)
  assert.deepEqual(
    again.takeChunks().map(({ from, bytes }) => [from, bytes.length]),
    [[40_000, 16]],
  )
})
