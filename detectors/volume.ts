/**
 * Volume: are there far fewer, or far more, requests than this hour usually brings?
 *
 * Idea. Counts of a bucket of time are held against a forecast (season.ts) that is allowed to be wrong by a tolerance: the bet that
 * there are too few is made against the forecast less the tolerance, the bet that there are too many against the forecast plus it.
 * Formula. For k requests at allowed mean μ0 and alternative θ μ0: ln L_θ = k ln θ − μ0 (θ − 1); M_θ ← (w + M_θ) L_θ; M = Σ M_θ, for
 * each direction with half of the weight.
 * No data. A bucket without a single request, where some were certain, is a state and not a number: it says nothing about how many there
 * are. After three of them in a row that the allowed mean makes as unlikely as an alarm (Σ μ0 ≥ ln A) the state is `no-data`; one bucket
 * with requests ends it. Where an empty bucket is ordinary (μ0 < 3) it is counted as the number zero.
 * Guarantee. While requests come like Poisson arrivals at an intensity, however it moves, that stays within forecast × (1 ± tolerance):
 * an alarm at M ≥ A comes on average not before A buckets. The forecast's own error is part of the tolerance.
 * Cost. Eight multiply-adds per bucket. Blind to: changes within the tolerance; buckets without a forecast.
 * Source. Shin, Ramdas & Rinaldo, E-detectors (2022); Poisson likelihood ratios, Wald (1945).
 */
import { logAdd, logSumExp } from './math/log-sum-exp.ts'
import { requireCount, requireNonNegative } from './math/refuse.ts'
import { emptyMixture } from './math/start-mixture.ts'

export interface VolumeBucket {
  readonly requests: number
  /** Expected requests; 0: not known, the bucket is not judged. */
  readonly forecast: number
}

export interface VolumeState {
  readonly buckets: number
  readonly logFew: readonly number[]
  readonly logMany: readonly number[]
  /** Empty buckets in a row, and the least number of requests that was expected in them. */
  readonly emptyBuckets: number
  readonly emptyExpected: number
}

const FEW: readonly number[] = [0.02, 0.2, 0.5, 0.8]
const MANY: readonly number[] = [1.25, 2, 4, 16]
const LOG_WEIGHT = -Math.log(FEW.length + MANY.length)
const EMPTY_BUCKETS = 3
/** Below this mean an empty bucket is nothing special. */
const EMPTY_IS_ORDINARY = 3

export function emptyVolume(): VolumeState {
  const [logFew, logMany] = [emptyMixture(FEW.length), emptyMixture(MANY.length)]
  return { buckets: 0, logFew, logMany, emptyBuckets: 0, emptyExpected: 0 }
}

/** Adds one bucket; one without a forecast changes nothing. `tolerance`: share of the forecast, from 0 up to below 1. */
export function observeVolume(state: VolumeState, bucket: VolumeBucket, tolerance: number): VolumeState {
  requireCount(bucket.requests, 'requests')
  requireNonNegative(bucket.forecast, 'forecast')
  if (!(tolerance >= 0 && tolerance < 1)) throw new RangeError(`tolerance must be 0 or more and below 1, not ${tolerance}`)
  if (bucket.forecast === 0) return state
  const least = bucket.forecast * (1 - tolerance)
  const isEmpty = bucket.requests === 0
  const isNumber = !isEmpty || least < EMPTY_IS_ORDINARY
  return {
    buckets: state.buckets + 1,
    logFew: isNumber ? advance(state.logFew, FEW, bucket.requests, least) : state.logFew,
    logMany: advance(state.logMany, MANY, bucket.requests, bucket.forecast * (1 + tolerance)),
    emptyBuckets: isEmpty ? state.emptyBuckets + 1 : 0,
    emptyExpected: isEmpty ? state.emptyExpected + least : 0,
  }
}

function advance(logMixture: readonly number[], ratios: readonly number[], requests: number, mean: number): readonly number[] {
  return logMixture.map((logCapital, index) => {
    const ratio = ratios[index]!
    return logAdd(logCapital, LOG_WEIGHT) + requests * Math.log(ratio) - mean * (ratio - 1)
  })
}

export interface VolumeEvidence {
  readonly status: 'usual' | 'few' | 'many' | 'no-data'
  /** ln M, both directions; while there are no data, how unlikely that is. */
  readonly logEvidence: number
}

/** `logLimit`: ln A. */
export function volumeEvidence(state: VolumeState, logLimit: number): VolumeEvidence {
  if (state.emptyBuckets >= EMPTY_BUCKETS && state.emptyExpected >= logLimit) {
    return { status: 'no-data', logEvidence: state.emptyExpected }
  }
  if (state.buckets === 0) return { status: 'usual', logEvidence: 0 }
  const [few, many] = [logSumExp(state.logFew), logSumExp(state.logMany)]
  const logEvidence = logAdd(few, many)
  if (logEvidence < logLimit) return { status: 'usual', logEvidence }
  return { status: few > many ? 'few' : 'many', logEvidence }
}
