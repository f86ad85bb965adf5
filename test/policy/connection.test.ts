/** Where the brokers and the secrets come from: flags before environment before file, and never a password in the policy. */
import assert from 'node:assert/strict'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectionOf, exposedSecrets } from '../../src/policy/connection.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { inFolder } from '../cli/run-flyball.ts'
import { policyText } from './minimal.ts'

const withKafka = (kafka: string) => parsePolicy(`${policyText}kafka: ${kafka}\n`, 'flyball.yaml').policy

test('brokers come from the flag, then the environment, then the file', () => {
  const policy = withKafka('{brokers: ["file:1"]}')
  const brokers = (flag: string | undefined, environment: Record<string, string>) =>
    connectionOf(policy, 'flyball.yaml', { brokers: flag, environment }).brokers
  assert.deepEqual(brokers('flag:1, flag:2', { KAFKA_BROKERS: 'env:1' }), ['flag:1', 'flag:2'])
  assert.deepEqual(brokers(undefined, { KAFKA_BROKERS: 'env:1' }), ['env:1'])
  assert.deepEqual(brokers(undefined, {}), ['file:1'])
})

test('a password is named by its file or comes from the environment, and its absence is a clear error', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'password'), 'secret\n')
    const policy = withKafka('{sasl: {mechanism: plain, username: me, passwordFile: password}}')
    const file = join(folder, 'flyball.yaml')
    assert.deepEqual(connectionOf(policy, file, { environment: {} }).sasl, {
      mechanism: 'plain',
      username: 'me',
      passwordFile: join(folder, 'password'),
    })
    const environment = { FLYBALL_SASL_PASSWORD: 'other' }
    assert.deepEqual(connectionOf(policy, file, { environment }).sasl, { mechanism: 'plain', username: 'me', password: 'other' })
    const bare = withKafka('{sasl: {mechanism: plain, username: me}}')
    assert.throws(() => connectionOf(bare, file, { environment: {} }), { code: 'FLY-POLICY-003' })
  })
})

test('what a connection needs is plain data that another thread can be given', () => {
  inFolder((folder) => {
    for (const name of ['ca', 'cert', 'key', 'token']) writeFileSync(join(folder, name), 'x')
    const policy = withKafka(
      '{ssl: {caFile: ca, certFile: cert, keyFile: key, serverName: kafka}, sasl: {mechanism: oauthbearer, tokenFile: token}}',
    )
    const connection = connectionOf(policy, join(folder, 'flyball.yaml'), { environment: {} })
    assert.deepEqual(structuredClone(connection), connection)
    assert.deepEqual(connection.sasl, { mechanism: 'oauthbearer', tokenFile: join(folder, 'token') })
  })
})

test('a file that is not there is told at the start, and one that everybody may read is warned of', () => {
  inFolder((folder) => {
    const policy = withKafka('{sasl: {mechanism: plain, username: me, passwordFile: password}}')
    const connect = () => connectionOf(policy, join(folder, 'flyball.yaml'), { environment: {} })
    assert.throws(connect, { code: 'FLY-POLICY-002' })
    writeFileSync(join(folder, 'password'), 'secret', { mode: 0o600 })
    assert.deepEqual(exposedSecrets(connect()), [])
    chmodSync(join(folder, 'password'), 0o644)
    assert.match(exposedSecrets(connect()).join(), /password holds a secret and may be read by every user/)
  })
})

test('logins that cannot work are refused with their place', () => {
  const faults: readonly [string, RegExp][] = [
    ['{sasl: {mechanism: scram-sha-512, passwordFile: p}}', /flyball\.yaml:\d+:\d+: kafka\.sasl: scram-sha-512 needs username/],
    ['{sasl: {mechanism: scram-sha-1, username: me}}', /flyball\.yaml:\d+:\d+: kafka\.sasl\.mechanism: must be plain \| scram-sha-256/],
    ['{sasl: {mechanism: plain, username: me, tokenFile: t}}', /kafka\.sasl\.tokenFile: is for oauthbearer/],
    ['{sasl: {mechanism: oauthbearer}}', /kafka\.sasl: oauthbearer needs tokenFile or tokenEndpoint/],
    ['{sasl: {mechanism: oauthbearer, tokenFile: t, username: me}}', /kafka\.sasl\.username: is not for oauthbearer/],
    [
      '{sasl: {mechanism: oauthbearer, tokenEndpoint: {url: "http://idp.example/token", clientId: c, clientSecretFile: s}}}',
      /kafka\.sasl\.tokenEndpoint\.url: must be https/,
    ],
    ['{ssl: {certFile: c}}', /kafka\.ssl\.certFile: needs keyFile/],
    ['{ssl: {keyFile: k}}', /kafka\.ssl\.keyFile: needs certFile/],
  ]
  for (const [kafka, expected] of faults) assert.throws(() => withKafka(kafka), expected, kafka)
})

test('a secret that would cross the network in the clear is warned of', () => {
  const warned = (kafka: string) => parsePolicy(`${policyText}kafka: ${kafka}\n`, 'flyball.yaml').warnings.join('\n')
  assert.match(
    warned('{sasl: {mechanism: plain, username: me, passwordFile: p}}'),
    /kafka\.sasl\.mechanism: plain without kafka\.ssl sends the secret/,
  )
  assert.doesNotMatch(warned('{ssl: true, sasl: {mechanism: plain, username: me, passwordFile: p}}'), /secret/)
  assert.doesNotMatch(warned('{sasl: {mechanism: scram-sha-512, username: me, passwordFile: p}}'), /secret/)
})

test('a password written into the policy is refused', () => {
  assert.throws(() => withKafka('{sasl: {mechanism: plain, username: me, password: secret}}'), /password: unknown key/)
})

test('a folder where a secret or a certificate should be is told by name, before anything is opened', () => {
  inFolder((folder) => {
    const file = join(folder, 'flyball.yaml')
    for (const kafka of ['{sasl: {mechanism: plain, username: me, passwordFile: .}}', '{ssl: {caFile: .}}'])
      assert.throws(() => connectionOf(withKafka(kafka), file, { environment: {} }), /FLY-POLICY-002 cannot read .*: it is a folder/, kafka)
  })
})

test('an address that a shell would read otherwise is no broker', () => {
  for (const brokers of ['b:1; true:1', '$(b):1', 'b :1', ':1', "b':1"])
    assert.throws(() => connectionOf(withKafka('{}'), 'flyball.yaml', { brokers, environment: {} }), { code: 'FLY-POLICY-004' }, brokers)
})
