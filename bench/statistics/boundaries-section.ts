/**
 * Why these boundaries and not others: how wide the classical ones are, what a test for one look does when it is looked at often, what a
 * quantile test costs beside exceedances, and how many rows pairs save.
 */
import { DEFAULT_LAMBDAS, emptyBounded, logEvidenceBounded, observeBounded } from '../../detectors/bounded-mean.ts'
import { asymptoticHalfWidth, betaBinomialMixtureBound, normalMixtureBound } from '../../detectors/confidence-sequence.ts'
import { gammaExponentialMixtureBound, gammaPoissonMixtureBound } from '../../detectors/math/gamma-mixtures.ts'
import { quantileHarrellDavis } from '../../detectors/math/harrell-davis.ts'
import { poissonSf } from '../../detectors/math/poisson.ts'
import { normal } from '../../detectors/math/random.ts'
import { doublyStitchedBound, stitchedBound } from '../../detectors/math/stitching.ts'
import { studentTSf } from '../../detectors/math/student-t.ts'
import { emptyPairedScores, logEvidencePairedScores, observePairedScores, PAIRED_BRIER } from '../../detectors/paired-scores.ts'
import { quantileTestPValue } from '../../detectors/quantile-test.ts'
import { DEFAULT_GRID, emptyTwoArm, logEvidenceTwoArm, observeTwoArm } from '../../detectors/two-arm.ts'
import type { Random } from '../../src/kit/random.ts'
import { chanceOf } from './draws.ts'
import type { Section, SectionOptions } from './section.ts'
import { table } from './verdicts.ts'

const ALPHA = 0.05
const TUNED = 1_000

export async function boundaries({ seed, small, log }: SectionOptions): Promise<Section> {
  const runs = small ? 20 : 200
  log(`boundaries: ${runs} runs each`)
  const peeking = { poisson: peekedCounts(seed, 5 * runs), student: peekedMeans(seed, 5 * runs) }
  const latency = latencyDelays(seed, small ? 10 : 60)
  const pairs = pairDelays(seed, runs)
  return {
    title: 'Boundaries, peeking, quantiles and pairs',
    markdown: [...widthTable(), '', ...peekTable(peeking), '', ...delayTable(latency, pairs)].join('\n'),
    json: { boundaries: { peeking, latency, pairs } },
    plots: [],
    broken: Object.entries(peeking).flatMap(([name, { sequence }]) =>
      sequence > ALPHA + 3 * Math.sqrt((ALPHA * (1 - ALPHA)) / (5 * runs)) ? [`${name} sequence: ${percent(sequence)} false alarms`] : [],
    ),
  }
}

// ── widths ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function widthTable(): readonly string[] {
  const head = ['rows of variance ¼', 'normal', 'beta-binomial', 'gamma-Poisson', 'gamma-exponential', 'stitched', 'all quantiles at once']
  const lines = [100, 1_000, 10_000, 100_000].map((rows) => {
    const v = rows / 4
    const bounds = [
      normalMixtureBound(v, ALPHA, TUNED / 4, true),
      betaBinomialMixtureBound(v, ALPHA, TUNED / 4, 0.5, 0.5, true),
      gammaPoissonMixtureBound(v, ALPHA, TUNED / 4, 1),
      gammaExponentialMixtureBound(v, ALPHA, TUNED / 4, 1),
      stitchedBound(v, ALPHA, 25, 0),
      doublyStitchedBound(0.5, rows, ALPHA, 100),
    ]
    return [whole(rows), ...bounds.map((bound) => String(Number((bound / Math.sqrt(v)).toFixed(2))))]
  })
  const words = `How far a sum may stray, in deviations, one-sided at .05 for all times (one look: 1.64). Mixtures are tuned to ${whole(TUNED)} rows.`
  return [words, '', table(head, lines)]
}

// ── peeking ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

interface Peeked {
  /** Share of healthy runs accused by the test for one look, looked at every time, and by the sequence. */
  readonly oneLook: number
  readonly sequence: number
}

const LOOKS = 100
const MEAN = 20

