/** Spans at a collector that is a real web server: what they say of a daemon's batches and decisions, and what becomes of them when it is dead. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { startDaemon } from '../../src/daemon.ts'
import type { Command, Decision } from '../../src/domain.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { topicNames } from '../../src/kit/topics.ts'
import type { Layout } from '../../src/policy/layout.ts'
import { loadPolicy, parsePolicy } from '../../src/policy/load.ts'
import { TraceSender } from '../../src/shell/traces.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { decodeCommand } from '../../src/wire/control.ts'
import { decodeDecision } from '../../src/wire/decisions.ts'
import { recordsIn } from '../simulation/fill.ts'
import { BEGIN_MS, PLANTED, plantedLog, plantedPolicy } from '../simulation/planted.ts'
import { Collector } from './collector.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-traces-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const TOKEN = 'planted-token-0123456789'
const policyText = (telemetry: string) => plantedPolicy(telemetry === '' ? '' : `telemetry: {traces: ${telemetry}}`)

interface Run {
  readonly layout: Layout
  readonly events: readonly FlyballEvent[]
  readonly commands: readonly { readonly command: Command; readonly traceparent: string | null }[]
  readonly decisions: readonly Decision[]
}

/** A daemon that reads everything there is, with its spans going where `flyball run` sends them. */
async function daemonOver(telemetry: string): Promise<Run> {
  const log = await plantedLog()
  const file = join(folder, 'flyball.yaml')
  writeFileSync(file, policyText(telemetry))
  const { layout } = loadPolicy(file)
  const events: FlyballEvent[] = []
  let sender: TraceSender | null = null
  const emit = (event: FlyballEvent): void => {
    events.push(event)
    sender?.observe(event)
  }
  if (layout.traces !== undefined) sender = new TraceSender({ layout, traces: layout.traces, clock: systemClock, version: 'test', emit })
  const options = { log, layout, prefix: 'flyball.', judgePartitions: 1, clock: systemClock, version: 'test' }
  await (await startDaemon({ ...options, createTopics: true, drain: true, emit })).done
  await sender?.close()
  const topics = topicNames('flyball.')
  const commands = (await recordsIn(log, topics.control, true)).flatMap(({ record }) => {
    if (record.key?.toString() !== 'fraud') return []
    const header = [...record.headers].find(([name]) => name === 'traceparent')?.[1].toString()
    return [{ command: decodeCommand(record.value!), traceparent: header ?? null }]
  })
  const decisions = (await recordsIn(log, topics.decisions, true)).flatMap(({ record }) =>
    record.key?.toString() === 'fraud' ? [decodeDecision(record.value!, 3)] : [],
  )
  return { layout, events, commands, decisions }
}

async function withCollector(body: (collector: Collector) => Promise<void>): Promise<void> {
  const collector = await Collector.start()
  try {
    await body(collector)
  } finally {
    await collector.stop()
  }
}

const told = (events: readonly FlyballEvent[], result: string): number =>
  events.reduce((sum, event) => sum + (event.event === 'spans-told' && event.result === result ? event.count : 0), 0)

