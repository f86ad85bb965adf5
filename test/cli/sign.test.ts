/** `flyball sign keys` makes a pair that signs and verifies, keeps the secret half from others, and overwrites nothing by accident. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { signerFor, wouldBeBelieved } from '../../src/cli/sign.ts'
import { signatureOf, trustedKeyOf, verified } from '../../src/kit/signing.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from '../policy/minimal.ts'
import { flyball, inFolder } from './run-flyball.ts'

test('a pair of keys is made, the private one readable by its owner alone', () => {
  inFolder((folder) => {
    const made = flyball(['sign', 'keys', 'ops-1', '--json'], folder)
    assert.equal(made.code, 0, made.stderr)
    assert.deepEqual(JSON.parse(made.stdout), { keyId: 'ops-1', keyFile: 'ops-1.key', publicFile: 'ops-1.pub' })
    assert.equal(statSync(join(folder, 'ops-1.key')).mode & 0o777, 0o600)
    const { layout } = parsePolicy(policyText, 'flyball.yaml')
    const signer = signerFor(layout, { signKey: join(folder, 'ops-1.key') })!
    const record = { topic: 't', key: 'k', environment: 'e', value: Buffer.from('v') }
    const trusted = [trustedKeyOf(join(folder, 'ops-1.pub'), 'ops-1', null)]
    assert.deepEqual(verified(trusted, signatureOf(signer, record), record, 0), { keyId: 'ops-1' })
    assert.equal(signerFor(layout, {}), null)
    assert.match(flyball(['sign', 'keys', 'ops-1'], folder).stderr, /FLY-CLI-001 ops-1\.key exists already/)
    assert.match(flyball(['sign', 'keys', 'a key'], folder).stderr, /FLY-CLI-020/)
  })
})

test('a policy that trusts nobody cannot be strict, and a key id is trusted once', () => {
  const withSecurity = (text: string) => () => parsePolicy(`${policyText}security: ${text}\n`, 'flyball.yaml')
  assert.throws(withSecurity('{ strict: true }'), /security\.strict: would refuse every request/)
  assert.throws(withSecurity('{ trusted: [{ keyId: a, file: a.pub }, { keyId: a, file: b.pub }] }'), /a is listed twice/)
  const { layout } = withSecurity('{ signing: { keyFile: a.key, keyId: a }, trusted: [{ keyId: a, file: a.pub }], strict: true }')()
  const other = withSecurity('{ signing: { keyFile: b.key, keyId: b }, trusted: [{ keyId: a, file: a.pub }], strict: true }')()
  assert.equal(layout.policyDigest, other.layout.policyDigest, 'with what key a process signs is not a rule of the policy')
  assert.notEqual(layout.policyDigest, parsePolicy(policyText, 'flyball.yaml').layout.policyDigest)
})

test('the glass is broken only with what the judge would adopt: its own key, or one that is trusted and in time', () => {
  inFolder((folder) => {
    for (const name of ['judge', 'ops-1', 'ops-2', 'stranger']) assert.equal(flyball(['sign', 'keys', name], folder).code, 0)
    const nowMs = Date.parse('2026-01-01T00:00:00Z')
    const trusted = 'trusted: [{ keyId: ops-1, file: ops-1.pub }, { keyId: ops-2, file: ops-2.pub, notAfter: "2025-01-01T00:00:00Z" }]'
    const believed = (security: string) => {
      const { layout } = parsePolicy(`${policyText}${security}\n`, join(folder, 'flyball.yaml'))
      const names = ['judge', 'ops-1', 'ops-2', 'stranger'].filter((name) =>
        wouldBeBelieved(layout, signerFor(layout, { signKey: join(folder, `${name}.key`) }), nowMs),
      )
      return [...names, ...(wouldBeBelieved(layout, null, nowMs) ? ['nobody'] : [])]
    }
    const all = ['judge', 'ops-1', 'ops-2', 'stranger', 'nobody']
    assert.deepEqual(believed(''), all)
    assert.deepEqual(believed(`security: { ${trusted} }`), all)
    assert.deepEqual(believed(`security: { ${trusted}, strict: true }`), ['ops-1'])
    assert.deepEqual(believed(`security: { signing: { keyFile: judge.key, keyId: judge }, ${trusted} }`), ['judge', 'ops-1'])
  })
})
