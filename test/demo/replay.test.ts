/** The demo's last act: what the outcomes alone say about the wrong time zone, and about a retrain that is as good. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readFlights } from '../../demo/flights.ts'
import { trainModel } from '../../demo/model.ts'
import { judgeReplay, MARGIN_NATS, plannedRows, REPLAY_PERCENT, type ReplayedVersion } from '../../demo/replay.ts'
import { seededRandom } from '../../src/kit/random.ts'

const SEED = 1
const flights = readFlights()
const trained = (version: string, seed: number, isSkewed: boolean): ReplayedVersion => ({
  version,
  model: trainModel(flights.january, seededRandom(seed)),
  isSkewed,
})
const control = trained('v2', 1_001, false)
const replay = (candidate: ReplayedVersion, rows: number) => judgeReplay({ seed: SEED, rows, flights: flights.later, control, candidate })

test('the wrong time zone is rolled back by the log score alone, while wrong decisions show nothing', async (t) => {
  const { byLogScore, logScore, wrongOutcome, decisions } = await replay(trained('v3', 1_002, true), 150_000)
  t.diagnostic(`after ${logScore.candidateRows + logScore.controlRows} rows: ${logScore.estimate} nats, e^${logScore.logEvidence}`)
  assert.ok(byLogScore, decisions.map(({ summary }) => summary).join('\n'))
  assert.ok(logScore.logEvidence >= logScore.logLimit)
  assert.ok(logScore.estimate > MARGIN_NATS && logScore.intervalLow < logScore.estimate && logScore.estimate < logScore.intervalHigh)
  assert.ok(wrongOutcome.logEvidence < 0 && wrongOutcome.intervalLow < 0 && wrongOutcome.intervalHigh > 0)
  const share = logScore.candidateRows / (logScore.candidateRows + logScore.controlRows)
  assert.ok(Math.abs(share - REPLAY_PERCENT / 100) < 0.01, `${share}`)
})

test('an equal retrain is not rolled back on as many rows', async (t) => {
  const { rollback, logScore, wrongOutcome } = await replay(trained('v3', 1_002, false), 150_000)
  const rows = logScore.candidateRows + logScore.controlRows
  t.diagnostic(`after ${rows} rows: ${logScore.estimate} nats, e^${logScore.logEvidence}`)
  assert.equal(rollback, undefined)
  assert.ok(rows > 100_000, `the last decision must have seen most of the record, not ${rows} rows`)
  assert.ok(logScore.logEvidence < 0 && wrongOutcome.logEvidence < 0)
})

test('the smaller the loss to be found, the more rows are recorded, within bounds', () => {
  assert.deepEqual([0.025, 0.032].map(plannedRows), [320_000, 180_000])
  assert.deepEqual([0.2, 0.001, -0.1].map(plannedRows), [100_000, 600_000, 600_000])
})
