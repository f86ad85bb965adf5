/** Whoever tells people, on a log in memory and with destinations on loopback: two of them, hanging destinations, silences, watchdogs. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import type { Alert } from '../../src/domain.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { partitionOf } from '../../src/kit/hash.ts'
import { ownTopics, topicNames } from '../../src/kit/topics.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { actWorkerOf } from '../../src/shell/act-start.ts'
import type { ActWorker } from '../../src/shell/act-worker.ts'
import { readAlerts } from '../../src/shell/topic-reads.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { alertRecord } from '../../src/wire/alerts.ts'
import { DECISION_HEADERS, encodeDecision } from '../../src/wire/decisions.ts'
import { silenceRecord } from '../../src/wire/deliveries.ts'
import { until } from '../conformance/log-stage.ts'
import { policyText } from '../policy/minimal.ts'
import { decision } from '../wire/records.ts'
import { type FarEnd, farEnd } from './far-end.ts'
import { alertOf } from './told-world.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-act-'))
after(() => rmSync(folder, { recursive: true }))
writeFileSync(join(folder, 'key'), 'R0123456789ABCDEFGHIJKLMNOPQRSTU\n')
const PARTITIONS = 3

class Stage {
  readonly broker = new MemoryBroker(systemClock)
  readonly log = new MemoryLog(this.broker)
  readonly topics = topicNames('flyball.')
  readonly events: FlyballEvent[] = []
  readonly lines: unknown[] = []
  readonly #alerts: string

  private constructor(alerts: string) {
    this.#alerts = alerts
  }

  static async open(alerts: string): Promise<Stage> {
    const stage = new Stage(alerts)
    await stage.log.admin.create(ownTopics('flyball.', PARTITIONS, 1))
    return stage
  }

  async worker(t: TestContext, environment = 'test'): Promise<ActWorker> {
    const { layout } = parsePolicy(`environment: ${environment}\n${policyText}\nalerts:\n${this.#alerts}`, join(folder, 'flyball.yaml'))
    const emit = (event: FlyballEvent): void => void this.events.push(event)
    const fail = (error: unknown): void => assert.fail(String(error))
    const write = (line: unknown): void => void this.lines.push(line)
    const options = { log: new MemoryLog(this.broker), layout, topics: this.topics, prefix: 'flyball.', clock: systemClock, emit, write }
    const worker = actWorkerOf(options, fail)!
    worker.start(fail)
    t.after(() => worker.stop())
    return worker
  }

  async raise(...alerts: readonly Alert[]): Promise<void> {
    const writer = await this.log.writer()
    for (const alert of alerts) {
      await writer.send(this.topics.alerts, partitionOf(Buffer.from(alert.model), PARTITIONS), [alertRecord(alert)])
    }
    await writer.close()
  }

  end(...alerts: readonly Alert[]): Promise<void> {
    return this.raise(...alerts.map((alert): Alert => ({ ...alert, status: 'resolved' })))
  }

  results(sink: string): readonly string[] {
    return this.events.flatMap((event) => (event.event === 'notification' && event.sink === sink ? [event.result] : []))
  }
}

const paged = ({ url }: FarEnd, more = ''): string => `
  sinks: { oncall: { kind: pagerduty, routingKeyFile: key, url: "${url}" }, book: { kind: log } }
  routes:
    - { name: all, sinks: [oncall, book], groupWait: 250ms, groupInterval: 500ms, repeatInterval: 1h }
${more}`

test('an incident is told to every destination of its route, and so is its end', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  await stage.worker(t)
  await stage.raise(alertOf({ model: 'fraud' }), alertOf({ model: 'churn' }))
  await until('told', () => end.events.length === 2 && stage.lines.length === 1)
  await stage.end(alertOf({ model: 'fraud' }), alertOf({ model: 'churn' }))
  await until('told', () => end.events.length === 4 && stage.lines.length === 2)
  for (const { opened, closed } of end.incidents().values()) assert.deepEqual([opened, closed], [1, 1])
})

test('of two that could tell people one does, and the other goes on where it stopped', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  const first = await stage.worker(t)
  await stage.worker(t)
  await stage.raise(alertOf())
  await until('told', () => end.events.length === 1)
  await first.stop()
  await stage.end(alertOf())
  await until('told', () => end.events.length === 2)
  await systemClock.sleep(1_500)
  assert.deepEqual(
    end.events.map(({ event_action }) => event_action),
    ['trigger', 'resolve'],
  )
  assert.equal(stage.lines.length, 2)
})

test('a change is told as of the environment in which it was done, whoever tells of it', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  await stage.worker(t)
  await until('taken over', () => stage.events.some(({ event }) => event === 'act-took-over'))
  const writer = await stage.log.writer()
  for (const environment of ['test', 'staging']) {
    const verdict = { kind: 'override', rule: 'operator', note: 'Held by ada' } as const
    const value = encodeDecision({ ...decision, environment, model: 'fraud', verdict })
    await writer.send(stage.topics.decisions, 0, [{ key: 'fraud', value, headers: DECISION_HEADERS }])
  }
  await writer.close()
  await until('told', () => end.changedAt.length === 2)
  assert.deepEqual([...end.changedAt].sort(), ['staging/fraud', 'test/fraud'])
})

test('a destination that hangs holds up nobody else', async (t) => {
  const end = await farEnd(() => new Promise(() => undefined))
  t.after(() => end.close())
  const stage = await Stage.open(paged(end).replace('kind: pagerduty', 'kind: pagerduty, timeout: 400ms'))
  await stage.worker(t)
  await stage.raise(alertOf({ model: 'fraud' }))
  await until('told', () => stage.lines.length === 1)
  await stage.raise(alertOf({ model: 'churn' }))
  await until('told', () => stage.lines.length === 2 && stage.results('oncall').length >= 2)
  assert.ok(stage.results('oncall').every((result) => result === 'failed'))
})

test('a silence that a person writes is heeded at once, by whoever comes later too', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  const first = await stage.worker(t)
  const nowMs = systemClock.nowMs()
  const silence = { id: 's', match: { model: ['fraud'] }, author: 'ada', reason: 'load', beginsAtMs: nowMs, endsAtMs: nowMs + 3_600_000 }
  const writer = await stage.log.writer()
  await writer.send(stage.topics.deliveries, 0, [silenceRecord(silence)])
  await stage.raise(alertOf({ model: 'fraud' }), alertOf({ model: 'churn' }))
  await until('told', () => end.events.length === 1)
  await first.stop()
  await stage.worker(t)
  await stage.raise(alertOf({ model: 'flights' }))
  await until('told', () => end.events.length === 2)
  assert.deepEqual(
    [...end.incidents().keys()].map((key) => /model=(\w+)/.exec(key)![1]),
    ['churn', 'flights'],
  )
  await writer.send(stage.topics.deliveries, 0, [silenceRecord({ ...silence, endsAtMs: nowMs })])
  await until('told', () => end.events.length === 3)
})

test('a storm of twenty models and twenty segments is twenty pages, and every alert of it stays on the topic', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(
    paged(end).replace('groupWait: 250ms', 'groupWait: 3s').replace('kind: pagerduty', 'kind: pagerduty, rate: { messages: 1000 }'),
  )
  await stage.worker(t)
  const models = Array.from({ length: 20 }, (_, index) => `model-${index}`)
  const segments = Array.from({ length: 20 }, (_, index) => `isolate:region=${index}`)
  await stage.raise(...models.flatMap((model) => segments.map((cause) => alertOf({ model, cause }))))
  await until('told', () => end.incidents().size === 20 && stage.lines.length >= 1)
  await systemClock.sleep(1_500)
  assert.equal(end.events.length, 20, 'one page a model')
  assert.equal(stage.lines.length, 1, 'one message a channel')
  assert.equal((await readAlerts(stage.log, stage.topics.alerts)).length, 400)
})

test('a record that is no alert is told with its place and passed over', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  await stage.worker(t)
  const writer = await stage.log.writer()
  await writer.send(stage.topics.alerts, 1, [{ key: 'x', value: Buffer.from([1, 2, 3]) }])
  await writer.send(stage.topics.deliveries, 0, [{ key: 'silence|x', value: Buffer.from([255]) }])
  await stage.raise(alertOf())
  await until('told', () => end.events.length === 1)
  const problems = stage.events.flatMap((event) => (event.event === 'problem' ? [event.message] : []))
  assert.match(problems.join('\n'), /flyball\.alerts\/1 offset 0/)
})

test('of two environments under one prefix whoever acts tells of both, each by itself, and mixes and loses nothing when the other goes on', async (t) => {
  const end = await farEnd()
  t.after(() => end.close())
  const stage = await Stage.open(paged(end))
  const first = await stage.worker(t, 'production')
  await stage.worker(t, 'staging')
  const of = (environment: string) => alertOf({ environment, incident: `${environment}/fraud/v2/blind`, cause: 'blind' })
  await stage.raise(of('production'), of('staging'))
  await until('told', () => end.events.length === 2 && stage.lines.length === 2)
  await first.stop()
  await stage.end(of('production'))
  await until('one end', () => end.events.length === 3)
  await systemClock.sleep(1_000)
  assert.deepEqual([...end.incidents().values()].map(({ opened, closed }) => `${opened} ${closed}`).sort(), ['1 0', '1 1'])
  await stage.end(of('staging'))
  await until('the other end', () => end.events.length === 4)
  assert.deepEqual(
    [...end.incidents().values()].map(({ opened, closed }) => `${opened} ${closed}`),
    ['1 1', '1 1'],
  )
})
