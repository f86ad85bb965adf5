/** The benchmark's answers, on a log in memory: the same records, policy and comparison as `npm run bench:throughput`, and no clock. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { differences, readCells, withWhole } from '../../bench/lib/answers.ts'
import { PARTITIONS, Workload } from '../../bench/lib/workload.ts'
import { startDaemon } from '../../src/daemon.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { loadPolicy } from '../../src/policy/load.ts'
import { fill } from '../simulation/fill.ts'
import type { Placed } from '../simulation/traffic.ts'

const PREDICTIONS = 20_000

function placed(event: { readonly id: string; readonly ts: number }): Placed {
  const record = { key: event.id, value: Buffer.from(JSON.stringify(event)), timestampMs: event.ts }
  return { partition: partitionOf(Buffer.from(event.id), PARTITIONS), record }
}

test('a drain of the benchmark workload counts every cell as the generator did', async () => {
  const workload = new Workload()
  const drawn = Array.from({ length: PREDICTIONS }, () => workload.next())
  const outcomes = drawn.flatMap(({ outcome }) => (outcome === null ? [] : [outcome])).sort((one, other) => one.ts - other.ts)
  const { layout, policy } = loadPolicy('examples/policies/throughput.yaml')
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await fill(
    log,
    'bench.predictions',
    PARTITIONS,
    drawn.map(({ prediction }) => placed(prediction)),
  )
  await fill(log, 'bench.outcomes', PARTITIONS, outcomes.map(placed))
  const { prefix, partitions: judgePartitions } = policy.kafka
  const given = { log, layout, prefix, judgePartitions, clock: systemClock, emit: () => {}, version: 'test' }
  const daemon = await startDaemon({ ...given, createTopics: true, drain: true })
  await daemon.done
  const { cells } = await readCells(log, topicNames(prefix).panes)
  assert.equal(cells.size, 2 * 2 * 2 * 9) // windows × models × versions × (segments and the whole)
  assert.deepEqual(differences(withWhole(workload.truth), cells), [])
  await log.close()
})

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
