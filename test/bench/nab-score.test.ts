/** The benchmark's own score, on cases that can be reckoned by hand, and the split that keeps the quoted figure honest. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blindSpots } from '../../bench/nab/blind-spots.ts'
import { NAB_ABSENT, readNab } from '../../bench/nab/files.ts'
import { bootstrapDeviation, scoreAll, tuningHalf } from '../../bench/nab/protocol.ts'
import { type Profile, probationRows, scoreFile, sigmoidAt, totalScore } from '../../bench/nab/score.ts'
import { residualsOf, VARIANTS } from '../../bench/nab/variants.ts'
import { advanceSeries, emptySeries } from '../../detectors/series.ts'

const STANDARD: Profile = { truePositive: 1, falseNegative: 1, falsePositive: 0.11 }
const WINDOW = { first: 400, last: 499 }
const close = (found: number, expected: number): void => assert.ok(Math.abs(found - expected) < 1e-9, `${found}, expected ${expected}`)

test('an alarm at the first row of a window earns the whole weight, one at its last row almost nothing', () => {
  close(scoreFile(1000, [400], [WINDOW], STANDARD).raw, 1)
  close(scoreFile(1000, [499], [WINDOW], STANDARD).raw, sigmoidAt(-0.01) / sigmoidAt(-1))
  close(scoreFile(1000, [450], [WINDOW], STANDARD).raw, sigmoidAt(-0.5) / sigmoidAt(-1))
  close(sigmoidAt(-1), 2 / (1 + Math.exp(-5)) - 1)
  close(sigmoidAt(0), 0)
})

test('only the first alarm in a window counts, and none costs the window', () => {
  close(scoreFile(1000, [400, 401, 480], [WINDOW], STANDARD).raw, 1)
  assert.deepEqual(scoreFile(1000, [], [WINDOW], STANDARD), { raw: -1, windows: 1, found: 0, falseAlarms: 0, rows: 1000 })
})

test('an alarm before any window costs its whole weight, one right behind a window less', () => {
  close(scoreFile(1000, [200], [], STANDARD).raw, -0.11)
  close(scoreFile(1000, [300, 400], [WINDOW], STANDARD).raw, 1 - 0.11)
  close(scoreFile(1000, [400, 598], [WINDOW], STANDARD).raw, 1 + 0.11 * sigmoidAt(1))
  close(scoreFile(1000, [400, 499 + 3 * 99 + 1], [WINDOW], STANDARD).raw, 1 - 0.11)
})

test('the first 15 % of a file do not count, and never more than 750 rows', () => {
  assert.equal(probationRows(1000), 150)
  assert.equal(probationRows(1001), 150)
  assert.equal(probationRows(20_000), 750)
  assert.equal(scoreFile(1000, [149], [], STANDARD).falseAlarms, 0)
  assert.equal(scoreFile(1000, [150], [], STANDARD).falseAlarms, 1)
})

test('a detector that never calls has 0, one that meets every first row has 100', () => {
  const files = [[WINDOW], [WINDOW, { first: 700, last: 799 }]]
  const silent = files.map((windows) => scoreFile(1000, [], windows, STANDARD))
  const perfect = files.map((windows) =>
    scoreFile(
      1000,
      windows.map(({ first }) => first),
      windows,
      STANDARD,
    ),
  )
  close(totalScore(silent, STANDARD).score, 0)
  close(totalScore(perfect, STANDARD).score, 100)
  close(totalScore([silent[0]!, perfect[1]!], STANDARD).score, (100 * 2) / 3)
})

test('the halves alternate within each group by name, whatever the order they come in', () => {
  assert.deepEqual([...tuningHalf(['b/2.csv', 'a/3.csv', 'a/1.csv', 'b/1.csv', 'a/2.csv'])], ['a/1.csv', 'a/3.csv', 'b/1.csv'])
})

test('the bootstrap of equal files has no spread, and the same seed gives the same figure', () => {
  const equal = Array.from({ length: 8 }, () => scoreFile(1000, [420], [WINDOW], STANDARD))
  close(bootstrapDeviation(equal, STANDARD, 3), 0)
  const mixed = [...equal, scoreFile(1000, [], [WINDOW], STANDARD)]
  assert.equal(bootstrapDeviation(mixed, STANDARD, 3), bootstrapDeviation(mixed, STANDARD, 3))
  assert.ok(bootstrapDeviation(mixed, STANDARD, 3) > 0)
})

test('what the variants are held against is the detector itself', () => {
  const file = blindSpots(2)[3]!.files[0]!
  const state = emptySeries()
  const scores = VARIANTS[0]!.scores(residualsOf(file))
  file.points.forEach((point, row) => {
    close(scores[row]!, advanceSeries(state, point).score)
  })
})

test('where the benchmark data are absent it is said, and nothing fails', () => {
  assert.equal(readNab('no/such/folder'), null)
  assert.match(NAB_ABSENT, /--data/)
})

const data = readNab()
test('the published figures are reproduced: 73.0, 54 of 63 windows, 75 false alarms', { skip: data === null ? NAB_ABSENT : false }, () => {
  const { score, found, windows, falseAlarms } = totalScore(scoreAll(data!, 1.3), data!.standard)
  assert.deepEqual({ score: score.toFixed(1), found, windows, falseAlarms }, { score: '73.0', found: 54, windows: 63, falseAlarms: 75 })
})
