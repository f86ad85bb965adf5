/** What `flyball topics --acls` must never print: a rule that grants more than Flyball's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ROLES, rulesOf } from '../../src/kit/rights.ts'

test('without a prefix no rule covers every topic of the cluster: each of ours is named', () => {
  const subject = { prefix: '', inputs: ['predictions', 'outcomes'], rekeys: true }
  for (const rule of ROLES.flatMap((role) => rulesOf(role, subject))) assert.notEqual(rule.name, '', JSON.stringify(rule))
  const named = rulesOf('setup', subject).filter(({ operation }) => operation === 'CREATE')
  assert.ok(named.some(({ name }) => name === 'rekeyed.predictions'))
  assert.ok(named.every(({ prefixed }) => !prefixed))
})

test('with a prefix the setup role needs two rules, whatever topics there are', () => {
  const own = rulesOf('setup', { prefix: 'fb.', inputs: [] })
  assert.deepEqual(
    own.map(({ operation, name, prefixed }) => [operation, name, prefixed]),
    [
      ['CREATE', 'fb.', true],
      ['DESCRIBE', 'fb.', true],
    ],
  )
})

test('the topic of changes is read by the daemon and seen by the setup, by nobody else; without one there is no rule', () => {
  const rules = (changes?: string) =>
    ROLES.flatMap((role) => rulesOf(role, { prefix: 'fb.', inputs: ['p'], changes }).map((rule) => ({ role, ...rule })))
  const found = rules('changes').filter(({ name }) => name === 'changes')
  assert.deepEqual(
    found.map(({ role, operation }) => [role, operation]),
    [
      ['setup', 'DESCRIBE'],
      ['daemon', 'READ'],
    ],
  )
  assert.equal(rules('changes').length - rules().length, 2)
})
