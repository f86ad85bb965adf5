/**
 * Mann–Whitney interval judge: automated canary analysis as Kayenta's NetflixACAJudge does it.
 *
 * Per metric the points of canary and baseline (one a minute) are compared, after missing points and far outliers (beyond three
 * interquartile ranges of the quartiles) are taken out: the Hodges–Lehmann shift Δ (median of all differences) and its 98 % interval. The metric
 * is High when the interval's lower end is above .25 × |Δ|. The score is the share of metrics that pass, of 100; below the marginal
 * threshold (75 in the documentation's examples) the canary fails. It is run again and again over all points so far.
 * The interval is the usual one of the rank-sum test's normal approximation: the k-th smallest and largest difference.
 * What it promises: 1 % a metric and look, if minutes were independent and alike; seasons and steps of a ladder see to it that they are not.
 * Sources. https://spinnaker.io/docs/guides/user/canary/judge/ ; Kayenta's NetflixACAJudge and MannWhitneyClassifier (tolerance .25,
 * confidence level .98) ; Graff & Sanden, "Automated Canary Analysis at Netflix with Kayenta" (2018) ; Hodges & Lehmann (1963).
 */
import { normalQuantile } from '../../../detectors/math/normal.ts'
import { quantileType7 } from '../../../detectors/math/quantile.ts'

export const TOLERANCE = 0.25
export const CONFIDENCE = 0.98
const OUTLIER_RANGES = 3
export const MARGINAL_SCORE = 75

export interface Shift {
  readonly estimate: number
  readonly low: number
  readonly high: number
}

/** Hodges–Lehmann shift of `experiment` over `control` and its interval; too few points: the whole line. */
export function hodgesLehmann(experiment: readonly number[], control: readonly number[], confidence = CONFIDENCE): Shift {
  const differences = new Float64Array(experiment.length * control.length)
  let at = 0
  for (const value of experiment) for (const other of control) differences[at++] = value - other
  differences.sort()
  const pairs = differences.length
  const middle = pairs % 2 === 1 ? differences[(pairs - 1) / 2]! : (differences[pairs / 2 - 1]! + differences[pairs / 2]!) / 2
  const deviation = Math.sqrt((pairs * (experiment.length + control.length + 1)) / 12)
  const rank = Math.floor(pairs / 2 - normalQuantile((1 + confidence) / 2) * deviation)
  if (rank < 1) return { estimate: middle, low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY }
  return { estimate: middle, low: differences[rank - 1]!, high: differences[pairs - rank]! }
}

export type Classification = 'high' | 'pass' | 'no data'

/** Direction "increase": higher is worse. */
export function classify(experiment: readonly number[], control: readonly number[]): Classification {
  const canary = withoutOutliers(experiment)
  const baseline = withoutOutliers(control)
  if (canary.length === 0 || baseline.length === 0) return 'no data'
  const shift = hodgesLehmann(canary, baseline)
  return shift.low > TOLERANCE * Math.abs(shift.estimate) ? 'high' : 'pass'
}

export function withoutOutliers(points: readonly number[]): readonly number[] {
  const present = points.filter((point) => !Number.isNaN(point))
  if (present.length < 2) return present
  const lower = quantileType7(present, 0.25)
  const upper = quantileType7(present, 0.75)
  const reach = OUTLIER_RANGES * (upper - lower)
  return present.filter((point) => point >= lower - reach && point <= upper + reach)
}

/** Of 100: metrics that pass among those with data. */
export function score(classifications: readonly Classification[]): number {
  const judged = classifications.filter((each) => each !== 'no data')
  return judged.length === 0 ? 100 : (100 * judged.filter((each) => each === 'pass').length) / judged.length
}
