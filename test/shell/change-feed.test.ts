/** The topic of changes: read whole, followed, and never in the way. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { ChangeFeed, concerns, DueChanges } from '../../src/shell/change-feed.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'

const BEGIN_MS = 1_700_000_000_000

async function world(ids: readonly (readonly [string, number])[]) {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'changes', partitions: 2, config: {} }])
  const told: string[] = []
  const emit = (event: FlyballEvent) => void (event.event === 'problem' && told.push(event.message))
  const write = async (partition: number, values: readonly unknown[]) => {
    if (values.length === 0) return
    const writer = await log.writer()
    await writer.send(
      'changes',
      partition,
      values.map((value) => ({ key: null, value: Buffer.from(JSON.stringify(value)), timestampMs: BEGIN_MS })),
    )
    await writer.close()
  }
  await write(
    0,
    ids.map(([id, second]) => ({ id, what: id, time: BEGIN_MS + second * 1000 })),
  )
  return { context: { log, topic: 'changes', clock: systemClock, emit }, told, write }
}

const ids = (changes: readonly { readonly id: string }[]) => changes.map(({ id }) => id)

test('each change is handed on once, when its time has come, the last word about it alone', async () => {
  const { context, write } = await world([
    ['a', 1],
    ['c', 30],
    ['b', 5],
  ])
  await write(1, [{ id: 'b', what: 'corrected', time: BEGIN_MS + 6000 }])
  const feed = new ChangeFeed(context, false)
  await feed.ready
  const due = new DueChanges(feed)
  assert.deepEqual(ids(due.take(BEGIN_MS + 5000)), ['a'])
  assert.deepEqual(due.take(BEGIN_MS + 10_000), [{ id: 'b', kind: 'other', what: 'corrected', who: '', model: '', atMs: BEGIN_MS + 6000 }])
  assert.deepEqual([ids(due.take(BEGIN_MS + 60_000)), due.take(BEGIN_MS + 90_000)], [['c'], []])
  assert.deepEqual(ids(new DueChanges(feed).take(BEGIN_MS + 60_000)).sort(), ['a', 'b', 'c'], 'another judge has its own place')
  await feed.stop()
})

test('a running daemon hears what comes later, and broken records are told with their place and passed over', async () => {
  const { context, told, write } = await world([['a', 0]])
  const feed = new ChangeFeed(context, true)
  await feed.ready
  const due = new DueChanges(feed)
  assert.deepEqual(ids(due.take(BEGIN_MS)), ['a'])
  await write(1, [{ id: 7 }, { id: 'b', what: 'b', time: BEGIN_MS }])
  let found: readonly { readonly id: string }[] = []
  while (found.length === 0) {
    await systemClock.sleep(20)
    found = due.take(BEGIN_MS)
  }
  assert.deepEqual(ids(found), ['b'])
  assert.match(told.join('\n'), /^changes\/1 offset 0: FLY-WIRE-001 .*id must be text \(refused so far: 1\)$/)
  await feed.stop()
})

test('a flood of junk is counted and not told one by one', async () => {
  const { context, told, write } = await world([])
  await write(
    0,
    Array.from({ length: 2500 }, () => 'junk'),
  )
  const feed = new ChangeFeed(context, false)
  await feed.ready
  assert.equal(told.length, 22)
  assert.match(told.at(-1)!, /refused so far: 2000/)
  await feed.stop()
})

test('a topic that does not exist is told, and nobody waits for it', async () => {
  const { context, told } = await world([])
  const feed = new ChangeFeed({ ...context, topic: 'nowhere' }, false)
  await feed.ready
  assert.deepEqual([feed.since(0).changes, told.length], [[], 1])
  const following = new ChangeFeed({ ...context, topic: 'nowhere' }, true)
  await following.stop()
})

test('a change without a model concerns all of them', () => {
  const change = { id: 'a', kind: 'other', what: '', who: '', model: '', atMs: 0 } as const
  assert.deepEqual([concerns(change, 'fraud'), concerns({ ...change, model: 'fraud' }, 'fraud')], [true, true])
  assert.equal(concerns({ ...change, model: 'churn' }, 'fraud'), false)
})
