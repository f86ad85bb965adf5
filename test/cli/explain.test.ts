/** `flyball explain`: which decision a name means, and that nothing in a record breaks its words. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explanation, find } from '../../src/cli/explain.ts'
import { decision } from '../wire/records.ts'

const stored = (id: string, model: string, number: number) => ({
  decision: { ...decision, id, model, number },
  partition: 0,
  offset: 0,
  hash: '',
})
const decisions = [stored('fraud-1234', 'churn', 1), stored('ad12345', 'fraud', 1), stored('b', 'fraud', 2)]
const meant = (name: string) => find(decisions, name).decision

test('a model wins over an id that begins alike, and an id may be cut to six signs, not to less', () => {
  assert.deepEqual([meant('fraud').number, meant('fraud#1').id, meant('b').number], [2, 'ad12345', 2])
  assert.equal(meant('ad1234').id, 'ad12345')
  for (const name of ['ad', 'ad123', 'fraud#', 'fraud#9', '']) assert.throws(() => meant(name), /FLY-CLI-004/)
})

test('a time that no calendar has is shown as a number, and no text of a record begins a line or has a colour', () => {
  const forged = { ...decision, judgeTimeMs: 9e15, summary: 'calm\nbroken', cause: '\u001b[31mred' }
  const lines = explanation({ decision: forged, partition: 0, offset: 0, hash: '' })
  assert.ok(lines.includes('time       9000000000000000 ms (record time)'))
  assert.equal(lines[0], 'calm\\u{a}broken')
  assert.ok(lines.includes('cause      \\u{1b}[31mred'))
})
