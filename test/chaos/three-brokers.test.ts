/**
 * A short chaos run on three real brokers: everything that can go wrong goes wrong once, and a checker that shares no code with the
 * daemon finds every promise kept. Longer runs, other seeds: `npm run chaos -- --seed N --minutes M`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { brokerAvailable } from '../../scripts/lib/kafka-broker.ts'
import { runChaos } from './suite/run.ts'
import { schedule } from './suite/schedule.ts'

const SEED = 5
const MINUTES = 1
const PER_SECOND = 200
/** Of violations; the topics they were found in are kept. */
const TOLD_MAX = 30
const { available, reason } = brokerAvailable(true)
const required = process.env['FLYBALL_REQUIRE_BROKER'] === '1'

test('the schedule of a run is drawn from its seed, and a minute holds every kind of fault', () => {
  assert.deepEqual(schedule(SEED, MINUTES), schedule(SEED, MINUTES))
  assert.notDeepEqual(schedule(SEED, MINUTES), schedule(SEED + 1, MINUTES))
  assert.equal(new Set(schedule(SEED, MINUTES).map(({ kind }) => kind)).size, 18)
})

test('a minute of faults on three brokers breaks no promise', {
  skip: available || required ? false : `no broker: ${reason}`,
  timeout: 400_000,
}, async (t) => {
  const told: string[] = []
  const begun = performance.now()
  const tell = (line: string) => void told.push(`${((performance.now() - begun) / 1000).toFixed(1)} ${line}`)
  const { violations, faults, figures } = await runChaos({ seed: SEED, minutes: MINUTES, perSecond: PER_SECOND, tell })
  if (violations.length > 0) for (const line of told) t.diagnostic(line)
  for (const { promise, where, what } of violations.slice(0, TOLD_MAX)) t.diagnostic(`${promise}: ${where}: ${what}`)
  t.diagnostic(JSON.stringify({ faults, records: figures.records, decisions: figures.decisions }))
  assert.deepEqual(violations, [])
  for (const kind of ['daemon-kill', 'gateway-kill', 'broker-kill', 'poison', 'drop-responses', 'clock-forward'])
    assert.ok((faults[kind] ?? 0) > 0, `${kind} was injected`)
  const models = Object.values(figures.decisions)
  assert.ok(models.length === 3 && models.every((kinds) => (kinds['start'] ?? 0) > 0), 'every rollout began')
})
