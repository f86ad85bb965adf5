/** An audit beside a judge at work, and over a log with a damaged batch: it waits where it must, and reads on where it can. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RawRecord } from '../../src/audit/audit.ts'
import { ALL } from '../../src/audit/findings.ts'
import type { EventLog, ReaderOptions } from '../../src/kafka/contract.ts'
import { CorruptBatch } from '../../src/kafka/failures.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { versionHeaders } from '../../src/wire/versions.ts'
import { chainOf, short, stateAfter } from '../audit/chains.ts'

const topics = { decisions: 'decisions', state: 'state' }
const records = chainOf('fraud', 5)

function world(count: number, states: readonly number[]) {
  const broker = new MemoryBroker(systemClock)
  for (const topic of Object.values(topics)) broker.create({ topic, partitions: 1, config: {} })
  const put = (topic: string, { key, value, version }: RawRecord) =>
    broker.append(topic, 0, [{ key, value, headers: versionHeaders(version) }], null)
  const decide = (number: number) => put(topics.decisions, records[number - 1]!)
  const store = (number: number) => put(topics.state, stateAfter(records, 'fraud', number))
  for (let number = 1; number <= count; number++) decide(number)
  for (const number of states) store(number)
  return { log: new MemoryLog(broker), decide, store }
}

/** A clock whose sleeps do something instead of passing. */
function clockThat(wakes: (sleep: number) => void) {
  let sleeps = 0
  return { ...systemClock, sleep: async () => wakes(++sleeps), slept: () => sleeps }
}

test('log and state that agree are not waited for', async () => {
  const clock = clockThat(() => assert.fail('no need to wait'))
  const { log } = world(5, [4, 5])
  assert.deepEqual((await verifyChains(log, topics, ALL, clock)).report().findings, [])
})

test('a judge that is one step ahead in state, or in the log, is waited for', async () => {
  const ahead = world(4, [5])
  const decides = clockThat((sleep) => void (sleep === 2 && ahead.decide(5)))
  assert.deepEqual((await verifyChains(ahead.log, topics, ALL, decides)).report().findings, [])
  assert.equal(decides.slept(), 2)
  const behind = world(5, [4])
  const stores = clockThat((sleep) => void (sleep === 1 && behind.store(5)))
  const [fraud] = (await verifyChains(behind.log, topics, ALL, stores)).report().models
  assert.deepEqual([fraud!.records, fraud!.headVouched], [5, true])
})

test('what stays apart is told after the last look, and no record is counted twice for having looked often', async () => {
  const clock = clockThat(() => undefined)
  const report = (await verifyChains(world(4, [5]).log, topics, ALL, clock)).report()
  assert.deepEqual(short(report), ['missing 5@none'])
  assert.equal(report.models[0]!.records, 4)
  assert.ok(clock.slept() > 5)
})

test('many models decide without rest: each settles at its time, and a chain that nobody knows is the only finding', async () => {
  const names = Array.from({ length: 40 }, (_, at) => `model-${at}`)
  const chains = names.map((name) => chainOf(name, 60))
  const broker = new MemoryBroker(systemClock)
  for (const topic of Object.values(topics)) broker.create({ topic, partitions: 1, config: {} })
  const put = (topic: string, { key, value, version }: RawRecord) =>
    broker.append(topic, 0, [{ key, value, headers: versionHeaders(version) }], null)
  const decided = names.map(() => 0)
  const decide = (at: number) => {
    put(topics.decisions, chains[at]![decided[at]!]!)
    put(topics.state, stateAfter(chains[at]!, names[at]!, ++decided[at]!))
  }
  const all = () => void names.forEach((_, at) => void decide(at))
  all()
  for (const record of chainOf('ghost', 2)) put(topics.decisions, record)
  const log = new MemoryLog(broker)
  // Between any two looks at where a topic ends every model decides.
  const offsets: typeof log.admin.offsets = (topic) => {
    if (decided[0]! < 60) all()
    return log.admin.offsets(topic)
  }
  const admin = new Proxy(log.admin, { get: (of, name) => (name === 'offsets' ? offsets : Reflect.get(of, name).bind(of)) })
  const busy = { admin, reader: () => log.reader() } as unknown as EventLog
  const report = (
    await verifyChains(
      busy,
      topics,
      ALL,
      clockThat(() => undefined),
      { rounds: 10 },
    )
  ).report()
  assert.deepEqual(
    report.findings.map(({ kind, model }) => [kind, model]),
    [['foreign', 'ghost']],
  )
  assert.ok(report.models.every(({ model, headVouched }) => headVouched === (model !== 'ghost')))
})

/** The batch at this offset cannot be read, nor can what a broker would send in one answer with it. */
function damagedAt(log: EventLog, bad: number): EventLog {
  const reader = (options: ReaderOptions = {}) => {
    const sound = log.reader(options)
    const readRange: typeof sound.readRange = async (topic, partition, from, to, each) => {
      const meets = from <= bad && (to > bad || options.maxBytesPerPartition !== 1)
      if (topic === topics.decisions && meets) throw new CorruptBatch(bad, 'CRC mismatch', topic, partition)
      return sound.readRange(topic, partition, from, to, each)
    }
    return { readRange, close: () => sound.close() }
  }
  return { admin: log.admin, reader } as unknown as EventLog
}

test('a damaged batch is named, and what lies behind it is read', async () => {
  const { log } = world(5, [5])
  const report = (await verifyChains(damagedAt(log, 2), topics, ALL, systemClock)).report()
  assert.deepEqual(short(report).sort(), ['damaged null@2', 'missing 3@none'])
  assert.deepEqual([report.models[0]!.records, report.models[0]!.headVouched], [4, true])
})
