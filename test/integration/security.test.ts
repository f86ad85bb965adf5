/** Every way to log in, each mistake's own words, and rotation: secrets change while everything runs, and nothing is restarted. */
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { kafkaTool } from '../../scripts/lib/kafka-broker.ts'
import { startDaemon } from '../../src/daemon.ts'
import { connectKafka, type KafkaOptions } from '../../src/kafka/connect.ts'
import type { EventLog } from '../../src/kafka/contract.ts'
import { systemClock } from '../../src/kit/clock.ts'
import { type Rule, rulesOf } from '../../src/kit/rights.ts'
import { ownTopics } from '../../src/kit/topics.ts'
import type { FlyballEvent } from '../../src/telemetry/events.ts'
import { flyball } from '../cli/run-flyball.ts'
import { policyText } from '../policy/minimal.ts'
import { withSecuredBroker } from './secured.ts'
import { fillInputs, INPUTS, policyOf } from './secured-inputs.ts'

const secured = withSecuredBroker({
  users: { alice: 'a-secret', bob: 'b-secret', hugo: 'h-secret' },
  // Sessions end after some seconds, as they do where tokens are short-lived: a login comes again on a connection that stays.
  extra: ['listener.name.sasl_ssl.oauthbearer.connections.max.reauth.ms=4000'],
})
const folder = mkdtempSync(join(tmpdir(), 'flyball-secrets-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const secretFile = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url')

/** A token that vouches for itself: the broker of these tests takes it. */
function token(subject: string, livesSeconds: number): string {
  const seconds = Math.floor(systemClock.nowMs() / 1000)
  return `${encoded({ alg: 'none' })}.${encoded({ sub: subject, iat: seconds, exp: seconds + livesSeconds })}.`
}

const tlsOnly = (): Pick<KafkaOptions, 'ssl'> => ({ ssl: { caFile: secured.broker.caFile } })

async function connecting(options: Partial<KafkaOptions>, brokers = secured.broker.bootstrap): Promise<string> {
  try {
    const log = await connectKafka({ brokers, clientId: 'test', ...options })
    await log.close()
    return 'connected'
  } catch (error) {
    return (error as Error).message
  }
}

test('passwords by PLAIN and SCRAM, tokens by file, and client certificates let us in', secured.options, async () => {
  const passwordFile = secretFile('alice', 'a-secret\n')
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    assert.equal(await connecting({ ...tlsOnly(), sasl: { mechanism, username: 'alice', passwordFile } }), 'connected', mechanism)
  }
  const tokenFile = secretFile('token', token('alice', 60))
  assert.equal(await connecting({ ...tlsOnly(), sasl: { mechanism: 'oauthbearer', tokenFile } }), 'connected')
  const { certFile, keyFile } = secured.broker.issue('carol')
  assert.equal(await connecting({ ssl: { caFile: secured.broker.caFile, certFile, keyFile } }, secured.broker.mutualTls), 'connected')
})

test('each mistake has an error of its own', secured.options, async () => {
  const right = { mechanism: 'scram-sha-512', username: 'alice', password: 'a-secret' } as const
  const cases: readonly [string, Partial<KafkaOptions>, RegExp, (readonly string[])?][] = [
    [
      'a wrong password',
      { ...tlsOnly(), sasl: { ...right, password: 'no' } },
      /FLY-KAFKA-011 .*User:alice.*scram-sha-512.*invalid credentials/,
    ],
    ['an unknown user', { ...tlsOnly(), sasl: { ...right, mechanism: 'plain', username: 'x' } }, /FLY-KAFKA-011 .*User:x/],
    ['an unknown authority', { ssl: true, sasl: right }, /FLY-KAFKA-001 .*certificate/],
    ['another name', { ssl: { caFile: secured.broker.caFile, servername: 'elsewhere.example' }, sasl: right }, /FLY-KAFKA-001 .*altnames/],
    ['plain text', {}, /FLY-KAFKA-001 .*Closed connection/],
    ['no certificate', tlsOnly(), /FLY-KAFKA-001 .*certificate/, secured.broker.mutualTls],
    [
      'no password file',
      { ...tlsOnly(), sasl: { mechanism: 'plain', username: 'alice', passwordFile: join(folder, 'none') } },
      /FLY-KAFKA-012 .*none/,
    ],
    [
      'an old token',
      { ...tlsOnly(), sasl: { mechanism: 'oauthbearer', tokenFile: secretFile('old', token('alice', -60)) } },
      /FLY-KAFKA-012 .*expired/,
    ],
  ]
  for (const [what, options, expected, brokers] of cases) assert.match(await connecting(options, brokers), expected, what)
})

