/** The streams of the latency and growth benchmarks are ones that Flyball can use in full; how fast is no test's business. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyPipeline, JsonBatches } from '../../bench/growth/pipeline.ts'
import { growthPolicy, growthRequest, OUTCOMES, PREDICTIONS } from '../../bench/growth/stream.ts'
import { livePolicy, liveRequest } from '../../bench/lib/live-policy.ts'
import { startDaemon } from '../../src/daemon.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { fill } from '../simulation/fill.ts'

const START_MS = 1_750_000_000_000
const topics = { predictions: PREDICTIONS, outcomes: OUTCOMES }

/** What a drain of these predictions and outcomes says of each topic. */
async function accounts(policyText: string, predictions: readonly object[], outcomes: readonly object[]) {
  const { layout, policy } = parsePolicy(policyText, 'bench.yaml')
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const placed = (event: object, index: number) => ({
    partition: 0,
    record: { key: null, value: Buffer.from(JSON.stringify(event)), timestampMs: START_MS + index },
  })
  await fill(log, PREDICTIONS, 1, predictions.map(placed))
  await fill(log, OUTCOMES, 1, outcomes.map(placed))
  const accounted = new Map<string, FlyballEvent & { event: 'records-accounted' }>()
  const emit = (event: FlyballEvent): void => {
    if (event.event === 'records-accounted') accounted.set(event.topic, event)
  }
  const { prefix, partitions: judgePartitions } = policy.kafka
  const given = { log, layout, prefix, judgePartitions, clock: systemClock, emit, version: 'test' }
  const daemon = await startDaemon({ ...given, createTopics: true, drain: true })
  await daemon.done
  await log.close()
  return [PREDICTIONS, OUTCOMES].map((topic) => ({ used: accounted.get(topic)?.used, dropped: accounted.get(topic)?.dropped }))
}

test('every request of the growth benchmark is used, however many models and segments there are', async () => {
  for (const [models, segments] of [
    [1, 64],
    [100, 1],
  ] as const) {
    const random = seededRandom(1)
    const requests = Array.from({ length: 300 }, (_, index) => ({
      ...growthRequest(random, index, models, segments),
      ts: START_MS + index,
    }))
    const outcomes = requests.map(({ id, ts }) => ({ id, ts, label: 1 }))
    const [ofPredictions, ofOutcomes] = await accounts(growthPolicy({ prefix: 'growth.', models, segments }), requests, outcomes)
    assert.deepEqual(ofPredictions, { used: 300, dropped: {} })
    assert.deepEqual(ofOutcomes, { used: 300, dropped: {} })
  }
})

test('every request of the latency benchmark is used, and as many fail as its conduct says', async () => {
  const random = seededRandom(1)
  const drawn = Array.from({ length: 1000 }, (_, index) =>
    liveRequest(random, `r${index}`, 'model-01', index % 20 ? 'v1' : 'v2', 0.2, START_MS),
  )
  const policy = livePolicy({ prefix: 'live.', topics, models: ['model-01'], slice: '1s', horizon: '10m', maxPending: 1000 })
  const outcomes = drawn.map(({ prediction, label }) => ({ id: prediction.id, time: START_MS, label }))
  const [ofPredictions, ofOutcomes] = await accounts(
    policy,
    drawn.map(({ prediction }) => prediction),
    outcomes,
  )
  assert.deepEqual(ofPredictions, { used: 1000, dropped: {} })
  assert.deepEqual(ofOutcomes, { used: 1000, dropped: {} })
  const failed = drawn.filter(({ prediction }) => prediction.error).length
  assert.equal(failed, drawn.filter((one) => one.failed).length)
  assert.ok(failed > 140 && failed < 260, `${failed} of 1000`)
})

test('the predictions of the memory benchmark all wait', () => {
  const pipeline = emptyPipeline(10_000)
  const batches = new JsonBatches(100)
  for (let from = 0; from < 3000; from += 100) pipeline.predictions(batches.make(from, 100, START_MS + from))
  assert.equal(pipeline.gauges().pending, 3000)
  assert.equal(pipeline.counters().predictions.used + pipeline.counters().predictions.waiting, 3000)
})
