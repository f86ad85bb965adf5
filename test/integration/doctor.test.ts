/**
 * `flyball doctor` on a real broker: an installation without fault ends with 0; one thing broken at a time ends with 3, and the remedy is
 * named. On a broker with logins: a right taken away is found, and the command that grants it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Finding } from '../../src/doctor/findings.ts'
import type { Rule } from '../../src/kit/rights.ts'
import { rulesOf } from '../../src/kit/rights.ts'
import { topicNames } from '../../src/kit/topics.ts'
import { type Breaks, install } from '../doctor/installation.ts'
import { runFlyball } from '../simulation/flyball-process.ts'
import { withBroker } from './broker.ts'
import { withSecuredBroker } from './secured.ts'

const broker = withBroker()
const secured = withSecuredBroker({ users: { daemon: 'd-secret' } })
const folder = mkdtempSync(join(tmpdir(), 'flyball-doctor-'))
after(() => rmSync(folder, { recursive: true }))
const SLOW = { ...broker.options, timeout: 240_000 }

interface Examined {
  readonly code: number | null
  readonly findings: readonly Finding[]
  readonly stderr: string
}

async function doctor(file: string, brokers: readonly string[], more: readonly string[] = []): Promise<Examined> {
  const process = runFlyball(['-p', file, '--json', ...more], brokers, 'doctor')
  const code = await process.ended
  const { findings } = JSON.parse(process.stdout()) as { findings: Finding[] }
  return { code, findings, stderr: process.stderr() }
}

const grave = (findings: readonly Finding[]): string[] => [...new Set(findings.filter(({ level }) => level !== 'ok').map(({ id }) => id))]

const BROKEN: readonly (readonly [what: string, breaks: Breaks, id: string, fix: RegExp])[] = [
  [
    'wrong retention',
    { predictionsConfig: { 'retention.ms': '600000' } },
    'input-retention-short',
    /kafka-configs\.sh .*retention\.ms=4200000/,
  ],
  ['not co-partitioned', { outcomePartition: (partition) => 1 - partition }, 'not-co-partitioned', /rekey: true/],
  [
    'a missing topic',
    { own: (topic) => (topic.topic.endsWith('.control') ? null : topic) },
    'topic-missing',
    /flyball topics --create -p /,
  ],
  [
    'a feature path that does not exist',
    { policy: (text) => text.replace('segments: { region: region } }', 'features: { age: nowhere }, segments: { region: region } }') },
    'feature-absent',
    /inputs\.predictions\.features\.age in /,
  ],
]

test('an installation without fault ends with 0', SLOW, async () => {
  const file = await install(await broker.connect(), folder, broker.unique('whole'))
  const { code, findings, stderr } = await doctor(file, broker.bootstrap)
  assert.deepEqual(grave(findings), [], stderr)
  assert.equal(code, 0, stderr)
  const checks = findings.filter(({ id }) => id === 'fine').map(({ check }) => check)
  assert.deepEqual(checks, [
    'broker',
    'rights',
    'topics',
    'retention',
    'clocks',
    'records',
    'co-partitioning',
    'fields',
    'gateways',
    'audit',
  ])
})

test('each thing that is broken ends with 3, and its remedy is named', SLOW, async () => {
  const log = await broker.connect()
  for (const [what, breaks, id, fix] of BROKEN) {
    const file = await install(log, folder, broker.unique('broken'), breaks)
    const { code, findings, stderr } = await doctor(file, broker.bootstrap)
    assert.deepEqual(grave(findings), [id], `${what}: ${stderr}`)
    assert.match(findings.find((finding) => finding.id === id)!.fix, fix, what)
    assert.equal(code, 3, what)
    assert.match(stderr, /FLY-DOCTOR-001/, what)
  }
})

test('a destination that answers 403 is found with --send, and looked at by its files without', SLOW, async (t) => {
  const server = createServer((_, response) => response.writeHead(403).end('no'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const told = (text: string) => text.replace('lines: { kind: log }', `lines: { kind: webhook, url: "${url}" }`)
  const file = await install(await broker.connect(), folder, broker.unique('told'), { policy: told })
  assert.equal((await doctor(file, broker.bootstrap)).code, 0)
  const { code, findings } = await doctor(file, broker.bootstrap, ['--send'])
  assert.equal(code, 3)
  assert.deepEqual(grave(findings), ['sink-refused'])
  assert.match(findings.find(({ id }) => id === 'sink-refused')!.fix, /alerts\.sinks\.lines/)
})

test('people read a line for what is well, and a reason and a remedy for what is not', SLOW, async () => {
  const file = await install(await broker.connect(), folder, broker.unique('read'), { gateway: null })
  const process = runFlyball(['-p', file], broker.bootstrap, 'doctor')
  assert.equal(await process.ended, 3)
  assert.match(process.stdout(), /^ok +topics +all of them are there/m)
  assert.match(process.stdout(), /^fault +gateways +fraud: no gateway .*\n +.*\(gateway-missing\)\n +→ Start the gateways of fraud/m)
})

test('a broker that cannot be reached is a fault, and told within the run', SLOW, async () => {
  const file = await install(await broker.connect(), folder, broker.unique('away'))
  const { code, findings } = await doctor(file, ['127.0.0.1:1'])
  assert.equal(code, 3)
  assert.deepEqual(grave(findings), ['broker-away'])
})

/** What it takes to see everything: the rules of a daemon that tells people, and a look at settings. */
function rulesFor(name: string, topics: readonly string[]): readonly Rule[] {
  const rule = (operation: Rule['operation'], topic: string): Rule => ({ operation, resource: 'topic', name: topic, prefixed: false })
  const inputs = [`${name}-predictions`, `${name}-outcomes`]
  const seen = Object.values(topicNames(`${name}.`)).map((topic) => rule('DESCRIBE', topic))
  const decided = rule('READ', `${name}.decisions`)
  const roles = (['daemon', 'act'] as const).flatMap((role) => rulesOf(role, { prefix: `${name}.`, inputs }))
  return [...roles, ...seen, decided, ...topics.map((topic) => rule('DESCRIBE_CONFIGS', topic))]
}

