/** Decisions for a spreadsheet: one line each, quoted as RFC 4180 says, and nothing in a cell is run. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CSV_HEADER, csvCells, csvLine } from '../../src/audit/csv.ts'
import { decision } from '../wire/records.ts'

test('a decision is one line with as many cells as the header has', () => {
  const cells = csvCells({ decision, partition: 2, offset: 14, hash: 'ab' })
  assert.equal(cells.length, CSV_HEADER.length)
  assert.equal(
    csvLine(cells),
    'fraud,7,2023-11-14T22:13:26.000Z,enforce,rollback,harm,"v1=90; v2=10","v1=100; v2=0",errors rose from 0.8 % to 3 %,candidate answers 500,0123456789abcdef,2,14,ab',
  )
})

test('commas, quotes and line ends are quoted', () => {
  assert.equal(csvLine(['a,b', 'say "no"', 'two\nlines', 'two\r\nmore', '', 5]), '"a,b","say ""no""","two\nlines","two\r\nmore",,5')
})

test('a cell that a spreadsheet would run begins with an apostrophe; numbers stay numbers', () => {
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1']
  assert.equal(csvLine(formulas), `'=1+1,'+1,'-1,'@SUM(A1),"'\t=1","'\r=1"`)
  assert.equal(csvLine(['  =1', ' \u3000@x', '＝1', '＋1', '－1', '＠x', ' a']), "'  =1,' \u3000@x,'＝1,'＋1,'－1,'＠x, a")
  assert.equal(csvLine(['a;b', 'a\tb']), '"a;b","a\tb"')
  assert.equal(csvLine(['=HYPERLINK("http://x","y")']), `"'=HYPERLINK(""http://x"",""y"")"`)
  assert.equal(csvLine([-5]), '-5')
})

test('a time that no calendar has is shown as a number', () => {
  assert.equal(csvCells({ decision: { ...decision, judgeTimeMs: 9e15 }, partition: 0, offset: 0, hash: '' })[2], '9000000000000000 ms')
})
