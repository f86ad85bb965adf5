/** What requests use, from a policy's mapping to columns: each way of reading JSON, and Avro, gives the same. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after } from 'node:test'
import avro from 'avsc'
import { batchOf } from '../../scripts/fuzz/batches.ts'
import type { RecordBatch } from '../../src/domain.ts'
import type { Way } from '../../src/ingest/decoder.ts'
import { predictionIngest } from '../../src/ingest/ingest.ts'
import { systemClock } from '../../src/kit/clock.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { parsePolicy } from '../../src/policy/load.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-resources-'))
after(() => rmSync(folder, { recursive: true }))

const WAYS: readonly Way[] = ['program', 'steps', 'definition']
const OK = 0
const MISSING = 1
const WRONG_TYPE = 2
const NOT_FINITE = 3

/** A feature of the same name: two columns. */
const layoutOf = (input: string): Layout =>
  parsePolicy(
    `version: 1
inputs:
  predictions: { topic: predictions, ${input} }
models:
  chat:
    control: v1
    candidate: v2
    features: { gpuMs: { low: 0, high: 1 } }
    resources: { gpuMs: { bounds: { high: 500 } }, costUsd: { bounds: { high: 0.02 } } }
`,
    join(folder, 'flyball.yaml'),
  ).layout

const MAPPED = 'resources: { gpuMs: usage.gpu_ms, costUsd: { path: [usage, cost.usd] } }'

function columns(layout: Layout, records: RecordBatch, way: Way) {
  const { batch, rejected } = predictionIngest(layout, 4, systemClock, way).read(records)
  assert.deepEqual(rejected, [])
  const slots = layout.predictions.numbers.map(({ name, resource = false }, slot) => ({ name, resource, slot }))
  const of = (name: string) => slots.find((each) => each.name === name && each.resource)!.slot
  return ['gpuMs', 'costUsd'].map((name) => ({
    values: [...batch.numbers[of(name)]!.subarray(0, batch.count)],
    states: [...batch.numberStates[of(name)]!.subarray(0, batch.count)],
  }))
}

const served = (id: number, usage: unknown) => ({ id: `a${id}`, model: 'chat', version: 'v1', features: { gpuMs: 7 }, usage })

test('what a request used is read where the policy says, by each way of reading JSON, and whatever is no number is none', () => {
  const layout = layoutOf(MAPPED)
  const usages = [
    { gpu_ms: 12.5, 'cost.usd': 0.004 },
    { gpu_ms: 0, 'cost.usd': 1e-7 },
    { 'cost.usd': 0.004 },
    { gpu_ms: null, 'cost.usd': '0.004' },
    { gpu_ms: true, 'cost.usd': 0.5 },
    { gpu_ms: [3], 'cost.usd': {} },
    'none',
  ]
  const texts = usages.map((usage, index) => JSON.stringify(served(index, usage)))
  texts.push(JSON.stringify(served(90, { gpu_ms: -3, 'cost.usd': 0 })).replace('-3', '1e999'))
  // The usual shape often enough that it is learned, then what differs from it, then the usual one again.
  const all = [...Array.from({ length: 40 }, () => texts[0]!), ...texts, ...Array.from({ length: 40 }, () => texts[0]!)]
  for (const way of WAYS) {
    const [gpuMs, costUsd] = columns(layout, batchOf(all.map((value) => ({ value }))), way)
    assert.deepEqual(gpuMs!.values.slice(40, 48), [12.5, 0, Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN, Number.NaN], way)
    assert.deepEqual(gpuMs!.states.slice(40, 48), [OK, OK, MISSING, MISSING, WRONG_TYPE, WRONG_TYPE, WRONG_TYPE, NOT_FINITE], way)
    assert.deepEqual(costUsd!.values.slice(40, 45), [0.004, 1e-7, 0.004, Number.NaN, 0.5], way)
    assert.deepEqual([gpuMs!.values[87], costUsd!.values[87]], [12.5, 0.004], way)
  }
})

test('a feature and a resource of one name are two columns, and resources lie at resources.<name> when nothing is mapped', () => {
  const layout = layoutOf('format: json')
  const record = { ...served(1, {}), resources: { gpuMs: 3, costUsd: 0.25 } }
  const { batch } = predictionIngest(layout, 4).read(batchOf([{ value: record }]))
  assert.deepEqual(
    layout.predictions.numbers.map(({ name, resource }, slot) => [name, resource ?? false, batch.numbers[slot]![0]]),
    [
      ['gpuMs', false, 7],
      ['gpuMs', true, 3],
      ['costUsd', true, 0.25],
    ],
  )
})

test('an Avro topic gives the same numbers as the same requests in JSON', () => {
  const optional = ['null', 'double']
  const schema = {
    type: 'record',
    name: 'Prediction',
    fields: [
      ...['id', 'model', 'version'].map((name) => ({ name, type: 'string' })),
      { name: 'features', type: { type: 'map', values: 'double' } },
      {
        name: 'usage',
        type: {
          type: 'record',
          name: 'Usage',
          fields: [
            { name: 'gpu_ms', type: optional },
            { name: 'cost', type: ['null', 'float'] },
          ],
        },
      },
    ],
  }
  writeFileSync(join(folder, 'prediction.avsc'), JSON.stringify(schema))
  const mapped = 'resources: { gpuMs: usage.gpu_ms, costUsd: usage.cost }'
  const type = avro.Type.forSchema(schema as never, { wrapUnions: 'never' } as never)
  const events = Array.from({ length: 60 }, (_, index) =>
    served(index, { gpu_ms: index % 7 === 0 ? null : index * 1.5, cost: index % 5 === 0 ? null : Math.fround(index / 1000) }),
  )
  for (const way of WAYS) {
    const json = columns(layoutOf(mapped), batchOf(events.map((value) => ({ value }))), way)
    const asAvro = `format: avro, schemaFile: prediction.avsc, ${mapped}`
    assert.deepEqual(columns(layoutOf(asAvro), batchOf(events.map((value) => ({ value: type.toBuffer(value) }))), way), json, way)
  }
})
