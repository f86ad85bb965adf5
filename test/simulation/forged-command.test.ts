/**
 * Somebody who may write `control` forges a command. A judge that signs does not adopt it when it takes over: it says again what was
 * decided last, above it, and calls people. A glass that is broken with an operator's key is adopted as ever.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL } from '../../src/audit/findings.ts'
import type { Command } from '../../src/domain.ts'
import { signerOf } from '../../src/kit/signing.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { withSignature } from '../../src/shell/signatures.ts'
import { readAlerts } from '../../src/shell/topic-reads.ts'
import { controlHeaders, encodeCommand } from '../../src/wire/control.ts'
import { requestRecord } from '../../src/wire/requests.ts'
import { requestOf } from '../judge/world.ts'
import { keysFor } from '../kit/keys.ts'
import { MODEL, Stage } from './stage.ts'

const { folder, file } = keysFor('judge', 'ops-1', 'stranger')

/** That a command can bear. */
const HIGHEST = Number.MAX_SAFE_INTEGER - 1

const SECURITY = `
security:
  signing: { keyFile: "${folder}/judge.key", keyId: judge }
  trusted:
    - { keyId: ops-1, file: "${folder}/ops-1.pub" }
`

const policy = (security: string): string => `
version: 1
environment: production
inputs: { predictions: { topic: predictions } }
timing: { slice: 5s, settling: 1s }
${security}
models:
  ${MODEL}:
    control: v1
    candidate: v2
    mode: enforce
    ladder: { steps: [20, 50, 100], dwell: 30d }
    guardrails:
      - { kind: error-rate, marginPoints: 10 }
`

/** On its first rung, killed; then somebody writes `control`, and another judge takes over. */
async function afterForging(security: string, forge: (world: Stage, last: Command) => Promise<void> | void, seed = 5) {
  const world = new Stage({ seed, partitions: 2, policy: policy(security) })
  const first = await world.start()
  await world.runUntilShare(20, 60)
  await world.run(20)
  await first.kill()
  const last = (await world.commands()).at(-1)!
  await forge(world, last)
  // The gateway of this stage verifies nothing.
  await world.run(2)
  const moved = world.gateway.share
  const second = await world.start()
  await world.run(40)
  return { world, last, moved, second }
}

function append({ broker, topics }: Stage, command: Command, key: string | null): void {
  const record = { key: command.model, value: encodeCommand(command), headers: controlHeaders(command) }
  const signer = key === null ? null : signerOf(file(`${key}.key`), key === 'stranger' ? 'ops-1' : key)
  broker.append(topics.control, 0, [withSignature(signer, topics.control, command.environment, record)], null)
}

const forged = (last: Command, changes: Partial<Command> = {}): Command => ({
  ...last,
  id: 'forged',
  epoch: last.epoch + 50,
  sequence: last.sequence + 7,
  weights: { v1: 0, v2: 100 },
  reason: '@channel click http://evil',
  ...changes,
})

function freeze({ broker, topics }: Stage): void {
  broker.append(topics.requests, 0, [requestRecord(requestOf('freeze', { model: MODEL }))], null)
}

const orderOf = ({ epoch, sequence }: Command): readonly number[] => [epoch, sequence]

for (const [how, key] of [
  ['unsigned', null],
  ["signed by a stranger under an operator's name", 'stranger'],
] as const) {
  test(`a command that is ${how} is not adopted: the last decided one stands above it, gateways are back, and people are called`, async () => {
    const { world, last, moved, second } = await afterForging(SECURITY, (stage, command) => append(stage, forged(command), key))
    assert.equal(moved, 100, 'it did move a gateway that does not verify')
    assert.equal(world.gateway.share, 20)
    const commands = await world.commands()
    const again = commands.at(-1)!
    assert.deepEqual([again.weights, again.kind, again.sequence], [last.weights, last.kind, last.sequence + 1])
    assert.ok(again.epoch > last.epoch + 50)
    const decisions = await world.decisions()
    assert.deepEqual(
      decisions.filter(({ verdict }) => verdict.kind === 'adopt'),
      [],
    )
    const [told, ...more] = decisions.filter(({ verdict }) => verdict.rule === 'forged-command')
    assert.equal(more.length, 0)
    assert.match(told!.summary, new RegExp(`^Refused command ${last.epoch + 50}/${last.sequence + 7} found on the control topic: it`))
    assert.doesNotMatch(JSON.stringify(told), /evil/)
    assert.deepEqual([told!.weightsBefore, told!.weightsAfter], [last.weights, last.weights])
    assert.equal(told!.sequence, again.sequence)
    const alerts = (await world.whileTimePasses(readAlerts(world.log, world.topics.alerts))).filter(
      ({ cause }) => cause === 'forged-command',
    )
    assert.deepEqual(
      alerts.map(({ status, severity }) => [status, severity]),
      [
        ['firing', 'critical'],
        ['resolved', 'critical'],
      ],
    )
    assert.match(alerts[0]!.summary, /docs\/runbooks\/forged-command\.md/)
    await second.kill()
    const third = await world.start()
    await world.run(20)
    await third.stop()
    assert.equal((await world.decisions()).filter(({ verdict }) => verdict.rule === 'forged-command').length, 1, 'it is told once')
    assert.deepEqual(orderOf((await world.commands()).at(-1)!), orderOf(again))
    const { findings } = (await world.whileTimePasses(verifyChains(world.log, world.topics, ALL, world.clock))).report()
    assert.deepEqual(findings, [])
  })
}

