/**
 * One-arm calibration: do the candidate's probabilities say what happens, within ε, overall and in each score bin?
 *
 * Idea. A score s that is right within ε means: what it speaks of happens with a probability between s − ε and s + ε, whatever went
 * before. Bet in every bin, and over all rows together, that it happens more often than s + ε, and that it happens less often than
 * s − ε; the capital won is the evidence. There is no other arm: a drift of the world shows as well as a fault of the model, so this
 * may hold a rollout and may not take it back.
 *
 * Formula. n rows with mean score s̄, of which y turned out positive. For a tilt λ > 0 upwards, and −λ downwards,
 *   ln L = λ y − n ln(1 + p (e^λ − 1)),   p = min(1, s̄ + ε) upwards, max(0, s̄ − ε) downwards;
 * start-mixed, averaged over λ and both directions; half of the weight on all rows together, half spread over the bins.
 * Why sums suffice: row i is a coin of probability p_i, and E e^{λy_i} = 1 + p_i (e^λ − 1), so the mean of e^{λy} is at most
 * Π (1 + p_i (e^λ − 1)) ≤ (1 + p̄ (e^λ − 1))^n, since the logarithm is concave in p_i (Jensen); and that grows with p̄ where λ > 0 and
 * falls with it where λ < 0, so the bound s̄ + ε (or s̄ − ε) may stand in for a p̄ that is within it. Hoeffding's e^{nλ²/8} is the bound
 * of this bound over all p: near 0 and 1, where the bins of rare events lie, it would give away most of the evidence.
 *
 * Guarantee. P(evidence ever ≥ 1/α) ≤ α while, in every stratum, each bin's mean bias and the overall one stay within ε given the past:
 * a process accuses only the mean of its own rows. Rows must come in the order in which they mature, each outcome known only once.
 * ε below .05 accuses healthy models: no bin of a real model is calibrated to a few hundredths.
 * Cost. Twenty-two logarithms per λ and stratum with ten bins, nothing per request; no slots of its own: rows, positives and Σ score per bin exist.
 * Blind to: bias within ε; errors that cancel inside a bin; sharpness (a constant forecast of the base rate is calibrated).
 * Source. Hoeffding (1963), proof of Theorem 1; Ville (1939); Shin, Ramdas & Rinaldo (2022).
 */
import type { Detector, Truth } from './detector.ts'
import { logWeightedSum } from './math/log-sum-exp.ts'
import { binomial, multinomial, type Random } from './math/random.ts'
import { requireCount, requireNonNegative, requirePart, requireTemper } from './math/refuse.ts'
import { advanceMixture, emptyMixture } from './math/start-mixture.ts'
import { trafficAt } from './math/traffic.ts'

/** Per score bin. */
export interface CalibrationCounts {
  readonly rows: readonly number[]
  readonly positives: readonly number[]
  readonly scoreSums: readonly number[]
}

export interface CalibrationState {
  readonly strata: number
  /** ln M at [(group · 2 + direction) · tilts + tilt]: all rows first, then the bins; `more` before `fewer`. */
  readonly logMixture: readonly number[]
}

export interface StrongestBias {
  /** -1: all rows together. */
  readonly bin: number
  /** `more`: it happens more often than the scores say. */
  readonly direction: 'more' | 'fewer'
  readonly logEvidence: number
}

/** Logarithms of the odds ratios betted on. */
const TILTS: readonly number[] = [0.1, 0.2, 0.4, 0.8, 1.6]
const TILT_WEIGHTS = TILTS.map(() => 1 / TILTS.length)

export function emptyCalibration(bins: number): CalibrationState {
  return { strata: 0, logMixture: emptyMixture((bins + 1) * 2 * TILTS.length) }
}

/** Adds one stratum; one without rows changes nothing. `margin` is ε; `temper` ≥ 1 divides every ln L (see start-mixture.ts). */
export function observeCalibration(state: CalibrationState, counts: CalibrationCounts, margin: number, temper = 1): CalibrationState {
  requireCalibration(state, counts, margin, temper)
  const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0)
  const rows = total(counts.rows)
  if (rows === 0) return state
  const overall = logBetsOf(rows, total(counts.positives), total(counts.scoreSums), margin)
  const bins = counts.rows.flatMap((inBin, bin) => logBetsOf(inBin, counts.positives[bin]!, counts.scoreSums[bin]!, margin))
  return { strata: state.strata + 1, logMixture: advanceMixture(state.logMixture, state.strata, [...overall, ...bins], temper) }
}

