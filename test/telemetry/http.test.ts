/** The door of the metrics: open on this machine, shut to others without a token; probes answer everybody with a yes or a no. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { metricsDoor } from '../../src/cli/metrics-door.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { serveTelemetry, type TelemetryDoor } from '../../src/telemetry/http.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { flyball, inFolder } from '../cli/run-flyball.ts'
import { policyText } from '../policy/minimal.ts'

const TOKEN = 'a-token-of-some-length'
const policyWith = (more = '') => parsePolicy(`${policyText}${more}`, 'flyball.yaml').policy

async function asking(door: Omit<TelemetryDoor, 'port'>, ask: (get: Get) => Promise<void>): Promise<void> {
  const health = { stalled: () => ['the judge of partition 3 stands still'], notReady: () => [] }
  const server = await serveTelemetry({ port: 0, ...door }, createMetrics().registry, health)
  try {
    await ask(async (path, authorization) => {
      const reply = await fetch(`http://127.0.0.1:${server.port}${path}`, authorization === undefined ? {} : { headers: { authorization } })
      return { status: reply.status, text: await reply.text() }
    })
  } finally {
    await server.close()
  }
}

type Get = (path: string, authorization?: string) => Promise<{ readonly status: number; readonly text: string }>

test('without a token everybody on this machine may read everything', async () => {
  await asking({}, async (get) => {
    assert.equal((await get('/metrics')).status, 200)
    assert.deepEqual(await get('/livez'), { status: 503, text: 'the judge of partition 3 stands still\n' })
    assert.deepEqual(await get('/readyz'), { status: 200, text: 'ok\n' })
  })
})

test('with a token the metrics open to whoever shows it, and to nobody else', async () => {
  let token = TOKEN
  await asking({ token: () => token }, async (get) => {
    for (const shown of [undefined, '', 'Bearer', 'Bearer wrong', `Basic ${TOKEN}`, `Bearer ${TOKEN}x`, `Bearer ${TOKEN.slice(1)}`]) {
      assert.equal((await get('/metrics', shown)).status, 401, String(shown))
    }
    assert.equal((await get('/metrics', `Bearer ${TOKEN}`)).status, 200)
    assert.deepEqual(await get('/livez'), { status: 503, text: 'no\n' })
    assert.match((await get('/livez', `Bearer ${TOKEN}`)).text, /partition 3/)
    token = 'another-token-of-some-length'
    assert.equal((await get('/metrics', `Bearer ${TOKEN}`)).status, 401)
    assert.equal((await get('/metrics', `Bearer ${token}`)).status, 200)
    token = ''
    assert.equal((await get('/metrics', 'Bearer ')).status, 401)
  })
})

test('a token that cannot be read opens nothing', async () => {
  const token = () => {
    throw new Error('no such file')
  }
  await asking({ token }, async (get) => assert.equal((await get('/metrics', `Bearer ${TOKEN}`)).status, 401))
})

test('whoever holds a connection open, or never ends a request, does not keep the server from closing', async () => {
  const health = { stalled: () => [], notReady: () => [] }
  const server = await serveTelemetry({ port: 0 }, createMetrics().registry, health)
  const held = ['', 'GET /metrics HTTP/1.1\r\nHost: x\r\n'].map((begun) => {
    const socket = connect(server.port, '127.0.0.1', () => void socket.write(begun))
    socket.on('error', () => undefined)
    return socket
  })
  await Promise.all(held.map((socket) => once(socket, 'connect')))
  await fetch(`http://127.0.0.1:${server.port}/livez`)
  await server.close()
  for (const socket of held) socket.destroy()
})

test('an address that other machines can reach needs a token, by flag or by policy', () => {
  const options = { policy: 'flyball.yaml', metricsPort: 0 }
  assert.deepEqual(metricsDoor(policyWith(), options), { port: 0, host: '127.0.0.1' })
  for (const host of ['localhost', '::1', '127.9.9.9'])
    assert.equal(metricsDoor(policyWith(), { ...options, metricsHost: host }).host, host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'flyball.example', '127.0.0.1.example']) {
    assert.throws(() => metricsDoor(policyWith(), { ...options, metricsHost: host }), { code: 'FLY-CLI-013' }, host)
    assert.throws(() => policyWith(`metrics: {host: "${host}"}\n`), /metrics\.host: is open to other machines/, host)
  }
  inFolder((folder) => {
    const file = join(folder, 'token')
    writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
    const door = metricsDoor(policyWith(), { ...options, metricsHost: '0.0.0.0', metricsTokenFile: file })
    assert.equal(door.token!(), TOKEN)
    const ofPolicy = metricsDoor(policyWith('metrics: {host: 0.0.0.0, tokenFile: token}\n'), {
      ...options,
      policy: join(folder, 'flyball.yaml'),
    })
    assert.deepEqual([ofPolicy.host, ofPolicy.token!()], ['0.0.0.0', TOKEN])
    writeFileSync(file, 'short')
    assert.throws(() => door.token!(), /a token has at least 16 characters/, 'half a token, while the file is written anew')
    assert.throws(() => metricsDoor(policyWith(), { ...options, metricsTokenFile: file }), /a token has at least 16 characters/)
  })
})

test('flyball run ends before it connects when its metrics would be open to others', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), policyText)
    const ended = flyball(['run', '--metrics-host', '0.0.0.0'], folder)
    assert.equal(ended.code, 2)
    assert.match(ended.stderr, /FLY-CLI-013 will not listen on 0\.0\.0\.0 without a token/)
  })
})
