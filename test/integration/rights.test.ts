/**
 * The rules that `flyball topics --acls` prints, on a real broker with StandardAuthorizer: with exactly these each role works, and with any
 * one of them taken away the role fails and the error names the right that is missing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL } from '../../src/audit/findings.ts'
import { watchWith } from '../../src/cli/watch.ts'
import { startDaemon } from '../../src/daemon.ts'
import type { OutgoingRecord } from '../../src/domain.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { FlyballError } from '../../src/kit/errors.ts'
import { type Role, type Rule, rulesOf } from '../../src/kit/rights.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { alertingOf } from '../../src/policy/alerting.ts'
import { alertsSchema } from '../../src/policy/alerts-schema.ts'
import { actWorkerOf } from '../../src/shell/act-start.ts'
import { verifyChains } from '../../src/shell/audit-reads.ts'
import { breakGlass } from '../../src/shell/break-glass.ts'
import { readAlerts, readCommands, readDecisions, readGateways, readSilences, readVersionRecords } from '../../src/shell/topic-reads.ts'
import { createGovernor } from '../../src/subscriber/subscriber.ts'
import { alertRecord, encodeAlert } from '../../src/wire/alerts.ts'
import { encodeSilence } from '../../src/wire/deliveries.ts'
import { encodeRequest } from '../../src/wire/requests.ts'
import { alertOf } from '../act/told-world.ts'
import { withSecuredBroker } from './secured.ts'
import { BEGIN_MS, fillInputs, INPUTS, policyOf } from './secured-inputs.ts'

const SLOTS = 40
const AT_ONCE = 4

const users = Object.fromEntries(Array.from({ length: SLOTS }, (_, slot) => [`u${slot}`, `u${slot}-secret`]))
const secured = withSecuredBroker({ users })

/** What a role does under a prefix of its own; ends when all of it has been done. */
type Deed = (log: EventLog, prefix: string) => Promise<void>

/** A role under one principal, with all its rules or without one of them. */
interface Case {
  readonly role: Role
  readonly user: string
  readonly prefix: string
  readonly without: Rule | null
}

function casesOf(role: Role, firstSlot: number): readonly Case[] {
  const count = rulesOf(role, { prefix: '', inputs: INPUTS }).length
  return Array.from({ length: count + 1 }, (_, at) => {
    const prefix = `${role}${at}.`
    const rules = rulesOf(role, { prefix, inputs: INPUTS })
    return { role, user: `u${firstSlot + at}`, prefix, without: rules[at - 1] ?? null }
  })
}

const rulesFor = ({ role, prefix, without }: Case) =>
  rulesOf(role, { prefix, inputs: INPUTS }).filter((rule) => JSON.stringify(rule) !== JSON.stringify(without))

/** Topics and rules for all cases, then each in turn, a few at a time. */
async function prove(role: Role, deed: Deed, prepare: (prefix: string, log: EventLog) => Promise<void> = async () => {}): Promise<void> {
  const cases = casesOf(role, 0)
  const { username, password } = secured.broker.admin
  const admin = await secured.connect(username, password)
  const named = cases.flatMap(({ prefix }) => (role === 'setup' ? [] : ownTopics(prefix, 1, 1)))
  await admin.admin.create(named)
  for (const { prefix } of cases) await prepare(prefix, admin)
  await secured.allow(cases.flatMap((one) => rulesFor(one).map((rule) => ({ principal: `User:${one.user}`, rule }))))
  const waiting = [...cases]
  const worker = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await judge(next, deed)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  await admin.admin.delete(named.map(({ topic }) => topic))
  await secured.forget(cases.map(({ user }) => `User:${user}`))
}

async function judge({ role, user, prefix, without }: Case, deed: Deed): Promise<void> {
  const log = await secured.connect(user, users[user]!)
  const ended = await deed(log, prefix).then(
    () => null,
    (error: unknown) => error,
  )
  await log.close()
  const label = `${role} ${without === null ? 'with all its rules' : `without ${without.operation} on ${without.resource} ${without.name}`}`
  if (without === null) return assert.equal(ended, null, `${label}: ${String(ended)}`)
  assert.ok(ended instanceof FlyballError, `${label}: it should have been refused, and ended with ${String(ended)}`)
  assert.equal(ended.code, 'FLY-KAFKA-004', `${label}: ${ended.message}`)
  const { principal, operation, resource, name } = ended.detail
  assert.equal(principal, `User:${user}`, label)
  assert.equal(String(resource).replaceAll(' ', '-'), without.resource, `${label}: ${ended.message}`)
  assert.ok(String(name).startsWith(without.name), `${label}: ${ended.message}`)
  // A topic that may not even be seen: reading or writing would have included that.
  const wanted = without.operation === 'DESCRIBE' ? ['READ or WRITE'] : [without.operation, 'READ or WRITE']
  assert.ok(wanted.includes(String(operation)), `${label}: ${ended.message}`)
}

