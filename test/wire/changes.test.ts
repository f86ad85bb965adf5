/** Change records as anybody may write them: what is taken, what stands in, what is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeChange } from '../../src/wire/changes.ts'

const AT_MS = 1_700_000_000_000
const read = (value: unknown) =>
  decodeChange({ value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), timestampMs: AT_MS })

test('id and what are enough: the record says when, and it concerns every model', () => {
  const expected = { id: 'a', kind: 'other', what: 'b', who: '', model: '', atMs: AT_MS }
  assert.deepEqual(read({ id: 'a', what: 'b' }), expected)
  assert.deepEqual(read({ id: 'a', what: 'b', kind: 'party', extra: [1] }), expected)
  assert.deepEqual(read({ id: 'a', what: 'b', kind: 'data', who: 'ada', model: 'fraud', time: '2023-11-14T22:13:19Z' }), {
    ...expected,
    ...{ kind: 'data', who: 'ada', model: 'fraud', atMs: AT_MS - 1000 },
  })
  assert.equal(read({ id: 'a', what: 'b', time: 5.4 }).atMs, 5)
})

test('what cannot be used is refused with the reason, and nothing else comes of it', () => {
  const base = { id: 'a', what: 'b' }
  for (const [value, reason] of [
    ['{', /no JSON/],
    ['[]', /no JSON object/],
    ['null', /no JSON object/],
    [{ what: 'b' }, /id must be text/],
    [{ ...base, id: '' }, /id must be text/],
    [{ ...base, what: 7 }, /what must be text/],
    [{ ...base, who: {} }, /who must be text/],
    [{ ...base, id: 'x'.repeat(201) }, /id is longer/],
    [{ ...base, time: 'soon' }, /time must be/],
    [{ ...base, time: -1 }, /time must be/],
    [{ ...base, time: AT_MS + 2 * 86_400_000 }, /more than a day after/],
    [{ ...base, more: 'x'.repeat(20_000) }, /larger than/],
  ] as const) {
    assert.throws(() => read(value), reason)
  }
  assert.throws(() => decodeChange({ value: null, timestampMs: AT_MS }), /FLY-WIRE-001/)
})
