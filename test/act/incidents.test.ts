/** What is remembered of incidents when there are more than memory may hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hear, INCIDENTS_MAX, type Known } from '../../src/act/incidents.ts'
import { alertOf, BEGIN_MS } from './told-world.ts'

test('of too many incidents those that are over are forgotten first, and of those that hold the critical ones last', () => {
  const incidents = new Map<string, Known>()
  const say = (name: string, given: Parameters<typeof alertOf>[0]) => hear(incidents, alertOf({ incident: name, ...given }), BEGIN_MS)
  say('critical', {})
  for (let index = 0; index < INCIDENTS_MAX - 1; index++) say(`w${index}`, { severity: 'warning' })
  say('w7', { severity: 'warning', status: 'resolved' })
  say('new', { severity: 'info' })
  assert.deepEqual([incidents.size, incidents.has('w7'), incidents.has('w0')], [INCIDENTS_MAX, false, true])
  say('newer', { severity: 'info' })
  assert.deepEqual([incidents.size, incidents.has('critical'), incidents.has('w0')], [INCIDENTS_MAX, true, false])
})