test('a right that is missing is found, with the command that grants it', { ...secured.options, timeout: 240_000 }, async () => {
  const { username, password } = secured.broker.admin
  const admin = await secured.connect(username, password)
  writeFileSync(join(folder, 'password'), 'd-secret', { mode: 0o600 })
  const login = `ssl: { caFile: ${secured.broker.caFile} }, sasl: { mechanism: scram-sha-512, username: daemon, passwordFile: password }`
  const name = 'guarded'
  const policy = (text: string) => text.replace('kafka: { ', `kafka: { ${login}, `)
  const file = await install(admin, folder, name, { policy })
  const topics = [...(await admin.admin.topics()).keys()].filter((topic) => topic.startsWith(name))
  const all = rulesFor(name, topics)
  const lacking = (rules: readonly Rule[], without: (rule: Rule) => boolean) => rules.filter((rule) => !without(rule))
  const granted = async (rules: readonly Rule[]): Promise<Examined> => {
    await secured.forget(['User:daemon'])
    await secured.allow(rules.map((rule) => ({ principal: 'User:daemon', rule })))
    return await doctor(file, secured.broker.bootstrap)
  }
  const whole = await granted(all)
  assert.deepEqual([whole.code, grave(whole.findings)], [0, []], whole.stderr)

  const unread = await granted(lacking(all, ({ operation, name: of }) => operation === 'READ' && of === `${name}.requests`))
  const missing = unread.findings.find(({ id }) => id === 'right-missing')!
  assert.equal(unread.code, 3)
  assert.match(missing.what, /User:daemon may not READ topic guarded\.requests, which the role daemon needs/)
  assert.match(missing.fix, /kafka-acls\.sh .*--add --allow-principal 'User:daemon' --operation READ --topic 'guarded\.requests'/)

  const blind = await granted(lacking(all, ({ name: of }) => of === `${name}.alerts`))
  assert.deepEqual([blind.code, grave(blind.findings)], [3, ['right-missing']], blind.stderr)
  assert.match(blind.findings.find(({ id }) => id === 'right-missing')!.fix, /--operation WRITE --topic 'guarded\.alerts'/)

  const hidden = await granted(lacking(all, ({ operation }) => operation === 'DESCRIBE_CONFIGS'))
  assert.deepEqual([hidden.code, grave(hidden.findings)], [0, ['configs-hidden']], hidden.stderr)
})
