/**
 * The reliability diagram: per score bin, what was said and what happened, with an interval that may be read at any time.
 *
 * Formula. Mean score and rate per bin; the interval is the beta-binomial confidence sequence of one rate (confidence-sequence.ts).
 * Guarantee. One bin's interval misses its true rate at any time with probability at most `alpha`; over B bins together at most B times
 * that, so a mark outside one interval of ten is no news by itself. A display: no trigger.
 * Cost. Some hundred logarithms per bin. Blind to: gaps that cancel within a bin.
 * Source. Murphy & Winkler (1977); Howard et al. (2021) for the sequence.
 */
import { bernoulliInterval } from '../confidence-sequence.ts'
import type { ScoreBins } from './score-bins.ts'
import { groupsOf } from './score-bins.ts'

export interface ReliabilityBin {
  /** The bin's edges, in the score. */
  readonly from: number
  readonly to: number
  readonly rows: number
  readonly said: number
  readonly happened: number
  readonly low: number
  readonly high: number
}

/** Rows at which an interval is tuned to be narrow. Fixed beforehand, never fitted. */
const ROWS_TUNED = 500

/** Bins that hold rows, lowest scores first. */
export function reliabilityDiagram(bins: ScoreBins, alpha: number): readonly ReliabilityBin[] {
  const width = 1 / bins.rows.length
  const held = bins.rows.flatMap((rows, bin) => (rows > 0 ? [bin] : []))
  return groupsOf(bins).map(({ score, rows, positives }, index) => {
    const { low, high } = bernoulliInterval(positives, rows, alpha, ROWS_TUNED)
    const bin = held[index]!
    return { from: bin * width, to: (bin + 1) * width, rows, said: score, happened: positives / rows, low, high }
  })
}

/** The bin whose interval lies furthest from what was said; undefined when every interval holds what was said. */
export function worstBin(diagram: readonly ReliabilityBin[]): ReliabilityBin | undefined {
  const miss = ({ said, low, high }: ReliabilityBin) => Math.max(low - said, said - high)
  const worst = diagram.reduce<ReliabilityBin | undefined>((best, bin) => (best && miss(best) >= miss(bin) ? best : bin), undefined)
  return worst && miss(worst) > 0 ? worst : undefined
}
