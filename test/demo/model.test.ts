/** The demo's data and models: what it tells the reader about them must be so. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bootstrap, isLate, quantileEdges, readFlights } from '../../demo/flights.ts'
import { fitLogistic, inWrongTimeZone, logLoss, predictLate, trainModel } from '../../demo/model.ts'
import { policyText } from '../../demo/policy.ts'
import { outcomeAfterMs } from '../../demo/traffic.ts'
import { seededRandom } from '../../src/kit/random.ts'
import { parsePolicy } from '../../src/policy/load.ts'

const flights = readFlights()
const late = flights.later.map(isLate)
const models = [1, 2, 3].map((seed) => trainModel(flights.january, seededRandom(seed)))

function wrongShare(scores: readonly number[]): number {
  return scores.filter((score, index) => score >= 0.5 !== late[index]).length / scores.length
}

test('the data set is the one described: 20,000 flights, January to train on, February and March to serve', () => {
  assert.equal(flights.january.length + flights.later.length, 20_000)
  assert.equal(flights.january.length, 6_937)
  for (const flight of flights.later) assert.ok(flight.departureHour >= 0 && flight.departureHour < 24 && flight.dayOfWeek < 7)
})

test('a retrain on another draw of January is an equally good model', () => {
  const losses = models.map((model) =>
    logLoss(
      flights.later.map((flight) => predictLate(model, flight)),
      late,
    ),
  )
  assert.ok(Math.max(...losses) - Math.min(...losses) < 0.015, `${losses}`)
  assert.ok(Math.max(...losses) < 0.53, `${losses}`)
})

test('scores are calibrated: among flights scored alike, about so many are late', () => {
  const scores = flights.january.map((flight) => predictLate(models[0]!, flight))
  for (const [low, high] of [
    [0, 0.15],
    [0.15, 0.25],
    [0.25, 0.35],
  ] as const) {
    const inside = [...scores.keys()].filter((index) => scores[index]! >= low && scores[index]! < high)
    const mean = inside.reduce((sum, index) => sum + scores[index]!, 0) / inside.length
    const share = inside.filter((index) => isLate(flights.january[index]!)).length / inside.length
    assert.ok(Math.abs(mean - share) < 0.05, `${low}–${high}: scored ${mean}, late ${share}`)
  }
})

test('the wrong time zone makes probabilities worse while the share of wrong decisions stays as it was', () => {
  for (const model of models) {
    const right = flights.later.map((flight) => predictLate(model, flight))
    const skewed = flights.later.map((flight) => predictLate(model, inWrongTimeZone(flight)))
    assert.ok(logLoss(skewed, late) - logLoss(right, late) > 0.015)
    assert.ok(Math.abs(wrongShare(skewed) - wrongShare(right)) < 0.003)
  }
})

test('the same seed trains the same model', () => {
  assert.deepEqual(trainModel(flights.january, seededRandom(1)), models[0])
})

test('logistic regression finds the log-odds of a two-by-two table', () => {
  const rows = [...Array(30).fill([1, 0]), ...Array(40).fill([1, 1])] as number[][]
  const labels = rows.map((row, index) => (row[1] === 0 ? (index < 10 ? 1 : 0) : index < 60 ? 1 : 0))
  const [intercept, slope] = fitLogistic(rows, labels, 0) as [number, number]
  assert.ok(Math.abs(intercept - Math.log(10 / 20)) < 1e-6)
  assert.ok(Math.abs(intercept + slope - Math.log(30 / 10)) < 1e-6)
})

test('drawing with replacement repeats with its seed and takes rows of the table only', () => {
  const drawn = bootstrap(flights.later, 50, seededRandom(9))
  assert.deepEqual(bootstrap(flights.later, 50, seededRandom(9)), drawn)
  for (const flight of drawn) assert.ok(flights.later.includes(flight))
})

test('bin edges ascend, begin and end where they are told to, share the rows out, and keep the tails apart', () => {
  const hours = flights.january.map((flight) => flight.departureHour)
  const edges = quantileEdges(hours, 12, 0, 24)
  assert.equal(edges[0], 0)
  assert.equal(edges.at(-1), 24)
  for (const [index, edge] of edges.slice(1).entries()) {
    assert.ok(edge > edges[index]!)
    const share = hours.filter((hour) => hour >= edges[index]! && hour < edge).length / hours.length
    const isTail = index === 0 || index === edges.length - 2
    assert.ok(isTail ? share > 0 && share < 0.02 : share > 0.05 && share < 0.12, `${edges[index]}–${edge}: ${share}`)
  }
})

test('most outcomes come within the horizon of the policy', () => {
  const inTime = flights.later.filter((flight) => outcomeAfterMs(flight) < 10_000).length
  assert.ok(inTime / flights.later.length > 0.95)
})

test("the demo's policies are valid and judge every guardrail that it promises", () => {
  for (const [control, candidate] of [
    ['v1', 'v2'],
    ['v2', 'v3'],
  ] as const) {
    const text = policyText(
      { control, candidate },
      { prefix: 'demo.', predictions: 'demo.predictions', outcomes: 'demo.outcomes' },
      flights.january,
    )
    const { layout } = parsePolicy(text, 'policy.yaml')
    const kinds = layout.models[0]!.plan.guardrails.map((guardrail) => guardrail.kind)
    assert.deepEqual(kinds, ['error-rate', 'latency', 'wrong-outcome', 'log-score', 'feature-drift', 'missing'])
  }
})
