/** The last words about one model, without reading a long audit log whole. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Decision } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { newestDecisions } from '../../src/shell/newest-decisions.ts'
import { DECISION_HEADERS, encodeDecision } from '../../src/wire/decisions.ts'
import { decision } from '../wire/records.ts'

const TOPIC = 'decisions'

/** Counts what is read of it. */
class CountedLog extends MemoryLog {
  records = 0

  override reader() {
    const reader = super.reader()
    const counted: typeof reader.readRange = (topic, partition, from, to, each) => {
      this.records += to - from
      return reader.readRange(topic, partition, from, to, each)
    }
    return { readRange: counted, close: () => reader.close() } as typeof reader
  }
}

async function logOf(decisions: readonly Decision[]): Promise<CountedLog> {
  const log = new CountedLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: TOPIC, partitions: 1, config: {} }])
  const writer = await log.writer()
  const records = decisions.map((each) => ({ key: each.model, value: encodeDecision(each), headers: DECISION_HEADERS }))
  if (records.length > 0) await writer.send(TOPIC, 0, records)
  await writer.close()
  return log
}

function said(number: number, model = 'fraud'): Decision {
  return { ...decision, model, number, readings: [], verdict: { kind: number % 1000 === 0 ? 'start' : 'acked', rule: '', note: '' } }
}

const isStart = ({ verdict }: Decision): boolean => verdict.kind === 'start'

test('only the end of a long log is read, as far back as it takes', async () => {
  const log = await logOf(Array.from({ length: 6_000 }, (_, index) => said(index + 1)))
  assert.equal((await newestDecisions(log, TOPIC, 'fraud', () => true)).at(-1)!.number, 6_000)
  assert.equal(log.records, 500)
  const back = await logOf(Array.from({ length: 6_700 }, (_, index) => said(index + 1)))
  const found = await newestDecisions(back, TOPIC, 'fraud', isStart)
  assert.deepEqual([found.findLast(isStart)!.number, found.at(-1)!.number, back.records], [6_000, 6_700, 1_500])
  assert.deepEqual(
    found.map(({ number }) => number),
    Array.from({ length: 1_500 }, (_, index) => 5_201 + index),
    'whole, and in their order',
  )
})

test('where other models fill the partition it is read to its beginning, and what is not there is not found', async () => {
  const log = await logOf([said(1), ...Array.from({ length: 2_000 }, (_, index) => said(index + 1, 'other'))])
  assert.deepEqual(
    (await newestDecisions(log, TOPIC, 'fraud', isStart)).map(({ number }) => number),
    [1],
  )
  assert.equal(log.records, 2_001)
  assert.deepEqual(await newestDecisions(log, TOPIC, 'nobody', () => true), [])
  assert.deepEqual(await newestDecisions(await logOf([]), TOPIC, 'fraud', () => true), [])
})