test('a collector is told of every batch and every decision, and the command names the span of its decision', () =>
  withCollector(async (collector) => {
    writeFileSync(join(folder, 'headers'), `authorization: Bearer ${TOKEN}\nx-tenant: flyball\n`)
    const { events, commands, decisions } = await daemonOver(`{endpoint: "${collector.endpoint}", headersFile: headers}`)
    const spans = collector.spans
    assert.deepEqual(collector.taken.map(({ url, headers }) => [url, headers.authorization, headers['content-type']])[0], [
      '/v1/traces',
      `Bearer ${TOKEN}`,
      'application/json',
    ])
    const batches = spans.filter(({ name }) => name.startsWith('measure '))
    for (const topic of ['predictions', 'outcomes']) {
      const read = batches
        .filter(({ attributes }) => attributes['messaging.destination.name'] === topic)
        .map(({ attributes }) => attributes)
      const ranges = read.map((one) => [one['flyball.offset.from'], one['flyball.offset.to']] as [number, number])
      ranges.sort(([one], [other]) => one - other)
      assert.equal(ranges[0]![0], 0, topic)
      for (const [index, [from]] of ranges.slice(1).entries()) assert.equal(from, ranges[index]![1], `${topic}: no batch is left out`)
      const records = read.reduce((sum, one) => sum + Number(one['messaging.batch.message_count']), 0)
      assert.equal(records, ranges.at(-1)![1], topic)
      assert.ok(read.every((one) => one['flyball.source'] === 'predictions/0' && one['messaging.destination.partition.id'] === '0'))
    }
    const decided = spans.filter(({ name }) => name.startsWith('decide '))
    assert.deepEqual(
      decided.map(({ attributes }) => [attributes['flyball.decision.id'], attributes['flyball.verdict'], attributes['flyball.rule']]),
      decisions.map(({ id, verdict }) => [id, verdict.kind, verdict.rule]),
    )
    assert.ok(decided.some(({ attributes }) => attributes['flyball.verdict'] === 'rollback' && attributes['flyball.model'] === 'fraud'))
    assert.ok(commands.length > 0)
    for (const { command, traceparent } of commands) {
      const span = decided.find(({ attributes }) => attributes['flyball.decision.id'] === command.decisionId)!
      assert.equal(traceparent, `00-${span.traceId}-${span.spanId}-01`)
      assert.equal(span.attributes['flyball.command.sequence'], command.sequence)
    }
    assert.equal(told(events, 'delivered'), spans.length)
    assert.ok(spans.every(({ startTimeUnixNano, endTimeUnixNano }) => BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano)))
    assert.equal(new Set(spans.map(({ spanId }) => spanId)).size, spans.length)
  }))

test('no span tells of a person, and no event of the collector’s token', () =>
  withCollector(async (collector) => {
    writeFileSync(join(folder, 'headers'), `authorization: Bearer ${TOKEN}\n`)
    let failures = 0
    const { events } = await daemonOver(`{endpoint: "${collector.endpoint}", headersFile: headers}`)
    collector.answer = (response) => {
      failures++
      response.writeHead(401, { 'content-type': 'text/plain' }).end(`no such token: ${TOKEN}`)
    }
    const refused = await daemonOver(`{endpoint: "${collector.endpoint}", headersFile: headers}`)
    assert.ok(collector.spans.length > 0 && failures > 0)
    assert.ok(collector.taken.every(({ body }) => !body.includes(PLANTED) && !body.includes(TOKEN)))
    assert.ok(!JSON.stringify([...events, ...refused.events]).includes(TOKEN))
    assert.ok(told(refused.events, 'refused') > 0)
  }))

test('without telemetry in the policy no command names a span, no batch is told of, and the decisions are the same', async () => {
  const off = await daemonOver('')
  assert.ok(off.commands.length > 0 && off.commands.every(({ traceparent }) => traceparent === null))
  assert.ok(off.events.every(({ event }) => event !== 'batch-read' && event !== 'spans-told'))
  await withCollector(async (collector) => {
    const on = await daemonOver(`{endpoint: "${collector.endpoint}"}`)
    assert.deepEqual(on.decisions, off.decisions)
    assert.equal(on.layout.policyDigest, off.layout.policyDigest)
  })
})

test('of batches as many as asked for have a span, of decisions all', () =>
  withCollector(async (collector) => {
    const { decisions } = await daemonOver(`{endpoint: "${collector.endpoint}", sampling: 0}`)
    assert.deepEqual(
      collector.spans.map(({ name }) => name),
      decisions.map(({ verdict }) => `decide ${verdict.kind}`),
    )
  }))

