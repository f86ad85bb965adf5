/** The throughput benchmark's table and last line: medians, ratios within the run, and no figure for whoever was wrong. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { busyTicks, processTicks } from '../../bench/lib/machine.ts'
import { isRight, type Result, summaryOf, tableOf } from '../../bench/lib/report.ts'
import type { Run } from '../../bench/lib/runs.ts'

const run = (seconds: number, cpuSeconds: number, differences: Run['differences'] = [], othersCores: number | null = 0.25): Run => ({
  ...{ seconds, cpuSeconds, differences, othersCores },
  ...{ peakRssMiB: 100 * seconds, processSeconds: seconds + 1 },
})
const bare: Result = { contestant: 'bare', title: 'bare loop', runs: [run(4, 5, null), run(9, 6, null), run(5, 7, null)] }
const handWritten: Result = { contestant: 'hand-written', title: 'by hand', runs: [run(6, 8), run(7, 9), run(8, 10)] }
const streams: Result = { contestant: 'streams', title: 'streams', runs: [run(8, 15)] }
const json: Result = { contestant: { format: 'json', workers: 1 }, title: 'flyball', runs: [run(2, 3), run(1, 2), run(3, 10)] }
const two: Result = { contestant: { format: 'json', workers: 2 }, title: 'flyball on two', runs: [run(1, 4)] }
const wrong = (result: Result): Result => ({ ...result, runs: [...result.runs, run(1, 1, ['fraud|v1|br|0: missing'])] })

test('the last line compares medians within the run, and its top level is JSON on one worker', () => {
  const summary = summaryOf([bare, handWritten, streams, json, two], 1000, true) as Record<string, Record<string, unknown>>
  const own = { recordsPerSecond: 500, recordsPerCpuSecond: 333, peakRssMiB: 300 }
  const compared = { ...own, ratioToBareLoop: 2.5, cpuRatioToHandWritten: 3, cpuRatioToKafkaStreams: 4.97 }
  assert.deepEqual(summary['json'], compared)
  for (const [name, value] of Object.entries({ bench: 'throughput', ...own, ratioToBareLoop: 2.5, answersChecked: true })) {
    assert.equal(summary[name], value, name)
  }
  assert.equal(summary['avro'], null)
  assert.equal((summary['workers2']!['json'] as Record<string, unknown>)['ratioToBareLoop'], 5)
  assert.deepEqual(summary['peers']!['python'], null)
  assert.deepEqual(summary['peers']!['bareLoop'], { recordsPerSecond: 200, recordsPerCpuSecond: 167, peakRssMiB: 900 })
})

test('a peer with one wrong answer has no figure, and nothing is compared with it', () => {
  const results = [bare, wrong(handWritten), json]
  const summary = summaryOf(results, 1000, false) as Record<string, Record<string, unknown>>
  assert.deepEqual(results.map(isRight), [true, false, true])
  assert.equal(summary['json']!['cpuRatioToHandWritten'], null)
  assert.equal(summary['peers']!['handWritten'], null)
  assert.match(tableOf(results, 1000), /\| by hand \| wrong answers: no figure \|/)
})

test('a Flyball that was wrong once has no figure either', () => {
  const summary = summaryOf([bare, wrong(json)], 1000, false) as Record<string, unknown>
  assert.deepEqual([summary['json'], summary['recordsPerSecond'], summary['answersChecked']], [null, null, false])
})

test('the table says for each contestant how busy others kept the machine, run by run', () => {
  const row = tableOf([bare, json], 1000)
    .split('\n')
    .find((line) => line.startsWith('| flyball |'))!
  assert.deepEqual(
    row.split('|').map((cell) => cell.trim()),
    ['', 'flyball', '0.3 / **0.5** / 1.0', '2.50', '0.1 / **0.3** / 0.5', '300', 'right', '0.25 0.25 0.25', ''],
  )
})

test('CPU time is found in what the kernel tells, whatever a process is called', () => {
  assert.equal(busyTicks('cpu  100 20 30 9000 400 5 6 7 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n'), 168)
  assert.deepEqual(processTicks('17 (a) odd (name) S 12 17 17 0 -1 4194560 1 2 3 4 50 60 7 8 20 0'), { parent: 12, ticks: 125 })
})