/** Natural logarithm of the evidence: half on all rows together, half on the bins. */
export function logEvidenceCalibration(state: CalibrationState): number {
  if (state.strata === 0) return 0
  const perGroup = 2 * TILTS.length
  const bins = state.logMixture.length / perGroup - 1
  const weights = state.logMixture.map((_, index) => (index < perGroup ? 0.5 : 0.5 / bins) / perGroup)
  return logWeightedSum(state.logMixture, weights)
}

/** The bin (or the whole) and direction that speak loudest, for the explanation of a verdict. */
export function strongestBias(state: CalibrationState): StrongestBias {
  let best: StrongestBias = { bin: -1, direction: 'more', logEvidence: Number.NEGATIVE_INFINITY }
  for (let row = 0; row * TILTS.length < state.logMixture.length; row++) {
    const logEvidence = logWeightedSum(state.logMixture, TILT_WEIGHTS, row * TILTS.length)
    if (logEvidence > best.logEvidence) best = { bin: (row >> 1) - 1, direction: (row & 1) === 0 ? 'more' : 'fewer', logEvidence }
  }
  return best
}

/** ln L of every tilt: upwards, then downwards. */
function logBetsOf(rows: number, positives: number, scoreSum: number, margin: number): number[] {
  if (rows === 0) return new Array<number>(2 * TILTS.length).fill(0)
  return [
    ...TILTS.map((tilt) => calibrationLogBet(rows, positives, Math.min(1, scoreSum / rows + margin), tilt)),
    ...TILTS.map((tilt) => calibrationLogBet(rows, positives, Math.max(0, scoreSum / rows - margin), -tilt)),
  ]
}

/** λ y − n ln(1 + p (e^λ − 1)). */
export function calibrationLogBet(rows: number, positives: number, probability: number, tilt: number): number {
  return tilt * positives - rows * Math.log1p(probability * Math.expm1(tilt))
}

function requireCalibration(state: CalibrationState, counts: CalibrationCounts, margin: number, temper: number): void {
  requireNonNegative(margin, 'margin')
  requireTemper(temper)
  const bins = counts.rows.length
  if (state.logMixture.length !== (bins + 1) * 2 * TILTS.length) throw new RangeError(`rows must have the bins of the state, not ${bins}`)
  if (counts.positives.length !== bins || counts.scoreSums.length !== bins) {
    throw new RangeError(`positives and scoreSums must have one number per bin: ${counts.positives.length}, ${counts.scoreSums.length}`)
  }
  counts.rows.forEach((rows, bin) => {
    requireCount(rows, `rows[${bin}]`)
    requirePart(counts.positives[bin]!, rows, `positives[${bin}]`, `rows[${bin}]`)
    requireNonNegative(counts.scoreSums[bin]!, `scoreSums[${bin}]`)
    // A hair of rounding is allowed.
    if (counts.scoreSums[bin]! > rows * (1 + 1e-9)) {
      throw new RangeError(`scoreSums[${bin}] must not exceed rows[${bin}]: ${counts.scoreSums[bin]} of ${rows}`)
    }
  })
}

const SAMPLE_MARGIN = 0.05
const SAMPLE_BINS = 10

/** Scores spread over ten bins; healthy: what they speak of happens ε more often than they say, in every bin; harm: three times ε. */
export const calibrationResidualDetector: Detector<CalibrationState, CalibrationCounts> = {
  name: 'calibration-residual',
  empty: () => emptyCalibration(SAMPLE_BINS),
  observe: (state, counts) => observeCalibration(state, counts, SAMPLE_MARGIN),
  logEvidence: logEvidenceCalibration,
  sample: sampleCalibration,
  nothing: { rows: new Array<number>(10).fill(0), positives: new Array<number>(10).fill(0), scoreSums: new Array<number>(10).fill(0) },
  findsWithin: 60,
  stateIsJson: true,
}

function sampleCalibration(random: Random, truth: Truth, index: number): CalibrationCounts {
  const { candidateRequests, season } = trafficAt(random, index)
  const shares = Array.from({ length: SAMPLE_BINS }, (_, bin) => (1 + (season - 1) * (bin / 5 - 0.9)) / SAMPLE_BINS)
  const rows = multinomial(random, candidateRequests, shares)
  const centre = (bin: number) => (bin + 0.5) / SAMPLE_BINS
  const bias = truth === 'healthy' ? SAMPLE_MARGIN : 3 * SAMPLE_MARGIN
  return {
    rows,
    positives: rows.map((count, bin) => binomial(random, count, Math.min(1, centre(bin) + bias))),
    scoreSums: rows.map((count, bin) => count * centre(bin)),
  }
}