test('where spans go is checked with the policy, and a file with headers that cannot be used before anything runs', () => {
  const parsed = (traces: string) => parsePolicy(policyText(traces), 'flyball.yaml')
  for (const [endpoint, words] of [
    ['ftp://collector', /telemetry\.traces\.endpoint: must be https or http/],
    ['http://ada:pw@collector:4318', /telemetry\.traces\.endpoint: must not hold a user/],
    ['http://:pw@collector:4318', /telemetry\.traces\.endpoint: must not hold a user/],
    ['https://collector/?key=1', /telemetry\.traces\.endpoint: must not hold a user, a password, a query or a fragment/],
    ['https://collector/?', /telemetry\.traces\.endpoint: must not hold/],
    ['https://collector/#v1', /telemetry\.traces\.endpoint: must not hold/],
  ] as const) {
    assert.throws(() => parsed(`{endpoint: "${endpoint}"}`), words)
  }
  assert.throws(() => parsed('{endpoint: "http://127.0.0.1:4318", sampling: 2}'), /telemetry\.traces\.sampling/)
  const warned = parsed('{endpoint: "http://collector:4318"}').warnings.filter((warning) => warning.includes('telemetry'))
  assert.match(warned.join(), /telemetry\.traces\.endpoint: is not https/)
  for (const [text, name] of [
    [`x-key ${TOKEN}\n`, 'bad'],
    [null, 'missing'],
  ] as const) {
    if (text !== null) writeFileSync(join(folder, name), text)
    const { layout } = parsed(`{endpoint: "http://127.0.0.1:4318", headersFile: ${join(folder, name)}}`)
    const options = { layout, traces: layout.traces!, clock: systemClock, version: 'test', emit: () => undefined }
    assert.throws(
      () => new TraceSender(options),
      (error: Error) => error.message.startsWith('FLY-POLICY-002') && !error.message.includes(TOKEN),
    )
  }
})

// ── the sender by itself ───────────────────────────────────────────────────────────────────────────────────────────────────

const decided = (number: number): FlyballEvent => ({
  ...{ event: 'decided', id: `d${number}`, model: 'fraud', number, sequence: number, judgeTimeMs: BEGIN_MS + number, tookMs: 1 },
  ...{ verdict: 'rollback', rule: 'harm', summary: 'words', delayMs: 5 },
})
const batch = (from: number): FlyballEvent => ({
  ...{ event: 'batch-read', source: 'predictions/0', topic: 'predictions', partition: 0, from, to: from + 1, records: 1 },
  ...{ beganMs: BEGIN_MS, tookMs: 1 },
})

function senderTo(endpoint: string, clock = systemClock): { sender: TraceSender; events: FlyballEvent[] } {
  const { layout } = parsePolicy(policyText(`{endpoint: "${endpoint}"}`), 'flyball.yaml')
  const events: FlyballEvent[] = []
  const emit = (event: FlyballEvent): void => void events.push(event)
  return { sender: new TraceSender({ layout, traces: layout.traces!, clock, version: 'test', emit }), events }
}

test('a collector that is not there costs nobody anything: what waits is bounded, decisions are kept before batches, and all is counted', async () => {
  const { sender, events } = senderTo('http://127.0.0.1:9')
  for (let from = 0; from < 3_000; from++) sender.observe(batch(from))
  assert.equal(told(events, 'dropped'), 3_000 - 2_048)
  sender.observe(decided(1))
  assert.equal(told(events, 'dropped'), 3_000 - 2_048 + 1, 'a batch made room for the decision')
  await sender.close(500)
  assert.equal(told(events, 'dropped'), 3_001)
  assert.equal(told(events, 'delivered'), 0)
  sender.observe(decided(2))
  assert.equal(told(events, 'dropped'), 3_002, 'nothing is taken after the end')
})

test('when too many wait, a decision takes the place of a batch, and a batch that of nobody', () =>
  withCollector(async (collector) => {
    const { sender, events } = senderTo(collector.endpoint)
    for (let from = 0; from < 2_048; from++) sender.observe(batch(from))
    sender.observe(decided(1))
    sender.observe(batch(5_000))
    await sender.close(10_000)
    assert.deepEqual([told(events, 'delivered'), told(events, 'dropped')], [2_048, 2])
    const others = collector.spans.filter(({ name }) => name !== 'measure predictions').map(({ name }) => name)
    assert.deepEqual(others, ['decide rollback'])
    assert.ok(collector.taken.length >= 4 && collector.spans.every(({ attributes }) => attributes['flyball.offset.from'] !== 5_000))
  }))

