/** Which input may be read next: nobody runs far ahead, and nobody is waited for twice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AlignedInput, Alignment } from '../../src/shell/alignment.ts'

const LIMITS = { withinMs: 1000, patienceMs: 500 }
const input = (clock: number, end = false, order = clock): AlignedInput => ({
  clockMs: () => clock,
  orderMs: () => order,
  atEnd: () => end,
  isBuffered: () => true,
  follows: null,
})
const readable = (inputs: readonly AlignedInput[], alignment = new Alignment(LIMITS)) => alignment.readable(inputs)

test('an input may be read up to the allowed lead over the slowest', () => {
  const [slow, near, far] = [input(5000), input(6000), input(6001)]
  assert.deepEqual(readable([far!, near!, slow!]), [slow, near])
})

test('an input that is read to its end holds nobody back', () => {
  const [ended, far] = [input(5000, true), input(90_000)]
  assert.deepEqual(readable([ended!, far!]), [ended, far])
  assert.deepEqual(readable([ended!]), [ended])
  assert.deepEqual(readable([]), [])
})

test('an input that has not begun holds all others back', () => {
  const [begun, fresh] = [input(9000), input(Number.NEGATIVE_INFINITY)]
  assert.deepEqual(readable([begun!, fresh!]), [fresh])
})

test('a stuck input is waited for once, for as long as patience lasts, and again only after it has moved', () => {
  const alignment = new Alignment(LIMITS)
  const [stuck, other] = [input(0), input(9000)]
  const both = [stuck!, other!]
  alignment.stuck(both, 100)
  alignment.stuck(both, 600)
  assert.deepEqual(alignment.readable(both), [stuck], 'patience lasts')
  alignment.stuck(both, 601)
  assert.deepEqual(alignment.readable(both), both, 'patience is over')
  alignment.moved(other!)
  alignment.stuck(both, 700)
  assert.deepEqual(alignment.readable(both), both, 'reading the others does not bring it back')
  alignment.moved(stuck!)
  assert.deepEqual(alignment.readable(both), [stuck], 'it moves, and is waited for')
})

test('time in which nobody had to wait is no patience spent', () => {
  const alignment = new Alignment(LIMITS)
  const quiet = [input(0, true), input(9000, true)]
  alignment.stuck(quiet, 100)
  const both = [input(0), input(9000)]
  alignment.stuck(both, 10_000)
  assert.deepEqual(alignment.readable(both), [both[0]])
  alignment.stuck(both, 10_501)
  assert.deepEqual(alignment.readable(both), both)
})

test('a drain waits for ever', () => {
  const alignment = new Alignment({ ...LIMITS, patienceMs: Number.POSITIVE_INFINITY })
  const both = [input(0), input(9000)]
  alignment.stuck(both, 100)
  alignment.stuck(both, 1e12)
  assert.deepEqual(alignment.readable(both), [both[0]])
})

test('the input furthest behind is read first, and inputs of one clock stay in their order', () => {
  const [a, b, c, d] = [input(7), input(1), input(3), input(7)]
  const inputs = [a!, b!, c!, d!]
  assert.deepEqual(readable(inputs), [b, c, a, d])
  assert.deepEqual(inputs, [a, b, c, d])
})

test('outcomes go after the predictions they may belong to: by where they will stand, and not by where they stand', () => {
  const alignment = new Alignment<AlignedInput>({ withinMs: 1000, patienceMs: 1000 })
  const predictions = input(5000)
  const outcomes = input(4900, false, 5300)
  assert.deepEqual(alignment.readable([outcomes, predictions]), [predictions, outcomes])
})

test('outcomes do not go ahead of predictions that are on their way, but do not wait for them for ever', () => {
  const predictions = { ...input(5000), isBuffered: () => false }
  const outcomes = (order: number, follows: AlignedInput = predictions): AlignedInput => ({ ...input(4000, false, order), follows })
  const alignment = new Alignment(LIMITS)
  assert.equal(alignment.waits(outcomes(5000), 0), false, 'they are no later than the predictions read')
  const ahead = outcomes(5001)
  assert.equal(alignment.waits(ahead, 100), true)
  assert.equal(alignment.waits(ahead, 599), true)
  assert.equal(alignment.waits(ahead, 600), false, 'patience is over')
  assert.equal(alignment.waits(outcomes(9000, { ...predictions, isBuffered: () => true }), 0), false, 'the predictions are here')
  assert.equal(alignment.waits(outcomes(9000, { ...predictions, atEnd: () => true }), 0), false, 'there are no more predictions')
  assert.equal(alignment.waits(predictions, 0), false, 'predictions follow nothing')
})
