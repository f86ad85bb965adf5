/** The manners of the command line: exit codes, data on stdout, messages on stderr, no stack traces for what users can mend. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { POLICY_TEMPLATE } from '../../src/cli/policy-template.ts'
import { parsePolicy } from '../../src/policy/load.ts'
import { policyText } from '../policy/minimal.ts'
import { flyball, inFolder } from './run-flyball.ts'

test('init writes a policy that validates as it stands, observes only, and is never overwritten by accident', () => {
  inFolder((folder) => {
    const first = flyball(['init'], folder)
    assert.equal(first.code, 0, first.stderr)
    assert.equal(first.stdout, 'flyball.yaml\n')
    const again = flyball(['init'], folder)
    assert.equal(again.code, 2)
    assert.match(again.stderr, /FLY-CLI-001 flyball\.yaml exists already\n.*--force/)
    assert.equal(flyball(['init', '--force'], folder).code, 0)
    const valid = flyball(['validate', '--json'], folder)
    assert.equal(valid.code, 0, valid.stderr)
    const result = JSON.parse(valid.stdout)
    assert.equal(result.valid, true)
    assert.deepEqual(result.warnings, [])
    assert.equal(result.models[0].mode, 'observe')
  })
})

test('the defaults that init writes out are those that hold when they are left out', () => {
  const { policy } = parsePolicy(POLICY_TEMPLATE, 'flyball.yaml')
  const written = /^(timing|limits| {4}(budgets|silence|blind|throttle|acks|score|latency|ladder)):.*(\n {6}.*)*\n/gm
  assert.equal(POLICY_TEMPLATE.match(written)?.length, 10)
  assert.deepEqual(parsePolicy(POLICY_TEMPLATE.replace(written, ''), 'flyball.yaml').policy, policy)
})

test('a refused policy ends with 2, one fault a line on stderr, and no stack trace', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'bad.yaml'), 'version: 1\nmodel: {}\n')
    const ended = flyball(['validate', 'bad.yaml'], folder)
    assert.equal(ended.code, 2)
    assert.equal(ended.stdout, '')
    assert.match(ended.stderr, /^bad\.yaml:2:1: model: unknown key, did you mean models\?$/m)
    assert.match(ended.stderr, /^bad\.yaml:1:1: inputs: is missing$/m)
    assert.doesNotMatch(ended.stderr, /\n\s+at |node:internal|\.ts:\d/)
    const json = flyball(['validate', 'bad.yaml', '--json'], folder)
    assert.equal(json.code, 2)
    assert.deepEqual(JSON.parse(json.stdout).faults[0], { file: 'bad.yaml', line: 1, column: 1, path: 'inputs', message: 'is missing' })
  })
})

test('usage errors end with 2, help and version with 0', () => {
  inFolder((folder) => {
    assert.equal(flyball(['fly'], folder).code, 2)
    assert.equal(flyball(['validate', '--colour'], folder).code, 2)
    assert.equal(flyball(['topics', '--input-partitions', 'many'], folder).code, 2)
    assert.equal(flyball(['validate', 'missing.yaml'], folder).code, 2)
    for (const wrong of [
      ['run', '--log-level', 'loud'],
      ['run', '--metrics-port', ''],
      ['rollback', 'm', '--reason', ' '],
      ['alerts', 'acknowledge', 'm', '--reason', ''],
      ['silence', 'add', '--for', '1h', '--model', 'm', '--reason', ''],
      ['rollout', 'gate', 'm', '--passed', '--reason', 'r', '--report', ' '],
      ['freeze', 'm', '--reason', 'r', '--until', '08:00'],
      ['freeze', 'm', '--reason', 'r', '--until', '2001-01-01T00:00:00Z'],
      ['freeze', 'm'],
      ['throttle', 'm', '--reason', 'r', '--until', '2h'],
      ['rollout', 'promote', 'm', '--reason', 'r', '--if-sequence', '-1'],
      ['rollout', 'abort', 'm', '--reason', 'r', '--expires', 'soon'],
      ['rollout', 'climb', 'm'],
      ['quarantine', 'release', '--reason', 'r'],
      ['quarantine', 'add', 'm'],
      ['approve', 'm', '--reason', 'r', '--stage'],
      ['mode', 'm', 'off', '--reason', 'r'],
    ]) {
      const ended = flyball(wrong, folder)
      assert.equal(ended.code, 2, wrong.join(' '))
      // And not because there is no policy in this folder.
      assert.match(ended.stderr, /^error: /, wrong.join(' '))
      assert.doesNotMatch(ended.stderr, /\n\s+at /)
    }
    for (const wait of ['soon', '-5', '']) {
      const ended = flyball(['rollback', 'm', '--reason', 'r', '--wait', wait], folder)
      assert.match(ended.stderr, /must be a number of seconds/)
      assert.equal(ended.code, 2)
    }
    const version = flyball(['--version'], folder)
    assert.equal(version.code, 0)
    assert.equal(version.stdout.trim(), JSON.parse(readFileSync('package.json', 'utf8')).version)
    const help = flyball(['--help'], folder)
    assert.equal(help.code, 0)
    assert.match(help.stdout, /validate[\s\S]*topics/)
    for (const name of ['rollout', 'rollback', 'throttle', 'freeze', 'unfreeze', 'quarantine', 'approve', 'mode'])
      assert.equal(help.stdout.split(`\n  ${name} `).length, 2, name)
    assert.equal(help.stderr, '')
  })
})

test('topics prints every topic Flyball owns without asking a broker, equal partitions for those keyed by model', () => {
  inFolder((folder) => {
    flyball(['init'], folder)
    const printed = flyball(['topics', '--json', '--input-partitions', '12'], folder)
    assert.equal(printed.code, 0, printed.stderr)
    const { topics } = JSON.parse(printed.stdout) as { topics: { topic: string; partitions: number; config: Record<string, string> }[] }
    const byName = new Map(topics.map((topic) => [topic.topic.replace('flyball.', ''), topic]))
    assert.equal(byName.size, 11)
    const byModel = ['panes', 'state', 'decisions', 'control', 'alerts', 'acks', 'requests', 'versions'].map(
      (name) => byName.get(name)!.partitions,
    )
    assert.deepEqual(new Set(byModel), new Set([4]))
    assert.equal(byName.get('checkpoints')!.partitions, 12)
    const compacted = ['checkpoints', 'control', 'deliveries', 'state']
    const found = topics.flatMap(({ topic, config }) => (config['cleanup.policy'] === 'compact' ? [topic.replace('flyball.', '')] : []))
    assert.deepEqual(found.sort(), compacted)
  })
})

test('a broker that cannot be reached ends with 4 and says how to mend it', () => {
  inFolder((folder) => {
    flyball(['init'], folder)
    const ended = flyball(['topics', '--create', '--brokers', '127.0.0.1:1'], folder)
    assert.equal(ended.code, 4, ended.stderr)
    assert.match(ended.stderr, /FLY-KAFKA-001 cannot reach Kafka at 127\.0\.0\.1:1/)
    assert.doesNotMatch(ended.stderr, /\n\s+at /)
  })
})

test('run without its metrics port ends at once with 2, before it joins anything', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), POLICY_TEMPLATE)
    const ended = flyball(['run', '--metrics-port', String(port), '--brokers', '127.0.0.1:1'], folder)
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, /FLY-CLI-008/)
  })
  taken.close()
})

test('topics --acls prints the least rules of every role for the prefix and the inputs of the policy, under the principals given', () => {
  inFolder((folder) => {
    writeFileSync(join(folder, 'flyball.yaml'), `${policyText}kafka: {prefix: fb.}\n`)
    const args = ['topics', '--acls', '--principal', 'User:all', '--principal', 'gateway=User:router']
    const printed = flyball(args, folder)
    assert.equal(printed.code, 0, printed.stderr)
    assert.match(printed.stdout, /^# daemon: flyball run$/m)
    assert.match(printed.stdout, /--add --allow-principal 'User:router' --operation READ --topic 'fb\.control'$/m)
    assert.match(printed.stdout, /'User:all' --operation WRITE --transactional-id 'fb\.judge-' --resource-pattern-type prefixed$/m)
    const { roles } = JSON.parse(flyball([...args, '--role', 'gateway', '--json'], folder).stdout)
    assert.deepEqual(
      roles.map(({ role, principal, rules }: { role: string; principal: string; rules: { operation: string; name: string }[] }) => [
        role,
        principal,
        ...rules.map(({ operation, name }) => `${operation} ${name}`),
      ]),
      [['gateway', 'User:router', 'READ fb.control', 'WRITE fb.acks']],
    )
    for (const odd of ['alice', 'nobody=User:x', "User:it's"])
      assert.equal(flyball(['topics', '--acls', '--principal', odd], folder).code, 2, odd)
    assert.equal(flyball(['topics', '--create', '--acls'], folder).code, 2, 'to print rules and to create topics are two commands')
    assert.match(flyball(args, folder, { KAFKA_BROKERS: 'real:9092' }).stdout, /--bootstrap-server real:9092 /)
  })
})

test('the rollout that init writes out as a comment is one that validates when it is written', () => {
  const commented = /^ {4}# rollout:\n(?: {4}# .*\n)+/m
  const block = POLICY_TEMPLATE.match(commented)![0]
  const text = POLICY_TEMPLATE.replace(commented, block.replace(/^ {4}# /gm, '    '))
  const { rollout } = parsePolicy(text, 'flyball.yaml').layout.models[0]!.plan
  assert.deepEqual(
    [rollout.offline, rollout.shadow?.dwellMs, rollout.rungs.map(({ name }) => name), rollout.start],
    [true, 3_600_000, ['1 %', '25 %', '100 %'], 'request'],
  )
})

test('profiles prints the named sets of defaults, for people and as JSON', () => {
  inFolder((folder) => {
    assert.match(flyball(['profiles'], folder).stdout, /^standard +1 % → 5 % → 25 % → 50 % → 100 % +2m +500 +1 *$/m)
    const { profiles } = JSON.parse(flyball(['profiles', '--json'], folder).stdout)
    assert.deepEqual(profiles.rapid, { steps: [5, 25, 100], dwellMs: 30_000, minimumRows: 200, riskFactor: 2 })
  })
})

test('a gate is recorded as passed or as failed, never as both or neither', () => {
  inFolder((folder) => {
    for (const verdicts of [[], ['--passed', '--failed']]) {
      const ended = flyball(['rollout', 'gate', 'fraud', '--reason', 'r', '--report', 'r', ...verdicts], folder)
      assert.deepEqual([ended.code, ended.stdout], [2, ''])
      assert.match(ended.stderr, /say either --passed or --failed/)
    }
  })
})
