import assert from 'node:assert/strict'
import { test } from 'node:test'
import { figuresIn, withFigures } from '../../bench/statistics/figures.ts'

const TEXT =
  'Of <!-- figure:healthy.plain.rollouts -->?<!-- /figure --> rollouts <!-- figure:healthy.plain.share% --><!-- /figure --> were stopped.'

test('figures in a document are replaced by those of the run, and can be replaced again', () => {
  const json = { healthy: { plain: { rollouts: 2000, share: 0.0045 } } }
  const written = withFigures(TEXT, json)
  assert.match(written, />2,000<.*>0\.45 %</)
  assert.equal(withFigures(written, json), written)
  assert.deepEqual(figuresIn(written), ['healthy.plain.rollouts', 'healthy.plain.share%'])
})

test('a figure that the run does not have is an error and not an empty place', () => {
  assert.throws(() => withFigures(TEXT, { healthy: {} }), /no healthy\.plain\.rollouts/)
  assert.throws(() => withFigures(TEXT, { healthy: { plain: { rollouts: Number.NaN, share: 1 } } }), /is no number/)
})
