/**
 * NannyML's defaults: distance per chunk, and performance outside three standard deviations of the reference's chunks.
 *
 * Univariate drift: Jensen–Shannon distance (base 2) between reference and chunk above .1 alerts, column by column. Realised performance
 * (and its label-free estimate): the metric of each reference chunk is computed; a chunk outside mean ± 3 standard deviations of them (clipped
 * to what the metric can be) alerts. Here the reference is the control, chunk by chunk, and the chunks judged are the candidate's.
 * What it promises: .27 % a chunk if chunks were normal, alike and as large as the reference's. A candidate at 1 % of the traffic has
 * chunks a hundred times smaller.
 * Sources. https://nannyml.readthedocs.io/en/stable/tutorials/thresholds.html (default thresholds) and
 * https://nannyml.readthedocs.io/en/stable/how_it_works/univariate_drift_detection.html
 */
import { jensenShannonDistance } from '../../../detectors/distances/jensen-shannon.ts'
import { hasRows } from './population-stability-rule.ts'

const DISTANCE = 0.1
const DEVIATIONS = 3

export function chunkHasDrifted(reference: Float64Array, chunk: Float64Array): boolean {
  return hasRows(reference) && hasRows(chunk) && jensenShannonDistance(reference, chunk, 2) > DISTANCE
}

/** Lower and upper threshold of a metric that lies between 0 and 1. */
export function performanceBand(referenceChunks: readonly number[]): { readonly low: number; readonly high: number } {
  const mean = referenceChunks.reduce((sum, value) => sum + value, 0) / referenceChunks.length
  const variance = referenceChunks.reduce((sum, value) => sum + (value - mean) ** 2, 0) / referenceChunks.length
  const reach = DEVIATIONS * Math.sqrt(variance)
  return { low: Math.max(0, mean - reach), high: Math.min(1, mean + reach) }
}
