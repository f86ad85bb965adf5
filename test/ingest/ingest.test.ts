import assert from 'node:assert/strict'
import test from 'node:test'
import { at, batchOf, inputOf, layoutOf, PLAIN_FIELDS, TEST_TIME_MS, type TestRecord, WORKLOAD } from '../../scripts/fuzz/batches.ts'
import type { Rejected } from '../../src/domain.ts'
import { describedIngest, outcomeIngest, predictionIngest } from '../../src/ingest/ingest.ts'
import { hashLanes, partitionOf } from '../../src/kit/hash.ts'
import type { InputLayout } from '../../src/policy/layout.ts'

const GOOD = { id: 'a', ts: TEST_TIME_MS, model: 'fraud', version: 'v1' }

function readPredictions(values: readonly TestRecord['value'][], predictions: InputLayout = WORKLOAD, partition = 0) {
  const batch = batchOf(
    values.map((value) => ({ value })),
    { partition, offset: 100 },
  )
  return predictionIngest(layoutOf({ predictions }), 4).read(batch)
}

function readOutcomes(values: readonly TestRecord['value'][], fields: Partial<InputLayout['fields']>) {
  const outcomes = inputOf({ topic: 'outcomes', fields: { id: at('id'), ...fields } })
  return outcomeIngest(layoutOf({ outcomes })).read(batchOf(values.map((value) => ({ value }))))
}

const reasons = (rejected: readonly Rejected[]) => rejected.map((one) => `${one.row} ${one.reason}`)

function lanesOf(text: string): [number, number] {
  const lanes = new Int32Array(2)
  const bytes = Buffer.from(text)
  hashLanes(bytes, 0, bytes.length, lanes)
  return [lanes[0]!, lanes[1]!]
}

test('a whole prediction becomes one row of columns', () => {
  const { batch, rejected } = readPredictions([
    {
      ...GOOD,
      version: 'v2',
      segment: 'fr',
      unit: 'u7',
      score: 0.25,
      decision: 'accept',
      latencyMs: 12.5,
      error: true,
      features: { f1: 1.5, f2: '3', f3: null, f5: 7, c1: 'cat3' },
    },
  ])
  assert.deepEqual(rejected, [])
  assert.equal(batch.count, 1)
  assert.deepEqual([batch.offset[0], batch.recordTimeMs[0], batch.eventTimeMs[0]], [100, TEST_TIME_MS, TEST_TIME_MS])
  assert.deepEqual([batch.model[0], batch.version[0], batch.error[0], batch.decision[0]], [0, 1, 1, 1])
  assert.deepEqual([batch.score[0], batch.latencyMs[0]], [0.25, 12.5])
  assert.deepEqual([batch.id1[0], batch.id2[0]], lanesOf('a'))
  assert.deepEqual([batch.unit1[0], batch.unit2[0]], lanesOf('u7'))
  assert.deepEqual(
    batch.numbers.slice(0, 5).map((column) => column[0]),
    [1.5, Number.NaN, Number.NaN, Number.NaN, 7],
  )
  assert.deepEqual(
    batch.numberStates.slice(0, 5).map((column) => column[0]),
    [0, 2, 1, 1, 0],
  )
  assert.deepEqual([batch.symbols[0]![0], batch.dimensions[0]![0]], [3, 1])
})

test('a prediction with nothing but its id, model and version is used, and what is missing says so', () => {
  const { batch } = readPredictions([{ id: 'a', model: 'fraud', version: 'v1' }])
  assert.equal(batch.count, 1)
  assert.deepEqual([batch.eventTimeMs[0], batch.score[0], batch.latencyMs[0]], [Number.NaN, Number.NaN, Number.NaN])
  assert.deepEqual([batch.error[0], batch.decision[0]], [0, 2])
  assert.deepEqual([batch.unit1[0], batch.unit2[0], batch.unitHome[0]], [0, 0, 0])
  assert.deepEqual([batch.symbols[0]![0], batch.dimensions[0]![0]], [-1, 2])
})

test('ids and units hash by their text: a number is its canonical text, escapes are what they stand for', () => {
  const { batch, rejected } = readPredictions([
    { ...GOOD, id: 42, unit: 'é' },
    '{"id":42.0,"model":"fraud","version":"v1","unit":"\\u00e9"}',
    { ...GOOD, id: '42' },
    { ...GOOD, id: 'größer\n' },
  ])
  assert.deepEqual(rejected, [])
  for (const row of [0, 1, 2]) assert.deepEqual([batch.id1[row], batch.id2[row]], lanesOf('42'))
  assert.deepEqual([batch.id1[3], batch.id2[3]], lanesOf('größer\n'))
  for (const row of [0, 1]) assert.deepEqual([batch.unit1[row], batch.unit2[row]], lanesOf('é'))
})

