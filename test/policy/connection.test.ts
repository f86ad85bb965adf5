/** Where the brokers and the secrets come from: flags before environment before file, and never a password in the policy. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connectionOf } from '../../src/policy/connection.ts'
import { parsePolicy } from '../../src/policy/load.ts'
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

test('a password is read from the file named or from the environment, and its absence is a clear error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flyball-'))
  try {
    writeFileSync(join(folder, 'password'), 'secret\n')
    const policy = withKafka('{sasl: {mechanism: plain, username: me, passwordFile: password}}')
    const file = join(folder, 'flyball.yaml')
    assert.equal(connectionOf(policy, file, { environment: {} }).sasl!.password, 'secret')
    assert.equal(connectionOf(policy, file, { environment: { FLYBALL_SASL_PASSWORD: 'other' } }).sasl!.password, 'other')
    const bare = withKafka('{sasl: {mechanism: plain, username: me}}')
    assert.throws(() => connectionOf(bare, file, { environment: {} }), { code: 'FLY-POLICY-003' })
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a password written into the policy is refused', () => {
  assert.throws(() => withKafka('{sasl: {mechanism: plain, username: me, password: secret}}'), /password: unknown key/)
})
