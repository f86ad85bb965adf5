/** Nothing unaccounted, seen from this room: every broken record has its reason, every row is used or refused, and the rest is read. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { at, batchOf, inputOf, layoutOf, TEST_TIME_MS, type TestRecord } from '../../scripts/fuzz/batches.ts'
import type { DropReason } from '../../src/domain.ts'
import { outcomeIngest, predictionIngest } from '../../src/ingest/ingest.ts'

const good = (id: number) => ({ id: `p${id}`, ts: TEST_TIME_MS, model: 'fraud', version: 'v1', score: 0.5, features: { f1: 1 } })
const text = (id: number, score: string) => JSON.stringify(good(id)).replace('0.5', score)

const BROKEN: readonly (readonly [what: string, value: TestRecord['value'], reason: DropReason | null])[] = [
  ['bad JSON', '{"id":"p1",', 'undecodable'],
  ['not UTF-8 in a name', Buffer.from('{"id":"p\xff', 'latin1'), 'undecodable'],
  ['no object', '[1,2]', 'undecodable'],
  ['empty', '', 'undecodable'],
  ['wrong type', { ...good(1), id: { nested: true } }, 'wrong-type'],
  ['missing id', { ...good(1), id: undefined }, 'missing-field'],
  ['NaN', text(1, 'NaN'), 'undecodable'],
  ['Infinity', text(1, 'Infinity'), 'undecodable'],
  ['-Infinity', text(1, '-Infinity'), 'undecodable'],
  ['score beyond doubles', text(1, '1e999'), null],
  ['2 MB record', { ...good(1), padding: 'x'.repeat(2_000_000) }, 'oversized'],
  ['far future', { ...good(1), ts: Date.UTC(2099, 1, 1) }, 'bad-time'],
  ['negative time', { ...good(1), ts: -5 }, 'bad-time'],
  ['duplicate id', good(0), null],
  ['unknown model', { ...good(1), model: 'no-such-model' }, 'unknown-model'],
  ['unknown version', { ...good(1), version: 'v77' }, 'unknown-version'],
  ['tombstone', null, 'tombstone'],
]

test('each kind of broken record gets its reason, and the good ones around it are read', () => {
  const records = BROKEN.flatMap(([, value], index) => [{ value: good(100 + index) }, { value }])
  const { batch, rejected } = predictionIngest(layoutOf(), 4).read(batchOf(records))
  BROKEN.forEach(([what, , reason], index) => {
    const refusal = rejected.find((one) => one.row === index * 2 + 1)
    assert.equal(refusal?.reason ?? null, reason, what)
    if (refusal !== undefined) assert.ok(refusal.detail.length > 0 && refusal.detail.length < 300, `${what}: ${refusal.detail}`)
  })
  assert.equal(batch.count + rejected.length, records.length)
  const refusedRows = new Set(rejected.map((one) => one.row))
  const usedOffsets = records.map((_, row) => row).filter((row) => !refusedRows.has(row))
  assert.deepEqual([...batch.offset.subarray(0, batch.count)], usedOffsets)
})

test('a contradicting outcome passes ingest: only the join can know', () => {
  const { batch, rejected } = outcomeIngest(layoutOf()).read(
    batchOf([{ value: { id: 'p1', label: 1 } }, { value: { id: 'p1', label: 0 } }]),
  )
  assert.deepEqual([batch.count, rejected.length], [2, 0])
})

test('a record of the largest allowed size is read, one byte more is refused', () => {
  const value = JSON.stringify(good(1))
  const layout = layoutOf({ recordBytesMax: Buffer.byteLength(value) })
  const { batch, rejected } = predictionIngest(layout, 4).read(batchOf([{ value }, { value: `${value} ` }]))
  assert.equal(batch.count, 1)
  assert.deepEqual(
    rejected.map((one) => one.reason),
    ['oversized'],
  )
})

test('an existing topic with nested records, microsecond times and other names reads as the native form does', () => {
  const native = inputOf({
    fields: {
      id: at('id'),
      time: at('ts', { isTime: true }),
      model: at('model'),
      version: at('version'),
      score: at('score'),
      latency: at('latencyMs'),
      error: at('error', { test: { kind: 'truthy' } }),
    },
  })
  const nested = inputOf({
    fields: {
      id: at('meta.rid'),
      time: at('meta.at', { isTime: true, scale: 0.001 }),
      model: at('model.name'),
      version: at('model.rev'),
      score: at('out.p'),
      latency: at('ms'),
      error: at('http', { test: { kind: 'atLeast', limit: 500 } }),
    },
  })
  const rows = Array.from({ length: 20 }, (_, index) => ({
    id: `r${index}`,
    ts: TEST_TIME_MS + index,
    version: index % 2 === 0 ? 'v1' : 'v2',
    score: index / 20,
  }))
  const plain = rows.map((row, index) => ({ value: { ...row, model: 'fraud', latencyMs: index, error: index % 5 === 0 } }))
  const wrapped = rows.map((row, index) => ({
    value: {
      meta: { rid: row.id, at: row.ts * 1000 },
      model: { name: 'fraud', rev: row.version },
      out: { p: row.score },
      ms: index,
      http: index % 5 === 0 ? 503 : 200,
    },
  }))
  const one = predictionIngest(layoutOf({ predictions: native }), 4).read(batchOf(plain))
  const two = predictionIngest(layoutOf({ predictions: nested }), 4).read(batchOf(wrapped))
  assert.equal(one.batch.count, 20)
  assert.deepEqual(two, one)
})