test('an integer id that JSON rounds is refused: two such ids would be taken for a duplicate', () => {
  const { rejected } = readPredictions(['{"id":9007199254740993,"model":"fraud","version":"v1"}'])
  assert.deepEqual(reasons(rejected), ['0 wrong-type'])
})

test('a unit is at home on exactly the partition its text hashes to', () => {
  const units = Array.from({ length: 50 }, (_, index) => `user-${index}`)
  for (const partition of [0, 1, 2, 3]) {
    const { batch } = readPredictions(
      units.map((unit, index) => ({ ...GOOD, id: index, unit })),
      WORKLOAD,
      partition,
    )
    const home = units.map((unit) => (partitionOf(Buffer.from(unit), 4) === partition ? 1 : 0))
    assert.deepEqual([...batch.unitHome.subarray(0, 50)], home)
  }
})

test('required fields that are absent, null, empty, mistyped or unknown refuse the record and name the field', () => {
  const { batch, rejected } = readPredictions([
    { model: 'fraud', version: 'v1' },
    { ...GOOD, id: null },
    { ...GOOD, id: '' },
    { ...GOOD, id: { a: 1 } },
    { ...GOOD, id: ['a'] },
    { ...GOOD, model: null },
    { ...GOOD, model: 'other' },
    { ...GOOD, model: [1] },
    { ...GOOD, version: 'v9' },
    { ...GOOD, version: undefined },
    { ...GOOD, error: 'perhaps' },
    { ...GOOD, error: 2 },
    '{"id":1e999,"model":"fraud","version":"v1"}',
  ])
  assert.equal(batch.count, 0)
  assert.deepEqual(reasons(rejected), [
    '0 missing-field',
    '1 missing-field',
    '2 missing-field',
    '3 wrong-type',
    '4 wrong-type',
    '5 missing-field',
    '6 unknown-model',
    '7 wrong-type',
    '8 unknown-version',
    '9 missing-field',
    '10 wrong-type',
    '11 wrong-type',
    '12 not-finite',
  ])
  assert.equal(rejected[6]!.detail, 'model: "other"')
  assert.equal(rejected[8]!.detail, 'version: "v9"')
  assert.match(rejected[10]!.detail, /^error: "perhaps"/)
})

test('event times before 1970, absurdly far ahead, or no times at all refuse the record', () => {
  const tenYears = 10 * 366 * 86_400_000
  const times = [-1, 1e15, TEST_TIME_MS + tenYears, 'soon', true, {}, '2025-13-45T00:00:00Z']
  const { batch, rejected } = readPredictions([
    ...times.map((ts) => ({ ...GOOD, ts })),
    '{"id":"a","model":"fraud","version":"v1","ts":1e999}',
    { ...GOOD, ts: 0 },
  ])
  assert.equal(batch.count, 1)
  assert.equal(batch.eventTimeMs[0], 0)
  assert.deepEqual(
    rejected.map((one) => one.reason),
    Array.from({ length: 8 }, () => 'bad-time'),
  )
})

test('times may be ISO text, with or without a zone, and count as UTC without one', () => {
  const times = [
    '2025-06-15T15:06:40Z',
    '2025-06-15T15:06:40.000',
    '2025-06-15 17:06:40+02:00',
    '2025-06-15T15:06Z',
    '2025-06-15',
    '2025-06-15T10:06:40-0500',
  ]
  const { batch, rejected } = readPredictions(times.map((ts) => ({ ...GOOD, ts })))
  assert.deepEqual(rejected, [])
  const day = Date.UTC(2025, 5, 15)
  const moment = day + 15 * 3_600_000 + 6 * 60_000 + 40_000
  assert.deepEqual([...batch.eventTimeMs.subarray(0, 6)], [moment, moment, moment, moment - 40_000, day, moment])
})

test('a score that is no finite number leaves the record in use without a score', () => {
  const { batch, rejected } = readPredictions([
    { ...GOOD, score: 'high' },
    '{"id":"b","model":"fraud","version":"v1","score":1e999}',
    { ...GOOD, score: null, latencyMs: -3 },
  ])
  assert.deepEqual(rejected, [])
  assert.deepEqual([...batch.score.subarray(0, 3)], [Number.NaN, Number.NaN, Number.NaN])
  assert.ok(Number.isNaN(batch.latencyMs[2]))
})

