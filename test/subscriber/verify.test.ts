/** A gateway that verifies obeys what a trusted key has signed, drops the rest, and says so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Command } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { type Signer, signerOf } from '../../src/kit/signing.ts'
import { withSignature } from '../../src/shell/signatures.ts'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { keysFor } from '../kit/keys.ts'
import { commandOf, handClock } from './commands.ts'

const { file } = keysFor('judge', 'stranger')
const CONTROL = 'flyball.control'

function written(command: Command, signer: Signer | null, topic = CONTROL) {
  return withSignature(signer, topic, command.environment, { key: command.model, value: encodeCommand(command) })
}

test('unsigned, foreign and moved commands are dropped with a word each, and the signed one among them is obeyed', async () => {
  const clock = handClock()
  const broker = new MemoryBroker(clock)
  for (const topic of [CONTROL, 'flyball.acks']) broker.create({ topic, partitions: 1, config: {} })
  const [judge, stranger] = ['judge', 'stranger'].map((name) => signerOf(file(`${name}.key`), name))
  broker.append(
    CONTROL,
    0,
    [
      written(commandOf(5, { sequence: 1 }), judge!),
      written(commandOf(50, { sequence: 2 }), null),
      written(commandOf(60, { sequence: 3 }), stranger!),
      written(commandOf(70, { sequence: 4 }), judge!, 'other.control'),
    ],
    null,
  )
  const problems: string[] = []
  const governor = createGovernor({
    log: new MemoryLog(broker),
    models: { fraud: { control: 'v1' } },
    gateway: 'g1',
    clock,
    verify: [{ keyId: 'judge', publicKeyFile: file('judge.pub') }],
    onProblem: ({ message }) => problems.push(message),
  })
  await governor.ready()
  assert.equal(governor.state('fraud').command?.sequence, 1)
  await governor.stop()
  assert.deepEqual(problems, [
    'command fraud-1-2 is dropped: it is not signed',
    'command fraud-1-3 is dropped: it is signed by a key that is not trusted',
    'command fraud-1-4 is dropped: its signature is not that of key judge over this record',
  ])
})

test('a key file that holds no key stops the gateway at its start', () => {
  const broker = new MemoryBroker(handClock())
  const options = { log: new MemoryLog(broker), models: {}, gateway: 'g1', verify: [{ keyId: 'judge', publicKeyFile: file('none.pub') }] }
  assert.throws(() => createGovernor(options), /is no Ed25519 public key/)
})
