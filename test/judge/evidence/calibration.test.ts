/** What a reading says about probabilities, for whoever reads `flyball explain`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { binForecasts, emptyScoreBins, type ScoreBins } from '../../../detectors/calibration/score-bins.ts'
import { type Random, seededRandom } from '../../../detectors/math/random.ts'
import { calibrationInWords, performanceInWords } from '../../../src/judge/evidence/calibration.ts'
import { distancesInWords } from '../../../src/judge/evidence/distances.ts'
import { decodeEvidence, emptyEvidence, encodeEvidence, observePane, readings } from '../../../src/judge/evidence/evidence.ts'
import type { Block } from '../../../src/policy/layout.ts'
import { modelOf, traffic } from './traffic.ts'

const CONTEXT = { settlingUntilMs: 0, commandedShare: null, maxStratumAgeMs: 60_000 }

function forecasts(random: Random, rows: number, chance: (score: number) => number): ScoreBins {
  const scores = Array.from({ length: rows }, () => random())
  return binForecasts(
    scores,
    scores.map((score) => random() < chance(score)),
    10,
  )
}

test('a candidate that overstates is told by the bin in which it does, and by every number beside the control', () => {
  const random = seededRandom(1)
  const bins = [
    forecasts(random, 8_000, (score) => (score > 0.7 ? score - 0.15 : score)),
    forecasts(random, 8_000, (score) => score),
  ] as const
  for (const kind of ['log-score', 'brier'] as const) {
    const words = calibrationInWords(bins, kind, 0.01)
    assert.match(words, /^scores in \[0\.[789], (0\.[89]|1)[\])]: [\d.]+ % happened, [\d.]+ % was said; calibration error 0\.0[789]\d* \(0/)
    assert.match(words, /MCB 0\.0\d+ \([\de.-]+\), DSC 0\.\d+ \(0\.\d+\), UNC 0\.\d+ \(0\.\d+\), smECE 0\.0\d+ /)
    assert.match(words, /ECE 0\.0\d+, of which a perfect model shows 0\.0\d+, AUC 0\.\d+ \(0\.\d+\); in brackets the control$/)
  }
})

test('of a calibrated candidate no bin is named, and of one without rows enough nothing is said', () => {
  const random = seededRandom(2)
  const good = forecasts(random, 5_000, (score) => score)
  assert.match(calibrationInWords([good, emptyScoreBins(10)], 'brier', 0), /^scores as a whole; calibration error [\d.e-]+ \(–\)/)
  assert.equal(calibrationInWords([forecasts(random, 50, (score) => score), good], 'brier', 0), '')
})

test('scores of 0 and 1 that were wrong are split at the declared floor, not at infinity', () => {
  const wrong = binForecasts(
    new Array(200).fill(0),
    Array.from({ length: 200 }, (_, row) => row % 4 === 0),
    10,
  )
  assert.doesNotMatch(calibrationInWords([wrong, wrong], 'log-score', 0.01), /Infinity|NaN/)
})

test('what the scores let expect is said with what it rests on, and only once outcomes have matured', () => {
  const random = seededRandom(3)
  const matured = forecasts(random, 4_000, (score) => 0.25 + score / 2)
  const seen = Float64Array.from([...forecasts(random, 6_000, (score) => score).rows, 0, 0])
  const words = performanceInWords(seen, seen, [matured, matured])
  // Half of the scores' sharpness is real: wrong in 37.5 %, not in 25 %.
  assert.match(
    words,
    /^3[5-9]\.?\d* % ± [\d.]+ % wrong expected from the scores \(control 3[5-9]\.?\d* %\), going by 4,000 outcomes: a warning, no proof$/,
  )
  assert.equal(performanceInWords(seen, seen, [emptyScoreBins(10), matured]), '')
})

test('distances are those that fit the kind of block, and a pair of numbers has a rank correlation', () => {
  const shape = (candidate: number[], control: number[]) => ({
    candidate: Float64Array.from(candidate),
    control: Float64Array.from(control),
  })
  const words = (block: Partial<Block>, candidate: number[], control: number[]) =>
    distancesInWords(shape(candidate, control) as Parameters<typeof distancesInWords>[0], block as Block)
  assert.match(words({ kind: 'score', bins: 2 }, [30, 70, 0, 0], [50, 50, 0, 0]), /^KS 0\.2, PSI 0\.\d+$/)
  assert.match(words({ kind: 'category' }, [30, 70, 0], [50, 50, 0]), /^Hellinger 0\.\d+, PSI 0\.\d+$/)
  assert.equal(words({ kind: 'category' }, [0, 0], [1, 1]), '')
  const edges = [0, 1]
  const diagonal = Array.from({ length: 65 }, (_, cell) => (cell < 64 && Math.floor(cell / 8) === cell % 8 ? 10 : 0))
  const even = Array.from({ length: 65 }, (_, cell) => (cell < 64 ? 10 : 0))
  const side = { name: 'x', slot: 0, edges, values: 0 }
  assert.match(words({ kind: 'pair', pair: [side, side] }, diagonal, even), /^PSI [\d.]+, rank correlation 1 against 0$/)
  assert.match(words({ kind: 'pair', pair: [side, { ...side, edges: [], values: 8 }] }, diagonal, even), /^PSI [\d.]+$/)
})

test('readings of the log score and of the scores carry the numbers, for the whole population only, and snapshots keep them', () => {
  const model = modelOf({
    guardrails: [
      { kind: 'log-score', blocks: ['probability:late'], scopes: ['__all__', 'region=eu'] },
      { kind: 'score-drift', blocks: ['score'], action: 'hold', class: 'signal' },
    ],
  })
  let state = emptyEvidence(model)
  for (const { exposure, outcome } of traffic(model, 60, { seed: 4, requests: 200, share: 0.5, harm: { dulled: 0.6 } })) {
    for (const pane of [exposure, outcome]) state = observePane(state, pane, model, CONTEXT).state
  }
  const detailOf = (guardrail: string, scope: string) =>
    readings(state, model).find((reading) => reading.guardrail === guardrail && reading.scope === scope)!.detail
  assert.match(detailOf('log-score', '__all__'), /^scores in .*calibration error 0\.1\d+ \(0\.0/)
  // Rules look at readings with every pane, and words cost a thousand times what they look at.
  const shown = readings(state, model).find((each) => each.guardrail === 'log-score')!
  assert.equal(typeof Object.getOwnPropertyDescriptor(shown, 'detail')!.get, 'function')
  assert.equal(structuredClone(shown).detail, shown.detail)
  assert.equal(detailOf('log-score', 'region=eu'), '')
  assert.match(detailOf('score-drift', '__all__'), /; KS 0\.\d+, PSI [\d.]+; [\d.]+ % ± [\d.]+ % wrong expected from the scores/)
  const restored = decodeEvidence(encodeEvidence(state), model)
  assert.deepEqual(readings(restored, model), readings(state, model))
})
