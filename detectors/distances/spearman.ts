/**
 * Spearman's rank correlation: do two columns rise together, whatever the shape of the rise?
 *
 * Formula. The correlation of the ranks, ties sharing their mean rank; NaN while a column does not vary. Over a table of counts the
 * rows of one group are ties.
 * Guarantee. None here: a display. Cost. Two sorts; over a table one pass. Blind to: dependence that is not monotone.
 * Source. Spearman (1904).
 */
import { averageRanks } from '../math/ranks.ts'

export function spearman(x: readonly number[], y: readonly number[]): number {
  if (x.length !== y.length) throw new RangeError(`x and y must be equally long: ${x.length} and ${y.length}`)
  const moments = noMoments()
  const [ranksX, ranksY] = [averageRanks(x, 'x'), averageRanks(y, 'y')]
  // Ranks of n rows have the mean (n + 1)/2, with ties and without.
  const mean = (x.length + 1) / 2
  ranksX.forEach((rank, row) => {
    add(moments, rank - mean, ranksY[row]! - mean, 1)
  })
  return correlation(moments)
}

/** Of counts in a square table, row by row, both sides in ascending order. */
export function spearmanOfCounts(counts: ArrayLike<number>, groups: number): number {
  const cell = (row: number, column: number) => counts[row * groups + column]!
  const each = Array.from({ length: groups }, (_, group) => group)
  const total = (of: (group: number) => number) => each.reduce((sum, group) => sum + of(group), 0)
  const ranksX = groupRanks(each.map((row) => total((column) => cell(row, column))))
  const ranksY = groupRanks(each.map((column) => total((row) => cell(row, column))))
  const moments = noMoments()
  for (const row of each) for (const column of each) add(moments, ranksX[row]!, ranksY[column]!, cell(row, column))
  return correlation(moments)
}

/** Mean rank of each group's rows, less the mean of all ranks. */
function groupRanks(counts: readonly number[]): readonly number[] {
  const rows = counts.reduce((sum, count) => sum + count, 0)
  let before = 0
  return counts.map((count) => {
    before += count
    return before - (count + rows) / 2
  })
}

interface Moments {
  xx: number
  yy: number
  xy: number
}

function noMoments(): Moments {
  return { xx: 0, yy: 0, xy: 0 }
}

function add(moments: Moments, x: number, y: number, rows: number): void {
  moments.xx += rows * x * x
  moments.yy += rows * y * y
  moments.xy += rows * x * y
}

function correlation({ xx, yy, xy }: Moments): number {
  return xx === 0 || yy === 0 ? Number.NaN : xy / Math.sqrt(xx * yy)
}
