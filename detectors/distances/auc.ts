/**
 * Area under the ROC curve: the chance that a positive outcome was given a higher score than a negative one, ties counting half.
 *
 * Formula. Σ over score groups of positives · (negatives below + ½ negatives beside), over all pairs.
 * Guarantee. None here: a display of how well scores separate, and a peer. NaN while one of the outcomes is missing.
 * Cost. A sort; over bins one pass, rows of one bin then being ties. Blind to: calibration, and where on the scale harm is done.
 * Source. Hanley & McNeil (1982).
 */
import { averageRanks } from '../math/ranks.ts'

export function auc(scores: readonly number[], positive: readonly boolean[]): number {
  const ranks = averageRanks(scores, 'scores')
  const positives = positive.filter((each) => each).length
  const negatives = positive.length - positives
  const rankSum = ranks.reduce((sum, rank, i) => (positive[i] ? sum + rank : sum), 0)
  return positives === 0 || negatives === 0 ? Number.NaN : (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives)
}

/** From rows and positives per score bin, lowest scores first. */
export function aucOfBins(rows: ArrayLike<number>, positives: ArrayLike<number>): number {
  let below = 0
  let above = 0
  let won = 0
  for (let bin = 0; bin < rows.length; bin++) {
    const negatives = rows[bin]! - positives[bin]!
    won += positives[bin]! * (below + negatives / 2)
    below += negatives
    above += positives[bin]!
  }
  return above === 0 || below === 0 ? Number.NaN : won / (above * below)
}
