/**
 * What displays show when nothing is wrong: calibration numbers of a perfect model, distances of two equal samples, and how often a
 * one-arm calibration test accuses a model that is as good as real ones are. The reason why none of these triggers anything.
 */
import { corpDecomposition } from '../../detectors/calibration/corp.ts'
import { expectedCalibrationError, expectedErrorByChance } from '../../detectors/calibration/expected-error.ts'
import { emptyResidualBets, logEvidenceResiduals, observeResiduals } from '../../detectors/calibration/residual-bets.ts'
import { binForecasts, type ForecastGroup, groupsOf } from '../../detectors/calibration/score-bins.ts'
import { smoothCalibrationError } from '../../detectors/calibration/smooth-error.ts'
import { debiasedSquaredError } from '../../detectors/calibration/squared-error.ts'
import { hellinger } from '../../detectors/distances/hellinger.ts'
import { jensenShannonDistance } from '../../detectors/distances/jensen-shannon.ts'
import { ksDistance } from '../../detectors/distances/kolmogorov-smirnov.ts'
import { populationStability } from '../../detectors/distances/population-stability.ts'
import { wasserstein1 } from '../../detectors/distances/wasserstein.ts'
import { quantileOfSorted } from '../../detectors/math/quantile.ts'
import { normal } from '../../detectors/math/random.ts'
import type { Random } from '../../src/kit/random.ts'
import { chanceOf } from './draws.ts'
import type { Section, SectionOptions } from './section.ts'
import { table } from './verdicts.ts'

const ROWS = [100, 300, 1_000, 10_000] as const
const BINS = 10

export async function displays({ seed, small, log }: SectionOptions): Promise<Section> {
  const runs = small ? 60 : 1_000
  log(`displays: ${runs} runs each`)
  const calibration = ROWS.map((rows) => perfectModel(seed, rows, rows > 1_000 ? runs / 10 : runs))
  const distances = ROWS.map((rows) => equalSamples(seed, rows, rows > 1_000 ? runs / 10 : runs))
  const accused = [0, 0.02, 0.05].map((epsilon) => ({ epsilon, share: accusedShare(seed, epsilon, small ? 20 : 200) }))
  return {
    title: 'What displays show when nothing is wrong',
    markdown: [...calibrationTable(calibration, runs), '', ...distanceTable(distances), '', ...accusedTable(accused)].join('\n'),
    json: { displays: { calibration, distances, accused } },
    plots: [],
  }
}

// ── calibration ────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Towards both ends, as a model that separates gives them. */
function scoreOf(random: Random): number {
  const u = random()
  return u < 0.5 ? 2 * u * u : 1 - 2 * (1 - u) ** 2
}

const SHOWN: Readonly<Record<string, (groups: readonly ForecastGroup[]) => number>> = {
  ece: expectedCalibrationError,
  byChance: expectedErrorByChance,
  debiased: debiasedSquaredError,
  miscalibration: (groups) => corpDecomposition(groups).miscalibration,
  smooth: smoothCalibrationError,
}

function perfectModel(seed: number, rows: number, runs: number): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (let run = 0; run < runs; run += 1) {
    const random = chanceOf(seed, `perfect ${rows}`, run)
    const scores = Array.from({ length: rows }, () => scoreOf(random))
    const groups = groupsOf(
      binForecasts(
        scores,
        scores.map((score) => random() < score),
        BINS,
      ),
    )
    for (const [name, show] of Object.entries(SHOWN)) sums[name] = (sums[name] ?? 0) + show(groups)
  }
  return { rows, ...Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / runs])) }
}

function calibrationTable(found: readonly Readonly<Record<string, number>>[], runs: number): readonly string[] {
  const head = ['rows', 'ECE', 'of which by chance, as shown beside it', 'debiased squared error', 'MCB (Brier)', 'smECE']
  const lines = found.map((each) => [whole(each['rows']!), ...Object.keys(SHOWN).map((name) => brief(each[name]!))])
  return [`Means over ${whole(runs)} perfect models (a tenth as many at ${whole(ROWS.at(-1)!)} rows), ten bins.`, '', table(head, lines)]
}

