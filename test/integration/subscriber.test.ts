/** The SDK on a real broker: transactions, aborted commands, acks, and a broker that dies and comes back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { commandOf } from '../subscriber/commands.ts'
import { withBroker } from './broker.ts'
import { GatewayStage } from './gateway-stage.ts'

const broker = withBroker({ needsProcess: true })

test(
  'a gateway obeys what was committed, ignores what was aborted, and lives through the death of its broker',
  broker.options,
  async () => {
    const stage = new GatewayStage(`${broker.unique('p')}.`, await broker.connect())
    await stage.open()
    const log = await broker.connect()
    const problems: Error[] = []
    const models = { fraud: { control: 'v1' } }
    await stage.command(commandOf(10, { sequence: 1 }))
    const governor = createGovernor({
      log,
      prefix: stage.prefix,
      models,
      gateway: 'g1',
      presenceMs: 300,
      onProblem: (problem) => problems.push(problem),
    })
    try {
      await governor.ready()
      assert.equal(governor.state('fraud').weights['v2'], 10)
      await stage.ack('the ack', (ack) => ack.kind === 'applied' && ack.sequence === 1)
      await stage.command(commandOf(50, { sequence: 2 }), 'abort')
      await stage.command(commandOf(20, { sequence: 3 }))
      await stage.ack('the second ack', (ack) => ack.kind === 'applied' && ack.sequence === 3)
      await stage.command(commandOf(90, { sequence: 2 }))
      const stale = await stage.ack('the answer', (ack) => ack.kind === 'stale')
      assert.deepEqual([stale.commandId, stale.sequence], ['fraud-1-2', 3])

      await broker.running.kill(0)
      for (let unit = 0; unit < 50; unit++) governor.route('fraud', `unit-${unit}`)
      assert.equal(governor.state('fraud').weights['v2'], 20)
      await broker.running.restart(0)
      await stage.command(commandOf(0, { sequence: 4 }))
      await stage.ack('the ack after the return', (ack) => ack.kind === 'applied' && ack.sequence === 4, 30_000)
      const present = await stage.ack('presence', (ack) => ack.kind === 'presence' && ack.sequence === 4)
      assert.equal((present.routed['v1'] ?? 0) + (present.routed['v2'] ?? 0), 50)
      assert.equal(stage.acks.filter((ack) => ack.kind === 'applied' && ack.sequence === 2).length, 0)
    } finally {
      await governor.stop()
      await stage.close()
    }
  },
)