test('without a decision field the score decides at one half, and an unknown score decides nothing', () => {
  const predictions = inputOf({ fields: { ...PLAIN_FIELDS, score: at('score') } })
  const { batch } = readPredictions(
    [0.5, 0.499, null, 1].map((score) => ({ ...GOOD, score })),
    predictions,
  )
  assert.deepEqual([...batch.decision.subarray(0, 4)], [1, 0, 2, 1])
})

test('a mapped decision rules over the score, by text, by truth or by limit', () => {
  const read = (test: Parameters<typeof at>[1], decisions: readonly unknown[]) => {
    const predictions = inputOf({ fields: { ...PLAIN_FIELDS, score: at('score'), decision: at('decision', test) } })
    const { batch } = readPredictions(
      decisions.map((decision) => ({ ...GOOD, score: 0.9, decision })),
      predictions,
    )
    return [...batch.decision.subarray(0, decisions.length)]
  }
  assert.deepEqual(read({ test: { kind: 'equals', text: 'ja' } }, ['ja', 'nein', 'j', null, {}, 3]), [1, 0, 0, 2, 2, 0])
  assert.deepEqual(read({ test: { kind: 'equals', text: 'größer' } }, ['größer', 'größes', 'groesser']), [1, 0, 0])
  assert.deepEqual(read({ test: { kind: 'equals', text: '1' } }, [1, 1.5, '1']), [1, 0, 1])
  assert.deepEqual(read({ test: { kind: 'truthy' } }, [true, false, 1, 0, 2, 'true']), [1, 0, 1, 0, 2, 2])
  assert.deepEqual(read({ test: { kind: 'atLeast', limit: 50 }, scale: 100 }, [0.5, 0.4999, '1']), [1, 0, 2])
})

test('an error may be a status code: at least 500 is an error, absent is none', () => {
  const predictions = inputOf({ fields: { ...PLAIN_FIELDS, error: at('http', { test: { kind: 'atLeast', limit: 500 } }) } })
  const { batch, rejected } = readPredictions(
    [200, 500, 503, null, '500'].map((http) => ({ ...GOOD, http })),
    predictions,
  )
  assert.deepEqual([...batch.error.subarray(0, 4)], [0, 1, 1, 0])
  assert.deepEqual(reasons(rejected), ['4 wrong-type'])
  assert.equal(rejected[0]!.detail, 'error (http): "500"')
})

test('constants stand for fields that the topic does not carry, defaults for those it may leave out', () => {
  const predictions = inputOf({
    fields: {
      id: at('id'),
      model: at('', { constant: 'fraud' }),
      version: at('rev', { default: 'v1' }),
      latency: at('seconds', { scale: 1000, default: 0.02 }),
    },
    dimensions: [{ name: 'segment', path: at('country', { default: 'de' }), values: ['de', 'fr', '__other__'] }],
  })
  const { batch, rejected } = readPredictions(
    [{ id: 1 }, { id: 2, rev: 'v2', seconds: 0.5, country: 'us' }, { id: 3, rev: null, country: null }, { id: 4, rev: 'v3' }],
    predictions,
  )
  assert.deepEqual([...batch.model.subarray(0, 3)], [0, 0, 0])
  assert.deepEqual([...batch.version.subarray(0, 3)], [0, 1, 0])
  assert.deepEqual([...batch.latencyMs.subarray(0, 3)], [20, 500, 20])
  assert.deepEqual([...batch.dimensions[0]!.subarray(0, 3)], [0, 2, 0])
  assert.deepEqual(reasons(rejected), ['3 unknown-version'])
})

test('categories say whether a value is known, unseen, missing or of the wrong type', () => {
  const predictions = inputOf({
    fields: PLAIN_FIELDS,
    symbols: [{ name: 'plan', path: at('plan'), values: ['free', 'pro', '7', 'true', 'größe'] }],
  })
  const plans = ['pro', 'gold', null, {}, 7, true, 'größe', '', ['free']]
  const { batch } = readPredictions(
    plans.map((plan) => ({ ...GOOD, plan })),
    predictions,
  )
  assert.deepEqual([...batch.symbols[0]!.subarray(0, plans.length)], [1, -4, -1, -2, 2, 3, 4, -4, -2])
})

test('numeric features say whether a value is missing, mistyped or not finite, and scale', () => {
  const predictions = inputOf({ fields: PLAIN_FIELDS, numbers: [{ name: 'amount', path: at('in.amount', { scale: 0.01 }) }] })
  const inputs = ['{"amount":1250}', '{}', '{"amount":"12"}', '{"amount":true}', '{"amount":1e999}', 'null', '7', '[1]', '{"amount":[]}']
  const { batch } = readPredictions(
    inputs.map((value) => `{"id":"a","model":"fraud","version":"v1","in":${value}}`),
    predictions,
  )
  assert.deepEqual([...batch.numberStates[0]!.subarray(0, inputs.length)], [0, 1, 2, 2, 3, 1, 2, 2, 2])
  assert.equal(batch.numbers[0]![0], 12.5)
  assert.ok(batch.numbers[0]!.subarray(1, inputs.length).every(Number.isNaN))
})

