/** Tables and colours of the command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { paint, table } from '../../src/cli/output.ts'

test('colour is for a person at a terminal who did not say NO_COLOR', () => {
  const before = process.env['NO_COLOR']
  try {
    delete process.env['NO_COLOR']
    assert.equal(paint('red', 'text', { isTTY: true }), '\u001b[31mtext\u001b[0m')
    assert.equal(paint('red', 'text', { isTTY: false }), 'text')
    process.env['NO_COLOR'] = '1'
    assert.equal(paint('red', 'text', { isTTY: true }), 'text')
  } finally {
    if (before === undefined) delete process.env['NO_COLOR']
    else process.env['NO_COLOR'] = before
  }
})

test('columns are as wide as their widest cell and lines end without spaces', () => {
  assert.equal(
    table(
      ['A', 'LONG'],
      [
        ['wide', 'x'],
        ['y', 'z'],
      ],
    ),
    'A     LONG\nwide  x\ny     z',
  )
})
