/** Taking a judge partition over: what is read back, who is fenced, and that a commit is all or nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogRecord, OutgoingRecord } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { type Tenure, takeOver } from '../../src/shell/tenure.ts'

const TOPICS = { state: 'state', control: 'control' }
const ID = 'judge-1'
const PARTITION = 1

async function world() {
  const broker = new MemoryBroker(systemClock)
  const log = new MemoryLog(broker)
  const topics = ['state', 'control', 'decisions']
  await log.admin.create(topics.map((topic) => ({ topic, partitions: 2, config: {} })))
  const reader = log.reader()
  const over = async (alive = () => true) => takeOver(log, reader, ID, PARTITION, TOPICS, alive)
  const values = async (topic: string): Promise<string[]> => {
    const found: string[] = []
    const { start, end } = (await log.admin.offsets(topic))[PARTITION]!
    await reader.readRange(topic, PARTITION, start, end, (record) => found.push(String(record.value)))
    return found
  }
  return { broker, log, over, values }
}

const record = (value: string, key = 'model'): OutgoingRecord => ({ key, value: Buffer.from(value) })
const texts = (records: readonly LogRecord[]) => records.map(({ value }) => String(value))
const decision = (value: string) => [
  { topic: 'decisions', record: record(value) },
  { topic: 'state', record: record(`state ${value}`) },
  { topic: 'control', record: record(`command ${value}`) },
]

test('a new owner reads back what was committed on state and control, in order, and none of the marks', async () => {
  const { over } = await world()
  const first = await over()
  assert.deepEqual([first!.state, first!.control, first!.partition], [[], [], PARTITION])
  await first!.commit(decision('1'))
  await first!.commit([{ topic: 'state', record: record('hidden', '__own') }, ...decision('2')])
  const second = await over()
  assert.deepEqual(texts(second!.state), ['state 1', 'state 2'])
  assert.deepEqual(texts(second!.control), ['command 1', 'command 2'])
})

test('the epoch rises with every take-over, whether or not anything was written between', async () => {
  const { over } = await world()
  const epochs: number[] = []
  for (let turn = 0; turn < 4; turn++) {
    const tenure = await over()
    epochs.push(tenure!.epoch)
    if (turn % 2 === 0) await tenure!.commit(decision(`${turn}`))
  }
  assert.deepEqual(
    epochs,
    [...new Set(epochs)].sort((a, b) => a - b),
  )
})

test('the owner before is fenced: its next commit fails, nothing of it is read, and it stays out', async () => {
  const { over, values } = await world()
  const old = await over()
  await old!.commit(decision('kept'))
  const fresh = await over()
  await assert.rejects(old!.commit(decision('zombie')), { code: 'FLY-KAFKA-006' })
  await assert.rejects(old!.commit(decision('zombie again')), /take over anew/)
  await fresh!.commit(decision('fresh'))
  assert.deepEqual(await values('decisions'), ['kept', 'fresh'])
})

test('what an owner left half written is neither read back nor waited for', async () => {
  const { log, over, values } = await world()
  const transactor = await log.transactor(ID)
  const left = await transactor.begin()
  await left.send('state', PARTITION, [record('half')])
  const tenure = await over()
  assert.deepEqual(tenure!.state, [])
  await assert.rejects(left.commit(), { code: 'FLY-KAFKA-006' })
  assert.deepEqual((await values('state')).length, 1)
})

test('a commit that fails in the middle leaves nothing, and the tenure is over', async () => {
  const { over, values } = await world()
  const tenure = (await over()) as Tenure
  await assert.rejects(tenure.commit([...decision('lost'), { topic: 'absent', record: record('x') }]), { code: 'FLY-KAFKA-005' })
  await assert.rejects(tenure.commit(decision('later')), /take over anew/)
  const next = await over()
  assert.deepEqual(next!.state, [])
  assert.deepEqual(await values('decisions'), [])
})

test('who has lost the partition already does not fence the one who has it', async () => {
  const { over } = await world()
  const owner = await over()
  assert.equal(await over(() => false), null)
  await owner!.commit(decision('still ours'))
})

test('a partition taken away during the take-over ends it, and the half owner can write nothing', async () => {
  const { over } = await world()
  const first = await over()
  await first!.commit(decision('1'))
  for (const looks of [0, 1, 2]) {
    let left = looks
    assert.equal(await over(() => left-- > 0), null)
  }
  assert.deepEqual(texts((await over())!.state), ['state 1'])
})

test('a take-over reads from the start of the log, wherever retention has put it', async () => {
  const { broker, over } = await world()
  const first = await over()
  for (const value of ['1', '2', '3']) await first!.commit(decision(value))
  broker.truncate('state', PARTITION, 4)
  assert.deepEqual(texts((await over())!.state), ['state 2', 'state 3'])
})
