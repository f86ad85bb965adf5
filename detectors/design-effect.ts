/**
 * Design effect: how many times wider than that of independent requests is the spread of a mean, when requests come from users?
 *
 * Idea. A user who fails once fails again: ten requests of one user say less than ten of ten users. Hash users into buckets and compare:
 * if requests were independent, bucket means would differ only by chance. How much more they differ is the design effect. It is measured
 * on the control alone, so that harm on the candidate cannot hide itself by looking like users.
 *
 * Formula. Bucket b has r_b rows with sum S_b; m = ΣS/Σr, σ² = Σv²/Σr − m², d_b = (S_b − r_b m)²/σ², B buckets with rows. Of
 *   Pearson's χ²/df: Σ d_b/r_b ÷ (B − 1), every bucket alike, and
 *   the same over rows: Σ d_b/Σ r_b · B/(B − 1), every request alike,
 * the larger one, and never below 1. With equal activity both estimate the same. When a few users do most of the requests, the first
 * sees mostly buckets without them, while the variance of the mean is what the second is. At 2,000 users with log-normal activity (σ 1.5) and
 * error rates Beta(½, 20) the second is half as large again.
 * Few buckets. The divisor is itself an estimate, and from few buckets a poor one: by luck it comes out a fraction of what it is. With
 * ν = (Σr)²/Σr² − 1, how many equally full buckets the rows are worth less one, what is divided by it follows Student's law, not the
 * normal one. `cautiousDesignEffect` multiplies by ν (e^{z²/ν} − 1)/z², the square of the t-quantile over that of the normal one at
 * z² = 14, about what a rollback takes: 1.06 at ν = 127, 1.5 at 19, 5.5 at 5, and infinite below 1.
 * At a nominal 1 %, eight such users half of whom go to the candidate accused it in one rollout in ten without this.
 * Guarantee. None by itself; both are unbiased for their own form when buckets are. As a divisor of log bets (tempering.ts) it is calibrated by
 * simulation, and test/judge/evidence/units.test.ts repeats that.
 * Cost. 257 numbers per judged value; a few hundred additions per stratum; one addition per request.
 * Blind to: likeness between units (one broken client, used by many), and to users that only the candidate has. While nothing varies
 * (no event at all) there is nothing to measure, and it says 1.
 * Source. Pearson (1900); Kish (1965), "deff"; Rao & Scott (1981, 1992) for dividing a test's statistic by it.
 */
import { requireCount, requireFinite, requireNonNegative } from './math/refuse.ts'

/** Sums by bucket: they add up over strata, in any grouping. */
export interface BucketSums {
  readonly rows: Float64Array
  readonly sums: Float64Array
  /** Σ value² over all buckets. */
  readonly squares: number
}

export function emptyBuckets(buckets: number): BucketSums {
  return { rows: new Float64Array(buckets), sums: new Float64Array(buckets), squares: 0 }
}

export function addBuckets(state: BucketSums, stratum: BucketSums): BucketSums {
  const buckets = state.rows.length
  requireBuckets(stratum, buckets)
  const rows = state.rows.slice()
  const sums = state.sums.slice()
  for (let bucket = 0; bucket < buckets; bucket++) {
    rows[bucket]! += stratum.rows[bucket]!
    sums[bucket]! += stratum.sums[bucket]!
  }
  return { rows, sums, squares: state.squares + stratum.squares }
}

export function rowsInBuckets({ rows }: BucketSums): number {
  let total = 0
  for (let bucket = 0; bucket < rows.length; bucket++) total += rows[bucket]!
  return total
}

/** At least 1; infinite while fewer than two buckets have rows, since nothing can be compared. */
export function designEffect(state: BucketSums): number {
  const { pearson, byRows } = designEffects(state)
  return Math.max(1, pearson, byRows)
}

/** z² of about the evidence that convicts. */
const SQUARE_TO_CONVICT = 14

/** The design effect times what is owed to its being estimated from few buckets. Infinite while they are worth less than two. */
export function cautiousDesignEffect(state: BucketSums): number {
  const degrees = bucketsWorth(state) - 1
  if (!(degrees >= 1)) return Number.POSITIVE_INFINITY
  return (designEffect(state) * degrees * Math.expm1(SQUARE_TO_CONVICT / degrees)) / SQUARE_TO_CONVICT
}

/** How many equally full buckets the rows are worth: those of one giant are worth one. 0 without rows. */
export function bucketsWorth({ rows }: BucketSums): number {
  let total = 0
  let squares = 0
  for (let bucket = 0; bucket < rows.length; bucket++) {
    total += rows[bucket]!
    squares += rows[bucket]! ** 2
  }
  return total === 0 ? 0 : (total * total) / squares
}

/** Both forms, as they are. */
export function designEffects({ rows, sums, squares }: BucketSums): { readonly pearson: number; readonly byRows: number } {
  let total = 0
  let whole = 0
  let filled = 0
  for (let bucket = 0; bucket < rows.length; bucket++) {
    total += rows[bucket]!
    whole += sums[bucket]!
    if (rows[bucket]! > 0) filled++
  }
  if (filled < 2) return { pearson: Number.POSITIVE_INFINITY, byRows: Number.POSITIVE_INFINITY }
  const mean = whole / total
  const variance = squares / total - mean * mean
  if (!(variance > 1e-12 * (squares / total))) return { pearson: 1, byRows: 1 }
  let perBucket = 0
  let perRow = 0
  for (let bucket = 0; bucket < rows.length; bucket++) {
    if (rows[bucket] === 0) continue
    const distance = (sums[bucket]! - rows[bucket]! * mean) ** 2 / variance
    perBucket += distance / rows[bucket]!
    perRow += distance
  }
  return { pearson: perBucket / (filled - 1), byRows: (perRow / total) * (filled / (filled - 1)) }
}

function requireBuckets(stratum: BucketSums, buckets: number): void {
  if (stratum.rows.length !== buckets) throw new RangeError(`rows must have ${buckets} buckets, not ${stratum.rows.length}`)
  if (stratum.sums.length !== buckets) throw new RangeError(`sums must have ${buckets} buckets, not ${stratum.sums.length}`)
  for (let bucket = 0; bucket < buckets; bucket++) {
    const rows = stratum.rows[bucket]!
    const sum = stratum.sums[bucket]!
    // Names of fields are made only for those that are refused.
    if (!Number.isSafeInteger(rows) || rows < 0) requireCount(rows, `rows[${bucket}]`)
    if (!Number.isFinite(sum)) requireFinite(sum, `sums[${bucket}]`)
  }
  requireNonNegative(stratum.squares, 'squares')
}
