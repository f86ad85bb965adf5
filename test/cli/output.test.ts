/** Tables and colours of the command line. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, harmless, jsonText, oneLine, paint, table } from '../../src/cli/output.ts'

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

test('texts out of records cannot move the cursor, hide a line, or begin a new one in a table', () => {
  const forged = 'a\u001b[2J\u001b[8mhidden\r\u0007\u009b31m \u202eright to left'
  assert.equal(harmless(forged), 'a\\u{1b}[2J\\u{1b}[8mhidden\\u{d}\\u{7}\\u{9b}31m \\u{202e}right to left')
  assert.equal(harmless('two\nlines\tand é 漢 😀'), 'two\nlines\tand é 漢 😀')
  assert.equal(harmless(paint('red', 'ours', { isTTY: true })), paint('red', 'ours', { isTTY: true }))
  assert.equal(table(['A'], [['x\ny']]), 'A\nx\\u{a}y')
})

test('a text out of a record stays on its line, without colour, and a cell is cut at 200 signs', () => {
  assert.equal(oneLine('a\nbroken\t\u001b[31mred'), 'a\\u{a}broken\\u{9}\\u{1b}[31mred')
  assert.equal(cell('x'.repeat(300)), `${'x'.repeat(199)}…`)
  assert.equal(cell('x'.repeat(200)).length, 200)
})

test('JSON means the same and sends a terminal nothing', () => {
  const forged = { text: '\u009b31m\u202e\u{e0001}\n' }
  assert.equal(jsonText(forged), '{"text":"\\u009b31m\\u202e\\udb40\\udc01\\n"}')
  assert.deepEqual(JSON.parse(jsonText(forged, 2)), forged)
})
