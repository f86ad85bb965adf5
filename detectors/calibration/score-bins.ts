/**
 * What the calibration displays are made from: rows, positive outcomes and the sum of scores, per bin of a probability forecast.
 *
 * Bins are equal-width on [0, 1], b = min(B − 1, ⌊p B⌋), and additive: panes and strata are summed. A display that needs single
 * forecasts sees each bin as that many equal forecasts of its mean score; what scores differ within a bin is not in it.
 * One forecast is a bin of its own too: the reference values, which are of single forecasts, run through the same code.
 */
import { requireFinite, requirePart, requireShare } from '../math/refuse.ts'

export interface ScoreBins {
  readonly rows: readonly number[]
  readonly positives: readonly number[]
  readonly scoreSums: readonly number[]
}

/** So many equal forecasts of `score`, and how many of them came true. */
export interface ForecastGroup {
  readonly score: number
  readonly rows: number
  readonly positives: number
}

export function emptyScoreBins(bins: number): ScoreBins {
  const zeros = new Array<number>(bins).fill(0)
  return { rows: zeros, positives: zeros, scoreSums: zeros }
}

export function scoreBin(score: number, bins: number): number {
  return Math.min(bins - 1, Math.floor(score * bins))
}

/** Bins of single forecasts. */
export function binForecasts(scores: readonly number[], outcomes: readonly boolean[], bins: number): ScoreBins {
  const rows = new Array<number>(bins).fill(0)
  const positives = new Array<number>(bins).fill(0)
  const scoreSums = new Array<number>(bins).fill(0)
  scores.forEach((score, index) => {
    requireShare(score, 'scores')
    const bin = scoreBin(score, bins)
    rows[bin]! += 1
    positives[bin]! += outcomes[index] ? 1 : 0
    scoreSums[bin]! += score
  })
  return { rows, positives, scoreSums }
}

export function addScoreBins(one: ScoreBins, other: ScoreBins): ScoreBins {
  const sum = (a: readonly number[], b: readonly number[]) => a.map((value, bin) => value + b[bin]!)
  return {
    rows: sum(one.rows, other.rows),
    positives: sum(one.positives, other.positives),
    scoreSums: sum(one.scoreSums, other.scoreSums),
  }
}

/** Bins that hold rows, lowest scores first. */
export function groupsOf(bins: ScoreBins): readonly ForecastGroup[] {
  return bins.rows.flatMap((rows, bin) => {
    const positives = bins.positives[bin]!
    requirePart(positives, rows, `positives[${bin}]`, `rows[${bin}]`)
    requireFinite(bins.scoreSums[bin]!, `scoreSums[${bin}]`)
    // A hair of rounding in a long sum must not carry a mean out of [0, 1].
    return rows === 0 ? [] : [{ score: Math.min(1, Math.max(0, bins.scoreSums[bin]! / rows)), rows, positives }]
  })
}

export function rowsOf(groups: readonly ForecastGroup[]): number {
  return groups.reduce((sum, { rows }) => sum + rows, 0)
}