test('a command with the numbers of the one in force and other weights is surpassed too', async () => {
  const { world, last, second } = await afterForging(SECURITY, (stage, { epoch, sequence, ...rest }) =>
    append(stage, forged({ ...rest, epoch, sequence }, { epoch, sequence }), null),
  )
  await second.stop()
  assert.equal(world.gateway.share, 20)
  assert.equal((await world.commands()).at(-1)!.sequence, last.sequence + 1)
})

const glass = (signer: string | null) => async (world: Stage) => {
  const key = signer === null ? null : signerOf(file(`${signer}.key`), signer)
  const options = {
    log: world.log,
    layout: world.layout,
    prefix: 'flyball.',
    model: world.layout.models[0]!,
    clock: world.clock,
    signer: key,
  }
  await world.whileTimePasses(breakGlass({ ...options, who: 'ana', reason: 'wrong fares' }))
}

test("a glass broken with an operator's trusted key is adopted; one broken without a key is not, and what was decided comes back", async () => {
  const signed = await afterForging(SECURITY, glass('ops-1'))
  await signed.second.stop()
  assert.equal(signed.world.gateway.share, 0)
  const adopted = (await signed.world.decisions()).filter(({ verdict }) => verdict.kind === 'adopt')
  assert.match(adopted.map(({ summary }) => summary).join(), /ana: wrong fares/)
  const unsigned = await afterForging(SECURITY, glass(null))
  await unsigned.second.stop()
  assert.deepEqual([unsigned.moved, unsigned.world.gateway.share], [0, 20])
})

test('a command forged above a good break-glass does not hide it: the good one is adopted and said again above the other', async () => {
  const { world, second } = await afterForging(SECURITY, async (stage) => {
    await glass('ops-1')(stage)
    append(stage, forged((await stage.commands()).at(-1)!), null)
  })
  await second.stop()
  assert.equal(world.gateway.share, 0)
  const kinds = (await world.decisions()).map(({ verdict }) => `${verdict.kind} ${verdict.rule}`)
  assert.ok(kinds.includes('adopt found-in-force') && kinds.includes('refused forged-command'), kinds.join())
})

for (const high of [{ epoch: HIGHEST, sequence: 3 }, { sequence: HIGHEST }] as const) {
  test(`a forger who takes the highest ${'epoch' in high ? 'epoch' : 'sequence'} keeps nobody from breaking the glass, and the judge from no decision`, async () => {
    const { world, second } = await afterForging(SECURITY, async (stage, last) => {
      append(stage, forged(last, high), null)
      await glass('ops-1')(stage)
    })
    const command = (await world.commands()).at(-1)!
    assert.ok(command.epoch < 1000 && command.sequence < 1000, `${command.epoch}/${command.sequence}`)
    assert.deepEqual(command.weights, { v1: 100, v2: 0 })
    const adopted = (await world.decisions()).filter(({ verdict }) => verdict.kind === 'adopt')
    assert.match(adopted.map(({ summary }) => summary).join(), /ana: wrong fares/)
    await second.kill()
    const third = await world.start()
    await world.run(5)
    freeze(world)
    await world.run(10)
    await third.stop()
    assert.ok((await world.decisions()).at(-1)!.restraints.some(({ kind }) => kind === 'freeze'))
  })
}

test('without keys nothing is verified: the newest command is adopted, as ever', async () => {
  const { world, second } = await afterForging('', (stage, command) => append(stage, forged(command), null))
  await second.stop()
  assert.equal(world.gateway.share, 100)
  assert.ok((await world.verdicts()).includes('adopt'))
})

test('the unsigned command of the rollout before is no forgery, when keys and another candidate come with one policy', async () => {
  const world = new Stage({ seed: 5, partitions: 2, policy: policy('') })
  const first = await world.start()
  await world.runUntilShare(20, 60)
  await world.run(10)
  await first.kill()
  const [last] = await world.commands()
  const ladder = 'ladder: { steps: [20, 50, 100], dwell: 30d }'
  const renewed = policy(SECURITY).replace('candidate: v2', 'candidate: v3')
  const text = renewed.replace(ladder, 'rollout: { start: request, preflight: [], stages: [20, 100] }')
  world.layout = parsePolicy(text, 'stage.yaml').layout
  // The second life writes a decision of the new rollout, and so a state that has no command of its own.
  for (let life = 2; life <= 3; life++) {
    const next = await world.start()
    await world.run(20)
    await next.kill()
  }
  const rules = (await world.decisions()).map(({ verdict }) => verdict.rule)
  assert.ok(rules.includes('start-request') && !rules.includes('forged-command'), rules.join())
  assert.deepEqual((await world.commands()).at(-1), last)
  append(world, forged(last!), null)
  const fourth = await world.start()
  await world.run(20)
  await fourth.stop()
  assert.ok((await world.verdicts()).includes('refused'), 'a forged one above it is still found')
})
