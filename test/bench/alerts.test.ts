/** A day of healthy traffic wakes nobody; the whole week is `npm run bench:alerts`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bySeverity, week } from '../../bench/alerts/week.ts'

test('a day of healthy traffic with a restart of the brokers and late labels pages nobody', (context) => {
  const { alerts, sent, rolledBack } = week({ seed: 7, models: 2, days: 1 })
  for (const { severity, incidents, causes } of bySeverity(alerts)) context.diagnostic(`${severity}: ${incidents} ${causes}`)
  assert.ok(alerts.length > 0, 'the restart is told of, or this test would see nothing')
  assert.deepEqual(
    sent.filter(({ sink }) => sink === 'oncall').map(({ message }) => message.incidents.map(({ alert }) => alert.summary)),
    [],
  )
  assert.equal(rolledBack, 0)
})
