import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controlHeaders } from '../../src/wire/control.ts'
import { isInternalKey } from '../../src/wire/keys.ts'
import { command } from './records.ts'

test('a command travels as a CloudEvent in binary mode', () => {
  assert.deepEqual(controlHeaders(command), {
    ce_specversion: '1.0',
    ce_id: 'fraud-7-promote',
    ce_source: '/flyball/production',
    ce_type: 'flyball.command.step_down',
    ce_time: '2023-11-14T22:13:20.000Z',
    ce_subject: 'fraud',
    ce_dataschema: 'urn:flyball:schema:control:1',
    ce_sequence: '0000000000000012.0000000000000007',
    ce_expirytime: '2023-11-14T22:14:20.000Z',
    'content-type': 'application/avro',
  })
})

test('comparing ce_sequence as text compares epoch and sequence', () => {
  const text = (epoch: number, sequence: number) => controlHeaders({ ...command, epoch, sequence })['ce_sequence']!
  assert.ok(text(9, 100) < text(10, 1))
  assert.ok(text(10, 9) < text(10, 10))
})

test('a rollback has no expiry', () => {
  assert.equal('ce_expirytime' in controlHeaders({ ...command, kind: 'rollback' }), false)
})

test('keys that begin with two underscores, and no key at all, are not for subscribers', () => {
  assert.equal(isInternalKey(null), true)
  assert.equal(isInternalKey(Buffer.from('__barrier')), true)
  assert.equal(isInternalKey(Buffer.from('_fraud')), false)
  assert.equal(isInternalKey(Buffer.from('')), false)
})

test('a command that leaves the candidate nothing names the feature flag that goes back with it; others do not', () => {
  const flag = { flag: 'ranking=new', variant: 'v 1' }
  const percent = (candidate: number) => ({ ...command, weights: { [command.control]: 100 - candidate, [command.candidate]: candidate } })
  assert.equal(controlHeaders(percent(0), flag)['ce_flyballrevertflag'], 'ranking%3Dnew=v%201')
  assert.equal('ce_flyballrevertflag' in controlHeaders(percent(5), flag), false)
  assert.equal('ce_flyballrevertflag' in controlHeaders(percent(0)), false)
})
