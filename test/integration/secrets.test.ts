/**
 * Secrets and units are planted wherever the daemon touches them, the far ends quote back what they were sent, and everything that can be
 * read is searched: log lines, errors, /metrics, alerts in the log, `status --json`.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { statusOf } from '../../src/cli/status.ts'
import { startDaemon } from '../../src/daemon.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { type LoadedPolicy, loadPolicy } from '../../src/policy/load.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { createLogger, logLines } from '../../src/telemetry/log-lines.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { pause, runFlyballCommand } from '../simulation/flyball-process.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-planted-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const PLANTED = {
  sasl: 'pl4nted-sasl-password',
  slackHook: 'pl4nted-slack-hook-path',
  slackToken: 'xoxb-pl4nted-slack-token',
  pagerduty: 'pl4nted0pagerduty0routing0key000',
  alertmanager: 'pl4nted-alertmanager-token',
  webhook: `whsec_${Buffer.from('pl4nted-webhook-signing-secret-32').toString('base64')}`,
  metrics: 'pl4nted-metrics-token',
  unit: 'pl4nted-unit-of-a-person',
} as const

/** Names of what was found in a text. */
function leaked(text: string): readonly string[] {
  const bare = PLANTED.webhook.slice('whsec_'.length)
  return [
    ...Object.entries(PLANTED)
      .filter(([, value]) => text.includes(value))
      .map(([name]) => name),
    ...(text.includes(bare) ? ['webhook bytes'] : []),
  ]
}

function secretFile(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, `${text}\n`, { mode: 0o600 })
  return file
}

/** Says no, and quotes everything that it was sent. */
async function quotingServer(status: number): Promise<Server> {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      response.statusCode = status
      const quoted = `${request.url} ${JSON.stringify(request.headers)} ${body}`
      response.end(JSON.stringify({ ok: false, error: quoted, message: quoted, errors: [quoted], status: quoted }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  after(() => server.closeAllConnections())
  after(() => server.close())
  return server
}

const addressOf = (server: Server): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

function policyFile(refusing: string, failing: string): string {
  const file = join(folder, 'planted.yaml')
  const text = `
version: 1
kafka:
  brokers: ["127.0.0.1:9"]
  sasl: { mechanism: scram-sha-512, username: alice, passwordFile: ${secretFile('sasl', PLANTED.sasl)} }
  ssl: {}
inputs: { predictions: { topic: predictions, fields: { time: ts, unit: user } } }
metrics: { tokenFile: ${secretFile('metrics', PLANTED.metrics)} }
models: { fraud: { control: v1, candidate: v2, mode: enforce, ladder: { steps: [50, 100] } } }
timing: { slice: 1s, settling: 1s, idleAfter: 3s, alignPatience: 3s, maxStratumAge: 3s }
alerts:
  sinks:
    hook: { kind: slack, webhookFile: ${secretFile('hook', `${refusing}/services/${PLANTED.slackHook}`)} }
    bot: { kind: slack, tokenFile: ${secretFile('bot', PLANTED.slackToken)}, channel: C1, url: "${failing}/api" }
    pages: { kind: pagerduty, routingKeyFile: ${secretFile('pages', PLANTED.pagerduty)}, url: "${refusing}" }
    manager: { kind: alertmanager, tokenFile: ${secretFile('manager', PLANTED.alertmanager)}, url: "${failing}" }
    web: { kind: webhook, secretFile: ${secretFile('web', PLANTED.webhook)}, url: "${refusing}/hook" }
    lines: { kind: log }
  routes:
    - { name: all, sinks: [hook, bot, pages, manager, web, lines], groupWait: 1s, groupInterval: 1s }
`
  writeFileSync(file, text)
  return file
}

/** v2 fails half of its requests; some records are broken, with the unit in every place where an error might quote it. */
async function send(log: MemoryLog): Promise<void> {
  const writer = await log.writer()
  const beginMs = Date.now() - 20_000
  const records = Array.from({ length: 4000 }, (_, index) => {
    const user = `${PLANTED.unit}-${index}`
    const ts = beginMs + index * 5
    const sound = { id: `r${index}`, ts, model: 'fraud', version: index % 2 === 0 ? 'v1' : 'v2', user, error: index % 4 === 1 }
    const broken = [
      { ...sound, version: user },
      { ...sound, model: user },
      { ...sound, ts: user },
      { ...sound, id: null },
      `{"user":"${user}"`,
      { ...sound, error: user },
    ]
    const value = index % 100 === 7 ? broken[((index - 7) / 100) % broken.length]! : sound
    return { key: `r${index}`, timestampMs: ts, value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)) }
  })
  await writer.send('predictions', 0, records)
  await writer.close()
}