/** Hourly counts of a known mean. */
function peekedCounts(seed: number, runs: number): Peeked {
  return peeked(runs, (run) => {
    const random = chanceOf(seed, 'counts', run)
    let count = 0
    return (look) => {
      count += poissonDraw(random, MEAN)
      const expected = look * MEAN
      const boundary = gammaPoissonMixtureBound(expected, ALPHA, (LOOKS * MEAN) / 2, 1)
      return [poissonSf(Math.max(0, count - 1), expected) < ALPHA, count - expected >= boundary]
    }
  })
}

/** Means of 30 values a look, of an unknown deviation. */
function peekedMeans(seed: number, runs: number): Peeked {
  const perLook = 30
  return peeked(runs, (run) => {
    const random = chanceOf(seed, 'means', run)
    const sums = { values: 0, squares: 0 }
    return (look) => {
      for (let row = 0; row < perLook; row += 1) {
        const value = normal(random)
        sums.values += value
        sums.squares += value * value
      }
      const n = look * perLook
      const mean = sums.values / n
      const sigma = Math.sqrt((sums.squares - n * mean * mean) / (n - 1))
      const t = (Math.abs(mean) / sigma) * Math.sqrt(n)
      const isOut = n >= 100 && Math.abs(mean) > asymptoticHalfWidth(n, sigma, ALPHA, TUNED)
      return [2 * studentTSf(t, n - 1) < ALPHA, isOut]
    }
  })
}

function peeked(runs: number, begin: (run: number) => (look: number) => readonly [oneLook: boolean, sequence: boolean]): Peeked {
  let [oneLook, sequence] = [0, 0]
  for (let run = 0; run < runs; run += 1) {
    const lookAt = begin(run)
    let fired: readonly [boolean, boolean] = [false, false]
    for (let look = 1; look <= LOOKS; look += 1) {
      const now = lookAt(look)
      fired = [fired[0] || now[0], fired[1] || now[1]]
    }
    oneLook += fired[0] ? 1 : 0
    sequence += fired[1] ? 1 : 0
  }
  return { oneLook: oneLook / runs, sequence: sequence / runs }
}

function poissonDraw(random: Random, mean: number): number {
  const limit = Math.exp(-mean)
  let draws = -1
  for (let product = 1; product > limit; product *= random()) draws += 1
  return draws
}

function peekTable({ poisson, student }: Readonly<Record<'poisson' | 'student', Peeked>>): readonly string[] {
  const line = (what: string, { oneLook, sequence }: Peeked) => [what, percent(oneLook), percent(sequence)]
  const lines = [line('counts: Poisson test, gamma-Poisson sequence', poisson), line('means: t test, asymptotic sequence', student)]
  return [`False alarms at .05 when looked at ${LOOKS} times.`, '', table(['', 'test for one look', 'sequence'], lines)]
}

// ── delays ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Rows of both arms until found at 1 %: Harrell–Davis medians; never: the whole run. */
interface Delays {
  readonly ours: number
  readonly other: number
}

const LATENCY_STRATUM = 200
const LATENCY_STRATA = 40

/** Half again as slow. Ours reads the share over the control's p95; the quantile test reads every value. */
function latencyDelays(seed: number, runs: number): Delays {
  const found = Array.from({ length: runs }, (_, run) => latencyRun(chanceOf(seed, 'latency', run)))
  return mediansOf(found)
}

