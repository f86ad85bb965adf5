/** A person takes the wheel over the log in memory: the judge is fenced, the command stands, and sequence and epoch go on from the last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { takeOver } from '../../src/shell/tenure.ts'
import { lastCommands, readCommands } from '../../src/shell/topic-reads.ts'
import { controlHeaders, encodeCommand } from '../../src/wire/control.ts'
import { layoutOf, modelLayout } from '../judge/world.ts'
import { commandOf } from '../subscriber/commands.ts'

const PREFIX = 'flyball.'
const PARTITIONS = 3
const model = modelLayout()
const topics = topicNames(PREFIX)
const partition = partitionOf(Buffer.from(model.name), PARTITIONS)

async function world() {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create(ownTopics(PREFIX, PARTITIONS, 2))
  const reader = log.reader()
  const judge = () => takeOver(log, reader, `${PREFIX}judge-${partition}`, partition, topics, () => true)
  const breakIt = () =>
    breakGlass({ log, layout: layoutOf(model), prefix: PREFIX, model, who: 'ana', reason: 'wrong fares', clock: systemClock })
  return { log, judge, breakIt }
}

const commandRecord = (epoch: number, sequence: number, issuedAtMs = 0) => {
  const command = commandOf(50, { model: model.name, epoch, sequence, issuedAtMs })
  return { topic: topics.control, record: { key: model.name, value: encodeCommand(command), headers: controlHeaders(command) } }
}

test('the command is on the control topic when it returns, and sends everything to the control version', async () => {
  const { log, breakIt } = await world()
  const command = await breakIt()
  assert.deepEqual(command.weights, { v1: 100, v2: 0 })
  assert.deepEqual([command.kind, command.rule, command.sequence], ['override', 'break-glass', 1])
  assert.match(command.reason, /ana: wrong fares/)
  assert.deepEqual((await readCommands(log, topics.control)).get(model.name), command)
})

test('the judge that was at work is out, and the one that takes over finds the command last', async () => {
  const { judge, breakIt, log } = await world()
  const atWork = await judge()
  await atWork!.commit([commandRecord(atWork!.epoch, 1)])
  const command = await breakIt()
  await assert.rejects(atWork!.commit([commandRecord(atWork!.epoch, 2)]), { code: 'FLY-KAFKA-006' })
  const next = await judge()
  assert.equal(next!.control.length, 2)
  assert.deepEqual((await readCommands(log, topics.control)).get(model.name), command)
})

test('epoch and sequence are beyond those of the last command, even when the topics were made anew, and time does not run backwards', async () => {
  const { judge, breakIt } = await world()
  const later = systemClock.nowMs() + 3_600_000
  const atWork = await judge()
  await atWork!.commit([commandRecord(1_000_000, 41, later)])
  const command = await breakIt()
  assert.deepEqual([command.epoch, command.sequence, command.issuedAtMs], [1_000_001, 42, later])
  const again = await breakIt()
  assert.ok(again.epoch > command.epoch && again.sequence === 43 && again.id !== command.id)
})

test('bytes that are no command, and forged commands that are lower, keep neither a person nor the judge out', async () => {
  const { log, judge, breakIt } = await world()
  const atWork = await judge()
  await atWork!.commit([commandRecord(5, 3)])
  const writer = await log.writer()
  const stranger = { key: 'another', value: commandRecord(99, 1).record.value }
  await writer.send(topics.control, partition, [{ key: model.name, value: Buffer.from('garbage') }, commandRecord(0, 9).record, stranger])
  const found = (await readCommands(log, topics.control)).get(model.name)
  assert.deepEqual([found?.epoch, found?.sequence], [5, 3])
  const command = await breakIt()
  assert.ok(command.epoch > 5 && command.epoch < 99)
  assert.equal(command.sequence, 4)
  const problems: string[] = []
  const next = await judge()
  assert.deepEqual(lastCommands(next!.control, ({ code }) => problems.push(code)).get(model.name), command)
  assert.deepEqual(problems, ['FLY-WIRE-001'])
})

test('without a control topic it says which topic is missing', async () => {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  const options = { log, layout: layoutOf(model), prefix: PREFIX, model, who: 'ana', reason: 'r', clock: systemClock }
  await assert.rejects(breakGlass(options), { code: 'FLY-KAFKA-005', message: /flyball\.control/ })
})
