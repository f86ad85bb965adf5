/** A daemon that signs and is strict: what it commands is signed, an unsigned request is refused by a decision, a signed one done. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogRecord, OperatorRequest } from '../../src/domain.ts'
import { SIGNATURE_HEADER, type Signer, signerOf, trustedKeyOf, verified } from '../../src/kit/signing.ts'
import { withSignature } from '../../src/shell/signatures.ts'
import { isInternalKey } from '../../src/wire/keys.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { requestOf } from '../judge/world.ts'
import { keysFor } from '../kit/keys.ts'
import { recordsIn } from './fill.ts'
import { MODEL, Stage } from './stage.ts'

const { folder, file } = keysFor('judge', 'ops-1', 'ops-2', 'stranger')

const policy = (strict: boolean): string => `
version: 1
environment: production
inputs:
  predictions: { topic: predictions }
timing: { slice: 5s, settling: 1s }
security:
  signing: { keyFile: "${folder}/judge.key", keyId: judge }
  trusted:
    - { keyId: ops-1, file: "${folder}/ops-1.pub" }
    - { keyId: ops-2, file: "${folder}/ops-2.pub", notAfter: "2020-01-01T00:00:00Z" }
  strict: ${strict}
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { dwell: 30d }
    guardrails:
      - { kind: error-rate, marginPoints: 1 }
`

function send(world: Stage, request: OperatorRequest, signer: Signer | null, environment = 'production'): void {
  const { topics, broker } = world
  broker.append(topics.requests, 0, [withSignature(signer, topics.requests, environment, requestRecord(request))], null)
}

function signerNamed(name: string): Signer {
  return signerOf(file(`${name}.key`), name)
}

function ask(id: string): OperatorRequest {
  return requestOf('freeze', { id, model: MODEL, who: 'root', knownBy: 'osUser' })
}

test('strict: unsigned, altered, foreign and outdated requests are refused by a decision each; a good one is done, by its key', async () => {
  const world = new Stage({ seed: 3, partitions: 2, policy: policy(true) })
  const life = await world.start()
  await world.run(40)
  send(world, ask('unsigned'), null)
  send(world, ask('stranger'), signerNamed('stranger'))
  send(world, ask('elsewhere'), signerNamed('ops-1'), 'staging')
  send(world, ask('outdated'), signerNamed('ops-2'))
  send(world, ask('good'), signerNamed('ops-1'))
  await world.run(5)
  const decisions = await world.decisions()
  await life.stop()
  const answers = decisions.flatMap(({ requestId, verdict, summary }) => (requestId === null ? [] : [[requestId, verdict.kind, summary]]))
  assert.deepEqual(answers, [
    ['unsigned', 'refused', `Refused to freeze ${MODEL}: it is not signed. Asked by root (OS user): a drill`],
    ['stranger', 'refused', `Refused to freeze ${MODEL}: it is signed by a key that is not trusted. Asked by root (OS user): a drill`],
    [
      'elsewhere',
      'refused',
      `Refused to freeze ${MODEL}: its signature is not that of key ops-1 over this record. Asked by root (OS user): a drill`,
    ],
    ['outdated', 'refused', `Refused to freeze ${MODEL}: the time of key ops-2 is over. Asked by root (OS user): a drill`],
    ['good', 'override', `Froze ${MODEL} by key ops-1: a drill`],
  ])
})

test('not strict: an unsigned request is done as ever, a signed one is by its key', async () => {
  const world = new Stage({ seed: 3, partitions: 2, policy: policy(false) })
  const life = await world.start()
  await world.run(40)
  send(world, ask('unsigned'), null)
  send(world, ask('good'), signerNamed('ops-1'))
  await world.run(5)
  const decisions = await world.decisions()
  await life.stop()
  assert.deepEqual(
    decisions.flatMap(({ requestId, summary }) => (requestId === null ? [] : [summary])),
    [`Froze ${MODEL} by root (OS user): a drill`, `Froze ${MODEL} by key ops-1: a drill`],
  )
})

test('every command on the control topic is signed, heartbeats too', async () => {
  const world = new Stage({ seed: 3, partitions: 2, policy: policy(false) })
  const life = await world.start()
  await world.run(60)
  const records = await world.whileTimePasses(recordsIn(world.log, world.topics.control))
  await life.stop()
  const commands = records.map(({ record }) => record).filter(({ key, value }) => value !== null && !isInternalKey(key))
  assert.ok(commands.length > 2)
  const trusted = [trustedKeyOf(file('judge.pub'), 'judge', null)]
  const place = { topic: world.topics.control, key: MODEL, environment: 'production' }
  const header = (record: LogRecord) => record.headers.find(([name]) => name === SIGNATURE_HEADER)?.[1].toString()
  for (const record of commands)
    assert.deepEqual(verified(trusted, header(record), { ...place, value: record.value! }, 0), { keyId: 'judge' })
})
