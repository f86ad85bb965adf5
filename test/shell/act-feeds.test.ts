/** What whoever tells people believes of the topics that others write: forged, foreign and future-dated records hide no silence. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { messageOf } from '../../src/act/message.ts'
import { nobodyTook, takerOf } from '../../src/act/taken.ts'
import { emptyWatched } from '../../src/act/watchdogs.ts'
import { factsOf } from '../../src/act/words.ts'
import type { Alert, Command, Decision, OutgoingRecord } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { signerOf } from '../../src/kit/signing.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { ActFeeds, type ActMemory, remember } from '../../src/shell/act-feeds.ts'
import { withSignature } from '../../src/shell/signatures.ts'
import { ackRecord } from '../../src/wire/acks.ts'
import { alertRecord } from '../../src/wire/alerts.ts'
import { encodeCommand } from '../../src/wire/control.ts'
import { DECISION_HEADERS, encodeDecision } from '../../src/wire/decisions.ts'
import { acknowledgementRecord } from '../../src/wire/deliveries.ts'
import { alertOf } from '../act/told-world.ts'
import { keysFor } from '../kit/keys.ts'
import { policyText } from '../policy/minimal.ts'
import { commandOf, handClock } from '../subscriber/commands.ts'
import { ack, decision } from '../wire/records.ts'

const { folder, file } = keysFor('judge', 'ops', 'stranger')
const TOPICS = topicNames('flyball.')
const DAY = 86_400_000

class Stage {
  readonly clock = handClock()
  readonly log = new MemoryLog(new MemoryBroker(this.clock))
  readonly problems: string[] = []
  readonly memory: ActMemory = {
    ...{ incidents: new Map(), deliveries: new Map(), silences: new Map() },
    ...{ watched: emptyWatched(), taken: nobodyTook() },
  }
  #turn: () => boolean = () => false

  static async open(security = ''): Promise<Stage> {
    const stage = new Stage()
    await stage.log.admin.create(ownTopics('flyball.', 1, 1))
    const { layout } = parsePolicy(`environment: test\n${policyText}${security}`, join(folder, 'flyball.yaml'))
    const context = { log: stage.log, topics: TOPICS, layout, clock: stage.clock, onDecision: () => undefined }
    const reader = stage.log.reader()
    const emit = (event: { event: string; code?: string }) => void (event.event === 'problem' && stage.problems.push(event.code!))
    const feeds = await ActFeeds.open({ ...context, emit }, reader, stage.memory, 0)
    stage.#turn = () => feeds.turn()
    return stage
  }

  async say(topic: string, ...records: readonly OutgoingRecord[]): Promise<void> {
    const writer = await this.log.writer()
    await writer.send(topic, 0, records)
    await writer.close()
    for (let quiet = 0; quiet < 5; ) {
      quiet = this.#turn() ? 0 : quiet + 1
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }

  command(command: Command, signedBy: string | null = null, timestampMs = this.clock.nowMs()): Promise<void> {
    const record = { key: command.model, value: encodeCommand(command), timestampMs }
    const signer = signedBy === null ? null : signerOf(file(`${signedBy}.key`), signedBy)
    return this.say(TOPICS.control, withSignature(signer, TOPICS.control, command.environment, record))
  }

  decision(changes: Partial<Decision>): Promise<void> {
    const value = encodeDecision({ ...decision, environment: 'test', ...changes })
    return this.say(TOPICS.decisions, { key: changes.model ?? decision.model, value, headers: DECISION_HEADERS })
  }

  get beats(): readonly (readonly [string, number])[] {
    return [...this.memory.watched.heartbeats].map(([model, { atMs }]) => [model, atMs - this.clock.nowMs()])
  }
}

test('a record that bears a time to come was heard of when it was read, and no later', async () => {
  const stage = await Stage.open()
  await stage.command(commandOf(10), null, stage.clock.nowMs() + DAY)
  const [record] = [ackRecord({ ...ack, model: 'fraud' })]
  await stage.say(TOPICS.acks, { ...record, timestampMs: stage.clock.nowMs() + DAY })
  assert.deepEqual(stage.beats, [['fraud', 0]])
  assert.deepEqual(
    [...stage.memory.watched.gateways.values()].map(({ seenMs }) => seenMs - stage.clock.nowMs()),
    [0],
  )
  stage.clock.advance(60_000)
  await stage.command(commandOf(10), null, stage.clock.nowMs() - 50_000)
  assert.deepEqual(stage.beats, [['fraud', -50_000]])
})

test('names that the policy does not know, and those of another environment, take no memory and break no chain', async () => {
  const stage = await Stage.open()
  for (let index = 0; index < 50; index++) {
    await stage.command(commandOf(10, { model: `m${index}` }))
    await stage.decision({ model: `m${index}`, number: 1 })
    await stage.say(TOPICS.acks, ackRecord({ ...ack, model: `m${index}` }))
  }
  await stage.command(commandOf(10, { environment: 'staging' }))
  const { heartbeats, decisions, gateways, broken } = stage.memory.watched
  assert.deepEqual([heartbeats.size, decisions.size, gateways.size], [0, 0, 0])
  await stage.decision({ model: 'fraud', number: 4 })
  await stage.decision({ model: 'fraud', environment: 'staging', number: 9 })
  assert.deepEqual([decisions.get('fraud')?.number, broken.size], [4, 0])
  await stage.decision({ model: 'fraud', number: 9 })
  assert.equal(broken.size, 1, 'a gap of its own is one')
})

const TRUSTING = `security:
  signing: {keyId: judge, keyFile: ${file('judge.key')}}
  trusted: [{keyId: ops, file: ${file('ops.pub')}}]
`

test('where keys are trusted, what nobody has signed, a stranger has, or is older than what stands, is no sign of a judge', async () => {
  const stage = await Stage.open(TRUSTING)
  await stage.command(commandOf(10, { epoch: 3 }))
  await stage.command(commandOf(10, { epoch: 3 }), 'stranger')
  assert.deepEqual(stage.beats, [])
  await stage.command(commandOf(10, { epoch: 2 }), 'judge')
  await stage.command(commandOf(0, { epoch: 3 }), 'ops')
  assert.deepEqual(stage.beats, [['fraud', 0]])
  stage.clock.advance(30_000)
  await stage.command(commandOf(10, { epoch: 2 }), 'judge')
  assert.deepEqual(stage.beats, [['fraud', -30_000]], 'an old command that somebody says again')
  await stage.command(commandOf(0, { epoch: 3 }), 'ops')
  assert.deepEqual(stage.beats, [['fraud', 0]])
  assert.deepEqual(stage.problems, [])
})

test('who only watches needs no key to sign with: the same one among the trusted will do; and with neither it says so, and misses nobody', async () => {
  const unreadable = TRUSTING.replace(file('judge.key'), file('nobody.key'))
  const known = unreadable.replace('trusted: [', `trusted: [{keyId: judge, file: ${file('judge.pub')}}, `)
  const stage = await Stage.open(known)
  await stage.command(commandOf(10))
  assert.deepEqual(stage.beats, [])
  await stage.command(commandOf(10), 'judge')
  assert.deepEqual(stage.beats, [['fraud', 0]])
  assert.deepEqual(stage.problems, [])
  const blind = await Stage.open(unreadable)
  await blind.command(commandOf(10), 'judge')
  assert.deepEqual(blind.beats, [['fraud', 0]])
  assert.deepEqual(blind.problems, ['FLY-POLICY-008'])
})

const ALERT: Alert = alertOf({ cause: 'blind' })
const ACKNOWLEDGED = { incident: ALERT.incident, who: 'ada', reason: 'looking into it' }

test('who said at a time to come that it is taken has not taken what is yet to begin, neither live nor after a take-over', async () => {
  const stage = await Stage.open()
  const nowMs = stage.clock.nowMs()
  const said = { ...ACKNOWLEDGED, atMs: 9e15 }
  await stage.say(TOPICS.deliveries, acknowledgementRecord(said))
  const asked = { verdict: { kind: 'override', rule: 'operator', note: 'Held' }, requestId: 'r1' } as const
  await stage.decision({ model: 'fraud', number: 1 })
  await stage.say(TOPICS.decisions, {
    ...{ key: 'fraud', headers: DECISION_HEADERS, timestampMs: nowMs + DAY },
    value: encodeDecision({ ...decision, ...asked, environment: 'test', model: 'fraud', number: 2 }),
  })
  const later: ActMemory = { ...stage.memory, taken: nobodyTook() }
  const { key, value } = acknowledgementRecord(said)
  const record = { offset: 0, timestampMs: nowMs, key: Buffer.from(key as string), value: value as Buffer, headers: [] }
  remember(later, [record], nowMs, () => assert.fail('it can be read'))
  const other = { ...ALERT, incident: 'test/fraud/v2/another' }
  for (const [taken, alert] of [
    [stage.memory.taken, ALERT],
    [stage.memory.taken, other],
    [later.taken, ALERT],
  ] as const) {
    assert.notEqual(takerOf(taken, alert, nowMs), null, 'it holds already')
    assert.equal(takerOf(taken, alert, nowMs + DAY / 2), null, 'it is yet to begin')
  }
})

test('an alert of no time that a calendar has ends nobody: it is told of', async () => {
  const stage = await Stage.open()
  await stage.say(TOPICS.alerts, { ...alertRecord(ALERT), timestampMs: 9e15 })
  const known = stage.memory.incidents.get(ALERT.incident)!
  const { alerting } = parsePolicy(`environment: test\n${policyText}alerts: {sinks: {lines: {kind: log}}}\n`, 'flyball.yaml').layout
  const due = { status: 'firing', severity: 'critical', fingerprint: 'f', atMs: 0, repeated: false, acknowledges: false } as const
  const standing = { holding: [known], isMuted: false, ended: [] }
  const message = messageOf({ name: 'g', labels: {} }, due, standing, null, alerting!, stage.clock.nowMs())
  assert.match(factsOf(message.incidents[0]!).began!, /275760/)
})
