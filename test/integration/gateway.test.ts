/** The example gateway and its model servers: in one process over the log in memory, and as processes of their own on a real broker. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Counters, startGateway } from '../../examples/gateway.ts'
import { startModelServer } from '../../examples/model-server.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { MemoryBroker } from '../../src/kafka/log/memory-broker.ts'
import { MemoryLog } from '../../src/kafka/log/memory-log.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { unitPoint, versionAt } from '../../src/subscriber/route.ts'
import { commandOf } from '../subscriber/commands.ts'
import { withBroker } from './broker.ts'
import { GatewayStage } from './gateway-stage.ts'

const broker = withBroker()

interface Answer {
  readonly status: number
  readonly version: string | null
  readonly body: { readonly score?: number; readonly problem?: string }
}

async function ask(port: number, unit: string, id = `id-of-${unit}`): Promise<Answer> {
  const body = JSON.stringify({ id, unit, features: { amount: 120 }, segments: { region: 'EU' } })
  const reply = await fetch(`http://127.0.0.1:${port}/predict`, { method: 'POST', body })
  return { status: reply.status, version: reply.headers.get('x-model-version'), body: (await reply.json()) as Answer['body'] }
}

async function counters(port: number): Promise<Counters> {
  return (await (await fetch(`http://127.0.0.1:${port}/counters`)).json()) as Counters
}

async function predictionsOn(log: EventLog, topic: string): Promise<Record<string, unknown>[]> {
  const reader = log.reader()
  const found: Record<string, unknown>[] = []
  for (const { partition, start, end } of await log.admin.offsets(topic)) {
    await reader.readRange(topic, partition, start, end, (record) =>
      found.push(JSON.parse(record.value!.toString()) as Record<string, unknown>),
    )
  }
  await reader.close()
  return found
}

test('requests go where the command says, model servers write them down, and one that hangs or fails costs the caller a 504 or 500', async () => {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'predictions', partitions: 2, config: {} }])
  const stage = new GatewayStage('flyball.', log)
  await stage.open()
  await stage.command(commandOf(40))
  let release = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const serve = (version: string, predict: () => number | Promise<number>) =>
    startModelServer({ log, topic: 'predictions', model: 'fraud', version, keyBy: 'unit', port: 0, predictor: { predict } })
  const good = await serve('v1', () => 0.25)
  const bad = await serve('v2', () => held.then(() => assert.fail('broken')))
  const servers = { v1: `http://127.0.0.1:${good.port}`, v2: `http://127.0.0.1:${bad.port}` }
  const gateway = await startGateway({
    log,
    prefix: 'flyball.',
    model: 'fraud',
    control: 'v1',
    servers,
    gateway: 'g1',
    port: 0,
    timeoutMs: 250,
  })
  try {
    const units = Array.from({ length: 30 }, (_, unit) => `unit-${unit}`)
    const hung = await Promise.all(units.map((unit) => ask(gateway.port, unit)))
    hung.forEach((answer, unit) => {
      assert.equal(answer.version, versionAt(unitPoint('fraud', 'v2', units[unit]!), { v1: 60, v2: 40 }, 'v1', 'v2'))
      assert.equal(answer.status, answer.version === 'v1' ? 200 : 504)
    })
    release()
    const failed = await Promise.all(units.map((unit) => ask(gateway.port, unit, `again-${unit}`)))
    assert.ok(failed.every((answer) => answer.status === (answer.version === 'v1' ? 200 : 500)))
    await bad.close()
    const gone = await ask(gateway.port, units[hung.findIndex((answer) => answer.version === 'v2')]!)
    assert.equal(gone.status, 502)
    const sent = await counters(gateway.port)
    const share = hung.filter((answer) => answer.version === 'v2').length
    assert.deepEqual(sent.routed, { v1: 2 * (30 - share), v2: 2 * share + 1 })
  } finally {
    for (const part of [gateway, good, bad, stage]) await part.close()
  }
  const written = await predictionsOn(log, 'predictions')
  assert.equal(written.length, 60)
  assert.ok(written.every((prediction) => prediction['error'] === (prediction['version'] === 'v2') && prediction['region'] === 'EU'))
})

test('a candidate in its shadow is sent a copy of every request, and answers nobody; with traffic, or taken back, it is sent none', async () => {
  const log = new MemoryLog(new MemoryBroker(systemClock))
  await log.admin.create([{ topic: 'predictions', partitions: 1, config: {} }])
  const stage = new GatewayStage('flyball.', log)
  await stage.open()
  const serve = (version: string, predict: () => number) =>
    startModelServer({ log, topic: 'predictions', model: 'fraud', version, keyBy: 'unit', port: 0, predictor: { predict } })
  const [good, bad] = [await serve('v1', () => 0.25), await serve('v2', () => assert.fail('broken'))]
  const servers = { v1: `http://127.0.0.1:${good.port}`, v2: `http://127.0.0.1:${bad.port}` }
  const common = { log, prefix: 'flyball.', model: 'fraud', control: 'v1', servers, gateway: 'g1', port: 0, timeoutMs: 2000 }
  await assert.rejects(startGateway({ ...common, mirror: 'v3' }), /mirror v3: no server/)
  const gateway = await startGateway({ ...common, mirror: 'v2' })
  const asked = async (name: string, count: number) => {
    const answers = await Promise.all(Array.from({ length: count }, (_, at) => ask(gateway.port, `${name}-${at}`)))
    return answers.filter(({ status }) => status === 200).length
  }
  const copied = async () => (await counters(gateway.port)).mirrored
  try {
    assert.equal(await asked('shadow', 20), 20, 'people have the answers of the control')
    while ((await copied())?.answered !== 20) await systemClock.sleep(20)
    assert.deepEqual((await counters(gateway.port)).routed, { v1: 20 }, 'what is mirrored is not routed')
    await stage.command(commandOf(100))
    await stage.ack('the ack', (ack) => ack.kind === 'applied')
    assert.equal(await asked('canary', 5), 0)
    await stage.command({ ...commandOf(0), sequence: 2, kind: 'rollback' })
    await stage.ack('the ack of the rollback', (ack) => ack.kind === 'applied' && ack.sequence === 2)
    assert.equal(await asked('after', 5), 5)
    assert.deepEqual(await copied(), { copied: 20, answered: 20, leftOut: 0 })
  } finally {
    for (const part of [gateway, good, bad, stage]) await part.close()
  }
  const written = await predictionsOn(log, 'predictions')
  const idsOf = (version: string) => written.filter((one) => one['version'] === version).map(({ id }) => String(id))
  const pairs = idsOf('v1').filter((id) => idsOf('v2').includes(id))
  assert.equal(pairs.length, 20, 'both versions answer under the id of the request')
  assert.equal(written.length, 20 + 20 + 5 + 5)
})

test('gateway and model servers as processes of their own obey a command from Kafka', broker.options, async () => {
  const log = await broker.connect()
  const stage = new GatewayStage(`${broker.unique('p')}.`, log)
  await stage.open()
  const topic = await broker.topic(2)
  const common = ['--brokers', broker.bootstrap.join(',')]
  const processes: ChildProcess[] = []
  try {
    const run = async (script: string, ...args: string[]) => {
      const { child, port } = await started(script, [...common, ...args])
      processes.push(child)
      return port
    }
    const [v1, v2] = await Promise.all(['v1', 'v2'].map((version) => run('model-server', '--topic', topic, '--version', version)))
    const servers = ['--server', `v1=http://127.0.0.1:${v1}`, '--server', `v2=http://127.0.0.1:${v2}`]
    const port = await run('gateway', '--prefix', stage.prefix, '--gateway', 'g1', ...servers)
    assert.equal((await ask(port, 'unit-1')).version, 'v1')
    await stage.command(commandOf(100))
    await stage.ack('the ack', (ack) => ack.kind === 'applied' && ack.gateway === 'g1')
    assert.equal((await ask(port, 'unit-1', 'second')).version, 'v2')
    assert.deepEqual((await counters(port)).routed, { v1: 1, v2: 1 })
  } finally {
    await Promise.all(processes.map(ended))
    await stage.close()
  }
  assert.deepEqual((await predictionsOn(log, topic)).map((prediction) => prediction['version']).sort(), ['v1', 'v2'])
})

/** Starts an example and waits for its line of JSON. */
async function started(script: string, args: readonly string[]): Promise<{ child: ChildProcess; port: number }> {
  const file = fileURLToPath(new URL(`../../examples/${script}.ts`, import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const [line] = (await once(lines, 'line')) as [string]
  return { child, port: (JSON.parse(line) as { port: number }).port }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