/** Ends when a rollback was decided, an alert raised, a checkpoint written and a dead letter sent; rejects with what ended the daemon. */
const daemonDeed: Deed = async (log, prefix) => {
  const seen = new Set<string>()
  const { layout } = policyOf(prefix)
  const daemon = await startDaemon({
    ...{ log, layout, prefix, judgePartitions: 1, clock: systemClock, createTopics: false, drain: false, version: 'test' },
    emit: (event) => {
      if (event.event !== 'decided') seen.add(event.event)
      else seen.add(event.verdict)
    },
  })
  let ended: unknown = null
  const done = daemon.done.catch((error: unknown) => {
    ended = error
  })
  const whole = () => ['rollback', 'alert', 'checkpoint-written'].every((name) => seen.has(name))
  while (!whole() && ended === null) await systemClock.sleep(50)
  // Dead letters and the last writes are under way: what stops them ends the daemon.
  if (ended === null) await systemClock.sleep(300)
  await daemon.stop()
  await done
  if (ended !== null) throw ended
}

test('the daemon works with exactly the rules printed for it, and names each that is taken away', secured.options, async () => {
  const { username, password } = secured.broker.admin
  await fillInputs(await secured.connect(username, password))
  await prove('daemon', daemonDeed)
})

const setupDeed: Deed = async (log, prefix) => {
  await log.admin.topics(INPUTS)
  await log.admin.create(ownTopics(prefix, 1, 1).slice(0, 2))
}

/** Obeys nothing, for there is no command; says that it is there. */
const gatewayDeed: Deed = async (log, prefix) => {
  let problem: Error | null = null
  const onProblem = (error: Error): void => {
    problem ??= error
  }
  const governor = createGovernor({ log, prefix, gateway: 'g', models: { fraud: { control: 'v1' } }, onProblem, presenceMs: 100 })
  try {
    for (;;) {
      if (problem !== null) throw problem
      const [acks] = governor.state('fraud').connected ? await log.admin.offsets(topicNames(prefix).acks) : []
      if ((acks?.end ?? 0) > 0) return
      await systemClock.sleep(50)
    }
  } finally {
    await governor.stop()
  }
}

const write = async (log: EventLog, topic: string, value: Buffer, headers: NonNullable<OutgoingRecord['headers']> = {}): Promise<void> => {
  const writer = await log.writer()
  try {
    await writer.send(topic, 0, [{ key: 'fraud', value, headers }])
  } finally {
    await writer.close()
  }
}

const producerDeed: Deed = async (log) => {
  for (const topic of INPUTS) await write(log, topic, Buffer.from('{}'))
}

const operatorDeed: Deed = async (log, prefix) => {
  const topics = topicNames(prefix)
  await readCommands(log, topics.control)
  await readDecisions(log, topics.decisions)
  await readGateways(log, topics.acks, 100)
  const request = { id: 'r', model: 'fraud', verb: 'rollback', who: 'test', knownBy: 'osUser', reason: 'test', atMs: BEGIN_MS } as const
  await write(
    log,
    topics.requests,
    encodeRequest({ ...request, ifSequence: null, expiresAtMs: null, untilMs: null, subject: null, body: '' }),
  )
}

const breakGlassDeed: Deed = async (log, prefix) => {
  const { layout } = policyOf(prefix)
  await breakGlass({ log, layout, prefix, model: layout.models[0]!, who: 'test', reason: 'test', clock: systemClock })
}

const auditorDeed: Deed = async (log, prefix) => {
  const topics = topicNames(prefix)
  await readCommands(log, topics.control)
  await readDecisions(log, topics.decisions)
  await verifyChains(log, topics, ALL, systemClock, { rounds: 0 })
  await readGateways(log, topics.acks, 0)
  await readAlerts(log, topics.alerts)
  await readVersionRecords(log, topics.versions, () => undefined)
  const reader = log.reader()
  for (const { partition, start, end } of await log.admin.offsets(topics.requests))
    await reader.readRange(topics.requests, partition, start, end, () => {})
  await reader.close()
}