// ── distances ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Distances {
  readonly rows: number
  /** 95 % of equal samples lie below these. */
  readonly upper: Readonly<Record<string, number>>
}

function equalSamples(seed: number, rows: number, runs: number): Distances {
  const found: Record<string, number[]> = {}
  for (let run = 0; run < runs; run += 1) {
    const random = chanceOf(seed, `equal ${rows}`, run)
    const [a, b] = [sample(random, rows), sample(random, rows)]
    const [binsA, binsB] = [histogram(a), histogram(b)]
    const values = {
      ks: ksDistance(a, b),
      wasserstein: wasserstein1(a, b),
      jensenShannon: jensenShannonDistance(binsA, binsB, 2),
      hellinger: hellinger(binsA, binsB),
      populationStability: populationStability(binsA, binsB),
    }
    for (const [name, value] of Object.entries(values)) (found[name] ??= []).push(value)
  }
  const upper = Object.entries(found).map(([name, values]) => [
    name,
    quantileOfSorted(
      values.sort((one, other) => one - other),
      0.95,
    ),
  ])
  return { rows, upper: Object.fromEntries(upper) }
}

function sample(random: Random, rows: number): number[] {
  return Array.from({ length: rows }, () => normal(random))
}

/** Ten bins at the deciles of the normal law. */
const DECILES = [-1.2816, -0.8416, -0.5244, -0.2533, 0, 0.2533, 0.5244, 0.8416, 1.2816]

function histogram(values: readonly number[]): number[] {
  const counts = new Array<number>(DECILES.length + 1).fill(0)
  for (const value of values) counts[DECILES.filter((edge) => edge <= value).length]! += 1
  return counts
}

function distanceTable(found: readonly Distances[]): readonly string[] {
  const head = ['rows on either side', 'KS', 'Wasserstein-1, in deviations', 'Jensen–Shannon', 'Hellinger', 'PSI']
  const lines = found.map(({ rows, upper }) => [whole(rows), ...Object.values(upper).map(brief)])
  return [
    'Two equal samples show less than this 19 times in 20: a fixed limit means another thing at every number of rows.',
    '',
    table(head, lines),
  ]
}

// ── one-arm calibration ────────────────────────────────────────────────────────────────────────────────────────────────────

const LOOKS = 40
const ROWS_A_LOOK = 250
/** No model is right everywhere: this one is off by so much, one way in low scores and the other in high ones. */
const BIAS = 0.03

function accusedShare(seed: number, epsilon: number, runs: number): number {
  let accused = 0
  for (let run = 0; run < runs; run += 1) accused += isAccused(chanceOf(seed, `residuals ${epsilon}`, run), epsilon) ? 1 : 0
  return accused / runs
}

function isAccused(random: Random, epsilon: number): boolean {
  let state = emptyResidualBets()
  for (let look = 0; look < LOOKS; look += 1) {
    const scores = Array.from({ length: ROWS_A_LOOK }, () => scoreOf(random))
    const outcomes = scores.map((score) => (random() < score + (score < 0.5 ? BIAS : -BIAS) ? 1 : 0))
    state = observeResiduals(state, scores, outcomes, epsilon)
    if (logEvidenceResiduals(state) >= Math.log(100)) return true
  }
  return false
}

function accusedTable(found: readonly { readonly epsilon: number; readonly share: number }[]): readonly string[] {
  const words = `A one-arm calibration test at 1 %, looked at ${LOOKS} times over ${whole(LOOKS * ROWS_A_LOOK)} rows, of a model that is off by ${BIAS}:`
  return [
    words,
    '',
    table(
      ['ε', 'accused'],
      found.map(({ epsilon, share }) => [String(epsilon), `${brief(100 * share)} %`]),
    ),
  ]
}

function brief(value: number): string {
  if (value === 0) return '0'
  return Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)))
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
