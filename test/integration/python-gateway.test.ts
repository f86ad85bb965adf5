/** The gateway that was written in Python from docs/control-topic.md alone, on a real broker. Skipped when pip cannot install its two packages. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { unitPoint, versionAt } from '../../src/subscriber/route.ts'
import { commandOf } from '../subscriber/commands.ts'
import { withBroker } from './broker.ts'
import { GatewayStage } from './gateway-stage.ts'

const folder = mkdtempSync(join(tmpdir(), 'flyball-python-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const broker = withBroker()
const python = broker.options.skip === false ? installed() : { path: '', problem: broker.options.skip }
const skip = python.problem === '' ? false : python.problem

test('a gateway written in Python from the wire document obeys, acks, refuses what is stale and routes as ours do', {
  ...broker.options,
  skip,
}, async () => {
  const stage = new GatewayStage(`${broker.unique('p')}.`, await broker.connect())
  await stage.open()
  await stage.command(commandOf(10, { sequence: 1 }))
  const gateway = startGateway(stage.prefix)
  try {
    const first = await stage.ack('the ack', (ack) => ack.kind === 'applied')
    assert.deepEqual([first.gateway, first.commandId, first.sequence], ['python-1', 'fraud-1-1', 1])
    await stage.command(commandOf(99, { sequence: 2 }), 'abort')
    await stage.command(commandOf(40, { sequence: 3, weights: { v0: 15, v1: 45, v2: 40 }, leaseMs: 4_000 }))
    await stage.ack('the second ack', (ack) => ack.kind === 'applied' && ack.sequence === 3)
    await stage.command(commandOf(90, { sequence: 2 }))
    const stale = await stage.ack('the answer', (ack) => ack.kind === 'stale')
    assert.deepEqual([stale.commandId, stale.sequence], ['fraud-1-2', 3])

    const units = Array.from({ length: 300 }, (_, unit) => `Kündin ${unit}`)
    const ours = units.map((unit) => versionAt(unitPoint('fraud', 'v2', unit), { v0: 15, v1: 45, v2: 40 }, 'v1', 'v2'))
    assert.deepEqual(await routed(gateway, units), ours)
    await stage.command(commandOf(40, { sequence: 4, segments: [{ segment: 'region=eu', weights: { v1: 100 } }], leaseMs: 4_000 }))
    await stage.ack('the third ack', (ack) => ack.kind === 'applied' && ack.sequence === 4)
    const [eu, us] = ['eu', 'us'].map((region) => units.map((unit) => `${unit}\tregion=${region}`))
    assert.ok((await routed(gateway, eu!)).every((version) => version === 'v1'))
    const everywhere = units.map((unit) => versionAt(unitPoint('fraud', 'v2', unit), { v1: 60, v2: 40 }, 'v1', 'v2'))
    assert.deepEqual(await routed(gateway, us!), everywhere)
    const present = await stage.ack('presence with an expired lease', (ack) => ack.kind === 'presence' && ack.leaseExpired)
    assert.equal(
      Object.values(present.routed).reduce((sum, count) => sum + count, 0),
      900,
    )
    assert.deepEqual(present.features, ['segments:region'])
    assert.deepEqual(
      stage.acks.filter((ack) => ack.kind === 'applied').map((ack) => ack.sequence),
      [1, 3, 4],
    )
  } finally {
    gateway.kill('SIGKILL')
    await once(gateway, 'exit')
    await stage.close()
  }
})

/** A virtual environment with the two packages, or why not. */
function installed(): { path: string; problem: string } {
  const venv = spawnSync('python3', ['-m', 'venv', folder], { encoding: 'utf8', timeout: 60_000 })
  if (venv.status !== 0) return { path: '', problem: `python3 -m venv does not work: ${venv.stderr ?? venv.error?.message}` }
  const path = join(folder, 'bin', 'python3')
  const pip = spawnSync(path, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', 'confluent-kafka', 'fastavro'], {
    encoding: 'utf8',
    timeout: 180_000,
  })
  return {
    path,
    problem: pip.status === 0 ? '' : `pip cannot install confluent-kafka and fastavro: ${pip.stderr.trim().split('\n').at(-1)}`,
  }
}

function startGateway(prefix: string): ChildProcess {
  const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const args = [
    at('examples/gateway.py'),
    '--brokers',
    broker.bootstrap.join(','),
    '--prefix',
    prefix,
    '--schemas',
    at('schemas'),
    '--dimensions',
    'region',
  ]
  return spawn(python.path, args, { stdio: ['pipe', 'pipe', 'inherit'] })
}

async function routed(gateway: ChildProcess, units: readonly string[]): Promise<string[]> {
  const versions: string[] = []
  const lines = createInterface({ input: gateway.stdout! })
  gateway.stdin!.write(units.map((unit) => `${unit}\n`).join(''))
  for await (const line of lines) {
    versions.push(line)
    if (versions.length === units.length) break
  }
  return versions
}
