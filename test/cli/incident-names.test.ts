import assert from 'node:assert/strict'
import { test } from 'node:test'
import { incidentsMeant } from '../../src/cli/incident-names.ts'
import { alertOf } from '../act/told-world.ts'

const OPEN = [
  { alert: alertOf(), atMs: 10 },
  { alert: alertOf({ cause: 'blind' }), atMs: 20 },
  { alert: alertOf({ model: 'churn' }), atMs: 30 },
  { alert: alertOf({ environment: 'staging', incident: 'staging/fraud/v2/blind' }), atMs: 40 },
]
const meant = (what: string) => incidentsMeant(what, OPEN, 'test')

test('an incident is meant by its name, of whichever environment, and nothing beside it', () => {
  assert.deepEqual(meant(OPEN[0]!.alert.incident), [{ incident: OPEN[0]!.alert.incident, sinceMs: 10, isListed: true }])
  assert.deepEqual(meant('staging/fraud/v2/blind'), [{ incident: 'staging/fraud/v2/blind', sinceMs: 40, isListed: true }])
})

test('by its model whatever of it holds is meant, in this environment, and what watchdogs may have noticed of it', () => {
  const found = meant('fraud')
  const listed = found.filter(({ isListed }) => isListed).map(({ incident }) => incident)
  assert.deepEqual(listed, [OPEN[0]!.alert.incident, OPEN[1]!.alert.incident])
  assert.ok(found.some(({ incident, isListed }) => incident === 'test/fraud/judge-stalled' && !isListed))
})

test('what only watchdogs notice has to be named itself, and what nobody knows of is none', () => {
  assert.deepEqual(meant('test/ads/judge-stalled'), [{ incident: 'test/ads/judge-stalled', sinceMs: 0, isListed: true }])
  assert.deepEqual([...meant('ads'), ...meant('staging/ads/judge-stalled'), ...meant('test/ads/v1/none')], [])
})