function latencyRun(random: Random): Delays {
  const [candidate, control]: [number[], number[]] = [[], []]
  const [threshold, draws] = [Math.exp(1.645 * 0.5), LATENCY_STRATUM / 2]
  let evidence = emptyTwoArm(DEFAULT_GRID)
  const rows = { ours: 0, other: 0 }
  for (let stratum = 1; stratum <= LATENCY_STRATA && (rows.ours === 0 || rows.other === 0); stratum += 1) {
    const [slow, usual] = [1.5, 1].map((factor) => Array.from({ length: draws }, () => factor * Math.exp(0.5 * normal(random))))
    candidate.push(...slow!)
    control.push(...usual!)
    const over = (values: readonly number[]) => values.filter((value) => value > threshold).length
    const arms = { candidateRequests: draws, controlRequests: draws, candidateEvents: over(slow!), controlEvents: over(usual!) }
    evidence = observeTwoArm(evidence, arms, 0, 'more', DEFAULT_GRID)
    if (rows.ours === 0 && logEvidenceTwoArm(evidence, DEFAULT_GRID) >= Math.log(100)) rows.ours = stratum * LATENCY_STRATUM
    if (rows.other === 0 && quantileTestPValue(candidate, control, 0.95, 1_000) <= 0.01) rows.other = stratum * LATENCY_STRATUM
  }
  const whole = LATENCY_STRATA * LATENCY_STRATUM
  return { ours: rows.ours || whole, other: rows.other || whole }
}

const PAIR_STRATUM = 200
const PAIR_STRATA = 200

/** Probabilities off by .1: every request scored by both (shadow), or by one of the two. */
function pairDelays(seed: number, runs: number): Delays {
  return mediansOf(Array.from({ length: runs }, (_, run) => pairRun(chanceOf(seed, 'pairs', run))))
}

function pairRun(random: Random): Delays {
  let [paired, split] = [emptyPairedScores(), emptyBounded(DEFAULT_LAMBDAS)]
  const rows = { ours: 0, other: 0 }
  for (let stratum = 1; stratum <= PAIR_STRATA && (rows.ours === 0 || rows.other === 0); stratum += 1) {
    const control = Array.from({ length: PAIR_STRATUM }, () => 0.1 + 0.7 * random())
    const outcome = control.map((chance) => (random() < chance ? 1 : 0))
    const candidate = control.map((chance) => chance + 0.1)
    paired = observePairedScores(paired, { candidate, control, outcome }, PAIRED_BRIER)
    split = observeBounded(split, splitArms(candidate, control, outcome), 0, DEFAULT_LAMBDAS)
    if (rows.ours === 0 && logEvidencePairedScores(paired) >= Math.log(100)) rows.ours = stratum * PAIR_STRATUM
    if (rows.other === 0 && logEvidenceBounded(split, DEFAULT_LAMBDAS) >= Math.log(100)) rows.other = stratum * PAIR_STRATUM
  }
  const whole = PAIR_STRATA * PAIR_STRATUM
  return { ours: rows.ours || whole, other: rows.other || whole }
}

/** The same requests, every other one answered by the candidate. */
function splitArms(candidate: readonly number[], control: readonly number[], outcome: readonly number[]) {
  const losses = (forecasts: readonly number[], parity: number) =>
    forecasts.flatMap((forecast, row) => (row % 2 === parity ? [(forecast - outcome[row]!) ** 2] : []))
  const [ours, theirs] = [losses(candidate, 0), losses(control, 1)]
  const expSums = (values: readonly number[]) => DEFAULT_LAMBDAS.map((lambda) => values.reduce((sum, v) => sum + Math.exp(lambda * v), 0))
  return {
    candidateRows: ours.length,
    controlRows: theirs.length,
    candidateSum: ours.reduce((sum, v) => sum + v, 0),
    candidateExpSums: expSums(ours),
    controlExpSums: expSums(theirs),
  }
}

function mediansOf(found: readonly Delays[]): Delays {
  const median = (of: (each: Delays) => number) => Math.round(quantileHarrellDavis(found.map(of), 0.5))
  return { ours: median(({ ours }) => ours), other: median(({ other }) => other) }
}

function delayTable(latency: Delays, pairs: Delays): readonly string[] {
  const lines = [
    ['p95 half again as slow: exceedances of a threshold, quantile A/B test on all values', whole(latency.ours), whole(latency.other)],
    ['probabilities off by .1, Brier: shadow pairs, split traffic', whole(pairs.ours), whole(pairs.other)],
  ]
  return ['Median requests until found at 1 %.', '', table(['', 'first', 'second'], lines)]
}

function percent(share: number): string {
  return `${Number((100 * share).toPrecision(3))} %`
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