test('a collector is told as soon as a request is full, and none is dropped while it answers', (t) =>
  withCollector(async (collector) => {
    const { sender, events } = senderTo(collector.endpoint)
    // Time stands still: what is sent is sent without waiting for more.
    t.mock.timers.enable({ apis: ['setTimeout'] })
    sender.observe(batch(0))
    for (let from = 1; from < 512; from++) sender.observe(batch(from))
    t.mock.timers.tick(1)
    for (let turns = 0; turns < 5_000 && collector.taken.length === 0; turns++) await new Promise((resolve) => setImmediate(resolve))
    t.mock.timers.reset()
    assert.equal(collector.spans.length, 512)
    await sender.close()
    assert.equal(told(events, 'delivered'), 512)
  }))

test('a collector that hangs does not hold up the end', () =>
  withCollector(async (collector) => {
    collector.answer = () => undefined
    const { sender, events } = senderTo(collector.endpoint)
    sender.observe(decided(1))
    await sender.close(200)
    assert.equal(told(events, 'dropped'), 1)
    assert.ok(events.some((event) => event.event === 'trace-collector' && !event.answers))
  }))

test('what a collector answers 503 for ever is given up and counted, and what waited behind it arrives', (t) =>
  withCollector(async (collector) => {
    const isPoisoned = (body: string) => body.includes('"d1"')
    collector.answer = (response, count) => response.writeHead(isPoisoned(collector.taken[count - 1]!.body) ? 503 : 200).end()
    let passedMs = 0
    const { sender, events } = senderTo(collector.endpoint, { ...systemClock, monotonicMs: () => passedMs })
    t.mock.timers.enable({ apis: ['setTimeout'] })
    sender.observe(decided(1))
    const givenUp = () => told(events, 'dropped') > 0
    for (let steps = 0; steps < 60 && told(events, 'delivered') === 0; steps++) {
      const [asked, isOver] = [collector.taken.length, givenUp()]
      passedMs += 30_000
      t.mock.timers.tick(30_000)
      for (let turns = 0; turns < 5_000 && collector.taken.length === asked; turns++) await new Promise(setImmediate)
      for (let turns = 0; turns < 50; turns++) await new Promise(setImmediate)
      if (asked === 0) sender.observe(decided(2))
      assert.ok(isOver || isPoisoned(collector.taken.at(-1)!.body), 'it is asked for again as it was, and nothing else is')
    }
    t.mock.timers.reset()
    assert.deepEqual([told(events, 'delivered'), told(events, 'dropped')], [1, 1])
    assert.deepEqual(
      events.flatMap((event) => (event.event === 'spans-told' && event.result === 'dropped' ? [event.reason] : [])),
      ['late'],
    )
    assert.ok(passedMs >= 5 * 60_000 && collector.taken.length >= 5, 'it had its time')
    await sender.close()
    assert.deepEqual([told(events, 'delivered'), told(events, 'dropped')], [1, 1])
  }))

test('what a collector cannot take now it is sent again, and what it does not want is not', () =>
  withCollector(async (collector) => {
    collector.answer = (response, count) => {
      if (count === 1) response.writeHead(503).end()
      else if (count === 2) response.end(JSON.stringify({ partialSuccess: { rejectedSpans: '1', errorMessage: 'too old' } }))
      else response.writeHead(400).end()
    }
    const { sender, events } = senderTo(collector.endpoint)
    for (const number of [1, 2, 3]) sender.observe(decided(number))
    while (collector.taken.length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(collector.taken[0]!.body, collector.taken[1]!.body)
    while (told(events, 'delivered') === 0) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual([told(events, 'delivered'), told(events, 'refused')], [2, 1])
    sender.observe(decided(4))
    await sender.close()
    assert.deepEqual([told(events, 'delivered'), told(events, 'refused'), told(events, 'dropped')], [2, 2, 0])
    assert.equal(collector.taken.length, 3)
    const turns = events.flatMap((event) => (event.event === 'trace-collector' ? [event.answers] : []))
    assert.deepEqual(turns, [false, true, false], 'told when it changes')
  }))