/** Writes and reads one record over connections that are opened for it. */
async function roundTrip(log: EventLog, topic: string): Promise<number> {
  const writer = await log.writer()
  const { baseOffset } = await writer.send(topic, 0, [{ key: 'k', value: Buffer.from('v') }])
  await writer.close()
  const reader = log.reader()
  let read = 0
  await reader.readRange(topic, 0, baseOffset, baseOffset + 1, () => read++)
  await reader.close()
  return read
}

async function ownTopic(topic: string, principal: string): Promise<void> {
  const { username, password } = secured.broker.admin
  const admin = await secured.connect(username, password)
  await admin.admin.create([{ topic, partitions: 1, config: {} }])
  const rules = (['READ', 'WRITE'] as const).map((operation): Rule => ({ operation, resource: 'topic', name: topic, prefixed: false }))
  await secured.allow(rules.map((rule) => ({ principal, rule })))
}

test(
  'a new password, at the broker first and in the file some time later: new connections wait for it, nothing ends',
  secured.options,
  async () => {
    await ownTopic('rotated', 'User:bob')
    const passwordFile = secretFile('bob', 'b-secret')
    const problems: string[] = []
    const log = await secured.open({
      sasl: { mechanism: 'scram-sha-512', username: 'bob', passwordFile },
      onClientLog: (_level, message) => problems.push(message),
    })
    assert.equal(await roundTrip(log, 'rotated'), 1)
    await changePassword('bob', 'another-secret')
    // Opened in between: the old password is refused.
    const reader = log.reader()
    const source = reader.open('rotated', 0, 0)
    await systemClock.sleep(1500)
    assert.equal(source.take(), null)
    assert.ok(
      problems.some((problem) => /invalid credentials/.test(problem)),
      problems.join('\n'),
    )
    writeFileSync(passwordFile, 'another-secret')
    let taken = source.take()
    for (const deadlineMs = systemClock.monotonicMs() + 20_000; taken === null; taken = source.take()) {
      assert.ok(systemClock.monotonicMs() < deadlineMs, 'the reader found the new password')
      await reader.wait(200)
    }
    assert.equal(await roundTrip(log, 'rotated'), 1)
    await log.close()
  },
)

async function changePassword(user: string, password: string): Promise<void> {
  const { libs } = secured.broker.running
  const { username, password: adminPassword } = secured.broker.admin
  const config = secretFile(
    'admin.properties',
    [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=SCRAM-SHA-512',
      `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="${username}" password="${adminPassword}";`,
      'ssl.truststore.type=PEM',
      `ssl.truststore.location=${secured.broker.caFile}`,
    ].join('\n'),
  )
  const run = kafkaTool(libs, 'kafka.admin.ConfigCommand', [
    ...['--bootstrap-server', secured.broker.bootstrap.join(','), '--command-config', config],
    ...['--alter', '--add-config', `SCRAM-SHA-512=[iterations=4096,password=${password}]`, '--entity-type', 'users', '--entity-name', user],
  ])
  assert.equal(run.status, 0, `${run.stdout}${run.stderr}`)
}

test('a daemon goes on when its password changes and every connection is cut', secured.options, async () => {
  const { username, password } = secured.broker.admin
  const admin = await secured.connect(username, password)
  await fillInputs(admin)
  await admin.admin.create(ownTopics('cut.', 1, 1))
  const rules = rulesOf('daemon', { prefix: 'cut.', inputs: INPUTS })
  await secured.allow(rules.map((rule) => ({ principal: 'User:hugo', rule })))
  const passwordFile = secretFile('hugo', 'h-secret')
  const log = await secured.open({ clientId: 'hugo', sasl: { mechanism: 'scram-sha-512', username: 'hugo', passwordFile } })
  const events: FlyballEvent[] = []
  const { layout } = policyOf('cut.')
  const daemon = await startDaemon({
    ...{ log, layout, prefix: 'cut.', judgePartitions: 1, clock: systemClock, createTopics: false, drain: false, version: 'test' },
    emit: (event) => void events.push(event),
  })
  let ended: unknown = null
  daemon.done.catch((error: unknown) => {
    ended = error
  })
  const panes = () => events.filter(({ event }) => event === 'panes-written').length
  await until(
    'it has decided',
    () => events.some((event) => event.event === 'decided' && event.verdict === 'rollback'),
    () => ended,
  )
  await changePassword('hugo', 'h-new-secret')
  await secured.broker.running.restart(0, 'SIGKILL')
  writeFileSync(passwordFile, 'h-new-secret')
  const before = panes()
  await fillInputs(admin, 3600)
  await until(
    'it has measured what came later',
    () => panes() > before,
    () => ended,
  )
  await daemon.stop()
})

