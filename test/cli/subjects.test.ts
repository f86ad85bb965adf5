/** What cannot be meant is refused before a broker is looked for: no artifact that is none, no segment in its place, no key that cannot sign. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { artifact, digest, segment } from '../../src/cli/arguments.ts'
import { flyball, inFolder } from './run-flyball.ts'

const POLICY = `
version: 1
kafka: { brokers: ["127.0.0.1:1"] }
inputs: { predictions: { topic: predictions } }
models: { fraud: { control: v1, candidate: v2 } }
`

test('an artifact is written as the policy writes it, or by the name of a version; a segment is none, and the other way round', () => {
  for (const text of ['sha256:9f86d0', 'md5:AbC=', 'sha512:a/b+c==']) assert.deepEqual([digest(text), artifact(text)], [text, text])
  assert.equal(artifact('version:my model = 2'), 'version:my model = 2')
  for (const wrong of ['', 'v2', 'region=eu', 'sha256:', 'sha256:a b', 'sha256', ':9f86', 'version:']) {
    assert.throws(
      () => artifact(wrong),
      /must be algorithm:digest, such as sha256:9f86d0…, as under rollout\.artifacts .*, or version:NAME/,
    )
    assert.throws(() => digest(wrong), /must be algorithm:digest, such as sha256:9f86d0…, as under rollout\.artifacts/)
  }
  assert.equal(segment('region=eu:west'), 'region=eu:west')
  for (const wrong of ['', 'region', 'region=', '=eu', 'sha256:abc=']) assert.throws(() => segment(wrong), /must be dimension=value/)
})

test('each command that takes an artifact refuses what is none, as a usage error that names what was expected', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    const words = ['fraud', '--reason', 'a test', '--artifact', 'region=eu']
    for (const command of [
      ['quarantine', 'add', ...words],
      ['quarantine', 'release', ...words],
      ['rollout', 'gate', ...words, '--passed', '--report', 'none'],
    ]) {
      const ended = flyball(command, folder)
      assert.equal(ended.code, 2, command.join(' '))
      assert.match(ended.stderr, /'--artifact <digest>' argument 'region=eu' is invalid\. must be algorithm:digest, such as sha256:9f86d0…/)
    }
  })
})

test('a key that cannot sign is told of before a broker is looked for', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY)
    writeFileSync(join(folder, 'bad.key'), 'no key')
    const asked = ['fraud', '--reason', 'a test', '--confirm', 'fraud', '--sign-key', 'bad.key']
    for (const command of [
      ['freeze', ...asked],
      ['rollback', ...asked],
    ]) {
      const ended = flyball(command, folder)
      assert.match(ended.stderr, /bad\.key/, ended.stderr)
      assert.doesNotMatch(ended.stderr, /FLY-KAFKA/)
      assert.equal(ended.code, 2)
    }
  })
})
