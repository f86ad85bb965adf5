/** The benchmark's answers, on a log in memory: the same records, policy and comparison as `npm run bench:throughput`, and no clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences, readCells, readPeerCells, withWhole } from '../../bench/lib/answers.ts'
import { encodingOf, FORMATS } from '../../bench/lib/encodings.ts'
import { throughputPolicy } from '../../bench/lib/policies.ts'
import { type Cells, PARTITIONS, type WindowCell, Workload } from '../../bench/lib/workload.ts'
import { readOutcome, readPrediction } from '../../bench/peers/read-avro.ts'
import { startDaemon } from '../../src/daemon.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { fill } from '../simulation/fill.ts'
import type { Placed } from '../simulation/traffic.ts'

const PREDICTIONS = 20_000

function placed({ id, ts }: { readonly id: string; readonly ts: number }, value: Buffer): Placed {
  return { partition: partitionOf(Buffer.from(id), PARTITIONS), record: { key: id, value, timestampMs: ts } }
}

for (const format of FORMATS) {
  test(`a drain of the benchmark workload in ${format} counts every cell as the generator did`, async () => {
    const workload = new Workload()
    const drawn = Array.from({ length: PREDICTIONS }, () => workload.next())
    const outcomes = drawn.flatMap(({ outcome }) => (outcome === null ? [] : [outcome])).sort((one, other) => one.ts - other.ts)
    const topics = { format, predictions: `bench.${format}.predictions`, outcomes: `bench.${format}.outcomes` }
    const prefix = 'flyball.'
    const { layout, policy } = parsePolicy(throughputPolicy(topics, prefix), 'throughput.yaml')
    const encoding = encodingOf(format)
    const log = new MemoryLog(new MemoryBroker(systemClock))
    const predictions = drawn.map(({ prediction }) => placed(prediction, encoding.prediction(prediction)))
    const results = outcomes.map((outcome) => placed(outcome, encoding.outcome(outcome)))
    await fill(log, topics.predictions, PARTITIONS, predictions)
    await fill(log, topics.outcomes, PARTITIONS, results)
    const { partitions: judgePartitions } = policy.kafka
    const given = { log, layout, prefix, judgePartitions, clock: systemClock, emit: () => {}, version: 'test' }
    const daemon = await startDaemon({ ...given, createTopics: true, drain: true })
    await daemon.done
    const { cells } = await readCells(log, topicNames(prefix).panes)
    assert.equal(cells.size, 2 * 2 * 2 * 9) // windows × models × versions × (segments and the whole)
    assert.deepEqual(differences(withWhole(workload.truth), cells), [])
    await log.close()
  })
}

test('the policy of the benchmark is the example policy, but for the topics, the format and the prefix', () => {
  const topics = { format: 'json' as const, predictions: 'bench.predictions', outcomes: 'bench.outcomes' }
  const example = loadPolicy('examples/policies/throughput.yaml')
  assert.deepEqual(parsePolicy(throughputPolicy(topics, 'flyball.'), 'throughput.yaml').layout, example.layout)
})

test('what the reader of Avro written by hand finds is what the generator drew', () => {
  const workload = new Workload()
  const encoding = encodingOf('avro')
  for (let index = 0; index < 500; index++) {
    const { prediction, outcome } = workload.next()
    const found = readPrediction(encoding.prediction(prediction))
    assert.deepEqual(JSON.parse(JSON.stringify(found)), { ...prediction })
    if (outcome !== null) assert.deepEqual(readOutcome(encoding.outcome(outcome)), outcome)
  }
})

test('results of a peer add up to the cells of the generator, parts of a window from two partitions included', async () => {
  const [workload, half] = [new Workload(), new Workload()]
  for (let index = 0; index < 400; index++) workload.next()
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'results', partitions: 1, config: {} }])
  for (let index = 0; index < 150; index++) half.next()
  const results = [...half.truth, ...rest(workload.truth, half.truth)].map(([key, cell]) => {
    const [model, version, segment, windowStart] = key.split('|')
    const features = cell.features.map((counts) => [...counts])
    const histograms = { latency: [...cell.latency], score: [...cell.score], features, c1: [...cell.c1] }
    const value = JSON.stringify({ model, version, segment, windowStart: Number(windowStart), ...cell, ...histograms })
    return { key, value: Buffer.from(value) }
  })
  const writer = await log.writer()
  await writer.send('results', 0, results)
  const { cells } = await readPeerCells(log, 'results')
  assert.deepEqual(differences(workload.truth, cells), [])
  await log.close()
})

/** What the whole has beyond a part of it. */
function rest(whole: Cells, part: Cells): [string, WindowCell][] {
  const minus = (counts: Float64Array, others: Float64Array | undefined) => counts.map((count, index) => count - (others?.[index] ?? 0))
  return [...whole].map(([key, cell]) => {
    const other = part.get(key)
    const numbers = (['count', 'errors', 'joined', 'correct', 'brier', 'residual'] as const).map((name) => [
      name,
      cell[name] - (other?.[name] ?? 0),
    ])
    const features = cell.features.map((counts, index) => minus(counts, other?.features[index]))
    const histograms = {
      latency: minus(cell.latency, other?.latency),
      score: minus(cell.score, other?.score),
      features,
      c1: minus(cell.c1, other?.c1),
    }
    return [key, { ...Object.fromEntries(numbers), ...histograms } as WindowCell]
  })
}

test('an answer that is off by one request in one bin is told apart', () => {
  const [right, wrong] = [new Workload(), new Workload()]
  for (let index = 0; index < 500; index++) for (const workload of [right, wrong]) workload.next()
  const [key, cell] = [...wrong.truth][3]!
  cell.features[2]![7]!++
  assert.deepEqual(
    differences(right.truth, wrong.truth).map((told) => told.split(' ')[0]),
    [`${key}:`],
  )
  wrong.truth.delete(key)
  assert.deepEqual(differences(right.truth, wrong.truth), [`${key}: missing`])
})