test('of a key that stands twice in a record the last one counts, as for JSON.parse', () => {
  const { batch, rejected } = readPredictions([
    '{"id":"a","model":"fraud","version":"v1","score":0.1,"score":0.2}',
    '{"id":"a","model":"fraud","version":"v1","score":0.1,"score":null}',
    '{"id":"a","model":"fraud","version":"v1","id":null}',
  ])
  assert.deepEqual([batch.score[0], batch.score[1]], [0.2, Number.NaN])
  assert.deepEqual(reasons(rejected), ['2 missing-field'])
})

test('outcomes bring a label, a value or both, and are refused without either', () => {
  const fields = { label: at('y', { test: { kind: 'truthy' } }), value: at('eur', { scale: 100 }) } as const
  const { batch, rejected } = readOutcomes(
    [
      { id: 1, y: true },
      { id: 2, y: 0, eur: 1.5 },
      { id: 3, eur: -2 },
      { id: 4 },
      { id: 5, y: 'yes' },
      { id: 6, y: 1, eur: 'much' },
      { y: 1 },
    ],
    fields,
  )
  assert.equal(batch.count, 3)
  assert.deepEqual([...batch.label.subarray(0, 3)], [1, 0, Number.NaN])
  assert.deepEqual([...batch.value.subarray(0, 3)], [Number.NaN, 150, -200])
  assert.deepEqual([...batch.offset.subarray(0, 3)], [0, 1, 2])
  assert.deepEqual(reasons(rejected), ['3 missing-field', '4 wrong-type', '5 wrong-type', '6 missing-field'])
})

test('labels may be texts or numbers with a limit', () => {
  const fraud = readOutcomes([{ id: 1, y: 'chargeback' }, { id: 2, y: 'paid' }, { id: 3 }], {
    label: at('y', { test: { kind: 'equals', text: 'chargeback' } }),
  })
  assert.deepEqual([...fraud.batch.label.subarray(0, 2)], [1, 0])
  assert.deepEqual(reasons(fraud.rejected), ['2 missing-field'])
  const late = readOutcomes([{ id: 1, y: 15 }, { id: 2, y: 14.9 }, '{"id":3,"y":1e999}'], {
    label: at('y', { test: { kind: 'atLeast', limit: 15 } }),
  })
  assert.deepEqual([...late.batch.label.subarray(0, 2)], [1, 0])
  assert.deepEqual(reasons(late.rejected), ['2 not-finite'])
})

test('self-describing outcomes carry model, version and label, and need no id', () => {
  const described = inputOf({
    topic: 'settled',
    fields: { model: at('model'), version: at('version'), score: at('p'), label: at('y', { test: { kind: 'truthy' } }) },
  })
  const { batch, rejected } = describedIngest(layoutOf({ described }), 4).read(
    batchOf([
      { value: { model: 'fraud', version: 'v2', p: 0.7, y: 1 } },
      { value: { model: 'fraud', version: 'v2', p: 0.7 } },
      { value: { model: 'x', y: 1 } },
    ]),
  )
  assert.equal(batch.count, 1)
  assert.deepEqual([batch.version[0], batch.score[0], batch.label[0], batch.id1[0]], [1, 0.7, 1, 0])
  assert.deepEqual(reasons(rejected), ['1 missing-field', '2 unknown-model'])
})

test('batches of growing size leave nothing of the batch before in their rows', () => {
  const ingest = predictionIngest(layoutOf(), 4)
  const full = { ...GOOD, score: 0.5, unit: 'u', latencyMs: 3, error: true, decision: 'accept', features: { f1: 1, c1: 'cat1' } }
  for (const count of [3, 700, 5]) {
    const { batch } = ingest.read(batchOf(Array.from({ length: count }, (_, index) => ({ value: index % 2 === 0 ? full : GOOD }))))
    assert.equal(batch.count, count)
    for (let row = 0; row < count; row++) {
      const whole = row % 2 === 0
      assert.equal(batch.error[row], whole ? 1 : 0)
      assert.equal(batch.numberStates[0]![row], whole ? 0 : 1)
      assert.equal(Number.isNaN(batch.score[row]), !whole)
      assert.equal(batch.unit1[row] !== 0, whole)
    }
  }
})