interface Run {
  readonly written: string
  readonly page: string
  readonly status: string
  readonly events: readonly FlyballEvent[]
}

async function run(loaded: LoadedPolicy): Promise<Run> {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'predictions', partitions: 1, config: {} }])
  await send(log)
  let written = ''
  const logger = createLogger('debug', { write: (line) => void (written += line) })
  const [tell, metrics, events] = [logLines(logger), createMetrics(), [] as FlyballEvent[]]
  const { layout, policy } = loaded
  const daemon = await startDaemon({
    ...{
      log,
      layout,
      prefix: policy.kafka.prefix,
      judgePartitions: 1,
      clock: systemClock,
      createTopics: true,
      drain: false,
      version: 'test',
    },
    emit: (event) => {
      events.push(event)
      metrics.observe(event)
      tell(event)
    },
    writeAlert: (line) => logger.warn(line, 'alert'),
  })
  const ended = daemon.done.then(() => assert.fail('the daemon ended'))
  ended.catch(() => undefined)
  const told = new Set<string>()
  for (let turn = 0; told.size < 6 && turn < 400; turn++) {
    await Promise.race([pause(100), ended])
    for (const event of events) if (event.event === 'notification') told.add(event.sink)
  }
  const status = JSON.stringify(await statusOf({ loaded, log, topics: topicNames(policy.kafka.prefix) }))
  const page = await metrics.registry.metrics()
  await daemon.stop()
  await daemon.done.catch(() => undefined)
  assert.equal(told.size, 6, `told: ${[...told].join(' ')}\n${written.slice(-3000)}`)
  return { written, page, status, events }
}

test('no planted secret and no unit is in log lines, alerts in the log, /metrics or the status, though every far end quotes them', {
  timeout: 90_000,
}, async () => {
  const [refusing, failing] = [await quotingServer(400), await quotingServer(503)]
  const { written, page, status, events } = await run(loadPolicy(policyFile(addressOf(refusing), addressOf(failing))))
  const sinks = events.flatMap((event) => (event.event === 'notification' && event.result !== 'delivered' ? [event] : []))
  assert.deepEqual(
    [...new Set(sinks.map(({ sink }) => sink))].sort(),
    ['bot', 'hook', 'manager', 'pages', 'web'],
    'they were refused, and that is told',
  )
  assert.match(written, /"event":"decided".*"rollback"/)
  assert.match(written, /"msg":"alert"/)
  assert.match(page, /^flyball_records_dropped\{topic="predictions",reason="unknown-version"\} [1-9]/m)
  assert.match(status, /"kind":"rollback"/)
  assert.deepEqual(leaked(written), [], 'log lines')
  assert.deepEqual(leaked(page), [], '/metrics')
  assert.deepEqual(leaked(status), [], 'status')
  assert.deepEqual(leaked(JSON.stringify(events)), [], 'events')
})

test('a daemon and a status that reach no broker say nothing of the password', { timeout: 90_000 }, async () => {
  const file = policyFile('http://127.0.0.1:9', 'http://127.0.0.1:9')
  for (const args of [
    ['run', '--policy', file, '--metrics-port', '0', '--log-level', 'debug'],
    ['status', '--json', '--policy', file],
  ]) {
    const { code, stdout, stderr } = await runFlyballCommand(args, ['127.0.0.1:9'])
    assert.equal(code, 4, stderr)
    assert.match(stderr, /FLY-KAFKA-001/)
    assert.deepEqual(leaked(stdout + stderr), [], args[0])
  }
})

test('should a field with a secret or a unit ever come into an event, it is not written', () => {
  for (const field of ['password', 'token', 'secret', 'routingKey', 'authorization', 'unit', 'units']) {
    let written = ''
    const logger = createLogger('info', { write: (line) => void (written += line) })
    logger.info({ [field]: PLANTED.sasl, within: { [field]: PLANTED.sasl, deeper: { [field]: PLANTED.unit } }, kept: 'kept' }, 'x')
    assert.deepEqual(leaked(written), [], field)
    assert.match(written, /"kept":"kept"/)
  }
})
