/** A gateway that takes part in drills obeys the shadows of its models, and routes nobody by them; one that does not takes no notice. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { createGovernor, type Governor } from '../../src/subscriber/subscriber.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { commandOf, handClock } from './commands.ts'

async function gateway(drills: boolean): Promise<Governor> {
  const clock = handClock()
  const broker = new MemoryBroker(clock)
  for (const topic of ['flyball.control', 'flyball.acks']) broker.create({ topic, partitions: 1, config: {} })
  const command = { ...commandOf(100), model: 'fraud.drill' }
  broker.append('flyball.control', 0, [{ key: command.model, value: encodeCommand(command) }], null)
  const governor = createGovernor({ log: new MemoryLog(broker), gateway: 'g1', models: { fraud: { control: 'v1' } }, clock, drills })
  await governor.ready()
  return governor
}

test('with drills: true the shadow is obeyed, and users are routed as before', async () => {
  const governor = await gateway(true)
  assert.deepEqual(governor.state('fraud.drill').weights, commandOf(100).weights)
  assert.equal(governor.route('fraud', 'somebody'), 'v1')
  assert.deepEqual(governor.state('fraud.drill').routed, {})
  await governor.stop()
})

test('without it the shadow is no model of the gateway', async () => {
  const governor = await gateway(false)
  assert.throws(() => governor.state('fraud.drill'), /fraud\.drill is not among the options/)
  await governor.stop()
})