async function until(what: string, holds: () => boolean, ended: () => unknown): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 60_000
  while (!holds()) {
    assert.equal(ended(), null, what)
    assert.ok(systemClock.monotonicMs() < deadlineMs, `never came: ${what}`)
    await systemClock.sleep(100)
  }
}

test('a token that is renewed in its file outlives the sessions it opened', secured.options, async () => {
  await ownTopic('tokens', 'User:dora')
  const tokenFile = secretFile('dora', token('dora', 6))
  const log = await secured.open({ sasl: { mechanism: 'oauthbearer', tokenFile } })
  const writer = await log.writer()
  const reader = log.reader()
  const source = reader.open('tokens', 0, 0)
  let [written, read] = [0, 0]
  const take = () => {
    for (let batch = source.take(); batch !== null; batch = source.take()) read += batch.count
  }
  // Longer than a session, and than the life of the first token.
  const untilMs = systemClock.monotonicMs() + 10_000
  for (; systemClock.monotonicMs() < untilMs; written++) {
    if (written % 5 === 4) writeFileSync(tokenFile, token('dora', 6))
    await writer.send('tokens', 0, [{ key: 'k', value: Buffer.from(String(written)) }])
    await systemClock.sleep(300)
    take()
  }
  for (let wait = 0; wait < 40 && read < written; wait++) {
    await reader.wait(250)
    take()
  }
  assert.equal(read, written)
  await log.close()
})

test('tokens come from an endpoint that is shown the client and its secret; one is used while it lives', secured.options, async () => {
  const asked: string[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', (part: Buffer) => {
      body += part.toString()
    })
    request.on('end', () => {
      asked.push(`${request.headers.authorization} ${body}`)
      const good = request.headers.authorization === `Basic ${Buffer.from('erna:e%26secret').toString('base64')}`
      reply.statusCode = good ? 200 : 401
      reply.end(good ? JSON.stringify({ access_token: token('erna', 300), expires_in: 300 }) : '{"error":"invalid_client"}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  server.unref()
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
  const clientSecretFile = secretFile('erna', 'e&secret\n')
  await ownTopic('endpoint', 'User:erna')
  const sasl = { mechanism: 'oauthbearer', tokenEndpoint: { url, clientId: 'erna', clientSecretFile, scope: 'kafka' } } as const
  const log = await secured.open({ sasl })
  assert.equal(await roundTrip(log, 'endpoint'), 1)
  await log.close()
  assert.equal(asked.length, 1)
  assert.match(asked[0]!, /grant_type=client_credentials&scope=kafka/)
  writeFileSync(clientSecretFile, 'wrong')
  const refused = await connecting({ ...tlsOnly(), sasl: { ...sasl, tokenEndpoint: { ...sasl.tokenEndpoint } } })
  assert.match(refused, /FLY-KAFKA-012 .*token endpoint http:\/\/127.*status 401/)
  assert.doesNotMatch(refused, /wrong/)
  await new Promise((resolve) => server.close(resolve))
})

test('a client certificate is read anew for every connection', secured.options, async () => {
  const { certFile, keyFile } = secured.broker.issue('frieda')
  const other = secured.broker.issue('gustav')
  await ownTopic('mutual', 'User:CN=gustav')
  const log = await secured.open({ brokers: secured.broker.mutualTls, ssl: { caFile: secured.broker.caFile, certFile, keyFile } })
  await assert.rejects(roundTrip(log, 'mutual'), /FLY-KAFKA-004 not authorised: User:CN=frieda needs WRITE on topic mutual/)
  copyFileSync(other.certFile, certFile)
  copyFileSync(other.keyFile, keyFile)
  assert.equal(await roundTrip(log, 'mutual'), 1)
  await log.close()
})

test(
  'the command line logs in by the policy, warns of a secret that others may read, and ends with 5 when a right is missing',
  secured.options,
  () => {
    const passwordFile = secretFile('open', 'a-secret')
    chmodSync(passwordFile, 0o644)
    const { caFile, bootstrap } = secured.broker
    const sasl = `{mechanism: scram-sha-256, username: alice, passwordFile: open}`
    writeFileSync(
      join(folder, 'flyball.yaml'),
      `${policyText}kafka: {brokers: ["${bootstrap[0]}"], ssl: {caFile: "${caFile}"}, sasl: ${sasl}}\n`,
    )
    const status = flyball(['status'], folder)
    assert.equal(status.code, 5, status.stderr)
    assert.match(status.stderr, /warning .*open holds a secret and may be read by every user/)
    assert.match(status.stderr, /FLY-KAFKA-004 not authorised: User:alice needs READ( or WRITE)? on topic flyball\.control/)
    assert.doesNotMatch(status.stderr + status.stdout, /a-secret/)
  },
)