const publisherDeed: Deed = (log, prefix) => write(log, topicNames(prefix).versions, Buffer.from('{}'))

/** The panes topic stands for any that is watched: numbers with one jump, so that there is an alert to tell of. */
const watchDeed: Deed = async (log, prefix) => {
  const topics = topicNames(prefix)
  const options = {
    policy: '',
    topic: topics.panes,
    field: 'amount',
    timeUnit: 'ms',
    aggregate: 'mean',
    every: 1000,
    maxSeries: 10,
    last: 0,
  } as const
  const edges = { clock: systemClock, print: () => undefined, stopped: () => false }
  const watch = await watchWith({ loaded: policyOf(prefix), log, topics }, { ...options, untilEnd: true }, edges)
  assert.equal(watch.open.size, 1, 'the jump was seen')
}

/** Of this hour: what is older than the topic keeps, the broker may delete before it is looked at. */
async function fillWatched(prefix: string, log: EventLog): Promise<void> {
  const beginMs = systemClock.nowMs() - 1_000_000
  const records = Array.from({ length: 910 }, (_, index) => {
    const amount = 50 + ((index * 7919) % 10) + (index >= 900 ? 60 : 0)
    return { key: null, value: Buffer.from(JSON.stringify({ amount })), timestampMs: beginMs + index * 1000 }
  })
  const writer = await log.writer()
  await writer.send(topicNames(prefix).panes, 0, records)
  await writer.close()
  await write(log, topicNames(prefix).alerts, Buffer.from('x'))
}

/** Reading what is there: an empty topic would be read without a right to. */
async function fillRead(prefix: string, log: EventLog): Promise<void> {
  const { control, decisions, state, alerts, acks, requests, versions } = topicNames(prefix)
  for (const topic of [control, decisions, state, alerts, acks, requests, versions]) await write(log, topic, Buffer.from('x'))
}

/** Ends when it has told of the alert that is there. */
const actDeed: Deed = async (log, prefix) => {
  const { layout } = policyOf(prefix)
  const alerting = alertingOf(
    alertsSchema.parse({ sinks: { book: { kind: 'log' } }, routes: [{ name: 'all', sinks: ['book'], groupWait: '1s' }] }),
    '.',
  )
  let told = false
  let ended: unknown = null
  const fail = (error: unknown): void => {
    ended ??= error
  }
  const write = (): void => {
    told = true
  }
  const topics = topicNames(prefix)
  const worker = actWorkerOf(
    { log, layout: { ...layout, alerting }, topics, prefix, clock: systemClock, emit: () => undefined, write },
    fail,
  )!
  worker.start(fail)
  while (!told && ended === null) await systemClock.sleep(50)
  await worker.stop()
  if (ended !== null) throw ended
}

async function fillTold(prefix: string, log: EventLog): Promise<void> {
  const { alerts, decisions, control, acks } = topicNames(prefix)
  for (const topic of [decisions, control, acks]) await write(log, topic, Buffer.from('x'))
  await write(log, alerts, encodeAlert(alertOf()), alertRecord(alertOf()).headers ?? {})
}

const onCallDeed: Deed = async (log, prefix) => {
  const { alerts, decisions, deliveries } = topicNames(prefix)
  await readAlerts(log, alerts)
  await readDecisions(log, decisions)
  await readSilences(log, deliveries)
  const atMs = systemClock.nowMs()
  const silence = { id: 's', match: { model: ['fraud'] }, author: 'test', reason: 'test', beginsAtMs: atMs, endsAtMs: atMs }
  await write(log, deliveries, encodeSilence(silence))
}

async function fillOnCall(prefix: string, log: EventLog): Promise<void> {
  const { alerts, decisions, deliveries } = topicNames(prefix)
  for (const topic of [alerts, decisions, deliveries]) await write(log, topic, Buffer.from('x'))
}

const others: readonly [Role, Deed, ((prefix: string, log: EventLog) => Promise<void>)?][] = [
  ['setup', setupDeed],
  ['gateway', gatewayDeed],
  ['producer', producerDeed],
  ['operator', operatorDeed, fillRead],
  ['break-glass', breakGlassDeed],
  ['auditor', auditorDeed, fillRead],
  ['watch', watchDeed, fillWatched],
  ['publisher', publisherDeed],
  ['act', actDeed, fillTold],
  ['on-call', onCallDeed, fillOnCall],
]
for (const [role, deed, prepare] of others) {
  test(`${role} works with exactly the rules printed for it, and names each that is taken away`, secured.options, async () => {
    await prove(role, deed, prepare)
  })
}
